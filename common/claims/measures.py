"""The measures of claims: one value of a finished run, from the small file that is kept of it. No TensorFlow here.

    condition_accuracy.hair    a path in metrics.json; a number or a text
    log last: g                the mean over the last tenth of log.csv of an expression of its columns
    log mean: g > d_real       over all rows; of a comparison it is the share of the rows in which it holds
    log rise: g                the mean over the last third less that over the middle third
    log spread: g              the standard deviation over the last half
    log step: d_fake < 0.35    the first step from which it holds in the mean of five rows; if never, the last step + 1
    check last: hair           the same of accuracy.csv
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MEASURE = re.compile(r"(log|check) (last|mean|rise|spread|step): (.+)")
ROLLING = 5  # rows whose mean `step` looks at; of accuracy.csv one


def value(kept: Mapping[str, Any], measure: str) -> float | str | None:
    """The value of a measure of a run; None if the run does not have it.

    Args:
        kept: what `results.collect` keeps of a run: "metrics", and "log" and "check" as column -> values.
        measure: see above.
    """
    match = MEASURE.fullmatch(measure)
    if match:
        return _of_log(kept.get(match[1]) or {}, match[2], match[3], ROLLING if match[1] == "log" else 1)
    found: Any = kept.get("metrics")
    for key in measure.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    return found if isinstance(found, str) else float(found)


def chance(kept: Mapping[str, Any], measure: str) -> float | None:
    """What a generator reaches that ignores its condition, for measures such as condition_accuracy.hair; else None."""
    head, _, part = measure.partition(".")
    return value(kept, f"{head}.chance.{part}") if head.endswith("accuracy") else None


def _of_log(columns: Mapping[str, list[float]], what: str, expression: str, rolling: int) -> float | None:
    import pandas

    frame = pandas.DataFrame(columns)
    try:
        if what == "step":
            holds = frame.rolling(rolling, min_periods=1).mean().eval(expression, engine="python").to_numpy(bool)
            return float(frame["step"][holds.argmax()] if holds.any() else frame["step"].iloc[-1] + 1)
        values = frame.eval(expression, engine="python").astype(float)
    except (pandas.errors.UndefinedVariableError, KeyError, IndexError):
        return None  # the run does not log it
    count = len(values)
    return float({"last": lambda: values[-max(1, count // 10):].mean(), "mean": values.mean,
                  "rise": lambda: values[-(count // 3):].mean() - values[count // 3:-(count // 3)].mean(),
                  "spread": lambda: values[count // 2:].std(ddof=0)}[what]())
