"""Training on several devices and machines: the strategy, each replica's part of a batch, values shared by replicas.

A replica is one device's copy of the game. With one replica everything here returns what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

from common.errors import UserError
from common.scale import Scale

if TYPE_CHECKING:
    from common.game import Game


def strategy(scale: Scale) -> tf.distribute.Strategy | None:
    """The strategy for a scale, None for one device. Call it before TensorFlow's first op.

    Raises:
        UserError: the machine has fewer devices.
    """
    if scale.replicas == 1:
        return None
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and len(gpus) < scale.devices:
        raise UserError(f"--devices {scale.devices}: this machine has {len(gpus)} GPUs")
    if scale.workers > 1:
        return _of_workers(scale, gpus)
    if not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * scale.devices)
    return tf.distribute.MirroredStrategy([f"{'GPU' if gpus else 'CPU'}:{number}" for number in range(scale.devices)])


def _of_workers(scale: Scale, gpus: Sequence[Any]) -> tf.distribute.Strategy:
    """Waits until all workers of TF_CONFIG are there."""
    if not gpus and scale.devices > 1:
        raise UserError(f"--devices {scale.devices}: without GPUs a worker of TF_CONFIG has one device; leave out "
                        "--devices")
    tf.config.set_visible_devices(gpus[:scale.devices], "GPU")
    ways = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(implementation=ways.AUTO if gpus else ways.RING)
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


class Shard(NamedTuple):
    """One of `of` equal parts of a batch, counted from 0."""

    index: int | tf.Tensor
    of: int

    def take(self, values: tf.Tensor) -> tf.Tensor:
        """The whole batch's [of * n, ...] -> this part's [n, ...]."""
        return values if self.of == 1 else tf.reshape(values, (self.of, -1, *values.shape[1:]))[self.index]


def own_shard() -> Shard:
    """The part of the replica that is being traced; with one replica, the whole."""
    context = tf.distribute.get_replica_context()
    of = context.num_replicas_in_sync
    return Shard(context.replica_id_in_sync_group if of > 1 else 0, of)  # reading the id adds an op to the graph


def train_step(game: Game, batch: dict[str, tf.Tensor], step: tf.Tensor, **phase: bool) -> dict[str, tf.Tensor]:
    """One step of a game on the replica that is being traced.

    Args:
        game: its `train_step` gets the replica's own part of the batch.
        batch: the whole batch, [d_steps * B, ...] each; the part of each D step is split over the replicas.
        step: counted from 0.
        phase: see `Game.phase`.

    Returns:
        The terms, as means over all replicas. At the end of the step the moving statistics of batch normalisation,
        which each replica computed on its own part, become their means as well.
    """
    shard = own_shard()
    if shard.of == 1:
        return game.train_step(batch, step, **phase)
    minibatch = {name: tf.concat([shard.take(part) for part in tf.split(values, game.d_steps)], 0)
                 for name, values in batch.items()}
    terms = game.train_step(minibatch, step, **phase)
    statistics = [weight for player in game.players.values() for weight in player.network.non_trainable_weights]
    if statistics:
        means = mean([weight.value.read_value() for weight in statistics])
        for weight, value in zip(statistics, means, strict=True):
            weight.assign(value)
    return mean(terms)


def mean(values: Any) -> Any:
    """The mean over all replicas of tensors in lists and dicts."""
    context = tf.distribute.get_replica_context()
    return values if context.num_replicas_in_sync == 1 else context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def summands(gradients: Sequence[tf.Tensor], optimizer: keras.optimizers.Optimizer) -> Sequence[tf.Tensor]:
    """Gradients of a replica's mean loss -> what the optimizer adds up to the gradients of the whole batch.

    An optimizer that clips does so before it adds: it gets the mean from the first replica and zeros from the others.
    """
    shard, clips = own_shard(), optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm
    if clips:  # duplicate rows of an embedding must be added before their norm is taken
        gradients = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    if shard.of == 1:
        return gradients
    if not clips:
        return [None if g is None else _scaled(g, 1 / shard.of) for g in gradients]
    means = iter(mean([g for g in gradients if g is not None]))
    return [None if g is None else next(means) * tf.cast(shard.index == 0, g.dtype) for g in gradients]


def _scaled(gradient: tf.Tensor | tf.IndexedSlices, factor: float) -> tf.Tensor | tf.IndexedSlices:
    if isinstance(gradient, tf.IndexedSlices):  # of an embedding
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def when(condition: tf.Tensor, act: Callable[[], None], variables: Iterable[keras.Variable]) -> None:
    """Calls `act` only if a condition holds, which is computed in the graph and is the same on all replicas.

    Args:
        condition: boolean scalar.
        act: changes variables.
        variables: those that `act` may change. Replicas cannot communicate inside a branch of tf.cond, so several
            replicas always call `act`, and restore these variables if the condition is false.
    """
    def branch() -> tf.Tensor:
        act()
        return tf.constant(True)

    if own_shard().of == 1:
        tf.cond(condition, branch, lambda: tf.constant(False))
        return
    before = [(variable, tf.identity(variable)) for variable in variables]
    act()
    for variable, value in before:
        variable.assign(tf.where(condition, variable, value))


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether more than one process takes part."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def take_from_chief(strategy: tf.distribute.Strategy, variables: Iterable[tf.Variable]) -> None:
    """Gives variables on all workers the chief's values: a new variable of this strategy begins with the chief's."""
    if several_workers(strategy):
        with strategy.scope():
            for variable in variables:
                variable.assign(tf.Variable(variable.read_value(), trainable=False).read_value())


def gatherer(strategy: tf.distribute.Strategy) -> Callable[[int], list[int]]:
    """A function that all workers call at the same time: each gives a number, and all get the numbers of all."""
    if not several_workers(strategy):
        return lambda number: [number]

    @tf.function(autograph=False)
    def gather(number):
        found = strategy.run(lambda: tf.distribute.get_replica_context().all_gather(number[None], axis=0))
        return strategy.experimental_local_results(found)[0]

    return lambda number: gather(tf.constant(number, tf.int64)).numpy().tolist()
