"""The exponential moving average of generator weights, which `--average` uses for images and measures.

The weights of a generator oscillate; their average over the last steps gives better images than any single step (Karras
et al. 2017, arXiv:1710.10196; Yazici et al. 2018, arXiv:1806.04498). The decay is given as a half-life, as in StyleGAN2
(arXiv:1912.04958). The training does not read the average, so it is bit-identical with and without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from common.game import Game


class Average:
    """The average of the weights and batch statistics of the networks that a finished run keeps (`Game.SAVED`).

    After n steps it is the mean of the weights w_1 ... w_n after each step, where w_k counts decay ** (n - k); the
    initial weights do not count. This is Adam's bias correction (Kingma and Ba 2014, arXiv:1412.6980, section 3): the
    average is useful from the first step, with the same half-life at all times.

    Args:
        game: the game as it is before its first step, or before a checkpoint is restored.
        half_life: in steps, above 0: weights of that many steps ago count half as much as the current ones.

    Attributes:
        variables: the state, for checkpoints.
    """

    def __init__(self, game: Game, half_life: float) -> None:
        self.decay = 0.5 ** (1.0 / half_life)
        self._weights = [weight for player in game.SAVED for weight in game.players[player].network.weights]
        self.variables = [tf.Variable(weight.numpy(), trainable=False) for weight in self._weights]

    def update(self, step: tf.Tensor) -> None:
        """Adds the weights after a step, counted from 0; part of the step's graph, outside the replicas."""
        decay = tf.constant(self.decay, tf.float64)
        share = tf.cast((1.0 - decay) / (1.0 - decay ** tf.cast(step + 1, tf.float64)), tf.float32)
        for variable, weight in zip(self.variables, self._weights, strict=True):
            variable.assign_add(share * (weight.value - variable))

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Inside the block the networks have the averaged weights; afterwards exactly the trained ones again."""
        trained = [weight.numpy() for weight in self._weights]
        self._assign([variable.numpy() for variable in self.variables])
        try:
            yield
        finally:
            self._assign(trained)

    def _assign(self, values: list) -> None:
        for weight, value in zip(self._weights, values, strict=True):
            weight.assign(value)
