"""The photos and style images of a run: given ones, or those that need no download. No TensorFlow here.

Without --content the photos are crops of images inside scikit-image's wheel. Their files are read directly, since its
own functions may try to download them.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from common import decoding, images, plots
from common.datasets import decoded, name_left_out
from common.errors import UserError
from common.files import not_a_file
from common.runs import Origin
from hw3_dcgan_lsgan import pencil

TRAINED = "coffee.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png"
HELD_OUT = (  # file and box (left, top, right, bottom); never trained on
    ("astronaut.png", (0, 0, 512, 512)), ("astronaut.png", (112, 0, 368, 256)), ("chelsea.png", (75, 0, 375, 300)),
    ("camera.png", (0, 0, 512, 512)))
CROPS = 240           # of scikit-image's photographs
LEAST = 16            # pixels of a side of a photo or a style image
FEWEST = 8            # photos in a folder: four of them are held out
HELD_OUT_SIZE = 256   # side of the held-out photos, but for --preset smoke


@dataclass(frozen=True)
class Material:
    """What a run trains on, and the held-out photos that show its result.

    Attributes:
        photos: uint8 [N, S, S, 3], a memory map if they come from a folder.
        rows: int [M], which of the photos are trained on.
        held_out: uint8 [4, H, H, 3], whatever S is: the network takes images of any size.
        styles: uint8 [K, T, T, 3].
        origin: for `Run.record_data`.
    """

    photos: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    styles: np.ndarray
    origin: Origin

    def save_styles(self, folder: Path) -> None:
        """Writes the style images to FOLDER/1.png, 2.png and so on, for stylize.py."""
        for number, picture in enumerate(self.styles, 1):
            plots.save(picture, folder / f"{number}.png")


def load(content: Path | None, style: Sequence[Path], data: Sequence[Path], size: int, style_size: int,
         held_out_size: int = HELD_OUT_SIZE) -> Material:
    """Reads the photos and style images, or makes the embedded ones.

    Args:
        content: folder of photos, each resized to `size` x `size`; None for the embedded ones.
        style: style images, cut to squares of `style_size`.
        data: folders to search for style/pencil.jpg if no style is given.
        size, style_size, held_out_size: sides of photos, of style images and of held-out photos.

    Raises:
        UserError: an image that cannot be read, or too few photos.
    """
    photos, rows, held_out = _folder(content, size, held_out_size) if content else _embedded(size, held_out_size)
    given = [*style] or _pencil(data)
    names, styles = _styles(given, style_size)
    identity = {"photos": len(rows), "held_out": len(held_out), "photos_sha256": _digest(photos),
                "styles": names, "styles_sha256": _digest(styles)}
    substitutes = ((content, "no --content: training on crops of the photographs inside scikit-image"),
                   (given, "no --style: the style is a pencil drawing that was drawn by code"))
    origin = Origin({"data": identity}, str(content.resolve()) if content else "embedded",
                    tuple(text for value, text in substitutes if not value),
                    other_pictures=[str(path.resolve()) for path in given])
    return Material(photos, rows, held_out, styles, origin)


def read(path: Path) -> Image.Image:
    """An image file at its full size, see `decoding.upright`. Raises UserError."""
    if not path.is_file():
        raise UserError(f"{path}: {not_a_file(path)}")
    try:
        with decoding.strict_pillow():
            return decoding.upright(path)
    except decoding.BadPicture as error:
        raise UserError(f"{path}: {error}; give another image") from None


def style(path: Path, size: int) -> np.ndarray:
    """A style image as a run trains on it: its largest square, uint8 [size, size, 3]. Raises UserError."""
    picture = read(path)
    demand_size(path, picture)
    return square(picture, size)


def demand_size(path: Path, picture: Image.Image) -> None:
    """Raises UserError if a side of an image is shorter than LEAST."""
    if min(picture.size) < LEAST:
        raise UserError(f"{path}: {picture.width}x{picture.height} pixels; no side may be shorter than {LEAST}")


def square(picture: Image.Image, size: int) -> np.ndarray:
    """The largest square in the middle, as uint8 [size, size, 3]."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return _cut(picture, (left, top, left + side, top + side), size)


def _cut(picture: Image.Image, box: tuple[int, int, int, int], size: int) -> np.ndarray:
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, box=box))


def _folder(folder: Path, size: int, held_out_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A folder's photos, the rows to train on, and the held-out photos: four, evenly spread over the folder."""
    folder = images.find(folder)
    loaded = decoded(folder, size)
    name_left_out(folder, loaded.left_out)
    count = len(loaded.images)
    if count < FEWEST:
        raise UserError(f"--content {folder}: {count} photos; {FEWEST} are needed, four of them to look at the result")
    held_out = np.linspace(0, count - 1, 4).astype(int)
    shown = np.stack([square(read(folder / loaded.names[row]), held_out_size) for row in held_out])
    return loaded.images, np.setdiff1d(np.arange(count), held_out), shown


def _embedded(size: int, held_out_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops of some of scikit-image's photographs; others are held out."""
    home = Path(importlib.util.find_spec("skimage").origin).parent / "data"
    photos = {name: read(home / name) for name in (*TRAINED, *(name for name, _ in HELD_OUT))}
    random = np.random.default_rng(0)
    crops = []
    for number in range(CROPS):
        photo = photos[TRAINED[number % len(TRAINED)]]
        side = int(random.uniform(0.45, 1.0) * min(photo.size))
        left, top = (int(random.integers(length - side + 1)) for length in photo.size)
        crops.append(_cut(photo, (left, top, left + side, top + side), size))
    held_out = np.stack([_cut(photos[name], box, held_out_size) for name, box in HELD_OUT])
    return np.stack(crops), np.arange(CROPS), held_out


def _styles(paths: Sequence[Path], size: int) -> tuple[list[str], np.ndarray]:
    """The names and the pixels of the style images; without any, those of the drawing made by code."""
    if not paths:
        return ["pencil drawing"], pencil.draw(size)[None]
    return [path.name for path in paths], np.stack([style(path, size) for path in paths])


def _pencil(data: Sequence[Path]) -> list[Path]:
    """The course's pencil drawing, if it lies in or beside a folder of --data."""
    candidates = (home / "style" / "pencil.jpg" for folder in data for home in (folder, folder.absolute().parent))
    return [path for path in candidates if path.is_file()][:1]


def _digest(images: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(images)).hexdigest()
