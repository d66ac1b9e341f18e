"""(seed, step) -> batch: order, flips and wrong pairs depend on nothing else, so a resumed run is bit-identical."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common.errors import UserError

ORDER, FLIPS, WRONG_LABELS, WRONG_IMAGES = 1, 2, 3, 4  # streams of random numbers under one seed


class Batches:
    """Batches of images and labels by step.

    Args:
        images: uint8 [M, S, S, 3]; may be a memory map, of which only the needed rows are read.
        rows: int [N], for each sample its row in `images`.
        labels: name -> array [N, ...], the labels of the samples.
        batch_size: samples per step. Each epoch has a new order; an incomplete batch at its end is left out.
        seed: order and flips come from (seed, epoch) and (seed, step).
        mirror: flips each image from left to right with probability 1/2.
        wrong: name of a label; each batch then also has `wrong_NAME`, the label of another sample, and `wrong_image`,
            the image of a third one, both chosen uniformly among the samples with a different label.
        wrong_label: makes the wrong labels from the right ones, [B, ...], and random numbers instead.
        rolled: the wrong images are the batch's own instead, moved on by one, whatever their labels.

    Raises:
        UserError: fewer samples than one batch, or wrong pairs are asked for and all samples have the same label.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray, labels: Mapping[str, np.ndarray], batch_size: int,
                 seed: int, *, mirror: bool = False, wrong: str | None = None,
                 wrong_label: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
                 rolled: bool = False) -> None:
        if len(rows) < batch_size:
            raise UserError(f"{len(rows)} images are left, but a step takes {batch_size}; lower --batch-size (or "
                            "--d-steps), or give more data")
        self.images, self.rows, self.labels = images, rows, dict(labels)
        self.batch_size, self.seed, self.mirror = batch_size, seed, mirror
        self.steps_per_epoch = len(rows) // batch_size
        self._mismatched = _Mismatched(self.labels[wrong]) if wrong else None
        self._wrong, self._wrong_label, self._rolled = wrong, wrong_label, rolled
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def at(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step (from 0): `image` uint8 [B, S, S, 3], every label [B, ...], and the wrong ones."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._random(ORDER, epoch).permutation(len(self.rows))
        chosen = self._order[place * self.batch_size:(place + 1) * self.batch_size]
        batch = {name: values[chosen] for name, values in self.labels.items()}
        batch["image"] = self.images[self.rows[chosen]]
        if self._mismatched:
            random = self._random(WRONG_LABELS, step)
            batch[f"wrong_{self._wrong}"] = \
                self._wrong_label(batch[self._wrong], random) if self._wrong_label \
                else self.labels[self._wrong][self._mismatched.choose(chosen, random)]
            batch["wrong_image"] = \
                np.roll(batch["image"], 1, axis=0) if self._rolled \
                else self.images[self.rows[self._mismatched.choose(chosen, self._random(WRONG_IMAGES, step))]]
        if self.mirror:
            random = self._random(FLIPS, step)
            for image in (batch[name] for name in ("image", "wrong_image") if name in batch):
                flips = random.random(len(image)) < 0.5
                image[flips] = image[flips, :, ::-1]
        return batch

    def stream(self, start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches of the steps `start` to `stop - 1`; a background thread keeps one ahead."""
        return ahead(self.at, start, stop)

    def _random(self, stream: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, index])


def ahead(at: Callable[[int], dict[str, np.ndarray]], start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
    """Yields at(start) to at(stop - 1); a background thread computes one ahead."""
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(at, start) if start < stop else None
        for step in range(start, stop):
            batch = future.result()
            future = thread.submit(at, step + 1) if step + 1 < stop else None
            yield batch


class _Mismatched:
    """Chooses samples whose label differs from that of given samples, all of them equally likely."""

    def __init__(self, labels: np.ndarray) -> None:
        _, label = np.unique(labels, axis=0, return_inverse=True)
        self._order = np.argsort(label, kind="stable")  # samples with the same label form a block
        ends = np.cumsum(np.bincount(label))
        if len(ends) < 2:
            raise UserError(f"all {len(labels)} images have the same label, so there are no wrong pairs; give more "
                            "data")
        self._end, self._size = ends[label], np.bincount(label)[label]  # of the block of each sample

    def choose(self, samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """int [B] -> int [B]: for each sample one from outside its own block."""
        place = random.integers(len(self._order) - self._size[samples])
        start = self._end[samples] - self._size[samples]
        return self._order[np.where(place < start, place, place + self._size[samples])]
