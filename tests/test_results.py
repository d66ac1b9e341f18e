"""tools/results.py: from finished runs to results/ and the tables of docs/results.md."""

import json
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from test_gallery import make_run

from common.claims import results as claims
from common.errors import UserError

sys.path.insert(0, str(ROOT / "tools"))
import results as tool

PAGE = "before\n<!-- results: written by tools/results.py -->\n<!-- end of results -->\n" \
       "<!-- seeds: written by tools/results.py -->\n<!-- end of seeds -->\n" \
       "<!-- long: written by tools/results.py -->\n<!-- end of long -->\nafter\n"


def quick(folder: Path, seed: int = 0, **changes: object) -> Path:
    """A finished quick run on the embedded data."""
    make_run(folder, seed=seed, condition_accuracy={"hair": 0.9 + seed / 100, "eyes": 0.5},
             diversity={"verdict": "collapsed" if seed else "diverse"})
    config = json.loads((folder / "config.json").read_text())
    config |= {"preset": "quick", "data_folder": "embedded",
               "command": f"python hw4_acgan/train.py --seed {seed} --out x",
               "report": {"folder": "hw4_acgan", "variant": "acgan"}, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with a page and no results."""
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(PAGE)
    return tmp_path


def copied(root, monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["results.py", str(root / "runs"), *words])
    return tool.main()


def test_a_run_is_copied_with_the_measures_of_its_other_seeds(root, monkeypatch, capsys):
    quick(root / "runs" / "hw4_acgan" / "acgan")
    for seed in (1, 2):
        quick(root / "runs" / "hw4_acgan" / f"acgan_seed_{seed}", seed)
    assert copied(root, monkeypatch) == 0
    kept = root / "results" / "hw4_acgan" / "acgan"
    assert sorted(path.name for path in kept.iterdir()) == [
        "chart.webp", "config.json", "curves.png", "log.csv", "metrics.json", "metrics_seed_1.json",
        "metrics_seed_2.json", "progress.webp", "samples", "timing.csv"]
    assert [path.name for path in (kept / "samples").iterdir()] == ["step_000020.png"]
    text = (root / "docs" / "results.md").read_text()
    assert "| hw4_acgan | acgan | 20 | 10 | 64 |" in text
    assert "| hw4_acgan | acgan | 0, 1, 2 | hair 0.91 +- 0.01; eyes 0.5 +- 0; test.json 0.5 +- 0; " \
           "Frechet 1.23e+04 +- 0 | diverse: 1 of 3; collapsed: 2 of 3 |" in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    quick(root / "runs" / "hw4_acgan" / "acgan_seed_3", 3, command="python hw4_acgan/train.py --lr 1 --seed 3")
    quick(root / "runs" / "hw4_acgan" / "acgan_seed_0", 0)
    assert copied(root, monkeypatch) == 0
    assert (root / "docs" / "results.md").read_text() == text, "neither another command's seed nor one twice counts"
    assert "metrics_seed_3.json: does not count, another command made it" in capsys.readouterr().out
    for seed in range(4):  # the run is copied anew, its seeds are kept
        (root / "runs" / "hw4_acgan" / f"acgan_seed_{seed}").rename(root / f"gone_{seed}")
    assert copied(root, monkeypatch) == 0
    assert (root / "docs" / "results.md").read_text() == text


def test_the_order_of_options_and_seed_and_folder_make_no_other_command():
    same = claims.essence("python lab5_cgan/train.py --preset quick --model acgan")
    assert same == ["python lab5_cgan/train.py", "model acgan", "preset quick"]
    assert claims.essence("python lab5_cgan/train.py --model acgan --seed 1 --preset quick --out runs/x") == same


@pytest.mark.parametrize(("name", "changes", "why"), [
    ("acgan", {"data_folder": "course"}, "is not on the embedded data"),
    ("acgan", {"other_pictures": ["x"]}, "is not on the embedded data"),
    ("acgan", {"preset": "report"}, "is no quick run"),
    ("acgan_seed_2", {}, "is not in hw4_acgan/acgan")])  # its seed is 0
def test_other_runs_are_passed_over_and_say_why(root, monkeypatch, capsys, name, changes, why):
    quick(root / "runs" / "hw4_acgan" / name, **changes)
    assert copied(root, monkeypatch) == 2
    printed = capsys.readouterr()
    assert f"passed over: hw4_acgan/{name}: {why}" in printed.out
    assert "no finished quick run on the embedded data" in printed.err
    assert not (root / "results").exists()


def test_seeds_without_their_run_are_named(root, monkeypatch, capsys):
    quick(root / "runs" / "hw4_acgan" / "acgan_seed_1", 1)
    assert copied(root, monkeypatch) == 0
    assert "hw4_acgan/acgan: has other seeds of a run that is not there" in capsys.readouterr().out
    assert "Over several seeds" not in (root / "docs" / "results.md").read_text()


def long_run(root, name: str, **changes: object) -> Path:
    run = quick(root / "runs" / name, preset="report", pace={"images_per_step": 64, "steps_per_epoch": 90}, **changes)
    (run / "log.csv").write_text("step,d\n" + "".join(f"{step},{step % 2}\n" for step in range(1, 2001)))
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | {"step": 2000, "steps": 2000}))
    return run


@pytest.mark.parametrize(("data", "report", "pictures"), [
    ("embedded", {"folder": "hw4_acgan", "variant": "acgan"}, True),
    ("/home/me/course", {"folder": "hw4_acgan", "variant": "acgan"}, True),
    ("embedded", {"folder": "cyclegan_style", "variant": "red_to_blonde"}, True),
    ("/home/me/course", {"folder": "cyclegan_style", "variant": "red_to_blonde"}, False),
    ("/home/me/course", {"folder": "hw3_dcgan_lsgan", "variant": "msgnet"}, False)])
def test_a_long_run_is_copied_with_its_share_and_without_real_pictures(root, monkeypatch, data, report, pictures):
    command = f"python hw4_acgan/train.py --data {data} --seed 0"
    long_run(root, "any/hour", data_folder=data, report=report, command=command)
    assert copied(root, monkeypatch, "--long") == 0
    kept = root / "results" / "long" / report["folder"] / "any_hour"
    assert (kept / "log.csv").read_text().splitlines()[:2] == ["step,d", "1.5,0.5"]
    assert len((kept / "log.csv").read_text().splitlines()) == 1001
    config = json.loads((kept / "config.json").read_text())
    assert config["length"] == {"images": 128_000, "share": 0.2, "minutes": 16.67}  # of 10,000 steps of 64
    assert config["command"] == f"python hw4_acgan/train.py --data {Path(data).name} --seed 0"
    assert "/home/me" not in (kept / "config.json").read_text()
    assert {path.name for path in kept.rglob("*.webp")} == ({"chart.webp", "progress.webp"} if pictures else set())
    assert (kept / "samples").exists() == pictures
    assert f"| {report['folder']} | any_hour | {Path(data).name} | 2,000 | 17 | 128,000 | 20% |" in \
        (root / "docs" / "results.md").read_text()


def test_long_runs_of_one_name_have_folders_of_their_own_and_old_ones_are_passed_over(root, monkeypatch, capsys):
    for name in ("hw4_acgan/one/seed_0", "hw4_acgan/two/seed_0"):
        long_run(root, name)
    quick(root / "runs" / "old")
    assert copied(root, monkeypatch, "--long") == 0
    kept = root / "results" / "long" / "hw4_acgan"
    assert sorted(path.name for path in kept.iterdir()) == ["one_seed_0", "two_seed_0"]
    assert "passed over: old: is of an older version, or damaged (KeyError('pace'))" in capsys.readouterr().out


def test_the_folder_of_long_runs_has_to_be_named(root, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["results.py", "--long"])
    with pytest.raises(SystemExit):
        tool.main()
    assert "--long: name the folder of the long runs" in capsys.readouterr().err


def test_a_page_without_marks_is_named(root):
    (root / "docs" / "results.md").write_text(PAGE.replace("end of seeds", "end"))
    with pytest.raises(UserError, match="the marks .* are gone"):
        tool.write_tables(root / "docs" / "results.md", root / "results")
