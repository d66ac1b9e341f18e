"""common/batches.py: a batch is a function of (seed, step)."""

import numpy as np
import pytest

from common.batches import Batches
from common.errors import UserError

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
    with pytest.raises(UserError, match="7 pictures are left, a step takes 8; lower --batch-size"):
        make(batch_size=8)


LABELS = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [1, 0], [0, 1], [1, 0]], np.float32)  # of the seven samples


def wrong_pairs(steps=400, **changes):
    values = {"batch_size": 3, "seed": 1, "wrong": "bits"} | changes
    batches = Batches(IMAGES, ROWS, {"bits": LABELS}, **values)
    label_of = dict(zip(ROWS.tolist(), map(tuple, LABELS.tolist()), strict=True))
    for step in range(steps):
        batch = batches.at(step)
        for index in range(3):
            yield (label_of[int(batch["image"][index].max())], tuple(batch["bits"][index].tolist()),
                   tuple(batch["wrong_bits"][index].tolist()), int(batch["wrong_image"][index].max()), label_of)


def test_wrong_labels_and_wrong_pictures_never_have_the_right_label():
    for own, right, wrong, picture, label_of in wrong_pairs():
        assert own == right
        assert wrong != right
        assert label_of[picture] != right


def test_wrong_pictures_are_drawn_evenly_from_all_the_others():
    seen = np.zeros(12)
    total = 0
    for _, right, _, picture, _ in wrong_pairs():
        if right == (1, 1):  # one sample, so each of the other six has the same chance
            seen[picture] += 1
            total += 1
    assert total > 100
    assert set(np.flatnonzero(seen)) == set(ROWS.tolist()) - {7}
    assert seen[[11, 3, 5, 0, 2, 9]].max() < 0.3 * total


def test_wrong_pairs_are_functions_of_the_step():
    def at(step, *before):
        batches = Batches(IMAGES, ROWS, {"bits": LABELS}, 3, 1, wrong="bits", mirror=True)
        for other in before:
            batches.at(other)
        return batches.at(step)

    for name, value in at(5).items():
        np.testing.assert_array_equal(value, at(5, 1, 7)[name])
    assert not np.array_equal(at(5)["wrong_image"], at(6)["wrong_image"])


def test_wrong_pictures_are_mirrored_too():
    images = np.zeros((2, 2, 2, 3), np.uint8)
    images[:, 0, 0] = 255
    batches = Batches(images, np.arange(1000) % 2, {"bits": np.arange(1000) % 2}, 1000, 0, mirror=True, wrong="bits")
    batch = batches.at(0)
    for name in ("image", "wrong_image"):
        assert 440 < (batch[name][:, 0, 1] == 255).all(axis=1).sum() < 560
    assert not np.array_equal(batch["image"], batch["wrong_image"])


def test_no_wrong_pairs_where_all_labels_are_one():
    with pytest.raises(UserError, match="all 7 pictures have the same label"):
        Batches(IMAGES, ROWS, {"bits": np.zeros(7)}, 3, 1, wrong="bits")
