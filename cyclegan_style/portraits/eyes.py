"""Eyes with lids, lashes, iris and a highlight, and the brows."""

import numpy as np

from cyclegan_style.portraits.fields import Frame, blurred, bump, over, step
from cyclegan_style.portraits.head import Face
from cyclegan_style.portraits.strands import Layer

APART = 19.5  # from the middle of the face to the middle of an eye
HALF = 9.6  # half the width of an eye
IRIS = 4.2  # radius


def paint(face: Face, skin: np.ndarray, rng: np.random.Generator) -> None:
    """Paints both eyes on the lit skin [h, w, 3] of the face's patch."""
    for side in (-1, 1):
        rows, columns = (np.flatnonzero(np.abs(place.ravel()) < reach) for place, reach in
                         ((face.v, 14), (face.u - side * APART, 15)))
        at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        _eye(face, skin[at], face.light[at], side, face.u[:, at[1]], face.v[at[0]], rng)


def _eye(face: Face, skin, light, side: int, u, v, rng) -> None:
    """One eye; `out` grows from the nose to the temple, `down` downwards from the line between the corners."""
    person = face.person
    out = (u - side * APART) * side
    down = v + person.eye_tilt * out + 0.2
    along = out / HALF
    dome = np.clip(1 - along * along, 0, 1)
    upper = -4.1 * person.eye_open * (1 - 0.12 * person.smile) * dome**0.62 * (1 - 0.16 * along)
    lower = (2.8 - 0.5 * person.smile) * dome**0.85 * (1 + 0.22 * along)
    inside = step(down - upper, -0.3, 0.35) * step(lower - down, -0.3, 0.35) * step(1 - np.abs(along), 0, 0.06)
    near = step(1.12 - np.abs(along), 0, 0.14)

    lid = step(upper - down, -0.2, 0.6) * (1 - step(upper - down, 2.0, 4.2)) * near
    if person.made_up:  # eye shadow
        over(skin, skin * np.array([0.78, 0.68, 0.66], np.float32), lid * 0.75)
    crease = bump(upper - down - 3.0 - 0.5 * dome, 0, 0.75) * step(1.15 - np.abs(along - 0.05), 0, 0.3)
    over(skin, skin * np.array([0.62, 0.50, 0.46], np.float32), crease * (0.55 + 0.25 * person.age))
    pouch = bump(down - lower, 3.4 + 0.5 * dome, 1.0) * step(1.1 - np.abs(along), 0, 0.5)
    over(skin, skin * np.array([0.80, 0.72, 0.72], np.float32), pouch * (0.25 + 0.5 * person.age))
    rim = bump(down - lower, 0.5, 0.55) * near
    over(skin, skin * np.array([1.05, 0.93, 0.91], np.float32), rim * 0.5)

    over(skin, _ball(person, light, side, out, down, upper, along, rng), inside)
    lash = np.array(person.hair_rgb, np.float32) * 0.15 + (14, 9, 8)
    thick = 0.55 + 0.22 * along + 0.2 * person.made_up
    top = np.exp(-(((down - upper + 0.25) / thick) ** 2)) * step(1.1 - np.abs(along - 0.06), 0, 0.18)
    over(skin, lash, top * (0.92 if person.made_up else 0.72))
    wing = bump(down - upper + 0.9 * step(along, 0.5, 1.25), -0.7, 0.6)
    wing = wing * step(along, 0.2, 0.9) * step(1.28 - along, 0, 0.3)
    over(skin, lash, wing * (0.7 if person.made_up else 0.25))
    under = np.exp(-(((down - lower - 0.2) / 0.45) ** 2)) * near * step(along, -0.8, 0.6)
    over(skin, lash, under * (0.5 if person.made_up else 0.3))


def _ball(person, light, side: int, out, down, upper, along, rng) -> np.ndarray:
    """White, iris, pupil and highlight, [h, w, 3]."""
    shade = 0.50 + 0.50 * step(down - upper, -0.2, 3.6)  # the upper lid's shadow
    bright = shade * (1 - 0.22 * along * along) * (0.35 + 0.65 * light)
    white = np.array([226, 216, 210], np.float32) * bright[..., None]
    corner = step(-along, 0.74, 1.0) * np.ones_like(down)
    over(white, (176, 112, 104), corner * 0.7)
    x = out - side * (person.gaze[0] + 0.7 * person.turn)
    y = down - person.gaze[1] + 0.55
    far = np.sqrt(x * x + y * y) / IRIS
    spokes = np.arctan2(y, x) + 0 * far
    fibres = 1 + 0.10 * np.sin(spokes * 17 + rng.uniform(0, 6)) + 0.08 * np.sin(spokes * 29 + rng.uniform(0, 6))
    bright = (0.72 + 0.50 * bump(far, 0.62, 0.22) + 0.32 * (y / IRIS)) * fibres * (0.5 + 0.5 * shade)
    bright *= 1 - 0.62 * step(far, 0.72, 1.02)  # the dark ring around it
    iris = np.array(person.eye_rgb, np.float32) * bright[..., None]
    over(iris, (10, 8, 8), step(0.44 - far, -0.08, 0.08))
    over(white, iris, step(1.0 - far, -0.09, 0.09))
    towards = np.sign(person.light[0]) * min(1, 0.4 + abs(person.light[0]))
    glint = bump(x * side, 1.5 * towards, 0.55) * bump(y, -1.25, 0.55)
    over(white, (252, 250, 248), np.clip(1.25 * glint, 0, 0.95))
    return white


def brows(face: Face, canvas: np.ndarray, frame: Frame, rng: np.random.Generator) -> None:
    """Brows of single hairs on the canvas [h, w, 3]: upright near the nose, flat at the temple."""
    person = face.person
    colour = np.array(person.hair_rgb, np.float32) * (0.62 if person.hair in ("blonde", "gray") else 0.72)
    layer = Layer()
    for side in (-1, 1):
        count = 150
        t = rng.uniform(0, 1, count)
        thick = 1.9 * person.brow * np.interp(t, (0, 0.12, 0.5, 1), (0.8, 1.0, 0.75, 0.15))
        x = 7.5 + 23 * t
        y = -9.8 - 4.2 * np.sin(np.pi * np.clip(t * 0.92 + 0.02, 0, 1)) + 2.6 * t + rng.uniform(-1, 1, count) * thick
        angle = np.interp(t, (0, 0.3, 1), (-0.75, -0.30, 0.36)) + rng.normal(0, 0.08, count)
        length = rng.uniform(2.2, 4.2, count) * np.interp(t, (0, 1), (1, 0.8))
        root = np.stack([x, y - 1.0 * person.smile * 0.4], 1)
        tip = root + np.stack([np.cos(angle), np.sin(angle)], 1) * length[:, None]
        line = np.stack([root, tip], 1) * (side, 1)
        line[..., 0] += 7 * person.turn * np.clip(1 - (line[..., 0] / 47) ** 2, 0, 1)
        line[..., 1] += 3 * person.nod
        layer.draw(frame, line, np.ones((count, 2)))
    at = face.patch.at
    over(canvas[at], colour, np.maximum(0.8 * blurred(layer.alpha[at], 1.6), 0.35 * layer.alpha[at]))
