"""Decodes one JPEG or PNG file, or says why it cannot be decoded."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

MAX_PIXELS = 50_000_000
Cut = str | tuple[float, float, float, float]  # "whole", "middle", or left, top, right, bottom as shares of the image


class BadPicture(Exception):
    """The file cannot be used; the message is the reason."""


def decode(path: Path, size: int, cut: Cut = "whole", least: int = 1) -> np.ndarray:
    """Reads one JPEG or PNG file (an animation's first frame), turned upright: uint8 [size, size, 3] RGB.

    Args:
        path: the file.
        size: side of the result.
        cut: the part that is resized: the whole image, the largest square in its middle, or a box.
        least: pixels that no side may be shorter than.

    Raises `BadPicture`.
    """
    image = upright(path)
    if min(image.size) < least:
        raise BadPicture(f"{image.width}x{image.height} pixels; no side may be shorter than {least}")
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=_box(cut, *image.size)))


def _box(cut: Cut, width: int, height: int) -> tuple[float, float, float, float]:
    """A cut as left, top, right, bottom in pixels."""
    if cut == "whole":
        return 0, 0, width, height
    if cut == "middle":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return left, top, left + side, top + side
    left, top, right, bottom = cut
    return left * width, top * height, right * width, bottom * height


def upright(path: Path) -> Image.Image:
    """Reads one JPEG or PNG file (an animation's first frame) at its full size, turned upright: RGB.

    Raises `BadPicture`.
    """
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:  # only the header has been read yet
                raise BadPicture(f"{image.width}x{image.height} pixels are too many")
            image.load()  # verify() accepts a truncated JPEG
            return _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        raise BadPicture("too many pixels") from None
    except Image.UnidentifiedImageError:
        raise BadPicture("not a JPEG or PNG image" if path.stat().st_size else "an empty file") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise BadPicture(f"cannot be decoded ({error})") from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Makes Pillow refuse truncated files, whatever another library has set, and silences its warnings.

    The warnings are not needed: `upright` checks the number of pixels, and broken metadata do no harm.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
