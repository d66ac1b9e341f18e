"""common/datasets.py: from a folder, or none, to pictures joined with their tags."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import full_disk
from PIL import Image

from common import datasets
from common.anime import faces, tags
from common.errors import StorageError, UserError
from common.options import Common
from common.runs import Run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets, "EMBEDDED", tmp_path / "data" / "faces")
    return Run(Common(out=tmp_path / "run", steps=1))


def write_set(folder: Path, rows: dict[int, str], pictures: list[int]) -> Path:
    """A tiny set in the course's layout; picture k is a flat grey of level k."""
    (folder / "faces").mkdir(parents=True)
    (folder / "tags_clean.csv").write_text("".join(f"{key},{text}\n" for key, text in rows.items()))
    for number in pictures:
        Image.new("RGB", (8, 8), (number,) * 3).save(folder / "faces" / f"{number}.png")
    return folder


def test_each_sample_has_its_own_picture_and_labels(run, tmp_path, capsys):
    folder = write_set(tmp_path / "set", {
        40: "red hair:1\tblue eyes:1\t", 7: "long hair:1\t", 100: "aqua hair:1\tgray eyes:1\t",
        5: "red hair:1\tred eyes:1\t"}, pictures=[100, 7, 40, 9])
    data = datasets.load(run, [folder], 64, "exactly_one")
    assert data.images[data.rows][:, 0, 0, 0].tolist() == [40, 100]
    hair, eyes = tags.labels(data.table)
    assert [tags.HAIR[k] for k in hair] == ["red", "aqua"]
    assert [tags.EYES[k] for k in eyes] == ["blue", "gray"]
    counts = {key: value for key, value in data.info.items() if isinstance(value, int)}
    assert counts == {"rows": 4, "rows_without_picture": 1, "pictures": 4, "pictures_without_row": 1, "bad_pictures": 0,
                      "left_out_by_filter": 1, "kept": 2}
    assert "4 pictures, 4 rows; 2 kept, 1 left out by the filter exactly_one; 1 rows without a picture, 1 pictures " \
           "without a row, 0 bad pictures" in capsys.readouterr().out


def test_nothing_left_after_the_filter(run, tmp_path):
    folder = write_set(tmp_path / "set", {1: "long hair:1\t"}, [1])
    with pytest.raises(UserError, match="none of the 1 tagged pictures passes the filter exactly_one"):
        datasets.load(run, [folder], 64, "exactly_one")


def test_a_run_does_not_go_on_with_other_data(run, tmp_path):
    one = write_set(tmp_path / "one", {1: "red hair:1\tblue eyes:1\t"}, [1])
    same_tags = write_set(tmp_path / "two", {2: "red hair:1\tblue eyes:1\t"}, [2])
    datasets.load(run, [one], 64, "exactly_one")
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "step-1.index").touch()
    one.rename(tmp_path / "moved")
    datasets.load(run, [tmp_path / "moved"], 64, "exactly_one")
    with pytest.raises(UserError, match="data: pictures_sha256"):
        datasets.load(run, [same_tags], 64, "exactly_one")


def test_the_embedded_set_is_drawn_once_and_said(run, tmp_path, monkeypatch, capsys):
    make = faces.make
    monkeypatch.setattr(faces, "make", lambda folder, announce: make(folder, 20, workers=1, announce=announce))
    data = datasets.load(run, [], 64, "all")
    assert len(data.rows) == 20
    first = capsys.readouterr().out
    assert "note: no --data: training on the embedded set" in first
    assert "drawing" in first
    datasets.load(run, [], 64, "all")
    assert "drawing" not in capsys.readouterr().out
    csv = data.EMBEDDED / "tags_clean.csv"
    csv.write_text(csv.read_text()[:-9])  # of the last row's last tag only the first letters are left
    with pytest.raises(UserError, match=f"tags_clean.csv:20: .* is not 'tag:count', the line is cut off or damaged; "
                                        f".*; or delete {data.EMBEDDED}, it is drawn anew"):
        datasets.load(run, [], 64, "all")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert len(config["substitutions"]) == 1
    assert config["data_folder"] == "embedded"


def test_a_full_disk_while_the_embedded_set_is_drawn_leaves_nothing(run, tmp_path, monkeypatch):
    make = faces.make
    monkeypatch.setattr(faces, "make", lambda folder, announce: make(folder, 20, workers=1, announce=announce))
    with full_disk(2000), pytest.raises(StorageError, match="the embedded set cannot be drawn there .*; free space or"):
        datasets.load(run, [], 64, "all")
    assert list(data.EMBEDDED.parent.glob(f"*{data.EMBEDDED.name}*")) == []


def test_a_picture_without_a_number_is_named_with_its_folder(run, tmp_path):
    folder = write_set(tmp_path / "set", {1: "red hair:1\tblue eyes:1\t"}, [1])
    next((folder / "faces").iterdir()).rename(folder / "faces" / "cover.png")
    with pytest.raises(UserError, match="set/faces: cover.png: the name is not a number, so no row"):
        datasets.load(run, [folder], 64, "all")


def test_real_faces_of_the_course(run, mini):
    data = datasets.load(run, [mini / "anime"], 64, "exactly_one")
    assert (data.info["kept"], data.info["left_out_by_filter"], data.info["rows_without_picture"]) == (160, 8, 8)
    assert data.images.shape == (168, 64, 64, 3)


def test_real_faces_of_extra_data(run, mini):
    data = datasets.load(run, [mini / "extra_data"], 64, "exactly_one")
    assert data.info["kept"] == 60
    np.testing.assert_array_equal(np.sort(data.rows), np.arange(60))


def test_narrowed_data_is_what_the_stricter_filter_would_load(run, tmp_path):
    folder = write_set(tmp_path / "set", {
        1: "red hair:1\tblue eyes:1\t", 2: "long hair:1\t", 3: "aqua hair:1\t", 4: "red hair:1\tred eyes:1\t"},
        pictures=[4, 3, 2, 1])
    wide = datasets.load(run, [folder], 64, "one_or_two").only("exactly_one")
    strict = datasets.load(Run(Common(out=tmp_path / "other", steps=1)), [folder], 64, "exactly_one")
    assert wide.info == strict.info
    assert wide.table.equals(strict.table)
    np.testing.assert_array_equal(wide.rows, strict.rows)
    assert wide.images[wide.rows][:, 0, 0, 0].tolist() == [1, 4]


def test_several_folders_are_joined_with_their_own_pictures(run, tmp_path):
    one = write_set(tmp_path / "one", {1: "red hair:1\tblue eyes:1\t", 2: "pink hair:1\t"}, [2, 1])
    two = write_set(tmp_path / "two", {1: "aqua hair:1\tgray eyes:1\t", 30: "red hair:1\tred eyes:1\t"}, [30, 1])
    data = datasets.load(run, [one, two], 64, "exactly_one")
    assert data.images[data.rows][:, 0, 0, 0].tolist() == [1, 1, 30]
    assert [tags.HAIR[k] for k in tags.labels(data.table)[0]] == ["red", "aqua", "red"]
    assert data.images.shape == (4, 64, 64, 3)
    assert (data.info["rows"], data.info["kept"], data.info["left_out_by_filter"]) == (4, 3, 1)
    assert run.info["data_folder"] == [str(one), str(two)]
    narrowed = data.select(np.array([False, True, True]))
    assert narrowed.images[narrowed.rows][:, 0, 0, 0].tolist() == [1, 30]
