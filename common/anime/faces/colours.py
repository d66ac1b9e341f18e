"""The colours: a range of hue, saturation and value for each name, and the ramps that shade them.

The ranges of two names nearly touch but never overlap, so the colours of a face can be told from its image.
"""

import colorsys
from functools import cache

import numpy as np

from common.anime.faces.layers import BASE, GLOSS, INK, LIGHT, SHADE

# name: hue in degrees, saturation and value in percent, each from - to
HAIR_RANGES = {
    "orange": ((18, 31), (70, 90), (91, 100)),
    "white": ((0, 360), (0, 5), (93, 99)),
    "aqua": ((168, 189), (44, 70), (74, 93)),
    "gray": ((200, 280), (2, 9), (50, 70)),
    "green": ((92, 152), (40, 70), (48, 76)),
    "red": ((349, 365), (72, 92), (58, 86)),
    "purple": ((260, 290), (38, 64), (48, 78)),
    "pink": ((326, 347), (30, 52), (93, 100)),
    "blue": ((207, 232), (52, 78), (54, 92)),
    "black": ((220, 290), (8, 28), (11, 23)),
    "brown": ((16, 31), (46, 66), (32, 54)),
    "blonde": ((41, 54), (38, 64), (92, 100)),
}
EYE_RANGES = {
    "gray": ((200, 260), (2, 10), (52, 70)),
    "black": ((220, 290), (5, 25), (10, 21)),
    "orange": ((19, 31), (80, 96), (93, 100)),
    "pink": ((318, 340), (42, 64), (93, 100)),
    "yellow": ((47, 58), (72, 92), (93, 100)),
    "aqua": ((168, 188), (55, 85), (78, 95)),
    "purple": ((260, 288), (50, 76), (58, 88)),
    "green": ((96, 148), (55, 84), (52, 80)),
    "brown": ((15, 28), (56, 76), (34, 54)),
    "red": ((351, 365), (78, 96), (70, 93)),
    "blue": ((208, 232), (64, 90), (70, 97)),
}
# base and shadow
SKINS = {
    "pale": ((255, 238, 228), (240, 196, 190)),
    "fair": ((255, 229, 211), (239, 185, 166)),
    "peach": ((253, 216, 190), (226, 163, 138)),
    "tan": ((229, 178, 140), (190, 127, 98)),
    "brown": ((186, 128, 94), (143, 88, 66)),
}
# hue in degrees, saturation, value in percent
CLOTHES = (
    (215, 55, 35), (0, 0, 97), (350, 65, 60), (230, 12, 24), (335, 30, 95), (45, 30, 96), (150, 40, 48), (200, 40, 85),
    (270, 30, 60), (28, 45, 55), (210, 8, 70), (18, 70, 85),
)

Colour = tuple[int, int, int]


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """Degrees and percents as 8-bit RGB."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, saturation / 100, value / 100)
    return round(red * 255), round(green * 255), round(blue * 255)


def pick(rng: np.random.Generator, ranges) -> Colour:
    """A colour from one entry of HAIR_RANGES or EYE_RANGES."""
    return rgb(*(rng.uniform(low, high) for low, high in ranges))


def middle(ranges) -> Colour:
    """The colour in the middle of one entry of HAIR_RANGES or EYE_RANGES."""
    return rgb(*(sum(limits) / 2 for limits in ranges))


def mix(first, second, share: float) -> Colour:
    """The first colour with `share` (0 to 1) of the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def times(colour, factors) -> Colour:
    """Every channel times a factor; one number serves all three."""
    red, green, blue = factors if isinstance(factors, tuple) else (factors,) * 3
    return min(255, round(colour[0] * red)), min(255, round(colour[1] * green)), min(255, round(colour[2] * blue))


def brightness(colour) -> float:
    """0 (black) to 1 (white)."""
    return (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255


def ramp(ink, shade, base, light, gloss) -> bytes:
    """A palette, 256 times red, green and blue: the key colours at their tones, mixtures in between."""
    keys = np.array([times(ink, 0.8), ink, shade, base, light, gloss], float)
    return (_between() @ keys).round().astype(np.uint8).tobytes()


@cache
def _between() -> np.ndarray:
    """The share of each key colour of a ramp in each tone, [256, 6]."""
    places = (0, INK, SHADE, BASE, LIGHT, GLOSS)
    return np.stack([np.interp(np.arange(256), places, row) for row in np.eye(6)], axis=1)


def hair_ramp(colour: Colour) -> bytes:
    """Shadows tend to violet; pale hair is shaded less, dark hair has a bluish gloss."""
    bright = brightness(colour)
    pale = 0.17 * bright
    shade = times(colour, (0.70 + pale, 0.64 + pale, 0.76 + pale))
    ink = times(mix(colour, (70, 40, 70), 0.25), 0.30 + 0.22 * bright)
    light = mix(colour, (255, 250, 245), 0.12 + 0.20 * bright)
    gloss = mix(colour, (255, 252, 250), 0.34 + 0.36 * bright)
    return ramp(ink, shade, colour, light, gloss)


def eye_ramp(colour: Colour) -> bytes:
    """From the nearly black rim to the light at the lower edge of the iris."""
    return ramp(times(colour, 0.24), times(colour, 0.66), colour, mix(colour, (255, 255, 255), 0.22),
                mix(colour, (255, 255, 255), 0.5))


@cache
def skin_ramp(name: str) -> bytes:
    """One of SKINS."""
    base, shade = SKINS[name]
    return ramp(times(shade, (0.58, 0.44, 0.44)), shade, base, mix(base, (255, 255, 255), 0.3), (255, 255, 255))


def cloth_ramp(colour: Colour) -> bytes:
    """Cloth has hardly any gloss."""
    bright = brightness(colour)
    return ramp(times(colour, 0.32 + 0.16 * bright), times(colour, (0.70 + 0.1 * bright, 0.68 + 0.12 * bright, 0.8)),
                colour, mix(colour, (255, 255, 255), 0.2), mix(colour, (255, 255, 255), 0.5))
