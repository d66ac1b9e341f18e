"""Times single layers, and Adam, as Keras computes them and as `common/kernels.py` does, in turns.

A layer's time is that of its forward and its backward pass, with the gradients by its input and by its weights.
README.md here says how to read the table.

    python benchmarks/kernels.py
    python benchmarks/kernels.py --precision float32 --rounds 30 --out kernels.json
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import machine as machines
from benchmarks import options as shared
from benchmarks import table, timing
from common import runtime
from common.options import option, run_script

WEIGHTS = ((4, 4, 512, 1024), (4, 4, 512, 512), (100, 8192), (512,))  # of the Adam that is timed: 13.4 million
# kind, kernel, stride, padding, channels out; shape of the input; where such a layer is
LAYERS = (
    (("normalisation",), (64, 64, 64, 128), "report 001's DCGAN"),
    (("normalisation",), (64, 16, 16, 128), "report 003's cGAN"),
    (("convolution", 3, 2, "same", 1024), (64, 4, 4, 512), "report 000's ACGAN"),
    (("convolution", 3, 2, "same", 512), (64, 8, 8, 256), "report 000's ACGAN"),
    (("convolution", 3, 2, "same", 256), (64, 16, 16, 128), "report 000's ACGAN"),
    (("convolution", 5, 2, "same", 512), (192, 8, 8, 256), "report 002's conditional DCGAN"),
    (("convolution", 5, 2, "same", 256), (192, 16, 16, 128), "report 002's conditional DCGAN"),
    (("transposed", 4, 2, "same", 256), (64, 4, 4, 512), "report 003's cGAN"),
    (("convolution", 4, 1, "valid", 512), (192, 4, 4, 280), "report 004's critic"),
    (("convolution", 4, 2, "same", 512), (4, 4, 4, 512), "the CycleGAN's U-Net"),
    (("convolution", 4, 2, "same", 512), (4, 8, 8, 256), "the CycleGAN's U-Net"),
    (("transposed", 4, 2, "same", 512), (4, 2, 2, 1024), "the CycleGAN's U-Net"),
)


@dataclass(frozen=True)
class Options(shared.Timed):
    """The precision, how often, and where to."""

    precision: str = option("auto", "auto: bfloat16 where the processor has it natively, else float32",
                            choices=("auto", "float32", "bfloat16"))


def main(options: Options) -> None:
    """Times layer after layer, then Adam."""
    results = {"machine": machines.start(options.threads), "rounds": options.rounds, "layers": []}
    precision = results["machine"]["precision"] if options.precision == "auto" else options.precision
    results["precision"] = precision
    with runtime.policy(precision):
        for description, shape, where in LAYERS:
            found = timed({quick: layer_pass(description, shape, quick) for quick in (False, True)}, options.rounds)
            results["layers"].append({"layer": words(*description), "input": shape, "where": where, **found})
    found = timed({quick: adam(quick) for quick in (False, True)}, options.rounds)
    weights = sum(map(math.prod, WEIGHTS))
    results["layers"].append({"layer": "Adam", "input": (weights,), "where": "13.4 million weights", **found})
    show(results)
    options.write(results)


def words(kind: str, kernel: int = 0, stride: int = 0, padding: str = "", channels: int = 0) -> str:
    """A layer's description for the table."""
    return f"{kind} {kernel}x{kernel}/{stride} {padding} to {channels}" if kernel else kind


def layer_pass(description: tuple, shape: tuple[int, ...], quick: bool) -> Callable[[], Any]:
    """The forward and the backward pass of a layer on random values of `shape`."""
    import keras
    import tensorflow as tf

    from common import kernels

    kind, *size = description
    given = keras.Input(shape[1:])
    if kind == "normalisation":
        layer = keras.layers.BatchNormalization()
    else:
        kernel, stride, padding, channels = size
        make = keras.layers.Conv2D if kind == "convolution" else keras.layers.Conv2DTranspose
        layer = make(channels, kernel, strides=stride, padding=padding, use_bias=False)
    network = keras.Model(given, layer(given))
    if quick:
        kernels.accelerate(network, keras.optimizers.SGD())
    inputs = tf.cast(tf.random.stateless_normal(shape, (0, 0)), layer.compute_dtype)
    back = tf.cast(tf.random.stateless_normal(network.compute_output_shape(shape), (0, 1)), layer.compute_dtype)
    weights = [weight.value for weight in network.trainable_weights]

    @tf.function(autograph=False)
    def passed() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = network(inputs, training=True)
        return [outputs, *tape.gradient(outputs, [inputs, *weights], output_gradients=back)]

    return passed


def adam(quick: bool) -> Callable[[], Any]:
    """A step of Adam on WEIGHTS."""
    import keras
    import tensorflow as tf

    from common import kernels

    weights = [keras.Variable(tf.zeros(shape)) for shape in WEIGHTS]
    gradients = [tf.random.stateless_normal(shape, (0, 0)) for shape in WEIGHTS]
    optimizer = keras.optimizers.Adam()
    optimizer.build(weights)
    if quick:
        kernels.accelerate(keras.Sequential([keras.Input((1,))]), optimizer)
    return tf.function(lambda: optimizer.apply(gradients, weights), autograph=False)


def timed(passes: dict[bool, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    """Quartiles of the seconds of the `usual` and the `quick` pass, of their ratio, and all `times`."""
    for one in passes.values():
        for _ in range(timing.WARM_UP):
            one()
    usual, quick = timing.interleave({str(name): one for name, one in passes.items()}, rounds).values()
    return {"usual": timing.quartiles(usual), "quick": timing.quartiles(quick), "ratio": timing.ratios(usual, quick),
            "times": {"usual": usual, "quick": quick}}


def show(results: dict[str, Any]) -> None:
    """Prints a row a layer."""
    table.plain(f"forward and backward pass, {results['precision']}",
                ("layer", "input", "Keras, ms", "ours, ms", "x Keras", "where"),
                [(one["layer"], "x".join(map(str, one["input"])), table.cell(one["usual"], "{:.2f}", 1000),
                  table.cell(one["quick"], "{:.2f}", 1000), table.cell(one["ratio"], "{:.2f}"), one["where"])
                 for one in results["layers"]])


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
