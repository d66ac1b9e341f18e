"""Loss terms as pure functions: logits or scores in, a float32 scalar out (the mean over the batch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from common import sums


def bce(logits: tf.Tensor, target: tf.Tensor | float) -> tf.Tensor:
    """Binary cross-entropy after a sigmoid (Goodfellow et al. 2014, arXiv:1406.2661).

    Args:
        logits: any shape, before the sigmoid.
        target: a number, or a tensor of the logits' shape: 1 real, 0 fake. Soft targets above 1 are allowed; the
            term is then unbounded below.
    """
    logits = tf.cast(logits, tf.float32)
    targets = tf.broadcast_to(tf.cast(target, tf.float32), tf.shape(logits))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits))


def least_squares(scores: tf.Tensor, target: tf.Tensor | float) -> tf.Tensor:
    """Mean of (score - target)^2 (LSGAN, Mao et al. 2017, arXiv:1611.04076, without its factor of 1/2)."""
    return tf.reduce_mean(tf.square(tf.cast(scores, tf.float32) - target))


def class_terms(labels: Sequence[tf.Tensor], logits: Sequence[tf.Tensor]) -> tf.Tensor:
    """Sum of the softmax cross-entropies of several label sets: L_C of AC-GAN (Odena et al. 2017, arXiv:1610.09585).

    Args:
        labels: for each set the true classes, [B] integers.
        logits: for each set the scores, [B, classes], before the softmax.
    """
    terms = [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=one, logits=tf.cast(two, tf.float32)))
             for one, two in zip(labels, logits, strict=True)]
    return sums.total(terms)


def gradient_penalty(critic: Callable[..., tf.Tensor], inputs: Sequence[tf.Tensor]) -> tf.Tensor:
    """Mean of (|gradient| - 1)^2 (WGAN-GP, Gulrajani et al. 2017, arXiv:1704.00028), without its factor lambda.

    Args:
        critic: takes the tensors of `inputs` and returns one score per sample, [B] or [B, 1].
        inputs: the interpolated samples, [B, ...] each; the norm is over all of them jointly (report 004).

    A gradient of zero gives 1, with a finite derivative: 1e-12 is added under the root.
    """
    inputs = [tf.cast(value, tf.float32) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        scores = tf.cast(critic(*inputs), tf.float32)
    gradients = tape.gradient(scores, inputs, unconnected_gradients="zero")
    squares = [tf.reduce_sum(tf.square(g), axis=tf.range(1, tf.rank(g))) for g in gradients]
    return tf.reduce_mean(tf.square(tf.sqrt(sums.total(squares) + 1e-12) - 1.0))


def r1(critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor) -> tf.Tensor:
    """R1: half the mean of |gradient|^2 at real images (Mescheder et al. 2018, arXiv:1801.04406), without its weight.

    Args:
        critic: images [B, S, S, 3] -> one logit or score per image, [B] or [B, 1].
        real: float32 [B, S, S, 3].
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        scores = tf.cast(critic(real), tf.float32)
    gradient = tape.gradient(scores, real)
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=tf.range(1, tf.rank(gradient))))
