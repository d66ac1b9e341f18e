"""The embedded portraits: the same image every time, CelebA's layout, the hair they are described with."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common import drawn
from cyclegan_style.portraits import FACE_BOX, Portrait, build, describe, draw
from cyclegan_style.portraits.picture import render


@pytest.fixture(scope="module")
def people() -> list[tuple[Portrait, np.ndarray, np.ndarray]]:
    """The first 24 portraits: described, pixels [218, 178, 3], and where their hair is."""
    described = [describe(0, number) for number in range(24)]
    return [(person, np.asarray(image, float), mask > 0.9) for person in described for image, mask in [render(person)]]


def test_a_set_has_the_layout_of_celeba(tmp_path):
    assert drawn.make(replace(build.SET, chunk=1), tmp_path / "set", count=2, seed=5, workers=2)
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["000001.jpg", "000002.jpg", "about.json"]
    with Image.open(tmp_path / "set" / "000002.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (178, 218), "RGB")
        assert np.abs(np.asarray(image, float) - np.asarray(draw(describe(5, 1)), float)).mean() < 4


def test_numbers_and_seeds_give_other_people(people):
    small = [np.asarray(Image.fromarray(pixels.astype(np.uint8)).resize((32, 32)), float) for _, pixels, _ in people]
    assert min(np.abs(a - b).mean() for k, a in enumerate(small) for b in small[:k]) > 10  # of 255
    assert describe(1, 5) != describe(0, 5)


def test_hair_has_the_colour_it_is_described_with(people):
    for person, pixels, hair in people:
        hue, saturation, value = colorsys.rgb_to_hsv(*np.median(pixels[hair], axis=0) / 255)
        own_hue, own_saturation, own_value = colorsys.rgb_to_hsv(*np.array(person.hair_rgb) / 255)
        assert hair.sum() > 1500
        assert abs(value - own_value) < 0.22
        if person.hair not in ("black", "gray"):  # these two have hardly any hue
            assert abs(hue - own_hue) * 360 < 6 and abs(saturation - own_saturation) < 0.2
    light = {name: np.mean([pixels[hair].mean() for person, pixels, hair in people if person.hair == name])
             for name in ("black", "brown", "blonde")}
    assert light["black"] < 50 < light["brown"] < 100 < light["blonde"]


def test_eyes_and_mouth_are_where_celeba_has_them(people):
    mean = np.mean([pixels for _, pixels, _ in people], axis=0)
    dark = mean.sum(2)[104:122]
    for left, right, x in ((52, 86, 69), (90, 124, 108)):
        rows, columns = np.nonzero(dark[:, left:right] < np.percentile(dark[:, left:right], 6))
        assert abs(columns.mean() + left - x) < 2
        assert abs(rows.mean() + 104 - 110) < 2  # lashes and the upper half of irises at y = 111 to 112
    red = (mean[..., 0] / mean[..., 1])[136:170, 60:118]
    rows, columns = np.nonzero(red > np.percentile(red, 94))
    assert abs(columns.mean() + 60 - 88.5) < 2 and abs(rows.mean() + 136 - 152) < 3


def test_the_face_box_is_a_square_with_crown_and_chin():
    left, top, right, bottom = np.array(FACE_BOX) * (178, 218, 178, 218)
    assert abs((right - left) - (bottom - top)) < 0.5
    assert 34 < top < 112 - 68 and 112 + 68 < bottom < 218  # the skull is 70, the chin 68 units from the eyes
    assert abs((left + right) / 2 - 88.5) < 0.5
