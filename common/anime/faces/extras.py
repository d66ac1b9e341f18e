"""Ribbons, pins, hair bands, flowers, glasses and the headset."""

import numpy as np
from PIL import Image, ImageDraw

from common.anime.faces.colours import cloth_ramp, times
from common.anime.faces.eyes import places
from common.anime.faces.face import Face
from common.anime.faces.layers import BASE, GLOSS, LIGHT, SHADE, Layer
from common.anime.faces.shapes import Frame, curve, ellipse, mirror


def put_on(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Draws the extra, the hair ties and the glasses of a face."""
    layer = Layer()
    shapes = {"ribbon": _ribbon, "pin": _pin, "hairband": _hairband, "flower": _flower, "headset": _headset}
    if face.extra:
        shapes[face.extra](layer, face, frame)
    if face.back == "twintails" and face.extra != "headset":
        for side in (-1, 1):
            _bow(layer, frame, 30 * side, -23, 0.7)
    layer.paste(picture, cloth_ramp(face.accent_rgb))
    if face.extra == "headset":
        _ties(picture, face, frame)
    if face.glasses:
        _glasses(picture, face, frame)


def _bow(layer: Layer, frame: Frame, x: float, y: float, size: float) -> None:
    """A bow with two loops and two ends around (x, y)."""
    for side in (-1, 1):
        end = np.array([(0, 0), (6, 12), (9, 9), (3, 0)], float)
        layer.fill(frame.head(mirror(end, side) * size + (x, y)), SHADE + 15, ink=1.6)
        loop = curve([(0, 0), (7, -7), (13, -6), (12, 3), (6, 4)], closed=True)
        layer.fill(frame.head(mirror(loop, side) * size + (x, y)), BASE, ink=1.8)
        layer.shade(frame.head(mirror([(2, 0), (8, -2), (7, 2)], side) * size + (x, y)), SHADE)
    layer.fill(frame.head(ellipse(x, y, 2.6 * size, 3 * size, 14)), LIGHT, ink=1.6)


def _ribbon(layer, face, frame):
    _bow(layer, frame, 22 * face.flip, -33, 1.0)


def _pin(layer, face, frame):
    x, y = 19 * face.flip, -17
    for step in (0, 4.2):
        bar = np.array([(-5, -0.6), (5, -2.2), (5.4, 0), (-4.6, 1.6)]) * (face.flip, 1) + (x, y + step)
        layer.fill(frame.head(bar), LIGHT, ink=1.6)


def _hairband(layer, face, frame):
    x = np.linspace(-31, 31, 15)
    y = -16 - 23.5 * np.sqrt(np.maximum(1 - (x / 31.5) ** 2, 0))
    band = np.concatenate([np.stack([x, y - 2.6], 1), np.stack([x, y + 2.6], 1)[::-1]])
    layer.fill(frame.head(band), BASE, ink=1.8)
    layer.crease(frame.head(np.stack([x[2:9], y[2:9] - 0.9], 1)), 2, GLOSS)


def _flower(layer, face, frame):
    x, y = 23 * face.flip, -25
    for k in range(5):
        angle = k * 2 * np.pi / 5 + 0.3
        petal = ellipse(x + 4.4 * np.cos(angle), y + 4.4 * np.sin(angle), 3.9, 3.9, 14)
        layer.fill(frame.head(petal), LIGHT - 10 * (k % 2), ink=1.5)
    layer.fill(frame.head(ellipse(x, y, 2.2, 2.2, 12)), GLOSS, ink=1.2)


def _headset(layer, face, frame):
    for side in (-1, 1):
        layer.fill(frame.head(ellipse(29.5 * side, 2, 4.4, 7)), SHADE - 60, ink=1.8)
        layer.fill(frame.head(ellipse(29.8 * side, 2, 2.4, 4.2)), BASE, ink=1)


def _ties(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Square black hair ties with a red edge."""
    pen = ImageDraw.Draw(picture)
    for side in (-1, 1):
        outer = mirror([(25, -32), (34, -31), (35, -16), (27, -17)], side)
        inner = mirror([(27, -29.5), (32, -29), (32.8, -19), (28.6, -19.5)], side)
        pen.polygon(frame.head(outer).ravel().tolist(), (38, 36, 46))
        pen.polygon(frame.head(inner).ravel().tolist(), (206, 48, 98))
        pen.line(frame.head(outer).ravel().tolist(), (20, 18, 26), 2)


def _glasses(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Thin frames around the eyes."""
    pen = ImageDraw.Draw(picture)
    ink = times(face.accent_rgb, 0.35)
    for place in places(face, frame).values():
        rim = curve([(-8.8, -4.5), (0, -6.8), (9, -5.4), (9.4, 3), (5, 9), (-4, 9.2), (-8.6, 4)], closed=True)
        pen.line(place(np.concatenate([rim, rim[:1]])).ravel().tolist(), ink, 3)
        pen.line(place(np.array([(9.2, -2), (16, -4)])).ravel().tolist(), ink, 3)
    bridge = curve([(-4.5, 0.5), (0, -1.2), (4.5, 0.5)])
    pen.line(frame.head(bridge).ravel().tolist(), ink, 3)
