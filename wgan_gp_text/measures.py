"""The report's grid pattern, measured: power at the frequencies of the strides, against that beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from common.anime.evaluation import Evaluation

MOST = 1000  # pictures of each kind
PERIODS = 2, 4, 8, 16  # pixels: what transposed convolutions with stride 2 leave behind, from the last to the first


def grid_power(images: np.ndarray, period: int) -> float:
    """How far the pattern of `period` pixels stands out of the pictures' spectrum: 1 is not at all.

    A pattern that repeats every P pixels has its power at multiples of S / P cycles a picture. At each of these
    frequencies that is no multiple of 2 S / P, so that a finer pattern does not count, the mean power over all
    pictures is compared with the mean of those two or three cycles off; the result is the geometric mean of the ratios.
    Pictures are windowed (Hann), since their edges do not meet.

    Args:
        images: uint8 [N, S, S, 3]; of the colours the mean is taken.
        period: P, a power of 2 that divides S, at most S / 4.

    Raises:
        ValueError: for another period.
    """
    size = images.shape[1]
    if images.shape[2] != size or period < 2 or period & (period - 1) or size % period or size < 4 * period:
        raise ValueError(f"period {period} does not fit pictures of {images.shape[1:3]}")
    grey = images.mean(axis=3)
    window = np.outer(*[np.hanning(size + 1)[:-1]] * 2)
    spectrum = np.fft.fft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * window)
    power = np.mean(np.abs(spectrum) ** 2, axis=0) + 1e-9  # of flat pictures the ratio is 1
    step = size // period
    off = [(u, v) for u in range(-3, 4) for v in range(-3, 4) if max(abs(u), abs(v)) > 1]
    ratios = []
    for y in range(0, size, step):
        for x in range(0, size, step):
            if y % (2 * step) or x % (2 * step):
                beside = np.mean([power[(y + u) % size, (x + v) % size] for u, v in off])
                ratios.append(power[y, x] / beside)
    return float(np.exp(np.mean(np.log(ratios))))


class WithGrid(Evaluation):
    """The measures of a conditional generator, and the grid pattern of its pictures beside that of real ones."""

    def measurements(self) -> dict[str, Any]:
        """All measurements, as sections of metrics.json."""
        return {**super().measurements(), "grid_pattern": self.grid_pattern()}

    def grid_pattern(self) -> dict[str, Any]:
        """`grid_power` of made pictures with the labels of real ones, and of those, by period in pixels."""
        hair, eyes = self.data.hair, self.data.eyes
        chosen = np.linspace(0, len(hair) - 1, min(len(hair), MOST)).astype(int)
        fake, real = self.generate(self._noise(5, len(chosen)), hair[chosen], eyes[chosen]), self._pictures(chosen)
        return {str(period): {"fake": grid_power(fake, period), "real": grid_power(real, period), "n": len(chosen)}
                for period in PERIODS}
