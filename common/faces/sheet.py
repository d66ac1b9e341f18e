"""A contact sheet: one column a hair colour."""

from PIL import Image

from common.faces.face import describe
from common.faces.portrait import draw
from common.faces.shapes import SIZE
from common.tags import HAIR


def sheet(seed: int = 0, rows: int = 6, zoom: int = 1) -> Image.Image:
    """The first faces of every hair colour, columns in the order of HAIR; RGB, 12 x 96 zoom pixels wide."""
    picture = Image.new("RGB", (len(HAIR) * SIZE * zoom, rows * SIZE * zoom))
    filled = dict.fromkeys(HAIR, 0)
    number = 0
    while min(filled.values()) < rows:
        face = describe(seed, number)
        number += 1
        column, row = HAIR.index(face.hair), filled[face.hair]
        if row < rows and face.second_hair is None:
            cell = draw(face).resize((SIZE * zoom, SIZE * zoom), Image.Resampling.BICUBIC)
            picture.paste(cell, (column * SIZE * zoom, row * SIZE * zoom))
            filled[face.hair] += 1
    return picture
