"""Text to image (report 001, section 2): the conditional DCGAN, and the schedule of the report's "best"."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image

from common import distribution, plots, sampling, sums
from common.anime import tags
from common.game import Game, Noise, Player, Terms, cut
from common.losses import bce
from common.networks import predict_images

CONDITION, Z = 22, 100
LABELS = (("blue", "blue"), ("blue", "green"), ("blue", "red"), ("green", "green"), ("green", "red"))  # hair, eyes
SMOOTH_REAL, SMOOTH_FAKE = (0.9, 1.1), (0.0, 0.2)
EYES = tuple(name for name in tags.EYES if name != "gray")  # the 22 columns have no gray eyes


def _kernel() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(0.0, 0.02)


def _bn(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5,
                                     gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02))(x)


def _own_dense(condition):
    """[B, 22] -> [B, 256]: "features should pass a layer of their own first"."""
    x = layers.Dense(256, kernel_initializer="glorot_uniform", name="condition_dense")(condition)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def cdcgan_generator(condition: int = CONDITION, z: int = Z, own_dense: bool = True,
                     dropout: float = 0.25) -> keras.Model:
    """[z [B, 100] from N(0, 1), condition [B, 22], two ones] -> image [B, 64, 64, 3] in [-1, 1], float32.

    Report, "Model". Widths are those of report 002's generator, dropout behind every block is 0.25: assumed.
    Without `own_dense` the condition joins the noise as it is: the report's column "1".
    """
    def block(x):
        return layers.Dropout(dropout)(layers.ReLU()(_bn(x)))

    def up(x, filters):
        return layers.Conv2DTranspose(filters, 5, strides=2, padding="same", kernel_initializer=_kernel())(x)

    noise, bits = keras.Input((z,), name="z"), keras.Input((condition,), name="condition")
    x = layers.Concatenate()([noise, _own_dense(bits) if own_dense else bits])
    x = layers.Dense(4 * 4 * 512, kernel_initializer=_kernel())(x)
    x = block(layers.Reshape((4, 4, 512))(x))              # -> 4
    for filters in (256, 128, 64):                         # -> 8, 16, 32
        x = block(up(x, filters))
    image = layers.Activation("tanh", dtype="float32")(up(x, 3))  # -> 64
    return keras.Model([noise, bits], image, name="generator")


def cdcgan_discriminator(condition: int = CONDITION, own_dense: bool = True, dropout: float = 0.25) -> keras.Model:
    """[image [B, 64, 64, 3] in [-1, 1], condition [B, 22]] -> source [B, 1], logits in float32.

    Report, "Model": "a plain CNN + NN" with batch normalisation and dropout. Widths and the place where the condition
    joins (4x4) are those of report 002's discriminator; no BN in the first layer (Radford et al. 2016,
    arXiv:1511.06434): assumed.
    """
    def block(x, filters, kernel, strides):
        x = layers.Conv2D(filters, kernel, strides=strides, padding="same", kernel_initializer=_kernel())(x)
        x = x if filters == 64 else _bn(x)
        return layers.Dropout(dropout)(layers.LeakyReLU(negative_slope=0.2)(x))

    image, bits = keras.Input((64, 64, 3), name="image"), keras.Input((condition,), name="condition")
    x = image
    for filters in (64, 128, 256, 512):                    # -> 32, 16, 8, 4
        x = block(x, filters, 5, 2)
    spread = layers.RepeatVector(16)(_own_dense(bits) if own_dense else bits)
    x = layers.Concatenate(name="join")([x, layers.Reshape((4, 4, spread.shape[-1]))(spread)])
    x = layers.Flatten()(block(x, 512, 1, 1))
    source = layers.Dense(1, kernel_initializer=_kernel(), dtype="float32", name="source")(x)
    return keras.Model([image, bits], source, name="discriminator")


class ScheduledCDCGAN(Game):
    """Four losses for D. At first D takes several steps per G step; later it skips steps in which it is good enough.

    Args:
        seed: seed of the noise and of the smoothed labels.
        generator, discriminator: the players.
        d_steps: D steps per G step while D is strengthened, all on the same real images, each with new fakes.
        strengthened: number of steps, from the first, in which D is strengthened.
        skip_below: afterwards D is not updated in steps in which its loss is below this; 0 is never.
        smooth: D's targets are drawn for each image from SMOOTH_REAL and SMOOTH_FAKE, not 1 and 0.
        wrong_loss: "mean" adds the mean of the last three losses to the first; "sum" adds all four.
    """

    def __init__(self, seed: int, generator: Player, discriminator: Player, *, d_steps: int = 1, strengthened: int = 0,
                 skip_below: float = 0.0, smooth: bool = False, wrong_loss: str = "mean") -> None:
        super().__init__(seed, generator=generator, discriminator=discriminator)
        self.extra, self.strengthened, self.skip_below = d_steps - 1, strengthened, skip_below
        self.smooth, self.weight = smooth, {"mean": 1 / 3, "sum": 1.0}[wrong_loss]
        self.trunk, self.head = cut(self.discriminator, "join")

    def generate(self, noise: Noise, count: int, condition: tf.Tensor, **_: tf.Tensor) -> tf.Tensor:
        z = noise.normal((count, self.generator.input_shape[0][-1]))
        return self.generator([z, condition], training=True)

    def d_loss(self, real: tf.Tensor, fake: tf.Tensor, noise: Noise, condition: tf.Tensor, wrong_condition: tf.Tensor,
               wrong_image: tf.Tensor) -> Terms:
        """The trunk sees each image once; real, fake and wrong images each have their own batch statistics."""
        def target(real: bool) -> tf.Tensor | float:
            if not self.smooth:
                return 1.0 if real else 0.0
            return noise.uniform((condition.shape[0], 1), *(SMOOTH_REAL if real else SMOOTH_FAKE))

        real, fake, wrong = (self.trunk(image, training=True) for image in (real, fake, wrong_image))
        pairs = {"d_real": (real, condition), "d_fake": (fake, condition), "d_wrong_label": (real, wrong_condition),
                 "d_wrong_image": (wrong, condition)}
        return {name: (1.0 if name == "d_real" else self.weight)
                * bce(self.head(pair, training=True), target(name == "d_real")) for name, pair in pairs.items()}

    def g_loss(self, fake: tf.Tensor, noise: Noise, condition: tf.Tensor, **_: tf.Tensor) -> Terms:
        return {"g": bce(self.discriminator([fake, condition], training=True), 1.0)}

    def phase(self, step: int) -> dict[str, bool]:
        return {"strengthened": step < self.strengthened}

    def train_step(self, minibatch: dict[str, tf.Tensor], step: tf.Tensor, strengthened: bool) -> Terms:
        """One step of both players; `d_moves` counts the D steps."""
        noise, labels = Noise(self.seed, step), self.in_range(minibatch)
        real = labels.pop("image")

        def d_pass(fake: tf.Tensor) -> tuple[tf.GradientTape, Terms, tf.Tensor]:
            with self.tape("discriminator") as tape:
                terms = self.d_loss(real, fake, noise, **labels)
                total = sums.total(terms.values())
            return tape, terms, total

        extra = self.extra if strengthened else 0
        for _ in range(extra):
            tape, _, total = d_pass(self.generate(noise, real.shape[0], **labels))
            self.update(tape, total, "discriminator")
        with self.tape("generator") as g_tape:
            fake = self.generate(noise, real.shape[0], **labels)
        d_tape, d_terms, d_total = d_pass(fake)
        moves = (distribution.mean(d_total) >= self.skip_below) | strengthened
        distribution.when(moves, lambda: self.update(d_tape, d_total, "discriminator"),
                          self.discriminator.trainable_variables + self.players["discriminator"].optimizer.variables)
        with g_tape:
            g_terms = self.g_loss(fake, noise, **labels)
            g_total = sums.total(g_terms.values())
        self.update(g_tape, g_total, "generator")
        return {**d_terms, **g_terms, "d_moves": tf.cast(moves, tf.float32) + extra}


def generate(generator: keras.Model, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1), hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    return predict_images(generator, [z, tags.pair_hot(hair, eyes, CONDITION)])


def labels_of_the_report(generate: Callable[..., np.ndarray], z: int, seed: int) -> Image.Image:
    """The report's five labels, one row each, with the same eight noise vectors."""
    hair, eyes = np.transpose([(tags.HAIR.index(one), tags.EYES.index(two)) for one, two in LABELS])
    noises = np.tile(sampling.noise(seed, 0, 8, z), (len(LABELS), 1))
    names = [f"{one} hair {two} eyes" for one, two in LABELS]
    return plots.grid(generate(noises, np.repeat(hair, 8), np.repeat(eyes, 8)), [""] * 8, names)
