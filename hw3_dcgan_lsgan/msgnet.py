"""MSG-Net (report 001, section 3): a photo and a style image in, the photo in that style out.

Zhang and Dana 2017, arXiv:1703.06953; sizes, strides and the order inside a block are those of its authors' code
(PyTorch-Multi-Style-Transfer). The encoder sees both images: the Gram matrix of the style's features is the target
that CoMatch gives the photo's features. So a network serves several styles, also such as it was not trained on.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

EPSILON = 1e-5
EXPANSION = 4  # a bottleneck's output has so many times the channels of its 3x3 convolution
register = keras.saving.register_keras_serializable(package="gan_reports")


def gram(features: tf.Tensor) -> tf.Tensor:
    """Features [B, H, W, C] -> F F^T / (C H W), float32 [B, C, C], whatever the precision of the features."""
    shape = tf.shape(features)
    flat = tf.reshape(tf.cast(features, tf.float32), (shape[0], shape[1] * shape[2], features.shape[-1]))
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2] * shape[3], tf.float32)


@register
class Gram(layers.Layer):
    """Features [B, H, W, C] -> their Gram matrix, float32 [B, C, C]."""

    def call(self, features):
        return gram(features)


@register
class ReflectionPadding2D(layers.Layer):
    """[B, H, W, C] -> [B, H + 2 size, W + 2 size, C], mirrored at the edge, which itself is not repeated."""

    def __init__(self, size: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        around = [self.size, self.size]
        return tf.pad(x, [[0, 0], around, around, [0, 0]], mode="REFLECT")

    def get_config(self) -> dict:
        return super().get_config() | {"size": self.size}


@register
class InstanceNormalization(layers.Layer):
    """Each channel of each image gets mean 0 and variance 1 over its places; no weights (Ulyanov et al. 2016).

    The statistics are float32 under any precision. Epsilon 1e-5 is PyTorch's. One picture's instance normalisation is
    batch normalisation, whose fused kernel saves a fifth of the whole step here.
    """

    def call(self, x):
        if x.shape[0] is None:
            return self._normalised(x)
        one, zero = tf.ones(x.shape[-1]), tf.zeros(x.shape[-1])
        return tf.concat([tf.compat.v1.nn.fused_batch_norm(picture, one, zero, epsilon=EPSILON)[0]
                          for picture in tf.split(x, x.shape[0])], 0)

    def _normalised(self, x):
        """The same for a number of images that is not known while the graph is built."""
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, (1, 2), keepdims=True)
        return tf.cast((wide - mean) * tf.math.rsqrt(variance + EPSILON), x.dtype)


@register
class CoMatch(layers.Layer):
    """[photo's features [B, H, W, C], style's Gram matrix [1 or B, C, C]] -> features [B, H, W, C].

    The paper's inspiration layer: each place's vector is multiplied by W G, where W [C, C] is learned.
    """

    def build(self, shapes) -> None:
        channels = shapes[0][-1]
        start = keras.initializers.RandomUniform(0.0, 0.02)
        self.w = self.add_weight(name="w", shape=(channels, channels), initializer=start)

    def call(self, inputs):
        x, target = inputs
        shape = tf.shape(x)
        mix = tf.matmul(tf.cast(self.w, tf.float32), tf.cast(target, tf.float32))
        flat = tf.reshape(tf.cast(x, self.compute_dtype), (shape[0], shape[1] * shape[2], x.shape[-1]))
        return tf.reshape(tf.matmul(flat, tf.cast(mix, self.compute_dtype)), shape)

    def compute_output_shape(self, shapes):
        return shapes[0]


@register
class CropLike(layers.Layer):
    """[image [B, H', W', C], photo [B, H, W, C]] -> image [B, H, W, C] without what is too much on the right and below.

    Two halvings round up, so the image comes back at the next multiple of 4.
    """

    def call(self, inputs):
        image, photo = inputs
        return image[:, :tf.shape(photo)[1], :tf.shape(photo)[2]]

    def compute_output_shape(self, shapes):
        return (*shapes[1][:3], shapes[0][3])


def _conv(x, filters: int, kernel: int, strides: int = 1, **kwargs):
    """Reflection padding, then a convolution that starts as PyTorch's do: U(+-1 / sqrt(fan in)), the bias too."""
    if kernel > 1:
        x = ReflectionPadding2D(kernel // 2)(x)
    bound = (x.shape[-1] * kernel * kernel) ** -0.5

    def start() -> keras.initializers.Initializer:
        return keras.initializers.RandomUniform(-bound, bound)

    return layers.Conv2D(filters, kernel, strides=strides, padding="valid", kernel_initializer=start(),
                         bias_initializer=start(), **kwargs)(x)


def _norm_relu(x):
    return layers.ReLU()(InstanceNormalization()(x))


def _bottleneck(x, filters: int, strides: int = 1):
    """[B, H, W, C] -> [B, H / strides, W / strides, 4 filters]; norm and ReLU come before each convolution."""
    out = filters * EXPANSION
    same = strides == 1 and x.shape[-1] == out
    residual = x if same else _conv(x, out, 1, strides)
    x = _conv(_norm_relu(x), filters, 1)
    x = _conv(_norm_relu(x), filters, 3, strides)
    return layers.Add()([residual, _conv(_norm_relu(x), out, 1)])


def _up_bottleneck(x, filters: int):
    """[B, H, W, C] -> [B, 2 H, 2 W, 4 filters].

    On the residual path the authors enlarge first. A 1x1 convolution and a nearest enlargement may change places.
    """
    residual = layers.UpSampling2D(2, interpolation="nearest")(_conv(x, filters * EXPANSION, 1))
    x = _conv(_norm_relu(x), filters, 1)
    x = _conv(layers.UpSampling2D(2, interpolation="nearest")(_norm_relu(x)), filters, 3)
    return layers.Add()([residual, _conv(_norm_relu(x), filters * EXPANSION, 1)])


def encoder(filters: int = 128) -> keras.Model:
    """Image [B, H, W, 3] in [-1, 1] -> features [B, H / 4, W / 4, 4 filters]."""
    picture = keras.Input((None, None, 3), name="picture")
    x = _norm_relu(_conv(picture, 64, 7))        # -> H,     64
    x = _bottleneck(x, 32, strides=2)            # -> H / 2, 128
    x = _bottleneck(x, filters, strides=2)       # -> H / 4, 512
    return keras.Model(picture, x, name="encoder")


def msgnet(filters: int = 128, blocks: int = 6) -> keras.Model:
    """[photo [B, H, W, 3], style [1 or B, H', W', 3]], both in [-1, 1] -> image [B, H, W, 3], float32.

    Any H, W from 5 up. The output is linear: values outside [-1, 1] are clipped when it becomes an image. 2,386,147
    parameters, all trainable; the instance normalisation has none.
    """
    photo, style = keras.Input((None, None, 3), name="photo"), keras.Input((None, None, 3), name="style")
    shared = encoder(filters)
    target = Gram(dtype="float32", name="style_target")(shared(style))
    x = CoMatch(name="comatch")([shared(photo), target])
    for _ in range(blocks):
        x = _bottleneck(x, filters)              # -> H / 4, 512
    x = _up_bottleneck(x, 32)                    # -> H / 2, 128
    x = _up_bottleneck(x, 16)                    # -> H,     64
    x = _conv(_norm_relu(x), 3, 7, dtype="float32")
    image = CropLike(dtype="float32", name="image")([x, photo])
    return keras.Model([photo, style], image, name="msgnet")
