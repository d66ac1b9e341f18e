"""Run folders, read for the results page: how far each run came, what it measured, and what is missing of it.

Whatever a folder lacks becomes a line in `RunSummary.problems`, never an exception. No TensorFlow here.
"""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from common.errors import StorageError
from common.files import ROOT
from common.runs import Row, grids, read_log

REPORTS = {  # in the order of the page
    "hw4_acgan": "Report 000: ACGAN, hair and eye colour in, a face out",
    "hw3_dcgan_lsgan": "Report 001: DCGAN and LSGAN, training tips, conditional DCGAN, MSG-Net",
    "text2image_cdcgan": "Report 002: conditional DCGAN and WGAN-GP on sentence vectors",
    "wgan_gp_text": "Report 004: WGAN-GP on tag vectors",
    "cyclegan_style": "Reports 002 and 004: CycleGAN between two sets of faces",
    "lab5_cgan": "Report 003: cGAN against AC-GAN on i-CLEVR",
}
COLUMNS = ("report", "variant", "steps", "seconds", "img/s", "last loss terms", "hair / eyes", "Frechet", "verdict")
NUMBERS = ("steps", "seconds", "img/s", "hair / eyes", "Frechet")
CLOCK = ("seconds", "img/s")  # no repetition gives them again
MARKS = ("config.json", "log.csv", "timing.csv", "metrics.json", "curves.png")  # a folder with one of them is a run
DAMAGE = (OSError, SyntaxError, ValueError, csv.Error, StorageError, Image.DecompressionBombError)
NONE = "-"


class Picture(NamedTuple):
    """A whole picture of a run: its path inside the run folder, and its size."""

    path: str
    width: int
    height: int


@dataclass(frozen=True)
class RunSummary:
    """What stands in a run folder.

    Args:
        folder, variant: the names of the folder's last two parts.
        path: the folder.
        config, metrics: of config.json and metrics.json; empty where the file is missing or damaged.
        log: rows of log.csv. timing: the last row of timing.csv with a pace in it, or empty.
        pictures: of "samples" (the last grid), "chart", "curves", "accuracy" and "progress" those there are.
        problems: "what is wrong: what to do", one line each.
    """

    folder: str
    variant: str
    path: Path
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    log: list[Row] = field(default_factory=list)
    timing: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        """The last step in log.csv."""
        return int(self.log[-1]["step"]) if self.log else 0

    @property
    def total(self) -> int | None:
        """The length that the run was meant to have, if a number of steps was given."""
        return dig(self.metrics, "steps") or dig(self.config, "settings.steps")

    @property
    def seconds(self) -> float | None:
        """Time of the training alone: steps times the last known pace."""
        return self.step * float(self.timing["seconds_per_step"]) if self.timing else None

    @property
    def images_per_second(self) -> float | None:
        """Training pictures a second."""
        return float(self.timing["images_per_second"]) if self.timing else None

    @property
    def losses(self) -> dict[str, float]:
        """The terms in the last row of log.csv."""
        return {name: float(value) for name, value in self.log[-1].items() if name != "step"} if self.log else {}

    @property
    def substitutions(self) -> list[str]:
        """What stood in for something that was asked for."""
        notes = self.config.get("substitutions")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    @property
    def verdict(self) -> str:
        """The verdict of metrics.json, and in short what is wrong with the folder."""
        own = [str(self.metrics["verdict"])] if self.metrics.get("verdict") else []
        return "; ".join(own + [problem.split(": ")[0] for problem in self.problems]) or NONE

    def row(self) -> list[str]:
        """A cell for each of COLUMNS."""
        accuracy = [number(dig(self.metrics, f"condition_accuracy.{part}")) for part in ("hair", "eyes")]
        time = NONE if self.seconds is None else f"{self.seconds:.0f}"
        speed = NONE if self.images_per_second is None else f"{self.images_per_second:.0f}"
        return [self.folder, self.variant, str(self.step), time, speed,
                " ".join(f"{name}={value:.3g}" for name, value in self.losses.items()) or NONE,
                NONE if accuracy == [NONE, NONE] else " / ".join(accuracy),
                number(dig(self.metrics, "frechet.fake")), self.verdict]


def dig(values: Any, path: str) -> Any:
    """`dig({"a": {"b": 1}}, "a.b")` -> 1; None where the path leads nowhere."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def number(value: Any) -> str:
    """A value as people read it: floats with four digits, whole numbers whole, "-" for none."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    return str(value)


def collect(runs: Path) -> list[RunSummary]:
    """Reads every run folder RUNS/FOLDER/VARIANT: the reports in their order, then other folders by name."""
    order = list(REPORTS)
    folders = [path for path in runs.glob("[!.]*/[!.]*") if any((path / name).is_file() for name in MARKS)]

    def place(path: Path) -> tuple[int, str, str]:
        known = path.parent.name in order
        return order.index(path.parent.name) if known else len(order), path.parent.name, path.name

    return [read(path) for path in sorted(folders, key=place)]


def read(path: Path) -> RunSummary:
    """Reads one run folder."""
    run = RunSummary(path.parent.name, path.name, path)
    shown = path.absolute()
    shown = shlex.quote(str(shown.relative_to(ROOT) if shown.is_relative_to(ROOT) else shown))
    _read_json(run, "config.json", run.config, "start the run anew with --overwrite")
    _read_log(run)
    finished = any(path.glob("*.keras")) or (path / "metrics.json").exists()
    if finished:
        _read_json(run, "metrics.json", run.metrics,
                   f"run `{_script(run)} --evaluate-only --out {shown}`")
    else:
        length = f" of {run.total}" if run.total else ""
        run.problems.append(f"not finished: it is at step {run.step}{length}; the same command goes on")
    judged = run.metrics.get("step", run.step)
    if run.log and judged != run.step:
        run.problems.append(f"metrics.json is of another step: it says {judged}, log.csv ends at {run.step}; run "
                            f"`{_script(run)} --evaluate-only --out {shown}`")
    last = [grid.name for grid in grids(path).values()][-1:]
    _read_picture(run, "samples", f"samples/{last[0] if last else 'step_*.png'}", wanted=True)
    _read_picture(run, "chart", "chart.png")
    _read_picture(run, "curves", "curves.png", wanted=bool(run.log))
    _read_picture(run, "accuracy", "accuracy.png")
    _read_picture(run, "progress", "progress.webp")
    return run


def _script(run: RunSummary) -> str:
    """`python FOLDER/train.py`, or the other script that made the run."""
    words = str(run.config.get("command", "")).split()[:2]
    named = len(words) == 2 and words[1].startswith(f"{run.folder}/")
    return f"python {words[1] if named else f'{run.folder}/train.py'}"


def _read_json(run: RunSummary, name: str, into: dict[str, Any], remedy: str) -> None:
    try:
        into.update(json.loads((run.path / name).read_text(encoding="utf-8")))
    except FileNotFoundError:
        run.problems.append(f"{name} is missing: {remedy}")
    except (OSError, ValueError, TypeError, RecursionError):
        run.problems.append(f"{name} is damaged: {remedy}")


def _read_log(run: RunSummary) -> None:
    try:
        rows = read_log(run.path)
        for row in rows:
            [float(value) for value in row.values()]
        run.log.extend(rows)
        if not rows:
            state = "empty" if (run.path / "log.csv").exists() else "missing"
            run.problems.append(f"log.csv is {state}: without it there are no loss terms; start anew with --overwrite")
    except (*DAMAGE, KeyError):
        run.problems.append("log.csv is damaged: start the run anew with --overwrite")
    try:
        rows = list(csv.DictReader((run.path / "timing.csv").read_text(encoding="utf-8").splitlines()))
        if not rows:
            run.problems.append("timing.csv is empty: the times of this run are lost")
        for row in rows:
            if float(row["seconds_per_step"] or 0) > 0 and float(row["images_per_second"] or 0) > 0:
                run.timing.update(row)
    except FileNotFoundError:
        run.problems.append("timing.csv is missing: the times of this run are lost")
    except (*DAMAGE, KeyError, TypeError):
        run.timing.clear()
        run.problems.append("timing.csv is damaged: the times of this run are lost")


def _read_picture(run: RunSummary, kind: str, name: str, wanted: bool = False) -> None:
    try:
        with Image.open(run.path / name) as picture:
            picture.load()
            run.pictures[kind] = Picture(name, picture.width, picture.height)
    except FileNotFoundError:
        if wanted:
            run.problems.append(f"{name} is missing: run the command of the run again, it is drawn anew")
    except DAMAGE:
        run.problems.append(f"{name} is damaged: start the run anew with --overwrite")
