"""Signs of a training that goes wrong, in time to stop it. docs/when-it-fails.md says what to do then.

No TensorFlow here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from common.runs import Row

STEPS, FEWEST = 500, 5  # D must have won for so long, in at least so many rows of log.csv
LITTLE = 0.05           # of cross entropy: D gives fakes 95% and more; of least squares: its score is within 0.22 of 0
LOSSES_ON_FAKES = re.compile(r"d_(\w_)?fake")
PAGE = "docs/when-it-fails.md"


def d_wins(rows: Sequence[Row]) -> str | None:
    """Says which loss of D on fakes has been nearly 0 for the last STEPS steps; None if there is none.

    A critic's score on fakes is no loss and has no lower end; it is not near 0 for so long.

    Args:
        rows: of log.csv.
    """
    last = [row for row in rows if int(row["step"]) > int(rows[-1]["step"]) - STEPS]
    if not rows or len(last) < FEWEST or int(rows[-1]["step"]) < STEPS:
        return None
    for name in filter(LOSSES_ON_FAKES.fullmatch, rows[-1]):
        values = [float(row[name]) for row in last]
        if min(values) >= 0 and max(values) <= LITTLE:
            return f"D wins: {name} is at most {max(values):.2g} for {STEPS} steps; see {PAGE}#d-wins"
    return None


def alike(diversity: Mapping[str, Any] | None) -> str | None:
    """Says that the images of one condition are alike; None if they are not, or if nobody knows.

    Args:
        diversity: of `metrics.diversity`, or None.
    """
    if diversity is None or diversity["verdict"] != "collapsed":
        return None
    return (f"images of one condition are alike: SSIM {diversity['ssim']:.2f}, of real ones "
            f"{diversity['real_ssim']:.2f}; see {PAGE}#one-image-for-all")
