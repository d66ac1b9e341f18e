"""Hair made of single strands: lines between guides, and their light.

A strand is one pixel of the canvas wide, half a pixel of the image, as fine as a photograph would show it.
"""

from functools import cache

import numpy as np

from cyclegan_style.portraits.fields import HIGH, WIDE, Frame, filled, step
from cyclegan_style.portraits.person import Portrait

COARSE = 24  # points along a strand, before it is drawn


class Layer:
    """Tones (0 dark, 0.5 the hair's own colour, 1 gloss) and where they are, on the canvas."""

    def __init__(self):
        # One more pixel on every side catches what leaves the canvas: that is faster than to filter it.
        self._tone = np.full((HIGH + 2, WIDE + 2), 0.2, np.float32)
        self._alpha = np.zeros((HIGH + 2, WIDE + 2), np.float32)
        self.tone, self.alpha = self._tone[1:-1, 1:-1], self._alpha[1:-1, 1:-1]

    def mass(self, frame: Frame, outline: np.ndarray, tone: float) -> None:
        """Fills a closed line [n, 2], in head units."""
        inside = filled(frame.place(outline)) > 0
        self.tone[inside] = tone
        self.alpha[inside] = 1

    def draw(self, frame: Frame, lines: np.ndarray, tones: np.ndarray, faint: float = 1.0) -> None:
        """Draws strands [n, points, 2], in head units, with tones [n, points]; later ones cover earlier ones.

        Their tips fade out; `faint` (0 to 1) is their opacity elsewhere.
        """
        places = frame.place(lines)
        steps = np.sqrt(np.diff(places[..., 0]) ** 2 + np.diff(places[..., 1]) ** 2).max()
        between = _between(lines.shape[1], int(steps * 1.05) + 1)
        x, y = (np.clip(places[..., k] @ between, -1, end).astype(np.int32) for k, end in ((0, WIDE), (1, HIGH)))
        where = (y + 1) * (WIDE + 2) + x + 1
        self._tone.ravel()[where] = tones.astype(np.float32) @ between
        fade = (faint * np.minimum(1, np.linspace(8, 0.15, x.shape[1]))).astype(np.float32)
        tips = int(x.shape[1] * 0.85) if faint == 1 else 0
        alpha = self._alpha.ravel()
        alpha[where[:, :tips]] = 1
        alpha[where[:, tips:]] = np.maximum(alpha[where[:, tips:]], fade[tips:])


@cache
def _between(points: int, dense: int) -> np.ndarray:
    """The matrix [points, (points - 1) * dense] that interpolates `dense` points on every segment of a line."""
    place = np.arange((points - 1) * dense) / dense
    return np.maximum(0, 1 - np.abs(place[None] - np.arange(points)[:, None])).astype(np.float32)


@cache
def _smooth(points: int, dense: int) -> np.ndarray:
    """The matrix [dense, points] of a smooth (Catmull-Rom) line through points, both ends included."""
    place = np.linspace(0, points - 1, dense)
    first = np.minimum(place.astype(int), points - 2)
    t = (place - first)[:, None]
    powers = np.concatenate([np.ones_like(t), t, t * t, t**3], axis=1)
    weights = powers @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)
    matrix = np.zeros((dense, points))
    for k in range(4):
        np.add.at(matrix, (np.arange(dense), np.clip(first + k - 1, 0, points - 1)), weights[:, k])
    return matrix.astype(np.float32)


def between(guides: np.ndarray, count: int, rng: np.random.Generator, wave: float = 0.0, loose: float = 1.0,
            clumps: int = 48, tight: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Strands [count, COARSE, 2] between guides [guides, knots, 2], and their own shade [count, 1], around 0.

    They form `clumps` with similar waves and shade. `wave` and `loose` are head units: the amplitude of the waves, and
    how far the tips spread.
    """
    smooth = _smooth(guides.shape[1], COARSE)
    lines = np.einsum("mk,gkc->gmc", smooth, guides.astype(np.float32))
    place = rng.uniform(0, len(guides) - 1, count)
    clump = (place / (len(guides) - 1) * clumps).astype(int).clip(0, clumps - 1)
    middle = (clump + 0.5) / clumps * (len(guides) - 1)
    across = _smooth(len(guides), 400)
    strands, centres = (np.einsum("ng,gmc->nmc", across[(at / (len(guides) - 1) * 399).astype(int)], lines)
                        for at in (place, middle))
    t = np.linspace(0, 1, COARSE, dtype=np.float32)[None, :, None]
    strands += (centres - strands) * tight * t * t
    stray = rng.normal(0, 1.1, (clumps, 2))[clump] + rng.normal(0, 0.6, (count, 2))
    strands += loose * stray[:, None] * t**1.5
    strands = _shortened(strands, 1 - (0.10 * rng.random(clumps)[clump] + 0.12 * rng.random(count) ** 2))
    if wave:
        phase = (rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.6, clumps))[clump] + rng.normal(0, 0.2, count)
        speed = rng.uniform(8, 15)
        strands[..., 0] += wave * np.sin(t[..., 0] * speed + phase[:, None]) * np.minimum(1, 1.6 * t[..., 0])
    shade = rng.normal(0, 0.05, clumps)[clump] + rng.normal(0, 0.075, count)
    return strands, shade[:, None]


def _shortened(strands: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The strands [n, points, 2], each shortened to a share [n] of its length."""
    place = np.arange(strands.shape[1])[None] * share[:, None]
    first = np.minimum(place.astype(int), strands.shape[1] - 2)
    part, rows = (place - first)[..., None].astype(np.float32), np.arange(len(strands))[:, None]
    return strands[rows, first] * (1 - part) + strands[rows, first + 1] * part


def light(strands: np.ndarray, shade: np.ndarray, person: Portrait, shine: float = 1.0) -> np.ndarray:
    """Tones [count, points] of strands on a head: brighter towards the light, with gloss across the strands."""
    x, y = strands[..., 0], strands[..., 1]
    depth = np.sqrt(np.clip(1 - (x / 62) ** 2 - (np.minimum(y + 22, 0) / 66) ** 2, 0.02, 1))
    along = np.stack([np.gradient(x, axis=1), np.gradient(y, axis=1), np.gradient(52 * depth, axis=1)], -1)
    along /= np.sqrt((along * along).sum(-1, keepdims=True)) + 1e-6
    towards = np.array(person.light, np.float32)
    half = towards + np.array((0, 0, 1), np.float32)
    half /= np.sqrt((half**2).sum())
    gloss = np.clip(1 - (along @ half) ** 2, 0, 1)
    wash = np.sqrt(np.clip(1 - (along @ towards) ** 2, 0, 1))
    side = x / 62 * towards[0] - 0.4 * np.minimum(y + 22, 0) / 66 * -towards[1] + depth * towards[2]
    tones = 0.12 + 0.44 * np.clip(0.35 + 0.65 * side, 0.1, 1.2) * (0.45 + 0.55 * wash) + shade
    tones *= 1 - 0.4 * step(y, -5, 35) * (1 - step(np.abs(x), 40, 54))  # in the shade of the face
    tones *= np.interp(np.linspace(0, 1, x.shape[1]), (0, 0.15), (0.72, 1)).astype(np.float32)  # darker at the roots
    return tones + shine * 0.5 * gloss**16 * depth * (1 + 4 * shade)


def ramp(person: Portrait) -> np.ndarray:
    """Colours [256, 3] of the tones 0 to 1."""
    own = np.array(person.hair_rgb, float)
    gloss = own + (0.30 if person.hair in ("blonde", "gray") else 0.24) * (np.array([255, 246, 236]) - own)
    dark = own * (0.30, 0.26, 0.24)
    tones = np.linspace(0, 1, 256)
    return np.stack([np.interp(tones, (0, 0.5, 1), knots) for knots in zip(dark, own, gloss, strict=True)], 1).astype(
        np.float32)
