"""Images with the requested objects drawn below them. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from common import plots
from common.explorer import Explorer, sets
from common.sampling import noise
from lab5_cgan.labels import OBJECTS, multi_hot

COLUMNS = 8         # of the course's grid
ICON, GAP = 11, 2   # pixels
CELL = ICON + 2 * GAP
SCENES = 4, 4, 1    # of each set of one, two and three objects, which are all sizes in the training
INKS = {"gray": "#808080", "red": "#c02828", "blue": "#2a4bd7", "green": "#1d8c2a", "brown": "#814a19",
        "purple": "#8126c0", "cyan": "#29b8b8", "yellow": "#e0c81e"}

Generate = Callable[[np.ndarray, np.ndarray], np.ndarray]  # z [N, Z], label [N, 24] -> uint8 [N, S, S, 3]


def captioned(images: np.ndarray, conditions: Sequence[Sequence[int]], columns: int = COLUMNS) -> Image.Image:
    """Images in rows, each with a small square, disc or can below it for every requested object.

    Args:
        images: uint8 [N, S, S, 3].
        conditions: N lists of labels.
        columns: images per row.
    """
    side = images.shape[1]
    icons_in_a_row = side // CELL
    strip_height = CELL * -(-max(map(len, conditions)) // icons_in_a_row)
    cells = np.full((len(images), side + strip_height, side, 3), 255, np.uint8)
    cells[:, :side] = images
    for cell, labels in zip(cells, conditions, strict=True):
        strip = Image.new("RGB", (side, strip_height), "white")
        for number, label in enumerate(labels):
            row, column = divmod(number, icons_in_a_row)
            _icon(ImageDraw.Draw(strip), GAP + column * CELL, GAP + row * CELL, label)
        cell[side:] = np.asarray(strip)
    return Image.fromarray(plots.tile(cells, columns, 2 * GAP))


def _icon(pen: ImageDraw.ImageDraw, left: int, top: int, label: int) -> None:
    colour, shape = OBJECTS[label].split()
    box = (left, top, left + ICON - 1, top + ICON - 1)
    if shape == "cube":
        pen.rectangle(box, INKS[colour])
    elif shape == "sphere":
        pen.ellipse(box, INKS[colour])
    else:
        pen.rounded_rectangle((left + 2, box[1], box[2] - 2, box[3]), 2, INKS[colour])


def table(generate: Generate, z: int, tests: Mapping[str, Sequence[Sequence[int]]], seed: int = 0) -> Image.Image:
    """The run's sample grid: the lists of test.json beside those of new_test.json, always with the same noise."""
    parts = [captioned(generate(noise(seed, number, len(lists), z), multi_hot(lists)), lists)
             for number, lists in enumerate(tests.values())]
    page = Image.new("RGB", (sum(part.width for part in parts) + 16 * (len(parts) - 1),
                             18 + max(part.height for part in parts)), "white")
    left = 0
    for name, part in zip(tests, parts, strict=True):
        ImageDraw.Draw(page).text((left + part.width // 2, 9), f"{name}.json", plots.INK, anchor="mm")
        page.paste(part, (left, 18))
        left += part.width + 16
    return page


def explore(generate: Generate, z: int, seed: int = 0, brief: bool = False) -> Explorer:
    """Scenes of every set of objects, for the page; brief: of single objects alone, for --preset smoke."""
    scenes = SCENES[:1] if brief else SCENES
    conditions, numbers = zip(*sets(len(OBJECTS), scenes), strict=True)
    tiles = generate(noise(seed, 0, max(scenes), z)[list(numbers)], multi_hot(conditions))
    return Explorer(tiles, {"kind": "sets", "scenes": list(scenes),
                            "objects": [[name, INKS[name.split()[0]]] for name in OBJECTS]})
