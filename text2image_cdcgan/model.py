"""Text to image (report 002): the conditional DCGAN of the printed tables, and the skip-thoughts WGAN-GP before it.

In both discriminators the condition joins after a trunk of convolutions. So the trunk sees each image only once, for
all labels that it is judged with: three passes per step serve the four losses, with the gradients of four passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common.anime import tags
from common.game import Game, Noise, Player, Terms, cut
from common.losses import bce, gradient_penalty, r1
from common.networks import predict_images

if TYPE_CHECKING:
    from text2image_cdcgan.text import Sentences

CONDITION, Z, SENTENCE = 23, 100, 2400


# ---- the conditional DCGAN ----


def _bn(x, number: int):
    """Gamma N(1, 0.02) is the report's; momentum 0.9 and epsilon 1e-5 are assumed."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5,
                                     gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
                                     name=f"batch_normalization_{number}")(x)


def _kernel() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(0.0, 0.02)


def _spread(condition, size: int, name: str):
    """[B, C] -> [B, size, size, C], the same at every place."""
    x = layers.RepeatVector(size * size, name=f"{name}_repeat")(condition)
    return layers.Reshape((size, size, condition.shape[-1]), name=name)(x)


def generator(condition: int = CONDITION, z: int = Z, size: int = 64) -> keras.Model:
    """[z [B, 100] from N(0, 1), condition [B, 23] of 0 and 1] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, the right table; layers bear its names. 5,325,699 parameters, 1,920 of them frozen. `size` 96 is its first
    try: a start of 6x6 in place of 4x4.
    """
    def up(x, filters, number):
        return layers.Conv2DTranspose(filters, 5, strides=2, padding="same", kernel_initializer=_kernel(),
                                      name=f"conv2d_transpose_{number}")(x)

    start = size // 16
    noise, bits = keras.Input((z,), name="z"), keras.Input((condition,), name="condition")
    x = layers.Concatenate(name="concatenate_2")([noise, bits])
    x = layers.Dense(start * start * 512, kernel_initializer=_kernel(), name="dense_2")(x)
    x = layers.Reshape((start, start, 512), name="reshape_1")(x)                               # -> 4
    x = layers.ReLU(name="activation_1")(_bn(x, 1))
    for number, filters in enumerate((256, 128, 64), 1):                                       # -> 8, 16, 32
        x = layers.ReLU(name=f"activation_{number + 1}")(_bn(up(x, filters, number), number + 1))
    image = layers.Activation("tanh", dtype="float32", name="activation_5")(up(x, 3, 4))       # -> 64
    return keras.Model([noise, bits], image, name="generator")


def discriminator(condition: int = CONDITION, size: int = 64) -> keras.Model:
    """[image [B, 64, 64, 3] in [-1, 1], condition [B, 23]] -> source [B, 1], logits in float32.

    Report, the left table; layers bear its names. 4,589,185 parameters. No batch normalisation.
    """
    image, bits = keras.Input((size, size, 3), name="image"), keras.Input((condition,), name="condition")
    x = image
    for number, filters in enumerate((64, 128, 256, 512), 1):                                  # -> 32, 16, 8, 4
        x = layers.Conv2D(filters, 5, strides=2, padding="same", kernel_initializer=_kernel(),
                          name=f"conv2d_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"leaky_re_lu_{number}")(x)
    x = layers.Concatenate(name="concatenate_1")([x, _spread(bits, size // 16, "lambda_1")])   # -> 4x4x535
    x = layers.Conv2D(512, 1, kernel_initializer=_kernel(), name="conv2d_5")(x)
    x = layers.Flatten(name="flatten_1")(layers.LeakyReLU(negative_slope=0.2, name="leaky_re_lu_5")(x))
    source = layers.Dense(1, kernel_initializer=_kernel(), dtype="float32", name="dense_1")(x)
    return keras.Model([image, bits], source, name="discriminator")


# ---- the skip-thoughts WGAN-GP ----


def _normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)


def _sentence(vector):
    """[B, 2400] -> [B, 256]: the report's Dense and ReLU."""
    return layers.Dense(256, activation="relu", kernel_initializer="glorot_uniform", name="sentence_dense")(vector)


def skipthoughts_generator(sentence: int = SENTENCE, z: int = Z) -> keras.Model:
    """[z [B, 100] from N(0, 1), sentence [B, 2400] of length 1] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, "Model description": Dense 256 and ReLU on the sentence, joined with z. The widths are assumed.
    6,290,432 parameters, 1,920 of them frozen.
    """
    def up(x, filters, strides=2, padding="same"):
        return layers.Conv2DTranspose(filters, 4, strides=strides, padding=padding, use_bias=False,
                                      kernel_initializer=_normal())(x)

    noise, vector = keras.Input((z,), name="z"), keras.Input((sentence,), name="sentence")
    x = layers.Concatenate()([noise, _sentence(vector)])
    x = layers.Reshape((1, 1, z + 256))(x)                                # -> 1
    x = layers.ReLU()(_bn(up(x, 512, strides=1, padding="valid"), 1))     # -> 4
    for number, filters in enumerate((256, 128, 64), 2):                  # -> 8, 16, 32
        x = layers.ReLU()(_bn(up(x, filters), number))
    image = layers.Activation("tanh", dtype="float32")(up(x, 3))          # -> 64
    return keras.Model([noise, vector], image, name="generator")


def skipthoughts_critic(sentence: int = SENTENCE) -> keras.Model:
    """[image [B, 64, 64, 3] in [-1, 1], sentence [B, 2400]] -> score [B, 1], float32.

    Report, "Model description": a Dense 256 and ReLU of its own (assumed), joined at the last but one convolution. The
    widths are assumed. 5,475,585 parameters. No batch normalisation (Gulrajani et al. 2017, arXiv:1704.00028).
    """
    def down(x, filters, number):
        x = layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False, kernel_initializer=_normal(),
                          name=f"conv2d_{number}")(x)
        return layers.LeakyReLU(negative_slope=0.2, name=f"leaky_re_lu_{number}")(x)

    image, vector = keras.Input((64, 64, 3), name="image"), keras.Input((sentence,), name="sentence")
    x = down(down(down(image, 64, 1), 128, 2), 256, 3)                                   # -> 32, 16, 8
    x = layers.Concatenate(name="join")([x, _spread(_sentence(vector), 8, "spread")])    # -> 8x8x512
    x = layers.Flatten()(down(x, 512, 4))                                                # -> 4
    score = layers.Dense(1, kernel_initializer=_normal(), dtype="float32", name="score")(x)
    return keras.Model([image, vector], score, name="critic")


# ---- the games ----


class Scores(NamedTuple):
    """Logits or scores [B, 1] of the four pairs, in the report's words."""

    real: tf.Tensor         # (real data, right label)
    fake: tf.Tensor         # (fake data, right label)
    wrong_label: tf.Tensor  # (real data, wrong label)
    wrong_image: tf.Tensor  # (wrong data, right label)


class FourPairs(Game):
    """What both systems share: D judges four pairs, and its trunk sees each of the three images once.

    Args:
        seed: seed of the noise.
        generator, discriminator: the players.
        join: name of the discriminator's layer that joins image and condition.
        wrong_loss: "sum" adds all four losses; "mean" adds the mean of the last three to the first.
        d_steps, g_steps: D steps and G steps per step.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, join: str, wrong_loss: str,
                 d_steps: int = 1, g_steps: int = 1) -> None:
        super().__init__(seed, d_steps=d_steps, g_steps=g_steps, generator=generator, discriminator=discriminator)
        self.weight = {"sum": 1.0, "mean": 1 / 3}[wrong_loss]
        self.trunk, self.head = cut(self.discriminator, join)

    def generate(self, noise: Noise, count: int, condition: tf.Tensor, **_: tf.Tensor) -> tf.Tensor:
        z = noise.normal((count, self.generator.input_shape[0][-1]))
        return self.generator([z, condition], training=True)

    def scores(self, real: tf.Tensor, fake: tf.Tensor, wrong_image: tf.Tensor, condition: tf.Tensor,
               wrong_condition: tf.Tensor) -> Scores:
        """Images [B, S, S, 3] and conditions [B, C] -> the four pairs' logits or scores."""
        features = self.trunk(tf.concat([real, fake, wrong_image], 0), training=True)
        real, fake, wrong = tf.split(features, 3)
        pairs = (tf.concat([real, fake, real, wrong], 0),
                 tf.concat([condition, condition, wrong_condition, condition], 0))
        return Scores(*tf.split(self.head(pairs, training=True), 4))


class ConditionalDCGAN(FourPairs):
    """The system that worked: four cross-entropies for D; G's loss is the second with the target reversed.

    Args:
        g_loss: "non-saturating", -log D(fake); "negated" is the report's "the second with a minus sign".
        r1: weight of `losses.r1` on (real data, right label); 0 is none.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, wrong_loss: str = "sum",
                 g_loss: str = "non-saturating", g_steps: int = 1, r1: float = 0.0) -> None:
        super().__init__(seed, generator, discriminator, join="concatenate_1", wrong_loss=wrong_loss, g_steps=g_steps)
        self.negated, self.r1 = g_loss == "negated", r1

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, condition: tf.Tensor, wrong_condition: tf.Tensor,
               wrong_image: tf.Tensor) -> Terms:
        scores = self.scores(real, fake, wrong_image, condition, wrong_condition)
        terms = {"d_real": bce(scores.real, 1.0), "d_fake": self.weight * bce(scores.fake, 0.0),
                 "d_wrong_label": self.weight * bce(scores.wrong_label, 0.0),
                 "d_wrong_image": self.weight * bce(scores.wrong_image, 0.0)}
        if self.r1:
            terms["d_r1"] = self.r1 * r1(lambda image: self.discriminator([image, condition], training=True), real)
        return terms

    def g_loss(self, fake: tf.Tensor, noise: Noise, condition: tf.Tensor, **_: tf.Tensor) -> Terms:
        source = self.discriminator([fake, condition], training=True)
        return {"g": -bce(source, 0.0) if self.negated else bce(source, 1.0)}


class SkipThoughtsWGANGP(FourPairs):
    """The system that ignored its condition: WGAN-GP (arXiv:1704.00028) with the four pairs.

    `sentence` in the mini-batch is, for each image, the row of its phrase in `vectors`.

    Args:
        vectors: float32 [P, 2400], the sentence vectors.
        penalty: weight lambda of the gradient penalty, whose gradient is with respect to the image alone.
    """

    def __init__(self, seed: int, generator: Player, critic: Player, vectors: tf.Tensor, *, wrong_loss: str = "mean",
                 penalty: float = 10.0, d_steps: int = 5) -> None:
        super().__init__(seed, generator, critic, join="join", wrong_loss=wrong_loss, d_steps=d_steps)
        self.vectors, self.penalty = tf.constant(vectors), penalty

    def generate(self, noise: Noise, count: int, sentence: tf.Tensor, **_: tf.Tensor) -> tf.Tensor:
        return super().generate(noise, count, tf.gather(self.vectors, sentence))

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, sentence: tf.Tensor, wrong_sentence: tf.Tensor,
               wrong_image: tf.Tensor) -> Terms:
        condition, wrong_condition = tf.gather(self.vectors, sentence), tf.gather(self.vectors, wrong_sentence)
        scores = self.scores(real, fake, wrong_image, condition, wrong_condition)
        share = noise.uniform((real.shape[0], 1, 1, 1))  # one interpolation factor per sample
        mixed = share * real + (1.0 - share) * fake
        penalty = gradient_penalty(lambda image: self.discriminator([image, condition], training=True), [mixed])
        return {"d_real": -tf.reduce_mean(scores.real), "d_fake": self.weight * tf.reduce_mean(scores.fake),
                "d_wrong_label": self.weight * tf.reduce_mean(scores.wrong_label),
                "d_wrong_image": self.weight * tf.reduce_mean(scores.wrong_image), "d_penalty": self.penalty * penalty}

    def g_loss(self, fake: tf.Tensor, noise: Noise, sentence: tf.Tensor, **_: tf.Tensor) -> Terms:
        score = self.discriminator([fake, tf.gather(self.vectors, sentence)], training=True)
        return {"g": -tf.reduce_mean(score)}


# ---- how trained networks are called ----


def generate(generator: keras.Model, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """The conditional DCGAN: z float32 [N, Z] from N(0, 1), hair and eyes int [N] -> uint8 [N, S, S, 3]."""
    return predict_images(generator, [z, tags.pair_hot(hair, eyes, CONDITION)])


def skipthoughts_generate(generator: keras.Model, sentences: Sentences, z: np.ndarray, hair: np.ndarray,
                          eyes: np.ndarray) -> np.ndarray:
    """The same for the skip-thoughts WGAN-GP, through the vectors of sentences such as "blue hair red eyes"."""
    return predict_images(generator, [z, sentences.of_pairs(hair, eyes)])
