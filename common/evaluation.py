"""The interface between the trainer and the evaluation of a run, and what several evaluations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from common import metrics
from common.errors import say

SEED = 0  # of the measuring networks, their splits and the noise: the same for all runs on a data set
CONDITIONS, COPIES = 12, 8  # the diversity compares this many conditions, and this many images of each
FEWEST = 20           # unseen images per half, below which distributions are not compared
BRIEF = 20            # steps for which a network that measures is trained under --preset smoke
BRIEF_NOTE = f"--preset smoke: what measures the run was trained for {BRIEF} steps only, so the measures mean nothing"
MOST = 1000           # unseen images per half, at most: more would need more memory


class Evaluation(Protocol):
    """The measures of a run. The methods return names and values; the trainer prints and writes them.

    Attributes:
        curves: what accuracy.png shows of accuracy.csv, see `plots.curves`; empty: no such figure.
        brief: whether it measures with networks that were trained for BRIEF steps only, on fewer images.
    """

    curves: Mapping[str, Mapping[str, str]]
    brief: bool

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Does the slow preparations before the first step.

        Returns:
            Sections of config.json that must never change during the run.
        """

    def check(self) -> tuple[dict[str, float], str]:
        """A quick measurement during the training.

        Returns:
            A row of accuracy.csv, and the same in words. The row is empty if nothing can be measured.
        """

    def variety(self) -> dict[str, Any] | None:
        """How much images of one condition differ, see `metrics.diversity`; None if nothing can be compared."""

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements of the run as it is now.

        Returns:
            Sections of metrics.json, and the verdict: a summary in one line.
        """


def most(brief: bool) -> int:
    """How many images of a kind are measured at most."""
    return FEWEST if brief else MOST


def unseen_halves(unseen: np.ndarray, brief: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Two disjoint halves of the unseen samples [n], at most `most` of each; None, with a note, if they are too few."""
    if len(unseen) < 2 * FEWEST:
        say(f"note: {len(unseen)} unseen images are too few to compare distributions")
        return None
    first, second = metrics.halves(len(unseen), SEED)
    return unseen[first[:most(brief)]], unseen[second[:most(brief)]]


def compare(real: np.ndarray, other: np.ndarray, fake: np.ndarray) -> dict[str, Any]:
    """Compares features [n, D] of real and fake images; `real` against `other` real images is the floor."""
    density, coverage = metrics.density_coverage(real, fake)
    floor = metrics.density_coverage(real, other)
    n = len(real)
    return {"frechet": {"fake": metrics.frechet(real, fake), "real": metrics.frechet(real, other), "n": n},
            "kid": {"fake": metrics.kid(real, fake), "real": metrics.kid(real, other), "n": n},
            "density_coverage": {"density": density, "coverage": coverage, "real_density": floor[0],
                                 "real_coverage": floor[1], "n": n}}
