"""lab5_cgan/measures.py: how many objects the edges of an image cut."""

import numpy as np
import pytest
from PIL import Image

from lab5_cgan.layout import describe
from lab5_cgan.scenes import draw


@pytest.fixture
def cut_objects(tensorflow):
    from lab5_cgan.measures import cut_objects

    return cut_objects


def test_objects_at_an_edge_by_hand(cut_objects):
    images = np.full((2, 64, 64, 3), 128, np.uint8)
    images[0, 10:20, 0:6] = (200, 30, 30)     # cut by the left edge
    images[0, 10:20, 30:40] = (30, 30, 200)   # whole
    images[1, 0:10, 30:40] = (30, 200, 30)    # at the top: no crop cuts there
    images[1, 30:40, 58:64] = (200, 200, 30)  # cut by the right edge
    images[1, 50:53, 0:3] = (200, 30, 30)     # too small
    images[1, 20:30, 0:9] = (90, 90, 90)      # gray: not seen
    assert cut_objects(images) == {"share": 0.5, "objects": 4}
    assert cut_objects(np.zeros((1, 64, 64, 3), np.uint8)) == {"share": None, "objects": 0}


def test_the_crop_cuts_embedded_objects_and_the_whole_image_none(cut_objects):
    drawn = [draw(describe(0, number)) for number in range(40)]
    whole = np.stack([np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS)) for image in drawn])
    crop = np.stack([np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS, box=(16, 0, 112, 96)))
                     for image in drawn])
    assert cut_objects(crop)["share"] > 0.1
    assert cut_objects(whole)["share"] < 0.03
