"""The evaluator: a ResNet18 that recognises the objects in an image, trained on real images, never on generated ones.

The course's checkpoint is not available here. It may be given as `.npz`; else one is trained, once per data set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from common.batches import Batches
from common.datasets import CACHE, Stacked
from common.errors import UserError, say
from common.evaluation import BRIEF
from common.networks import cached, fingerprint
from common.runtime import policy
from lab5_cgan.iclevr import Scenes
from lab5_cgan.labels import OBJECTS
from lab5_cgan.resnet import load_torch, resnet18

VERSION = 1        # increase when the same data would give another evaluator
SEED = 0           # of training and split: the same for all runs on a data set
EPOCHS, BATCH = 20, 64
RATE = 1e-3
SHIFT, ZOOM = 4, 0.1  # largest shift in pixels and change of size; without them the network memorises small shapes
#                       (97.6% on unseen real scenes; 98.4% with shifts alone)
UNSEEN = 0.1       # share of the scenes that are not used for training
BRIEF_BATCH, BRIEF_UNSEEN = 8, 60  # images a step, and unseen ones, under --preset smoke: a ResNet18 is slow


def right(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which of the asked labels `accuracy` counts as right: bool [N, 24]. Arguments and errors are those of it."""
    scores, asked = np.asarray(scores), np.asarray(labels) > 0
    if scores.shape != asked.shape or scores.ndim != 2 or not asked.any(axis=1).all() or not len(asked):
        raise ValueError(f"scores {scores.shape} and labels {asked.shape} must be alike, with a label in each row")
    if np.isnan(scores).any():
        raise ValueError("scores must be numbers")
    rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return asked & (rank < asked.sum(axis=1, keepdims=True))


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The course's measure: the share of all asked labels that are among the k highest scores of their row.

    k is how many labels the row asks for. Of equal scores the one with the lower index ranks higher.

    Args:
        scores: [N, 24], logits or probabilities.
        labels: [N, 24] of 0 and 1, at least one 1 in each row.

    Raises:
        ValueError: other shapes, no rows, a row without a label, or a score that is not a number.
    """
    return float(right(scores, labels).sum() / np.sum(np.asarray(labels) > 0))


def chance(labels: np.ndarray) -> float:
    """The expected `accuracy` of random scores: of k guesses among C labels, k * k / C are right."""
    k = np.asarray(labels, np.float64).sum(axis=1)
    return float((k * k).sum() / (k.sum() * np.shape(labels)[1]))


@dataclass(frozen=True)
class Evaluator:
    """A trained evaluator.

    Attributes:
        network: image uint8-valued [B, 64, 64, 3] -> [logits [B, 24], features [B, 512]].
        info: sha256 of the weights, source, and accuracy by view on n images of unseen scenes; whether an evaluator
            given by the user has seen them is not known.
        unseen: int [M], the samples of those scenes.
        mirror: whether the output is the mean over the image and its mirror image: not for a given or a brief one.
    """

    network: keras.Model
    info: dict[str, Any]
    unseen: np.ndarray
    mirror: bool = True

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [N, 64, 64, 3] -> logits [N, 24] and features [N, 512], which are not negative."""
        both = [self._predict(images), self._predict(images[:, :, ::-1])] if self.mirror else [self._predict(images)]
        return tuple(np.mean(outputs, axis=0) for outputs in zip(*both, strict=True))

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [self.network.predict_on_batch(np.asarray(images[start:start + 256], np.float32))
                 for start in range(0, len(images), 256)]
        logits, features = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logits, features


def load(data: Scenes, given: Path | None = None, brief: bool = False) -> Evaluator:
    """The evaluator of a data set: the given `.npz`, or our own, trained once and kept in data/cache.

    With `brief` it is another one of our own, to see that everything runs: it is trained for BRIEF small steps, is
    measured on few samples, and looks at no mirror image.
    """
    seen, unseen = split(data.scene)
    if given:
        with policy("float32"):  # whatever the run's precision
            network = resnet18(len(OBJECTS))
        load_torch(network, given)
        info = {"sha256": fingerprint(network), "accuracy": _measure(Evaluator(network, {}, unseen, False), data)}
        note = "whether it was trained on the images of its accuracy is not known"
        return Evaluator(network, {**info, "source": given.name, "note": note}, unseen, mirror=False)
    unseen = unseen[:BRIEF_UNSEEN] if brief else unseen
    network, info = cached(CACHE / "evaluators" / _name(data, brief), "evaluator", {"accuracy"},
                           lambda: _make(data, seen, unseen, brief))
    return Evaluator(network, {**info, "source": "trained on this data"}, unseen, mirror=not brief)


def split(scene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scene of each sample, int [N] -> the samples to train on, and those of unseen scenes."""
    count = int(scene.max()) + 1
    unseen = np.random.default_rng(SEED).permutation(count)[scene] < max(1, round(UNSEEN * count))
    return np.flatnonzero(~unseen), np.flatnonzero(unseen)


def _make(data: Scenes, seen: np.ndarray, unseen: np.ndarray, brief: bool) -> tuple[keras.Model, dict[str, Any]]:
    if not len(seen):
        raise UserError("the images are of one scene, too few to train an evaluator; give more data, --evaluator "
                        "FILE.npz, or --no-evaluate")
    say(f"training the evaluator on {len(seen)} images, once for this data set")
    keras.utils.set_random_seed(SEED)  # the game's networks are built by now, and its noise has a seed of its own
    with policy("float32"):            # whatever the run's precision
        network = resnet18(len(OBJECTS))
        _fit(network, data, seen, brief)
    measured = _measure(Evaluator(network, {}, unseen, mirror=not brief), data)
    say("accuracy on unseen scenes: " + ", ".join(f"{view} {value:.1%}" for view, value in measured.items()
                                                  if view != "n"))
    return network, {"accuracy": measured}


def _fit(network: keras.Model, data: Scenes, seen: np.ndarray, brief: bool) -> None:
    """Trains on all views together, mirrored, shifted and zoomed at random.

    Each image is seen EPOCHS times, if not `brief`; with two views, each view half as often.
    """
    views = list(data.views.values())
    rows = np.concatenate([data.rows[seen] + k * len(views[0]) for k in range(len(views))])
    batches = Batches(Stacked(views), rows, {"label": np.tile(data.labels[seen], (len(views), 1))},
                      min(BRIEF_BATCH if brief else BATCH, len(rows)), SEED, mirror=True)
    steps = max(1, EPOCHS * len(seen) // batches.batch_size)
    steps = min(BRIEF, steps) if brief else steps
    say(f"evaluator: {steps} steps, {'less than' if brief else 'some'} 0.3 s each on two cores")
    trained = keras.Model(network.input, network.outputs[0])
    trained.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
                    keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    for done, batch in enumerate(batches.stream(0, steps), 1):
        trained.train_on_batch(moved(batch["image"], done).astype(np.float32), batch["label"])
        if done % 100 == 0:
            say(f"evaluator: step {done}/{steps}")


def moved(images: np.ndarray, step: int) -> np.ndarray:
    """Images [B, H, W, 3], each shifted and zoomed at random by up to SHIFT and ZOOM; gaps are filled from the edge."""
    random = np.random.default_rng([SEED, step])
    padded = np.pad(images, [(0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)], mode="edge")
    size = np.array(images.shape[2:0:-1])  # width, height
    sides = np.minimum(size * random.uniform(1 - ZOOM, 1 + ZOOM, (len(images), 1)), size + 2 * SHIFT)
    corners = random.random((len(images), 2)) * (size + 2 * SHIFT - sides)
    return np.stack([Image.fromarray(image).resize(tuple(size), Image.Resampling.BILINEAR, (*corner, *(corner + side)))
                     for image, corner, side in zip(padded, corners, sides, strict=True)])


def _measure(trained: Evaluator, data: Scenes) -> dict[str, Any]:
    """Accuracy on the unseen scenes by view, and the number n of images."""
    samples = trained.unseen
    by_view = {view: accuracy(np.concatenate([trained.predict(images[data.rows[part]])[0] for part in _parts(samples)]),
                              data.labels[samples]) for view, images in data.views.items()}
    return {**by_view, "n": len(samples)}


def _parts(samples: np.ndarray) -> Sequence[np.ndarray]:
    """A few samples at a time, so that not all images of a memory map are in memory at once."""
    return [samples[start:start + 256] for start in range(0, len(samples), 256)]


def _name(data: Scenes, brief: bool) -> str:
    identity = [VERSION, SEED, EPOCHS, BATCH, RATE, SHIFT, ZOOM, UNSEEN, sorted(data.views),
                data.info["pictures_sha256"], data.info["labels_sha256"], keras.__version__,
                *([BRIEF] if brief else [])]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
