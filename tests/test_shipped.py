"""weights/: the networks that come with the repository, their cards, the samplers and the page that use them."""

import hashlib
import json
import resource
import shutil
import subprocess
import sys
from urllib.parse import unquote

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from test_gallery import Page

from common import gallery, sampling
from common.errors import UserError
from common.gallery.__main__ import main

NETWORKS = sorted((ROOT / "weights").glob("*.keras"))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_network_is_small_and_its_card_is_of_this_file_and_of_a_committed_run(path):
    about = json.loads(path.with_suffix(".json").read_text())
    assert path.stat().st_size <= 12e6 and about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    config = json.loads((ROOT / "results" / about["run"] / "config.json").read_text())
    assert config["data_folder"] == "embedded" and not config.get("other_pictures"), "nothing else is shipped"
    card = path.with_suffix(".md").read_text()
    assert about["sha256"] in card and config["command"] in card
    assert json.loads((ROOT / "results" / about["run"] / "metrics.json").read_text())["verdict"] in card


def test_together_they_are_at_most_40_megabytes():
    assert [path.stem for path in NETWORKS] == ["hw4_acgan", "lab5_cgan", "text2image_cdcgan"]
    assert sum(path.stat().st_size for path in NETWORKS) <= 40e6


def test_a_card_shows_lines_that_draw(tensorflow, monkeypatch):
    monkeypatch.chdir(ROOT)
    for path in NETWORKS:
        lines = path.with_suffix(".md").read_text().split("```python\n")[1].split("```")[0]
        names = {}
        exec(lines, names)
        assert names["images"].shape == (8, 64, 64, 3) and names["images"].dtype == np.uint8, path.stem


@pytest.fixture
def fresh(tmp_path):
    """A copy of the repository's code and weights without runs, as after a clone."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.py", "weights"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def timed(script: str, *words: str, cwd) -> tuple[str, float]:
    """What a script prints, and the seconds of one core that it took: other tests run beside it."""
    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    done = subprocess.run([sys.executable, script, *words], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout, used() - before


@pytest.mark.slow
def test_a_fresh_clone_draws_every_condition_within_15_seconds(fresh):
    out, seconds = timed("hw4_acgan/sample.py", "--chart", cwd=fresh)
    assert seconds < 15
    assert out.splitlines()[0] == (
        f"no run in {fresh}/runs/hw4_acgan/acgan: the network of this repository is used, weights/hw4_acgan.keras; "
        "weights/hw4_acgan.md says what it is, --run RUN takes another one")
    assert not (fresh / "runs" / "hw4_acgan").exists(), "where a run would begin later"
    with Image.open(fresh / "runs" / "shipped" / "hw4_acgan" / "chart.png") as chart:
        sheet = np.pad(np.asarray(chart.convert("RGB"))[18:, -(12 * 66 - 2):], ((0, 2), (0, 2), (0, 0)))
    hair = sheet.reshape(11, 66, 12, 66, 3)[:, 4:14, :, 20:46].mean(axis=(0, 1, 3))  # the top of the heads
    red, blue, black, white = (hair[["orange", "white", "aqua", "gray", "green", "red", "purple", "pink", "blue",
                                     "black", "brown", "blonde"].index(name)] for name in
                               ("red", "blue", "black", "white"))
    assert red[0] > 1.5 * red[2] and blue[2] > 1.3 * blue[0] and white.mean() > 2 * black.mean()


@pytest.mark.slow
def test_a_fresh_clone_draws_a_red_cube_within_15_seconds(fresh):
    _, seconds = timed("lab5_cgan/sample.py", "--objects", "red cube", cwd=fresh)
    assert seconds < 15
    images = [np.asarray(Image.open(path), int) for path in (fresh / "runs/shipped/lab5_cgan").glob("sample_*.png")]
    red = [((image[..., 0] > image[..., 1] + 40) & (image[..., 0] > image[..., 2] + 40)).sum() for image in images]
    assert len(images) == 8 and sum(count >= 30 for count in red) >= 6, "most of them have something red"


def test_a_run_of_ones_own_a_given_run_or_given_weights_are_never_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sampling, "SHIPPED", tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "hw4_acgan.keras").touch()
    run = tmp_path / "acgan"
    assert sampling.find_network(run, "train", shipped="hw4_acgan").name == "hw4_acgan.keras"
    for options in ({"shipped": None}, {"shipped": "hw4_acgan", "weights": "trained"}, {"shipped": "lab5_cgan"}):
        with pytest.raises(UserError, match="train it with: train"):
            sampling.find_network(run, "train", **options)
    run.mkdir()
    (run / "config.json").write_text('{"report": {}, "settings": {}}')
    with pytest.raises(UserError, match="is not finished"):
        sampling.find_network(run, "train", shipped="hw4_acgan")


def test_the_committed_page_is_whole_and_small():
    page = ROOT / "docs" / "page"
    files = [path for path in page.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6e6
    shown = gallery.collect(page)
    assert [run.name for run in shown] == ["hw4_acgan/acgan", "text2image_cdcgan/cdcgan", "lab5_cgan/acgan"]
    assert all(run.explorer and not run.problems for run in shown)
    text = (page / "index.html").read_text()
    assert all(run.metrics["verdict"] in text for run in shown)
    built = Page(page / "index.html")
    for link in built.every("href") + built.every("src"):
        assert link[1:] in built.every("id") if link.startswith("#") else (page / unquote(link)).is_file(), link


@pytest.fixture
def one_network(tmp_path, monkeypatch):
    """weights/ with the ACGAN's network alone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for suffix in (".keras", ".json"):
        shutil.copy(ROOT / "weights" / f"hw4_acgan{suffix}", folder)
    monkeypatch.setattr(sampling, "SHIPPED", folder)
    return folder


@pytest.mark.slow
def test_a_page_of_the_networks_shows_what_they_draw_and_is_none_of_the_users_runs(tensorflow, one_network, tmp_path):
    out = tmp_path / "runs" / "shipped" / "page"
    for _ in range(2):  # the second time over the first page
        assert main(["--weights", str(out)]) == 0
    text = (out / "index.html").read_text()
    assert "These networks come with the repository" in text and "no run here" not in text
    (run,) = gallery.collect(out)
    assert run.name == "hw4_acgan/acgan" and run.explorer["tiles"] == 132 * 12 and run.problems == []
    assert gallery.collect(tmp_path / "runs") == []


def test_a_page_of_the_networks_replaces_nothing(one_network, tmp_path, capsys):
    kept = tmp_path / "mine" / "hw4_acgan" / "acgan" / "generator.keras"
    kept.parent.mkdir(parents=True)
    kept.write_text("trained for a week")
    assert main(["--weights", str(tmp_path / "mine")]) == 2
    assert capsys.readouterr().err == \
        f"gallery: {tmp_path / 'mine'}: holds something else; give a new or an empty folder\n"
    assert kept.read_text() == "trained for a week"


@pytest.mark.parametrize("name", ["hw4_acgan.keras", "hw4_acgan.json"])
def test_a_damaged_network_or_card_is_one_line(tensorflow, one_network, tmp_path, capsys, name):
    (one_network / name).write_text("version https://git-lfs.github.com/spec/v1")
    assert main(["--weights", str(tmp_path / "page")]) == 4
    error = capsys.readouterr().err
    assert f"weights/{name}: " in error and "restore it: `git checkout weights`" in error and error.count("\n") == 1
    assert not (tmp_path / "page").exists()
