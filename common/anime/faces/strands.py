"""Strands of hair, many at a time: a strand is a curved blade with a shaded edge and an inked outline."""

import numpy as np

from common.anime.faces.layers import BASE, INK, Layer
from common.anime.faces.shapes import Frame, ribbon

STEPS = 10  # points along a strand
_T = np.linspace(0, 1, STEPS)
# Half widths along a strand, as shares of its greatest: a fringe starts narrow at the crown and ends in a point.
BLADE = np.interp(_T, (0, 0.3, 0.65, 0.85, 1), (0.30, 0.85, 1.0, 0.62, 0.0))
TAIL = np.interp(_T, (0, 0.15, 0.5, 0.8, 1), (0.55, 0.9, 1.0, 0.7, 0.05))
BLUNT = np.interp(_T, (0, 0.3, 0.8, 1), (0.35, 0.85, 1.0, 0.92))


def paths(roots, bends, tips) -> np.ndarray:
    """Centre lines [strands, STEPS, 2] from roots to tips, pulled towards the bends; all are [strands, 2]."""
    roots, bends, tips = (np.asarray(points, float)[:, None, :] for points in (roots, bends, tips))
    t = _T[None, :, None]
    return (1 - t) ** 2 * roots + 2 * t * (1 - t) * bends + t**2 * tips


def wavy(lines: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:
    """The strands, swung to both sides by up to `height` face units, more towards the tips; 0 leaves them straight."""
    if not height:
        return lines
    start = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 0.8, (len(lines), 1))
    swing = np.sin(_T * 11 + start) * height * _T
    return lines + np.stack([swing, np.zeros_like(swing)], -1)


def comb(layer: Layer, frame: Frame, lines: np.ndarray, widths, profile=BLADE, tones=None, inked: float = 0.3,
         ink: int = INK + 15) -> None:
    """Draws the strands in order: lines [strands, STEPS, 2] in face units, one half width and tone each.

    The outline, in the tone `ink`, starts at `inked` (0 root to 1 tip) of the way down: at the crown the lines would
    merge.
    """
    count = len(lines)
    tones = [BASE] * count if tones is None else np.asarray(tones).tolist()
    widths = np.broadcast_to(np.asarray(widths, float), count)[:, None] * profile
    # The shadow goes from here to the right edge: none at the root, so that the strands merge at the crown.
    light = lines + np.stack([widths * (1.0 - 0.6 * _T), np.zeros_like(widths)], -1)
    points = frame.head(np.concatenate([ribbon(lines, widths), light], axis=1))  # [strands, 3 STEPS, 2]
    first, second, light = points[:, :STEPS], points[:, 2 * STEPS - 1 : STEPS - 1 : -1], points[:, 2 * STEPS :]
    right = np.where((first > second)[:, STEPS // 2, :1, None], first, second)
    shapes, shadows = points[:, : 2 * STEPS], np.concatenate([light, right[:, ::-1]], axis=1)
    start = int(inked * STEPS)
    edges = shapes[:, start : 2 * STEPS - start]
    for shape, shadow, edge, tone in zip(*(each.reshape(count, -1).tolist() for each in (shapes, shadows, edges)),
                                         tones, strict=True):
        layer.blade(shape, shadow, edge, tone, ink)
