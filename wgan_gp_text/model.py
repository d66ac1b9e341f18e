"""WGAN-GP on tag vectors (report 004, sections 1 to 3): noise and a multi-hot text in, a 64x64 face in [0, 1] out."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from common.anime import tags
from common.game import Game, Noise, Player, Terms, cut
from common.losses import bce, gradient_penalty
from common.networks import predict_images

TEXT, Z = 24, 40
ALPHA_DROPOUT = 0.2


def _kernel() -> keras.initializers.Initializer:
    return keras.initializers.LecunNormal()


def _up(x, filters: int, kernel: int, strides: int, padding: str = "same"):
    return layers.Conv2DTranspose(filters, kernel, strides=strides, padding=padding, kernel_initializer=_kernel())(x)


def generator(text: int = TEXT, z: int = Z, start: str = "dense") -> keras.Model:
    """[z [B, 40] from N(0, 1), text [B, 24] of 0 and 1] -> image [B, 64, 64, 3] in [0, 1], float32.

    Report, "Generator". 4,471,459 parameters. Its earlier start, "conv", has no sizes there: three transposed
    convolutions up to the same 16x16x256, assumed; 3,882,659 parameters. No batch normalisation.
    """
    noise, bits = keras.Input((z,), name="z"), keras.Input((text,), name="text")
    x = layers.Concatenate()([noise, bits])
    if start == "dense":
        x = layers.Dense(16 * 16 * 256, kernel_initializer=_kernel())(x)
        x = layers.Reshape((16, 16, 256))(layers.ReLU()(x))             # -> 16
    elif start == "conv":
        x = layers.Reshape((1, 1, z + text))(x)                         # -> 1
        x = layers.ReLU()(_up(x, 512, 4, 1, "valid"))                   # -> 4
        x = layers.ReLU()(_up(x, 256, 4, 2))                            # -> 8
        x = layers.ReLU()(_up(x, 256, 4, 2))                            # -> 16
    else:
        raise ValueError(f"start must be dense or conv, not {start!r}")
    x = layers.ReLU()(_up(x, 64, 3, 2))                                 # -> 32
    x = layers.ReLU()(_up(x, 32, 5, 2))                                 # -> 64
    x = layers.ReLU()(_up(x, 16, 5, 1))
    image = layers.Activation("sigmoid", dtype="float32")(_up(x, 3, 1, 1))
    return keras.Model([noise, bits], image, name="generator")


def critic(text: int = TEXT, alpha_dropout: float = ALPHA_DROPOUT) -> keras.Model:
    """[image [B, 64, 64, 3] in [0, 1], text [B, 24]] -> score [B, 1], float32, unbounded.

    Report, "Discriminator". 3,389,825 parameters. AlphaDropout was designed for SELU (Klambauer et al. 2017,
    arXiv:1706.02515); after ReLU it shifts the mean. It is kept as reported.
    """
    def block(x, filters: int, kernel: int, strides: int, padding: str = "same"):
        x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, kernel_initializer=_kernel())(x)
        return layers.AlphaDropout(alpha_dropout)(layers.ReLU()(x))

    image, bits = keras.Input((64, 64, 3), name="image"), keras.Input((text,), name="text")
    x = image
    for filters, kernel in ((64, 5), (128, 5), (256, 3), (256, 3)):     # -> 32, 16, 8, 4
        x = block(x, filters, kernel, 2)
    spread = layers.Reshape((4, 4, text))(layers.RepeatVector(16)(bits))
    x = layers.Concatenate(name="join")([x, spread])                    # -> 4x4x280
    x = layers.Flatten()(block(x, 512, 4, 1, "valid"))                  # -> 1
    score = layers.Dense(1, kernel_initializer=_kernel(), dtype="float32", name="score")(x)
    return keras.Model([image, bits], score, name="critic")


class WGANGP(Game):
    """The report's objective: the critic maximises true - fake / 2 - wrong text / 2 - lambda * penalty, G fake.

    WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) with matching-aware text (Reed et al. 2016, arXiv:1605.05396).
    Every pass of the critic draws its own dropout masks. Without dropout the real image passes the trunk only once for
    both of its texts, with the same result.

    Args:
        seed: seed of the noise and of the interpolation factors.
        generator, critic: the players.
        penalty: lambda.
        penalty_on: "both": the gradient is with respect to image and text jointly, as in the report. "image": to the
            image alone. Two texts with one colour apart have a distance of 1.4, so under "both" the critic's scores of
            them can hardly differ, while images are 10 and more apart.
        d_steps: critic steps per generator step.
    """

    LOW, HIGH = 0.0, 1.0

    def __init__(self, seed: int, generator: Player, critic: Player, *, penalty: float = 10.0,
                 penalty_on: str = "both", d_steps: int = 1) -> None:
        super().__init__(seed, d_steps=d_steps, generator=generator, discriminator=critic)
        self.penalty, self.penalty_on = penalty, penalty_on
        self.trunk, self.head = cut(self.discriminator, "join")
        self.drops = any(isinstance(layer, layers.AlphaDropout) and layer.rate > 0
                         for layer in self.discriminator.layers)

    def generate(self, noise: Noise, count: int, text: tf.Tensor, **_: tf.Tensor) -> tf.Tensor:
        z = noise.normal((count, self.generator.input_shape[0][-1]))
        return self.generator([z, text], training=True)

    def scores(self, real: tf.Tensor, fake: tf.Tensor, text: tf.Tensor,
               wrong_text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Images [B, S, S, 3] and texts [B, T] -> scores [B, 1] of (real, text), (fake, text), (real, wrong text)."""
        texts = tf.concat([text, text, wrong_text], 0)
        if self.drops:
            scores = self.discriminator([tf.concat([real, fake, real], 0), texts], training=True)
        else:
            real, fake = tf.split(self.trunk(tf.concat([real, fake], 0), training=True), 2)
            scores = self.head([tf.concat([real, fake, real], 0), texts], training=True)
        return tuple(tf.split(scores, 3))

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, text: tf.Tensor, wrong_text: tf.Tensor,
               **_: tf.Tensor) -> Terms:
        real_score, fake_score, wrong_score = self.scores(real, fake, text, wrong_text)
        share = noise.uniform((real.shape[0], 1, 1, 1))  # one interpolation factor per sample
        mixed = share * real + (1.0 - share) * fake
        inputs, rest = ([mixed, text], ()) if self.penalty_on == "both" else ([mixed], (text,))
        penalty = gradient_penalty(lambda *pair: self.discriminator([*pair, *rest], training=True), inputs)
        return {"d_real": -tf.reduce_mean(real_score), "d_fake": 0.5 * tf.reduce_mean(fake_score),
                "d_wrong_text": 0.5 * tf.reduce_mean(wrong_score), "d_penalty": self.penalty * penalty}

    def g_loss(self, fake: tf.Tensor, noise: Noise, text: tf.Tensor, **_: tf.Tensor) -> Terms:
        return {"g": -tf.reduce_mean(self.discriminator([fake, text], training=True))}


class PlainGAN(WGANGP):
    """`--ablation plain-gan`: the same networks and pairs, with cross-entropies (Goodfellow et al. 2014,
    arXiv:1406.2661).
    """

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, text: tf.Tensor, wrong_text: tf.Tensor,
               **_: tf.Tensor) -> Terms:
        real_score, fake_score, wrong_score = self.scores(real, fake, text, wrong_text)
        return {"d_real": bce(real_score, 1.0), "d_fake": 0.5 * bce(fake_score, 0.0),
                "d_wrong_text": 0.5 * bce(wrong_score, 0.0)}

    def g_loss(self, fake: tf.Tensor, noise: Noise, text: tf.Tensor, **_: tf.Tensor) -> Terms:
        return {"g": bce(self.discriminator([fake, text], training=True), 1.0)}


def generate(generator: keras.Model, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1), hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    return predict_images(generator, [z, tags.pair_hot(hair, eyes, TEXT)], WGANGP.LOW, WGANGP.HIGH)
