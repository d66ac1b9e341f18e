"""Sums of tensors that are the same to the last bit in every run.

TensorFlow's AddN kernel reuses the buffer of the first input that no other op needs any more, and starts to add there.
With three or more inputs the order, and so the last bits, depends on which other ops have finished: on a busy machine
one call in ten differed. `tf.config.experimental.enable_op_determinism` does not change that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import backprop


def total(terms: Iterable[tf.Tensor]) -> tf.Tensor:
    """The sum of tensors of one shape, added one after the other; use it in place of `tf.add_n`."""
    return functools.reduce(tf.add, terms)


def add_in_order() -> None:
    """Keeps TensorFlow from adding AddN to the graph of a training step by itself.

    The arithmetic optimizer of graphs merges several Add ops into one AddN, in an order that changes from process to
    process. A GradientTape uses AddN where several gradients reach one variable, and has no public switch for it: this
    does what `tensorflow.python.eager.backprop` does at import, with `total` in place of AddN. tests/test_sums.py fails
    if another version of TensorFlow differs. Gradients inside tf.cond, tf.while_loop or another tf.function are still
    added by AddN: no training step takes gradients through one of these.
    """
    def add_up(gradients: Sequence[tf.Tensor | tf.IndexedSlices]) -> tf.Tensor | tf.IndexedSlices:
        if all(isinstance(gradient, tf.IndexedSlices) for gradient in gradients):
            return usual.aggregate_fn(gradients)  # the rows of an embedding are concatenated, not added
        if any(gradient.dtype == tf.variant for gradient in gradients):
            return usual.aggregate_fn(gradients)  # a tf.TensorArray's: AddN alone can add them
        return total([tf.convert_to_tensor(gradient) for gradient in gradients])

    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    usual = backprop._default_vspace
    pywrap_tfe.TFE_Py_RegisterVSpace(usual._replace(aggregate_fn=add_up))
