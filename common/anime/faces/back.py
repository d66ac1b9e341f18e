"""The hair behind: long, bob, short, two tails, one tail, buns."""

import numpy as np

from common.anime.faces.face import Face
from common.anime.faces.layers import BASE, INK, SHADE, Layer, slope
from common.anime.faces.shapes import Frame, curve, ellipse, mirror
from common.anime.faces.strands import TAIL, comb, paths, wavy


def behind(face: Face, frame: Frame, rng: np.random.Generator) -> Layer:
    """Everything behind neck and ears."""
    layer = Layer()
    styles = {"long": _long, "bob": _bob, "short": _short, "twintails": _twintails, "ponytail": _ponytail,
              "buns": _buns}
    styles[face.back](layer, face, frame, rng)
    layer.add(slope(132, 104))
    return layer


def _mass(layer: Layer, frame: Frame, half, tone: int = SHADE) -> None:
    """A closed shape, given by its right half from the top; it is in shadow, the strands over it are not."""
    half = np.asarray(half, float)
    layer.fill(frame.head(curve(np.concatenate([half, mirror(half[::-1], -1)]), closed=True)), tone, ink=2)


def _hang(layer: Layer, frame: Frame, rng, width: float, spread: tuple, end: tuple, bulge: float, wave: float) -> None:
    """Strands on both sides, from the crown to tips spread over x `spread` and y `end`, inner ones first."""
    count = 5
    for side in (-1, 1):
        x = np.linspace(*spread, count) + rng.uniform(-1.2, 1.2, count)
        y = np.linspace(*end, count) + rng.uniform(-3, 3, count)
        roots = np.stack([np.linspace(16, 24, count), np.full(count, -30.0)], 1)
        bends = np.stack([x * 0.5 + 16 + bulge, np.full(count, -6.0)], 1)
        lines = paths(mirror(roots, side), mirror(bends, side), mirror(np.stack([x, y], 1), side))
        widths = width * rng.uniform(0.6, 1.35, count)
        comb(layer, frame, wavy(lines, wave, rng), widths, TAIL, BASE + rng.integers(-18, 6, count), 0.1, INK + 35)


def _long(layer, face, frame, rng):
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (33, 0), (34, 30), (36, 75), (12, 80)])
    _hang(layer, frame, rng, 6.0, (22, 41), (72, 60), 4.0, face.wave * 1.6)


def _bob(layer, face, frame, rng):
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (32.5, 2), (31.5, 17), (25, 28), (17, 28), (8, 23)])
    _hang(layer, frame, rng, 5.0, (20, 30), (33, 25), 10.0, face.wave * 0.5)


def _short(layer, face, frame, rng):
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (31, 0), (27, 14), (18, 22), (8, 20)])
    _hang(layer, frame, rng, 4.2, (19, 36), (27, 4), 5.0, 0)


def _twintails(layer, face, frame, rng):
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (30, 0), (25, 16), (17, 21), (8, 20)])
    for side in (-1, 1):
        root = np.array([(30, -24), (31, -22), (32, -20), (32, -19), (31, -22)], float)
        bend = np.array([(40, -34), (52, -22), (58, -6), (46, 0), (50, -12)], float)
        tip = np.array([(30, 62), (40, 66), (52, 54), (36, 70), (45, 60)], float) + rng.uniform(-3, 3, (5, 2))
        lines = paths(mirror(root, side), mirror(bend, side), mirror(tip, side))
        lines = wavy(lines, face.wave * 1.6, rng)
        comb(layer, frame, lines, (4.5, 5.5, 5.0, 4.0, 4.5), TAIL, BASE + rng.integers(-10, 6, 5), inked=0.0)


def _ponytail(layer, face, frame, rng):
    side = face.flip
    root = np.array([(14, -42), (16, -41), (18, -40), (16, -42)], float)
    bend = np.array([(40, -58), (52, -44), (48, -26), (54, -34)], float)
    tip = np.array([(36, 40), (44, 46), (33, 52), (40, 36)], float) + rng.uniform(-3, 3, (4, 2))
    lines = paths(mirror(root, side), mirror(bend, side), mirror(tip, side))
    lines = wavy(lines, face.wave * 1.5, rng)
    comb(layer, frame, lines, (5.0, 6.0, 5.0, 4.0), TAIL, BASE + rng.integers(-10, 6, 4), inked=0.0)
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (29, 0), (23, 14), (16, 19), (8, 19)])


def _buns(layer, face, frame, rng):
    _mass(layer, frame, [(0, -47), (20, -42), (31, -24), (31, 0), (27, 14), (18, 21), (8, 20)])
    for side in (-1, 1):
        x, y = 26 * side, -36
        layer.fill(frame.head(ellipse(x, y, 10, 9.5)), BASE, ink=2)
        layer.shade(frame.head(ellipse(x + 2.2, y + 2, 7, 6.8)), SHADE + 20)
        layer.shade(frame.head(ellipse(x + 0.8, y + 0.6, 7, 6.4)), BASE)
        for k in (3, 6):
            layer.crease(frame.head(curve([(x - k, y + 4), (x - 1, y - k), (x + k, y + 2)])), 1.5, INK + 30)
