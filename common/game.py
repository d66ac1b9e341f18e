"""A GAN as a game: players with their networks, optimizers and losses, and one step of all of them.

A report writes `generate`, `d_loss` and `g_loss`; nothing else of its training is its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf

from common import kernels, replicas, sums

Terms = dict[str, tf.Tensor]
ALGORITHM = "philox"  # of random numbers: what TensorFlow chooses by itself depends on the device and on XLA


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
    """The random numbers of one (seed, step), in the order they are asked for while the step is traced.

    They are drawn for the whole batch, of which a replica, or a part, takes its share: the first axis of what is asked
    for is the batch's. So one device and several see the same numbers.

    Attributes:
        share: the slice of the batch that the numbers are for.
        count: how often there was drawn; set back, the same numbers come again.
    """

    def __init__(self, seed: int, step: tf.Tensor) -> None:
        self._seed = tf.random.fold_in(tf.constant([seed, 0], tf.int64), step, alg=ALGORITHM)
        self.share, self.count = replicas.own_share(), 0

    def _next(self) -> tf.Tensor:
        self.count += 1
        return tf.random.fold_in(self._seed, tf.constant(self.count, tf.int64), alg=ALGORITHM)

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.share.of == 1 else (shape[0] * self.share.of, *shape[1:])

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Float32 from N(0, 1)."""
        return self.share.take(tf.random.stateless_normal(self._whole(shape), self._next(), alg=ALGORITHM))

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 from U(low, high)."""
        return self.share.take(tf.random.stateless_uniform(self._whole(shape), self._next(), low, high, alg=ALGORITHM))


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

    Under a distribution strategy each replica is given the whole batch and takes its share of it in `in_range`, after
    the parts of several D steps are told apart. Its losses are means over that share.

    Args:
        seed: noise is a function of (seed, step).
        d_steps: D steps for each G step; a batch then holds `d_steps` times the pictures.
        players: name -> Player; each becomes an attribute that is its network. `generator` and `discriminator` here.

    Attributes:
        strategy: the distribution strategy under which the game was made.
        accumulate: parts in which a step's batch is processed, see `_step_in_parts`; only for games with this `step`.
    """

    LOW, HIGH = -1.0, 1.0  # the range of pictures inside the networks
    SAVED: ClassVar = {"generator": "generator.keras"}  # player -> file of its network in a finished run

    accumulate = 1

    def __init__(self, seed: int, *, d_steps: int = 1, **players: Player) -> None:
        self.seed, self.d_steps, self.players = seed, d_steps, players
        self.strategy = tf.distribute.get_strategy()
        for name, player in players.items():
            setattr(self, name, player.network)
            player.network._distribute_strategy = None  # or `predict` draws everything once on each device
            player.optimizer.build(player.network.trainable_variables)
            kernels.quicken(player.network, player.optimizer)

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
        if self.accumulate > 1:
            return self._step_in_parts(batch, step)
        draw = Draws(self.seed, step)
        for turn in self._turns(batch):
            labels = self.in_range(turn)
            real = labels.pop("image")
            with self.tape("generator") as g_tape:
                fake = self.generate(draw, real.shape[0], **labels)
            with self.tape("discriminator") as d_tape:
                d_terms = self.d_loss(real, fake, draw, **labels)
                d_total = sums.total(d_terms.values())
            self.move(d_tape, d_total, "discriminator")
        with g_tape:  # recording goes on where the fake was made
            g_terms = self.g_loss(fake, draw, **labels)
            g_total = sums.total(g_terms.values())
        self.move(g_tape, g_total, "generator")
        return {**d_terms, **g_terms}

    def step_of_replica(self, batch: dict[str, tf.Tensor], step: tf.Tensor, **phase: bool) -> Terms:
        """`step` on one of several replicas: the terms are means over all of them.

        So are, at its end, the moving statistics of batch normalisation, which each replica took from its own share.
        """
        terms = self.step(batch, step, **phase)
        if self._statistics():
            self._set_statistics(replicas.mean(self._read_statistics()))
        return replicas.mean(terms)

    def _statistics(self) -> list[keras.Variable]:
        """The moving statistics of batch normalisation."""
        return [variable for player in self.players.values() for variable in player.network.non_trainable_weights]

    def _read_statistics(self) -> list[tf.Tensor]:
        return [variable.value.read_value() for variable in self._statistics()]

    def _set_statistics(self, values: list[tf.Tensor]) -> None:
        for variable, value in zip(self._statistics(), values, strict=True):
            variable.assign(value)

    def _step_in_parts(self, batch: dict[str, tf.Tensor], step: tf.Tensor) -> Terms:
        """`step` with its batch in `accumulate` parts, one after the other; a player moves once, by their mean.

        G's part makes its fakes anew, with the noise that D's had: keeping them would take the memory that is saved.
        """
        draw = Draws(self.seed, step)
        for turn in self._turns(batch):
            start = draw.count
            gradients, d_terms = self._mean_of_parts(draw, functools.partial(self._d_part, turn))
            self.apply("discriminator", gradients)
        gradients, g_terms = self._mean_of_parts(draw, functools.partial(self._g_part, turn, start))
        self.apply("generator", gradients)
        return {**d_terms, **g_terms}

    def _mean_of_parts(self, draw: Draws, of_part: Callable[[Draws], Any]) -> Any:
        """The mean of what `of_part` gives for each part's share of the random numbers.

        The moving statistics become the mean of what each part makes of them: they move as far as in a whole step.
        """
        share, start, before = draw.share, draw.count, self._read_statistics()

        def of_number(number: tf.Tensor) -> Any:
            draw.share, draw.count = share.part(number, self.accumulate), start
            self._set_statistics(before)
            found = of_part(draw)
            return found, self._read_statistics()

        found, statistics = replicas.in_turn(self.accumulate, of_number)
        self._set_statistics(statistics)
        draw.share = share
        return found

    def _d_part(self, batch: dict[str, tf.Tensor], draw: Draws) -> tuple[list[tf.Tensor], Terms]:
        """D's gradients and terms on a share of a batch."""
        labels = self.in_range(batch, draw.share)
        real = labels.pop("image")
        fake = self.generate(draw, real.shape[0], **labels)
        with self.tape("discriminator") as tape:
            terms = self.d_loss(real, fake, draw, **labels)
            total = sums.total(terms.values())
        return self._gradients("discriminator", tape, total), terms

    def _g_part(self, batch: dict[str, tf.Tensor], start: int, draw: Draws) -> tuple[list[tf.Tensor], Terms]:
        """G's gradients and terms on a share of a batch; `start` is where the draws of its fakes began."""
        labels = self.in_range(batch, draw.share)
        count, end, draw.count = labels.pop("image").shape[0], draw.count, start
        before = self._read_statistics()
        with self.tape("generator") as tape:
            fake = self.generate(draw, count, **labels)
            self._set_statistics(before)  # D's part has moved them for these fakes
            draw.count = end
            terms = self.g_loss(fake, draw, **labels)
            total = sums.total(terms.values())
        return self._gradients("generator", tape, total), terms

    def _turns(self, batch: dict[str, tf.Tensor]) -> list[dict[str, tf.Tensor]]:
        """A batch of [d_steps * B, ...] -> for each of the D steps its own of [B, ...]."""
        turns = {name: tf.split(value, self.d_steps) for name, value in batch.items()}
        return [{name: values[turn] for name, values in turns.items()} for turn in range(self.d_steps)]

    def in_range(self, batch: dict[str, tf.Tensor], share: replicas.Share | None = None) -> dict[str, tf.Tensor]:
        """A share of a batch, the replica's own by default; pictures, which are what is uint8, come in [LOW, HIGH]."""
        share = share or replicas.own_share()
        own = {name: share.take(value) for name, value in batch.items()}
        return {name: to_range(value, self.LOW, self.HIGH) if value.dtype == tf.uint8 else value
                for name, value in own.items()}

    def tape(self, *players: str) -> tf.GradientTape:
        """A tape that watches these players' weights and nothing else; that of several gives several gradients."""
        tape = tf.GradientTape(persistent=len(players) > 1, watch_accessed_variables=False)
        with tape:
            for player in players:
                for variable in self.players[player].network.trainable_variables:
                    tape.watch(variable.value)
        return tape

    def move(self, tape: tf.GradientTape, loss: tf.Tensor, *players: str) -> None:
        """Moves players' weights down the gradient of their loss, by one backward pass; of replicas down their mean.

        Several players have one loss where their own terms do not depend on each other's weights.
        """
        gradients = tape.gradient(loss, [self._weights(player) for player in players])
        for player, own in zip(players, gradients, strict=True):
            self.apply(player, own)

    def apply(self, player: str, gradients: list[tf.Tensor]) -> None:
        """Moves one player's weights down gradients, of several replicas down their mean."""
        network, optimizer = self.players[player].network, self.players[player].optimizer
        optimizer.apply(replicas.summands(gradients, optimizer), network.trainable_variables)

    def _gradients(self, player: str, tape: tf.GradientTape, loss: tf.Tensor) -> list[tf.Tensor]:
        """Gradients that can be added up: an embedding's are as large as it is."""
        return [tf.convert_to_tensor(gradient) for gradient in
                tape.gradient(loss, self._weights(player), unconnected_gradients="zero")]

    def _weights(self, player: str) -> list[tf.Variable]:
        return [variable.value for variable in self.players[player].network.trainable_variables]

    def other_states(self) -> list[tf.Variable]:
        """State beside weights and optimizers: of every dropout layer's random numbers; a game that keeps more adds it.

        A tf.train.Checkpoint does not find it by itself.
        """
        states = []
        for player in self.players.values():
            kept = {id(variable) for variable in player.network.weights}
            states += [v.value for v in player.network.variables if id(v) not in kept]
        return states
