"""Times of variants that take turns, and what is made of them. No TensorFlow here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Times = dict[str, list[float]]
Quartiles = dict[str, float]


@dataclass(frozen=True)
class Variant:
    """One way of making a step.

    Args:
        precision: "float32" or "bfloat16": of its matrix products.
        step: makes one step, and returns when it is done.
    """

    precision: str
    step: Callable[[], Any]


def interleave(variants: Mapping[str, Variant], rounds: int, clock: Callable[[], float] = time.perf_counter) -> Times:
    """Seconds of every variant in every round.

    In a round all take their turn, one after the other; every other round goes backwards, so that none always follows
    the same one.
    """
    times: Times = {name: [] for name in variants}
    for number in range(rounds):
        for name in list(variants)[::-1 if number % 2 else 1]:
            begun = clock()
            variants[name].step()
            times[name].append(clock() - begun)
    return times


def quartiles(values: Sequence[float]) -> Quartiles:
    """The median and the quartiles, between two values in proportion."""
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"q1": low, "median": middle, "q3": high}


def ratios(one: Sequence[float], other: Sequence[float]) -> Quartiles:
    """Of one / other, round by round: what slows the machine for a while slows both, and falls out."""
    return quartiles([a / b for a, b in zip(one, other, strict=True)])


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
            "images_per_second": quartiles([batch / second for second in seconds]),
            "gflops": quartiles([flops / second / 1e9 for second in seconds]),
            "share_of_peak": ratios([second * flops / peak_flops for second in peak], seconds),
            "faster_than": {other: ratios(times[other], seconds) for other in times if other != name}}
    return found
