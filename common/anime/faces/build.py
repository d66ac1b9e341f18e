"""Writes a whole set: FOLDER/faces/ID.jpg, FOLDER/tags_clean.csv, FOLDER/about.json."""

from collections.abc import Callable
from pathlib import Path

from common import drawn
from common.anime.faces import labels
from common.anime.faces.face import describe
from common.anime.faces.portrait import draw
from common.files import write_picture

VERSION = 3  # increased when images or rows change
QUALITY = 92


def make(folder: Path, count: int = 6000, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws the set of `count` faces of this seed into `folder`; False if it exists, see `drawn.make`."""
    return drawn.make(SET, folder, count, seed, workers, announce)


def write_rows(path: Path, count: int = 6000, seed: int = 0) -> None:
    """Writes the tags_clean.csv of a set, without drawing it."""
    rows = [describe(seed, number).tags for number in range(count)]
    counts = labels.counts(rows)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, tags in enumerate(rows):
            file.write(labels.line(number, tags, counts) + "\n")


def _name(number: int) -> str:
    return f"faces/{number}.jpg"


def _draw(seed: int, number: int, path: Path) -> None:
    write_picture(draw(describe(seed, number)), path, quality=QUALITY, subsampling=0)


SET = drawn.DrawnSet("faces", "6,000 take about half a minute", VERSION, _name, _draw, {"tags_clean.csv": write_rows})
