"""Layers of one material, drawn in tones, and a few ready-made gradients for them."""

from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from common.anime.faces.shapes import SCALE, WIDE

# The tones of every material, from the ink of its outline to its gloss; colours.ramp gives each of them a colour.
INK, SHADE, BASE, LIGHT, GLOSS = 30, 105, 160, 205, 255


class Layer:
    """One material: its tones, and a mask of where it is. All points are coordinates on the layer (see Frame)."""

    def __init__(self):
        self.tone = Image.new("L", (WIDE, WIDE), BASE)
        self.mask = Image.new("L", (WIDE, WIDE), 0)
        self._tone, self._mask = ImageDraw.Draw(self.tone), ImageDraw.Draw(self.mask)

    def fill(self, points: np.ndarray, tone: int = BASE, ink: float = 0) -> None:
        """Adds a shape to the material, with an outline of `ink` pixels of the layer around it."""
        flat = points.ravel().tolist()
        self._mask.polygon(flat, 255)
        self._tone.polygon(flat, tone)
        if ink:
            self.line(np.concatenate([points, points[:1]]), ink)

    def line(self, points: np.ndarray, width: float, tone: int = INK) -> None:
        """A line that is part of the material: visible also where nothing else of it is."""
        flat = points.ravel().tolist()
        self._mask.line(flat, 255, max(1, round(width)))
        self._tone.line(flat, tone, max(1, round(width)))

    def shade(self, points: np.ndarray, tone: int) -> None:
        """Paints over a part of the material; outside of it nothing changes."""
        self._tone.polygon(points.ravel().tolist(), tone)

    def crease(self, points: np.ndarray, width: float, tone: int = INK) -> None:
        """A line that is visible only on the material."""
        self._tone.line(points.ravel().tolist(), tone, max(1, round(width)))

    def blade(self, shape: list[float], shadow: list[float], edge: list[float], tone: int, ink: int) -> None:
        """A strand of hair, its shaded part and its outline, each as x, y, x, y, ...: a face has dozens."""
        self._mask.polygon(shape, 255)
        self._tone.polygon(shape, tone)
        self._tone.polygon(shadow, tone - (BASE - SHADE) * 5 // 8)
        self._tone.line(edge, ink, 2)

    def add(self, other: Image.Image) -> None:
        """Adds tones; 128 changes nothing."""
        self._replace(ImageChops.add(self.tone, other, 1, -128))

    def darken(self, mask: Image.Image, tone: int) -> None:
        """Paints `tone` where the mask is set; darker places stay as they are."""
        self._replace(Image.composite(self.tone.point(_at_most(tone)), self.tone, mask))

    def soften(self, strength: float) -> None:
        """Mixes in a blurred copy (strength 0 to 1), for a painted look."""
        if strength == 0:
            return
        blurred = self.tone.reduce(SCALE * 2).resize((WIDE, WIDE), Image.Resampling.BILINEAR)
        self._replace(Image.blend(self.tone, blurred, strength))

    def clip(self, mask: Image.Image) -> None:
        """Keeps only the part of the material inside the mask."""
        self.mask = ImageChops.darker(self.mask, mask)
        self._mask = ImageDraw.Draw(self.mask)

    def colours(self, ramp: bytes, box: tuple[int, int, int, int] | None = None) -> Image.Image:
        """The tones as RGB, through a ramp (see colours.ramp); of the whole layer or of a box in it."""
        tones = self.tone.crop(box or (0, 0, WIDE, WIDE))
        tones.putpalette(ramp)
        return tones.convert("RGB")

    def paste(self, picture: Image.Image, ramp: bytes) -> None:
        """Puts the material on the picture [WIDE, WIDE]."""
        box = self.mask.getbbox()  # much faster for small materials, such as a tie
        if box:
            picture.paste(self.colours(ramp, box), box[:2], self.mask.crop(box))

    def _replace(self, tone: Image.Image) -> None:
        self.tone, self._tone = tone, ImageDraw.Draw(tone)


@cache
def _at_most(tone: int) -> list[int]:
    return [min(k, tone) for k in range(256)]


@cache
def slope(low: int, high: int) -> Image.Image:
    """Tones that go from `low` at the top of a layer to `high` at its bottom."""
    column = np.linspace(low, high, WIDE).round().astype(np.uint8)
    return Image.fromarray(np.repeat(column[:, None], WIDE, axis=1))


@cache
def fall() -> Image.Image:
    """Tones of light from the upper left: brighter there, darker towards the lower right."""
    x, y = np.linspace(-1, 1, WIDE), np.linspace(-1, 1, WIDE)[:, None]
    return Image.fromarray((128 - 16 * y - 9 * x - 8 * x * x).round().astype(np.uint8))


@cache
def glow(width: int, height: int, strength: int) -> Image.Image:
    """A soft round spot [height, width], `strength` (0 to 255) in its middle."""
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    fall = np.clip(1 - np.sqrt(x * x + y * y), 0, 1)
    return Image.fromarray((strength * fall * fall * (3 - 2 * fall)).astype(np.uint8))


def shifted(mask: Image.Image, x: float, y: float) -> Image.Image:
    """The mask moved by (x, y) pixels of the layer, cropped to it."""
    moved = Image.new("L", mask.size, 0)
    moved.paste(mask, (round(x), round(y)))
    return moved
