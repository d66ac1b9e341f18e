"""Writes a whole set: FOLDER/000001.jpg, 000002.jpg, ... as CelebA names them, and FOLDER/about.json."""

from collections.abc import Callable
from pathlib import Path

from common import drawn
from common.files import write_picture
from cyclegan_style.portraits.person import describe
from cyclegan_style.portraits.picture import draw

VERSION = 1  # increased when images change
QUALITY = 92


def make(folder: Path, count: int = 1200, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws the set of `count` portraits of this seed into `folder`; False if it exists, see `drawn.make`."""
    return drawn.make(SET, folder, count, seed, workers, announce)


def file_name(number: int) -> str:
    """The file of portrait `number` (0, 1, ...): CelebA counts from 1."""
    return f"{number + 1:06d}.jpg"


def _draw(seed: int, number: int, path: Path) -> None:
    write_picture(draw(describe(seed, number)), path, quality=QUALITY, subsampling=0)


SET = drawn.DrawnSet("portraits", "1,200 take about a minute on two cores", VERSION, file_name, _draw, chunk=40)
