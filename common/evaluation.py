"""What a run is measured with: what the trainer asks of an evaluation, and what several evaluations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from common import metrics

SEED = 0  # of the networks that measure, of their splits and of the noise: the same for all runs on a data set
CONDITIONS, COPIES = 12, 8  # of the diversity: so many conditions, and so many images of each
FEWEST = 20           # unseen images in a half, below which distributions are not compared
MOST = 1000           # of them in a half: more would take more memory


class Evaluation(Protocol):
    """The measures of a run. They return names and values; the trainer shows and writes them.

    Attributes:
        curves: what accuracy.png shows of accuracy.csv, see `plots.curves`; empty: there is no such picture.
    """

    curves: Mapping[str, Mapping[str, str]]

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Does what takes long and is needed before the first step.

        Returns:
            Sections of config.json that must stay the same as long as the run lives.
        """

    def check(self) -> tuple[dict[str, float], str]:
        """A quick measurement during the training.

        Returns:
            A row of accuracy.csv, and the same in words. An empty row: there is nothing to measure with.
        """

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements of the run as it is now.

        Returns:
            Sections of metrics.json, and the verdict: one line of what they say.
        """


def compare(real: np.ndarray, other: np.ndarray, fake: np.ndarray) -> dict[str, Any]:
    """Features [n, D] of fakes against those of real images; `other` real ones against the same are the floor."""
    density, coverage = metrics.density_coverage(real, fake)
    floor = metrics.density_coverage(real, other)
    n = len(real)
    return {"frechet": {"fake": metrics.frechet(real, fake), "real": metrics.frechet(real, other), "n": n},
            "kid": {"fake": metrics.kid(real, fake), "real": metrics.kid(real, other), "n": n},
            "density_coverage": {"density": density, "coverage": coverage, "real_density": floor[0],
                                 "real_coverage": floor[1], "n": n}}
