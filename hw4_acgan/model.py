"""ACGAN (report 000): the generator and discriminator of the printed code, and their two objectives.

Both objectives are those of Odena et al. 2017 (arXiv:1610.09585): D maximises L_S + L_C, G maximises L_C - L_S (the
report's "G minimises L_C - L_S" is a slip). Networks end in logits; the printed sigmoid and softmax are in the losses.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common.game import Game, Noise, Player, Terms
from common.losses import bce, class_terms
from common.networks import predict_images

HAIR, EYES, Z = 12, 11, 100


def _bn_leaky(x):
    x = layers.BatchNormalization(momentum=0.5, epsilon=1e-3)(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _condition(label, classes: int, condition: str, embedding: int):
    """[B] integers -> [B, embedding], or [B, classes] with `onehot`, the report's first try."""
    if condition == "onehot":
        return layers.CategoryEncoding(num_tokens=classes, output_mode="one_hot")(layers.Reshape((1,))(label))
    return layers.Embedding(classes, embedding)(label)


def generator(hair: int = HAIR, eyes: int = EYES, z: int = Z, condition: str = "embedding",
              embedding: int = 5) -> keras.Model:
    """[z [B, 100] from N(0, 1), hair [B] int, eyes [B] int] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, "Model description". 3,698,806 parameters, 2,048 of them frozen.
    """
    def up(x, filters, kernel, strides, padding="same", **kwargs):
        return layers.Conv2DTranspose(filters, kernel, strides=strides, padding=padding,
                                      kernel_initializer="glorot_uniform", **kwargs)(x)

    noise = keras.Input((z,), name="z")
    hair_label, eyes_label = keras.Input((), dtype="int32", name="hair"), keras.Input((), dtype="int32", name="eyes")
    x = layers.Concatenate()([noise, _condition(hair_label, hair, condition, embedding),
                              _condition(eyes_label, eyes, condition, embedding)])
    x = layers.Reshape((1, 1, x.shape[-1]))(x)      # -> 1
    x = _bn_leaky(up(x, 512, 4, 1, "valid"))        # -> 4
    x = _bn_leaky(up(x, 256, 4, 2))                 # -> 8
    x = _bn_leaky(up(x, 128, 4, 2))                 # -> 16
    x = _bn_leaky(up(x, 64, 4, 2))                  # -> 32
    x = _bn_leaky(up(x, 64, 3, 1))                  # -> 32
    x = up(x, 3, 4, 2)                              # -> 64
    image = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([noise, hair_label, eyes_label], image, name="generator")


def discriminator(hair: int = HAIR, eyes: int = EYES) -> keras.Model:
    """image [B, 64, 64, 3] in [-1, 1] -> [source [B, 1], hair [B, 12], eyes [B, 11]], logits in float32.

    Report, "Model description". 6,376,600 parameters, 3,840 of them frozen.
    """
    def down(x, filters):
        return layers.Conv2D(filters, 3, strides=2, padding="same", kernel_initializer="glorot_uniform")(x)

    image = keras.Input((64, 64, 3), name="image")
    x = layers.LeakyReLU(negative_slope=0.2)(down(image, 64))  # -> 32, the first without BN
    x = _bn_leaky(down(x, 128))                                # -> 16
    x = _bn_leaky(down(x, 256))                                # -> 8
    x = _bn_leaky(down(x, 512))                                # -> 4
    x = _bn_leaky(down(x, 1024))                               # -> 2
    x = layers.Flatten()(x)
    heads = [layers.Dense(units, kernel_initializer="glorot_uniform", dtype="float32", name=name)(x)
             for name, units in (("source", 1), ("hair", hair), ("eyes", eyes))]
    return keras.Model(image, heads, name="discriminator")


class ACGAN(Game):
    """The report's game: source and class terms for both players.

    Args:
        seed: seed of the noise.
        generator, discriminator: the players.
        real_target: D's target for real images; below 1 is the report's label smoothing.
        fake_target: D's target for generated images.
        class_weight: weight of the class terms, relative to the source terms.
        fake_class: weight of D's class terms on fakes; 1 is the report's L_C.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, real_target: float = 0.9,
                 fake_target: float = 0.0, class_weight: float = 1.0, fake_class: float = 1.0) -> None:
        super().__init__(seed, generator=generator, discriminator=discriminator)
        self.real_target, self.fake_target = real_target, fake_target
        self.class_weight, self.fake_class = class_weight, fake_class

    def generate(self, noise: Noise, count: int, hair: tf.Tensor, eyes: tf.Tensor) -> tf.Tensor:
        z = noise.normal((count, self.generator.input_shape[0][-1]))
        return self.generator([z, hair, eyes], training=True)

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, hair: tf.Tensor, eyes: tf.Tensor) -> Terms:
        real_source, *real_classes = self.discriminator(real, training=True)
        fake_source, *fake_classes = self.discriminator(fake, training=True)
        classes = class_terms((hair, eyes), real_classes) + self.fake_class * class_terms((hair, eyes), fake_classes)
        return {"d_real": bce(real_source, self.real_target), "d_fake": bce(fake_source, self.fake_target),
                "d_class": self.class_weight * classes}

    def g_loss(self, fake: tf.Tensor, noise: Noise, hair: tf.Tensor, eyes: tf.Tensor) -> Terms:
        source, *classes = self.discriminator(fake, training=True)
        return {"g_source": bce(source, 1.0), "g_class": self.class_weight * class_terms((hair, eyes), classes)}


def generate(generator: keras.Model, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1), hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    return predict_images(generator, [z, np.asarray(hair, np.int32), np.asarray(eyes, np.int32)])
