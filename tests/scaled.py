"""A tiny training in a process of its own, for test_scale.py and test_faults.py.

Devices and workers are settled when a process starts.
"""

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment
from common.options import Common, option, run_script


@dataclass(frozen=True)
class Config(Common):
    """Plain SGD without batch statistics and dropout, so that one device and several do the same."""

    batch_size: int = option(12, "")
    log_every: int = option(1, "")
    sample_every: int | None = option(100, "")
    d_steps: int = option(1, "")
    full: bool = option(False, "Adam, batch normalisation and dropout")
    clip: float = option(0.0, "norm above which gradients are made shorter")
    skip: bool = option(False, "a game in which D moves in some steps only")
    poison: str = option("", "what becomes NaN or infinite, or too large for the memory, in step 5",
                         choices=("", "loss", "weight", "memory"), keeps_run=True)
    ballast: int = option(0, "numbers that a third player has beside the two, so that saving takes long")
    pause: float = option(0.0, "seconds that each batch takes, so that a run can be met on its way", keeps_run=True)


def games():
    """The two games, which use TensorFlow."""
    import tensorflow as tf

    from common import distribution, sums
    from common.game import Game, Noise
    from common.losses import bce

    class Tiny(Game):
        """Labels by an embedding; random numbers in each of the three functions."""

        def generate(self, noise, count, label):
            return self.generator([noise.normal((count, 4)), label], training=True)

        def d_loss(self, real, fake, noise, label):
            return {"d_real": bce(self.discriminator(real, training=True), noise.uniform((real.shape[0], 1), 0.7, 1.2)),
                    "d_fake": bce(self.discriminator(fake, training=True), 0.0)}

        def g_loss(self, fake, noise, label):
            return {"g": bce(self.discriminator(fake, training=True), noise.uniform((fake.shape[0], 1), 0.9, 1.0))}

    class Skipping(Tiny):
        """D moves where its loss on the whole batch is above a bound that it crosses now and then."""

        def train_step(self, minibatch, step):
            labels, noise = self.in_range(minibatch), Noise(self.seed, step)
            real = labels.pop("image")
            with self.tape("discriminator") as tape:
                terms = self.d_loss(real, self.generate(noise, real.shape[0], **labels), noise, **labels)
                total = sums.total(terms.values())
            moves = distribution.mean(total) >= 1.5
            distribution.when(moves, lambda: self.update(tape, total, "discriminator"),
                          self.discriminator.trainable_variables + self.players["discriminator"].optimizer.variables)
            return {**terms, "moves": tf.cast(moves, tf.float32)}

    return Tiny, Skipping


def poisoned(game, kind: str):
    """A game whose fifth step goes wrong."""
    import tensorflow as tf

    usual = game.train_step

    def train_step(minibatch, step):
        terms = usual(minibatch, step)
        fifth = tf.equal(step, 4)
        if kind == "weight":
            weight = game.generator.weights[0]
            weight.assign(tf.where(fifth, np.inf, weight))
        elif kind == "memory":
            size = tf.where(fifth, 1 << 20, 1)
            terms["g"] += tf.reduce_sum(tf.random.stateless_normal((size, size), (0, 0)))  # 4 TB
        else:
            terms["g"] = tf.where(fifth, np.nan, terms["g"])
        return terms

    game.train_step = train_step
    return game


def players(full: bool, clip: float, ballast: int = 0):
    """Generator and discriminator of pictures of 4x4."""
    import keras

    from common.game import Player

    layers = keras.layers
    z, label = keras.Input((4,)), keras.Input((), dtype="int32")
    x = layers.Dense(48)(layers.Concatenate()([z, layers.Embedding(5, 3)(label)]))
    x = layers.BatchNormalization()(x) if full else x
    generator = keras.Model([z, label], layers.Reshape((4, 4, 3))(x))
    discriminator = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(8, activation="tanh"),
                                      *([layers.Dropout(0.5)] if full else []), layers.Dense(1)])

    def player(network):
        kind = keras.optimizers.Adam(1e-2) if full else keras.optimizers.SGD(0.1, global_clipnorm=clip or None)
        return Player(network, kind)

    extra = {"ballast": player(keras.Sequential([keras.Input((ballast,)), layers.Dense(1)]))} if ballast else {}
    return {"generator": player(generator), "discriminator": player(discriminator), **extra}


def main(config: Config) -> None:
    run = experiment.open(dataclasses.replace(config, precision="float32"))
    from common import batches, trainer

    tiny, skipping = games()
    with run.machine.scope():
        both = players(config.full, config.clip, config.ballast)
        game = skipping(5, **both) if config.skip else tiny(5, d_steps=config.d_steps, **both)
        game = poisoned(game, config.poison) if config.poison else game
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (96, 4, 4, 3), np.uint8)

    class Slow(batches.Batches):
        def at(self, step):
            time.sleep(config.pause)
            return super().at(step)

    stream = Slow(images, np.arange(96), {"label": random.integers(0, 5, 96)}, config.batch_size * config.d_steps,
                  config.seed)

    def grid():
        made = game.generator.predict_on_batch([np.ones((3, 4), np.float32), np.arange(3)])
        assert made.shape == (3, 4, 4, 3)
        return Image.new("RGB", (8, 8), int(1e3 * abs(made.sum())) % 256)

    trainer.train(game, stream, run, config, grid, {"loss": {"d_real": "D"}})
    np.savez(config.run_folder.parent / f"{config.run_folder.name}-{run.scale.worker}.npz",
             *game.generator.get_weights(), *game.discriminator.get_weights())


if __name__ == "__main__":
    run_script(Config, main)
