"""What all data sets share: pictures from the cache, sets that code draws, arrays side by side. No TensorFlow here."""

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

DATA = ROOT / "data"
CACHE = Path(os.environ.get("GAN_REPORTS_CACHE") or DATA / "cache")


class Stacked:
    """Arrays of pictures, one after the other, as one: `[rows]` reads the asked ones and no others."""

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] of the rows, [N] integers."""
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for start, part in zip(self._starts, self._parts, strict=False):
            here = (rows >= start) & (rows < start + len(part))
            found[here] = part[rows[here] - start]
        return found


def drawn_set(make: Callable[..., bool], folder: Path) -> None:
    """Draws an embedded set with `make` where it is missing.

    Raises:
        UserError: the folder holds other files.
        StorageError: it cannot be written.
    """
    try:
        make(folder, announce=say)
    except ValueError as error:
        raise UserError(f"the embedded set: {error}") from None
    except OSError as error:
        raise StorageError(f"{folder}: the embedded set cannot be drawn there ({error.strerror or error}); free space "
                           "or mend the folder, then run the same command again") from error


@contextmanager
def or_drawn_anew(folder: Path | None) -> Iterator[None]:
    """Adds to a UserError what mends an embedded set: its folder; None is the user's own data."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error}; or delete {folder}, it is drawn anew") if folder else error from None


def decoded(folder: Path, size: int, cut: Cut = "whole") -> images.Images:
    """The pictures of a folder from the cache, see `images.load`; says what it does."""
    loaded = images.load(folder, size, CACHE, _show, cut)
    if loaded.rebuilt:
        say(f"note: {loaded.rebuilt}; it was built anew")
    return loaded


def _show(done: int, total: int) -> None:
    """A line now and then while pictures are decoded."""
    if done % 10_000 == 0:
        say(f"decoded {done:,} of {total:,} pictures")


def name_left_out(left_out: dict[str, str]) -> None:
    """Lines on the first of the pictures that were left out, and how many more there are."""
    for name, reason in list(left_out.items())[:10]:
        say(f"note: picture {name} left out: {reason}")
    if len(left_out) > 10:
        say(f"note: {len(left_out) - 10} more pictures left out")
