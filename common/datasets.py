"""Shared by all data sets: images from the cache, sets drawn by code, joined arrays. No TensorFlow here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from common import images
from common.decoding import Cut
from common.errors import StorageError, UserError, say
from common.files import ROOT

DATA = Path(os.environ.get("GAN_REPORTS_DATA") or ROOT / "data")  # of the embedded sets
CACHE = Path(os.environ.get("GAN_REPORTS_CACHE") or DATA / "cache")


class Stacked:
    """Several arrays of images as one: `[rows]` reads only these rows."""

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] of the rows, [N] integers."""
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for start, part in zip(self._starts, self._parts, strict=False):
            inside = (rows >= start) & (rows < start + len(part))
            images[inside] = part[rows[inside] - start]
        return images


def drawn_set(make: Callable[..., bool], folder: Path) -> None:
    """Draws an embedded set with `make` if it is missing.

    Raises:
        UserError: the folder holds other files.
        StorageError: it cannot be written.
    """
    try:
        make(folder, announce=say)
    except ValueError as error:
        raise UserError(f"the embedded set: {error}") from None
    except OSError as error:
        raise StorageError(f"{folder}: the embedded set cannot be written ({error.strerror or error}); free space "
                           "or set GAN_REPORTS_DATA to another folder, then run the same command again") from error


@contextmanager
def or_drawn_anew(folder: Path | None) -> Iterator[None]:
    """Adds to a UserError how to repair the embedded set in a folder; None: the data are the user's own."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error}; or delete {folder}, and it is drawn anew") if folder else error from None


def decoded(folder: Path, size: int, cut: Cut = "whole") -> images.Images:
    """The images of a folder through the cache, see `images.load`, with messages for the user."""
    loaded = images.load(folder, size, CACHE, _show_progress, cut)
    if loaded.rebuilt:
        say(f"note: {loaded.rebuilt}; it was rebuilt")
    return loaded


def _show_progress(done: int, total: int) -> None:
    """Prints a line for every 10,000 decoded images."""
    if done % 10_000 == 0:
        say(f"decoded {done:,} of {total:,} images")


def name_left_out(folder: Path, left_out: dict[str, str]) -> None:
    """Prints which images were left out and why, the first ten by name, and what else is in their folder."""
    for name, reason in list(left_out.items())[:10]:
        say(f"note: image {name} left out: {reason}")
    if len(left_out) > 10:
        say(f"note: {len(left_out) - 10} more images left out")
    if others := images.others(images.find(folder)):
        say(f"note: not images of a known kind, and left out: {images.described(others)}")
