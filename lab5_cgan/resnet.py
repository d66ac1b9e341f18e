"""ResNet18 (He et al. 2016, arXiv:1512.03385), layer by layer as in torchvision, to load PyTorch's weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from common.errors import UserError, reason


def resnet18(classes: int, size: int = 64) -> keras.Model:
    """image uint8-valued [B, S, S, 3] -> [logits [B, classes], features [B, 512]], float32.

    Layers have PyTorch's names with `_` for `.`: layer1_0_conv1. 11,198,424 parameters with 24 classes, 9,600 of them
    frozen.
    """
    def conv(x, filters: int, kernel: int, strides: int, name: str):
        x = layers.ZeroPadding2D(kernel // 2)(x) if kernel > 1 else x  # Keras' `same` pads stride 2 on one side only
        return layers.Conv2D(filters, kernel, strides=strides, use_bias=False, name=name,
                             kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out"))(x)

    def bn(x, name: str):
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)

    def block(x, filters: int, strides: int, name: str):
        shortcut = x
        if strides > 1:
            shortcut = bn(conv(x, filters, 1, strides, f"{name}_downsample_0"), f"{name}_downsample_1")
        x = layers.ReLU()(bn(conv(x, filters, 3, strides, f"{name}_conv1"), f"{name}_bn1"))
        x = bn(conv(x, filters, 3, 1, f"{name}_conv2"), f"{name}_bn2")
        return layers.ReLU()(layers.Add()([x, shortcut]))

    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.ReLU()(bn(conv(x, 64, 7, 2, "conv1"), "bn1"))             # -> S / 2
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))    # -> S / 4; after a ReLU zeros are neutral
    for number, filters in enumerate((64, 128, 256, 512), 1):            # -> S / 4, 8, 16, 32
        x = block(x, filters, 1 if number == 1 else 2, f"layer{number}_0")
        x = block(x, filters, 1, f"layer{number}_1")
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return keras.Model(image, [layers.Dense(classes, dtype="float32", name="fc")(features), features], name="resnet18")


def load_torch(network: keras.Model, path: Path) -> None:
    """Loads into a `resnet18` the weights of a PyTorch state_dict saved as `.npz`, see the README of this folder.

    Raises:
        UserError: the file is not of this kind, or weights are missing, of another shape or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # NumPy may raise anything for other files
        raise UserError(f"{path}: is not a .npz file of arrays ({reason(error)}); see lab5_cgan/README.md") from None
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([_weight(state, path, layer.name, variable) for variable in layer.weights])


TORCH = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
         "kernel": "weight", "bias": "bias"}  # the name of a weight in Keras -> in PyTorch


def _weight(state: dict[str, np.ndarray], path: Path, layer: str, variable: keras.Variable) -> np.ndarray:
    """One weight, with its axes in the order of Keras."""
    key = f"{layer.replace('_', '.')}.{TORCH[variable.name]}"
    if layer == "fc" and key not in state:
        key = key.replace("fc.", "fc.0.")  # the course's evaluator ends in Sequential(Linear, Sigmoid)
    if key not in state:
        raise UserError(f"{path}: has no {key}; it is not the course's ResNet18, see lab5_cgan/README.md")
    value = state[key]
    value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
    if value.shape != tuple(variable.shape):
        raise UserError(f"{path}: {key} is {state[key].shape}, which does not fit {tuple(variable.shape)} here; it is "
                        "not the course's ResNet18 with 24 classes")
    if not np.issubdtype(value.dtype, np.floating) or not np.isfinite(value).all():
        raise UserError(f"{path}: {key} holds values that are not finite; save it again")
    return value
