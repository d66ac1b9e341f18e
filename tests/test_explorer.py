"""What a run draws for the page to play with: the tiles and where each of them lies."""

import json

import numpy as np
import pytest
from PIL import Image

from common import explorer
from common.anime import explorer as faces
from common.anime import tags
from lab5_cgan import figures


def written(folder, tiles, **about):
    """The sprite as an array, and what stands beside it."""
    explorer.Explorer(np.stack(tiles), about).write(folder)
    with Image.open(folder / "explorer.webp") as sprite:
        return np.asarray(sprite.convert("RGB")), json.loads((folder / "explorer.json").read_text())


def test_tiles_lie_row_by_row_and_the_rest_of_the_last_row_is_white(tmp_path):
    tiles = [np.full((16, 16, 3), 4 * number, np.uint8) for number in range(36)]
    sprite, about = written(tmp_path, tiles, kind="pairs", ways=[["red", "blonde", 10], ["blonde", "red", 8]])
    assert sprite.shape == (32, 512, 3)
    assert abs(sprite[24, 3 * 16 + 8].astype(int) - 4 * 35).max() <= 3  # WebP is not exact
    assert sprite[24, 4 * 16 + 8:].min() > 245
    assert about == {"kind": "pairs", "ways": [["red", "blonde", 10], ["blonde", "red", 8]], "size": 16, "columns": 32,
                     "tiles": 36}


def test_a_sprite_of_noise_takes_at_most_its_size(tmp_path):
    tiles = np.random.default_rng(0).integers(0, 256, (320, 64, 64, 3), np.uint8)
    explorer.Explorer(tiles, {"kind": "pairs", "ways": [["a", "b", 160]]}).write(tmp_path)
    assert 100_000 < (tmp_path / "explorer.webp").stat().st_size <= 600_000


def test_large_tiles_are_reduced(tmp_path):
    tiles = [np.full((512, 512, 3), 60 * number, np.uint8) for number in range(4)]
    sprite, about = written(tmp_path, tiles, kind="pairs", ways=[["a", "b", 2]])
    assert about["size"] == 128 and sprite.shape == (128, 32 * 128, 3)
    assert abs(sprite[64, 3 * 128 + 64].astype(int) - 180).max() <= 3


def test_a_number_of_tiles_that_is_not_what_the_kind_needs_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="3 tiles, but pairs needs 4"):
        explorer.Explorer(np.zeros((3, 8, 8, 3), np.uint8), {"kind": "pairs", "ways": [["a", "b", 2]]}).write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_each_condition_has_its_faces_and_then_the_way_from_the_first_to_the_second():
    asked = []

    def generate(z, hair, eyes):
        asked.append((z, hair, eyes))
        return np.zeros((len(z), 8, 8, 3), np.uint8)

    found = faces.draw(generate, 5, eyes=("blue", "red"), seed=3)
    ((z, hair, eyes),) = asked
    assert (found.about["faces"], found.about["between"], len(found.tiles)) == (8, 4, 12 * 2 * 12)
    assert hair[12 * 3:12 * 3 + 2].tolist() == [1, 1] and tags.HAIR[1] == found.about["choices"][0][1][1][0]
    assert [tags.EYES[eye] for eye in eyes[::12][:4]] == ["blue", "red", "blue", "red"]
    assert (z[:12] == z[12:24]).all(), "every condition has the same noise"
    lengths = np.linalg.norm(z[[0, 1, 8, 9, 10, 11]], axis=1)
    assert (lengths[2:] > lengths[:2].min() - 1e-3).all() and (lengths[2:] < lengths[:2].max() + 1e-3).all()
    near = np.linalg.norm(z[8:12] - z[0], axis=1)
    assert (np.diff(near) > 0).all() and near[3] < np.linalg.norm(z[1] - z[0])


def test_halfway_between_two_noises_at_a_right_angle():
    way = explorer.on_the_way(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 1)
    np.testing.assert_allclose(way, [[2 ** 0.5, 2 ** 0.5]], rtol=1e-6)


def test_every_set_of_up_to_three_objects_has_its_scenes():
    asked = []

    def generate(z, label):
        asked.append((z, label))
        return np.zeros((len(z), 8, 8, 3), np.uint8)

    found = figures.explore(generate, 5)
    ((z, label),) = asked
    assert len(found.tiles) == 24 * 4 + 276 * 4 + 2024 == 3224
    assert np.flatnonzero(label[5]).tolist() == [1] and (z[5] == z[1]).all() and (z[5] != z[0]).any()
    assert np.flatnonzero(label[24 * 4]).tolist() == [0, 1] and np.flatnonzero(label[-1]).tolist() == [21, 22, 23]
    assert found.about["objects"][1] == ["red cube", "#c02828"]
    assert len(figures.explore(generate, 5, brief=True).tiles) == 96
