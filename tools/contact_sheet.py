"""Writes a contact sheet: the first images of a set that code draws, side by side.

    python tools/contact_sheet.py faces docs/embedded_faces.webp --count 72
    python tools/contact_sheet.py portraits portraits.png --seed 1
    python tools/contact_sheet.py scenes docs/embedded_scenes.webp --count 16 --columns 8
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import plots
from common.anime import faces
from common.anime.tags import HAIR
from common.errors import StorageError
from common.files import DRAWN
from cyclegan_style import portraits
from lab5_cgan import scenes
from lab5_cgan.layout import describe as describe_scene

MOST = 64  # rows and columns: WebP allows 16,383 pixels


def draw_faces(seed: int) -> Iterator[Image.Image]:
    """Faces with the hair colours in turn: in rows of 12, each column shows one colour."""
    numbers, waiting = count(), {name: deque() for name in HAIR}
    while True:
        for hair in HAIR:
            while not waiting[hair]:
                face = faces.describe(seed, next(numbers))
                if face.second_hair is None:
                    waiting[face.hair].append(face)
            yield faces.draw(waiting[hair].popleft())


def draw_portraits(seed: int) -> Iterator[Image.Image]:
    """Portraits in the order of the set."""
    return (portraits.draw(portraits.describe(seed, number)) for number in count())


def draw_scenes(seed: int) -> Iterator[Image.Image]:
    """Scenes with all their objects, in the order of the set."""
    return (scenes.draw(describe_scene(seed, number)) for number in count())


SETS: dict[str, Callable[[int], Iterator[Image.Image]]] = {
    "faces": draw_faces, "portraits": draw_portraits, "scenes": draw_scenes}


def main(words: list[str] | None = None) -> int:
    """Exit code 0, or that of the error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument("file", type=Path, metavar="FILE", help=f"image to write, {', '.join(DRAWN)}")
    parser.add_argument("--count", type=int, default=48, metavar="N", help="images on the sheet (default: 48)")
    parser.add_argument("--columns", type=int, default=12, metavar="N", help="images in a row (default: 12)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the set (default: 0)")
    options = parser.parse_args(words)
    if options.file.suffix.lower() not in DRAWN:
        parser.error(f"{options.file}: the name must end in one of {', '.join(DRAWN)}")
    if not 1 <= options.columns <= MOST or not 1 <= options.count <= MOST * options.columns:
        parser.error(f"--count, --columns: from 1 to {MOST} columns, and as many rows")
    if options.seed < 0:
        parser.error("--seed: must be 0 or above")
    images = np.stack(list(islice(SETS[options.set](options.seed), options.count)))
    try:
        plots.save(plots.tile(images, options.columns, gap=0), options.file)
    except (OSError, StorageError) as error:
        print(f"contact_sheet.py: {error}", file=sys.stderr)
        return StorageError.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
