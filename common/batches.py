"""(seed, step) -> batch: the order and the flips are functions of the step, so a stopped run can go on exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common.cli import UserError

ORDER, FLIPS = 1, 2  # streams of random numbers under one seed


class Batches:
    """Batches of pictures and labels by step.

    Args:
        images: uint8 [M, S, S, 3]; may be a memory map, of which only the asked rows are read.
        rows: int [N], for each sample its row in `images`.
        labels: name -> array [N, ...], the labels of the samples.
        batch_size: samples a step. Each epoch is a new order; what does not fill a batch at its end is left out.
        seed: order and flips come from (seed, epoch) and (seed, step).
        mirror: flips every picture with probability 1/2.

    Raises:
        UserError: fewer samples than one batch.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray, labels: Mapping[str, np.ndarray], batch_size: int,
                 seed: int, *, mirror: bool = False) -> None:
        if len(rows) < batch_size:
            raise UserError(f"{len(rows)} pictures are left, a batch needs {batch_size}; lower --batch-size or give "
                            "more data")
        self.images, self.rows, self.labels = images, rows, dict(labels)
        self.batch_size, self.seed, self.mirror = batch_size, seed, mirror
        self.steps_per_epoch = len(rows) // batch_size
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def at(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step (counted from 0): `image` uint8 [B, S, S, 3], and each of the labels [B, ...]."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._random(ORDER, epoch).permutation(len(self.rows))
        chosen = self._order[place * self.batch_size:(place + 1) * self.batch_size]
        image = self.images[self.rows[chosen]]
        if self.mirror:
            flips = self._random(FLIPS, step).random(len(image)) < 0.5
            image[flips] = image[flips, :, ::-1]
        return {"image": image} | {name: values[chosen] for name, values in self.labels.items()}

    def stream(self, start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches of the steps from `start` to before `stop`; a background thread keeps one ahead."""
        with ThreadPoolExecutor(1) as thread:
            ahead = thread.submit(self.at, start) if start < stop else None
            for step in range(start, stop):
                batch = ahead.result()
                ahead = thread.submit(self.at, step + 1) if step + 1 < stop else None
                yield batch

    def _random(self, stream: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, index])
