"""From the parameters of a portrait to its image: the layers from the background to the camera."""

import numpy as np
from PIL import Image

from cyclegan_style.portraits import body, eyes, hair, mouth, scene
from cyclegan_style.portraits.extras import beard, glasses
from cyclegan_style.portraits.fields import Frame, blurred, moved, over, reduced
from cyclegan_style.portraits.head import Face
from cyclegan_style.portraits.person import Portrait
from cyclegan_style.portraits.skin import tinted
from cyclegan_style.portraits.strands import Layer, ramp


def draw(person: Portrait) -> Image.Image:
    """The image of a portrait, 178 x 218 RGB: a pure function of its parameters."""
    return render(person)[0]


def render(person: Portrait) -> tuple[Image.Image, np.ndarray]:
    """The image, and a mask [height, width] of the hair in front, 0 to 1."""
    rng = np.random.default_rng([person.seed, person.number, 11])
    # When the head turns the eyes keep their position, so the head moves the other way.
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
    """Face, brows and beard, in the shadow of the hair in front."""
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
