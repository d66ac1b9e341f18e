"""The objects of a scene and their positions, as a pure function of (seed, scene)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lab5_cgan import labels
from lab5_cgan.render import HEIGHT, WIDTH, Camera, Lamp, Light, depths, project, rays
from lab5_cgan.solids import Solid

OBJECTS = 3  # in a whole scene
ALBEDO = {"gray": (0.3, 0.3, 0.3), "red": (0.72, 0.11, 0.11), "blue": (0.13, 0.28, 0.86),
          "green": (0.1, 0.42, 0.06), "brown": (0.52, 0.28, 0.07), "purple": (0.52, 0.13, 0.7),
          "cyan": (0.14, 0.78, 0.78), "yellow": (0.95, 0.86, 0.16)}
SEEN = 0.6  # least share of an object that the others do not hide
IN_SQUARE = 0.25  # least share of an object inside the middle square of the image, to which it may be cropped
SIDE = 0.46  # how far to the side objects may stand, as a share of the depth: the whole width of the image, as in CLEVR
GAP = 0.4  # least distance between two objects


@dataclass(frozen=True)
class Object:
    """An object: its label (see labels.OBJECTS), its position and its rotation (radians)."""

    label: int
    place: tuple[float, float]
    angle: float

    @property
    def solid(self) -> Solid:
        """The solid to render."""
        colour, shape = labels.OBJECTS[self.label].split()
        return Solid(shape, self.place, self.angle, ALBEDO[colour])


@dataclass(frozen=True)
class Scene:
    """Three different objects in their order of appearance, with camera and light."""

    objects: tuple[Object, ...]
    camera: Camera
    light: Light
    grain: int  # seed of the grain of the images


def describe(seed: int, scene: int) -> Scene:
    """Scene number `scene` of a set."""
    rng = np.random.default_rng([seed, scene])
    camera, light = _camera(rng), _light(rng)
    kinds = [int(label) for label in rng.choice(len(labels.OBJECTS), OBJECTS, replace=False)]
    while True:
        objects = tuple(Object(label, _place(rng, camera), rng.uniform(0, math.pi / 2)) for label in kinds)
        if is_valid(camera, [thing.solid for thing in objects]):
            return Scene(objects, camera, light, int(rng.integers(2**32)))


def is_valid(camera: Camera, solids: Sequence[Solid]) -> bool:
    """Whether the solids do not touch, are in the image, and enough of each is visible."""
    if any(math.dist(first.place, second.place) < first.reach + second.reach + GAP
           for first, second in combinations(solids, 2)):
        return False
    columns = np.concatenate([project(camera, solid.corners())[0] for solid in solids])
    return columns.min() > 0 and columns.max() < WIDTH and \
        all(seen >= SEEN and square >= IN_SQUARE for seen, square in visible_shares(camera, solids))


def visible_shares(camera: Camera, solids: Sequence[Solid]) -> list[tuple[float, float]]:
    """For each solid the share that the others do not hide, and the share inside the middle square of the image."""
    depth = depths(camera, solids, rays(camera))
    own = np.isfinite(depth)
    front = own & (depth == depth.min(0))
    margin = (WIDTH - HEIGHT) // 2
    whole = own.sum((1, 2))
    middle = own[:, :, margin:-margin].sum((1, 2))
    return list(zip(front.sum((1, 2)) / whole, middle / whole, strict=True))


def _place(rng: np.random.Generator, camera: Camera) -> tuple[float, float]:
    """Somewhere on the ground in front of the camera."""
    depth = rng.uniform(7, 12.8)  # along the ground
    side = rng.uniform(-SIDE, SIDE) * depth
    c, s = math.cos(camera.yaw), math.sin(camera.yaw)
    return camera.place[0] + side * c + depth * s, camera.place[1] + depth * c - side * s


def _camera(rng: np.random.Generator) -> Camera:
    """The view of CLEVR from above, slightly varied."""
    x, y, z = rng.uniform(-0.4, 0.4, 3).tolist()
    return Camera((x, y - 10.1, z + 5), 0.45 + 0.08 * z + rng.uniform(-0.02, 0.02), -0.1 * x)


def _light(rng: np.random.Generator) -> Light:
    """A warm lamp in front, a cool one to the left and a weak one behind, each slightly varied."""
    lamps = []
    for place, radius, power, tint in [((2.3, -6.7, 4.3), 0.8, 8.0, (1.04, 1, 0.93)),
                                       ((-6.4, 0.6, 3.0), 1.0, 3.4, (0.98, 1, 1.04)),
                                       ((1.1, 2.7, 5.8), 1.0, 2.8, (1, 1, 1))]:
        x, y, z = (place + rng.uniform(-1, 1, 3)).tolist()
        strength = power * rng.uniform(0.85, 1.15)
        lamps.append(Lamp((x, y, z), radius, tuple(strength * share for share in tint)))
    return Light(tuple(lamps), rng.uniform(0.16, 0.185))
