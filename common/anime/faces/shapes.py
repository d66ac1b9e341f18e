"""Curves as arrays of points, and the frame that turns the head.

Points are in face units: one unit is about one pixel of the finished 96x96 image, the origin is between the eyes,
x grows to the right and y downwards. Layers are SCALE times as large as the image, which smooths the edges.
"""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np

SIZE = 96  # pixels of the finished image, as in the data of the course
SCALE = 3
WIDE = SIZE * SCALE  # pixels of a layer
# 1 / (half the width and height of the head, 29 and 62 face units)^2: turning the head moves nothing at this distance.
ROUND = np.array([29.0, 62.0]) ** -2


@cache
def _basis(steps: int) -> np.ndarray:
    """Catmull-Rom weights [steps, 4] at evenly spaced places of one piece."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    powers = np.concatenate([np.ones_like(t), t, t * t, t**3], axis=1)
    return powers @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)


def curve(points, steps: int = 6, closed: bool = False) -> np.ndarray:
    """A smooth line [n, 2] through the points; a closed one returns to the first."""
    return _curve(tuple(map(tuple, points)), steps, closed)


@lru_cache(maxsize=1024)  # most of the lines are the same in every face
def _curve(knots: tuple, steps: int, closed: bool) -> np.ndarray:
    points = np.array(knots, float)
    if closed:
        points = np.concatenate([points[-1:], points, points[:2]])
    else:
        points = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    pieces = np.stack([points[:-3], points[1:-2], points[2:-1], points[3:]], axis=1)  # [pieces, 4, 2]
    line = np.einsum("sk,pkc->psc", _basis(steps), pieces).reshape(-1, 2)
    if not closed:
        line = np.concatenate([line, points[-2:-1]])
    line.flags.writeable = False  # it is shared
    return line


@cache
def _circle(steps: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, width: float, height: float, steps: int = 24) -> np.ndarray:
    """An ellipse around (x, y), as points [steps, 2]; width and height are half axes."""
    return _circle(steps) * (width, height) + (x, y)


def ribbon(line: np.ndarray, widths) -> np.ndarray:
    """The outline [..., 2n, 2] of a stroke along line [..., n, 2] with the half widths given at its points."""
    along = np.empty_like(line)
    along[..., 1:-1, :] = line[..., 2:, :] - line[..., :-2, :]
    along[..., 0, :] = line[..., 1, :] - line[..., 0, :]
    along[..., -1, :] = line[..., -1, :] - line[..., -2, :]
    along /= np.maximum(np.sqrt((along**2).sum(-1, keepdims=True)), 1e-6)
    across = np.stack([along[..., 1], -along[..., 0]], axis=-1) * np.asarray(widths, float)[..., None]
    return np.concatenate([line + across, (line - across)[..., ::-1, :]], axis=-2)


def mirror(points: np.ndarray, side: int) -> np.ndarray:
    """The points as they are for side 1, their mirror image for side -1."""
    return np.asarray(points, float) * (side, 1)


@dataclass(frozen=True)
class Frame:
    """How the face stands in the image: its position, size and tilt, and how far it looks to the side."""

    x: float  # pixels of the finished picture
    y: float
    scale: float
    lean: float  # radians, clockwise
    turn: float  # -1 to 1: to the picture's left or right
    nod: float  # -1 to 1: up or down

    def head(self, points) -> np.ndarray:
        """Face units [..., 2] on the layer: points near the nose move with turn and nod, as on a ball."""
        points = np.asarray(points, float)
        turning, middle, near = self._head
        depth = np.sqrt(np.maximum(1 - (points * points) @ ROUND, 0))
        return points @ turning + middle + depth[..., None] * near

    def body(self, points) -> np.ndarray:
        """Neck and clothes: they do not turn, and lean a third of the way."""
        turning, middle = self._body
        return np.asarray(points, float) @ turning + middle

    @cached_property
    def _head(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        turning, middle = self._place(self.lean)
        return turning, middle, np.array([5.5 * self.turn, 3.0 * self.nod]) @ turning

    @cached_property
    def _body(self) -> tuple[np.ndarray, np.ndarray]:
        return self._place(self.lean / 3)

    def _place(self, lean: float) -> tuple[np.ndarray, np.ndarray]:
        """The matrix and the shift that bring face units onto the layer."""
        cos, sin = np.cos(lean) * self.scale * SCALE, np.sin(lean) * self.scale * SCALE
        return np.array([[cos, sin], [-sin, cos]]), np.array([self.x, self.y]) * SCALE
