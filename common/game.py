"""A GAN as a game: players with their networks, optimizers and losses, and one training step of all players.

A report defines `generate`, `d_loss` and `g_loss`; the rest of the training is shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from common import distribution, kernels, sums

Terms = dict[str, tf.Tensor]
ALGORITHM = "philox"  # random number generator; TensorFlow's own choice depends on the device and on XLA


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from 0 in the first `warm_up` steps and falls to 0 in the last `cool_down` of `total`.

    Without warm-up Adam's first steps are far too large; without cool-down the end of a short training is unsteady.
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
    """A network and its optimizer."""

    network: keras.Model
    optimizer: keras.optimizers.Optimizer


class Noise:
    """The random numbers of one (seed, step), in the order in which the traced step asks for them.

    They are drawn for the whole batch, and each replica takes its part: the first axis of each shape is the batch.
    So one device and several devices see the same numbers.
    """

    def __init__(self, seed: int, step: tf.Tensor) -> None:
        self._seed = tf.random.fold_in(tf.constant([seed, 0], tf.int64), step, alg=ALGORITHM)
        self._shard, self._count = distribution.own_shard(), 0

    def _next(self) -> tf.Tensor:
        self._count += 1
        return tf.random.fold_in(self._seed, tf.constant(self._count, tf.int64), alg=ALGORITHM)

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self._shard.of == 1 else (shape[0] * self._shard.of, *shape[1:])

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Float32 from N(0, 1)."""
        return self._shard.take(tf.random.stateless_normal(self._whole(shape), self._next(), alg=ALGORITHM))

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 from U(low, high)."""
        return self._shard.take(tf.random.stateless_uniform(self._whole(shape), self._next(), low, high,
                                                            alg=ALGORITHM))


def to_range(image: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """uint8 images -> float32 in [low, high]."""
    return tf.cast(image, tf.float32) * ((high - low) / 255.0) + low


def to_uint8(image: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Float images in [low, high] -> uint8, rounded and clipped."""
    levels = tf.round((tf.cast(image, tf.float32) - low) * (255.0 / (high - low)))
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def cut(network: keras.Model, join: str) -> tuple[keras.Model, keras.Model]:
    """Cuts a network of [image, condition] into two that share its weights, at the layer that joins both.

    Args:
        network: its condition meets the image's features in the layer `join`, and not before.
        join: name of that layer, whose first input is the image's features.

    Returns:
        trunk: image -> features, head: [features, condition] -> the network's output. An image that is judged with
        several conditions passes the trunk only once.
    """
    image, condition = network.inputs
    features = network.get_layer(join).input[0]
    return keras.Model(image, features), keras.Model([features, condition], network.output)


class Game:
    """A generator and a discriminator, and one training step of both on one replica.

    The fake images are generated once: D is updated on them, then G's gradient goes through the same fakes and the
    updated D. With `d_steps` above 1 each D step has its own images and noise, and G uses the last fakes. With
    `g_steps` above 1 each further G step generates images anew, from the noise of the first D step. A game with other
    players overrides `train_step`.

    Losses are means over the mini-batch.

    Args:
        seed: noise is a function of (seed, step).
        d_steps: D steps per step; a mini-batch then holds `d_steps` times as many images.
        g_steps: G steps per step.
        players: name -> Player; each becomes an attribute that is its network. `generator` and `discriminator` here.

    Attributes:
        strategy: the distribution strategy under which the game was made.
    """

    LOW, HIGH = -1.0, 1.0  # range of pixel values inside the networks
    SAVED: ClassVar = {"generator": "generator.keras"}  # player -> file of its network in a finished run

    def __init__(self, seed: int, *, d_steps: int = 1, g_steps: int = 1, **players: Player) -> None:
        self.seed, self.d_steps, self.g_steps, self.players = seed, d_steps, g_steps, players
        self.strategy = tf.distribute.get_strategy()
        for name, player in players.items():
            setattr(self, name, player.network)
            player.network._distribute_strategy = None  # otherwise `predict` runs everything once on each device
            player.optimizer.build(player.network.trainable_variables)
            kernels.accelerate(player.network, player.optimizer)

    def generate(self, noise: Noise, count: int, **labels: tf.Tensor) -> tf.Tensor:
        """Generates `count` images [count, S, S, 3] in [LOW, HIGH] from fresh noise, in training mode."""
        raise NotImplementedError

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, **labels: tf.Tensor) -> Terms:
        """The discriminator's terms by name; its loss is their sum."""
        raise NotImplementedError

    def g_loss(self, fake: tf.Tensor, noise: Noise, **labels: tf.Tensor) -> Terms:
        """The generator's terms by name; its loss is their sum."""
        raise NotImplementedError

    def phase(self, step: int) -> dict[str, bool]:
        """Keyword arguments of `train_step` that change during the training; each combination gets its own graph."""
        return {}

    def train_step(self, minibatch: dict[str, tf.Tensor], step: tf.Tensor) -> Terms:
        """One step of every player.

        Args:
            minibatch: `image` uint8 [d_steps * B, S, S, 3], and the labels, [d_steps * B, ...] each.
            step: counted from 0.

        Returns:
            The terms of all players by name, each a scalar.
        """
        noise = Noise(self.seed, step)
        for part in self._d_minibatches(minibatch):
            labels = self.in_range(part)
            real = labels.pop("image")
            with self.tape("generator") as g_tape:
                fake = self.generate(noise, real.shape[0], **labels)
            with self.tape("discriminator") as d_tape:
                d_terms = self.d_loss(real, fake, noise, **labels)
                d_total = sums.total(d_terms.values())
            self.update(d_tape, d_total, "discriminator")
        for turn in range(self.g_steps):
            if turn:
                with self.tape("generator") as g_tape:
                    fake = self.generate(Noise(self.seed, step), real.shape[0], **labels)
            with g_tape:  # continues to record the generator's forward pass
                g_terms = self.g_loss(fake, noise, **labels)
                g_total = sums.total(g_terms.values())
            self.update(g_tape, g_total, "generator")
        return {**d_terms, **g_terms}

    def _d_minibatches(self, minibatch: dict[str, tf.Tensor]) -> list[dict[str, tf.Tensor]]:
        """[d_steps * B, ...] -> for each of the D steps its own [B, ...]."""
        parts = {name: tf.split(value, self.d_steps) for name, value in minibatch.items()}
        return [{name: values[turn] for name, values in parts.items()} for turn in range(self.d_steps)]

    def in_range(self, minibatch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The mini-batch with its images (whatever is uint8) as float32 in [LOW, HIGH]."""
        return {name: to_range(value, self.LOW, self.HIGH) if value.dtype == tf.uint8 else value
                for name, value in minibatch.items()}

    def tape(self, *players: str) -> tf.GradientTape:
        """A tape that watches only the weights of these players; for several players it can be used several times."""
        tape = tf.GradientTape(persistent=len(players) > 1, watch_accessed_variables=False)
        with tape:
            for player in players:
                for variable in self.players[player].network.trainable_variables:
                    tape.watch(variable.value)
        return tape

    def update(self, tape: tf.GradientTape, loss: tf.Tensor, *players: str) -> None:
        """Updates the weights of players by the gradient of their loss, with one backward pass.

        Several players may share one pass through the sum of their losses, if each term that depends on the weights
        of two of them is part of the losses of both.
        """
        weights = [[variable.value for variable in self.players[player].network.trainable_variables]
                   for player in players]
        for player, gradients in zip(players, tape.gradient(loss, weights), strict=True):
            network, optimizer = self.players[player].network, self.players[player].optimizer
            optimizer.apply(distribution.summands(gradients, optimizer), network.trainable_variables)

    def other_states(self) -> list[tf.Variable]:
        """State besides weights and optimizers: the random number generators of dropout; a game may add its own.

        A tf.train.Checkpoint does not find this state by itself.
        """
        states = []
        for player in self.players.values():
            weights = {id(variable) for variable in player.network.weights}
            states += [v.value for v in player.network.variables if id(v) not in weights]
        return states
