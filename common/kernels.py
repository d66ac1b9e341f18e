"""The same layers and the same Adam by faster ops, and right ones: what is saved stays Keras's own.

- Keras 3 spells batch normalisation out in a dozen ops on float32 copies, and Adam likewise. TensorFlow's fused ops are
  three to five times as fast.
- On a CPU oneDNN has kernels for large pictures. Where a convolution's result is a few pixels wide, as deep in every
  GAN, the product of its patches and its kernel, as matrices, is up to seven times as fast.
- On a CPU the gradient by a bias in bfloat16 (`BiasAddGrad`) stops growing at 256 times its summands: of 65,536 ones it
  makes 512. Here a bias is added as any other tensor is, whose gradient is summed in float32.

`benchmarks/kernels.py` measures both; its README has the numbers, from which the thresholds here come.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from common import sums

WHOLE, ROWS = 4, 64  # pixels of a result, and of all results of a batch: up to these every pass is a product
KERNEL = {tf.bfloat16: 64, tf.float32: 16}  # pixels of a result, for the gradient by the kernel: oneDNN's slowest pass


def accelerate(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Has a player's layers and its optimizer computed by the ops of this module, where they are of a kind known here.

    It changes these objects alone: a network that is saved and loaded, or cloned, is plain Keras again.
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
    """`BatchNormalization.call` on pictures while they train; `usual` does the rest."""
    special = layer.renorm or layer.synchronized or not (layer.scale and layer.center) or layer.axis not in (-1, 3) \
        or inputs.dtype not in (tf.float32, tf.bfloat16, tf.float16)
    if special or not (training and layer.trainable) or mask is not None or len(inputs.shape) != 4:
        return usual(inputs, training=training, mask=mask)
    return batch_normalisation(layer, inputs, update=True)


def batch_normalisation(layer: keras.layers.BatchNormalization, inputs: tf.Tensor, *, update: bool) -> tf.Tensor:
    """Pictures [B, H, W, C] normalised by their own statistics, which with `update` move the layer's moving ones."""
    none = tf.zeros((0,))  # it is the batch's statistics that are asked for
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=tf.cast(layer.gamma, tf.float32), offset=tf.cast(layer.beta, tf.float32), mean=none,
        variance=none, epsilon=layer.epsilon, is_training=True)
    if update:
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= tf.maximum(count - 1.0, 1.0) / count  # the op gives the unbiased one, Keras keeps the biased one
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return tf.cast(outputs, layer.compute_dtype)


# ---- Adam ----


def _adam(adam: keras.optimizers.Adam, usual: Callable[..., None], gradient: tf.Tensor | tf.IndexedSlices,
          variable: tf.Variable, learning_rate: tf.Tensor) -> None:
    """`Adam.update_step` of a dense gradient; `usual` does an embedding's."""
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
    """A convolution of pictures [B, *size, C] with a kernel [*kernel, C, D] to [B, *result, D].

    Each entry is of rows and of columns.
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: str  # "SAME" or "VALID"

    @property
    def result(self) -> tuple[int, int]:
        """Rows and columns of the result."""
        return self._each(lambda n, k, s: -(-n // s) if self.padding == "SAME" else (n - k) // s + 1)

    @property
    def before(self) -> tuple[int, int]:
        """Rows and columns of zeros before the picture."""
        if self.padding == "VALID":
            return 0, 0
        return self._each(lambda n, k, s: max((-(-n // s) - 1) * s + k - n, 0) // 2)

    @property
    def blocks(self) -> tuple[int, int]:
        """How many strides cover the picture with its zeros."""
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
    """`Conv2DTranspose.call`: its result is the picture, what it is given is the convolution's result."""
    shape = layer.compute_output_shape(inputs.shape)
    geometry = Geometry(tuple(shape[1:3]), layer.kernel_size, layer.strides, layer.padding.upper())
    if _gains(geometry, inputs):
        return _finished(layer, spread(inputs, tf.convert_to_tensor(layer.kernel), geometry))
    return _finished(layer, keras.ops.conv_transpose(inputs, layer.kernel, layer.strides, layer.padding))


def _dense(layer: keras.layers.Dense, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """`Dense.call`."""
    return _finished(layer, keras.ops.matmul(inputs, layer.kernel))


def _finished(layer: keras.layers.Layer, outputs: tf.Tensor) -> tf.Tensor:
    """Bias and activation of a layer."""
    if layer.use_bias:
        outputs = outputs + tf.cast(layer.bias, outputs.dtype)  # not Keras's add, which makes it a BiasAdd
    return outputs if layer.activation is None else layer.activation(outputs)


def _gains(geometry: Geometry, inputs: tf.Tensor) -> bool:
    known = isinstance(inputs, tf.Tensor) and None not in geometry.size  # else Keras is finding out shapes
    return known and math.prod(geometry.result) <= KERNEL.get(inputs.dtype, 0)


def _is_small(geometry: Geometry, batch: int | None) -> bool:
    pixels = math.prod(geometry.result)
    return pixels <= WHOLE or (batch is not None and batch * pixels <= ROWS)


# Each of the three is the gradient of the two others, so gradients of gradients come out of them as well.


def convolve(picture: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """[B, *size, C], [*kernel, C, D] -> [B, *result, D]: `tf.nn.conv2d`."""
    @tf.custom_gradient
    def passed(picture, kernel):
        if _is_small(geometry, picture.shape[0]):
            product = tf.matmul(_patches(picture, geometry), _flat(kernel))
            result = tf.reshape(product, (-1, *geometry.result, kernel.shape[-1]))
        else:
            result = tf.nn.conv2d(picture, kernel, geometry.stride, geometry.padding)
        return result, lambda back: (spread(back, kernel, geometry), correlate(picture, back, geometry))

    return passed(picture, kernel)


def spread(result: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """[B, *result, D], [*kernel, C, D] -> [B, *size, C]: the gradient by the picture, a transposed convolution."""
    @tf.custom_gradient
    def passed(result, kernel):
        if _is_small(geometry, result.shape[0]):
            picture = _from_patches(tf.matmul(_flat(result), _flat(kernel), transpose_b=True), geometry)
        else:
            shape = (tf.shape(result)[0], *geometry.size, kernel.shape[2])
            picture = tf.nn.conv2d_transpose(result, kernel, shape, geometry.stride, geometry.padding)
        return picture, lambda back: (convolve(back, kernel, geometry), correlate(back, result, geometry))

    return passed(result, kernel)


def correlate(picture: tf.Tensor, result: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """[B, *size, C], [B, *result, D] -> [*kernel, C, D]: the gradient by the kernel."""
    @tf.custom_gradient
    def passed(picture, result):
        product = tf.matmul(_patches(picture, geometry), _flat(result), transpose_a=True)
        kernel = tf.reshape(product, (*geometry.kernel, picture.shape[-1], result.shape[-1]))
        return kernel, lambda back: (spread(result, back, geometry), convolve(picture, back, geometry))

    return passed(picture, result)


def _flat(values: tf.Tensor) -> tf.Tensor:
    """[..., D] -> [N, D]."""
    return tf.reshape(values, (-1, values.shape[-1]))


def _covers(geometry: Geometry) -> bool:
    """Whether the kernel meets the picture only once and as a whole."""
    return geometry.kernel == geometry.size and geometry.padding == "VALID"


def _patches(picture: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """[B, *size, C] -> what the kernel meets at each place: [B * result, kernel * C]."""
    if _covers(geometry):
        return tf.reshape(picture, (-1, math.prod(picture.shape[1:])))
    (down, right), (rows, columns), (high, wide) = geometry.stride, geometry.result, geometry.blocks
    edges = [(before, blocks * stride - before - size) for before, blocks, stride, size in
             zip(geometry.before, geometry.blocks, geometry.stride, geometry.size, strict=True)]
    picture = tf.pad(picture, [(0, 0), *edges, (0, 0)])
    # What lies a stride apart stands in a row of its own: slices with gaps would take ten times as long.
    picture = tf.reshape(picture, (-1, high * down, wide, right, picture.shape[-1]))
    picture = tf.concat([picture[:, :, x // right:x // right + columns, x % right]
                         for x in range(geometry.kernel[1])], -1)
    picture = tf.reshape(picture, (-1, high, down, columns, picture.shape[-1]))
    return _flat(tf.concat([picture[:, y // down:y // down + rows, y % down] for y in range(geometry.kernel[0])], -1))


def _from_patches(patches: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """The gradient of `_patches`: each pixel is the sum of all that it was met for."""
    if _covers(geometry):
        return tf.reshape(patches, (-1, *geometry.size, patches.shape[-1] // math.prod(geometry.kernel)))
    picture = tf.reshape(patches, (-1, *geometry.result, patches.shape[-1]))
    for axis, kernel, stride, blocks in zip((1, 2), geometry.kernel, geometry.stride, geometry.blocks, strict=True):
        picture = _laid_out(tf.split(picture, kernel, -1), axis, stride, blocks)
    (top, left), (height, width) = geometry.before, geometry.size
    return picture[:, top:top + height, left:left + width]


def _laid_out(parts: list[tf.Tensor], axis: int, stride: int, blocks: int) -> tf.Tensor:
    """What the kernel's places give, each [..., result, ...] -> their sum, laid out: [..., blocks * stride, ...]."""
    lines: list[list[tf.Tensor]] = [[] for _ in range(stride)]
    for place, values in enumerate(parts):
        edges = [(0, 0)] * 4
        edges[axis] = (place // stride, blocks - values.shape[axis] - place // stride)
        lines[place % stride].append(tf.pad(values, edges))
    totals = [sums.total(line) if line else tf.zeros_like(lines[0][0]) for line in lines]
    shape = [-1, *totals[0].shape[1:]]
    shape[axis] = blocks * stride
    return tf.reshape(tf.stack(totals, axis + 1), shape)
