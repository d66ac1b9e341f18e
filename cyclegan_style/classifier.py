"""The domain classifier: is an image of A or of B?

It is the judge's network, trained on real images of both domains, never on translations. So any two domains can be
measured, not colours alone: what it takes for the other domain, and how far its features are from those of real images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from common.anime import judge
from common.batches import Batches
from common.datasets import CACHE
from common.errors import say
from common.evaluation import BRIEF, SEED
from common.networks import cached
from cyclegan_style.domains import Domains

VERSION = 1            # increase when the same domains would give another classifier
EPOCHS, BATCH = 12, 32  # of the larger domain; images of each domain a step
STEPS = 600            # at most, some 20 seconds on two cores
TESTED = 500           # held-out images of each domain, at most, for its own accuracy


@dataclass(frozen=True)
class Classifier:
    """A trained domain classifier.

    Attributes:
        network: image uint8-valued [N, S, S, 3] -> [logits [N, 2] of A and B, features [N, 64]].
        info: sha256 of the weights; "accuracy" on n held-out images of A and of B, and the mean norm "scale" of their
            features.
    """

    network: keras.Model
    info: dict[str, Any]

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 [N, S, S, 3] -> whether each is taken for B, bool [N], and features [N, 64] of mean norm 1."""
        logits, features = self.network.predict_on_batch(images.astype(np.float32))
        return logits[:, 1] > logits[:, 0], features / self.info["scale"]


def load(data: Domains, brief: bool = False) -> Classifier:
    """The classifier of two domains, trained once and kept in data/cache; `brief` as of `judge.load`."""
    return Classifier(*cached(CACHE / "judges" / _name(data, brief), "classifier", {"accuracy", "n", "scale"},
                              lambda: _make(data, brief)))


def _make(data: Domains, brief: bool) -> tuple[keras.Model, dict[str, Any]]:
    say(f"training the classifier of {data.a.name} and {data.b.name}, once for these domains")
    network = _fit(data, BRIEF if brief else STEPS)
    held_out = {key: data.seen(domain[domain.held_out[:TESTED]]) for key, domain in (("A", data.a), ("B", data.b))}
    trained = Classifier(network, {"scale": 1.0})
    in_b, features = zip(*map(trained.predict, held_out.values()), strict=True)
    return network, {"accuracy": {"A": float(np.mean(~in_b[0])), "B": float(np.mean(in_b[1]))},
                     "n": {key: len(images) for key, images in held_out.items()},
                     "scale": float(np.linalg.norm(np.concatenate(features), axis=1).mean())}


def _fit(data: Domains, most: int) -> keras.Model:
    """Trains on as many images of A as of B at each step, mirrored at random, for `most` steps or fewer."""
    domains = data.a, data.b
    steps = min(most, EPOCHS * max(1, max(len(domain.rows) for domain in domains) // BATCH))
    streams = [Batches(domain, domain.rows, {}, min(BATCH, len(domain.rows)), SEED, mirror=True).stream(0, steps)
               for domain in domains]

    def batches() -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        for parts in zip(*streams, strict=True):
            images = [data.seen(part["image"]) for part in parts]
            yield np.concatenate(images), [np.repeat([0, 1], [len(part) for part in images])]

    size = data.seen(data.a[data.a.rows[:1]]).shape[1]
    return judge.fit(size, {"domain": 2}, batches(), steps, SEED)


def _name(data: Domains, brief: bool) -> str:
    identity = [VERSION, EPOCHS, BATCH, STEPS, SEED, data.origin.identity, data.size, keras.__version__,
                *([BRIEF] if brief else [])]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
