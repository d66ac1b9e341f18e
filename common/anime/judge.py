"""The judge: a small classifier of hair and eye colours, trained on the data of the run, never on generated images.

It scores generated images; its accuracy on unseen real images is the ceiling of every such score. Its features serve
to compare images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from common import metrics
from common.anime import tags
from common.anime.data import Faces
from common.batches import Batches
from common.datasets import CACHE
from common.errors import UserError, say
from common.evaluation import BRIEF
from common.networks import cached
from common.runtime import policy

VERSION = 4          # increase when the same data would give another judge
EPOCHS = 12
UNSEEN = 0.3         # share of the images that the judge is not trained on
FEATURES = 64
NAMES = {"hair": tags.HAIR, "eyes": tags.EYES}
SAME = 2.0           # grey levels of 255: images that differ by less count as the same drawing, perhaps mirrored


@dataclass(frozen=True)
class Judge:
    """A trained judge.

    Attributes:
        network: image uint8-valued [B, S, S, 3] -> [hair [B, 12], eyes [B, 11], features [B, 64]], logits.
        ceiling: accuracy on n unseen real images: hair, eyes, both; `balanced`: the mean over colours with equal
            weights, to compare with scores in which every condition is asked for equally often.
        scale: mean norm of the features of unseen real images; `predict` divides by it, so that distances under two
            judges are comparable.
        sha256: of the network's weights.
        unseen: int [M], the samples that the judge was not trained on.
    """

    network: keras.Model
    ceiling: dict[str, Any]
    scale: float
    sha256: str
    unseen: np.ndarray

    def info(self) -> dict[str, Any]:
        """The section of metrics.json about the judge."""
        return {"sha256": self.sha256, **self.ceiling, "note": "accuracy on unseen real images"}

    def predict_samples(self, data: Faces, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`predict` for samples of a data set, without loading all their images at once."""
        parts = [self.predict(data.images[data.rows[samples[start:start + 256]]])
                 for start in range(0, len(samples), 256)]
        hair, eyes, features = (np.concatenate(part) for part in zip(*parts, strict=True))
        return hair, eyes, features

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """uint8 [N, S, S, 3] -> hair [N] and eyes [N], indices into tags.HAIR and tags.EYES, and features [N, 64].

        Features are non-negative, with mean norm 1 on unseen real images.
        """
        parts = [self.network.predict_on_batch(np.asarray(images[start:start + 256], np.float32))
                 for start in range(0, len(images), 256)]
        hair, eyes, features = (np.concatenate(part) for part in zip(*parts, strict=True))
        return hair.argmax(1), eyes.argmax(1), features / self.scale


def load(data: Faces, seed: int, brief: bool = False) -> Judge:
    """The judge of a data set: trained once per (data, seed), then cached in data/cache.

    Args:
        data: samples with exactly one hair and one eye colour.
        seed: of the training and of the split.
        brief: another one, trained for BRIEF steps only: to see that everything runs.
    """
    network, card = cached(CACHE / "judges" / _name(data, seed, brief), "judge", {"ceiling", "scale", "unseen"},
                           lambda: _make(data, seed, brief))
    return Judge(network, card["ceiling"], card["scale"], card["sha256"], np.array(card["unseen"]))


def _make(data: Faces, seed: int, brief: bool) -> tuple[keras.Model, dict[str, Any]]:
    train, unseen = split(data, seed) if len(data.rows) else (data.rows, data.rows)
    if min(len(train), len(unseen)) < 2:
        raise UserError(f"{len(data.rows)} images with one hair and one eye colour are too few, or too alike, to "
                        "train a judge; give more data, or --no-evaluate")
    steps = max(1, len(train) // 64) * EPOCHS
    steps = min(BRIEF, steps) if brief else steps
    say(f"training the judge on {len(train)} images, {steps} steps, once for this data set")
    colours = {"hair": data.hair[train], "eyes": data.eyes[train]}
    batches = Batches(data.images, data.rows[train], colours, min(64, len(train)), seed, mirror=True)
    network = fit(data.images.shape[1], {name: len(NAMES[name]) for name in colours},
                  ((batch["image"], [batch["hair"], batch["eyes"]]) for batch in batches.stream(0, steps)), steps, seed)
    ceiling, scale = _measure(network, data, unseen)
    return network, {"ceiling": ceiling, "scale": scale, "unseen": unseen.tolist()}


def split(data: Faces, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training samples, and the unseen 30%. A drawing, its mirror image and near copies are never separated."""
    groups = drawings(data.images, data.rows)
    order = np.random.default_rng([seed, len(groups)]).permutation(groups.max() + 1)
    unseen = order[groups] < UNSEEN * (groups.max() + 1)
    return np.flatnonzero(~unseen), np.flatnonzero(unseen)


def drawings(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A group number for each sample, equal for samples that show the same drawing, also mirrored: int [N].

    Images are compared as 8 x 8 grey thumbnails, averaged with their mirror images.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    size = images.shape[1] // 8
    thumbs = np.empty((len(rows), 8, 4), np.float32)
    for start in range(0, len(rows), 1000):
        part = images[rows[start:start + 1000]].mean(axis=3, dtype=np.float32)
        part = part[:, :8 * size, :8 * size].reshape(-1, 8, size, 8, size).mean(axis=(2, 4))
        thumbs[start:start + 1000] = ((part + part[:, :, ::-1]) / 2)[:, :, :4]
    pairs = cKDTree(thumbs.reshape(len(rows), 32)).query_pairs(SAME * 32 ** 0.5, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(rows), len(rows)))
    return connected_components(links, directed=False)[1]


def network(size: int, heads: Mapping[str, int]) -> keras.Model:
    """image uint8-valued [B, size, size, 3] -> [logits [B, classes] of each head, ..., features [B, 64]]."""
    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for filters in (32, 64, 128, 128):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)
        x = layers.ReLU()(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.Dense(FEATURES, activation="relu", name="features")(x)
    logits = [layers.Dense(classes, name=name)(features) for name, classes in heads.items()]
    return keras.Model(image, [*logits, features], name="judge")


def fit(size: int, heads: Mapping[str, int], batches: Iterable[tuple[np.ndarray, list[np.ndarray]]], steps: int,
        seed: int) -> keras.Model:
    """Trains a `network` in float32, whatever the precision of the run.

    Args:
        size: side of the images in pixels.
        heads: name -> number of classes.
        batches: images uint8 [B, size, size, 3] with the classes [B] of each head.
        steps: the number of batches.
        seed: of the initial weights and the dropout.
    """
    # This does not affect the game: its networks are already built, and its noise does not depend on this seed.
    keras.utils.set_random_seed(seed)
    with policy("float32"):
        built = network(size, heads)
        trained = keras.Model(built.input, built.outputs[:len(heads)])
        trained.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
                        [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in heads],
                        jit_compile=False)
        for images, classes in batches:
            trained.train_on_batch(images.astype(np.float32), classes)
    return built


def _measure(network: keras.Model, data: Faces, samples: np.ndarray) -> tuple[dict[str, Any], float]:
    """Accuracy on real images, and the mean norm of their features."""
    hair, eyes, features = Judge(network, {}, 1.0, "", samples).predict_samples(data, samples)
    accuracy = metrics.condition_accuracy({"hair": data.hair[samples], "eyes": data.eyes[samples]},
                                          {"hair": hair, "eyes": eyes}, NAMES)
    colours = accuracy.pop("colours")
    accuracy["balanced"] = {name: float(np.mean([colour["right"] for colour in colours[name].values()]))
                            for name in NAMES}
    return accuracy, float(np.linalg.norm(features, axis=1).mean())


def _name(data: Faces, seed: int, brief: bool) -> str:
    ids = hashlib.sha256(data.table["id"].to_numpy().tobytes()).hexdigest()
    identity = [VERSION, ids, data.info["pictures_sha256"], data.info["tags_sha256"], data.info["filter"],
             data.images.shape[1], seed, keras.__version__, *([BRIEF] if brief else [])]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
