"""The content of a run folder, as numbers and as one row of a table. No TensorFlow here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from common.runs import Row

COLUMNS = ("report", "variant", "steps", "seconds", "img/s", "last loss terms", "hair / eyes", "Frechet", "verdict")
NUMBERS = ("steps", "seconds", "img/s", "hair / eyes", "Frechet")
CLOCK = ("seconds", "img/s")  # these differ between repetitions of the same run
NONE = "-"
FOLDER = re.compile(r"\w+")  # a report's folder: it becomes a part of paths


class Picture(NamedTuple):
    """An image that can be decoded: its path inside the run folder, and its size in pixels."""

    path: str
    width: int
    height: int


@dataclass(frozen=True)
class RunSummary:
    """The content of a run folder.

    Attributes:
        path: the folder.
        name: its path in RUNS, such as "hw4_acgan/acgan"; with another --out it may be any.
        config, metrics: the contents of config.json and metrics.json; empty if the file is missing or damaged.
        log: the rows of log.csv.
        timing: the last row of timing.csv that has a speed; empty if there is none.
        pictures: its images, if they exist: "samples" (the last grid), "chart", "curves", "accuracy", "progress".
        checks: the rows of accuracy.csv; empty if nothing was measured during the training.
        explorer: what explorer.json says of the tiles of explorer.webp; empty if the run has none.
        problems: one line each, "what is wrong: what to do".
    """

    path: Path
    name: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    log: list[Row]
    timing: dict[str, str]
    pictures: dict[str, Picture]
    checks: list[Row]
    explorer: dict[str, Any]
    problems: list[str]

    @property
    def folder(self) -> str:
        """The name of the report's folder: that of config.json, else that of the folder in which the run is."""
        name = self.section("report").get("folder")
        return name if isinstance(name, str) and FOLDER.fullmatch(name) else self.path.parent.name

    @property
    def variant(self) -> str:
        """The run's variant of the report: that of config.json, else the name of the run folder."""
        name = self.section("report").get("variant")
        return name if isinstance(name, str) and name else self.path.name

    @property
    def label(self) -> str:
        """The run's name under its report: "acgan" for "hw4_acgan/acgan", else all of it."""
        return self.name.removeprefix(f"{self.folder}/")

    @property
    def step(self) -> int:
        """The last step in log.csv; 0 if there is none."""
        return int(self.log[-1]["step"]) if self.log else 0

    @property
    def seconds(self) -> float | None:
        """Duration of the training without measuring: the steps times the last known seconds per step."""
        return self.step * float(self.timing["seconds_per_step"]) if self.timing else None

    @property
    def images_per_second(self) -> float | None:
        """Training images per second."""
        return float(self.timing["images_per_second"]) if self.timing else None

    @property
    def substitutions(self) -> list[str]:
        """What the run used in place of something else, such as the report's data."""
        notes = self.config.get("substitutions")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    @property
    def verdict(self) -> str:
        """The verdict of metrics.json and the problems in short; "-" if there are neither."""
        measured = [str(self.metrics["verdict"])] if self.metrics.get("verdict") else []
        return "; ".join(measured + [problem.split(": ")[0] for problem in self.problems]) or NONE

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of config.json; empty if it is missing or has no keys."""
        values = self.config.get(name)
        return values if isinstance(values, Mapping) else {}

    @property
    def losses(self) -> str:
        """The last loss terms: "d=0.25 g=3.5"; "-" if there are none."""
        terms = {name: float(value) for name, value in self.log[-1].items() if name != "step"} if self.log else {}
        return " ".join(f"{name}={value:.3g}" for name, value in terms.items()) or NONE

    def row(self) -> dict[str, str]:
        """Column -> text, for each of COLUMNS."""
        colours = [number(dig(self.metrics, f"condition_accuracy.{part}")) for part in ("hair", "eyes")]
        times = [NONE if value is None else f"{value:.0f}" for value in (self.seconds, self.images_per_second)]
        return dict(zip(COLUMNS, [
            self.folder, self.label, str(self.step), *times,
            self.losses, NONE if colours == [NONE, NONE] else " / ".join(colours),
            number(dig(self.metrics, "frechet.fake")), self.verdict], strict=True))


def dig(values: Any, path: str) -> Any:
    """`dig({"a": {"b": 1}}, "a.b")` -> 1; None if the path leads nowhere."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def number(value: Any) -> str:
    """A JSON value as text: a float with four digits, a list with commas, "-" for None."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(number, value))
    return str(value)
