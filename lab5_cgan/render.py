"""A small ray tracer: matt solids on a grey ground under soft lamps. Nothing is random; see `solids` for units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab5_cgan.solids import Solid, enter, normals

WIDTH, HEIGHT = 128, 96  # of an image, pixels
FOCAL = 140  # pixels: the lens of CLEVR, 49 degrees wide
FINE = 2  # rays per pixel along each side, for the sharp edges of solids; the ground gets one ray
LAMP_POINTS = 10  # that represent the disc of a lamp in soft shadows
GROUND = 0.7  # share of light that it reflects


@dataclass(frozen=True)
class Camera:
    """A camera at `place` that looks `pitch` radians below the horizon and `yaw` to the right of the y axis."""

    place: tuple[float, float, float]
    pitch: float
    yaw: float

    @property
    def axes(self) -> np.ndarray:
        """Right, down and forward as rows; [3, 3]."""
        c, s, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        return np.array([[c, -s, 0], [-s * sp, -c * sp, -cp], [s * cp, c * cp, -sp]], np.float32)


@dataclass(frozen=True)
class Lamp:
    """A round lamp."""

    place: tuple[float, float, float]
    radius: float
    power: tuple[float, float, float]  # red, green, blue light at distance 1

    def points(self) -> np.ndarray:
        """Points spread evenly over a level disc; [3, LAMP_POINTS]."""
        turn = np.arange(LAMP_POINTS) * math.pi * (3 - math.sqrt(5))  # the golden angle
        out = self.radius * np.sqrt((np.arange(LAMP_POINTS) + 0.5) / LAMP_POINTS)
        disc = np.array([out * np.cos(turn), out * np.sin(turn), 0 * out])
        return (disc + np.array(self.place)[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Light:
    """All light of a scene."""

    lamps: tuple[Lamp, ...]
    around: float  # ambient light


def rays(camera: Camera, fine: int = 1) -> np.ndarray:
    """Directions through the pixels, `fine` per pixel along each side; [3, HEIGHT * fine, WIDTH * fine].

    Their component along the axis of the camera is 1, so t of a ray is the depth.
    """
    columns = (np.arange(WIDTH * fine, dtype=np.float32) + 0.5) / fine - WIDTH / 2
    rows = (np.arange(HEIGHT * fine, dtype=np.float32) + 0.5) / fine - HEIGHT / 2
    right, down, forward = camera.axes[:, :, None, None]
    return right * (columns / FOCAL) + down * (rows / FOCAL)[:, None] + forward


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Column and row, in pixels, of points [3, N] in the image; [2, N]."""
    right, down, depth = camera.axes @ (points - np.array(camera.place, np.float32)[:, None])
    return np.array([WIDTH / 2 + FOCAL * right / depth, HEIGHT / 2 + FOCAL * down / depth])


def depths(camera: Camera, solids: Sequence[Solid], directions: np.ndarray) -> np.ndarray:
    """Depth of each solid along camera rays [3, rows, columns], inf where a ray misses it; [solids, rows, columns]."""
    fine = directions.shape[2] / WIDTH
    place = np.array(camera.place, np.float32)[:, None, None]
    result = np.full((len(solids), *directions.shape[1:]), np.inf, np.float32)
    for solid, depth in zip(solids, result, strict=True):
        corners = project(camera, solid.corners()) * fine
        left, top = np.maximum(np.floor(corners.min(1)), 0).astype(int)
        right, bottom = np.maximum(np.ceil(corners.max(1)), 0).astype(int)
        depth[top:bottom, left:right] = enter(solid, place, directions[:, top:bottom, left:right])
    return result


def picture(camera: Camera, light: Light, solids: Sequence[Solid], grain: np.ndarray) -> np.ndarray:
    """Renders a scene; uint8 [HEIGHT, WIDTH, 3]. `grain`, [HEIGHT, WIDTH], is added to it in steps of 1/255."""
    place = np.array(camera.place, np.float32)[:, None]
    ground = _ground(place, rays(camera).reshape(3, -1), light, solids).reshape(3, HEIGHT, WIDTH)
    linear = ground.repeat(FINE, 1).repeat(FINE, 2)
    if solids:
        directions = rays(camera, FINE)
        depth = depths(camera, solids, directions)
        nearest = np.where(np.isfinite(depth.min(0)), depth.argmin(0), -1)
        for number, solid in enumerate(solids):
            visible = nearest == number
            points = place + depth[number, visible] * directions[:, visible]
            others = [other for other in solids if other is not solid]  # a convex solid does not shade itself
            linear[:, visible] = np.array(solid.albedo)[:, None] * _lit(points, normals(solid, points), light, others)
    linear = linear.reshape(3, HEIGHT, FINE, WIDTH, FINE).mean((2, 4))
    shown = 255 * linear.clip(0, 1) ** (1 / 2.2) + grain
    return (shown + 0.5).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def _ground(place: np.ndarray, directions: np.ndarray, light: Light, solids: Sequence[Solid]) -> np.ndarray:
    """Colour of the ground along rays [3, N] from `place` [3, 1]; linear RGB [3, N]."""
    points = place - place[2] / directions[2] * directions
    up = np.array([[0], [0], [1]], np.float32)
    return GROUND * _lit(points, up, light, solids)


def _lit(points: np.ndarray, facing: np.ndarray, light: Light, solids: Sequence[Solid]) -> np.ndarray:
    """Light on points [3, N] that face along `facing` [3, N] or [3, 1]; [3, N]. `solids` may shade them."""
    total = light.around * (0.6 + 0.4 * facing[2]) * _ambient_share(points, solids) * np.ones((3, 1), np.float32)
    for lamp in light.lamps:
        way = np.array(lamp.place, np.float32)[:, None] - points
        square = _dot(way, way)
        bright = (_dot(way, facing) / np.sqrt(square)).clip(0) / square * _unshaded(points, lamp, solids)
        total += np.array(lamp.power, np.float32)[:, None] * bright
    return total


def _ambient_share(points: np.ndarray, solids: Sequence[Solid]) -> np.ndarray:
    """Share of the ambient light that the solids do not block: little where one stands on the ground; [N]."""
    left = np.ones(points.shape[1], np.float32)
    for solid in solids:
        way = points - np.array([[*solid.place, 0]], np.float32).T
        left *= 1 - 0.8 * (1 - _dot(way, way) / (2 * solid.radius) ** 2).clip(0) ** 2
    return left


def _unshaded(points: np.ndarray, lamp: Lamp, solids: Sequence[Solid]) -> np.ndarray:
    """Share of the disc of the lamp that is visible from points [3, N] past the solids; [N]."""
    left = np.ones(points.shape[1], np.float32)
    way = np.array(lamp.place, np.float32)[:, None] - points
    square = _dot(way, way)
    for solid in solids:
        to_solid = solid.centre[:, None] - points
        along = (_dot(way, to_solid) / square).clip(0, 1)  # the point of the way to the lamp that is nearest
        apart = to_solid - along * way
        close = np.flatnonzero(_dot(apart, apart) < (solid.radius + lamp.radius * along) ** 2)
        starts = points[:, close, None]
        hits = enter(solid, starts, lamp.points()[:, None] - starts)  # never behind the lamp, which is above all solids
        left[close] *= np.mean(hits == np.inf, axis=1)
    return left


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Scalar products of vectors [3, N] and [3, N] or [3, 1]; [N]."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
