"""How skin reflects light, and the outline of the face."""

import numpy as np

from cyclegan_style.portraits.fields import step, track
from cyclegan_style.portraits.person import Portrait

_PLACES = np.linspace(0, 1.6, 1024)
# Skin scatters red light most: in the shade red decreases more slowly than green and blue.
_FALL = np.stack([_PLACES**power for power in (0.84, 1.06, 1.16)], axis=1).astype(np.float32)


def tinted(albedo: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Skin [..., 3] under light [...] (0 dark, 1 full)."""
    return albedo * _FALL[np.clip(light * (1023 / 1.6), 0, 1023).astype(np.int16)]


def lit(right: np.ndarray, down: np.ndarray, person: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Light and gloss of a surface that falls by `right` and `down` per unit to the right and down."""
    shape = 1 / np.sqrt(right * right + down * down + 1)
    x, y, z = person.light
    towards = (right * x + down * y + z) * shape
    half = np.array([x, y, z + 1]) / np.sqrt(x * x + y * y + (z + 1) ** 2)
    gloss = np.clip((right * half[0] + down * half[1] + half[2]) * shape, 0, 1)
    gloss *= gloss
    gloss *= gloss
    gloss *= gloss
    light = person.fill + (1.07 - person.fill) * step(towards, -0.35, 1.02)
    return light, gloss * gloss


def half_width(y: np.ndarray, person: Portrait) -> np.ndarray:
    """Half the width of the face at height y."""
    j, chin = person.jaw, 67.5 + 3 * person.long_face
    return track(y, (-73, 0), (-71, 12), (-64, 25), (-52, 34), (-36, 39), (-15, 41.2), (5, 41), (22, 39 + 0.6 * j),
                 (36, 35.8 + 1.8 * j), (48, 30 + 3.2 * j), (57, 23 + 3.2 * j), (chin - 4.4, 15 + 2.4 * j),
                 (chin - 1, 7.5 + 1.4 * j), (chin + 0.6, 0))
