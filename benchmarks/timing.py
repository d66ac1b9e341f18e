"""Times of variants that take turns, and what is made of them. No TensorFlow here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from common.errors import NumericalError

WARM_UP = 2  # steps that are not timed: the first traces, the second finds its memory

Times = dict[str, list[float]]
Quartiles = dict[str, float]


def warm_up(name: str, steps: Iterable[Callable[[], Mapping[str, float]]]) -> None:
    """Takes the first steps of each variant, which are not timed.

    Raises:
        NumericalError: a loss is not finite, so the times would mean nothing.
    """
    for step in steps:
        for _ in range(WARM_UP):
            terms = step()
        if not all(map(math.isfinite, terms.values())):
            raise NumericalError(f"{name}: a loss is not finite, so its time means nothing: {terms}")


def interleave(steps: Mapping[str, Callable[[], Any]], rounds: int,
               clock: Callable[[], float] = time.perf_counter) -> Times:
    """Seconds of every variant's step in every round.

    In a round all take their turn, one after the other; every other round goes backwards, so that none always follows
    the same one.
    """
    times: Times = {name: [] for name in steps}
    for number in range(rounds):
        for name in list(steps)[::-1 if number % 2 else 1]:
            started = clock()
            steps[name]()
            times[name].append(clock() - started)
    return times


def fed(step: Callable[[Any], Any], batches: Iterator[Any], count: int,
        clock: Callable[[], float] = time.perf_counter) -> Times:
    """Seconds of `count` steps that take their batches from an iterator.

    Returns:
        `waiting`: from asking for each batch to having it; `step`: from asking for it to the end of its step.
    """
    times: Times = {"waiting": [], "step": []}
    for _ in range(count):
        started = clock()
        batch = next(batches)
        times["waiting"].append(clock() - started)
        step(batch)
        times["step"].append(clock() - started)
    return times


def quartiles(values: Sequence[float], factor: float = 1.0) -> Quartiles:
    """The median and the quartiles, interpolated between two values, times a factor."""
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"q1": factor * low, "median": factor * middle, "q3": factor * high}


def ratios(some: Sequence[float], others: Sequence[float]) -> Quartiles:
    """Of some / others, round by round: what slows the machine for a while slows both, and cancels out."""
    return quartiles([a / b for a, b in zip(some, others, strict=True)])


def rates(amount: float, seconds: Sequence[float]) -> Quartiles:
    """Of amount / seconds, round by round."""
    return quartiles([amount / second for second in seconds])
