"""A style image that needs no download: a pencil drawing of simple solids, made by code. No TensorFlow here.

The scene is a map of tones. Layers of hatching in several directions follow it, each only where the scene is darker
than the tone of the layer; outlines come last. The grain of the paper decides how much graphite a stroke leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from skimage.filters import gaussian

FINE = 2  # graphite is collected at this multiple of the size of the drawing


class Hatching(NamedTuple):
    """Parallel strokes: their direction, distance in pixels, the tone from which they are drawn, and their strength."""

    degrees: float
    apart: float
    begins: float
    graphite: float


LAYERS = Hatching(-38, 3.6, 0.05, 0.9), Hatching(-56, 3.4, 0.25, 0.9), Hatching(34, 3.6, 0.42, 0.9), \
    Hatching(-85, 2.8, 0.6, 1.0)


def draw(size: int = 512, seed: int = 0) -> np.ndarray:
    """The drawing: uint8 [size, size, 3] with three equal channels. Strokes have the same width at any size."""
    random = np.random.default_rng(seed)
    tone, outlines = _scene(size)
    graphite = np.zeros((FINE * size, FINE * size))
    for layer in LAYERS:
        _hatch(graphite, random, tone, layer)
    for line in outlines:
        for _ in range(3):  # an outline is drawn more than once
            _stroke(graphite, line + _wobble(random, len(line), 1.0), random.uniform(0.2, 0.5))
    grain = gaussian(random.standard_normal(graphite.shape), 1.2)
    grain /= grain.std()
    smudge = 0.1 * np.repeat(np.repeat(tone, FINE, 0), FINE, 1)  # the side of the lead, between the strokes
    taken = (gaussian(graphite, 1.0) + smudge) * np.clip(1.0 + 0.45 * grain, 0.0, 2.2)
    shade = 0.12 + (0.83 + 0.01 * grain) * np.exp(-2.6 * taken)  # graphite is never black
    grey = shade.reshape(size, FINE, size, FINE).mean((1, 3))
    return np.repeat(np.clip(255 * grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _stroke(graphite: np.ndarray, points: np.ndarray, pressure: np.ndarray | float) -> None:
    """Leaves graphite at points [N, 2], (x, y) in pixels of the drawing, half a pixel apart."""
    x, y = np.rint(points.T * FINE).astype(int)
    inside = (x >= 0) & (x < graphite.shape[1]) & (y >= 0) & (y < graphite.shape[0])
    np.add.at(graphite, (y[inside], x[inside]), np.broadcast_to(pressure, len(points))[inside])


def _wobble(random: np.random.Generator, count: int, size: float) -> np.ndarray:
    """A slow drift [count, 2] in pixels: no hand draws a straight line."""
    knots = max(4, count // 60)
    at = np.linspace(0.0, knots - 1.0, count)
    return np.stack([np.interp(at, np.arange(knots), random.normal(0, size, knots)) for _ in range(2)], axis=1)


def _hatch(graphite: np.ndarray, random: np.random.Generator, tone: np.ndarray, layer: Hatching) -> None:
    """Rows of strokes over the whole paper, strong where the scene is darker than the tone of the layer."""
    size = len(tone)
    angle = np.deg2rad(layer.degrees)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    for row in np.arange(-0.75 * size, 0.75 * size, layer.apart):
        place = -0.75 * size + random.uniform(0, 40)
        while place < 0.75 * size:
            length = random.uniform(25, 70)
            steps = np.arange(0, length, 0.5)
            bend = random.normal(0, 1.2) * (2 * steps / length - 1) ** 2
            offset = row + random.normal(0, 0.8) + bend + random.normal(0, 0.03) * steps
            points = size / 2 + np.outer(place + steps, along) + np.outer(offset, across)
            x, y = np.clip(points.T, 0, size - 1).astype(int)
            wanted = np.clip((tone[y, x] - layer.begins) / 0.3, 0.0, 1.0)
            taper = np.minimum(1.0, 4.0 * np.minimum(steps + 1, length - steps) / length)
            _stroke(graphite, points, layer.graphite * random.uniform(0.5, 1.0) * wanted * taper)
            place += length * random.uniform(0.75, 1.05)


# ---- the scene: tone 0 is paper, 1 the darkest shadow; coordinates from 0 to 1, y downwards ----


def _scene(size: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Tone [size, size], and the outlines, each a list of points [N, 2] in pixels. The light comes from upper left."""
    y, x = np.mgrid[0:size, 0:size] / size
    tone = np.where(y < 0.58, 0.55 - 0.5 * x + 0.2 * y, 0.04 + 0.12 * x)
    for cx, cy, rx, ry in ((0.52, 0.87, 0.28, 0.06), (0.88, 0.72, 0.2, 0.05), (0.34, 0.69, 0.2, 0.05)):
        far = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2
        tone = np.maximum(tone, 0.9 * np.clip(1.2 - far, 0, 1))  # shadows on the table
    outlines = [_line((0.0, 0.58), (1.0, 0.58))]
    solids = (_cone(x, y, 0.22, 0.14, 0.68, 0.17), _cylinder(x, y, 0.72, 0.22, 0.7, 0.14),
              _ball(x, y, 0.42, 0.68, 0.2))
    for inside, shade, lines in solids:  # each hides what is behind it
        tone = np.where(inside, shade, tone)
        seen = ((line, np.clip(line * size, 0, size - 1).astype(int)) for line in outlines)
        outlines = [line[~inside[place[:, 1], place[:, 0]]] for line, place in seen] + lines
    return np.clip(tone, 0.0, 1.0), [line * size for line in outlines]


def _line(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    return np.linspace(start, end, 1000)


def _arc(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, end: float = 2.0) -> np.ndarray:
    """Part of an ellipse; the angles are in units of pi, 0 is to the right, 0.5 below."""
    angle = np.linspace(start * np.pi, end * np.pi, 1200)
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def _ball(x, y, cx: float, cy: float, r: float):
    u, v = (x - cx) / r, (y - cy) / r
    inside = u**2 + v**2 < 1
    w = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    lit = -0.55 * u - 0.6 * v + 0.58 * w
    return inside, 0.75 - 0.85 * lit - 0.2 * np.clip(0.5 * (u + v), 0, 1) ** 2, [_arc(cx, cy, r, r)]


def _cylinder(x, y, cx: float, top: float, bottom: float, r: float):
    u, flat = (x - cx) / r, 0.25 * r
    bow = flat * np.sqrt(np.clip(1 - u**2, 0, 1))
    inside = (np.abs(u) < 1) & (y > top - bow) & (y < bottom + bow)
    lid = y < top + bow
    shade = np.where(lid, 0.05, 0.3 + 0.75 * u - 0.3 * np.clip(u - 0.6, 0, 1))
    return inside, shade, [_arc(cx, top, r, flat), _arc(cx, bottom, r, flat, 0.0, 1.0),
                           _line((cx - r, top), (cx - r, bottom)), _line((cx + r, top), (cx + r, bottom))]


def _cone(x, y, cx: float, top: float, bottom: float, r: float):
    wide = r * np.clip((y - top) / (bottom - top), 1e-3, 1)
    u, flat = (x - cx) / wide, 0.25 * r
    inside = (np.abs(u) < 1) & (y > top) & (y < bottom + flat * np.sqrt(np.clip(1 - u**2, 0, 1)))
    return inside, 0.35 + 0.7 * u, [_arc(cx, bottom, r, flat, 0.0, 1.0), _line((cx, top), (cx - r, bottom)),
                                    _line((cx, top), (cx + r, bottom))]
