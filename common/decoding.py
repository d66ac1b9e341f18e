"""Decodes one image file, or says why it cannot be decoded."""

from __future__ import annotations

import functools
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps

# In which people keep images, of all that Pillow reads by itself; for EPS it would start another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "PCX", "PSD", "ICO",
           "QOI")
MAX_PIXELS = 50_000_000
Cut = str | tuple[float, float, float, float]  # "whole", "middle", or left, top, right, bottom as shares of the image


class BadPicture(Exception):
    """The file cannot be used; the message is the reason."""


@functools.cache
def suffixes() -> tuple[str, ...]:
    """The suffixes of FORMATS, `.jpg` and so on. The first call takes a moment: Pillow loads all its parts."""
    return tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in (*FORMATS, "MPO"))


def decode(path: Path, size: int, cut: Cut = "whole", least: int = 1) -> np.ndarray:
    """Reads one file (an animation's first frame), turned upright: uint8 [size, size, 3] sRGB.

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
    """Reads one file (an animation's first frame) at its full size, turned upright, in sRGB: mode RGB.

    The content tells the format, not the suffix. Colours are converted by the image's colour profile. Without one they
    are taken for sRGB, and also where the profile is damaged or not of the image's kind, as viewers do.

    Raises `BadPicture`.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:  # only the header has been read yet
                raise BadPicture(f"{image.width}x{image.height} pixels are too many")
            image.load()  # verify() accepts a truncated JPEG
            return _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        raise BadPicture("too many pixels") from None
    except Image.UnidentifiedImageError:
        raise BadPicture("not an image of a known kind" if path.stat().st_size else "an empty file") from None
    except (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, RuntimeError, struct.error,
            zlib.error) as error:
        raise BadPicture(f"cannot be decoded ({error})") from None


def _rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile") or b""
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise BadPicture("32-bit grey levels")
        image = Image.fromarray((levels / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise BadPicture("floating-point grey levels")
    if not image.has_transparency_data:
        return _srgb(image, profile)
    with_alpha = image.convert("RGBA")
    colours = _srgb(with_alpha.convert("L" if image.mode in ("L", "LA") else "RGB"), profile)
    colours.putalpha(with_alpha.getchannel("A"))
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")


def _srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An image without transparency -> mode RGB, its colours converted from the profile to sRGB."""
    mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
    transform = _to_srgb(profile, mode) if profile else None
    return transform.apply(image.convert(mode)) if transform else image.convert("RGB")


@functools.lru_cache(16)  # it takes some milliseconds, and the images of a folder share a few profiles
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile's colours to sRGB; None if the profile is sRGB itself, damaged or not of this mode."""
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode, "RGB")
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None
    levels = np.arange(0, 256, 15, np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    sample = Image.fromarray(cube.reshape(1, -1, 3)).convert(mode)
    before, after = (np.asarray(image, np.int16) for image in (sample.convert("RGB"), transform.apply(sample)))
    return None if np.abs(after - before).max() <= 1 else transform


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
