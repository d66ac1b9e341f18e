"""The embedded portraits: the same picture every time, CelebA's layout, the hair they are described with."""

import colorsys
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common import drawn as sets
from cyclegan_style.portraits import FACE_BOX, VERSION, Portrait, build, describe, draw, make, sheet
from cyclegan_style.portraits.picture import render


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Portrait, np.ndarray, np.ndarray]]:
    """The first 24 portraits: described, pixels [218, 178, 3], and where their hair is."""
    people = [describe(0, number) for number in range(24)]
    return [(person, np.asarray(picture, float), mask > 0.9)
            for person in people for picture, mask in [render(person)]]


@pytest.fixture
def quick(monkeypatch):
    """Pictures that cost nothing, for what is about files."""
    monkeypatch.setattr(build, "draw", lambda person: Image.new("RGB", (178, 218), (person.number, 0, 0)))


def test_workers_change_nothing(tmp_path):
    assert sets.make(replace(build.SET, chunk=2), tmp_path / "two", count=3, seed=5, workers=2)
    assert make(tmp_path / "one", count=3, seed=5, workers=1)
    names = ["000001.jpg", "000002.jpg", "000003.jpg", "about.json"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == names
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    assert json.loads((tmp_path / "two" / "about.json").read_text()) == {"version": VERSION, "count": 3, "seed": 5}
    with Image.open(tmp_path / "two" / "000002.jpg") as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (178, 218), "RGB")
        assert np.abs(np.asarray(picture, float) - np.asarray(draw(describe(5, 1)), float)).mean() < 4


def test_a_complete_set_is_left_alone_and_any_other_drawn_anew(tmp_path, quick):
    folder = tmp_path / "portraits"
    said = []
    assert make(folder, count=3, workers=1, announce=said.append) and len(said) == 1
    assert make(folder, count=3, workers=1, announce=said.append) is False and len(said) == 1
    (folder / "000002.jpg").unlink()
    assert make(folder, count=3, workers=1) and (folder / "000002.jpg").is_file()
    assert make(folder, count=2, workers=1) and not (folder / "000003.jpg").exists()
    assert make(folder, count=2, seed=1, workers=1)
    about = folder / "about.json"
    about.write_text(about.read_text().replace(f'"version": {VERSION}', '"version": 0'))
    assert make(folder, count=2, seed=1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["portraits"]


def test_somebody_elses_files_stay(tmp_path, quick):
    (tmp_path / "me.jpg").write_text("do not lose me")
    with pytest.raises(ValueError, match="no about.json"):
        make(tmp_path, count=1, workers=1)
    (tmp_path / "about.json").write_text(json.dumps({"version": VERSION, "count": 1, "seed": 0}))
    with pytest.raises(ValueError, match="me.jpg, which is not of the set"):
        make(tmp_path, count=1, workers=1)
    assert (tmp_path / "me.jpg").read_text() == "do not lose me"


def test_numbers_and_seeds_give_other_people(drawn):
    small = [np.asarray(Image.fromarray(pixels.astype(np.uint8)).resize((32, 32)), float) for _, pixels, _ in drawn]
    apart = [np.abs(a - b).mean() for k, a in enumerate(small) for b in small[:k]]
    assert min(apart) > 10  # of 255
    assert describe(1, 5) != describe(0, 5)


def test_hair_has_the_colour_it_is_described_with(drawn):
    for person, pixels, hair in drawn:
        middle = np.median(pixels[hair], axis=0)
        hue, saturation, value = colorsys.rgb_to_hsv(*middle / 255)
        own_hue, own_saturation, own_value = colorsys.rgb_to_hsv(*np.array(person.hair_rgb) / 255)
        assert hair.sum() > 1500
        assert abs(value - own_value) < 0.22
        if person.hair not in ("black", "gray"):  # these two have hardly a hue
            assert abs(hue - own_hue) * 360 < 6 and abs(saturation - own_saturation) < 0.2


def test_blonde_is_lighter_than_brown_and_brown_than_black(drawn):
    light = {name: np.mean([pixels[hair].mean() for person, pixels, hair in drawn if person.hair == name])
             for name in ("black", "brown", "blonde")}
    assert light["black"] < 50 < light["brown"] < 100 < light["blonde"]


def test_eyes_and_mouth_are_where_celeba_has_them(drawn):
    mean = np.mean([pixels for _, pixels, _ in drawn], axis=0)
    dark = mean.sum(2)[104:122]
    for left, right, x in ((52, 86, 69), (90, 124, 108)):
        rows, columns = np.nonzero(dark[:, left:right] < np.percentile(dark[:, left:right], 6))
        assert abs(columns.mean() + left - x) < 2
        assert abs(rows.mean() + 104 - 110) < 2  # lashes and the upper half of irises that lie at 111 to 112
    red = (mean[..., 0] / mean[..., 1])[136:170, 60:118]
    rows, columns = np.nonzero(red > np.percentile(red, 94))
    assert abs(columns.mean() + 60 - 88.5) < 2 and abs(rows.mean() + 136 - 152) < 3


def test_the_face_box_is_a_square_with_crown_and_chin(drawn):
    left, top, right, bottom = np.array(FACE_BOX) * (178, 218, 178, 218)
    assert abs((right - left) - (bottom - top)) < 0.5
    assert 34 < top < 112 - 68 and 112 + 68 < bottom < 218  # the skull is 70, the chin 68 units from the eyes
    assert abs((left + right) / 2 - 88.5) < 0.5


def test_a_sheet_has_rows_and_columns():
    assert sheet(count=3, columns=2).size == (356, 436)
