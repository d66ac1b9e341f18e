"""common/plots.py: tiles, grids, curves."""

import numpy as np
import pytest
from conftest import full_disk
from PIL import Image

from common import plots
from common.errors import StorageError


def test_tile_goes_row_by_row_on_white():
    images = np.zeros((3, 2, 2, 3), np.uint8)
    images[:, :, :, 0] = np.array([10, 20, 30])[:, None, None]
    sheet = plots.tile(images, columns=2, gap=1)
    assert sheet[:, :, 0].tolist() == [[10, 10, 255, 20, 20], [10, 10, 255, 20, 20], [255] * 5,
                                       [30, 30, 255, 255, 255], [30, 30, 255, 255, 255]]


def test_grid_keeps_the_pictures_untouched_below_and_beside_the_names():
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    page = plots.grid(images, ["red hair", "blue hair"], ["red eyes", "blue eyes"])
    pixels = np.asarray(page)
    np.testing.assert_array_equal(pixels[-130:, -130:], plots.tile(images, 2))
    assert (pixels[:18] < 128).any(), "column names are drawn"
    assert (pixels[18:, :-130] < 128).any(), "row names are drawn"


def test_save_leaves_only_the_whole_picture(tmp_path):
    path = tmp_path / "deep" / "picture.png"
    plots.save(np.full((2, 2, 3), 7, np.uint8), path)
    assert np.asarray(Image.open(path)).tolist() == np.full((2, 2, 3), 7).tolist()
    assert [entry.name for entry in path.parent.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_full_disk_leaves_the_picture_from_before(tmp_path, name):
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    plots.save(picture, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with full_disk(len(before) - 300), pytest.raises(StorageError, match=f"{name}: cannot be written .File too large"):
        plots.save(picture[::-1], tmp_path / name, quality=100)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_animate_shows_all_frames_in_turn(tmp_path):
    for number in range(3):
        plots.save(np.full((8, 8, 3), 100 * number, np.uint8), tmp_path / f"{number}.png")
    plots.animate(sorted(tmp_path.glob("*.png")), tmp_path / "moving.webp")
    with Image.open(tmp_path / "moving.webp") as moving:
        assert moving.n_frames == 3
        moving.seek(2)
        assert abs(int(np.asarray(moving.convert("RGB"))[4, 4, 0]) - 200) < 5


def test_smooth_is_the_mean_of_the_last_values():
    assert plots.smooth(np.array([2.0, 4.0, 6.0, 8.0]), 2).tolist() == [2.0, 3.0, 5.0, 7.0]


def test_curves_draws_each_panel(tmp_path):
    rows = [{"step": str(k), "a": str(k), "b": str(-k)} for k in range(20)]
    plots.curves(rows, {"one": {"a": "A"}, "two": {"a": "A", "b": "B"}}, tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").size == (900, 640)


def test_curves_by_epoch(tmp_path):
    steps = [{"step": str(k), "a": "1"} for k in (10, 20, 30)]
    epochs = [{"step": str(k), "a": "1"} for k in (1, 2, 3)]
    plots.curves(steps, {"one": {"a": "A"}}, tmp_path / "steps.png", epoch=10, value="accuracy")
    plots.curves(epochs, {"one": {"a": "A"}}, tmp_path / "epochs.png", epoch=1, value="accuracy")
    one, two = (Image.open(tmp_path / name).convert("RGB").tobytes() for name in ("steps.png", "epochs.png"))
    assert one == two
