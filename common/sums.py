"""Sums of tensors that are the same to the last bit in every run.

TensorFlow's AddN kernel writes its sum over the first of its inputs that nobody else holds at that moment, and begins
to add there. Of three and more inputs the order, and so the last bits, depend on which other ops have ended by then:
on a busy machine one call in ten differed. `tf.config.experimental.enable_op_determinism` does not change that.
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
    """Has TensorFlow put AddN into no graph of a report's step by itself.

    The arithmetic optimizer of graphs merges several Add into one, in an order that changes from process to process.
    A GradientTape adds what reaches a variable over several ways by one. For that there is no public switch: this does
    what `tensorflow.python.eager.backprop` itself does when it is imported, with `total` in place of AddN.
    tests/test_sums.py tells should another version of TensorFlow differ. What a tape finds inside tf.cond,
    tf.while_loop or another tf.function is still added by AddN: no step takes gradients through one of them.
    """
    def add_up(gradients: Sequence[tf.Tensor | tf.IndexedSlices]) -> tf.Tensor | tf.IndexedSlices:
        if all(isinstance(gradient, tf.IndexedSlices) for gradient in gradients):
            return usual.aggregate_fn(gradients)  # an embedding's rows are put side by side, not added
        if any(gradient.dtype == tf.variant for gradient in gradients):
            return usual.aggregate_fn(gradients)  # a tf.TensorArray's: AddN alone can add them
        return total([tf.convert_to_tensor(gradient) for gradient in gradients])

    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    usual = backprop._default_vspace
    pywrap_tfe.TFE_Py_RegisterVSpace(usual._replace(aggregate_fn=add_up))
