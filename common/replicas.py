"""What several devices and machines share: the strategy, each one's slice of a batch, and what they agree on.

A replica is one device's copy of the game. With one replica everything here gives back what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from common.cli import UserError
from common.scale import Scale


def strategy(scale: Scale) -> tf.distribute.Strategy | None:
    """The strategy of a scale, None for one device. It has to be made before TensorFlow's first op.

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
        raise UserError(f"--devices {scale.devices}: without GPUs a worker of TF_CONFIG has one device; leave it out")
    tf.config.set_visible_devices(gpus[:scale.devices], "GPU")
    ways = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(implementation=ways.AUTO if gpus else ways.RING)
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


class Share(NamedTuple):
    """One of `of` equal slices of a batch, counted from 0."""

    index: int | tf.Tensor
    of: int

    def take(self, values: tf.Tensor) -> tf.Tensor:
        """The whole batch's [of * n, ...] -> this slice's [n, ...]."""
        return values if self.of == 1 else tf.reshape(values, (self.of, -1, *values.shape[1:]))[self.index]

    def part(self, number: int | tf.Tensor, of: int) -> Share:
        """A slice of this slice."""
        return Share(self.index * of + number, self.of * of)


def own_share() -> Share:
    """The slice of the replica that is being traced; of one replica the whole."""
    context = tf.distribute.get_replica_context()
    of = context.num_replicas_in_sync
    return Share(context.replica_id_in_sync_group if of > 1 else 0, of)  # asked for, it is put into the graph


def mean(values: Any) -> Any:
    """The mean over all replicas of tensors in lists and dicts."""
    context = tf.distribute.get_replica_context()
    return values if context.num_replicas_in_sync == 1 else context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def summands(gradients: Sequence[tf.Tensor], optimizer: keras.optimizers.Optimizer) -> Sequence[tf.Tensor]:
    """Gradients as the optimizer wants them, which adds up those of all replicas: here they are of the local mean.

    An optimizer that clips does so before it adds. It gets the mean from the first replica, and zeros from the others.
    """
    share, clips = own_share(), optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm
    if clips:  # an embedding's rows count once each, however many of them came
        gradients = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    if share.of == 1:
        return gradients
    if not clips:
        return [None if g is None else _scaled(g, 1 / share.of) for g in gradients]
    means = iter(mean([g for g in gradients if g is not None]))
    return [None if g is None else next(means) * tf.cast(share.index == 0, g.dtype) for g in gradients]


def _scaled(gradient: tf.Tensor | tf.IndexedSlices, factor: float) -> tf.Tensor | tf.IndexedSlices:
    if isinstance(gradient, tf.IndexedSlices):  # of an embedding: some of its rows
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def when(condition: tf.Tensor, act: Callable[[], None], variables: Iterable[keras.Variable]) -> None:
    """Acts only where a condition holds that is known while the graph runs, and is the same on all replicas.

    Args:
        condition: boolean scalar.
        act: changes variables.
        variables: those it may change. Several replicas cannot meet inside a branch: they act, and put these back.
    """
    def branch() -> tf.Tensor:
        act()
        return tf.constant(True)

    if own_share().of == 1:
        tf.cond(condition, branch, lambda: tf.constant(False))
        return
    before = [(variable, tf.identity(variable)) for variable in variables]
    act()
    for variable, value in before:
        variable.assign(tf.where(condition, variable, value))


def in_turn(parts: int, of_part: Callable[[tf.Tensor], Any]) -> Any:
    """The mean of what a function gives for part 0, 1, ...: no part begins before the one before has ended.

    Args:
        parts: how many.
        of_part: number of the part, an integer scalar -> tensors in lists and dicts.
    """
    first = of_part(tf.constant(0))
    with tf.control_dependencies(tf.nest.flatten(first)):
        second = tf.identity(tf.constant(1))
    _, total = tf.while_loop(lambda part, _: part < parts,
                             lambda part, sums: (part + 1, tf.nest.map_structure(tf.add, sums, of_part(part))),
                             (second, first), parallel_iterations=1)
    return tf.nest.map_structure(lambda value: value / parts, total)


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether more processes than this one take part."""
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
