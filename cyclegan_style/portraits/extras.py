"""Beards and glasses."""

import numpy as np

from cyclegan_style.portraits.fields import Frame, bump, noise, over, step
from cyclegan_style.portraits.head import Face
from cyclegan_style.portraits.person import Portrait


def beard(face: Face, skin: np.ndarray, rng: np.random.Generator) -> None:
    """Darkens jaw, chin and upper lip of the lit skin [h, w, 3] with short hair."""
    person = face.person
    if not person.beard:
        return
    a, v = np.abs(face.u), face.v
    edge = 33 - 5 * np.cos(np.clip((a - 20) / 22, -1, 1) * np.pi) - 0.55 * np.clip(a - 26, 0, 20) ** 1.35
    jaw = step(v - edge - 8 * bump(a, 0, 9), -3, 5)
    lip = bump(v - 0.05 * a, 35, 2.6) * step(17 - a, 0, 4)
    full = person.beard == "beard"
    place = np.maximum(jaw, lip * (1.0 if full else 0.8)) * (1 - bump(a, 0, 11) * bump(v, 43, 4.5) * 0.9)
    grain = noise(rng, skin.shape[:2], skin.shape[:2])
    along = noise(rng, skin.shape[:2], (skin.shape[0] // 5, skin.shape[1] // 2))
    colour = np.array(person.hair_rgb, np.float32) * 0.8
    if full:
        tone = (0.55 + 0.5 * face.light + 0.16 * along + 0.08 * grain)[..., None]
        over(skin, colour * tone, np.clip(place * (0.86 + 0.12 * along), 0, 0.95))
    else:
        over(skin, colour, np.clip(place * (0.24 + 0.10 * grain), 0, 0.6))


def glasses(canvas: np.ndarray, person: Portrait, frame: Frame) -> None:
    """Frames around both eyes, their shadow and a faint reflection."""
    if not person.glasses:
        return
    patch = frame.patch(-50, -26, 50, 30)
    u = patch.x - 7 * person.turn * np.clip(1 - (patch.x / 47) ** 2, 0, 1)
    v = patch.y - 3 * person.nod
    wide = 0.75 if person.glasses == "thin" else 1.5
    rim = np.zeros(np.broadcast_shapes(u.shape, v.shape), np.float32)
    glass = np.zeros_like(rim)
    for side in (-1, 1):
        x, y = (u - side * 20) / 15.2, (v - 2.5) / 11.5
        far = (np.abs(x) ** 2.8 + np.abs(y) ** 2.8) ** (1 / 2.8)
        rim = np.maximum(rim, step(wide / 13 - np.abs(far - 1), -0.02, 0.04))
        glass += step(1 - far, 0, 0.05) * bump(x + 0.6 * y, 0.4, 0.16)
    rim = np.maximum(rim, step(wide - np.abs(v + 3 - 0.02 * u * u), -0.3, 0.4) * (np.abs(u) < 6))
    rim = np.maximum(rim, step(wide - np.abs(v + 1), -0.3, 0.4) * (np.abs(u) > 34.5) * (np.abs(patch.x) < 44))
    at = patch.at
    canvas[at] *= 1 - 0.25 * np.roll(rim, 4, 0)[..., None]
    over(canvas[at], (255, 255, 255), glass * 0.10)
    over(canvas[at], (38, 30, 28) if person.glasses == "thick" else (96, 84, 74), rim * 0.9)
