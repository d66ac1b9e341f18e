"""Measures of the logs of a run, for claims about its course: a trend, a spread, the first step past a level.

    "log.d_fake"           means over the first, the middle and the last tenth of log.csv: "2.25 → 3.5 → 3.5"
    "log.d_fake spread"    standard deviations over the same rows
    "log.d_fake < 0.35"    the first step at which the mean over the last fiftieth of the rows is below the level
    "check.hair > 0.9"     the same for accuracy.csv, row by row
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean, pstdev

from common.runs import Row

PATH = re.compile(r"(log|check)\.(\w+)(?: (spread|[<>] ?-?\d+(?:\.\d+)?))?")
WINDOW = 50  # a loss is averaged over this fraction (1 / 50) of the log before it is compared with a level


def is_logged(path: str) -> bool:
    """Whether a measure is of the logs, not of metrics.json."""
    return PATH.fullmatch(path) is not None


def label(path: str) -> str:
    """A measure of the logs as words, code in backquotes: "first step with loss `d_fake` < 0.35"."""
    kind, column, what = PATH.fullmatch(path).groups()
    name = f"loss `{column}`" if kind == "log" else f"`{column}`"
    if what == "spread":
        return f"spread of {name}"
    return f"first step with {name} {what}" if what else name


def course(path: str, log: Sequence[Row], checks: Sequence[Row]) -> str:
    """The value of a measure of the logs.

    Args:
        path: see above.
        log, checks: the rows of log.csv and of accuracy.csv.
    """
    kind, column, what = PATH.fullmatch(path).groups()
    rows = log if kind == "log" else checks
    if not rows or column not in rows[0]:
        return "not logged"
    values = [float(row[column]) for row in rows]
    if what and what != "spread":
        window = max(1, len(values) // WINDOW) if kind == "log" else 1
        place = first_past(values, what[0], float(what[1:]), window)
        return "never" if place is None else str(rows[place]["step"])
    return " → ".join(f"{(pstdev if what else fmean)(part):.3g}" for part in tenths(values))


def tenths(values: Sequence[float]) -> tuple[Sequence[float], ...]:
    """The first, the middle and the last tenth; one value each of fewer than ten."""
    tenth, middle = max(1, len(values) // 10), len(values) // 2
    return values[:tenth], values[max(0, middle - tenth // 2):][:tenth], values[-tenth:]


def first_past(values: Sequence[float], sign: str, level: float, window: int) -> int | None:
    """The first place at which the mean over the last `window` values is below ("<") or above (">") a level."""
    for end in range(window, len(values) + 1):
        mean = fmean(values[end - window:end])
        if mean < level if sign == "<" else mean > level:
            return end - 1
    return None
