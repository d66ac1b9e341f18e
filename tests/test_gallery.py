"""common/gallery.py, summary.py, page.py, values.py, claims.py: run folders -> a table and one static page."""

import json
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from common import gallery, options, plots, sampling
from common.gallery import claims
from common.gallery.__main__ import main

METRICS = {
    "report": "hw4_acgan", "variant": "acgan", "step": 20, "steps": 20, "seed": 0, "precision": "float32",
    "data": {"name": "embedded", "pictures_sha256": "ab" * 32}, "evaluation": {"n": 1320, "seed": 1},
    "judge": {"sha256": "cd" * 32, "hair": 0.99, "eyes": 0.97, "both": 0.96, "n": 1000, "note": "as trained"},
    "condition_accuracy": {
        "hair": 0.9128787878787878, "eyes": 0.5, "both": 0.45, "n": 1320, "chance": {"hair": 1 / 12, "eyes": 1 / 11},
        "colours": {"hair": {"orange": {"right": 0.875, "n": 110}, "white": {"right": 1.0, "n": 110}},
                    "eyes": {"red": {"right": 0.0, "n": 120}}}},
    "frechet": {"fake": 12345.678, "real": 0.5123456, "n": 1000}, "kid": {"fake": 0.03, "real": -1.2e-05, "n": 1000},
    "diversity": {"ssim": 0.4, "real_ssim": 0.3, "distance": 8.2, "real_distance": 11.9, "verdict": "diverse", "n": 24},
    "something_new": {"peaks": [8, 16], "deep": {"er": {"value": 7.25}}},
    "verdict": "hair follows, eyes do not",
}
CLAIMS = [{"claim": "Hair follows.", "where": "section 1", "measure": "condition_accuracy.hair", "command": "python x"},
          {"claim": "G's loss rises.", "where": "section 2", "measure": ["log.g", "log.d"], "command": "python y"},
          {"claim": "It looks good.", "where": "section 3", "measure": None, "command": "python z"}]


def make_run(folder: Path, **metrics: object) -> Path:
    """A small finished run folder, written by hand."""
    noise = np.random.default_rng(0).integers(0, 256, (206, 431, 3), np.uint8)
    for name in ("samples/step_000010.png", "samples/step_000020.png", "curves.png", "chart.png", "progress.webp"):
        plots.save(noise, folder / name)
    config = {"report": {"folder": folder.parent.name, "variant": folder.name}, "settings": {"steps": 20, "lr": 0.0002},
              "data": {"kept": 5582}, "precision": {"precision": "float32"}, "substitutions": ["drawn faces"],
              "machine": {"device": "2 CPU cores", "python": "3.11.7"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "log.csv").write_text("step,d,g\n10,0.5,2.25\n20,0.25,3.5\n")
    (folder / "timing.csv").write_text("time,step,seconds_per_step,images_per_second\n"
                                       "2026-01-01T10:00:00,10,0.3000,80.0\n2026-01-01T10:00:05,20,0.5000,64.0\n")
    (folder / "generator.keras").touch()
    (folder / "metrics.json").write_text(json.dumps({**METRICS, **metrics}))
    return folder


RESULTS = {path.parent.relative_to(ROOT / "results").as_posix(): json.loads(path.read_text())
           for path in sorted((ROOT / "results").glob("*/*/metrics.json"))}


@pytest.mark.parametrize("name", RESULTS)
def test_every_run_has_a_headline_and_says_what_it_was(name):
    assert any(gallery.summary.dig(RESULTS[name], label) is not None for label in claims.LABELS)
    assert {"step", "steps", "seed", "precision", "data", "verdict"} <= set(RESULTS[name])


@pytest.mark.parametrize("report", sorted({name.split("/")[0] for name in RESULTS}))
def test_what_a_claim_is_measured_by_is_in_the_metrics_of_a_run_of_the_report(report):
    runs = [real for name, real in RESULTS.items() if name.startswith(f"{report}/")]
    for claim in claims.read(ROOT / report / "claims.json").claims:
        for measure in claim.measures:
            assert measure.startswith("log.") or any(gallery.summary.dig(real, measure) is not None for real in runs), \
                measure


@pytest.mark.parametrize("label", claims.LABELS)
def test_every_headline_is_in_the_metrics_of_a_real_run(label):
    assert any(gallery.summary.dig(real, label) is not None for real in RESULTS.values())


@pytest.fixture
def runs(tmp_path) -> Path:
    make_run(tmp_path / "runs" / "hw4_acgan" / "acgan")
    (tmp_path / "hw4_acgan").mkdir()
    (tmp_path / "hw4_acgan" / "claims.json").write_text(json.dumps(CLAIMS))
    return tmp_path / "runs"


class Page(HTMLParser):
    """What the tests ask of a page: its tags with attributes, its text, and each <data> with what it shows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags, self.numbers, self.text, self._within = [], [], "", []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._within.append(tag)
        if tag == "data":
            self.numbers.append((dict(attributes)["value"], ""))

    def handle_data(self, data):
        self.text += data
        if self._within and self._within[-1] == "data":
            self.numbers[-1] = (self.numbers[-1][0], self.numbers[-1][1] + data)

    def handle_endtag(self, tag):
        while self._within and self._within.pop() != tag:
            pass

    def every(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attributes.get(attribute) is not None]


def page(runs: Path) -> Page:
    return Page(gallery.write(runs, reports=runs.parent))


def numbers_in(value: object) -> list[float]:
    if isinstance(value, dict | list):
        return [n for inner in (value.values() if isinstance(value, dict) else value) for n in numbers_in(inner)]
    return [] if isinstance(value, str) else [value]


def test_the_numbers_on_the_page_are_those_of_metrics_json(runs):
    shown = page(runs).numbers
    settings = {20, 0.0002, 5582}
    assert {float(exact) for exact, _ in shown} - settings == set(map(float, numbers_in(METRICS))) - settings
    for exact, text in shown:
        assert float(text) == pytest.approx(float(exact), rel=5e-4), "rounded to four digits"
    assert ("0.9128787878787878", "0.9129") in shown
    assert ("12345.678", "12346") in shown
    assert ("-1.2e-05", "-1.2e-05") in shown


def test_a_claim_stands_beside_what_was_measured(runs):
    text = " ".join(page(runs).text.split())
    for words in ("The report Hair follows. section 1 Here acgan hair as asked for 0.9129 ceiling 0.99, chance 0.08333",
                  "G's loss rises. section 2 Here acgan loss g 2.25 → 3.5 → 3.5 loss d 0.5 → 0.25 → 0.25 python y",
                  "No number says this: see the pictures and curves of acgan. python z"):
        assert words in text


@pytest.mark.parametrize("path, expected", [
    ("condition_accuracy.hair", {"ceiling": 0.99, "chance": 1 / 12, "n": 1320}),
    ("frechet.fake", {"real pictures": 0.5123456, "n": 1000}),
    ("diversity.ssim", {"real pictures": 0.3, "n": 24}),
    ("diversity.verdict", {"distance": 8.2, "real pictures": 11.9, "n": 24}),
    ("no.such", {}), ("verdict", {}),
])
def test_a_measure_is_shown_against_what_it_has_to_be_compared_with(path, expected):
    assert claims.context(METRICS, path) == expected


def test_the_page_shows_verdict_substitutions_machine_and_unknown_measures(runs):
    text = " ".join(page(runs).text.split())
    for words in ("hair follows, eyes do not", "Note: drawn faces", "Something new", "er 7.25",
                  "20 steps · 2 CPU cores · python 3.11.7 · precision float32",
                  "10 s of training, 64 pictures a second, ended 2026-01-01 10:00:05"):
        assert words in text


def test_the_page_is_static_and_every_link_leads_somewhere(runs):
    built = page(runs)
    assert not {"script", "iframe", "object", "link", "base"} & {tag for tag, _ in built.tags}
    assert not [name for _, attributes in built.tags for name in attributes if name.startswith("on")]
    for link in built.every("href") + built.every("src"):
        if link.startswith("#"):
            assert link[1:] in built.every("id")
        else:
            assert (runs / unquote(link)).is_file(), link
    assert "url(" not in (runs / "index.html").read_text() and "@import" not in (runs / "index.html").read_text()
    pictures = [attributes for tag, attributes in built.tags if tag == "img"]
    assert [picture["src"].rpartition("acgan/")[2] for picture in pictures] == \
        ["samples/step_000020.png", "chart.png", "curves.png", "progress.webp"]
    assert all(picture["alt"] and picture["width"] == "431" for picture in pictures)


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "log.csv", "timing.csv", "samples/step_000020.png",
                                  "curves.png"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00{", b"[1]", b'{"step": {}, "settings": 3, "frechet": []}'])
def test_a_missing_or_damaged_file_is_a_message(runs, name, content):
    run = runs / "hw4_acgan" / "acgan"
    if name.startswith("samples"):
        (run / "samples" / "step_000010.png").unlink()
    (run / name).unlink() if content is None else (run / name).write_bytes(content)
    if name in ("config.json", "metrics.json") and content and content[:1] == b"{":
        page(runs)  # valid JSON of another make: shown as far as it goes
        return
    text, table = page(runs).text, gallery.table(gallery.collect(runs))
    no_row = name.endswith(".csv") and content is not None and b"\xff" not in content
    state = "missing" if content is None else "empty" if no_row else "damaged"
    shown = name.replace("step_000020", "step_*") if content is None else name
    assert f"{shown} is {state}: " in text and f"{shown} is {state}: " in table


def test_a_missing_metrics_json_names_the_command(runs):
    run = runs / "hw4_acgan" / "acgan"
    (run / "metrics.json").unlink()
    expected = f"metrics.json is missing: run `python hw4_acgan/train.py --evaluate-only --out {run}`"
    assert expected in gallery.table(gallery.collect(runs))
    assert expected.replace("`", "") in page(runs).text


def test_a_run_in_the_middle_is_not_finished(runs):
    for name in ("metrics.json", "generator.keras"):
        (runs / "hw4_acgan" / "acgan" / name).unlink()
    (runs / "hw4_acgan" / "acgan" / "log.csv").write_text("step,d,g\n10,0.5,2.25\n")
    (summary,) = gallery.collect(runs)
    assert summary.problems == ["not finished: it is at step 10 of 20; the same command goes on"]
    assert summary.verdict == "not finished"
    assert page(runs).text.count("metrics.json is missing") == 0


def test_metrics_of_an_earlier_step_are_said(runs):
    make_run(runs / "hw4_acgan" / "acgan", step=10)
    assert "metrics.json is of another step: it says 10, log.csv ends at 20" in page(runs).text


@pytest.mark.parametrize("content", [None, "{", "[3]", '[{"claim": "x"}]', "7"])
def test_missing_or_damaged_claims_are_said(runs, content):
    path = runs.parent / "hw4_acgan" / "claims.json"
    path.unlink() if content is None else path.write_text(content)
    assert f"hw4_acgan/claims.json is {'missing' if content is None else 'damaged'}: " in page(runs).text


def test_hostile_text_is_escaped(runs):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>[red]'
    deep = {evil: {evil: evil, "deep": {evil: {evil: 1}}}}
    run = make_run(runs / "hw4_acgan" / "<b> & 'q\" #?%41", verdict=evil, **deep)
    config = json.loads((run / "config.json").read_text())
    config |= {"settings": {evil: evil}, "substitutions": [evil], "machine": {"device": evil, evil: evil}}
    (run / "config.json").write_text(json.dumps(config))
    (run / "timing.csv").write_text(f"time,step,seconds_per_step,images_per_second\n{evil},20,0.5,64\n")
    (runs.parent / "hw4_acgan" / "claims.json").write_text(json.dumps(
        [{"claim": evil, "where": evil, "measure": [evil, f"log.{evil}"], "command": evil}]))
    built = page(runs)
    assert not {"script", "b"} & {tag for tag, _ in built.tags}
    assert "x" not in built.every("src") and not built.every("onerror")
    assert all((runs / unquote(source)).is_file() for source in built.every("src"))
    assert built.text.count(evil) >= 10
    assert "<script" not in gallery.markdown(gallery.collect(runs))
    make_run(run, verdict="half a letter \ud800")
    assert main([str(runs)]) == 0


def test_the_page_is_the_same_again_times_aside(runs):
    def text() -> str:
        html = gallery.write(runs, reports=runs.parent).read_text()
        return re.sub(r'<(\w+) class="[^"]*\bclock"[^>]*>.*?</\1>', "", html)

    first = text()
    (runs / "hw4_acgan" / "acgan" / "timing.csv").write_text(
        "time,step,seconds_per_step,images_per_second\n2027-02-02T11:11:11,10,9.9,9.9\n2027-02-02T12:12:12,20,8.8,8.8\n")
    assert text() == first
    assert "64" not in re.findall(r">(\d+)<", first), "images/s is among what was left out"


def test_table_and_markdown_have_a_cell_for_each_column(runs):
    (summary,) = gallery.collect(runs)
    assert summary.row() == ["hw4_acgan", "acgan", "20", "10", "64", "d=0.25 g=3.5", "0.9129 / 0.5", "12346",
                             "hair follows, eyes do not"]
    head, rule, *body = gallery.table([summary]).splitlines()
    assert head.split("  ")[0].strip() == "report" and head.split()[-1] == "verdict"
    assert "hw4_acgan" in body[0] and "0.9129 / 0.5" in body[0]
    assert all(len(line) <= 140 for line in [head, rule, *body])
    lines = gallery.markdown([summary]).splitlines()
    assert [line.count("|") for line in lines] == [10, 10, 10]
    assert lines[2].startswith("| hw4_acgan | acgan | 20 | 10 | 64 | d=0.25 g=3.5 |")


def test_runs_come_in_the_order_of_the_reports_and_other_folders_are_left_out(runs):
    for name in ("lab5_cgan/acgan", "zoo/run", "hw3_dcgan_lsgan/lsgan", "hw4_acgan/.hidden"):
        make_run(runs / name)
    (runs / "hw4_acgan" / "notes").mkdir()
    found = [f"{run.folder}/{run.variant}" for run in gallery.collect(runs)]
    assert found == ["hw4_acgan/acgan", "hw3_dcgan_lsgan/lsgan", "lab5_cgan/acgan", "zoo/run"]


def test_a_report_without_a_run_is_named(runs):
    for name in ("hw4_acgan", "lab5_cgan"):
        (runs.parent / name).mkdir(exist_ok=True)
        (runs.parent / name / "train.py").touch()
    text = page(runs).text
    assert "lab5_cgan: no run here; python lab5_cgan/train.py --preset quick makes one" in text
    assert "hw4_acgan: no run here" not in text and "wgan_gp_text: no run here" not in text


def test_main_writes_the_page_and_prints_table_and_path(runs, capsys):
    assert main([str(runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["report", "variant", "steps"] and lines[-1] == str(runs / "index.html")
    assert sorted(path.name for path in runs.iterdir()) == ["hw4_acgan", "index.html"], "no temporary file stays"


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_no_run_is_one_line_and_code_2(tmp_path, capsys, folder):
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / folder)]) == 2
    assert capsys.readouterr().err == f"gallery: {tmp_path / folder}: no run here; `bash run_all.sh` makes them\n"


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/claims.json")), ids=lambda path: path.parent.name)
def test_the_claims_of_a_report_are_whole_and_their_commands_can_be_given(path):
    read = claims.read(path)
    assert read.claims and not read.problem
    for claim in read.claims:
        assert claim.claim and claim.where
        python, script, *words = shlex.split(claim.command)
        assert python == "python" and (ROOT / script).is_file()
        module = __import__(script.removesuffix(".py").replace("/", "."), fromlist=["Config"])
        options.parser(getattr(module, "Config", sampling.Options), "").parse_args(words)


# In a real browser

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
CHECK = """<script>addEventListener("load", () => parent.postMessage(JSON.stringify([innerWidth,
document.documentElement.scrollWidth, [...document.images].every(image => image.naturalWidth > 0)]), "*"))</script>"""
FRAME = """<!DOCTYPE html><title></title>
<script>addEventListener("message", event => document.title = event.data)</script>
<iframe src="probe.html" style="border: 0" width="{}" height="1200"></iframe>"""  # a window is never below 500 pixels


@pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome here: page not looked at")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_the_page_without_sideways_scrolling(runs, tmp_path, width):
    long = make_run(runs / "hw4_acgan" / "a_variant_with_a_long_name_without_a_space_that_is_hard_to_break")
    (long / "metrics.json").write_text("{")
    index = gallery.write(runs, reports=runs.parent)
    opened = index.read_text().replace("<details", "<details open")
    (runs / "probe.html").write_text(opened.replace("</body>", f"{CHECK}</body>"))  # the page itself has no script
    (runs / "frame.html").write_text(FRAME.format(width))

    def browse(*words: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        return subprocess.run([BROWSER, *FLAGS, profile, f"--window-size={width},1200", *words], check=True,
                              capture_output=True, text=True, timeout=120).stdout

    dom = browse("--virtual-time-budget=5000", "--dump-dom", (runs / "frame.html").as_uri())
    title = re.search(r"<title>(\[.*?\])</title>", dom)
    inner, scroll, pictures_shown = json.loads(title[1])
    assert inner == width and scroll <= width, "nothing sticks out sideways"
    assert pictures_shown
    browse(f"--screenshot={tmp_path / 'page.png'}", index.as_uri())
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert pixels.shape[1] == width and pixels.std() > 10, "something is there to see"
