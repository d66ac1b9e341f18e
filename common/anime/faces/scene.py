"""What is behind the face, and the light on the whole image."""

import numpy as np
from PIL import Image, ImageDraw

from common.anime.faces.colours import mix, rgb
from common.anime.faces.face import Face
from common.anime.faces.layers import glow
from common.anime.faces.shapes import WIDE

SMALL = 32  # pixels of a blurred scene before it is enlarged
_SOFT = Image.Resampling.BICUBIC


def background(face: Face, rng: np.random.Generator) -> Image.Image:
    """An RGB image [WIDE, WIDE]."""
    scenes = {"plain": _plain, "gradient": _gradient, "sky": _sky, "dots": _dots, "stripes": _stripes, "room": _room}
    return scenes[face.scene](rng)


def _pastel(rng) -> tuple[int, int, int]:
    return rgb(rng.uniform(0, 360), rng.uniform(4, 38), rng.uniform(78, 100))


def _plain(rng):
    colour = (255, 255, 255) if rng.random() < 0.4 else _pastel(rng)
    return Image.new("RGB", (WIDE, WIDE), colour)


def _gradient(rng):
    first, second = rgb(rng.uniform(0, 360), rng.uniform(10, 55), rng.uniform(45, 95)), _pastel(rng)
    corners = [first, mix(first, second, rng.uniform(0, 1)), mix(first, second, rng.uniform(0, 1)), second]
    small = Image.fromarray(np.array(corners, np.uint8).reshape(2, 2, 3))
    return small.resize((WIDE, WIDE), Image.Resampling.BILINEAR)


def _sky(rng):
    top = rgb(rng.uniform(195, 222), rng.uniform(45, 70), rng.uniform(75, 98))
    low = mix(top, (255, 246, 236), rng.uniform(0.5, 0.8))
    column = np.linspace(top, low, WIDE).astype(np.uint8)
    picture = Image.fromarray(np.repeat(column[:, None], WIDE, axis=1))
    for _ in range(rng.integers(3, 8)):
        width = int(rng.integers(50, 140))
        spot = glow(width // 10 * 10, width // 20 * 10, 235)
        picture.paste((255, 255, 255), (int(rng.integers(-60, WIDE)), int(rng.integers(-20, WIDE))), spot)
    return picture


def _dots(rng):
    ground = _pastel(rng)
    picture = Image.new("RGB", (WIDE, WIDE), ground)
    pen = ImageDraw.Draw(picture)
    spot = mix(ground, (255, 255, 255), 0.6) if rng.random() < 0.6 else mix(ground, _pastel(rng), 0.8)
    step, radius = int(rng.integers(30, 56)), int(rng.integers(5, 13))
    for row, y in enumerate(range(0, WIDE + step, step // 2)):
        for x in range(-step // 2 * (row % 2), WIDE + step, step):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), spot)
    return picture


def _stripes(rng):
    ground = _pastel(rng)
    picture = Image.new("RGB", (WIDE, WIDE), ground)
    pen = ImageDraw.Draw(picture)
    other = mix(ground, _pastel(rng), 0.7)
    step, slant = int(rng.integers(24, 60)), int(rng.choice((0, 0, WIDE, -WIDE)))
    for x in range(-WIDE, 2 * WIDE, step):
        stripe = (x, 0, x + step // 2, 0, x + step // 2 + slant, WIDE, x + slant, WIDE)
        pen.polygon(stripe, other)
    return picture


def _room(rng):
    """Something out of focus: upright blocks over a ground, with a few lights."""
    hue = rng.uniform(0, 360)
    small = Image.new("RGB", (SMALL, SMALL), rgb(hue, rng.uniform(10, 35), rng.uniform(50, 90)))
    pen = ImageDraw.Draw(small)
    for _ in range(rng.integers(4, 9)):
        x, y, width, height = rng.integers((-4, -4, 3, 6), (SMALL, SMALL, 12, 30)).tolist()
        colour = rgb(hue + rng.normal(0, 30), rng.uniform(10, 50), rng.uniform(30, 95))
        pen.rectangle((x, y, x + width, y + height), colour)
    picture = small.resize((8, 8), Image.Resampling.BOX).resize((WIDE, WIDE), _SOFT)
    picture = Image.blend(small.resize((WIDE, WIDE), Image.Resampling.BILINEAR), picture, 0.45)
    for _ in range(rng.integers(0, 6)):
        picture.paste((255, 248, 230), tuple(rng.integers(-20, WIDE, 2).tolist()), glow(60, 60, 150))
    return picture


def light(picture: Image.Image, face: Face) -> Image.Image:
    """The tint of the light: a factor for each channel."""
    table = np.outer(face.tint, np.arange(256)).round().clip(0, 255).astype(int)
    return picture.point(table.ravel().tolist())
