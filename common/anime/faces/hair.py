"""The hair in front: cap, fringe, side locks, and the gloss over all of it."""

import numpy as np
from PIL import Image, ImageDraw

from common.anime.faces.face import Face
from common.anime.faces.layers import BASE, INK, Layer, fall
from common.anime.faces.shapes import WIDE, Frame, curve, mirror
from common.anime.faces.strands import BLADE, BLUNT, TAIL, comb, paths, wavy


def front(face: Face, frame: Frame, rng: np.random.Generator) -> Layer:
    """All hair in front of the face."""
    layer = Layer()
    part = 5.0 * face.flip if face.bangs == "swept" else 0.0
    _cap(layer, face, frame, part)
    _side_locks(layer, face, frame, rng)
    lines, widths, profile = fringe(face, rng)
    tones = BASE + rng.integers(-8, 9, len(lines))
    comb(layer, frame, lines, widths, profile, tones, inked=0.45, ink=INK + 25)
    if face.ahoge:
        lines = paths([(2, -44)], [(8 * face.flip, -62)], [(15 * face.flip, -50)])
        comb(layer, frame, lines, 1.5, TAIL, inked=0)
    _gloss(layer, face, frame, rng)
    return layer


def _cap(layer: Layer, face: Face, frame: Frame, part: float) -> None:
    """The top of the head down to the hairline, with lines that run together at the crown."""
    low = -7 if face.sides == "none" else 6
    rim = [(-29.5, low), (-31.5, -10), (-30.5, -24), (-22, -39), (-9, -46.5), (4, -47.5), (16, -43.5), (27, -31),
           (31.5, -14), (29.5, low)]
    line = [(26.5, low - 2), (24.5, -14), (15, -24), (part, -29), (-15, -24), (-24.5, -14), (-26.5, low - 2)]
    layer.fill(frame.head(np.concatenate([curve(rim), curve(line)])), ink=2)
    for x in (-24, -14, -5, 5, 14, 24):
        line = curve([(part + x * 0.12, -45), (x * 0.75 + part * 0.4, -36), (x * 1.05, -20)])
        layer.crease(frame.head(line), 1.4, INK + 65)


def fringe(face: Face, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre lines, half widths and profile of the strands over the forehead, outer ones first."""
    shapes = {"hime": _hime, "swept": _swept, "parted": _parted, "spiky": _spiky, "messy": _messy, "wispy": _wispy}
    return shapes[face.bangs](rng, face.flip)


def _fan(x: np.ndarray, y: np.ndarray, root: np.ndarray, lean=0.0):
    """Strands from the crown along the curve of the head to tips (x, y); `lean` pulls all of them sideways."""
    order = np.argsort(-np.abs(x), kind="stable")
    x, y, root = x[order], y[order], root[order]
    return paths(np.stack([root, np.full_like(x, -41.0)], 1), np.stack([x * 1.02 - lean, np.full_like(x, -30.0)], 1),
                 np.stack([x, y], 1))


def _hime(rng, flip):
    x = np.linspace(-22, 22, 9) + rng.uniform(-0.8, 0.8, 9)
    y = -8.5 + 0.012 * x**2 + rng.uniform(-0.7, 0.7, 9)
    return _fan(x, y, x * 0.35), rng.uniform(2.8, 4.4, 9), BLUNT


def _swept(rng, flip):
    x = np.array([-24, -19, -13, -7, -1, 5, 11, 17, 23]) + rng.uniform(-1, 1, 9)
    y = np.array([4, -1, -5, -8, -10, -11, -9, -5, 0]) + rng.uniform(-1.5, 1.5, 9)
    lines = _fan(x, y, 10 + x * 0.15, lean=-7.0)
    return lines * (flip, 1), rng.uniform(3.4, 5.8, 9), BLADE


def _parted(rng, flip):
    x = np.array([-26, -23, -19, -14.5, 14.5, 19, 23, 26]) + rng.uniform(-0.8, 0.8, 8)
    y = np.array([10, 3, -5, -13, -13, -5, 3, 10]) + rng.uniform(-2, 2, 8)
    return _fan(x, y, np.sign(x) * 1.5 + x * 0.05), rng.uniform(3.8, 5.6, 8), BLADE


def _spiky(rng, flip):
    x = np.linspace(-24, 24, 8) + rng.uniform(-2, 2, 8)
    y = rng.uniform(-9, 0, 8) - 4 + 0.008 * x**2
    return _fan(x, y, x * 0.3 + 3 * flip, lean=3.0 * flip), rng.uniform(4.2, 5.6, 8), BLADE


def _messy(rng, flip):
    x = np.concatenate([np.linspace(-24, 24, 9) + rng.uniform(-2, 2, 9), rng.uniform(-3, 3, 1)])
    y = np.concatenate([rng.uniform(-11, -4, 9) + 0.012 * x[:9] ** 2, rng.uniform(4, 11, 1)])
    widths = np.concatenate([rng.uniform(3.6, 5.2, 9), [2.6]])
    order = np.argsort(-np.abs(x), kind="stable")
    return _fan(x, y, x * 0.3 + 2 * flip, lean=4.0 * flip), widths[order], BLADE


def _wispy(rng, flip):
    x = np.linspace(-24, 24, 11) + rng.uniform(-1.5, 1.5, 11)
    y = rng.uniform(-14, -5, 11) + 0.014 * x**2
    return _fan(x, y, x * 0.3 + 4 * flip, lean=4.0 * flip), rng.uniform(2.0, 3.4, 11), BLADE


def _side_locks(layer: Layer, face: Face, frame: Frame, rng: np.random.Generator) -> None:
    """Locks in front of the ears; with `none` the ears are visible."""
    if face.sides == "none":
        return
    length = rng.uniform(40, 54) if face.sides == "long" else rng.uniform(12, 24)
    for side in (-1, 1):
        roots = mirror([(21, -30), (18, -32), (20, -30)], side)
        bends = mirror([(33, -8), (29, -8), (28, -4)], side)
        tips = mirror([(28.5, length), (25.0, length - 4), (23.6, length * 0.55)], side)
        tips += rng.uniform(-1.5, 1.5, (3, 2))
        comb(layer, frame, wavy(paths(roots, bends, tips), face.wave * 0.7, rng), (4.4, 3.4, 2.6), TAIL, inked=0.3)


def _gloss(layer: Layer, face: Face, frame: Frame, rng: np.random.Generator) -> None:
    """The band of light around the head, with ragged edges, and a gradual decrease of light from top to bottom."""
    band = Image.new("L", (WIDE, WIDE), 128)
    x = np.linspace(-27, 27, 25)
    middle = -27.5 + 0.016 * x**2
    thick = (1 - (x / 29) ** 2) * 2.6
    teeth = np.where(np.arange(25) % 2, 1.5, -0.7) * rng.uniform(0.4, 1.3, 25)
    shape = np.concatenate([np.stack([x, middle - thick - teeth * 0.6], 1),
                            np.stack([x, middle + thick + teeth], 1)[::-1]])
    ImageDraw.Draw(band).polygon(frame.head(shape).ravel().tolist(), 128 + 62)
    layer.add(band)
    layer.add(fall())
