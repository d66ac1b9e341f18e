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
    """Makes the first steps of each variant, which nobody times.

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
            begun = clock()
            steps[name]()
            times[name].append(clock() - begun)
    return times


def fed(step: Callable[[Any], Any], batches: Iterator[Any], count: int,
        clock: Callable[[], float] = time.perf_counter) -> Times:
    """Seconds of `count` steps that take their batches from an iterator.

    Returns:
        `waiting`: from asking for each batch to having it; `step`: from asking for it to the end of its step.
    """
    times: Times = {"waiting": [], "step": []}
    for _ in range(count):
        begun = clock()
        batch = next(batches)
        times["waiting"].append(clock() - begun)
        step(batch)
        times["step"].append(clock() - begun)
    return times


def share_of_waiting(times: Times) -> dict[str, Any]:
    """What is reported of `fed`.

    Returns:
        Quartiles of `seconds` a step, of `waiting` in seconds, and of the `share` of each step that is waiting;
        `total_share`: of all steps together.
    """
    return {"seconds": quartiles(times["step"]), "waiting": quartiles(times["waiting"]),
            "share": ratios(times["waiting"], times["step"]),
            "total_share": sum(times["waiting"]) / sum(times["step"])}


def quartiles(values: Sequence[float]) -> Quartiles:
    """The median and the quartiles, between two values in proportion."""
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"q1": low, "median": middle, "q3": high}


def ratios(one: Sequence[float], other: Sequence[float]) -> Quartiles:
    """Of one / other, round by round: what slows the machine for a while slows both, and falls out."""
    return quartiles([a / b for a, b in zip(one, other, strict=True)])


def rates(amount: float, seconds: Sequence[float]) -> Quartiles:
    """Of amount / seconds, round by round."""
    return quartiles([amount / second for second in seconds])


def summary(times: Times, precisions: Mapping[str, str], batch: int, flops: float, peaks: Times,
            peak_flops: float) -> dict[str, dict[str, Any]]:
    """What is reported of every variant of a case.

    Args:
        times: seconds of a step, variant -> rounds.
        precisions: variant -> precision.
        batch: pictures a step.
        flops: model FLOPs of a step.
        peaks: seconds of the matrix products in the same rounds, precision -> rounds.
        peak_flops: FLOPs of those products.

    Returns:
        variant -> its precision; `seconds` a step; `images_per_second`; `gflops`, a second; `share_of_peak` at its
        precision; `faster_than`: other variant -> how many times as fast it is. All but the precision are quartiles.
    """
    found = {}
    for name, seconds in times.items():
        peak = peaks[precisions[name]]
        found[name] = {
            "precision": precisions[name], "seconds": quartiles(seconds),
            "images_per_second": rates(batch, seconds), "gflops": rates(flops / 1e9, seconds),
            "share_of_peak": ratios([second * flops / peak_flops for second in peak], seconds),
            "faster_than": {other: ratios(times[other], seconds) for other in times if other != name}}
    return found
