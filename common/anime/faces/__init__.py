"""Draws the embedded data set: tagged anime faces in the layout of the course. It needs only NumPy and Pillow.

    make(Path("data/anime"))            # faces/0.jpg ... faces/5999.jpg, tags_clean.csv, about.json
    draw(describe(seed=0, number=7))    # one of them, as a Pillow image
"""

from common.anime.faces.build import VERSION, make, write_rows
from common.anime.faces.face import Face, describe
from common.anime.faces.portrait import draw

__all__ = ["VERSION", "Face", "describe", "draw", "make", "write_rows"]
