"""Eyes: the white, a large shaded iris, lashes and brows."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from common.anime.faces.colours import eye_ramp, mix, times
from common.anime.faces.face import Face
from common.anime.faces.layers import GLOSS, INK, Layer
from common.anime.faces.shapes import Frame, curve, ellipse, mirror, ribbon

MIDDLE = 12.6  # from the nose to the middle of an eye, face units
IRIS = (5.9, 7.3)  # half axes
# how far the outer corner is above the inner one, and how far the outer half of the lower lid hangs down
CORNERS = {"round": (0.6, 0.2), "sharp": (2.2, -0.6), "gentle": (-1.4, 0.8)}
BROWS = {
    "calm": [(-5.5, -12.4), (0.5, -13.4), (6.5, -11.6)],
    "worried": [(-5.5, -14.8), (0.5, -14.0), (6.5, -11.0)],
    "firm": [(-6.0, -10.4), (0.5, -12.6), (6.5, -13.2)],
    "raised": [(-5.5, -14.6), (0.5, -16.6), (6.5, -14.6)],
}

GREYS = bytes(value for tone in range(256) for value in (tone, tone, tone))
Place = Callable[[object], np.ndarray]  # from an eye's own units (origin in its middle, x outwards) to the layer


def places(face: Face, frame: Frame) -> dict[int, Place]:
    """For the left (-1) and right (1) side of the image, a function from points of an eye to points on the layer."""

    def place(side: int) -> Place:
        return lambda points: frame.head(mirror(points, side) * face.eye_size + (side * MIDDLE, 1.0))

    return {side: place(side) for side in (-1, 1)}


def lids(face: Face, side: int) -> str:
    """`open`, `half` or `closed`; a wink closes the eye on the combed side."""
    if face.lids == "wink":
        return "closed" if side == face.flip else "open"
    return face.lids


def opening(face: Face, state: str) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower lid of an eye, from the inner to the outer corner."""
    rise, hang = CORNERS[face.shape]
    top = -7.0 if state == "open" else -3.0
    upper = curve([(-7.3, 2.2), (-5.7, top * 0.66), (-1.4, top), (4.2, top * 0.88 - rise * 0.4), (8.2, -0.6 - rise)])
    lower = curve([(-7.3, 2.2), (-4.6, 5.7), (0, 6.9), (4.8, 5.9 + hang), (8.2, -0.6 - rise)])
    return upper, lower


def draw(picture: Image.Image, face: Face, frame: Frame) -> Image.Image:
    """Draws both eyes without their lashes; returns the mask of the irises."""
    white, left = Layer(), Layer()
    right = Layer() if face.second_eyes else left
    both = {side: place for side, place in places(face, frame).items() if lids(face, side) != "closed"}
    for side, place in both.items():
        upper, lower = opening(face, lids(face, side))
        white.fill(place(np.concatenate([upper, lower[::-1]])), GLOSS)
        white.shade(place(np.concatenate([upper, (upper + (0, 3.4))[::-1]])), 176)
        _iris(right if side == 1 else left, face, side, place)
    white.paste(picture, GREYS)
    left.clip(white.mask)
    left.paste(picture, eye_ramp(face.eye_rgb))
    if right is not left:
        right.clip(white.mask)
        right.paste(picture, eye_ramp(face.second_eye_rgb))
    for side, place in both.items():
        _lights(picture, face, side, place)
    return ImageChops.lighter(left.mask, right.mask)


def _iris(layer: Layer, face: Face, side: int, place: Place) -> None:
    """Dark above, bright below, with a pupil and a dark rim. The eye is mirrored, gaze and light are not."""
    x, y = face.gaze[0] * side, face.gaze[1] - 0.2
    width, height = IRIS
    layer.fill(place(ellipse(x, y, width, height)), INK + 22)
    body = ellipse(x, y, width - 0.75, height - 0.75)
    lows = np.array([-9, -4.2, -2.4, -0.6, 1.2, 2.8])[:, None]
    steps = np.stack([np.broadcast_to(body[:, 0], (6, len(body))), np.maximum(body[:, 1], y + lows)], axis=-1)
    for step, tone in zip(place(steps), (96, 112, 130, 148, 166, 188), strict=True):
        layer.shade(step, tone)
    layer.shade(place(ellipse(x, y + 4.4, 2.9, 1.3, 12)), 222)
    layer.shade(place(ellipse(x, y - 0.4, 1.9, 2.9, 16)), INK)


def _lights(picture: Image.Image, face: Face, side: int, place: Place) -> None:
    """The highlights: a large one above, towards the light on the left, and a small one opposite."""
    x, y = face.gaze[0] * side, face.gaze[1]
    pen = ImageDraw.Draw(picture)
    top = -3.6 if lids(face, side) == "open" else -1.0
    pen.polygon(place(ellipse(x - 2.0 * side, y + top, 1.8, 2.0, 14)).ravel().tolist(), (255, 255, 255))
    pen.polygon(place(ellipse(x + 2.5 * side, y + 3.2, 0.9, 0.9, 10)).ravel().tolist(), (255, 255, 255))


def lashes(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Upper lashes as a thick stroke with a wing, a thin lower line, and the crease of the lid."""
    pen = ImageDraw.Draw(picture)
    ink = times(mix(face.hair_rgb, (60, 30, 40), 0.6), 0.45)
    fold = times(mix(ink, (200, 130, 120), 0.6), 1.0)
    for side, place in places(face, frame).items():
        state = lids(face, side)
        upper, lower = opening(face, state)
        if state == "closed":
            upper = curve([(-7.0, 2.2), (-3.5, 4.6), (0.5, 5.2), (4.5, 4.0), (8.0, 1.2)])
        t = np.linspace(0, 1, len(upper))
        stroke = ribbon(upper - (0, 0.4), 0.3 + 1.35 * np.sin(np.pi * np.minimum(t * 0.62, 0.5)) ** 1.3)
        pen.polygon(place(stroke).ravel().tolist(), ink)
        end = upper[-1]
        wing = [end + (-2.4, -2.2), end + (2.0, -1.9), end + (0.6, 0.3), end + (-0.7, 2.0)]
        pen.polygon(place(np.array(wing)).ravel().tolist(), ink)
        if state != "closed":
            pen.line(place(lower[len(lower) // 3 :]).ravel().tolist(), ink, 2)
            pen.line(place(upper[6:-2] + (0, -2.6)).ravel().tolist(), fold, 2)


def brows(picture: Image.Image, face: Face, frame: Frame) -> None:
    """Brows in a dark tone of the hair, visible through the fringe, as usual in this style."""
    pen = ImageDraw.Draw(picture)
    ink = times(mix(face.hair_rgb, (70, 40, 40), 0.35), 0.62)
    for place in places(face, frame).values():
        line = curve(BROWS[face.brows])
        width = 0.75 * np.sin(np.linspace(0.5, np.pi - 0.15, len(line)))
        pen.polygon(place(ribbon(line, width)).ravel().tolist(), ink)
