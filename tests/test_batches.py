"""common/batches.py: a batch is a function of (seed, step)."""

import numpy as np
import pytest

from common.batches import Batches
from common.cli import UserError

IMAGES = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)
ROWS = np.array([11, 3, 5, 7, 0, 2, 9])  # seven samples among twelve pictures


def make(**changes):
    values = {"batch_size": 3, "seed": 1} | changes
    return Batches(IMAGES, ROWS, {"number": ROWS * 10}, **values)


def test_an_epoch_shows_each_sample_at_most_once_and_with_its_own_label():
    batches = make()
    assert batches.steps_per_epoch == 2
    seen = np.concatenate([batches.at(step)["image"][:, 0, 0, 0] for step in range(2)])
    labels = np.concatenate([batches.at(step)["number"] for step in range(2)])
    assert len(set(seen.tolist())) == 6
    assert set(seen.tolist()) <= set(ROWS.tolist())
    np.testing.assert_array_equal(labels, seen.astype(int) * 10)


def test_a_step_has_the_same_batch_whatever_was_asked_before():
    forward = make()
    expected = [forward.at(step)["number"].tolist() for step in range(8)]
    jumping = make()
    assert [jumping.at(step)["number"].tolist() for step in (7, 2, 5)] == [expected[k] for k in (7, 2, 5)]


def test_epochs_and_seeds_differ_in_order():
    one = [make().at(step)["number"].tolist() for step in range(2)]
    assert one != [make().at(step)["number"].tolist() for step in range(2, 4)]
    assert one != [make(seed=2).at(step)["number"].tolist() for step in range(2)]


def test_stream_is_the_steps_in_order():
    batches = make()
    stream = [batch["number"].tolist() for batch in batches.stream(3, 6)]
    assert stream == [make().at(step)["number"].tolist() for step in range(3, 6)]
    assert list(batches.stream(6, 6)) == []


def test_an_error_in_the_background_reaches_the_loop():
    batches = Batches(IMAGES, np.array([0, 99]), {}, batch_size=2, seed=0)
    with pytest.raises(IndexError):
        list(batches.stream(0, 2))


def test_mirror_flips_about_half_and_only_from_left_to_right():
    images = np.zeros((1, 2, 2, 3), np.uint8)
    images[0, 0, 0] = 255
    batches = Batches(images, np.zeros(1000, int), {}, batch_size=1000, seed=0, mirror=True)
    image = batches.at(0)["image"]
    right = (image[:, 0, 1] == 255).all(axis=1)
    left = (image[:, 0, 0] == 255).all(axis=1)
    assert (left ^ right).all()
    assert 440 < right.sum() < 560
    np.testing.assert_array_equal(image, batches.at(0)["image"])
    assert (images[0, 0, 0] == 255).all()  # the data itself is not touched


def test_fewer_samples_than_a_batch():
    with pytest.raises(UserError, match="7 pictures are left, a batch needs 8; lower --batch-size"):
        make(batch_size=8)
