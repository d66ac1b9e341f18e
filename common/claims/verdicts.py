"""The verdict of a claim: computed from the values of its runs by its rule, never typed in. No TensorFlow here.

holds       every seed is on the claimed side, and the mean difference is beyond the smallest effect
holds not   the same on the other side; or a difference is claimed, and that of every seed is within the smallest effect
undecided   anything else: the seeds disagree, or the effect is about as small as the smallest that counts
not tested  too few seeds were run, or the claim says why there can be no run

A claim that two runs do not differ holds if the difference of every seed is within the smallest effect, and holds not
if every seed is on one side and the mean beyond it. With less than half of the report's images a claim about the end of
a training is undecided, unless it says that a measure passes a level, and it does. So is one that compares accuracies
where no run is above chance. Differences are taken seed by seed: runs with the same seed share
the order of the data and the noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from common.claims.rows import Claim, Rule

HOLDS, HOLDS_NOT, UNDECIDED, NOT_TESTED = WORDS = "holds", "holds not", "undecided", "not tested"
AT_CHANCE = 0.03  # an accuracy that is above chance by less says nothing
FINISHED = 0.5  # share of the report's images from which a run says something about the end of a training
Values = Mapping[str, Mapping[int, float | str]]


@dataclass(frozen=True)
class Verdict:
    """A verdict, see above.

    Attributes:
        word: one of WORDS.
        seeds: the number of seeds that count.
        values: run -> its values, in the order of the seeds.
        differences: of each seed, for rules with a sign.
        why: for "not tested", and for "undecided" where runs were too short or at chance.
    """

    word: str
    seeds: int
    values: dict[str, list[float | str]]
    differences: list[float]
    why: str = ""

    def here(self) -> str:
        """The values in words: "embedding 0.52 +- 0.03, onehot 0.61 +- 0.02"."""
        return ", ".join(f"{name} {spread(values)}" for name, values in self.values.items() if values)


def count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many of each word, in the order of WORDS."""
    words = [verdict.word for verdict in verdicts]
    return {word: words.count(word) for word in WORDS}


def spread(values: list[float | str]) -> str:
    """Mean and standard deviation of numbers, or the texts with their counts."""
    if any(isinstance(value, str) for value in values):
        return ", ".join(f"{text} ({values.count(text)} of {len(values)})" for text in dict.fromkeys(values))
    return f"{fmean(values):.3g}" + (f" +- {stdev(values):.2g}" if len(values) > 1 else "")


def of(claim: Claim, values: Values, share: float = 1.0, chance: float | None = None) -> Verdict:
    """The verdict of a claim.

    Args:
        claim: with its rule.
        values: of its runs: run -> seed -> value.
        share: how many images these runs saw at least, as a share of the report's.
        chance: the measure of a generator that ignores what it is asked for; None if it has no such level.
    """
    if claim.rule is None:
        return Verdict(NOT_TESTED, 0, {}, [], claim.untested)
    seeds = sorted(set.intersection(*(set(values.get(name, {})) for name in claim.rule.runs)))
    table = {name: [values[name][seed] for seed in seeds] for name in claim.rule.runs if seeds}
    differences = [] if claim.rule.sign == "is" else _differences(claim.rule, table)
    if len(seeds) < claim.seeds:
        return Verdict(NOT_TESTED, len(seeds), table, differences, f"{len(seeds)} of {claim.seeds} seeds were run")
    word = _of_texts(claim.rule, table) if claim.rule.sign == "is" else _of_differences(claim.rule, differences)
    compared = isinstance(claim.rule.right, str) and claim.rule.sign != "is"
    if compared and chance is not None and max(sum(table.values(), [])) < chance + AT_CHANCE:
        return Verdict(UNDECIDED, len(seeds), table, differences, "no run is above chance")
    passes = word == HOLDS and claim.rule.sign in "<>"
    if claim.end and share < FINISHED and word != UNDECIDED and not passes:
        return Verdict(UNDECIDED, len(seeds), table, differences, "the claim is about the end of a training")
    return Verdict(word, len(seeds), table, differences)


def _differences(rule: Rule, table: Mapping[str, list]) -> list[float]:
    left = table.get(rule.left, [])
    right = table.get(rule.right, []) if isinstance(rule.right, str) else [rule.right] * len(left)
    return [float(one) - float(two) for one, two in zip(left, right, strict=True)]


def _of_texts(rule: Rule, table: Mapping[str, list]) -> str:
    said = [value == rule.right for value in table[rule.left]]
    return HOLDS if all(said) else UNDECIDED if any(said) else HOLDS_NOT


def _of_differences(rule: Rule, differences: list[float]) -> str:
    small = all(abs(difference) <= rule.by for difference in differences)
    mean = fmean(differences)
    sides = {difference > 0 for difference in differences if difference}
    large = len(sides) == 1 and 0.0 not in differences and abs(mean) > rule.by
    if rule.sign == "~":
        return HOLDS if small else HOLDS_NOT if large else UNDECIDED
    if large:
        return HOLDS if (mean > 0) == (rule.sign == ">") else HOLDS_NOT
    return HOLDS_NOT if small else UNDECIDED
