"""common/augment.py: what D sees is moved, and its gradient moves back."""

import numpy as np
import pytest


class Shifts:
    """In place of a step's noise: the shifts of its images, rows and columns."""

    def __init__(self, *shifts):
        self.shifts = shifts

    def uniform(self, shape, low, high):
        import tensorflow as tf

        assert shape == (len(self.shifts), 2) and (low, high) == (-2, 3)
        return tf.constant(self.shifts, tf.float32)


@pytest.fixture
def translate(tensorflow):
    from common.augment import translate

    return translate


def test_images_are_moved_and_edges_repeated(translate):
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1).repeat(2, 0)
    moved = translate(image, Shifts((1.9, 0.0), (-0.1, -2.0)), 2).numpy()[..., 0]
    assert moved[0].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15], [12, 13, 14, 15]]
    assert moved[1].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1], [4, 4, 4, 5], [8, 8, 8, 9]]


def test_the_gradient_goes_to_the_pixels_that_are_seen(translate, tensorflow):
    image = tensorflow.zeros((1, 3, 3, 1))
    with tensorflow.GradientTape() as tape:
        tape.watch(image)
        seen = tensorflow.reduce_sum(translate(image, Shifts((1.0, 0.0)), 2))
    assert tape.gradient(seen, image).numpy()[0, :, :, 0].tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_no_reach_changes_nothing_and_asks_for_no_noise(translate):
    image = np.ones((1, 4, 4, 3), np.float32)
    assert translate(image, None, 0) is image


def test_shifts_are_even(translate, tensorflow):
    from common.game import Noise

    ramp = np.tile(np.arange(16, dtype=np.float32)[None, None, :, None], (3000, 16, 1, 1))
    shift = translate(ramp, Noise(0, tensorflow.constant(0, tensorflow.int64)), 2).numpy()[:, 8, 8, 0] - 8
    values, counts = np.unique(shift, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2] and (np.abs(counts - 600) < 75).all()
