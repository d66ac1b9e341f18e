"""common/anime/data.py and common/datasets.py: from a folder, or none, to images joined with their tags."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, full_disk
from PIL import Image

from common import datasets
from common.anime import data, faces, tags
from common.errors import StorageError, UserError
from common.options import Common
from common.runs import Run

ROWS = {40: "red hair:1\tblue eyes:1\t", 7: "long hair:1\t", 100: "aqua hair:1\tgray eyes:1\t",
        5: "red hair:1\tred eyes:1\t"}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """A cache and an embedded set, of 20 faces, for each test alone."""
    make = faces.make
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(data, "EMBEDDED", tmp_path / "data" / "faces")
    monkeypatch.setattr(faces, "make", lambda folder, announce: make(folder, 20, workers=1, announce=announce))


def write_set(folder: Path, rows: dict[int, str], images: list[int]) -> Path:
    """A small set in the layout of the course; image k is uniformly grey, of level k."""
    (folder / "faces").mkdir(parents=True)
    (folder / "tags_clean.csv").write_text("".join(f"{key},{text}\n" for key, text in rows.items()))
    for number in images:
        Image.new("RGB", (8, 8), (number,) * 3).save(folder / "faces" / f"{number}.png")
    return folder


def levels(loaded: data.Faces) -> list[int]:
    """The grey levels of the samples' images."""
    return loaded.images[loaded.rows][:, 0, 0, 0].tolist()


def test_each_sample_has_its_own_image_and_labels(tmp_path, capsys):
    loaded = data.load([write_set(tmp_path / "set", ROWS, [100, 7, 40, 9])], 64, "exactly_one")
    assert levels(loaded) == [40, 100]
    assert [tags.HAIR[k] for k in loaded.hair] == ["red", "aqua"]
    assert [tags.EYES[k] for k in loaded.eyes] == ["blue", "gray"]
    counts = {key: value for key, value in loaded.info.items() if isinstance(value, int)}
    assert counts == {"rows": 4, "rows_without_picture": 1, "pictures": 4, "pictures_without_row": 1, "bad_pictures": 0,
                      "left_out_by_filter": 1, "kept": 2}
    assert "4 images, 4 rows; 2 kept, 1 left out by the filter exactly_one; 1 rows without an image, 1 images " \
           "without a row, 0 bad images, 1 rows without a colour tag\n" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "message"), [
    ("1.png", "none of the 1 tagged images passes the filter exactly_one"),
    ("2.png", "no row has an image: 1 rows, 1 images"),
    ("cover.png", "no row has an image: 1 rows, 1 images; give the folder whose file names are the rows' ids")])
def test_a_set_without_a_usable_sample(tmp_path, name, message):
    folder = write_set(tmp_path / "set", {1: "long hair:1\t"}, [1])
    (folder / "faces/1.png").rename(folder / "faces" / name)
    with pytest.raises(UserError, match=message):
        data.load([folder], 64, "exactly_one")


def test_what_is_no_image_of_a_row_is_left_out_and_named(tmp_path, capsys):
    folder = write_set(tmp_path / "set", ROWS, [40, 100])
    for name in ("40 (1).png", "preview.png"):
        Image.new("RGB", (8, 8)).save(folder / "faces" / name)
    (folder / "faces/7.heic").write_text("x")
    (folder / "faces").rename(tmp_path / "inner")
    (folder / "faces").mkdir()
    (tmp_path / "inner").rename(folder / "faces/faces")
    loaded = data.load([folder], 64, "exactly_one")
    assert (levels(loaded), loaded.info["pictures"], loaded.info["pictures_without_row"]) == ([40, 100], 4, 2)
    assert capsys.readouterr().out.endswith(
        "note: 2 images left out, since their names are no numbers and so no ids of rows: 40 (1).png, preview.png\n"
        "note: not images of a known kind, and left out: 1 .heic (7.heic)\n")


def test_any_folder_of_images_and_tagged_ones_as_before(tmp_path, capsys):
    folder = write_set(tmp_path / "set", {1: "red hair:1\tblue eyes:1\t"}, [1, 2, 3])
    assert data.load_any([folder], 64).info == data.load([folder], 64, "all").info
    loaded = data.load_any([folder / "faces"], 64)
    assert (levels(loaded), loaded.tagged, loaded.table.shape) == ([1, 2, 3], False, (3, 26))
    assert "faces: 3 images without tags; 0 bad images\n" in capsys.readouterr().out
    with pytest.raises(UserError, match=f"there is no tag file; .*; pass {folder} instead"):
        data.load_any([tmp_path], 64)
    (folder / "tags_clean.csv").write_text("damaged")
    with pytest.raises(UserError, match="tags_clean.csv:1: no comma"):
        data.load_any([folder], 64)


def test_a_data_set_of_ones_own_as_the_page_says(tmp_path, monkeypatch):
    for place, name in enumerate(("sorted/blue hair, red eyes/b.png", "sorted/Pink_Hair,green eyes, ribbon/a.webp")):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), (100 * place,) * 3).save(tmp_path / name, lossless=True)
    (tmp_path / "sorted/blue hair, red eyes/.DS_Store").touch()
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(re.search(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(), re.DOTALL)[1]), {})
    loaded = data.load([Path("own")], 64, "exactly_one")
    assert [tags.HAIR[k] for k in loaded.hair] == ["pink", "blue"]
    assert (levels(loaded), loaded.table["other"].tolist()) == ([100, 0], ["ribbon", ""])


def test_near_misses_and_conditions_that_say_nothing_are_said(tmp_path, capsys):
    loaded = data.load([write_set(tmp_path / "set", {
        1: "Red_Hair:1\tblue_eyes:1\t", 2: "grey hair:1\tblue eyes:1\t", 3: "grey hair:1\tblond hair:1\t"},
        images=[1, 2, 3])], 64, "all")
    assert "1 rows without a colour tag\nnote: 2 rows have tags that resemble a colour tag but are read as none: " \
           "'grey hair' in 2, 'blond hair' in 1; if they are meant, write them as in docs/data.md\n" \
           in capsys.readouterr().out
    warnings = []
    assert loaded.conditions(23, warnings.append).sum(axis=1).tolist() == [2, 1, 0]
    assert warnings == ["most images have no hair colour (2 of 3), so there is little to learn a condition from; look "
                        "at the spelling of the tags: docs/data.md"]
    loaded.select(np.array([True, True, False])).conditions(23, pytest.fail)  # half of them is not most


@pytest.fixture
def begun(tmp_path):
    """A run that began with one face, and the folder of its data."""
    run = Run(Common(out=tmp_path / "run", steps=1))
    folder = write_set(tmp_path / "one", {1: "red hair:1\tblue eyes:1\tsmile:1\t"}, [1])
    run.record_data(data.load([folder], 64, "exactly_one").origin)
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "step-1.index").touch()
    run.close()
    run = Run(Common(out=tmp_path / "run", steps=1))  # as taken up again
    yield run, folder
    run.close()


def test_a_run_goes_on_where_its_tags_read_the_same(begun, tmp_path):
    run, folder = begun
    folder.rename(tmp_path / "moved")
    run.record_data(data.load([tmp_path / "moved"], 64, "exactly_one").origin)
    for text in (b"1,red hair:1\tblue eyes:1\tsmile:1\t\r\n", b"\xef\xbb\xbf1,red hair:2\tblue eyes:1\tsmile:7\n\n"):
        (tmp_path / "moved/tags_clean.csv").write_bytes(text)
        run.record_data(data.load([tmp_path / "moved"], 64, "exactly_one").origin)


def one_more(folder):
    (folder / "tags_clean.csv").write_text("1,red hair:1\tblue eyes:1\tsmile:1\t\n2,red hair:1\tblue eyes:1\t\n")
    Image.new("RGB", (8, 8)).save(folder / "faces/2.png")


def one_more_without_tags(folder):
    Image.new("RGB", (8, 8)).save(folder / "faces/2.png")


def other_pixels(folder):
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "faces/1.png")


def other_tags(folder):
    (folder / "tags_clean.csv").write_text("1,red hair:1\tblue eyes:1\tlong hair:1\t\n")


@pytest.mark.parametrize(("change", "words"), [
    (one_more, "1 rows then, 2 now; 1 pictures then, 2 now; 1 kept then, 2 now"),
    (one_more_without_tags, "1 pictures then, 2 now; 0 pictures without row then, 1 now"),
    (other_pixels, "the pictures differ in content, not in number"),
    (other_tags, "the tags differ in content, not in number")])
def test_a_run_does_not_go_on_with_other_data_and_says_what_differs(begun, change, words):
    run, folder = begun
    change(folder)
    with pytest.raises(UserError, match=f"run: the run there began with other data: {words}; give the data that it b"):
        run.record_data(data.load([folder], 64, "exactly_one").origin)


def test_an_older_run_without_the_content_of_its_tags_goes_on_with_the_same_file(begun):
    run, folder = begun
    del run.info["contents"]
    run.record_data(data.load([folder], 64, "exactly_one").origin)
    del run.info["contents"]
    other_tags(folder)
    with pytest.raises(UserError, match="the tags differ in content"):
        run.record_data(data.load([folder], 64, "exactly_one").origin)


def test_the_embedded_set_is_drawn_once_and_recorded(tmp_path, capsys):
    run = Run(Common(out=tmp_path / "run", steps=1))
    for drawing in (True, False):
        loaded = data.load([], 64, "all")
        assert len(loaded.rows) == 20
        assert ("drawing 20 faces into" in capsys.readouterr().out) == drawing
        run.record_data(loaded.origin)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["substitutions"] == ["no --data: training on the embedded set of faces, drawn by code (data/faces)"]
    assert config["data_folder"] == "embedded"
    csv = data.EMBEDDED / "tags_clean.csv"
    csv.write_text(csv.read_text()[:-9])  # only the first letters of the last row's last tag are left
    with pytest.raises(UserError, match=f"tags_clean.csv:20: .* is not 'tag:count', the line is cut off or damaged; "
                                        f".*; or delete {data.EMBEDDED}, and it is drawn anew"):
        data.load([], 64, "all")


def test_a_read_only_checkout_is_told_where_its_files_can_go(tmp_path, monkeypatch):
    (tmp_path / "data").touch()  # nothing can be written below it, not even by root
    folder = write_set(tmp_path / "set", ROWS, [40])
    with pytest.raises(StorageError, match="data/faces: the embedded set cannot be written .*; free space or set "
                                           "GAN_REPORTS_DATA to another folder, then run the same command again"):
        data.load([], 64, "all")
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "data" / "cache")
    with pytest.raises(StorageError, match="data/cache: cannot write the image cache .*; free space or set "
                                           "GAN_REPORTS_CACHE to another folder"):
        data.load([folder], 64, "all")


def test_embedded_sets_and_caches_can_be_elsewhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from common import datasets; from common.anime import data; from lab5_cgan import "
         "iclevr; print(datasets.CACHE, data.EMBEDDED, iclevr.EMBEDDED, sep='\\n')"], text=True, check=True, cwd=ROOT,
        capture_output=True, env={**os.environ, "GAN_REPORTS_CACHE": "", "GAN_REPORTS_DATA": str(tmp_path)})
    assert done.stdout.split() == [str(tmp_path / name) for name in ("cache", "faces", "scenes")]


def test_a_full_disk_while_the_embedded_set_is_drawn_leaves_nothing():
    with full_disk(2000), pytest.raises(StorageError, match="the embedded set cannot be written .*; free space or"):
        data.load([], 64, "all")
    assert list(data.EMBEDDED.parent.iterdir()) == []


@pytest.mark.parametrize(("folder", "total", "kept", "left_out"), [("anime", 168, 160, 8), ("extra_data", 60, 60, 0)])
def test_real_faces_of_the_course(mini, folder, total, kept, left_out):
    loaded = data.load([mini / folder], 64, "exactly_one")
    assert loaded.images.shape == (total, 64, 64, 3)
    assert (loaded.info["kept"], loaded.info["left_out_by_filter"]) == (kept, left_out)
    assert len(set(loaded.rows.tolist())) == kept


def test_only_gives_what_the_stricter_filter_would_load(tmp_path):
    folder = write_set(tmp_path / "set", {
        1: "red hair:1\tblue eyes:1\t", 2: "long hair:1\t", 3: "aqua hair:1\t", 4: "red hair:1\tred eyes:1\t"},
        images=[4, 3, 2, 1])
    narrowed = data.load([folder], 64, "one_or_two").only("exactly_one")
    strict = data.load([folder], 64, "exactly_one")
    assert narrowed.info == strict.info
    assert narrowed.table.equals(strict.table)
    assert levels(narrowed) == levels(strict) == [1, 4]


def test_several_folders_are_joined_with_their_own_images(tmp_path):
    one = write_set(tmp_path / "one", {1: "red hair:1\tblue eyes:1\t", 2: "pink hair:1\t"}, [2, 1])
    two = write_set(tmp_path / "two", {1: "aqua hair:1\tgray eyes:1\t", 30: "red hair:1\tred eyes:1\t"}, [30, 1])
    loaded = data.load([one, two], 64, "exactly_one")
    assert levels(loaded) == [1, 1, 30]
    assert [tags.HAIR[k] for k in loaded.hair] == ["red", "aqua", "red"]
    assert loaded.images.shape == (4, 64, 64, 3)
    assert (loaded.info["rows"], loaded.info["kept"], loaded.info["left_out_by_filter"]) == (4, 3, 1)
    assert loaded.origin.folder == [str(one), str(two)]
    assert levels(loaded.select(np.array([False, True, True]))) == [1, 30]
