"""tools/contact_sheet.py: what is on a sheet, and what it refuses."""

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from cyclegan_style import portraits
from lab5_cgan import layout, scenes
from tools import contact_sheet


@pytest.mark.parametrize(("name", "draw"), [
    ("portraits", lambda number: portraits.draw(portraits.describe(1, number))),
    ("scenes", lambda number: scenes.draw(layout.describe(1, number)))])
def test_a_sheet_shows_the_first_images_in_rows(tmp_path, name, draw):
    words = [name, str(tmp_path / "sheet.png"), "--count", "3", "--columns", "2", "--seed", "1"]
    assert contact_sheet.main(words) == 0
    first, second, third = (np.asarray(draw(number)) for number in range(3))
    with Image.open(tmp_path / "sheet.png") as sheet:
        expected = np.block([[[first], [second]], [[third], [np.full_like(first, 255)]]])
        np.testing.assert_array_equal(sheet, expected)


def test_the_sheet_of_faces_in_docs_has_a_column_for_each_hair_colour(tmp_path):
    contact_sheet.main(["faces", str(tmp_path / "sheet.webp"), "--count", "72"])
    with Image.open(tmp_path / "sheet.webp") as sheet, Image.open(ROOT / "docs" / "embedded_faces.webp") as shipped:
        assert sheet.size == (12 * 96, 6 * 96)
        assert np.abs(np.asarray(sheet, float) - np.asarray(shipped, float)).mean() < 1


@pytest.mark.parametrize(("words", "message"), [
    ("faces sheet.xyz", "sheet.xyz: the name must end in one of .png, .jpg, .jpeg, .webp"),
    ("faces sheet.png --count 0", "from 1 to 64 columns"), ("faces sheet.png --columns 65", "from 1 to 64 columns"),
    ("faces sheet.png --count 65 --columns 1", "and as many rows"), ("faces sheet.png --seed -1", "--seed"),
    ("dogs sheet.png", "invalid choice: 'dogs'"), ("faces", "FILE")])
def test_wrong_words_end_with_code_2(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        contact_sheet.main(words.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_sheet_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert contact_sheet.main(["scenes", str(tmp_path / "file" / "sheet.png"), "--count", "1"]) == 4
    assert capsys.readouterr().err == f"contact_sheet.py: [Errno 17] File exists: '{tmp_path}/file'\n"
