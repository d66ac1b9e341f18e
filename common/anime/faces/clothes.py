"""Clothes: six kinds of collars, and one outfit that never varies."""

import numpy as np
from PIL import Image

from common.anime.faces.colours import cloth_ramp
from common.anime.faces.face import Face
from common.anime.faces.layers import BASE, GLOSS, INK, LIGHT, SHADE, Layer
from common.anime.faces.shapes import Frame, curve, ellipse, mirror

WHITE = (250, 248, 250)


def wear(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Draws the clothes over neck and shoulders."""
    body = Layer()
    trim = Layer()
    styles = {"sailor": _sailor, "shirt": _shirt, "hoodie": _hoodie, "kimono": _kimono, "dress": _dress,
              "turtleneck": _turtleneck, "miku": _shirt}
    styles[face.clothing](body, trim, frame)
    plain = face.cloth_rgb if face.clothing != "sailor" else WHITE
    second = face.accent_rgb if face.clothing != "sailor" else face.cloth_rgb
    body.paste(picture, cloth_ramp(plain))
    trim.paste(picture, cloth_ramp(second))
    if face.clothing in ("shirt", "miku"):
        _tie(picture, face, frame)


def _shoulders(body: Layer, frame: Frame, neck) -> None:
    """The body below a neckline, which is given from the middle to the right shoulder."""
    neck = np.asarray(neck, float)
    right = np.concatenate([neck, [(34, 47), (45, 55), (50, 90)]])
    body.fill(frame.body(np.concatenate([right, mirror(right[::-1], -1)])), BASE, ink=2)
    for side in (-1, 1):
        body.crease(frame.body(curve(mirror([(30, 60), (27, 66), (28, 80)], side))), 1.6)
    body.shade(frame.body(np.array([(30, 50), (60, 50), (60, 90), (24, 90)])), SHADE + 25)


def _both(layer: Layer, frame: Frame, points, tone: int = BASE, ink: float = 2) -> None:
    """The same shape on both sides of the neck."""
    for side in (-1, 1):
        layer.fill(frame.body(mirror(points, side)), tone, ink)


def _sailor(body, trim, frame):
    _shoulders(body, frame, [(0, 58), (9, 41)])
    _both(trim, frame, [(8, 38), (13, 38), (36, 49), (30, 62), (1, 66), (0, 59)])
    for side in (-1, 1):
        trim.crease(frame.body(mirror([(33, 50.5), (28, 59.5), (3, 63.5)], side)), 2.5, GLOSS)
    _both(body, frame, [(0, 62), (9, 60), (12, 72), (2, 68)], SHADE)
    trim.shade(frame.body(ellipse(0, 64, 2.4, 2.4, 12)), SHADE)


def _shirt(body, trim, frame):
    _shoulders(body, frame, [(0, 52), (9, 40)])
    _both(body, frame, [(7.5, 35), (10.5, 36), (17, 44), (10, 54), (1.5, 46)], LIGHT)
    _both(body, frame, [(17, 44), (10, 54), (11.5, 54.5)], SHADE, 0)


def _hoodie(body, trim, frame):
    _shoulders(body, frame, [(0, 48), (10, 42)])
    for side in (-1, 1):
        hood = mirror([(9, 33), (19, 31), (27, 38), (23, 48), (8, 56), (0, 57), (1, 50), (9, 43)], side)
        body.fill(frame.body(curve(hood, closed=True)), LIGHT - 25, ink=2)
        body.shade(frame.body(curve(mirror([(9, 36), (12, 42), (7, 50), (1, 53), (1, 50), (8, 43)], side))), SHADE)
        trim.line(frame.body(curve(mirror([(6, 54), (7, 62), (6.5, 70)], side))), 4, BASE)


def _kimono(body, trim, frame):
    _shoulders(body, frame, [(0, 54), (10, 38)])
    for side in (-1, 1):
        band = [(8.5, 33), (13, 36), (9, 46), (-9, 66), (-14, 62), (4, 46)]
        trim.fill(frame.body(mirror(band, side)), BASE, ink=2)
        trim.crease(frame.body(mirror([(11, 37), (6.5, 46), (-11, 63)], side)), 2, LIGHT + 20)


def _dress(body, trim, frame):
    _shoulders(body, frame, [(0, 57), (12, 54), (21, 45)])
    hem = np.array([(-21, 45), (-12, 54), (0, 57), (12, 54), (21, 45)], float)
    frill = np.concatenate([curve(hem), (curve(hem) + (0, 3))[::-1]])
    trim.fill(frame.body(frill), LIGHT, ink=1.5)
    trim.fill(frame.body(np.array([(-8, 36.5), (0, 38.8), (8, 36.5), (8, 39.5), (0, 42), (-8, 39.5)])), BASE, ink=1.5)


def _turtleneck(body, trim, frame):
    _shoulders(body, frame, [(0, 46), (9, 40)])
    tube = [(-9.5, 33.5), (0, 36), (9.5, 33.5), (11.5, 42), (0, 46), (-11.5, 42)]
    body.fill(frame.body(np.array(tube)), BASE, ink=2)
    body.shade(frame.body(np.array([(-9, 34), (0, 36.5), (9, 34), (9.5, 37), (0, 41), (-6, 39)])), SHADE)
    for x in (-6, -2, 2, 6):
        body.crease(frame.body(np.array([(x, 37), (x * 1.2, 43)])), 1.2, INK + 50)


def _tie(picture: Image.Image, face: Face, frame: Frame) -> None:
    """A tie over the shirt."""
    tie = Layer()
    tie.fill(frame.body(np.array([(-2.4, 47), (2.4, 47), (1.8, 51.5), (-1.8, 51.5)])), BASE, ink=1.5)
    tie.fill(frame.body(np.array([(-1.8, 51.5), (1.8, 51.5), (4.6, 80), (-4.6, 80)])), BASE, ink=1.5)
    tie.shade(frame.body(np.array([(0.4, 51.5), (1.8, 51.5), (4.4, 80), (1.4, 80)])), SHADE)
    tie.paste(picture, cloth_ramp(face.accent_rgb))
