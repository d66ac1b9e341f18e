"""A contact sheet: one column a hair colour."""

from PIL import Image

from common.anime.faces.face import describe
from common.anime.faces.portrait import draw
from common.anime.faces.shapes import SIZE
from common.anime.tags import HAIR


def sheet(seed: int = 0, rows: int = 6) -> Image.Image:
    """The first faces of every hair colour, columns in the order of HAIR; RGB, 12 x 96 pixels wide."""
    picture = Image.new("RGB", (len(HAIR) * SIZE, rows * SIZE))
    filled = dict.fromkeys(HAIR, 0)
    number = 0
    while min(filled.values()) < rows:
        face = describe(seed, number)
        number += 1
        column, row = HAIR.index(face.hair), filled[face.hair]
        if row < rows and face.second_hair is None:
            picture.paste(draw(face), (column * SIZE, row * SIZE))
            filled[face.hair] += 1
    return picture
