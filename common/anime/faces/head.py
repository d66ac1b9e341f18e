"""Neck, ears and face: the skin, its shadows, nose and mouth."""

import numpy as np
from PIL import Image

from common.anime.faces.colours import SKINS, mix, times
from common.anime.faces.face import Face
from common.anime.faces.layers import BASE, INK, LIGHT, SHADE, Layer, glow
from common.anime.faces.shapes import Frame, curve, ellipse, mirror, ribbon


def outline(jaw: float) -> np.ndarray:
    """The face from temple to chin and back, closed over the forehead; jaw -1 (round) to 1 (narrow)."""
    right = np.array([(24.5, -20), (26, -6), (25.4, 4), (23.2 - 0.5 * jaw, 12), (17.6 - 1.3 * jaw, 19.8),
                      (8.8 - 1.2 * jaw, 26.3), (2.4, 29.6 + 0.8 * jaw)])
    left = (right * (-1, 1))[::-1]
    top = [(-15, -33), (0, -37), (15, -33)]
    return curve(np.concatenate([right, left, top]), closed=True)


def skin(face: Face, frame: Frame) -> Layer:
    """The face itself, with a shaded cheek on the side away from the light."""
    layer = Layer()
    layer.fill(frame.head(outline(face.jaw)), ink=2.2)
    shape = outline(face.jaw)
    inner = shape * (0.93, 1.0) + (-2.2, -1.2)
    layer.shade(frame.head(shape), SHADE + 25)
    layer.shade(frame.head(inner), BASE)
    layer.crease(frame.head(np.concatenate([shape, shape[:1]])), 2.2)
    return layer


def ears(frame: Frame) -> Layer:
    """Both ears; the hair covers them more often than not."""
    layer = Layer()
    for side in (-1, 1):
        shape = curve(mirror([(24, -4), (28.5, -7), (30.5, -2), (28, 6), (24.5, 9)], side))
        layer.fill(frame.head(shape), ink=2)
        layer.shade(frame.head(curve(mirror([(25, -2), (28.5, -4), (28, 2), (25, 5)], side))), SHADE + 15)
    return layer


def neck(face: Face, frame: Frame) -> Layer:
    """Neck and bare shoulders, with the shadow of the chin."""
    layer = Layer()
    side = [(8, 20), (8.4, 36), (12, 40), (28, 45), (42, 54), (46, 80)]
    shape = np.concatenate([np.array(side), mirror(side[::-1], -1)])
    layer.fill(frame.body(shape), ink=2)
    shadow = [(-10, 20), (-9, 34.5), (-2, 39 + face.nod), (5, 36.5), (10, 31), (10, 20)]
    layer.shade(frame.body(curve(shadow)), SHADE)
    for k in (-1, 1):
        layer.crease(frame.body(curve(mirror([(3, 45.5), (10, 43.5), (18, 44)], k))), 1.5, INK + 40)
    return layer


def blush(picture: Image.Image, face: Face, frame: Frame) -> None:
    """A rosy glow on both cheeks; strong ones have strokes as well."""
    if face.blush < 0.2:
        return
    width, height = round(20 * face.scale) * 3, round(12 * face.scale) * 3
    rosy = times(mix(SKINS[face.skin][1], (255, 95, 110), 0.6), 1.0)
    spot = glow(width, height, round(60 + 130 * face.blush))
    for side in (-1, 1):
        x, y = frame.head(np.array([side * 15.5, 11.5]))
        picture.paste(rosy, (round(x - width / 2), round(y - height / 2)), spot)


def nose(face: Face, layer: Layer, frame: Frame) -> None:
    """A hint of one: a small shadow, a dot of light on its tip."""
    side = 1 if face.turn >= 0 else -1
    layer.shade(frame.head(curve(mirror([(0.2, 10.4), (1.7, 12.6), (0.2, 13.6), (-0.6, 12.8)], side))), SHADE - 5)
    layer.shade(frame.head(ellipse(-0.5 * side, 10.6, 0.8, 0.8, 8)), LIGHT + 30)


def mouth(picture: Image.Image, face: Face, draw, frame: Frame) -> None:
    """One of the shapes of face.MOUTHS, drawn on the picture with its ImageDraw."""
    dark = times(SKINS[face.skin][1], (0.55, 0.36, 0.38))
    if face.mouth == "open":
        return _open(face, draw, frame, dark)
    line = {
        "smile": [(-5.2, 19.0), (-2.4, 20.7), (0, 21.1), (2.4, 20.7), (5.2, 19.0)],
        "neutral": [(-3.4, 20.2), (0, 20.6), (3.4, 20.2)],
        "frown": [(-3.4, 21.0), (0, 19.9), (3.4, 21.0)],
        "cat": [(-5, 19.0), (-2.8, 21.0), (0, 19.3), (2.8, 21.0), (5, 19.0)],
        "small": [(-1.7, 20.2), (0, 20.7), (1.7, 20.2)],
    }[face.mouth]
    stroke = curve(line)
    ends = np.sin(np.linspace(0.25, np.pi - 0.25, len(stroke)))
    draw.polygon(frame.head(ribbon(stroke, 0.62 * ends)).ravel().tolist(), dark)
    under = curve([(-1.8, 23.4), (0, 23.9), (1.8, 23.4)])
    draw.line(frame.head(under).ravel().tolist(), SKINS[face.skin][1], 2)


def _open(face: Face, draw, frame: Frame, dark) -> None:
    """An open mouth with a tongue, its size by the jaw."""
    width, depth = 4.4 + 0.8 * face.jaw, 5.6 + 1.2 * face.nod
    lips = curve([(-width, 18.2), (0, 19.0), (width, 18.2), (width * 0.62, 18.2 + depth * 0.8), (0, 18.2 + depth),
                  (-width * 0.62, 18.2 + depth * 0.8)], closed=True)
    tongue = lips * (0.7, 0.5) + (0, 19.0 * 0.5 + depth * 0.36)
    draw.polygon(frame.head(lips).ravel().tolist(), (166, 52, 58))
    draw.polygon(frame.head(tongue).ravel().tolist(), (238, 132, 132))
    draw.line(frame.head(np.concatenate([lips, lips[:1]])).ravel().tolist(), dark, 2)
