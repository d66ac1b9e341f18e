"""Faster and more exact ops for some Keras layers and for Adam. Saved networks are plain Keras.

- Keras 3 computes batch normalisation in a dozen ops on float32 copies, and Adam likewise. TensorFlow's fused ops are
  three to five times as fast.
- On a CPU, oneDNN's convolutions are made for large images. Where the output is a few pixels wide, as in deep layers of
  every GAN, a matrix product of patches and kernel is up to seven times as fast.
- On a CPU, the bfloat16 gradient of a bias (`BiasAddGrad`) stops growing at 256 times its summands: 65,536 ones add up
  to 512. Here a bias is added like any other tensor, whose gradient is summed in float32.

`benchmarks/kernels.py` measures the layers; benchmarks/README.md has the numbers from which the thresholds below come.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from common import sums

WHOLE, ROWS = 4, 64  # pixels of one output, and of all outputs of a batch, up to which every pass is a matrix product
KERNEL = {tf.bfloat16: 64, tf.float32: 16}  # pixels of one output: the same for the kernel's gradient, oneDNN's slowest


def accelerate(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Makes a network's layers and its optimizer use the ops of this module, where it has one for their type.

    Only these objects change: a network that is saved and loaded, or cloned, is plain Keras again.
    """
    for layer in network._flatten_layers(include_self=False):
        if type(layer) is keras.layers.BatchNormalization:
            layer.call = functools.partial(_normalise, layer, layer.call)
        elif type(layer) is keras.layers.Conv2D and _is_plain(layer):
            layer.call = functools.partial(_convolution, layer)
        elif type(layer) is keras.layers.Conv2DTranspose and _is_plain(layer) and layer.output_padding is None:
            layer.call = functools.partial(_transposed, layer)
        elif type(layer) is keras.layers.Dense and not (layer.quantization_mode or layer.lora_enabled):
            layer.call = functools.partial(_dense, layer)
    if type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad:
        optimizer.update_step = functools.partial(_adam, optimizer, optimizer.update_step)


# ---- batch normalisation ----


def _normalise(layer: keras.layers.BatchNormalization, usual: Callable[..., tf.Tensor], inputs: tf.Tensor,
               training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
    """`BatchNormalization.call` on images in training; `usual` is called in all other cases."""
    special = layer.renorm or layer.synchronized or not (layer.scale and layer.center) or layer.axis not in (-1, 3) \
        or inputs.dtype not in (tf.float32, tf.bfloat16, tf.float16)
    if special or not (training and layer.trainable) or mask is not None or len(inputs.shape) != 4:
        return usual(inputs, training=training, mask=mask)
    return batch_normalisation(layer, inputs, update=True)


def batch_normalisation(layer: keras.layers.BatchNormalization, inputs: tf.Tensor, *, update: bool) -> tf.Tensor:
    """Images [B, H, W, C] normalised by the batch's statistics; `update` also updates the layer's moving statistics."""
    none = tf.zeros((0,))  # no statistics are given: the op computes the batch's
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=tf.cast(layer.gamma, tf.float32), offset=tf.cast(layer.beta, tf.float32), mean=none,
        variance=none, epsilon=layer.epsilon, is_training=True)
    if update:
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= tf.maximum(count - 1.0, 1.0) / count  # unbiased (the op) -> biased (Keras)
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return tf.cast(outputs, layer.compute_dtype)


# ---- Adam ----


def _adam(adam: keras.optimizers.Adam, usual: Callable[..., None], gradient: tf.Tensor | tf.IndexedSlices,
          variable: tf.Variable, learning_rate: tf.Tensor) -> None:
    """`Adam.update_step` for a dense gradient; `usual` is called for that of an embedding."""
    if isinstance(gradient, tf.IndexedSlices):
        usual(gradient, variable, learning_rate)
        return
    index = adam._get_variable_index(variable)
    steps = tf.cast(adam.iterations + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle, m=adam._momentums[index].value.handle, v=adam._velocities[index].value.handle,
        beta1_power=tf.pow(adam.beta_1, steps), beta2_power=tf.pow(adam.beta_2, steps),
        lr=tf.cast(learning_rate, tf.float32), beta1=adam.beta_1, beta2=adam.beta_2, epsilon=adam.epsilon,
        grad=tf.cast(gradient, tf.float32))


# ---- convolutions ----


class Geometry(NamedTuple):
    """A convolution: images [B, *size, C] and a kernel [*kernel, C, D] -> [B, *result, D].

    Each pair is (rows, columns).
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: str  # "SAME" or "VALID"

    @property
    def result(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        return self._each(lambda n, k, s: -(-n // s) if self.padding == "SAME" else (n - k) // s + 1)

    @property
    def before(self) -> tuple[int, int]:
        """Rows and columns of zero padding before the image."""
        if self.padding == "VALID":
            return 0, 0
        return self._each(lambda n, k, s: max((-(-n // s) - 1) * s + k - n, 0) // 2)

    @property
    def blocks(self) -> tuple[int, int]:
        """The number of strides that cover the image and its padding."""
        return self._each(lambda n, k, s, before, result: max(-(-(n + before) // s), result + (k - 1) // s),
                          self.before, self.result)

    def _each(self, of: Callable[..., int], *more: tuple[int, int]) -> tuple[int, int]:
        rows, columns = (of(*numbers) for numbers in zip(self.size, self.kernel, self.stride, *more, strict=True))
        return rows, columns


def _is_plain(layer: keras.layers.Layer) -> bool:
    return layer.dilation_rate == (1, 1) and getattr(layer, "groups", 1) == 1 and \
        layer.data_format == "channels_last" and not tf.config.list_physical_devices("GPU")


def _convolution(layer: keras.layers.Conv2D, inputs: tf.Tensor) -> tf.Tensor:
    """`Conv2D.call`."""
    geometry = Geometry(tuple(inputs.shape[1:3]), layer.kernel_size, layer.strides, layer.padding.upper())
    if _gains(geometry, inputs):
        return _finished(layer, convolve(inputs, tf.convert_to_tensor(layer.kernel), geometry))
    return _finished(layer, layer.convolution_op(inputs, layer.kernel))


def _transposed(layer: keras.layers.Conv2DTranspose, inputs: tf.Tensor) -> tf.Tensor:
    """`Conv2DTranspose.call`: `inputs` is the output of the convolution that `geometry` describes."""
    shape = layer.compute_output_shape(inputs.shape)
    geometry = Geometry(tuple(shape[1:3]), layer.kernel_size, layer.strides, layer.padding.upper())
    if _gains(geometry, inputs):
        return _finished(layer, spread(inputs, tf.convert_to_tensor(layer.kernel), geometry))
    return _finished(layer, keras.ops.conv_transpose(inputs, layer.kernel, layer.strides, layer.padding))


def _dense(layer: keras.layers.Dense, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """`Dense.call`."""
    return _finished(layer, keras.ops.matmul(inputs, layer.kernel))


def _finished(layer: keras.layers.Layer, outputs: tf.Tensor) -> tf.Tensor:
    """Adds the bias and applies the activation of a layer."""
    if layer.use_bias:
        outputs = outputs + tf.cast(layer.bias, outputs.dtype)  # not Keras's add, which makes it a BiasAdd
    return outputs if layer.activation is None else layer.activation(outputs)


def _gains(geometry: Geometry, inputs: tf.Tensor) -> bool:
    known = isinstance(inputs, tf.Tensor) and None not in geometry.size  # otherwise Keras is inferring shapes
    return known and math.prod(geometry.result) <= KERNEL.get(inputs.dtype, 0)


def _is_small(geometry: Geometry, batch: int | None) -> bool:
    pixels = math.prod(geometry.result)
    return pixels <= WHOLE or (batch is not None and batch * pixels <= ROWS)


# The gradients of each of the three are the other two, so that second derivatives (gradient penalty) work as well.


def convolve(image: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Convolution, `tf.nn.conv2d`: image [B, *size, C], kernel [*kernel, C, D] -> [B, *result, D]."""
    @tf.custom_gradient
    def passed(image, kernel):
        if _is_small(geometry, image.shape[0]):
            product = tf.matmul(_patches(image, geometry), _flat(kernel))
            result = tf.reshape(product, (-1, *geometry.result, kernel.shape[-1]))
        else:
            result = tf.nn.conv2d(image, kernel, geometry.stride, geometry.padding)
        return result, lambda gradient: (spread(gradient, kernel, geometry), correlate(image, gradient, geometry))

    return passed(image, kernel)


def spread(result: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Transposed convolution, the gradient for the image: result [B, *result, D], kernel -> [B, *size, C]."""
    @tf.custom_gradient
    def passed(result, kernel):
        if _is_small(geometry, result.shape[0]):
            image = _from_patches(tf.matmul(_flat(result), _flat(kernel), transpose_b=True), geometry)
        else:
            shape = (tf.shape(result)[0], *geometry.size, kernel.shape[2])
            image = tf.nn.conv2d_transpose(result, kernel, shape, geometry.stride, geometry.padding)
        return image, lambda gradient: (convolve(gradient, kernel, geometry), correlate(gradient, result, geometry))

    return passed(result, kernel)


def correlate(image: tf.Tensor, result: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """The gradient for the kernel: image [B, *size, C], result [B, *result, D] -> [*kernel, C, D]."""
    @tf.custom_gradient
    def passed(image, result):
        product = tf.matmul(_patches(image, geometry), _flat(result), transpose_a=True)
        kernel = tf.reshape(product, (*geometry.kernel, image.shape[-1], result.shape[-1]))
        return kernel, lambda gradient: (spread(result, gradient, geometry), convolve(image, gradient, geometry))

    return passed(image, result)


def _flat(values: tf.Tensor) -> tf.Tensor:
    """[..., D] -> [N, D]."""
    return tf.reshape(values, (-1, values.shape[-1]))


def _covers(geometry: Geometry) -> bool:
    """Whether the kernel covers the whole image, at one position only."""
    return geometry.kernel == geometry.size and geometry.padding == "VALID"


def _patches(image: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """im2col: [B, *size, C] -> the patch under the kernel at each position, [B * result, kernel * C]."""
    if _covers(geometry):
        return tf.reshape(image, (-1, math.prod(image.shape[1:])))
    (down, right), (rows, columns), (high, wide) = geometry.stride, geometry.result, geometry.blocks
    edges = [(before, blocks * stride - before - size) for before, blocks, stride, size in
             zip(geometry.before, geometry.blocks, geometry.stride, geometry.size, strict=True)]
    image = tf.pad(image, [(0, 0), *edges, (0, 0)])
    # The position within a stride becomes an axis of its own: strided slices would take ten times as long.
    image = tf.reshape(image, (-1, high * down, wide, right, image.shape[-1]))
    image = tf.concat([image[:, :, x // right:x // right + columns, x % right] for x in range(geometry.kernel[1])], -1)
    image = tf.reshape(image, (-1, high, down, columns, image.shape[-1]))
    return _flat(tf.concat([image[:, y // down:y // down + rows, y % down] for y in range(geometry.kernel[0])], -1))


def _from_patches(patches: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """col2im, the gradient of `_patches`: each pixel is the sum over all patches that contain it."""
    if _covers(geometry):
        return tf.reshape(patches, (-1, *geometry.size, patches.shape[-1] // math.prod(geometry.kernel)))
    image = tf.reshape(patches, (-1, *geometry.result, patches.shape[-1]))
    for axis, kernel, stride, blocks in zip((1, 2), geometry.kernel, geometry.stride, geometry.blocks, strict=True):
        image = _laid_out(tf.split(image, kernel, -1), axis, stride, blocks)
    (top, left), (height, width) = geometry.before, geometry.size
    return image[:, top:top + height, left:left + width]


def _laid_out(parts: list[tf.Tensor], axis: int, stride: int, blocks: int) -> tf.Tensor:
    """Values of the kernel positions along an axis, [..., result, ...] each -> [..., blocks * stride, ...], added."""
    lines: list[list[tf.Tensor]] = [[] for _ in range(stride)]
    for place, values in enumerate(parts):
        edges = [(0, 0)] * 4
        edges[axis] = (place // stride, blocks - values.shape[axis] - place // stride)
        lines[place % stride].append(tf.pad(values, edges))
    totals = [sums.total(line) if line else tf.zeros_like(lines[0][0]) for line in lines]
    shape = [-1, *totals[0].shape[1:]]
    shape[axis] = blocks * stride
    return tf.reshape(tf.stack(totals, axis + 1), shape)
