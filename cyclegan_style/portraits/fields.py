"""Soft shapes as arrays of numbers, and the frame: the position of the head in the image.

Lengths are head units: one is a pixel of the finished image if the scale of the head is 1. The origin is between the
eyes of a head that looks straight ahead; x grows to the right, y downwards. The canvas is SCALE times as large as the
image, which smooths the edges.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from common.anime.faces.shapes import curve

SIZE = (178, 218)  # width and height of the finished image, as in img_align_celeba
SCALE = 2
WIDE, HIGH = SIZE[0] * SCALE, SIZE[1] * SCALE


def step(value, low: float, high: float):
    """0 up to `low`, 1 from `high` on, smooth in between."""
    t = np.clip((value - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def bump(value, middle: float, width: float):
    """A bell of height 1 around `middle`; `width` is its standard deviation."""
    t = (value - middle) * (0.7071 / width)
    return np.exp(-t * t)


def track(value: np.ndarray, *knots: tuple[float, float]) -> np.ndarray:
    """A smooth function through the knots (place, height), in rising order; constant beyond the first and last."""
    line = curve(knots, steps=5)
    return np.interp(value, np.maximum.accumulate(line[:, 0]), line[:, 1]).astype(np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Smooth noise [*shape] of deviation about 1; `cells` are its bumps down and across."""
    small = Image.fromarray(rng.standard_normal(cells, np.float32))
    return np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC))


def blurred(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask (0 to 1), blurred over `radius` pixels of the canvas. For speed a smaller copy is blurred."""
    picture = Image.fromarray((mask * 255).astype(np.uint8)).reduce(2)
    picture = picture.filter(ImageFilter.GaussianBlur(radius / 2))
    return np.asarray(picture.resize(mask.shape[::-1], Image.Resampling.BILINEAR), np.float32) / 255


def moved(mask: np.ndarray, right: int, down: int) -> np.ndarray:
    """The mask moved over the canvas; its edges are repeated."""
    rows = np.clip(np.arange(mask.shape[0]) - down, 0, mask.shape[0] - 1)
    columns = np.clip(np.arange(mask.shape[1]) - right, 0, mask.shape[1] - 1)
    return mask[rows[:, None], columns]


def reduced(canvas: np.ndarray) -> np.ndarray:
    """The canvas at the size of the image: means of SCALE x SCALE pixels."""
    corners = [canvas[row::SCALE, column::SCALE] for row in range(SCALE) for column in range(SCALE)]
    return sum(corners) / SCALE**2


def over(canvas: np.ndarray, colour, alpha: np.ndarray) -> None:
    """Blends a colour ([..., 3] or one for all pixels) into the canvas with weight `alpha` (0 to 1)."""
    canvas += alpha[..., None] * (np.asarray(colour, np.float32) - canvas)


def filled(points: np.ndarray) -> np.ndarray:
    """The inside of a closed line on the canvas, as a mask [HIGH, WIDE] of 0 and 1."""
    picture = Image.new("L", (WIDE, HIGH), 0)
    ImageDraw.Draw(picture).polygon(points.ravel().tolist(), 1)
    return np.asarray(picture, np.float32)


@dataclass(frozen=True)
class Patch:
    """A rectangle of the canvas: its position, and the centres of its pixels in head units."""

    at: tuple[slice, slice]
    x: np.ndarray  # [1, width]
    y: np.ndarray  # [height, 1]


@dataclass(frozen=True)
class Frame:
    """The origin of the head units, in pixels of the finished image, and the pixels per unit."""

    x: float
    y: float
    scale: float

    def place(self, points: np.ndarray) -> np.ndarray:
        """From head units [..., 2] to the canvas."""
        return ((points * self.scale + (self.x, self.y)) * SCALE).astype(np.float32)

    def patch(self, left: float = -999, top: float = -999, right: float = 999, bottom: float = 999) -> Patch:
        """The pixels between these head units, cropped to the canvas."""
        (x0, y0), (x1, y1) = self.place(np.array([(left, top), (right, bottom)], float))
        columns = np.arange(max(0, int(x0)), min(WIDE, int(x1) + 1))
        rows = np.arange(max(0, int(y0)), min(HIGH, int(y1) + 1))
        x = ((columns + 0.5) / SCALE - self.x) / self.scale
        y = ((rows + 0.5) / SCALE - self.y) / self.scale
        at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Patch(at, x[None].astype(np.float32), y[:, None].astype(np.float32))
