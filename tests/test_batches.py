"""common/batches.py: a batch is a function of (seed, step)."""

import numpy as np
import pytest

from common.batches import Batches
from common.errors import UserError

IMAGES = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)
ROWS = np.array([11, 3, 5, 7, 0, 2, 9])  # seven samples among twelve images
BITS = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [1, 0], [0, 1], [1, 0]], np.float32)  # of the seven samples
BITS_OF = dict(zip(ROWS.tolist(), map(tuple, BITS.tolist()), strict=True))


def make(**changes):
    return Batches(IMAGES, ROWS, {"number": ROWS * 10, "bits": BITS}, **{"batch_size": 3, "seed": 1} | changes)


def numbers(batches, steps):
    return [batches.at(step)["number"].tolist() for step in steps]


def test_an_epoch_shows_each_sample_at_most_once_and_with_its_own_label():
    batches = make()
    assert batches.steps_per_epoch == 2
    rows = np.concatenate([batches.at(step)["image"][:, 0, 0, 0] for step in range(2)])
    assert len(set(rows.tolist())) == 6
    assert set(rows.tolist()) <= set(ROWS.tolist())
    assert np.concatenate(numbers(batches, range(2))).tolist() == (rows.astype(int) * 10).tolist()


def test_epochs_and_seeds_differ_in_order():
    first = numbers(make(), (0, 1))
    assert first != numbers(make(), (2, 3))
    assert first != numbers(make(seed=2), (0, 1))


def test_stream_is_the_steps_in_order():
    batches = make()
    assert [batch["number"].tolist() for batch in batches.stream(3, 6)] == numbers(make(), (3, 4, 5))
    assert list(batches.stream(6, 6)) == []


def test_an_error_in_the_background_reaches_the_loop():
    batches = Batches(IMAGES, np.array([0, 99]), {}, batch_size=2, seed=0)
    with pytest.raises(IndexError):
        list(batches.stream(0, 2))


def test_mirror_flips_about_half_and_only_from_left_to_right():
    images = np.zeros((2, 2, 2, 3), np.uint8)
    images[:, 0, 0] = 255
    batch = Batches(images, np.arange(1000) % 2, {"bits": np.arange(1000) % 2}, batch_size=1000, seed=0, mirror=True,
                    wrong="bits").at(0)
    for name in ("image", "wrong_image"):
        left, right = ((batch[name][:, 0, column] == 255).all(axis=1) for column in (0, 1))
        assert (left ^ right).all()
        assert 440 < right.sum() < 560
    assert not np.array_equal(batch["image"], batch["wrong_image"])
    assert (images[:, 0, 0] == 255).all()  # the data itself is not changed


@pytest.mark.parametrize(("changes", "message"), [
    ({"batch_size": 8}, "7 images are left, but a step takes 8; lower --batch-size"),
    ({"wrong": "same"}, "all 7 images have the same label")])
def test_too_few_samples_or_labels(changes, message):
    with pytest.raises(UserError, match=message):
        Batches(IMAGES, ROWS, {"same": np.zeros(7)}, **{"batch_size": 3, "seed": 1} | changes)


def test_wrong_labels_and_wrong_images_never_have_the_right_label():
    batches = make(wrong="bits")
    counts = np.zeros(12)
    for step in range(400):
        batch = batches.at(step)
        for image, bits, wrong_bits, wrong_image in zip(*(batch[name] for name in (
                "image", "bits", "wrong_bits", "wrong_image")), strict=True):
            assert BITS_OF[image.max()] == tuple(bits)
            assert tuple(wrong_bits) != tuple(bits) != BITS_OF[wrong_image.max()]
            if tuple(bits) == (1, 1):  # only one sample has these bits: the other six are equally likely
                counts[wrong_image.max()] += 1
    assert counts.sum() > 100
    assert set(np.flatnonzero(counts)) == set(ROWS.tolist()) - {7}
    assert counts.max() < 0.3 * counts.sum()


def test_wrong_labels_and_images_may_be_made_from_the_batch():
    batch = make(wrong="bits", wrong_label=lambda right, random: right + random.integers(5, 6, right.shape),
                 rolled=True).at(0)
    np.testing.assert_array_equal(batch["wrong_bits"], batch["bits"] + 5)
    np.testing.assert_array_equal(batch["wrong_image"], batch["image"][[2, 0, 1]])


def test_a_step_has_the_same_batch_whatever_was_asked_before():
    def at(step, *before):
        batches = make(wrong="bits", mirror=True)
        for other in before:
            batches.at(other)
        return batches.at(step)

    for name, values in at(5).items():
        np.testing.assert_array_equal(values, at(5, 7, 1)[name])
    assert not np.array_equal(at(5)["wrong_image"], at(6)["wrong_image"])
