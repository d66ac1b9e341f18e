"""Changes that claims of report 004 are about: `--ablation NAME`. Each is the report's system but for one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

ABLATIONS = {
    "plain-gan": "cross-entropies in place of Wasserstein terms and gradient penalty, with the same networks and pairs",
    "glorot": "glorot_uniform in place of lecun_normal initial weights"}


def changed(name: str | None, *networks: keras.Model) -> tuple[keras.Model, ...]:
    """The networks with a change; as they are if it is not one of networks."""
    if name != "glorot":
        return networks
    import keras

    def clone(layer):
        config = layer.get_config()
        if "kernel_initializer" in config:
            config["kernel_initializer"] = "glorot_uniform"
        return layer.__class__.from_config(config)

    return tuple(keras.models.clone_model(network, clone_function=clone) for network in networks)
