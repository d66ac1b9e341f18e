"""A contact sheet: the first portraits of a set, side by side."""

from PIL import Image

from cyclegan_style.portraits.fields import SIZE
from cyclegan_style.portraits.person import describe
from cyclegan_style.portraits.picture import draw


def sheet(count: int = 40, columns: int = 10, seed: int = 0) -> Image.Image:
    """The first `count` portraits in rows of `columns`; RGB, columns x 178 pixels wide."""
    rows = -(-count // columns)
    picture = Image.new("RGB", (columns * SIZE[0], rows * SIZE[1]))
    for number in range(count):
        row, column = divmod(number, columns)
        picture.paste(draw(describe(seed, number)), (column * SIZE[0], row * SIZE[1]))
    return picture
