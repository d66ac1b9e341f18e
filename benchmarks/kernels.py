"""Times single layers, and Adam, as Keras computes them and as `common/kernels.py` does, in turns.

A layer's time is that of its forward and its backward pass, with the gradients by its input and by its weights.
README.md here says how to read the table.

    python benchmarks/kernels.py
    python benchmarks/kernels.py --precision float32 --rounds 30 --out kernels.json
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import script, timing
from common import runtime
from common.options import option, run_script

WEIGHTS = ((4, 4, 512, 1024), (4, 4, 512, 512), (100, 8192), (512,))  # of the Adam that is timed: 13.4 million
# kind, kernel, stride, padding, channels out; shape of the input
LAYERS = (
    (("normalisation",), (64, 64, 64, 128)),                       # report 001's DCGAN
    (("normalisation",), (64, 16, 16, 128)),                       # report 003's cGAN
    (("convolution", 3, 2, "same", 1024), (64, 4, 4, 512)),        # report 000's ACGAN
    (("convolution", 3, 2, "same", 512), (64, 8, 8, 256)),
    (("convolution", 3, 2, "same", 256), (64, 16, 16, 128)),
    (("convolution", 5, 2, "same", 512), (192, 8, 8, 256)),        # report 002's conditional DCGAN
    (("convolution", 5, 2, "same", 256), (192, 16, 16, 128)),
    (("transposed", 4, 2, "same", 256), (64, 4, 4, 512)),          # report 003's cGAN
    (("convolution", 4, 1, "valid", 512), (192, 4, 4, 280)),       # report 004's critic
    (("convolution", 4, 2, "same", 512), (4, 4, 4, 512)),          # the CycleGAN's U-Net
    (("convolution", 4, 2, "same", 512), (4, 8, 8, 256)),
    (("transposed", 4, 2, "same", 512), (4, 2, 2, 1024)),
)


@dataclass(frozen=True)
class Options(script.Timed):
    """The precision, how often, and where to."""

    precision: str = option("auto", "auto: bfloat16 where the processor has it natively, else float32",
                            choices=("auto", "float32", "bfloat16"))


def main(options: Options) -> None:
    """Times layer after layer, then Adam."""
    machine = script.start(options.threads)
    precision = machine["precision"] if options.precision == "auto" else options.precision
    rows = {}
    with runtime.policy(precision):
        for layer, shape in LAYERS:
            rows[f"{words(*layer)}, {'x'.join(map(str, shape))}"] = timed(
                {fast: layer_pass(layer, shape, fast) for fast in (False, True)}, options.rounds)
    rows["Adam, 13.4 million weights"] = timed({fast: adam(fast) for fast in (False, True)}, options.rounds)
    script.show(f"forward and backward pass, {precision}", rows)
    options.write({"machine": machine, "rounds": options.rounds, "precision": precision, "layers": rows})


def words(kind: str, kernel: int = 0, stride: int = 0, padding: str = "", channels: int = 0) -> str:
    """A layer's description for the table."""
    return f"{kind} {kernel}x{kernel}/{stride} {padding} to {channels}" if kernel else kind


def layer_pass(description: tuple, shape: tuple[int, ...], fast: bool) -> Callable[[], Any]:
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
        layer_type = keras.layers.Conv2D if kind == "convolution" else keras.layers.Conv2DTranspose
        layer = layer_type(channels, kernel, strides=stride, padding=padding, use_bias=False)
    network = keras.Model(given, layer(given))
    if fast:
        kernels.accelerate(network, keras.optimizers.SGD())
    inputs = tf.cast(tf.random.stateless_normal(shape, (0, 0)), layer.compute_dtype)
    back = tf.cast(tf.random.stateless_normal(network.compute_output_shape(shape), (0, 1)), layer.compute_dtype)
    weights = [weight.value for weight in network.trainable_weights]

    @tf.function(autograph=False)
    def both_passes() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = network(inputs, training=True)
        return [outputs, *tape.gradient(outputs, [inputs, *weights], output_gradients=back)]

    return both_passes


def adam(fast: bool) -> Callable[[], Any]:
    """A step of Adam on WEIGHTS."""
    import keras
    import tensorflow as tf

    from common import kernels

    weights = [keras.Variable(tf.zeros(shape)) for shape in WEIGHTS]
    gradients = [tf.random.stateless_normal(shape, (0, 0)) for shape in WEIGHTS]
    optimizer = keras.optimizers.Adam()
    optimizer.build(weights)
    if fast:
        kernels.accelerate(keras.Sequential([keras.Input((1,))]), optimizer)
    return tf.function(lambda: optimizer.apply(gradients, weights), autograph=False)


def timed(passes: dict[bool, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    """A row of the table: Keras's passes and ours."""
    for one in passes.values():
        for _ in range(timing.WARM_UP):
            one()
    usual, fast = timing.interleave({str(name): one for name, one in passes.items()}, rounds).values()
    return {"Keras, ms": timing.quartiles(usual, 1000), "ours, ms": timing.quartiles(fast, 1000),
            "x Keras": timing.ratios(usual, fast)}


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
