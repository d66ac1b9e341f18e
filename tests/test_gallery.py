"""common/gallery: run folders -> a table and one static page."""

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from conftest import ROOT

from common import gallery, plots
from common.gallery import labels
from common.gallery.__main__ import main
from common.gallery.summary import dig

METRICS = {
    "step": 20, "steps": 20, "judge": {"hair": 0.99, "eyes": 0.97}, "verdict": "hair follows, eyes do not",
    "condition_accuracy": {"hair": 0.9128787878787878, "eyes": 0.5, "n": 1320, "chance": {"hair": 1 / 12}},
    "frechet": {"fake": 12345.678, "real": -1.2e-05, "n": 1000}, "accuracy": {"test": 0.5, "std": {"test": 0.25}},
    "diversity": {"distance": 8.2, "real_distance": 11.9, "verdict": "diverse", "n": 24},
}
CLAIMS = {
    "runs": {"a": "python hw4_acgan/train.py", "b": "python hw4_acgan/train.py --lr 1"},
    "claims": [{"id": "one", "claim": "A.", "where": "section 1", "reported": "by eye", "measure": "score",
                "rule": "a > b by 0.1", "seeds": 2},
               {"id": "two", "claim": "B.", "where": "section 2", "reported": "60%", "untested": "no data"}]}
RESULTS = {path.parent.relative_to(ROOT / "results").as_posix(): json.loads(path.read_text())
           for path in sorted((ROOT / "results").glob("*/*/metrics.json"))}


def make_run(folder: Path, **metrics: object) -> Path:
    """A small finished run folder, written by hand."""
    noise = np.random.default_rng(0).integers(0, 256, (206, 431, 3), np.uint8)
    for name in ("samples/step_000010.png", "samples/step_000020.png", "curves.png", "chart.png", "progress.webp"):
        plots.save(noise, folder / name)
    config = {"settings": {"steps": 30, "lr": 0.0002, "size": [8, 16]}, "precision": {"precision": "float32"},
              "substitutions": ["drawn faces"], "machine": {"device": "2 CPU cores", "python": "3.11.7"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "log.csv").write_text("step,d,g\n10,0.5,2.25\n20,0.25,3.5\n")
    (folder / "timing.csv").write_text("time,step,seconds_per_step,images_per_second\n"
                                       "2026-01-01T10:00:00,10,0.3000,80.0\n2026-01-01T10:00:05,20,0.5000,64.0\n")
    (folder / "generator.keras").touch()
    (folder / "metrics.json").write_text(json.dumps({**METRICS, **metrics}))
    return folder


@pytest.fixture
def runs(tmp_path) -> Path:
    make_run(tmp_path / "runs" / "hw4_acgan" / "acgan")
    (tmp_path / "hw4_acgan").mkdir()
    (tmp_path / "hw4_acgan" / "claims.json").write_text(json.dumps(CLAIMS))
    return tmp_path / "runs"


class Page(HTMLParser):
    """A page: its tags with attributes, and its text with single spaces."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def every(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def page(runs: Path) -> Page:
    return Page(gallery.write(runs, reports=runs.parent))


def keep(root, run, seed, score, command=None):
    """What common.claims keeps of a run."""
    path = root / "results" / "claims" / "embedded" / "hw4_acgan" / run / f"seed_{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"command": command or CLAIMS["runs"][run], "images": 25_600, "share": 0.04,
                                "minutes": 3, "metrics": {"score": score}}))


def test_claims_stand_beside_their_verdicts(runs):
    for seed in (0, 1):
        keep(runs.parent, "a", seed, 0.75)
        keep(runs.parent, "b", seed, 0.5)
    text = page(runs).text
    for words in (
            "Of their 2 claims: 1 holds 1 not tested",
            "The report A. section 1. Reported: by eye Here holds score: a 0.75 +- 0, b 0.5 +- 0; difference "
            "+0.25 +- 0; to hold: a above b by more than 0.1; n 2 A run: 3.0 min, 25,600 images, 4.0% of the "
            "report's "
            "python -m common.claims run one",
            "The report B. section 2. Reported: 60% Here not tested no data"):
        assert words in text


def test_what_holds_not_stands_first_and_leads_to_its_row(runs):
    for seed in (0, 1):
        keep(runs.parent, "a", seed, 0.25)
        keep(runs.parent, "b", seed, 0.5)
    built = page(runs)
    assert "Of their 2 claims: 1 holds not 1 not tested What holds not, most clearly first A." in built.text
    assert built.every("href")[0] == "#claim-one" and "claim-one" in built.every("id")
    (runs / "hw4_acgan").rename(runs / "gone")
    make_run(runs / "lab5_cgan" / "cgan")
    built = page(runs)
    assert "most clearly first A." in built.text and "#claim-one" not in built.every("href"), "its report is not shown"


def test_the_page_shows_what_a_run_was_with_rounded_numbers(runs):
    built = page(runs)
    for words in ("hair follows, eyes do not", "Note: drawn faces", "lr 0.0002", "size 8, 16",
                  "20 steps · 2 CPU cores · python 3.11.7 · precision float32",
                  "10 s of training, 64 images per second, ended 2026-01-01 10:00:05"):
        assert words in built.text
    for exact, rounded in (("0.9128787878787878", "0.9129"), ("12345.678", "12346"), ("-1.2e-05", "-1.2e-05")):
        assert f'<data value="{exact}">{rounded}</data>' in built.html


SCRIPT = (ROOT / "common/gallery/templates/page.js").read_text()


def test_the_page_has_one_script_and_every_link_leads_somewhere(runs):
    built = page(runs)
    assert [attributes for tag, attributes in built.tags if tag == "script"] == [{}] and SCRIPT.strip() in built.html
    assert not {"iframe", "object", "link", "base"} & {tag for tag, _ in built.tags}
    assert not [name for _, attributes in built.tags for name in attributes if name.startswith("on")]
    assert "url(" not in built.html and "@import" not in built.html
    for link in built.every("href") + built.every("src"):
        assert link[1:] in built.every("id") if link.startswith("#") else (runs / unquote(link)).is_file(), link
    assert "hw4_acgan/acgan/metrics.json" in built.every("href")
    pictures = [attributes for tag, attributes in built.tags if tag == "img"]
    assert [picture["src"].removeprefix("hw4_acgan/acgan/") for picture in pictures] == \
        ["samples/step_000020.png", "samples/step_000020.png", "chart.png", "curves.png", "progress.webp"]
    assert all(picture["alt"] and picture["width"] == "431" for picture in pictures)


JSONS, TABLES, IMAGES = (["config.json", "metrics.json"], ["log.csv", "timing.csv"],
                         ["samples/step_000020.png", "curves.png"])


@pytest.mark.parametrize(("name", "content"), [
    *((name, content) for name in JSONS + TABLES + IMAGES for content in (None, b"\xff\x00{")),
    *((name, b"") for name in TABLES), *((name, b"[1]") for name in JSONS + TABLES),
    *((name, b'{"step": {}, "settings": 3, "frechet": []}') for name in JSONS)])
def test_a_missing_or_damaged_file_is_a_message(runs, name, content):
    run = runs / "hw4_acgan" / "acgan"
    (run / "samples" / "step_000010.png").unlink()
    (run / name).unlink() if content is None else (run / name).write_bytes(content)
    text, table = page(runs).text, gallery.table(gallery.collect(runs))
    if name.endswith(".json") and content and content[:1] == b"{":
        return  # valid JSON with unexpected values is shown as far as possible
    no_row = name.endswith(".csv") and content is not None and b"\xff" not in content
    state = "missing" if content is None else "empty" if no_row else "damaged"
    shown = name.replace("step_000020", "step_*") if content is None else name
    assert f"{shown} is {state}: " in text and f"{shown} is {state}: " in table


def moved(runs: Path, name: str, **more: str) -> Path:
    """A run of the ACGAN in another folder than the usual one."""
    run = make_run(runs / name)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, **more, "report": {
        "folder": "hw4_acgan", "variant": "acgan"}}))
    return run


def test_runs_at_any_depth_are_found_by_their_config(runs, tmp_path):
    names = ["a/b/c/lr=[1e-4]", "exp1", "exp1/inner", "hw4_acgan/renamed", "lab5_cgan/strayed"]
    for name in names:
        moved(runs, name)
    for name in ("translated/AtoB/curves.png", "sampled/config.json"):  # of a run, not runs
        (runs / "exp1" / name).parent.mkdir(parents=True)
        (runs / "exp1" / name).write_text("{}")
    moved(runs, "exp1.old-1")
    moved(runs, ".hidden/run")
    (runs / "a/b/back").symlink_to(runs)
    moved(tmp_path / "disk", "far")
    (runs / "link").symlink_to(tmp_path / "disk")
    found = gallery.collect(runs)
    assert [run.name for run in found] == ["a/b/c/lr=[1e-4]", "exp1", "exp1/inner", "hw4_acgan/acgan",
                                           "hw4_acgan/renamed", "lab5_cgan/strayed", "link/far"]
    assert {(run.folder, run.variant) for run in found} == {("hw4_acgan", "acgan")}
    assert [run.row()["variant"] for run in found[2:5]] == ["exp1/inner", "acgan", "renamed"]
    built = page(runs)
    assert built.text.count("Report 000: ACGAN") == 1 and "lab5_cgan: no run here" not in built.text
    for link in built.every("href") + built.every("src"):
        assert link[1:] in built.every("id") if link.startswith("#") else (runs / unquote(link)).is_file(), link


def test_a_folder_whose_config_is_gone_is_shown_at_any_depth(runs):
    (moved(runs, "exp1") / "config.json").unlink()
    assert [run.name for run in gallery.collect(runs)] == ["hw4_acgan/acgan", "exp1"]


def test_the_command_that_the_page_suggests_is_right_and_quoted(runs):
    run = moved(runs, "it's 2", command="python hw4_acgan/train.py --preset quick --out 'runs/old one' --overwrite "
                "--no-evaluate --data 'my faces'")
    (run / "curves.png").unlink()
    command = f"python hw4_acgan/train.py --preset quick --data 'my faces' --out {shlex.quote(str(run))}"
    problems = {run.name: run.problems for run in gallery.collect(runs)}["it's 2"]
    assert problems == [
        "curves.png is missing: to draw it anew run the command in config.json again, without --overwrite or "
        f"--no-evaluate: `{command}`"]
    (run / "log.csv").unlink()
    for name in ("metrics.json", "generator.keras"):
        (run / name).unlink()
    problems = {run.name: run.problems for run in gallery.collect(runs)}["it's 2"]
    assert problems == [
        f"log.csv is missing: without it there are no loss terms; start the run anew with --overwrite: `{command} "
        "--overwrite`", f"not finished: it is at step 0 of 30; run the same command again to resume: `{command}`"]


def test_a_run_in_its_usual_folder_needs_no_out():
    from common.runs import command_again

    info = {"report": {"folder": "hw4_acgan", "variant": "acgan"}, "command": "python hw4_acgan/train.py --seed 3"}
    assert command_again(info, ROOT / "runs/hw4_acgan/acgan") == "python hw4_acgan/train.py --seed 3"
    assert command_again(info, ROOT / "runs/exp1") == "python hw4_acgan/train.py --seed 3 --out runs/exp1"
    assert command_again(info | {"command": "python 'hw4"}, ROOT / "runs/exp1") is None
    assert command_again({}, ROOT / "runs/exp1") is None


def test_a_run_in_the_middle_and_metrics_of_an_earlier_step_are_said(runs):
    run = make_run(runs / "hw4_acgan" / "acgan", step=10)
    assert "metrics.json is from another step: it says 10, log.csv ends at 20" in page(runs).text
    for name in ("metrics.json", "generator.keras"):
        (run / name).unlink()
    (summary,) = gallery.collect(runs)
    assert summary.problems == ["not finished: it is at step 20 of 30; run the same command again to resume"]
    assert summary.verdict == "not finished"


@pytest.mark.parametrize("content", ["{", "[3]", '{"runs": {}, "claims": [{"claim": "x"}]}', "7"])
def test_damaged_claims_are_said_and_the_page_is_written(runs, content):
    (runs.parent / "hw4_acgan" / "claims.json").write_text(content)
    assert "hw4_acgan/claims.json: " in page(runs).text


def test_hostile_text_is_escaped(runs):
    evil, variant = '"><script>alert(1)</script><img src=x onerror=alert(1)>[red]', "<b> & 'q\" #?%41"
    run = make_run(runs / "hw4_acgan" / variant, verdict=evil, diversity={"verdict": evil, "ratio": evil})
    config = {"settings": {evil: evil}, "substitutions": [evil], "machine": {"device": evil, evil: evil}}
    (run / "config.json").write_text(json.dumps(config))
    (run / "timing.csv").write_text(f"time,step,seconds_per_step,images_per_second\n{evil},20,0.5,64\n")
    (runs.parent / "hw4_acgan" / "claims.json").write_text(json.dumps({"runs": {}, "claims": [
        {"id": evil, "claim": evil, "where": evil, "reported": evil, "untested": evil}]}))
    built = page(runs)
    assert [tag for tag, _ in built.tags if tag in ("script", "b")] == ["script"], "that of the page"
    assert not built.every("onerror") and all((runs / unquote(source)).is_file() for source in built.every("src"))
    assert built.text.count(evil) == 14
    assert "<script" not in gallery.markdown(gallery.collect(runs))


def test_the_page_is_the_same_again_times_aside(runs):
    def text() -> str:
        return re.sub(r'<(\w+) class="[^"]*\bclock"[^>]*>.*?</\1>', "", page(runs).html)

    first = text()
    (runs / "hw4_acgan" / "acgan" / "timing.csv").write_text(
        "time,step,seconds_per_step,images_per_second\n2027-02-02T11:11:11,10,9.9,9.9\n2027-02-02T12:12:12,20,8.8,8.8\n")
    assert text() == first


def test_table_and_markdown_have_a_cell_for_each_column(runs):
    (summary,) = gallery.collect(runs)
    head, rule, *body = gallery.table([summary]).splitlines()
    assert head.split()[0] == "report" and head.split()[-1] == "verdict"
    assert "hw4_acgan" in body[0] and all(len(line) <= 140 for line in [head, rule, *body])
    lines = gallery.markdown([summary]).splitlines()
    assert lines[2] == ("| hw4_acgan | acgan | 20 | 10 | 64 | d=0.25 g=3.5 | 0.9129 / 0.5 | 12346 | "
                        "hair follows, eyes do not |")
    assert [line.count("|") for line in lines] == [10, 10, 10]


def test_runs_come_in_the_order_of_the_reports_and_other_folders_are_left_out(runs):
    for name in ("lab5_cgan/acgan", "zoo/run", "hw3_dcgan_lsgan/lsgan", "hw4_acgan/.hidden",
                 "hw4_acgan/acgan.old-1", "hw4_acgan/acgan.old-12"):  # --overwrite has moved these aside
        make_run(runs / name)
    (runs / "hw4_acgan" / "notes").mkdir()
    assert [f"{run.folder}/{run.variant}" for run in gallery.collect(runs)] == \
        ["hw4_acgan/acgan", "hw3_dcgan_lsgan/lsgan", "lab5_cgan/acgan", "zoo/run"]


def test_a_report_without_a_run_is_named(runs):
    (runs.parent / "lab5_cgan").mkdir()
    (runs.parent / "lab5_cgan" / "train.py").touch()
    text = page(runs).text
    assert "lab5_cgan: no run here; make one with python lab5_cgan/train.py --preset quick" in text
    assert text.count(": no run here") == 1


def test_main_writes_the_page_and_prints_table_and_path(runs, capsys):
    make_run(runs / "hw4_acgan" / "acgan", verdict="half a letter \ud800")  # which is no UTF-8
    assert main([str(runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["report", "variant", "steps"] and lines[-1] == str(runs / "index.html")
    assert sorted(path.name for path in runs.iterdir()) == ["hw4_acgan", "index.html"], "no temporary file stays"


def test_no_run_is_one_line_and_code_2(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        assert main([str(folder)]) == 2
        assert capsys.readouterr().err == f"gallery: {folder}: no run here; make some with `bash run_all.sh`\n"


# The results of this repository

def test_every_headline_is_of_a_real_run_and_every_run_has_one_and_says_what_it_was():
    # the committed ACGAN has one-hot labels, so no embedding
    for label in (label for label in labels.LABELS if label.split(".")[0] != "embedding"):
        assert any(dig(metrics, label) is not None for metrics in RESULTS.values()), label
    for name, metrics in RESULTS.items():
        assert any(dig(metrics, label) is not None for label in labels.LABELS), name
        assert {"step", "steps", "seed", "precision", "data", "verdict"} <= set(metrics), name
