"""CycleGAN (reports 002, bonus, and 004, section 4): an image of one domain in, the same in another domain out.

Zhu et al. 2017, arXiv:1703.10593, with the U-Net and the discriminator of report 002.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common import kernels, sums
from common.game import Game, Noise, Player, Terms, to_range
from common.losses import least_squares
from common.networks import predict_images

EPSILON = 1.01e-5  # the smallest value that cuDNN accepted
register = keras.saving.register_keras_serializable(package="gan_reports")


@register
class BatchStatistics(layers.BatchNormalization):
    """Batch normalisation with the statistics of the batch, in training and afterwards.

    The report's networks translated in this way. The layer decides, not the caller: `predict` and a loaded file do the
    same. The moving statistics, part of the printed parameter count, are updated in training and never used.
    """

    def call(self, inputs, training=None, mask=None):
        return kernels.batch_normalisation(self, inputs, update=bool(training))


@register
class TranslationDropout(layers.Dropout):
    """Dropout that may stay on after the training, as in the notebook that report 002 cites.

    Args:
        rate: share of the values that is dropped.
        stays: whether it drops when the network translates. It is then always the same values, so that an image is
            always translated alike; in training they are drawn anew, whatever this says.
        mask: number of the values that are then dropped.
    """

    def __init__(self, rate: float, stays: bool = False, mask: int = 0, **kwargs) -> None:
        super().__init__(rate, **kwargs)
        self.stays, self.mask = stays, mask

    def call(self, inputs, training=False):
        if training or not self.stays:
            return super().call(inputs, training=training)
        kept = tf.random.stateless_uniform(tf.shape(inputs)[1:], (self.mask, 0)) >= self.rate
        return inputs * tf.cast(kept, inputs.dtype) / (1 - self.rate)

    def get_config(self) -> dict:
        return {**super().get_config(), "stays": self.stays, "mask": self.mask}


def _normal(mean: float = 0.0) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(mean, 0.02)


def _bn(x):
    return BatchStatistics(momentum=0.9, epsilon=EPSILON, gamma_initializer=_normal(1.0))(x)


def unet_generator(size: int = 128, filters: int = 64, dropout_stays: bool = False) -> keras.Model:
    """image [B, size, size, 3] in [-1, 1] -> image [B, size, size, 3] in [-1, 1], float32.

    Report 002 leaves the table out as too complex; this is the usual U-Net of Keras CycleGANs. Down to 1x1 by 4x4
    convolutions with stride 2; what each gives goes, before its leaky ReLU, to the transposed convolution of the same
    size on the way up. Dropout 0.5 at sizes up to 8, with `dropout_stays` also when it translates. 41,837,379
    parameters at 128, 29,250,371 at 64.
    """
    if size < 8 or size & (size - 1):
        raise ValueError(f"size must be a power of 2 from 8 up, not {size}")

    def level(x, size: int, down: int, up: int, outermost: bool = False):
        """[B, size, size, C] -> [B, size, size, up]; on the way it is half as large and `down` deep."""
        plain = outermost or size == 2  # no normalisation on the way down, so a bias
        x = layers.Conv2D(down, 4, strides=2, padding="same", use_bias=plain, kernel_initializer=_normal())(x)
        x = x if plain else _bn(x)
        if size > 2:
            deeper = level(layers.LeakyReLU(negative_slope=0.2)(x), size // 2, min(2 * down, 8 * filters), down)
            x = layers.Concatenate()([x, deeper])
        x = layers.Conv2DTranspose(up, 4, strides=2, padding="same", use_bias=outermost,
                                   kernel_initializer=_normal())(layers.ReLU()(x))
        x = x if outermost else _bn(x)
        return TranslationDropout(0.5, dropout_stays, mask=size)(x) if size <= 8 else x

    picture = keras.Input((size, size, 3), name="picture")
    x = level(picture, size, filters, 3, outermost=True)
    return keras.Model(picture, layers.Activation("tanh", dtype="float32")(x), name="generator")


def patch_discriminator(filters: int = 64) -> keras.Model:
    """image [B, H, W, 3] in [-1, 1] -> scores of patches, float32: [B, 14, 14, 1] at 128, [B, 6, 6, 1] at 64.

    Report 002, the table; layers bear its names. 2,767,425 parameters, 1,792 of them frozen. "A scalar", says the
    report; the table ends in a convolution.
    """
    def conv(x, filters: int, number: int, strides: int, **kwargs):
        return layers.Conv2D(filters, 4, strides=strides, kernel_initializer=_normal(), name=f"conv2d_{number}",
                             **kwargs)(x)

    def bn(x, number: int):
        return BatchStatistics(momentum=0.9, epsilon=EPSILON, gamma_initializer=_normal(1.0),
                               name=f"batch_normalization_{number}")(x)

    def leaky(x, number: int):
        return layers.LeakyReLU(negative_slope=0.2, name=f"leaky_re_lu_{number}")(x)

    picture = keras.Input((None, None, 3), name="input_1")
    x = leaky(conv(picture, filters, 1, 2, padding="same"), 1)                                 # -> 64
    x = leaky(bn(conv(x, 2 * filters, 2, 2, padding="same", use_bias=False), 1), 2)            # -> 32
    x = leaky(bn(conv(x, 4 * filters, 3, 2, padding="same", use_bias=False), 2), 3)            # -> 16
    x = layers.ZeroPadding2D(1, name="zero_padding2d_1")(x)
    x = leaky(bn(conv(x, 8 * filters, 4, 1, use_bias=False), 3), 4)                            # -> 15
    x = layers.ZeroPadding2D(1, name="zero_padding2d_2")(x)
    scores = layers.Conv2D(1, 4, kernel_initializer=_normal(), dtype="float32", name="final")(x)  # -> 14
    return keras.Model(picture, scores, name="discriminator")


class CycleGAN(Game):
    """Two generators and two discriminators, all updated from one forward pass of every image.

    Each image passes each network at most once per step: D's score of a fake image enters the loss of D and that of the
    generator. So all four networks are updated at the same time, from the same weights.

    In the mini-batch `image` is of domain A and `image_b` of domain B, both uint8.

    Args:
        seed: seed of dropout and of the pool.
        generator_AtoB, generator_BtoA, discriminator_A, discriminator_B: the players; discriminator_A judges domain A.
        cycle: weight lambda of |back again - image|.
        identity: weight, in units of lambda, of |translated - image| for images that are already of the target domain.
        pool: size of the pool of earlier fakes, one of which D sees half the time (Shrivastava et al. 2017,
            arXiv:1612.07828); 0 is none.
    """

    SAVED: ClassVar = {"generator_AtoB": "generator_AtoB.keras", "generator_BtoA": "generator_BtoA.keras"}

    def __init__(self, seed: int, generator_AtoB: Player, generator_BtoA: Player, discriminator_A: Player,
                 discriminator_B: Player, *, cycle: float = 10.0, identity: float = 0.0, pool: int = 0) -> None:
        super().__init__(seed, generator_AtoB=generator_AtoB, generator_BtoA=generator_BtoA,
                         discriminator_A=discriminator_A, discriminator_B=discriminator_B)
        self.cycle, self.identity = cycle, identity
        shape = self.generator_AtoB.output_shape[1:]
        self.pools = [Pool(pool, shape) for _ in "AB"] if pool else []

    def train_step(self, minibatch: dict[str, tf.Tensor], step: tf.Tensor) -> Terms:
        noise, images = Noise(self.seed, step), self.in_range(minibatch)
        with self.tape(*self.players) as tape:
            terms = self.terms(images["image"], images["image_b"], noise)
            losses = [(sums.total(terms[name] for name in names), players) for players, names in self.losses().items()]
        for loss, players in losses:
            self.update(tape, loss, *players)
        return terms

    def other_states(self) -> list[tf.Variable]:
        return super().other_states() + [state for pool in self.pools for state in (pool.kept, pool.count)]

    def losses(self) -> dict[tuple[str, str], list[str]]:
        """Two players -> the terms of both.

        The cycle terms belong to both generators; every other term depends on the weights of one of the two alone. So
        one backward pass of their sum gives each player the gradient of its own loss.
        """
        same = ["identity_A", "identity_B"] if self.identity else []
        return {("generator_AtoB", "generator_BtoA"): ["g_AtoB", "g_BtoA", "cycle_A", "cycle_B", *same],
                ("discriminator_A", "discriminator_B"): ["d_A_real", "d_A_fake", "d_B_real", "d_B_fake"]}

    def terms(self, real_A: tf.Tensor, real_B: tf.Tensor, noise: Noise) -> Terms:
        """All terms of all players for images [B, S, S, 3] in [-1, 1] of both domains."""
        fake_B, fake_A = self.generator_AtoB(real_A, training=True), self.generator_BtoA(real_B, training=True)
        rec_A, rec_B = self.generator_BtoA(fake_B, training=True), self.generator_AtoB(fake_A, training=True)
        terms = {}
        for place, (domain, way, real, fake, rec) in enumerate((("A", "BtoA", real_A, fake_A, rec_A),
                                                                ("B", "AtoB", real_B, fake_B, rec_B))):
            discriminator = self.players[f"discriminator_{domain}"].network
            score = discriminator(fake, training=True)
            shown = discriminator(self.pools[place].exchange(fake, noise), training=True) if self.pools else score
            terms |= {f"d_{domain}_real": least_squares(discriminator(real, training=True), 1.0),
                      f"d_{domain}_fake": least_squares(shown, 0.0), f"g_{way}": least_squares(score, 1.0),
                      f"cycle_{domain}": self.cycle * distance(rec, real)}
            if self.identity:
                same = self.players[f"generator_{way}"].network(real, training=True)
                terms[f"identity_{domain}"] = self.identity * self.cycle * distance(same, real)
        return terms


class Pool:
    """Earlier fake images of one domain: half the time D sees one of them in place of a new one.

    Args:
        size: images kept.
        shape: shape of one image, (S, S, 3).
    """

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        self.size = size
        self.kept = tf.Variable(tf.zeros((size, *shape)), trainable=False)
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False)

    def exchange(self, made: tf.Tensor, noise: Noise) -> tf.Tensor:
        """New fakes [B, S, S, 3] -> those that D is shown; the new ones while the pool is being filled."""
        shown = []
        for picture in tf.unstack(tf.stop_gradient(made)):
            full = self.count >= self.size
            chosen = tf.cast(noise.uniform((), 0.0, self.size), tf.int64)
            slot = tf.where(full, tf.minimum(chosen, self.size - 1), self.count)
            earlier = full & (noise.uniform(()) < 0.5)
            before = self.kept[slot]
            shown.append(tf.where(earlier, before, picture))
            self.kept.scatter_nd_update([[slot]], tf.where(full & ~earlier, before, picture)[None])
            self.count.assign_add(tf.cast(~full, tf.int64))
        return tf.stack(shown)


def distance(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The mean absolute difference of two batches of images."""
    return tf.reduce_mean(tf.abs(one - other))


def translate(generator: keras.Model, images: np.ndarray) -> np.ndarray:
    """uint8 [N, S, S, 3] -> the same in the other domain, uint8 [N, S, S, 3].

    One image at a time: batch normalisation uses the statistics of its batch, and no image should depend on another.
    """
    return np.concatenate([predict_images(generator, [np.asarray(to_range(image[None], CycleGAN.LOW, CycleGAN.HIGH))])
                           for image in images])
