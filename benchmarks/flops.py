"""Model FLOPs: the multiplications and additions that the maths of one step needs, counted from the layers' shapes.

A layer's forward pass, for one image:

    convolution             2 x kernel height x width x channels in x channels out x places of the output
    transposed convolution  2 x kernel height x width x channels in x channels out x places of the input
    dense                   2 x inputs x outputs

The gradient with respect to a layer's weights costs as much again, and so does the gradient with respect to its input.
Taps that fall on padding are counted, as usual. Normalisation, activations, embeddings, losses and optimizers are not:
a step should hide them behind its matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras
from keras import layers

from benchmarks.cases import Case
from common.game import Game

# what a pass goes back to -> forward passes, gradients with respect to weights, and for each chain of gradients from
# the output back, what of a layer's input makes it pass that layer
FACTORS = {
    "weights": (1, 1, [{"weights"}]),              # the network learns
    "image": (1, 0, [{"image"}]),              # the gradient goes through it to the image
    "both": (1, 1, [{"weights", "image"}]),
    "each": (1, 1, [{"weights"}, {"image"}]),    # it learns by one loss, and another's gradient goes to the image
    # The penalty's gradient by the image takes one forward and one backward pass. Its own gradient by the
    # weights goes through that backward pass, whose layers are linear: once more forward, and once to the weights.
    "penalty": (2, 1, [{"weights", "image"}]),
}


@dataclass(frozen=True)
class Cost:
    """One layer: FLOPs of its forward pass for one image, and what its input depends on ("weights", "image")."""

    flops: int
    needs: frozenset[str]


def forward(layer: layers.Layer) -> int:
    """FLOPs of a layer's forward pass for one image; 0 for what is not counted."""
    if isinstance(layer, layers.Conv2DTranspose):
        places = layer.input.shape[1:-1]
    elif isinstance(layer, (layers.Conv2D, layers.Dense)):
        places = layer.output.shape[1:-1]
    else:
        return 0
    return 2 * math.prod(layer.kernel.shape) * math.prod(places)


def costs(network: keras.Model, size: int) -> dict[str, Cost]:
    """Layer -> its cost, for images of `size` pixels where the network leaves that open."""
    if None in network.inputs[0].shape[1:]:
        network = keras.models.clone_model(network, input_tensors=keras.Input((size, size, 3)))
    found, depends = {}, {id(tensor): frozenset() for tensor in network.inputs}
    depends[id(network.inputs[0])] = frozenset({"image"})
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        needs = frozenset().union(*(depends[id(tensor)] for tensor in keras.tree.flatten(layer.input)))
        found[layer.name] = Cost(forward(layer), needs)
        own = {"weights"} if layer.trainable_weights else set()
        depends |= {id(tensor): needs | own for tensor in keras.tree.flatten(layer.output)}
    return found


def of_pass(parts: Mapping[str, Cost], back: str) -> int:
    """FLOPs of one pass of one image, with its gradients."""
    forwards, to_weights, chains = FACTORS[back]
    return sum(cost.flops * (forwards + to_weights + sum(bool(cost.needs & wanted) for wanted in chains))
               for cost in parts.values())


def of_step(case: Case, game: Game) -> int:
    """Model FLOPs of one step of a case."""
    total = 0
    for entry in case.passes:
        network = game.players[entry.network].network
        parts = costs(network, case.size)
        if entry.part:
            before = keras.Model(network.inputs[0], network.get_layer(case.join).input[0])
            trunk = {layer.name for layer in before.layers}
            parts = {name: cost for name, cost in parts.items() if (name in trunk) == (entry.part == "trunk")}
        total += case.batch_size * entry.times * of_pass(parts, entry.back)
    return total
