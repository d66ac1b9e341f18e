"""Changes that claims of report 002 are about: `--ablation NAME`. Each is the report's system but for one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

ABLATIONS = {
    "no-filter": "all rows, also those that name no colour, or more than two",
    "pooling": "max pooling in D and up-sampling in G, with convolutions of stride 1, in place of strides of 2",
    "bn-both": "batch normalisation in D too, behind all of its convolutions but the first"}
KEEP = {"no-filter": "all"}  # ablation -> the filter of rows


def changed(name: str | None, generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Both networks with a change; as they are if it is not one of networks."""
    if name == "pooling":
        return _pooled(generator), _pooled(discriminator)
    return (generator, _normalised(discriminator)) if name == "bn-both" else (generator, discriminator)


def _pooled(network: keras.Model) -> keras.Model:
    import keras
    from keras import layers

    strided = {layer.name for layer in network.layers if getattr(layer, "strides", None) == (2, 2)}

    def clone(layer):
        config = layer.get_config()
        return layer.__class__.from_config({**config, "strides": (1, 1)} if layer.name in strided else config)

    def call(layer, *inputs, **options):
        if layer.name not in strided:
            return layer(*inputs, **options)
        if isinstance(layer, layers.Conv2DTranspose):
            return layer(layers.UpSampling2D()(*inputs))
        return layers.MaxPooling2D()(layer(*inputs))

    return keras.models.clone_model(network, clone_function=clone, call_function=call)


def _normalised(discriminator: keras.Model) -> keras.Model:
    """Real, generated and wrong images pass the trunk together, so that its batch statistics are of all three."""
    import keras
    from keras import layers

    convolutions = [layer.name for layer in discriminator.layers if isinstance(layer, layers.Conv2D)]

    def call(layer, *inputs, **options):
        x = layer(*inputs, **options)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x) if layer.name in convolutions[1:] else x

    return keras.models.clone_model(discriminator, call_function=call)
