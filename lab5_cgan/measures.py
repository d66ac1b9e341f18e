"""Measures a run with the evaluator: do the images show the requested objects, and do they look like real ones?"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from common import metrics
from common.evaluation import CONDITIONS, COPIES, MOST, SEED, compare, unseen_halves
from common.runs import Run, damaged
from lab5_cgan import evaluator
from lab5_cgan.figures import Generate
from lab5_cgan.iclevr import TESTS, Scenes
from lab5_cgan.labels import multi_hot

COLOUR, SMALLEST = 40, 12  # of a coloured pixel, the largest minus the smallest channel; pixels of an object
DRAWS = 10  # noise vectors per list of labels, two in a brief one; the mean is reported, never the best


def cut_objects(images: np.ndarray) -> dict[str, Any]:
    """How many objects are cut by the left or the right edge, as the report's crop does.

    An object is a connected region of coloured pixels: the ground, shadows and gray objects have no colour. Objects
    that touch are one.

    Args:
        images: uint8 [N, H, W, 3].

    Returns:
        "share" of the objects that touch one of the two edges, None if there are no objects; "objects", their number.
    """
    from scipy.ndimage import find_objects, label

    cut = []
    for coloured in np.ptp(images, axis=3) >= COLOUR:
        regions, _ = label(coloured)
        for number, (_, columns) in enumerate(find_objects(regions), 1):
            if np.sum(regions == number) >= SMALLEST:
                cut.append(columns.start == 0 or columns.stop == images.shape[2])
    return {"share": float(np.mean(cut)) if cut else None, "objects": len(cut)}


class Accuracy:
    """Accuracy on test.json and new_test.json; Frechet distance and diversity in the evaluator's features.

    Args:
        run: remembers the evaluator that it began with.
        data: what the run trains on.
        generate: (z float32 [N, z], label float32 [N, 24]) -> uint8 [N, 64, 64, 3], with the network as it is now.
        z: size of the noise.
        given: an evaluator as `.npz` in place of ours; None for the one that the run began with.
        own_reading: our evaluator is trained on the images as the run reads them alone, not on all views.
        brief: our evaluator is trained for a few steps only, see `evaluator.load`.
    """

    curves: ClassVar = {"accuracy": {name: f"{name}.json" for name in TESTS}}

    def __init__(self, run: Run, data: Scenes, generate: Generate, z: int, given: Path | None = None,
                 own_reading: bool = False, brief: bool = False) -> None:
        self.run, self.data, self.z, self._generate, self._given = run, data, z, generate, given
        self._own_reading, self._brief = own_reading, brief

    @property
    def brief(self) -> bool:
        """Whether it measures with an evaluator of our own that is trained for a few steps only."""
        return self._brief and self._file is None

    @property
    def _file(self) -> Path | None:
        """The file of the evaluator, given now or when the run began; None for our own."""
        begun_with = self.run.info.get("evaluator_file")
        if begun_with is not None and not isinstance(begun_with, str):
            raise damaged(self.run.folder / "config.json")
        return self._given or (Path(begun_with) if begun_with else None)

    @functools.cached_property
    def evaluator(self) -> evaluator.Evaluator:
        """The evaluator; loaded or trained on first use."""
        data = replace(self.data, views={self.data.view: self.data.images}) if self._own_reading else self.data
        return evaluator.load(data, self._file, self.brief)

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Trains the evaluator if there is none yet. A run keeps the one that it began with."""
        if self._given:
            self.run.record("evaluator_file", str(self._given.absolute()))
        return {"evaluator": {"sha256": self.evaluator.info["sha256"]}}

    def check(self) -> tuple[dict[str, float], str]:
        """The accuracies, which the report shows by epoch."""
        measured = self.accuracy()
        row = {name: measured[name] for name in TESTS} | {f"{name}_std": measured["std"][name] for name in TESTS}
        return row, verdict(measured)

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements and the verdict."""
        accuracy = self.accuracy()
        measured = {"accuracy": accuracy, **self._distributions(), "diversity": self.variety(),
                    "condition_effect": self._effect(accuracy)}
        words = [verdict(measured["accuracy"])] + [part["verdict"] for part in [measured["diversity"]] if part]
        info, began = self.evaluator.info, self.run.info.get("evaluator", {}).get("sha256")
        if began not in (None, info["sha256"]):
            words.append("by another evaluator than accuracy.csv")
        return {"evaluation": {"seed": SEED}, "evaluator": info, **measured}, ", ".join(words)

    def accuracy(self) -> dict[str, Any]:
        """Mean and standard deviation over DRAWS fixed noise vectors, for each file of lists."""
        count = 2 if self.brief else DRAWS
        measured: dict[str, Any] = dict.fromkeys(TESTS) | {
            "std": {}, "best": {}, "interval": {}, "chance": {}, "ceiling": {}, "draws": count}
        for stream, (name, lists) in enumerate(self.data.tests.items()):
            labels = multi_hot(lists)
            right = np.stack([self._right(labels, self._noise(stream, draw, len(labels))) for draw in range(count)])
            draws = right.sum(axis=(1, 2)) / labels.sum()
            measured[name] = float(np.mean(draws))
            measured["std"][name] = float(np.std(draws, ddof=1))
            measured["best"][name] = float(draws.max())
            measured["interval"][name] = metrics.interval(
                right.mean(axis=0).sum(axis=1) / labels.sum(axis=1), measured[name])
            measured["chance"][name] = evaluator.chance(labels)
            measured["ceiling"][name] = self.evaluator.info["accuracy"][self.data.view]
        return measured

    def _right(self, labels: np.ndarray, z: np.ndarray) -> np.ndarray:
        return evaluator.right(self.evaluator.predict(self._generate(z, labels))[0], labels)

    def _noise(self, stream: int, draw: int, count: int) -> np.ndarray:
        return np.random.default_rng([SEED, stream, draw]).standard_normal((count, self.z), np.float32)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return self.evaluator.predict(images)[1] / self._scale

    def _real(self, samples: np.ndarray) -> np.ndarray:
        return self.data.images[self.data.rows[samples]]

    @functools.cached_property
    def _scale(self) -> float:
        """Mean norm of the features of unseen real images; dividing by it makes two evaluators comparable."""
        return float(np.linalg.norm(self.evaluator.predict(self._real(self.evaluator.unseen[:MOST]))[1], axis=1).mean())

    def _distributions(self) -> dict[str, Any]:
        """Compares one half of the unseen images with fakes of the same labels; the other half gives the floor."""
        halves = unseen_halves(self.evaluator.unseen, self.brief)
        if halves is None:
            return {}
        first, second = halves
        fake = self._generate(self._noise(len(TESTS), 0, len(first)), self.data.labels[first])
        cut, real = cut_objects(fake), cut_objects(self._real(first))
        return {**compare(*(self._features(images) for images in (self._real(first), self._real(second), fake))),
                "cut_objects": {**cut, **{f"real_{name}": value for name, value in real.items()}, "n": len(first)}}

    @functools.cached_property
    def _most_frequent(self) -> list[np.ndarray]:
        """The samples of each of the most frequent lists of labels."""
        _, kind, count = np.unique(self.data.labels, axis=0, return_inverse=True, return_counts=True)
        order = np.argsort(-count, kind="stable")[:CONDITIONS]
        return [np.flatnonzero(kind.ravel() == key)[:COPIES] for key in order if count[key] > 1]

    def variety(self) -> dict[str, Any] | None:
        """Diversity of fake and real images within the most frequent lists of labels."""
        if not self._most_frequent:
            return None
        asked = np.repeat([self.data.labels[samples[0]] for samples in self._most_frequent], COPIES, axis=0)
        fake = self._generate(self._noise(len(TESTS) + 1, 0, len(asked)), asked)
        real = [self._real(samples) for samples in self._most_frequent]
        return metrics.diversity(np.split(fake, len(real)), np.split(self._features(fake), len(real)), real,
                                 [self._features(images) for images in real])

    def _effect(self, accuracy: dict[str, Any]) -> dict[str, Any] | None:
        """Effect of the labels: COPIES noise vectors for each of the first CONDITIONS lists of test.json."""
        labels = multi_hot(self.data.tests["test"][:CONDITIONS])
        if len(labels) < 2:
            return None
        z = np.repeat(self._noise(len(TESTS) + 2, 0, COPIES), len(labels), axis=0)
        features = self._features(self._generate(z, np.tile(labels, (COPIES, 1))))
        chosen = np.random.default_rng(SEED).permutation(len(self.data.rows))[:len(features)]
        return metrics.condition_effect(features.reshape(COPIES, len(labels), -1), self._features(self._real(chosen)), {
            name: {"low": (accuracy["interval"][name] or [accuracy[name]])[0], "chance": accuracy["chance"][name],
                   "ceiling": accuracy["ceiling"][name]} for name in TESTS})


def verdict(accuracy: dict[str, Any]) -> str:
    """The accuracies in one line."""
    ceiling = accuracy["ceiling"]["test"]
    warning = f"the evaluator itself is weak on real images ({ceiling:.0%}): " if ceiling < 0.5 else ""
    return f"{warning}accuracy " + ", ".join(
        f"{accuracy[name]:.1%} (+- {accuracy['std'][name]:.1%}) on {name}.json" for name in TESTS)
