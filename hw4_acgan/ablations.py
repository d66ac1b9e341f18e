"""Changes that claims of report 000 are about: `--ablation NAME`. Each is the report's system but for one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

ABLATIONS = {
    "layer-g": "one more 3x3 convolution in G, at 32x32", "layer-d": "one more 3x3 convolution in D, at 8x8",
    "unit-range": "images in [0, 1] and a sigmoid in place of [-1, 1] and tanh",
    "smooth-fakes": "D's target for generated images is 0.1"}
FAKE_TARGET = {"smooth-fakes": 0.1}  # ablation -> D's target for generated images


def changed(name: str | None, generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Both networks with a change; as they are if it is not one of networks."""
    change = {"layer-g": _layer_g, "layer-d": _layer_d, "unit-range": _unit_range}.get(name)
    return change(generator, discriminator) if change else (generator, discriminator)


def _layer_g(generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    from keras import layers

    return _behind(generator, "LeakyReLU", 4, lambda: layers.Conv2DTranspose(64, 3, padding="same")), discriminator


def _layer_d(generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    from keras import layers

    return generator, _behind(discriminator, "LeakyReLU", 2, lambda: layers.Conv2D(256, 3, padding="same"))


def _behind(network: keras.Model, kind: str, number: int, convolution) -> keras.Model:
    """The network with a convolution, batch normalisation and leaky ReLU behind layer `number` of a kind."""
    import keras
    from keras import layers

    place = [layer.name for layer in network.layers if type(layer).__name__ == kind][number]

    def call(layer, *inputs, **options):
        x = layer(*inputs, **options)
        if layer.name != place:
            return x
        return layers.LeakyReLU(negative_slope=0.2)(layers.BatchNormalization(momentum=0.5)(convolution()(x)))

    return keras.models.clone_model(network, call_function=call)


def _unit_range(generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Only the layers inside see [0, 1]: outside the images stay in [-1, 1], as all code takes them."""
    import keras
    from keras import layers

    def with_sigmoid(layer):
        tanh = getattr(layer, "activation", None) is keras.activations.tanh
        return layers.Activation("sigmoid", dtype="float32", name=layer.name) if tanh else \
            layer.__class__.from_config(layer.get_config())

    unit = keras.models.clone_model(generator, clone_function=with_sigmoid)
    image = layers.Rescaling(2.0, offset=-1.0, dtype="float32")(unit.output)
    seen = keras.Input(discriminator.input_shape[1:], name="image")
    answers = discriminator(layers.Rescaling(0.5, offset=0.5)(seen))
    return keras.Model(unit.inputs, image, name="generator"), keras.Model(seen, answers, name="discriminator")
