"""The background, out of focus, and the camera that takes the photograph."""

import colorsys

import numpy as np
from PIL import Image

from cyclegan_style.portraits.fields import HIGH, SIZE, WIDE, bump, noise, reduced, step
from cyclegan_style.portraits.person import Portrait

_SMALL = (109, 89)  # rows and columns of the scene before it is enlarged: it is out of focus


def _colour(rng, saturation: float, low: float, high: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, saturation), rng.uniform(low, high))) * 255


def background(person: Portrait, rng: np.random.Generator) -> np.ndarray:
    """The scene, [HIGH, WIDE, 3] with values 0 to 255."""
    y, x = np.linspace(-1, 1, _SMALL[0])[:, None], np.linspace(-1, 1, _SMALL[1])[None]
    scenes = {"studio": _studio, "blobs": _blobs, "lights": _lights, "outdoors": _outdoors, "panels": _panels}
    small = scenes[person.scene](rng, x, y)
    picture = Image.fromarray(small.clip(0, 255).astype(np.uint8)).resize((WIDE, HIGH), Image.Resampling.BICUBIC)
    return np.asarray(picture).astype(np.float32)


def _mix(first, second, share) -> np.ndarray:
    return first + np.asarray(share)[..., None] * (second - first)


def _studio(rng, x, y):
    """A plain wall, brighter somewhere behind the head."""
    wall = _colour(rng, 0.5, 0.15, 0.95)
    glow = bump(x - rng.uniform(-0.6, 0.6), 0, 0.8) * bump(y - rng.uniform(-0.6, 0.3), 0, 0.8)
    return wall * (0.62 + 0.45 * glow)[..., None] * (1 + 0.04 * noise(rng, _SMALL, (6, 5)))[..., None]


def _blobs(rng, x, y):
    """Large soft patches of a room or a street."""
    scene = np.broadcast_to(_colour(rng, 0.35, 0.15, 0.8), (*_SMALL, 3)).astype(np.float64)
    for _ in range(rng.integers(5, 10)):
        patch = bump(x, rng.uniform(-1.1, 1.1), rng.uniform(0.12, 0.5))
        patch = patch * bump(y, rng.uniform(-1.1, 1.1), rng.uniform(0.15, 0.7))
        scene = _mix(scene, _colour(rng, 0.6, 0.08, 1.0), patch * rng.uniform(0.4, 0.95))
    return scene


def _lights(rng, x, y):
    """A dark place with round lights out of focus."""
    scene = _blobs(rng, x, y) * 0.45
    for _ in range(rng.integers(8, 22)):
        far = np.hypot((x - rng.uniform(-1.1, 1.1)) * 0.82, y - rng.uniform(-1.1, 1.0)) / rng.uniform(0.05, 0.17)
        disc = step(1 - far, -0.1, 0.15) * (0.75 + 0.25 * far)
        scene = scene + (disc * rng.uniform(0.15, 0.75))[..., None] * _colour(rng, 0.6, 0.7, 1.0)
    return scene


def _outdoors(rng, x, y):
    """Sky above, leaves or stone below, mottled light."""
    sky, ground = np.array([190, 208, 226]) * rng.uniform(0.8, 1.1), _colour(rng, 0.2, 0.3, 0.6)
    if rng.random() < 0.7:
        ground = np.array([84, 108, 58]) * rng.uniform(0.5, 1.2) + rng.uniform(-14, 14, 3)
    edge = y - rng.uniform(-1.6, 0.6) + 0.22 * noise(rng, _SMALL, (5, 6))
    leaves = 1 + 0.22 * noise(rng, _SMALL, (18, 15)) + 0.12 * noise(rng, _SMALL, (8, 7))
    return _mix(sky, ground * leaves[..., None], step(edge, -0.25, 0.25))


def _panels(rng, x, y):
    """Upright stripes of a wall, shelves or curtains."""
    scene = np.broadcast_to(_colour(rng, 0.4, 0.2, 0.9), (*_SMALL, 3)).astype(np.float64)
    for _ in range(rng.integers(3, 8)):
        left, soft = rng.uniform(-1.2, 1.0), rng.uniform(0.03, 0.12)
        band = step(x - left, -soft, soft) * (1 - step(x - left - rng.uniform(0.15, 0.8), -soft, soft)) + 0 * y
        scene = _mix(scene, _colour(rng, 0.5, 0.1, 0.95), band * rng.uniform(0.3, 0.9))
    return scene * (1 - 0.15 * y)[..., None]


def photograph(canvas: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """The canvas as a camera would record it: reduced, slightly blurred, tinted, darker in the corners, with noise."""
    small = reduced(canvas)
    strength = rng.uniform(0.06, 0.2)
    wide = np.pad(small, ((1, 1), (1, 1), (0, 0)), "edge")
    wide = (1 - 2 * strength) * wide[1:-1] + strength * (wide[2:] + wide[:-2])
    soft = (1 - 2 * strength) * wide[:, 1:-1] + strength * (wide[:, 2:] + wide[:, :-2])
    y, x = np.linspace(-1, 1, SIZE[1])[:, None], np.linspace(-1, 1, SIZE[0])[None]
    corners = 1 - rng.uniform(0, 0.16) * (x * x + y * y)
    warm = rng.uniform(-0.04, 0.05)
    tint = rng.uniform(0.9, 1.06) * np.array([1 + warm, 1, 1 - warm])
    grain = rng.standard_normal((*SIZE[::-1], 1)) * 0.7 + rng.standard_normal((*SIZE[::-1], 3)) * 0.5
    shot = 255 * (np.clip(soft / 255, 0, 1.2)) ** rng.uniform(0.88, 1.1) * corners[..., None] * tint
    shot = np.where(shot > 225, 225 + 30 * np.tanh((shot - 225) / 30), shot)  # highlights roll off
    return Image.fromarray((shot + grain * rng.uniform(1, 3)).round().clip(0, 255).astype(np.uint8))
