"""cGAN and AC-GAN on i-CLEVR (report 003): the networks of the printed code, and the two games.

PyTorch's default initial weights throughout: U(-1, 1) / sqrt(fan_in). Networks end in logits, as in the report.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common.augment import translate
from common.game import Game, Noise, Player, Terms
from common.losses import bce
from common.networks import predict_images

CLASSES, Z = 24, 100


@keras.saving.register_keras_serializable(package="gan_reports")
class GroupedTransposed(layers.Layer):
    """labels [B, C] -> [B, size, size, C]: each label times a square of its own.

    It is the printed `ConvTranspose2d(C, C, 4, 1, 0, bias=False, groups=C)` on labels of [C, 1, 1], "like
    nn.Embedding but for multi-label task": Keras has no groups there. size^2 C weights; their fan_in is size^2.
    `gain` is a factor of the initial weights.
    """

    def __init__(self, size: int = 4, gain: float = 1.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.size, self.gain = size, gain

    def build(self, shape) -> None:
        bound = self.gain / self.size
        self.kernel = self.add_weight(shape=(self.size, self.size, shape[-1]), name="kernel",
                                      initializer=keras.initializers.RandomUniform(-bound, bound))

    def call(self, labels):
        return labels[:, None, None, :] * self.kernel

    def get_config(self) -> dict:
        return {**super().get_config(), "size": self.size, "gain": self.gain}


def _torch() -> keras.initializers.Initializer:
    """U(-1, 1) / sqrt(fan_in): PyTorch's default; a transposed convolution's fan_in is its filters x k x k."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _dense(x, units: int):
    return layers.Dense(units, use_bias=False, kernel_initializer=_torch())(x)


def _up(x, filters: int, strides: int = 2):
    """ConvTranspose2d(kernel 4): padding 1 with stride 2, which is Keras' `same`, else 0."""
    return layers.Conv2DTranspose(filters, 4, strides=strides, padding="same" if strides == 2 else "valid",
                                  use_bias=False, kernel_initializer=_torch())(x)


def _down(x, filters: int):
    return layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False, kernel_initializer=_torch())(x)


def _head(x, units: int, name: str):
    """[B, 4, 4, C] -> logits [B, units] in float32."""
    x = layers.Conv2D(units, 4, padding="valid", use_bias=False, kernel_initializer=_torch(), dtype="float32")(x)
    return layers.Flatten(dtype="float32", name=name)(x)


def _bn(x):
    """PyTorch's momentum 0.1 is 0.9 in Keras."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _leaky(x, slope: float):
    return layers.LeakyReLU(negative_slope=slope)(x)


def cgan_generator(z: int = Z, classes: int = CLASSES, label_gain: float = 1.0) -> keras.Model:
    """[z [B, 100] from N(0, 1), label [B, 24] of 0 and 1] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, class CGANGenerator. 4,436,608 parameters, 1,920 of them frozen. Slopes are torch's default, 0.01.
    """
    noise, label = keras.Input((z,), name="z"), keras.Input((classes,), name="label")
    condition = layers.Flatten()(_leaky(GroupedTransposed(gain=label_gain)(label), 0.01))
    condition = _leaky(_dense(condition, z), 0.01)
    x = layers.Reshape((1, 1, 2 * z))(layers.Concatenate()([noise, condition]))
    x = _leaky(_bn(_up(x, 512, 1)), 0.01)       # -> 4
    for filters in (256, 128, 64):              # -> 8, 16, 32
        x = _leaky(_bn(_up(x, filters)), 0.01)
    image = layers.Activation("tanh", dtype="float32")(_up(x, 3))  # -> 64
    return keras.Model([noise, label], image, name="generator")


def cgan_discriminator(classes: int = CLASSES, label_gain: float = 1.0) -> keras.Model:
    """[image [B, 64, 64, 3] in [-1, 1], label [B, 24]] -> source [B, 1], a logit in float32.

    Report, class CGANDiscriminator: the labels become three more channels of the image. 7,489,408 parameters, 1,792
    of them frozen.
    """
    image, label = keras.Input((64, 64, 3), name="image"), keras.Input((classes,), name="label")
    condition = layers.Flatten()(_leaky(GroupedTransposed(gain=label_gain)(label), 0.2))
    condition = layers.Reshape((64, 64, 3))(_leaky(_dense(condition, 64 * 64 * 3), 0.2))
    x = layers.Concatenate()([image, condition])
    x = _leaky(_down(x, 64), 0.2)               # -> 32, the first without BN
    for filters in (128, 256, 512):             # -> 16, 8, 4
        x = _leaky(_bn(_down(x, filters)), 0.2)
    return keras.Model([image, label], _head(x, 1, "source"), name="discriminator")


def acgan_generator(z: int = Z, classes: int = CLASSES, label_gain: float = 1.0) -> keras.Model:
    """[z [B, 100] from N(0, 1), label [B, 24] of 0 and 1] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, class ACGANGenerator: the condition joins at 4x4. 3,675,264 parameters, 896 of them frozen.
    """
    noise, label = keras.Input((z,), name="z"), keras.Input((classes,), name="label")
    x = layers.ReLU()(_up(layers.Reshape((1, 1, z))(noise), 512, 1))  # -> 4, without BN
    x = layers.Concatenate()([x, GroupedTransposed(gain=label_gain)(label)])
    for filters in (256, 128, 64):              # -> 8, 16, 32
        x = layers.ReLU()(_bn(_up(x, filters)))
    image = layers.Activation("tanh", dtype="float32")(_up(x, 3))     # -> 64
    return keras.Model([noise, label], image, name="generator")


def acgan_discriminator(classes: int = CLASSES, dropout: float = 0.5) -> keras.Model:
    """image [B, 64, 64, 3] in [-1, 1] -> [source [B, 1], labels [B, 24]], logits in float32.

    Report, class ACGANDiscriminator; its print stops before the heads, which here are two 4x4 convolutions: assumed.
    2,963,968 parameters, 1,792 of them frozen.
    """
    image = x = keras.Input((64, 64, 3), name="image")
    for filters in (64, 128, 256, 512):         # -> 32, 16, 8, 4
        x = layers.SpatialDropout2D(dropout)(_leaky(_down(x, filters), 0.2))
        x = x if filters == 64 else _bn(x)      # the first without BN
    return keras.Model(image, [_head(x, 1, "source"), _head(x, classes, "labels")], name="discriminator")


class CGAN(Game):
    """The report's first game: D sees the labels beside the image (Mirza and Osindero 2014, arXiv:1411.1784).

    Args:
        seed: seed of the noise.
        generator, discriminator: the players.
        real_target: D's target for real images; below 1 is label smoothing.
        wrong_label: weight of D's term on real images with the labels of the one before in the batch, seldom the same
            (Reed et al. 2016, arXiv:1605.05396); 0 is none.
        reach: D sees every image moved by up to so many pixels.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, real_target: float = 1.0,
                 wrong_label: float = 0.0, reach: int = 0) -> None:
        super().__init__(seed, generator=generator, discriminator=discriminator)
        self.real_target, self.wrong_label, self.reach = real_target, wrong_label, reach

    def generate(self, noise: Noise, count: int, label: tf.Tensor) -> tf.Tensor:
        return self.generator([noise.normal((count, self.generator.input_shape[0][-1])), label], training=True)

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, label: tf.Tensor) -> Terms:
        real, fake = (translate(image, noise, self.reach) for image in (real, fake))
        terms = {"d_real": bce(self.discriminator([real, label], training=True), self.real_target),
                 "d_fake": bce(self.discriminator([fake, label], training=True), 0.0)}
        if self.wrong_label:
            wrong = self.discriminator([real, tf.roll(label, 1, axis=0)], training=True)
            terms["d_wrong_label"] = self.wrong_label * bce(wrong, 0.0)
        return terms

    def g_loss(self, fake: tf.Tensor, noise: Noise, label: tf.Tensor) -> Terms:
        fake = translate(fake, noise, self.reach)
        return {"g": bce(self.discriminator([fake, label], training=True), 1.0)}


class ACGAN(Game):
    """The report's second game: D predicts the labels (Odena et al. 2017, arXiv:1610.09585).

    D maximises L_S + L_C, G maximises L_C - L_S; both L_C are the means of 24 binary cross-entropies.

    Args:
        seed: seed of the noise.
        generator, discriminator: the players.
        class_weight: weight of the class terms, relative to the source terms.
        fake_class: weight of D's class terms on fakes; 1 is the whole L_C.
        real_target: D's target for real images; below 1 is label smoothing.
        reach: D sees every image moved by up to so many pixels.
    """

    generate = CGAN.generate

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, class_weight: float = 1.0,
                 fake_class: float = 1.0, real_target: float = 1.0, reach: int = 0) -> None:
        super().__init__(seed, generator=generator, discriminator=discriminator)
        self.class_weight, self.fake_class, self.real_target = class_weight, fake_class, real_target
        self.reach = reach

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, label: tf.Tensor) -> Terms:
        real, fake = (translate(image, noise, self.reach) for image in (real, fake))
        real_source, real_labels = self.discriminator(real, training=True)
        fake_source, fake_labels = self.discriminator(fake, training=True)
        classes = bce(real_labels, label) + self.fake_class * bce(fake_labels, label)
        return {"d_real": bce(real_source, self.real_target), "d_fake": bce(fake_source, 0.0),
                "d_class": self.class_weight * classes}

    def g_loss(self, fake: tf.Tensor, noise: Noise, label: tf.Tensor) -> Terms:
        source, labels = self.discriminator(translate(fake, noise, self.reach), training=True)
        return {"g_source": bce(source, 1.0), "g_class": self.class_weight * bce(labels, label)}


def generate(generator: keras.Model, z: np.ndarray, label: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1), label float32 [N, 24] -> uint8 [N, 64, 64, 3]."""
    return predict_images(generator, [z, label])
