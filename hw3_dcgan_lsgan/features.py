"""The feature network of the perceptual loss: VGG16 up to relu4_3, with ImageNet's filters or with random ones.

Random filters work for style too: Ustyuzhaninov et al. 2016 (arXiv:1606.00021), He et al. 2016 (arXiv:1606.04801).
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common.errors import UserError, out_of_memory, reason
from common.game import to_range
from common.runs import Run

LAYERS = "block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3"  # relu1_2, relu2_2, relu3_3, relu4_3
SAMPLES = 12  # number of photos that set the scale of random filters and of the content term
SEED = 0  # of the random filters: the same for all runs
CACHED = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"  # Keras's own name for the file


class Features:
    """Images [B, H, W, 3] in [-1, 1] -> activations of relu1_2, relu2_2, relu3_3 and relu4_3.

    Args:
        vgg: VGG16 with its weights.
        random: whether its filters are random, not trained.
    """

    def __init__(self, vgg: keras.Model, random: bool = False) -> None:
        self.random = random
        vgg.trainable = False
        self.network = keras.Model(vgg.inputs, [vgg.get_layer(name).output for name in LAYERS])
        self.to_content = keras.Model(vgg.inputs, vgg.get_layer(LAYERS[1]).output)

    def __call__(self, picture: tf.Tensor) -> list[tf.Tensor]:
        return self.network(prepared(picture), training=False)

    def content(self, picture: tf.Tensor) -> tf.Tensor:
        """relu2_2 alone."""
        return self.to_content(prepared(picture), training=False)


def prepared(picture: tf.Tensor) -> tf.Tensor:
    """[-1, 1] RGB -> 0 to 255 BGR minus ImageNet's mean, as VGG16 was trained."""
    return (tf.cast(picture, tf.float32)[..., ::-1] + 1.0) * 127.5 - [103.939, 116.779, 123.68]


def load(run: Run, asked: str, samples: np.ndarray) -> Features:
    """The feature network that `--features` asks for. Which one it is goes into the run's config.json.

    Args:
        run: the open run.
        asked: "auto", "imagenet", "random" or a file of VGG16's weights without its top.
        samples: uint8 [N, S, S, 3], images that set the scale of random filters.

    Raises:
        UserError: the weights are not available, or they are not those the run began with.
    """
    kind = asked
    if asked == "auto":
        recorded = run.recorded("features", "kind") if "features" in run.info else None
        kind = recorded or ("imagenet" if cache().is_file() else "random")
    if kind == "random":
        if asked == "auto":
            run.substitute("--features auto: no ImageNet weights on this machine; style and content are judged by a "
                           "VGG16 with random filters")
        run.require_same("features", {"kind": "random", "seed": SEED, "scaled_by": len(samples)})
        return Features(random_vgg(samples), random=True)
    if asked == "imagenet" and not cache().is_file():
        _download()
    return _trained(run, asked, *(("imagenet", cache()) if kind == "imagenet" else ("file", Path(kind))))


def _trained(run: Run, asked: str, kind: str, path: Path) -> Features:
    """VGG16 with the weights of a file."""
    if not path.is_file():
        raise UserError(f"--features {asked}: {path} is not a file; give VGG16's weights without its top, or random")
    vgg = keras.applications.VGG16(weights=None, include_top=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # before it raises, Keras warns of each layer that does not fit
            vgg.load_weights(path)
    except Exception as error:  # see sampling.load_network
        if out_of_memory(error):
            raise
        raise UserError(f"--features {asked}: {path} cannot be loaded ({reason(error)}); give VGG16's weights without "
                        "its top, or --features random") from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run.require_same("features", {"kind": kind, "sha256": digest})
    return Features(vgg)


def cache() -> Path:
    """Where Keras keeps ImageNet's weights after their download."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models" / CACHED


def _download() -> None:
    """Has Keras fetch the weights into its cache."""
    try:
        keras.applications.VGG16(weights="imagenet", include_top=False)
    except Exception as error:  # get_file raises a plain Exception where there is no network
        raise UserError(f"--features imagenet: Keras cannot fetch the weights ({str(error).splitlines()[0][:120]}); "
                        "give their file, or --features random") from None


def random_vgg(samples: np.ndarray) -> keras.Model:
    """VGG16 with filters from N(0, 1), the same in every run, normalised on some images, uint8 [N, S, S, 3].

    Layer by layer each filter's response is shifted to mean 0 over those images and scaled so that its activation
    has mean 1. Without the shift most filters of the deep layers would be active always or never.
    """
    vgg = keras.applications.VGG16(weights=None, include_top=False)
    random = np.random.default_rng(SEED)
    x = prepared(to_range(tf.constant(samples), -1.0, 1.0))
    for layer in vgg.layers[1:vgg.layers.index(vgg.get_layer(LAYERS[-1])) + 1]:
        if isinstance(layer, keras.layers.MaxPooling2D):
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            continue
        kernel = random.standard_normal(layer.kernel.shape, np.float32)
        response = tf.nn.conv2d(x, kernel, 1, "SAME")
        mean = tf.reduce_mean(response, (0, 1, 2))
        scale = 1.0 / tf.reduce_mean(tf.nn.relu(response - mean), (0, 1, 2))
        layer.kernel.assign(kernel * scale)
        layer.bias.assign(-mean * scale)
        x = tf.nn.relu((response - mean) * scale)
    return vgg
