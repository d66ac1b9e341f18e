"""Draws an embedded substitute for CelebA: painted portraits in the layout of its aligned images. No TensorFlow here.

    make(Path("data/portraits"))        # 000001.jpg ... 001200.jpg, about.json
    draw(describe(seed=0, number=7))    # one of them, as a Pillow image, 178 x 218
"""

from cyclegan_style.portraits.build import VERSION, make
from cyclegan_style.portraits.person import Portrait, describe
from cyclegan_style.portraits.picture import draw

# Left, top, right, bottom, as shares of the image: a square of 156 pixels, so that faces of both domains have the same
# size. The crown is near its upper edge (here y = 38), the chin (y = 180) at 0.91 of its height; in the anime faces the
# crown is cut off and the chin at 0.86. Anime faces are broader: a box as narrow as theirs would cut off the hair.
FACE_BOX = (0.06, 0.175, 0.935, 0.89)

__all__ = ["FACE_BOX", "VERSION", "Portrait", "describe", "draw", "make"]
