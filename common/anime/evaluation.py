"""Measures generators of faces with the judge: condition accuracy, distance from real images, variety."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from common import metrics
from common.anime import facetest, judge, tags
from common.anime.data import Faces, load
from common.anime.judge import NAMES
from common.anime.sampling import Generate
from common.evaluation import CONDITIONS, COPIES, SEED, compare, unseen_halves

TESTED = (("blue", "blue"), ("blue", "green"), ("blue", "red"), ("green", "blue"), ("green", "red"))  # hair and eyes
#        of the course's testing_tags.txt, five images of each: what its face test was made of
HEEDED = {"ignored": ", condition ignored", "not followed": ", condition not followed",
          "one image for everything": ", one image for everything"}  # what the verdict of a run adds to the accuracy
ROUNDS = 10  # images per condition (132 of them) in the final accuracy; one in a brief one


class Evaluation:
    """The measures of a generator that takes hair and eye colours.

    Args:
        data: the training data; judge and real images use its samples with one hair and one eye colour.
        generate: (z float32 [N, z], hair [N], eyes [N]) -> uint8 [N, S, S, 3], with the network as it is now.
        z: size of the noise.
        eyes: the eye colours that the generator knows; the judge knows all of them.
        cascade: of the course's face test, see `facetest.load`.
        brief: the judge is trained for a few steps only, see `judge.load`, and fewer images are measured.
        more: further entries of metrics.json.
    """

    curves: ClassVar = {}

    def __init__(self, data: Faces, generate: Generate, z: int, eyes: Sequence[str] = tags.EYES,
                 cascade: Path | None = None, brief: bool = False, **more: Any) -> None:
        self.data, self.generate, self.z, self.more = self._measured(data), generate, z, more
        self._cascade, self.brief = cascade, brief
        self._eyes = np.array([tags.EYES.index(name) for name in eyes])

    def _measured(self, data: Faces) -> Faces:
        return data.only("exactly_one")

    @functools.cached_property
    def judge(self) -> judge.Judge:
        """The judge of the data set; trained on first use."""
        return judge.load(self.data, SEED, self.brief)

    @functools.cached_property
    def face_test(self) -> facetest.FaceTest | None:
        """The course's test; None without a cascade."""
        return facetest.load(self._cascade)

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Trains the judge if there is none yet. It depends on the data alone, so the run need not record it."""
        self.face_test  # noqa: B018
        self.judge  # noqa: B018
        return {}

    def check(self) -> tuple[dict[str, float], str]:
        """Condition accuracy."""
        accuracy = self.accuracy()
        words = f"hair as asked {accuracy['hair']:.0%}, eyes {accuracy['eyes']:.0%} (of {accuracy['n']})"
        return {name: accuracy[name] for name in ("hair", "eyes", "both")}, words

    def accuracy(self, rounds: int = 1) -> dict[str, Any]:
        """Condition accuracy over all pairs, 132 with all eye colours, `rounds` times each, with fixed noise."""
        hair = np.tile(np.repeat(np.arange(len(tags.HAIR)), len(self._eyes)), rounds)
        eyes = np.tile(self._eyes, len(tags.HAIR) * rounds)
        seen_hair, seen_eyes, _ = self.judge.predict(self.generate(self._noise(1, len(hair)), hair, eyes))
        return metrics.condition_accuracy({"hair": hair, "eyes": eyes}, {"hair": seen_hair, "eyes": seen_eyes}, NAMES)

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements and the verdict."""
        measured = self.measurements()
        return {**self.more, "evaluation": {"seed": SEED}, "judge": self.judge.info(), **measured}, \
            self.verdict(measured)

    def measurements(self) -> dict[str, Any]:
        """All measurements, as sections of metrics.json."""
        accuracy = self.accuracy(1 if self.brief else ROUNDS)
        accuracy["chance"] = {"hair": 1 / len(tags.HAIR), "eyes": 1 / len(self._eyes)}
        return {"condition_accuracy": accuracy, **self.distributions(), "diversity": self.variety(),
                "condition_effect": self._effect(accuracy), "face_test": self._face_test()}

    def verdict(self, measured: dict[str, Any]) -> str:
        """The measurements in one line."""
        return verdict(measured, self.judge.ceiling)

    def _noise(self, stream: int, count: int) -> np.ndarray:
        return np.random.default_rng([SEED, stream]).standard_normal((count, self.z), np.float32)

    def distributions(self) -> dict[str, Any]:
        """Compares one half of the unseen images with fakes of the same labels; the other half gives the floor."""
        if self._halves is None:
            return {}
        first, real, other = self._halves
        fake = self.generate(self._noise(2, len(first)), *self._colours(first))
        light = {name: metrics.luminance(images) for name, images in (("", fake), ("real_", self._pictures(first)))}
        return {**compare(real, other, self.judge.predict(fake)[2]), "luminance": {
            **{prefix + name: value for prefix, values in light.items() for name, value in values.items()},
            "n": len(first)}}

    def _colours(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hair and eye colours of some samples, for `generate`."""
        return self.data.hair[samples], self.data.eyes[samples]

    def _unseen(self) -> np.ndarray:
        """The samples that the judge was not trained on, with eye colours that the generator knows."""
        return self.judge.unseen[np.isin(self.data.eyes[self.judge.unseen], self._eyes)]

    @functools.cached_property
    def _halves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """One half of the unseen images as samples, its features, and those of the other half; None if too few."""
        halves = unseen_halves(self._unseen(), self.brief)
        return halves and (halves[0], *(self.judge.predict_samples(self.data, half)[2] for half in halves))

    def _pictures(self, samples: np.ndarray) -> np.ndarray:
        return self.data.images[self.data.rows[samples]]

    def _any_pictures(self, count: int) -> np.ndarray:
        """Random real images, always the same ones."""
        return self._pictures(np.random.default_rng(SEED).permutation(len(self.data.rows))[:count])

    def variety(self) -> dict[str, Any] | None:
        """Diversity of fake and real images within the most frequent conditions of the data set."""
        pair = self.data.hair * len(tags.EYES) + self.data.eyes
        common = [key for key in np.argsort(-np.bincount(pair, minlength=132), kind="stable")[:CONDITIONS]
                  if (pair == key).sum() > 1 and key % len(tags.EYES) in self._eyes]
        if not common:
            return None
        real = [self._pictures(np.flatnonzero(pair == key)[:COPIES]) for key in common]
        asked = np.repeat(common, COPIES)
        fake = self.generate(self._noise(3, len(asked)), *divmod(asked, len(tags.EYES)))
        features = self.judge.predict(fake)[2].reshape(len(common), COPIES, -1)
        return metrics.diversity(fake.reshape(len(common), COPIES, *fake.shape[1:]), features, real,
                                 [self.judge.predict(pictures)[2] for pictures in real])

    def _face_test(self) -> dict[str, Any] | None:
        """The course's test of faces, beside real images of any colours."""
        if self.face_test is None:
            return None
        hair = np.repeat([tags.HAIR.index(name) for name, _ in TESTED], facetest.IMAGES // len(TESTED))
        eyes = np.repeat([tags.EYES.index(name) for _, name in TESTED], facetest.IMAGES // len(TESTED))
        return self.face_test.measure(self.generate(self._noise(6, len(hair)), hair, eyes),
                                      self._any_pictures(facetest.IMAGES))

    def _effect(self, accuracy: dict[str, Any]) -> dict[str, Any]:
        """Effect of the condition: eight noise vectors by twelve conditions, one for each hair colour."""
        hair = np.arange(len(tags.HAIR))
        eyes = self._eyes[hair % len(self._eyes)]
        z = np.repeat(self._noise(4, 8), len(hair), axis=0)
        features = self.judge.predict(self.generate(z, np.tile(hair, 8), np.tile(eyes, 8)))[2]
        real = self.judge.predict(self._any_pictures(len(features)))[2]
        return metrics.condition_effect(features.reshape(8, len(hair), -1), real, {
            name: {"low": accuracy["interval"][name][0], "chance": accuracy["chance"][name],
                   "ceiling": self.judge.ceiling["balanced"][name]} for name in NAMES})


class Unconditional(Evaluation):
    """The measures of a generator without a condition: distributions and diversity.

    `generate` still takes hair and eyes, and ignores them.
    """

    def _colours(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)

    def check(self) -> tuple[dict[str, float], str]:
        """The Frechet distance from unseen real images, if there are enough of them."""
        distance = self.distributions().get("frechet")
        if not distance:
            return {}, ""
        return {"frechet": distance["fake"]}, \
            f"Frechet distance {distance['fake']:.4f} (real against real {distance['real']:.4f})"

    def measurements(self) -> dict[str, Any]:
        """Distributions, and the diversity of generated and of real images, whatever they show."""
        return {**self.distributions(), "diversity": self.variety(), "face_test": self._face_test()}

    def verdict(self, measured: dict[str, Any]) -> str:
        """One line of what the measures say."""
        distance = measured.get("frechet")
        words = [f"Frechet distance {distance['fake']:.3f}, real {distance['real']:.3f}"] if distance else []
        return ", ".join([*words, measured["diversity"]["verdict"]]) + faces(measured)

    def variety(self) -> dict[str, Any]:
        """Diversity in the same form: CONDITIONS random groups of COPIES images each."""
        count = CONDITIONS * COPIES
        none = np.zeros(count, np.int64)
        fake, real = self.generate(self._noise(3, count), none, none), self._any_pictures(count)
        groups = [np.array_split(values, CONDITIONS) for values in
                  (fake, self.judge.predict(fake)[2], real, self.judge.predict(real)[2])]
        return metrics.diversity(*groups)


class Untagged(Unconditional):
    """The same for images without tags, with the judge of the embedded faces, which has seen none of them."""

    def _measured(self, data: Faces) -> Faces:
        return data

    @functools.cached_property
    def judge(self) -> judge.Judge:
        """The judge of the embedded faces; trained on first use."""
        return judge.load(load([], self.data.images.shape[1], "exactly_one"), SEED, self.brief)

    def _unseen(self) -> np.ndarray:
        return np.arange(len(self.data.rows))


def verdict(measured: dict[str, Any], ceiling: dict[str, Any]) -> str:
    """One line of what the measures say."""
    accuracy, diversity = measured["condition_accuracy"], measured["diversity"]
    follows = f"hair as asked {accuracy['hair']:.0%}, eyes {accuracy['eyes']:.0%}"
    heeded = HEEDED.get(measured["condition_effect"]["verdict"], "")
    blind = [f"{name} {ceiling[name]:.0%}" for name in ("hair", "eyes") if ceiling[name] < 0.5]
    warning = f"the judge itself is weak on real images ({', '.join(blind)}): " if blind else ""
    return warning + follows + heeded + (f", {diversity['verdict']}" if diversity else "") + faces(measured)


def faces(measured: dict[str, Any]) -> str:
    """The face test as the last words of a verdict; none without a cascade."""
    test = measured.get("face_test")
    return f", face test {test['found']} of {test['n']}" if test else ""
