"""A GAN as a game: players with their networks, optimizers and losses, and one step of all of them.

A report writes `generate`, `d_loss` and `g_loss`; nothing else of its training is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

Terms = dict[str, tf.Tensor]


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from 0 in the first `warm_up` steps and falls to 0 in the last `cool_down` of `total`.

    Without the rise Adam's first steps throw the network far off; without the fall short trainings end unsteadily.
    """

    def __init__(self, rate: float, warm_up: int, cool_down: int, total: int) -> None:
        self.rate, self.warm_up, self.cool_down, self.total = rate, warm_up, cool_down, total

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        done = tf.cast(step, tf.float32)
        rise = (done + 1.0) / (self.warm_up + 1.0)
        fall = (self.total - done) / (self.cool_down + 1.0)
        return self.rate * tf.clip_by_value(tf.minimum(rise, fall), 0.0, 1.0)

    def get_config(self) -> dict:
        return {"rate": self.rate, "warm_up": self.warm_up, "cool_down": self.cool_down, "total": self.total}


@dataclass(frozen=True)
class Player:
    """A network and the optimizer that moves it, and nothing else."""

    network: keras.Model
    optimizer: keras.optimizers.Optimizer


class Draws:
    """The random numbers of one (seed, step), in the order they are asked for while the step is traced."""

    def __init__(self, seed: int, step: tf.Tensor) -> None:
        self._seed = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), step)
        self._count = 0

    def _next(self) -> tf.Tensor:
        self._count += 1
        return tf.random.experimental.stateless_fold_in(self._seed, tf.constant(self._count, tf.int64))

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Float32 from N(0, 1)."""
        return tf.random.stateless_normal(shape, self._next())

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 from U(low, high)."""
        return tf.random.stateless_uniform(shape, self._next(), low, high)


def to_range(image: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """uint8 pictures -> float32 in [low, high]."""
    return tf.cast(image, tf.float32) * ((high - low) / 255.0) + low


def to_uint8(image: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Float pictures in [low, high] -> uint8, rounded; what lies outside is clipped."""
    levels = tf.round((tf.cast(image, tf.float32) - low) * (255.0 / (high - low)))
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def cut(network: keras.Model, join: str) -> tuple[keras.Model, keras.Model]:
    """A network of [picture, condition] in two, with its own weights: where one layer joins the two.

    Args:
        network: its condition meets the picture's features in the layer `join`, and nowhere before.
        join: name of that layer, whose first input is the picture's features.

    Returns:
        trunk: picture -> features, head: [features, condition] -> the network's output. A picture that is judged with
        several conditions has to pass the trunk but once.
    """
    picture, condition = network.inputs
    features = network.get_layer(join).input[0]
    return keras.Model(picture, features), keras.Model([features, condition], network.output)


class Game:
    """Generator against discriminator: one generator pass a step serves both.

    The generator's picture is made once; D is updated on it, then G's gradient goes through the same picture and the
    updated D. With `d_steps` above 1 each D step has pictures and noise of its own, and the last fake serves G.
    A game with other players overrides `step`.

    Args:
        seed: noise is a function of (seed, step).
        d_steps: D steps for each G step; a batch then holds `d_steps` times the pictures.
        players: name -> Player; each becomes an attribute that is its network. `generator` and `discriminator` here.
    """

    LOW, HIGH = -1.0, 1.0  # the range of pictures inside the networks
    SAVED: ClassVar = {"generator": "generator.keras"}  # player -> file of its network in a finished run

    def __init__(self, seed: int, *, d_steps: int = 1, **players: Player) -> None:
        self.seed, self.d_steps, self.players = seed, d_steps, players
        for name, player in players.items():
            setattr(self, name, player.network)
            player.optimizer.build(player.network.trainable_variables)

    def generate(self, draw: Draws, count: int, **labels: tf.Tensor) -> tf.Tensor:
        """Makes `count` pictures [count, S, S, 3] in [LOW, HIGH] with fresh noise, in training mode."""
        raise NotImplementedError

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, draw: Draws, **labels: tf.Tensor) -> Terms:
        """The discriminator's terms by name; its loss is their sum."""
        raise NotImplementedError

    def g_loss(self, fake: tf.Tensor, draw: Draws, **labels: tf.Tensor) -> Terms:
        """The generator's terms by name; its loss is their sum."""
        raise NotImplementedError

    def phase(self, step: int) -> dict[str, bool]:
        """Keyword arguments of `step` that change as a training goes on; each set of them is a graph of its own."""
        return {}

    def step(self, batch: dict[str, tf.Tensor], step: tf.Tensor) -> Terms:
        """One step of every player on a batch of [d_steps * B, ...]: `image` uint8, and labels; returns all terms."""
        draw = Draws(self.seed, step)
        parts = {name: tf.split(value, self.d_steps) for name, value in batch.items()}
        for turn in range(self.d_steps):
            labels = self.in_range({name: values[turn] for name, values in parts.items()})
            real = labels.pop("image")
            with self.tape("generator") as g_tape:
                fake = self.generate(draw, real.shape[0], **labels)
            with self.tape("discriminator") as d_tape:
                d_terms = self.d_loss(real, fake, draw, **labels)
                d_total = tf.add_n(list(d_terms.values()))
            self.move("discriminator", d_tape, d_total)
        with g_tape:  # recording goes on where the fake was made
            g_terms = self.g_loss(fake, draw, **labels)
            g_total = tf.add_n(list(g_terms.values()))
        self.move("generator", g_tape, g_total)
        return {**d_terms, **g_terms}

    def in_range(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """A batch with its pictures, which are what is uint8, in [LOW, HIGH]."""
        return {name: to_range(value, self.LOW, self.HIGH) if value.dtype == tf.uint8 else value
                for name, value in batch.items()}

    def tape(self, *players: str) -> tf.GradientTape:
        """A tape that watches these players' weights and nothing else; that of several gives several gradients."""
        tape = tf.GradientTape(persistent=len(players) > 1, watch_accessed_variables=False)
        with tape:
            for player in players:
                for variable in self.players[player].network.trainable_variables:
                    tape.watch(variable.value)
        return tape

    def move(self, player: str, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        """Moves one player's weights down the gradient of its loss."""
        network, optimizer = self.players[player].network, self.players[player].optimizer
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)

    def other_states(self) -> list[tf.Variable]:
        """State beside weights and optimizers: of every dropout layer's random numbers; a game that keeps more adds it.

        A tf.train.Checkpoint does not find it by itself.
        """
        states = []
        for player in self.players.values():
            kept = {id(variable) for variable in player.network.weights}
            states += [v.value for v in player.network.variables if id(v) not in kept]
        return states
