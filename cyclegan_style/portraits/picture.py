"""A portrait, layer over layer, from the background to the camera."""

import numpy as np
from PIL import Image

from cyclegan_style.portraits import body, eyes, hair, mouth, scene
from cyclegan_style.portraits.extras import beard, glasses
from cyclegan_style.portraits.fields import SIZE, Frame, blurred, moved, over, reduced
from cyclegan_style.portraits.head import Face
from cyclegan_style.portraits.person import Portrait
from cyclegan_style.portraits.skin import tinted
from cyclegan_style.portraits.strands import Layer, ramp


def draw(person: Portrait, size: tuple[int, int] = SIZE) -> Image.Image:
    """The portrait's picture, RGB, `size` pixels wide and high: a pure function of its parameters."""
    picture = render(person)[0]
    return picture if size == SIZE else picture.resize(size, Image.Resampling.LANCZOS)


def render(person: Portrait) -> tuple[Image.Image, np.ndarray]:
    """The picture, and where hair over the head is seen in it: a mask [height, width], 0 to 1."""
    rng = np.random.default_rng([person.seed, person.number, 11])
    # The eyes stay where they are when the head turns: the head goes the other way.
    frame = Frame(person.x - 7 * person.turn * person.scale, person.y - 3 * person.nod * person.scale, person.scale)
    canvas = scene.background(person, rng)
    colours = ramp(person)
    back, front = hair.behind(person, frame, rng), hair.front(person, frame, rng)
    _hair(canvas, back, colours)
    body.draw(canvas, person, frame, rng)
    if person.style not in hair.LONG:
        body.ears(canvas, person, frame)
    _face(canvas, person, frame, front, rng)
    _hair(canvas, front, colours)
    glasses(canvas, person, frame)
    return scene.photograph(canvas, rng), reduced(front.alpha)


def _face(canvas: np.ndarray, person: Portrait, frame: Frame, front: Layer, rng) -> None:
    """Face, brows and beard, under the shadow of the hair in front."""
    face = Face(person, frame, rng)
    at = face.patch.at
    shadow = blurred(moved(front.alpha, round(-5 * person.light[0]), 5), 4)[at]
    near = blurred(front.alpha, 2.5)[at]
    face.light *= 1 - 0.42 * np.maximum(shadow * 0.9, near)
    skin = tinted(face.albedo, face.light) + 46 * (face.gloss * face.light)[..., None]
    beard(face, skin, rng)
    mouth.paint(face, skin)
    eyes.paint(face, skin, rng)
    over(canvas[at], skin, face.alpha)
    eyes.brows(face, canvas, frame, rng)


def _hair(canvas: np.ndarray, layer: Layer, colours: np.ndarray) -> None:
    tones = np.clip(layer.tone * 255, 0, 255).astype(np.uint8)
    over(canvas, colours[tones], layer.alpha)
