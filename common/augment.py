"""Differentiable augmentation of what D sees, real and generated images alike (Zhao et al. 2020, arXiv:2006.10738).

Colours are never changed: they are what the conditions are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from common.game import Noise


def translate(image: tf.Tensor, noise: Noise, reach: int) -> tf.Tensor:
    """Moves each image by up to `reach` pixels in both directions; what is beyond an edge is its nearest pixel.

    Args:
        image: [B, S, S, C] of any range.
        noise: where the B shifts, evenly distributed whole pixels, come from.
        reach: 0 leaves the images as they are.
    """
    if not reach:
        return image
    count, size = image.shape[:2]
    shift = tf.cast(tf.floor(noise.uniform((count, 2), -reach, reach + 1)), tf.int32)
    rows, columns = (tf.clip_by_value(tf.range(size) + shift[:, axis, None], 0, size - 1) for axis in (0, 1))
    moved = tf.gather(image, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)
