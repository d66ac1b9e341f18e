"""The three shapes of i-CLEVR as solids, and where rays hit them.

An object is about 1.6 units wide. x goes right, y away from the viewer, z up; the ground is
z = 0. Points and directions are arrays [3, ...].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Half the extent along the axes of the solid. A cube is smaller, since it shows its diagonal when turned.
HALF = {"cube": (0.66, 0.66, 0.66), "sphere": (0.82, 0.82, 0.82), "cylinder": (0.7, 0.7, 0.8)}


@dataclass(frozen=True)
class Solid:
    """One object on the ground."""

    shape: str  # "cube", "sphere", "cylinder"
    place: tuple[float, float]  # x, y of its middle
    angle: float  # radians around the vertical axis
    albedo: tuple[float, float, float]  # share of red, green and blue light that it reflects

    @property
    def half(self) -> np.ndarray:
        """Half its extent along its own axes; [3]."""
        return np.array(HALF[self.shape], np.float32)

    @property
    def centre(self) -> np.ndarray:
        """Its centre, half its height above the ground; [3]."""
        return np.array([*self.place, self.half[2]], np.float32)

    @property
    def reach(self) -> float:
        """Radius of the circle around it on the ground."""
        x, y, _ = HALF[self.shape]
        return math.hypot(x, y) if self.shape == "cube" else x

    @property
    def radius(self) -> float:
        """Radius of the ball around it."""
        return self.reach if self.shape == "sphere" else math.hypot(self.reach, self.half[2])

    @property
    def axes(self) -> np.ndarray:
        """Its own axes as rows; [3, 3]."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)

    def corners(self) -> np.ndarray:
        """Corners of the box around it; [3, 8]."""
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), np.float32).reshape(3, 8)
        return self.axes.T @ (signs * self.half[:, None]) + self.centre[:, None]


def enter(solid: Solid, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Where the rays `origins + t * directions`, both [3, ...], enter the solid: t, or inf where they miss it.

    Rays must start outside.
    """
    to_own = solid.axes / solid.half[:, None]  # its own coordinates go from -1 to 1
    o = np.tensordot(to_own, (origins.T - solid.centre).T, 1)
    d = np.tensordot(to_own, directions, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if solid.shape == "sphere":
            near, far = _in_ball(o, d)
        elif solid.shape == "cube":
            near, far = _in_slabs(o, d)
        else:
            (near, far), (low, high) = _in_ball(o[:2], d[:2]), _in_slabs(o[2:], d[2:])
            near, far = np.maximum(near, low), np.minimum(far, high)
        return np.where((near < far) & (near > 0), near, np.inf)


def _in_ball(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which t the rays are within 1 of the centre; nan where they never are."""
    a, b, c = (d * d).sum(0), (o * d).sum(0), (o * o).sum(0) - 1
    a = np.maximum(a, 1e-12)  # 0 for a ray along a cylinder
    root = np.sqrt(b * b - a * c)
    return (-b - root) / a, (-b + root) / a


def _in_slabs(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which t all coordinates of the rays are from -1 to 1."""
    first, second = (-1 - o) / d, (1 - o) / d  # infinite, with the right sign, for a ray along the slab
    return np.minimum(first, second).max(0), np.maximum(first, second).min(0)


def normals(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Unit normals of the surface at `points` [3, N] on it; [3, N]."""
    own = np.tensordot(solid.axes / solid.half[:, None], points - solid.centre[:, None], 1)
    if solid.shape == "cube":
        side = np.abs(own).argmax(0)
        own = np.where(np.arange(3)[:, None] == side, np.sign(own), 0)
    elif solid.shape == "cylinder":
        cap = np.abs(own[2]) > np.hypot(own[0], own[1])
        own = np.where(cap, [[0], [0], [1]] * np.sign(own[2]), own * [[1], [1], [0]])
    own = own / np.sqrt((own * own).sum(0))
    return (solid.axes.T @ own).astype(np.float32)
