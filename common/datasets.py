"""Where the pictures of a run come from: `--data`, or the embedded set; joined with their tags. No TensorFlow here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import faces, pictures, tags
from common.cli import ROOT, StorageError, UserError, say
from common.decoding import Cut
from common.runs import Run

if TYPE_CHECKING:
    import pandas

EMBEDDED = ROOT / "data" / "faces"
CACHE = Path(os.environ.get("GAN_REPORTS_CACHE") or ROOT / "data" / "cache")


@dataclass(frozen=True)
class Faces:
    """Tagged pictures of a run.

    Attributes:
        images: uint8 [M, S, S, 3], every picture of the folder or folders: a read-only memory map, or `Stacked`.
        rows: int64 [N], the row in `images` of each sample.
        table: N samples, see `tags`.
        facts: what identifies the data in config.json: digests and counts.
    """

    images: np.ndarray | Stacked
    rows: np.ndarray
    table: pandas.DataFrame
    facts: dict[str, Any]

    def only(self, keep: str) -> Faces:
        """The samples that a filter of `tags.FILTERS` keeps, with the facts that `load` would give under it."""
        kept = np.isin(self.table["id"].to_numpy(), tags.FILTERS[keep](self.table)["id"].to_numpy())
        selected = self.select(kept)
        return replace(selected, facts=selected.facts | {"filter": keep})

    def select(self, kept: np.ndarray) -> Faces:
        """The samples where `kept`, bool [N], is true."""
        facts = self.facts | {"kept": int(kept.sum()),
                              "left_out_by_filter": self.facts["left_out_by_filter"] + int((~kept).sum())}
        return replace(self, rows=self.rows[kept], table=self.table[kept].reset_index(drop=True), facts=facts)


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


def load(run: Run, data: Sequence[Path], size: int, keep: str) -> Faces:
    """The tagged faces of some folders, or of the embedded set, which is drawn where it is missing.

    Args:
        run: is told of a substitution, and of the data's identity.
        data: folders in either layout of the course, joined; none is the embedded set.
        size: pictures become size x size.
        keep: a name in `tags.FILTERS`.

    Raises:
        UserError: bad tags or pictures, nothing left after the filter, or other data than the run began with.
    """
    if not data:
        embedded(run, faces.make, EMBEDDED, "no --data: training on the embedded set of faces, drawn by code "
                                            "(data/faces)")
    with or_drawn_anew(None if data else EMBEDDED):
        found = _join([_read(folder, size, keep) for folder in data or [EMBEDDED]])
    run.fix("data", found.facts)
    folders = [str(folder.resolve()) for folder in data]
    run.note("data_folder", "embedded" if not data else folders[0] if len(folders) == 1 else folders)
    if found.facts["rows"] == found.facts["rows_without_picture"]:
        raise UserError(f"{', '.join(map(str, data))}: no row has a picture: {found.facts['rows']} rows, "
                        f"{found.facts['pictures']} pictures; give the folder whose file names are the rows' ids")
    if found.table.empty:
        raise UserError(f"{', '.join(map(str, data)) or EMBEDDED}: none of the {found.facts['left_out_by_filter']} "
                        f"tagged pictures passes the filter {keep}")
    return found


def _read(folder: Path, size: int, keep: str) -> Faces:
    """One folder."""
    layout = tags.find(folder)
    table = tags.read(layout.csv)
    loaded = decoded(layout.pictures, size)
    try:
        ids = loaded.ids
    except UserError as error:
        raise UserError(f"{layout.pictures}: {error}") from None
    matched, no_picture, no_row = tags.match(table, ids)
    kept = tags.FILTERS[keep](matched)
    facts = {"pictures_sha256": loaded.digest, "tags_sha256": hashlib.sha256(layout.csv.read_bytes()).hexdigest(),
             "rows": len(table), "rows_without_picture": no_picture, "pictures": len(loaded.names),
             "pictures_without_row": no_row, "bad_pictures": len(loaded.left_out), "filter": keep,
             "left_out_by_filter": len(matched) - len(kept), "kept": len(kept)}
    _report(layout.csv.parent, facts, loaded.left_out)
    return Faces(loaded.images, _rows(ids, kept["id"].to_numpy()), kept, facts)


def _join(parts: Sequence[Faces]) -> Faces:
    """One after the other; ids are numbered anew, since two folders may use the same."""
    if len(parts) == 1:
        return parts[0]
    import pandas

    table = pandas.concat([part.table for part in parts], ignore_index=True)
    table["id"] = np.arange(len(table))
    starts = np.cumsum([0, *(len(part.images) for part in parts)])
    rows = np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=False)])

    def both(values: list[int | str]) -> int | str:
        if isinstance(values[0], int):
            return sum(values)
        return values[0] if len(set(values)) == 1 else hashlib.sha256(" ".join(values).encode()).hexdigest()

    facts = {name: both([part.facts[name] for part in parts]) for name in parts[0].facts}
    return Faces(Stacked([part.images for part in parts]), rows, table, facts)


def embedded(run: Run, make: Callable[..., bool], folder: Path, text: str) -> None:
    """Draws a set with `make` where it is missing; `text` says what it stands in for.

    Raises:
        UserError: the folder holds other files.
        StorageError: it cannot be written.
    """
    run.substitute(text)
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


def decoded(folder: Path, size: int, cut: Cut = "whole") -> pictures.Pictures:
    """The pictures of a folder from the cache, see `pictures.load`; says what it does."""
    loaded = pictures.load(folder, size, CACHE, _show, cut)
    if loaded.rebuilt:
        say(f"note: {loaded.rebuilt}; it was built anew")
    return loaded


def _show(done: int, total: int) -> None:
    """A line now and then while pictures are decoded."""
    if done % 10_000 == 0:
        say(f"decoded {done:,} of {total:,} pictures")


def _report(folder: Path, facts: dict[str, Any], left_out: dict[str, str]) -> None:
    say(f"data {folder}: {facts['pictures']} pictures, {facts['rows']} rows; {facts['kept']} kept, "
        f"{facts['left_out_by_filter']} left out by the filter {facts['filter']}; "
        f"{facts['rows_without_picture']} rows without a picture, {facts['pictures_without_row']} pictures without a "
        f"row, {facts['bad_pictures']} bad pictures")
    name_left_out(left_out)


def name_left_out(left_out: dict[str, str]) -> None:
    """Lines on the first of the pictures that were left out, and how many more there are."""
    for name, reason in list(left_out.items())[:10]:
        say(f"note: picture {name} left out: {reason}")
    if len(left_out) > 10:
        say(f"note: {len(left_out) - 10} more pictures left out")


def _rows(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place in `ids` of each of `wanted`, all of which are there."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]
