"""common/symptoms.py: warnings during the training, and that healthy runs have none."""

import re

import pytest
from conftest import ROOT

from common import symptoms
from common.runs import read_log


def rows(last: int, every: int = 10, **columns) -> list[dict[str, str]]:
    """Rows of log.csv up to a step; a column is a function of the step."""
    return [{"step": str(step), **{name: str(of(step)) for name, of in columns.items()}}
            for step in range(every, last + 1, every)]


def test_d_has_won_when_its_loss_on_fakes_was_nearly_0_for_500_steps():
    def fallen(step):
        return 0.7 if step <= 300 else 0.01

    assert symptoms.d_wins(rows(800, d_fake=fallen)) == \
        "D wins: d_fake is at most 0.01 for 500 steps; see docs/when-it-fails.md#d-wins"
    assert symptoms.d_wins(rows(790, d_fake=fallen)) is None
    assert symptoms.d_wins(rows(800, d_B_fake=fallen, d_A_fake=lambda step: 0.3)).startswith("D wins: d_B_fake ")


@pytest.mark.parametrize("log", [
    [], rows(490, d_fake=lambda step: 0.01), rows(900, d_real=lambda step: 0.01), rows(900, 200, d_fake=lambda _: 0.01),
    rows(900, d_fake=lambda step: -5.0), rows(900, d_fake=lambda step: 0.01 if step % 100 else 0.2)],
    ids=["no log", "short", "no term on fakes", "few rows", "a critic's score", "D loses now and then"])
def test_where_d_has_not_won_nothing_is_said(log):
    assert symptoms.d_wins(log) is None


@pytest.mark.parametrize("log", sorted((ROOT / "results").glob("*/*/log.csv")), ids=lambda path: path.parent.name)
def test_no_committed_run_has_a_warning_at_any_step(log):
    kept = read_log(log.parent)
    assert not [kept[end]["step"] for end in range(0, len(kept), 5) if symptoms.d_wins(kept[:end + 1])]


def test_alike_images_are_named_with_those_that_are_real():
    measured = {"ssim": 0.912, "real_ssim": 0.334, "verdict": "collapsed"}
    assert symptoms.alike(measured) == ("images of one condition are alike: SSIM 0.91, of real ones 0.33; see "
                                        "docs/when-it-fails.md#one-image-for-all")
    assert symptoms.alike({**measured, "verdict": "diverse"}) is None and symptoms.alike(None) is None


def test_every_warning_leads_to_a_section():
    sections = {re.sub("[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
                for line in (ROOT / symptoms.PAGE).read_text().splitlines() if line.startswith("## ")}
    used = re.findall(r"\{PAGE\}#([a-z0-9-]+)", (ROOT / "common/symptoms.py").read_text())
    assert used == ["d-wins", "one-image-for-all"] and set(used) <= sections
