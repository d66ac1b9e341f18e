"""Measures the report's grid pattern: power at the frequencies of the strides, relative to neighbouring frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np

from common.anime.evaluation import Evaluation
from common.evaluation import most

PERIODS = 2, 4, 8, 16  # pixels: what transposed convolutions with stride 2 leave behind, from the last to the first


def grid_power(images: np.ndarray, period: int) -> float:
    """How far a pattern of `period` pixels stands out of the spectrum of images: 1 is not at all.

    A pattern that repeats every P pixels has its power at multiples of S / P cycles per image. At each of these
    frequencies, except multiples of 2 S / P (a finer pattern), the mean power over all images is divided by the mean
    power two or three cycles away; the result is the geometric mean of these ratios.
    Images are windowed (Hann), since their edges do not meet.

    Args:
        images: uint8 [N, S, S, 3]; the mean over the colours is used.
        period: P, a power of 2 that divides S, at most S / 4.

    Raises:
        ValueError: for another period.
    """
    size = images.shape[1]
    if images.shape[2] != size or period < 2 or period & (period - 1) or size % period or size < 4 * period:
        raise ValueError(f"period {period} does not fit images of {images.shape[1:3]}")
    grey = images.mean(axis=3)
    window = np.outer(*[np.hanning(size + 1)[:-1]] * 2)
    spectrum = np.fft.fft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * window)
    power = np.mean(np.abs(spectrum) ** 2, axis=0) + 1e-9  # flat images give the ratio 1
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
    """The measures of a conditional generator, and the grid pattern of fake and of real images."""

    def measurements(self) -> dict[str, Any]:
        """All measurements, as sections of metrics.json."""
        return {**super().measurements(), "grid_pattern": self.grid_pattern()}

    def grid_pattern(self) -> dict[str, Any]:
        """`grid_power` of real images and of fakes with the same labels, by period in pixels."""
        hair, eyes = self.data.hair, self.data.eyes
        chosen = np.linspace(0, len(hair) - 1, min(len(hair), most(self.brief))).astype(int)
        fake, real = self.generate(self._noise(5, len(chosen)), hair[chosen], eyes[chosen]), self._pictures(chosen)
        return {str(period): {"fake": grid_power(fake, period), "real": grid_power(real, period), "n": len(chosen)}
                for period in PERIODS}
