"""Measures a run with the judge: condition accuracy while it trains, metrics.json at its end."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from common import judge, metrics, tags
from common.cli import say
from common.datasets import Faces
from common.files import write_json
from common.judge import NAMES
from common.runs import Run
from common.sampling import Draw

SEED = 0              # of the judge, its split and the evaluation's noise: the same for all runs on a data set
ROUNDS = 10           # pictures of each of the 132 conditions in the final accuracy
CONDITIONS, COPIES = 12, 8  # of the diversity
FEWEST = 20           # unseen pictures in a half, below which distributions are not compared
MOST = 1000           # of them in a half; with more, memory would grow


class Measures(Protocol):
    """What the trainer asks of a run's evaluation."""

    def prepare(self) -> None:
        """Whatever takes long and is needed before the first step."""

    def check(self, step: int) -> None:
        """A look now and then: a line for the user, a row in accuracy.csv."""

    def write(self, step: int) -> None:
        """Measures the run as it is after `step` steps, and writes metrics.json."""


def record(run: Run, step: int, words: str, **sections: Any) -> None:
    """Writes a finished run's metrics.json, and says the verdict.

    Args:
        run: its config.json gives report, seed, precision and data.
        step: after how many steps it was measured, which is the run's length.
        words: the verdict.
        sections: what was measured, in the order of the file.
    """
    report, facts = run.facts["report"], run.facts
    write_json(run.folder / "metrics.json", {
        "report": report["folder"], "variant": report["variant"], "step": step, "steps": step,
        "seed": facts["settings"]["seed"], "precision": facts["precision"]["precision"],
        "data": {"name": facts["data_folder"], **facts.get("data", {})}, **sections, "verdict": words})
    say(f"measured: {words}")


class Evaluation:
    """The measures of a generator that takes hair and eye colours.

    Args:
        run: its folder gets metrics.json.
        data: what the run trains on; the judge and the real pictures are its samples with one hair and one eye colour.
        draw: (z float32 [N, z], hair [N], eyes [N]) -> uint8 [N, S, S, 3], with the network as it is now.
        z: size of the noise.
        eyes: the eye colours that the generator can be asked for; the judge knows all of them.
        facts: further entries of metrics.json.
    """

    def __init__(self, run: Run, data: Faces, draw: Draw, z: int, eyes: Sequence[str] = tags.EYES,
                 **facts: Any) -> None:
        self.run, self.data, self.z, self.facts = run, data.only("exactly_one"), z, facts
        self._draw, self._eyes = draw, np.array([tags.EYES.index(name) for name in eyes])

    @functools.cached_property
    def judge(self) -> judge.Judge:
        """The judge of the data set, trained when it is first needed."""
        return judge.load(self.data, SEED)

    def prepare(self) -> None:
        """Trains the judge, if there is none yet."""
        self.judge  # noqa: B018

    def check(self, step: int) -> None:
        """Condition accuracy to accuracy.csv."""
        accuracy = self.accuracy()
        self.run.log(step, {name: accuracy[name] for name in ("hair", "eyes", "both")}, "accuracy.csv")
        say(f"step {step}: hair as asked {accuracy['hair']:.0%}, eyes {accuracy['eyes']:.0%} (of {accuracy['n']})")

    def accuracy(self, rounds: int = 1) -> dict[str, Any]:
        """Condition accuracy over all pairs, 132 with all eye colours, each `rounds` times; always the same noise."""
        hair = np.tile(np.repeat(np.arange(len(tags.HAIR)), len(self._eyes)), rounds)
        eyes = np.tile(self._eyes, len(tags.HAIR) * rounds)
        seen_hair, seen_eyes, _ = self.judge.look(self.draw(self._noise(1, len(hair)), hair, eyes))
        return metrics.condition_accuracy({"hair": hair, "eyes": eyes}, {"hair": seen_hair, "eyes": seen_eyes}, NAMES)

    def draw(self, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
        """The report's `draw`, 256 pictures at a time."""
        parts = [self._draw(z[k:k + 256], hair[k:k + 256], eyes[k:k + 256]) for k in range(0, len(z), 256)]
        return np.concatenate(parts)

    def write(self, step: int) -> None:
        """Measures the run as it is after `step` steps, and writes metrics.json."""
        say("measuring")
        measured = self.measure()
        record(self.run, step, self.verdict(measured), **self.facts, evaluation={"seed": SEED}, judge=self.judge.card(),
               **measured)

    def measure(self) -> dict[str, Any]:
        """All measures, for metrics.json."""
        accuracy = self.accuracy(ROUNDS)
        accuracy["chance"] = {"hair": 1 / len(tags.HAIR), "eyes": 1 / len(self._eyes)}
        return {"condition_accuracy": accuracy, **self.distributions(), "diversity": self._diversity(),
                "condition_effect": self._effect()}

    def verdict(self, measured: dict[str, Any]) -> str:
        """One line of what the measures say."""
        return verdict(measured, self.judge.ceiling)

    def _noise(self, stream: int, count: int) -> np.ndarray:
        return np.random.default_rng([SEED, stream]).standard_normal((count, self.z), np.float32)

    def distributions(self) -> dict[str, Any]:
        """Fakes with the labels of one half of the unseen pictures against it; the other half is the floor."""
        if self._halves is None:
            return {}
        hair, eyes = tags.labels(self.data.table)
        first, real, other = self._halves
        fake = self.judge.look(self.draw(self._noise(2, len(first)), hair[first], eyes[first]))[2]
        return compare(real, other, fake)

    @functools.cached_property
    def _halves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Of the unseen pictures the samples of one half, their features and those of the other; None of too few."""
        _, eyes = tags.labels(self.data.table)
        unseen = self.judge.unseen[np.isin(eyes[self.judge.unseen], self._eyes)]
        if len(unseen) < 2 * FEWEST:
            say(f"note: {len(unseen)} unseen pictures are too few to compare distributions")
            return None
        first, second = (unseen[half[:MOST]] for half in metrics.halves(len(unseen), SEED))
        return first, *(self.judge.look_at(self.data, half)[2] for half in (first, second))

    def _pictures(self, samples: np.ndarray) -> np.ndarray:
        return self.data.images[self.data.rows[samples]]

    def _diversity(self) -> dict[str, Any] | None:
        """Within the commonest conditions of the whole data set, fakes beside real pictures."""
        hair, eyes = tags.labels(self.data.table)
        pair = hair * len(tags.EYES) + eyes
        common = [key for key in np.argsort(-np.bincount(pair, minlength=132), kind="stable")[:CONDITIONS]
                  if (pair == key).sum() > 1 and key % len(tags.EYES) in self._eyes]
        if not common:
            return None
        real = [self._pictures(np.flatnonzero(pair == key)[:COPIES]) for key in common]
        asked = np.repeat(common, COPIES)
        fake = self.draw(self._noise(3, len(asked)), *divmod(asked, len(tags.EYES)))
        features = self.judge.look(fake)[2].reshape(len(common), COPIES, -1)
        return metrics.diversity(fake.reshape(len(common), COPIES, *fake.shape[1:]), features, real,
                                 [self.judge.look(pictures)[2] for pictures in real])

    def _effect(self) -> dict[str, Any]:
        """Eight noises by twelve conditions, each with a hair colour of its own."""
        hair = np.arange(len(tags.HAIR))
        eyes = self._eyes[hair % len(self._eyes)]
        z = np.repeat(self._noise(4, 8), len(hair), axis=0)
        features = self.judge.look(self.draw(z, np.tile(hair, 8), np.tile(eyes, 8)))[2]
        return metrics.condition_effect(features.reshape(8, len(hair), -1))


def compare(real: np.ndarray, other: np.ndarray, fake: np.ndarray) -> dict[str, Any]:
    """Features [n, D] of fakes against those of real pictures; `other` real ones against the same are the floor."""
    density, coverage = metrics.density_coverage(real, fake)
    floor = metrics.density_coverage(real, other)
    n = len(real)
    return {"frechet": {"fake": metrics.frechet(real, fake), "real": metrics.frechet(real, other), "n": n},
            "kid": {"fake": metrics.kid(real, fake), "real": metrics.kid(real, other), "n": n},
            "density_coverage": {"density": density, "coverage": coverage, "real_density": floor[0],
                                 "real_coverage": floor[1], "n": n}}


class Unconditional(Evaluation):
    """The measures of a generator without a condition: distributions and diversity.

    `draw` takes hair and eyes all the same, and pays no heed to them.
    """

    def check(self, step: int) -> None:
        """The Frechet distance from unseen real pictures to accuracy.csv, where there are enough of them."""
        measured = self.distributions()
        if measured:
            self.run.log(step, {"frechet": measured["frechet"]["fake"]}, "accuracy.csv")
            say(f"step {step}: Frechet distance {measured['frechet']['fake']:.4f} (real against real "
                f"{measured['frechet']['real']:.4f})")

    def measure(self) -> dict[str, Any]:
        """Distributions, and the diversity of made pictures beside that of real ones, whatever they show."""
        return {**self.distributions(), "diversity": self._spread()}

    def verdict(self, measured: dict[str, Any]) -> str:
        """One line of what the measures say."""
        distance = measured.get("frechet")
        words = [f"Frechet distance {distance['fake']:.3f}, real {distance['real']:.3f}"] if distance else []
        return ", ".join([*words, measured["diversity"]["verdict"]])

    def _spread(self) -> dict[str, Any]:
        """Diversity as of one condition after another: CONDITIONS groups of COPIES pictures, drawn by chance."""
        count = CONDITIONS * COPIES
        chosen = np.random.default_rng(SEED).permutation(len(self.data.rows))[:count]
        none = np.zeros(count, np.int64)
        fake, real = self.draw(self._noise(3, count), none, none), self._pictures(chosen)
        groups = [np.array_split(values, CONDITIONS) for values in
                  (fake, self.judge.look(fake)[2], real, self.judge.look(real)[2])]
        return metrics.diversity(*groups)


def verdict(measured: dict[str, Any], ceiling: dict[str, Any]) -> str:
    """One line of what the measures say."""
    accuracy, diversity = measured["condition_accuracy"], measured["diversity"]
    follows = f"hair as asked {accuracy['hair']:.0%}, eyes {accuracy['eyes']:.0%}"
    ignored = ", condition ignored" if measured["condition_effect"]["verdict"] == "ignored" else ""
    blind = [f"{name} {ceiling[name]:.0%}" for name in ("hair", "eyes") if ceiling[name] < 0.5]
    warning = f"the judge itself is weak on real pictures ({', '.join(blind)}): " if blind else ""
    return warning + follows + ignored + (f", {diversity['verdict']}" if diversity else "")
