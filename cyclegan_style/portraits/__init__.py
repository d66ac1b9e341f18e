"""Draws an embedded stand-in for CelebA: painted portraits in the layout of its aligned pictures. No TensorFlow here.

    make(Path("data/portraits"))        # 000001.jpg ... 001200.jpg, about.json
    draw(describe(seed=0, number=7))    # one of them, as a Pillow picture, 178 x 218
"""

from cyclegan_style.portraits.build import VERSION, make
from cyclegan_style.portraits.person import Portrait, describe
from cyclegan_style.portraits.picture import draw

# Left, top, right, bottom, as shares of the frame: a square of 156 pixels, for both domains to show faces of one size.
# It has the crown near its upper edge (here y = 38) and the chin (y = 180) at 0.91 of its height; anime faces have the
# crown cut and the chin at 0.86. A box as tight as theirs in width would lose the hair: anime faces are broader.
FACE_BOX = (0.06, 0.175, 0.935, 0.89)

__all__ = ["FACE_BOX", "VERSION", "Portrait", "describe", "draw", "make"]
