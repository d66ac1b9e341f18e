"""From the parameters of a face to its image: the layers from back to front."""

import numpy as np
from PIL import Image, ImageDraw

from common.anime.faces import back, clothes, extras, eyes, hair, head, scene
from common.anime.faces.colours import hair_ramp, skin_ramp
from common.anime.faces.face import Face
from common.anime.faces.layers import SHADE, Layer, shifted, slope
from common.anime.faces.shapes import SCALE, Frame

TIPS = [min(255, max(0, (k - 95) * 4)) for k in range(256)]  # height in the image -> share of the second colour


def draw(face: Face) -> Image.Image:
    """The image of a face, 96x96 RGB: a pure function of its parameters."""
    return render(face)[0]


def render(face: Face) -> tuple[Image.Image, dict[str, Image.Image]]:
    """The image, and masks of the same size of the hair in front (`hair`) and of the irises (`eyes`)."""
    rng = np.random.default_rng([face.seed, face.number, 1])
    frame = Frame(face.x, face.y, face.scale, face.lean, face.turn, face.nod)
    picture = scene.background(face, rng)
    behind, front = back.behind(face, frame, rng), hair.front(face, frame, rng)
    for layer in (behind, front):
        layer.soften(face.soft)
    _hair(picture, face, behind)
    head.neck(face, frame).paste(picture, skin_ramp(face.skin))
    clothes.wear(picture, face, frame)
    if face.sides == "none":
        head.ears(frame).paste(picture, skin_ramp(face.skin))
    _skin(picture, face, frame, front)
    irises = eyes.draw(picture, face, frame)
    eyes.lashes(picture, face, frame)
    _hair(picture, face, front)
    eyes.brows(picture, face, frame)
    extras.put_on(picture, face, frame)
    picture = scene.light(picture.reduce(SCALE), face)
    return picture, {"hair": front.mask.reduce(SCALE), "eyes": irises.reduce(SCALE)}


def _skin(picture: Image.Image, face: Face, frame: Frame, front: Layer) -> None:
    """The face and its features, in the shadow of the fringe."""
    layer = head.skin(face, frame)
    head.nose(face, layer, frame)
    layer.darken(shifted(front.mask, 0.6 * SCALE, 2.6 * SCALE), SHADE + 12)
    layer.paste(picture, skin_ramp(face.skin))
    head.blush(picture, face, frame)
    head.mouth(picture, face, ImageDraw.Draw(picture), frame)


def _hair(picture: Image.Image, face: Face, layer: Layer) -> None:
    """Hair in its colour, which changes to the second one, if any, towards the tips."""
    if face.second_hair is None:
        return layer.paste(picture, hair_ramp(face.hair_rgb))
    first, second = (layer.colours(hair_ramp(colour)) for colour in (face.hair_rgb, face.second_hair_rgb))
    both = Image.composite(second, first, slope(0, 255).point(TIPS))
    picture.paste(both, (0, 0), layer.mask)
