"""What a trained generator draws when it ends, for the page to play with: explorer.webp and explorer.json.

The WebP is one sprite of equal tiles, COLUMNS in a row; the JSON says what each of them is. There are three kinds.
"kind", "size" (the side of a tile in pixels), "columns" and "tiles" (their number) always stand there, and

    choices   "choices": [[name, [[value, CSS colour], ...]], ...] for both parts of the condition, "faces", "between".
              Each combination of values, the second part fastest, has `faces` tiles, one for each noise, the same in
              all combinations; then `between` tiles on the way from the first noise to the second.
    sets      "objects": [[name, CSS colour], ...], "scenes": [S1, S2, ...]. Each set of one object has S1 tiles, then
              each of two has S2, and so on; sets of one size come in the order of itertools.combinations.
    pairs     "ways": [[from, to, count], ...]. Each way has `count` pairs of tiles: the image, its translation.

No TensorFlow here.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common import plots
from common.files import write_json

SPRITE, ABOUT = "explorer.webp", "explorer.json"
COLUMNS = 32
COLOUR = re.compile(r"#[0-9a-f]{6}")
LARGEST = 600_000  # bytes of the sprite: a page has up to a dozen of them
QUALITIES = (75, 45, 25, 10)
MOST_PIXELS = 128  # side of a tile; larger images are reduced


@dataclass(frozen=True)
class Explorer:
    """The tiles, uint8 [N, S, S, 3], and what they are: "kind" and what it needs, see above."""

    tiles: np.ndarray
    about: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Writes both files, at the highest of QUALITIES at which the sprite has at most LARGEST bytes, else the last.

        Raises:
            ValueError: there are more or fewer tiles than `about` says.
            StorageError: the disk is full, or refuses the files.
        """
        if len(self.tiles) != (needed := count(self.about)):
            raise ValueError(f"{len(self.tiles)} tiles, but {self.about['kind']} needs {needed}")
        factor = -(-self.tiles.shape[1] // MOST_PIXELS)
        tiles = np.stack([np.asarray(Image.fromarray(tile).reduce(factor)) for tile in self.tiles])
        sheet = Image.fromarray(plots.tile(tiles, COLUMNS, gap=0))
        for quality in QUALITIES:
            plots.save(sheet, folder / SPRITE, quality=quality, method=4)
            if (folder / SPRITE).stat().st_size <= LARGEST:
                break
        write_json(folder / ABOUT, {**self.about, "size": tiles.shape[1], "columns": COLUMNS, "tiles": len(tiles)})


def count(about: Mapping[str, Any]) -> int:
    """How many tiles there are. Raises LookupError, TypeError or ValueError if `about` is not of one of the kinds."""
    if about["kind"] == "choices":
        (first, some), (second, more) = about["choices"]
        _names(first, second)
        return _swatches(some) * _swatches(more) * (_number(about["faces"], 1) + _number(about["between"], 0))
    if about["kind"] == "sets":
        objects = _swatches(about["objects"])
        scenes = [_number(scenes, 1) for scenes in about["scenes"]]
        return sum(math.comb(objects, size) * number for size, number in enumerate(scenes, 1))
    if about["kind"] == "pairs":
        _names(*(name for way in about["ways"] for name in way[:2]))
        return sum(2 * _number(number, 1) for _, _, number in about["ways"])
    raise ValueError(f"no kind: {about['kind']}")


def whole(text: str) -> dict[str, Any]:
    """The content of explorer.json. Raises LookupError, TypeError or ValueError if it is not what a run writes."""
    def refuse(constant: str) -> None:
        raise ValueError(constant)  # NaN or Infinity, which a browser does not read

    about = json.loads(text, parse_constant=refuse)
    if count(about) != about["tiles"] or not about["tiles"]:
        raise ValueError("another number of tiles")
    _number(about["size"], 1)
    _number(about["columns"], 1)
    return about


def _number(value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"not a number from {least}: {value}")
    return value


def _names(*values: Any) -> None:
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise ValueError("a name is missing")


def _swatches(values: Sequence[Sequence[str]]) -> int:
    """How many values there are; each has a name and a colour, which becomes a part of the page's style."""
    for name, colour in values:
        _names(name)
        if not COLOUR.fullmatch(colour):
            raise ValueError(f"no colour: {colour}")
    return len(values)


def sets(objects: int, scenes: Sequence[int]) -> list[tuple[tuple[int, ...], int]]:
    """For each tile of the kind "sets" the numbers of its objects, and which scene of that set it is, from 0."""
    return [(members, scene) for size, number in enumerate(scenes, 1)
            for members in itertools.combinations(range(objects), size) for scene in range(number)]


def on_the_way(first: np.ndarray, second: np.ndarray, number: int) -> np.ndarray:
    """`number` noise vectors between two, [number, Z], both ends left out.

    On a great circle (slerp, Shoemake 1985), so that they are as long as noise from N(0, 1) is; a straight line passes
    near 0, where the generator was not trained.
    """
    angle = np.arccos(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1, 1))
    part = np.linspace(0, 1, number + 2)[1:-1, None]
    return ((np.sin((1 - part) * angle) * first + np.sin(part * angle) * second) / np.sin(angle)).astype(np.float32)
