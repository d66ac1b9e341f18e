"""Image generation (report 001, section 1): the DCGAN of the PyTorch printout, the LSGAN of the layer list."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common.augment import translate
from common.game import Game, Noise, Player, Terms
from common.networks import predict_images

Z = 100
SOFT_REAL, SOFT_FAKE = (0.7, 1.2), (0.0, 0.3)  # the ranges of tip 6

Criterion = Callable[[tf.Tensor, tf.Tensor | float], tf.Tensor]  # (logits or scores, target) -> the mean loss


# ---- DCGAN, as PyTorch printed it ----


def _torch_uniform(fan_in: int) -> keras.initializers.Initializer:
    """U(-1, 1) / sqrt(fan_in): PyTorch's default for a linear layer, and for the bias of a convolution."""
    return keras.initializers.RandomUniform(-fan_in ** -0.5, fan_in ** -0.5)


def _normal(mean: float = 0.0) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(mean, 0.02)


def _torch_dense(x, units: int, **kwargs):
    fan_in = x.shape[-1]
    return layers.Dense(units, kernel_initializer=_torch_uniform(fan_in), bias_initializer=_torch_uniform(fan_in),
                        **kwargs)(x)


def _torch_conv(x, filters: int, strides: int):
    """Conv2d(kernel 3, padding 1): not Keras' `same`, which pads stride 2 on one side only."""
    fan_in = 9 * x.shape[-1]
    x = layers.ZeroPadding2D(1)(x)
    return layers.Conv2D(filters, 3, strides=strides, padding="valid", kernel_initializer=_normal(),
                         bias_initializer=_torch_uniform(fan_in))(x)


def _torch_bn(x, epsilon: float):
    """torch's momentum 0.1 is 0.9 in Keras."""
    return layers.BatchNormalization(momentum=0.9, epsilon=epsilon, gamma_initializer=_normal(1.0))(x)


def dcgan_generator(z: int = Z) -> keras.Model:
    """z [B, 100] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, "Generator(". 3,533,955 parameters, 640 of them frozen. Epsilon 0.8 is a known slip of the code it started
    from (0.8 was meant as the momentum), and stays.
    """
    noise = keras.Input((z,), name="z")
    x = layers.Reshape((16, 16, 128))(_torch_dense(noise, 32_768))   # -> 16
    x = _torch_bn(x, 1e-5)
    for filters in (128, 64):                                        # -> 32, 64
        x = layers.UpSampling2D(2, interpolation="nearest")(x)
        x = _torch_bn(_torch_conv(x, filters, 1), 0.8)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    image = layers.Activation("tanh", dtype="float32")(_torch_conv(x, 3, 1))
    return keras.Model(noise, image, name="generator")


def dcgan_discriminator() -> keras.Model:
    """image [B, 64, 64, 3] in [-1, 1] -> source [B, 1], logits in float32: the printed Sigmoid is in the loss.

    Report, "Discriminator(". 394,305 parameters, 896 of them frozen. Dropout2d drops whole feature maps.
    """
    image = keras.Input((64, 64, 3), name="image")
    x = image
    for filters in (32, 64, 128, 256):                               # -> 32, 16, 8, 4
        x = layers.LeakyReLU(negative_slope=0.2)(_torch_conv(x, filters, 2))
        x = layers.SpatialDropout2D(0.25)(x)
        x = x if filters == 32 else _torch_bn(x, 0.8)                # the first without
    source = _torch_dense(layers.Flatten()(x), 1, dtype="float32", name="source")
    return keras.Model(image, source, name="discriminator")


# ---- LSGAN: the list is written as TensorFlow writes shapes, so what it leaves open is as TensorFlow has it ----


def _bn(x):
    """Epsilon 1e-3 is TensorFlow's default."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)


def lsgan_generator(z: int = Z) -> keras.Model:
    """z [B, 100] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, "Compare your model", conv0 to imgs. Kernel 4, a bias in the last layer only, Glorot's initial weights:
    assumed. 3,578,627 parameters, 1,920 of them frozen.
    """
    def up(x, filters, strides=2, padding="same", bias=False):
        return layers.Conv2DTranspose(filters, 4, strides=strides, padding=padding, use_bias=bias)(x)

    noise = keras.Input((z,), name="z")
    x = layers.Reshape((1, 1, z))(noise)
    x = layers.ReLU()(_bn(up(x, 512, strides=1, padding="valid")))   # -> 4
    for filters in (256, 128, 64):                                   # -> 8, 16, 32
        x = layers.ReLU()(_bn(up(x, filters)))
    image = layers.Activation("tanh", dtype="float32")(up(x, 3, bias=True))  # -> 64
    return keras.Model(noise, image, name="generator")


def lsgan_discriminator() -> keras.Model:
    """image [B, 64, 64, 3] in [-1, 1] -> score [B, 1], float32.

    Report, "Compare your model", conv1 to out. With BN in its first layer D hardly sees the brightness and contrast of
    a batch: G has to start with about the contrast of real images, which Glorot's weights give it and N(0, 0.02) does
    not. Kernel 4, a bias in the last layer only, slope 0.2: assumed. 2,767,617 parameters, 1,920 of
    them frozen.
    """
    image = keras.Input((64, 64, 3), name="image")
    x = image
    for filters in (64, 128, 256, 512):                              # -> 32, 16, 8, 4
        x = layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(_bn(x))
    x = layers.Conv2D(1, 4, dtype="float32", name="conv5")(x)        # -> 1
    return keras.Model(image, layers.Flatten(dtype="float32")(x), name="discriminator")


# ---- the game of both ----


class UnconditionalGAN(Game):
    """An unconditional GAN, the game of both models.

    Args:
        seed: seed of the noise and of the soft labels.
        generator, discriminator: the players.
        criterion: `losses.bce` (DCGAN) or `losses.least_squares` (LSGAN).
        z: "normal", from N(0, 1), or "uniform", from U(-1, 1) (tip 3).
        soft: D's targets are drawn for each image from SOFT_REAL and SOFT_FAKE (tip 6), not 1 and 0.
        clip: clips soft targets at 1; above 1 the cross-entropy has no lower bound.
        reach: D sees every image moved by up to so many pixels.
        d_weight: weight of D's loss.
        d_steps: D steps per G step.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, criterion: Criterion,
                 z: str = "normal", soft: bool = False, clip: bool = False, reach: int = 0, d_weight: float = 1.0,
                 d_steps: int = 1) -> None:
        super().__init__(seed, d_steps=d_steps, generator=generator, discriminator=discriminator)
        self.criterion, self.z, self.soft, self.clip, self.reach = criterion, z, soft, clip, reach
        self.d_weight = d_weight

    def generate(self, noise: Noise, count: int) -> tf.Tensor:
        shape = (count, self.generator.input_shape[-1])
        z = noise.normal(shape) if self.z == "normal" else noise.uniform(shape, -1.0, 1.0)
        return self.generator(z, training=True)

    def targets(self, noise: Noise, count: int) -> tuple[tf.Tensor | float, tf.Tensor | float]:
        """D's targets for `count` real and `count` generated images: numbers, or [count, 1]."""
        if not self.soft:
            return 1.0, 0.0
        real, fake = noise.uniform((count, 1), *SOFT_REAL), noise.uniform((count, 1), *SOFT_FAKE)
        return (tf.minimum(real, 1.0) if self.clip else real), fake

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> Terms:
        real_target, fake_target = self.targets(noise, real.shape[0])
        real, fake = (translate(image, noise, self.reach) for image in (real, fake))
        terms = {"d_real": self.criterion(self.discriminator(real, training=True), real_target),
                 "d_fake": self.criterion(self.discriminator(fake, training=True), fake_target)}
        return terms if self.d_weight == 1 else {name: self.d_weight * term for name, term in terms.items()}

    def g_loss(self, fake: tf.Tensor, noise: Noise) -> Terms:
        return {"g": self.criterion(self.discriminator(translate(fake, noise, self.reach), training=True), 1.0)}


def generate(generator: keras.Model, distribution: str, z: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1) -> uint8 [N, 64, 64, 3]; for "uniform" z is turned into U(-1, 1) first."""
    from scipy.special import erf

    return predict_images(generator, [erf(z / np.sqrt(2)).astype(np.float32) if distribution == "uniform" else z])
