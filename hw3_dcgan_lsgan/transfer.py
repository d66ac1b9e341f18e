"""Style transfer as a game of one player: MSG-Net against a perceptual loss that does not learn (report, section 3).

The loss is that of Zhang and Dana 2017 (arXiv:1703.06953): relu2_2 of the output stays near relu2_2 of the photo, and
the Gram matrices of relu1_2, relu2_2, relu3_3 and relu4_3 approach those of the style. Each term is a relative squared
error, so that weights of 1 : 5 mean the same with ImageNet's filters and with random ones.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from common import sums
from common.game import Game, Player, Terms, to_range, to_uint8
from hw3_dcgan_lsgan.features import Features
from hw3_dcgan_lsgan.msgnet import gram


def colours(picture: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Images [B, H, W, 3] -> colours [B, H W, 3], their means [B, 1, 3] and covariances [B, 3, 3]."""
    flat = tf.reshape(picture, (tf.shape(picture)[0], -1, 3))
    mean = tf.reduce_mean(flat, 1, keepdims=True)
    spread = flat - mean
    return flat, mean, tf.matmul(spread, spread, transpose_a=True) / tf.cast(tf.shape(flat)[1], tf.float32)


def power(covariance: tf.Tensor, exponent: float, least: float = 0.0) -> tf.Tensor:
    """Symmetric matrices [B, 3, 3] to a power, each eigenvalue raised to at least `least` times the largest."""
    values, vectors = tf.linalg.eigh(covariance)
    values = tf.maximum(values, least * values[..., -1:] + 1e-6)
    return tf.matmul(vectors * (values ** exponent)[..., None, :], vectors, transpose_b=True)


def recoloured(photo: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Photos [B, H, W, 3] with the mean and covariance of the colours of the style [1, H', W', 3], all in [-1, 1].

    The linear colour transfer of Gatys et al. 2016 (arXiv:1606.05897) in the opposite direction: with a grey style the
    photo becomes grey.
    """
    flat, mean, covariance = colours(photo)
    _, style_mean, style_covariance = colours(style)
    whitening = power(covariance, -0.5, least=0.01)  # `least`: a photo with hardly any hue must not become colourful
    centred = tf.matmul(flat - mean, tf.matmul(whitening, power(style_covariance, 0.5)))
    return tf.clip_by_value(tf.reshape(centred + style_mean, tf.shape(photo)), -1.0, 1.0)


def without_other_hues(image: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Images [B, H, W, 3] without the hues that the style [1, H', W', 3] lacks; with a grey style they become grey.

    Along each principal axis of colour where the style has less than a hundredth of its largest variance, pixels take
    the style's mean.
    """
    _, mean, covariance = colours(style)
    values, vectors = tf.linalg.eigh(covariance[0])
    axes = vectors * tf.cast(values >= 0.01 * values[-1], vectors.dtype)
    return mean + tf.einsum("bhwi,ij->bhwj", image - mean, tf.matmul(axes, vectors, transpose_b=True))


class StyleTransfer(Game):
    """One player, `transfer`; the style of a step is step % number of styles.

    Args:
        seed: not used, since this game has no random numbers.
        transfer: MSG-Net and its optimizer.
        features: the feature network.
        styles: uint8 [K, T, T, 3].
        samples: uint8 [N, S, S, 3], photos that set the scale of the content term.
        content_weight, style_weight: weights of the two terms.
        recolour: the content term compares with the photo in the style's colours, and `stylize` removes the hues that
            the style lacks.
    """

    SAVED: ClassVar = {"transfer": "transfer.keras"}

    def __init__(self, seed: int, transfer: Player, features: Features, styles: np.ndarray, samples: np.ndarray, *,
                 content_weight: float = 1.0, style_weight: float = 5.0, recolour: bool = False) -> None:
        super().__init__(seed, transfer=transfer)
        self.features, self.recolour = features, recolour
        self.content_weight, self.style_weight = content_weight, style_weight
        self.styles = to_range(tf.constant(styles), self.LOW, self.HIGH)
        grams = [[gram(layer) for layer in features(style[None])] for style in self.styles]
        self.targets = [tf.concat(layer, 0) for layer in zip(*grams, strict=True)]  # a layer: [K, C, C]
        self.energy = square(features.content(to_range(tf.constant(samples), self.LOW, self.HIGH)))
        # one graph for each size of photo
        self._stylized, self._lost = (tf.function(function, autograph=False)
                                      for function in (self._stylize, self._terms_of))

    def train_step(self, minibatch: dict[str, tf.Tensor], step: tf.Tensor) -> Terms:
        photo = self.in_range(minibatch)["image"]
        number = step % len(self.styles)
        with self.tape("transfer") as tape:
            image = self.transfer([photo, self.styles[number][None]], training=True)
            terms = self.terms(photo, image, number)
            total = sums.total(terms.values())
        self.update(tape, total, "transfer")
        return terms

    def terms(self, photo: tf.Tensor, image: tf.Tensor, number: tf.Tensor | int) -> Terms:
        """Photos and images made of them, [B, H, W, 3] in [-1, 1], and the style's number -> the weighted terms."""
        target = recoloured(photo, self.styles[number][None]) if self.recolour else photo
        activations = self.features(image)
        content = square(wide(activations[1]) - wide(self.features.content(target))) / self.energy
        style = sums.total([square(gram(layer) - grams[number]) / square(grams[number])
                            for layer, grams in zip(activations, self.targets, strict=True)]) / len(activations)
        return {"content": self.content_weight * content, "style": self.style_weight * style}

    def stylize(self, photos: np.ndarray, number: int = 0) -> np.ndarray:
        """Photos uint8 [N, H, W, 3] -> the same in a style, uint8 [N, H, W, 3]; one photo at a time."""
        return np.concatenate([self._stylized(photo[None], tf.constant(number)).numpy() for photo in photos])

    def lost(self, photo: np.ndarray, image: np.ndarray, number: int) -> dict[str, float]:
        """A photo and the image made of it, uint8 [H, W, 3] each -> the weighted terms."""
        return {name: float(value) for name, value in
                self._lost(photo[None], image[None], tf.constant(number)).items()}

    def _stylize(self, photo: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        return stylized(self.transfer, photo, self.styles[number][None], self.recolour)

    def _terms_of(self, photo: tf.Tensor, image: tf.Tensor, number: tf.Tensor) -> Terms:
        return self.terms(to_range(photo, self.LOW, self.HIGH), to_range(image, self.LOW, self.HIGH), number)


def stylized(network: keras.Model, photo: tf.Tensor, style: tf.Tensor, recolour: bool) -> tf.Tensor:
    """Photo uint8 [1, H, W, 3], style [1, H', W', 3] in [-1, 1] -> uint8 [1, H, W, 3]; `recolour` as in training."""
    image = network([to_range(photo, StyleTransfer.LOW, StyleTransfer.HIGH), style], training=False)
    image = without_other_hues(image, style) if recolour else image
    return to_uint8(image, StyleTransfer.LOW, StyleTransfer.HIGH)


def wide(values: tf.Tensor) -> tf.Tensor:
    """Values in float32, whatever the precision of the network."""
    return tf.cast(values, tf.float32)


def square(values: tf.Tensor) -> tf.Tensor:
    """The mean square, in float32."""
    return tf.reduce_mean(tf.square(wide(values)))
