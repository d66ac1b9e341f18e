"""Our own step: the game that a report's train.py builds, through the loop's `compiled`; and plain copies of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.cases import Case
from common import runtime, trainer
from common.game import Game, Player, Rate

Step = Callable[[Mapping[str, np.ndarray]], dict[str, float]]


def build(case: Case, precision: str) -> tuple[Step, Game]:
    """A new game of a case, and its next training step on the batch of each call: the terms as the loop reads them."""
    with runtime.policy(precision):
        game = case.build(case.config)
    compiled, done = trainer.compiled(game, jit=False), 0

    def step(batch: Mapping[str, np.ndarray]) -> dict[str, float]:
        nonlocal done
        terms = compiled(batch, tf.constant(done, tf.int64), **game.phase(done))
        done += 1
        return {name: float(value) for name, value in terms.items()}

    return optimised(step, False), game


def plain_players(game: Game) -> dict[str, Player]:
    """The game's networks and optimizers as Keras has them: new weights, and none of `common/kernels.py`."""
    return {name: Player(keras.models.clone_model(player.network), type(player.optimizer).from_config(
        player.optimizer.get_config(), custom_objects={"Rate": Rate})) for name, player in game.players.items()}


def optimised(step: Callable[..., Any], arithmetic: bool) -> Callable[..., Any]:
    """`step` under its own options of TensorFlow's graph optimizer: ours as train.py sets them, a port's as usual.

    The options are the process's, and belong to the call: a graph is optimised once for each set that it is called
    under. How a GradientTape adds is the process's too, see common/sums.py: there the port adds as ours does.
    """
    def call(*args: Any) -> Any:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": arithmetic})
        return step(*args)

    return call
