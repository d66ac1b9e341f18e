"""Lips, with or without teeth between them."""

import numpy as np

from cyclegan_style.portraits.fields import bump, over, step
from cyclegan_style.portraits.head import Face
from cyclegan_style.portraits.skin import tinted


def paint(face: Face, skin: np.ndarray) -> None:
    """Paints the mouth on the lit skin [h, w, 3] of the face's patch."""
    person = face.person
    rows, columns = (np.flatnonzero(place) for place in
                     (np.abs(face.v.ravel() - 42) < 16, np.abs(face.u.ravel()) < 26))
    at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    u, v, light, skin = face.u[:, at[1]], face.v[at[0]], face.light[at], skin[at]
    half = 13.2 + 3.8 * person.smile
    q = np.abs(u) / half
    dome = np.clip(1 - q * q, 0, 1)
    line = 41.0 + person.smile * (1.2 - 5.2 * q * q) - 0.35 * bump(q, 0, 0.15) + 0.35 * bump(q, 0.3, 0.2)
    gap = (2.8 + 2.6 * person.smile) * dome**0.8 if person.teeth else 0 * dome
    low = line + gap
    full = person.lips * (0.8 if person.teeth else 1.0)
    top = line - full * 4.1 * dome**0.72 * (1 - 0.16 * bump(q, 0, 0.11)) - 0.2
    bottom = low + full * 5.3 * dome**0.66 + 0.1
    ends = step(1.02 - q, 0, 0.08)

    soft = 0.45 if person.made_up else 0.8
    upper = step(v - top, -soft, soft) * (1 - step(v - line, -0.4, 0.4)) * ends
    lower = step(v - low, -0.4, 0.4) * step(bottom - v, -soft, soft) * ends
    ridges = 1 + 0.03 * np.sin(u * 3.1 + 0.6 * np.sin(v)) * np.ones_like(v)
    lips = np.array(person.lip_rgb, np.float32)
    over(skin, tinted(lips, light * ridges * 0.80), upper * 0.9)
    over(skin, tinted(lips, light * ridges * (0.88 + 0.20 * bump(v - low, 2.2 * full, 1.4))), lower * 0.9)
    wet = bump(v - low, 2.3 * full, 0.75) * bump(u - 3 * person.light[0], 0, 3.6) * (0.30 if person.made_up else 0.12)
    over(skin, (255, 240, 236), wet * lower)
    if person.teeth:
        _teeth(skin, light, person, u, v, q, line, low, ends)
    seam = bump(v - line, 0, 0.55)
    over(skin, np.array(person.lip_rgb, np.float32) * 0.28, seam * step(1.06 - q, 0, 0.2) * 0.8)
    corners = bump(np.abs(u), half + 0.6, 1.5) * bump(v - (41.2 - 4.0 * person.smile), 0, 1.5)
    over(skin, skin * np.array([0.62, 0.52, 0.5], np.float32), corners * 0.75)


def _teeth(skin, light, person, u, v, q, line, low, ends) -> None:
    """The dark of the mouth, and the upper teeth in it."""
    inside = step(v - line, -0.3, 0.4) * step(low - v, -0.3, 0.4) * ends
    over(skin, np.array([52, 22, 22], np.float32), inside)
    deep = line + (low - line) * (0.92 - 0.35 * q * q)
    row = inside * step(deep - v, -0.2, 0.5) * step(0.88 - q, 0, 0.2)
    parts = 1 - 0.13 * bump((u / (2.9 - 1.2 * q) + 0.5) % 1.0, 0.5, 0.07) * np.ones_like(v)
    bright = (0.62 + 0.38 * light) * (1 - 0.5 * q**2) * (0.78 + 0.22 * step(v - line, 0, 1.4)) * parts
    over(skin, np.array([232, 224, 212], np.float32) * bright[..., None], row)
