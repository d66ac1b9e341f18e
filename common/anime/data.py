"""The tagged faces of a run, from `--data` or from the embedded set. No TensorFlow here."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.anime import faces, tags
from common.datasets import DATA, Stacked, decoded, drawn_set, name_left_out, or_drawn_anew
from common.errors import UserError, say
from common.images import Images
from common.runs import Origin

if TYPE_CHECKING:
    import pandas

EMBEDDED = DATA / "faces"
SUBSTITUTION = "no --data: training on the embedded set of faces, drawn by code (data/faces)"
UNTAGGED = "--data has no tag file: all its images are taken, and measured by the judge of the embedded faces"


@dataclass(frozen=True)
class Faces:
    """Tagged images of a run.

    Attributes:
        images: uint8 [M, S, S, 3], all images of the folders: a read-only memory map, or `Stacked`.
        rows: int64 [N], for each sample its row in `images`.
        table: N samples, see `tags`.
        info: digests and counts that identify the data in config.json.
        folder: the data folder, or several; None is the embedded set.
    """

    images: np.ndarray | Stacked
    rows: np.ndarray
    table: pandas.DataFrame
    info: dict[str, Any]
    folder: str | list[str] | None = None

    @property
    def origin(self) -> Origin:
        """For `Run.record_data`."""
        notes = () if self.folder and self.tagged else (UNTAGGED,) if self.folder else (SUBSTITUTION,)
        table = self.table.assign(row=self.rows).to_csv(index=False)
        contents = {"tags_sha256": hashlib.sha256(table.encode()).hexdigest()} if self.tagged else {}
        return Origin({"data": self.info}, self.folder or "embedded", notes, contents)

    @property
    def tagged(self) -> bool:
        """Whether the images have tags, see `load_any`."""
        return "tags_sha256" in self.info

    @functools.cached_property
    def _labels(self) -> tuple[np.ndarray, np.ndarray]:
        return tags.labels(self.table)

    @property
    def hair(self) -> np.ndarray:
        """Indices into tags.HAIR, int32 [N]. Raises UserError unless each sample has one hair and one eye colour."""
        return self._labels[0]

    @property
    def eyes(self) -> np.ndarray:
        """Indices into tags.EYES, int32 [N]. Raises UserError unless each sample has one hair and one eye colour."""
        return self._labels[1]

    def conditions(self, columns: int, warn: Callable[[str], None]) -> np.ndarray:
        """`tags.multi_hot` of the samples. Calls `warn` with a line if most have no hair colour, or no eye colour."""
        kinds = zip(("hair", "eye"), tags.without_colour(self.table), strict=True)
        none = [f"{kind} colour ({count} of {len(self.table)})" for kind, without in kinds
                if (count := int(without.sum())) > len(self.table) / 2]
        if none:
            warn(f"most images have no {' and no '.join(none)}, so there is little to learn a condition from; look at "
                 "the spelling of the tags: docs/data.md")
        return tags.multi_hot(self.table, columns)

    def only(self, keep: str) -> Faces:
        """The samples that a filter of `tags.FILTERS` keeps, with the info that `load` would give with that filter."""
        kept = np.isin(self.table["id"].to_numpy(), tags.FILTERS[keep](self.table)["id"].to_numpy())
        selected = self.select(kept)
        return replace(selected, info=selected.info | {"filter": keep})

    def select(self, kept: np.ndarray) -> Faces:
        """The samples where `kept`, bool [N], is true."""
        info = self.info | {"kept": int(kept.sum()),
                            "left_out_by_filter": self.info["left_out_by_filter"] + int((~kept).sum())}
        return replace(self, rows=self.rows[kept], table=self.table[kept].reset_index(drop=True), info=info)


def load(folders: Sequence[Path], size: int, keep: str) -> Faces:
    """Loads the tagged faces of folders, or of the embedded set, which is drawn if it is missing.

    Args:
        folders: each in one of the layouts of the course, joined; none means the embedded set.
        size: images become size x size.
        keep: a name in `tags.FILTERS`.

    Raises:
        UserError: bad tags or images, or no row passes the filter.
        StorageError: the embedded set or the cache cannot be written.
    """
    if not folders:
        drawn_set(faces.make, EMBEDDED)
    with or_drawn_anew(None if folders else EMBEDDED):
        data = _join([_read(folder, size, keep) for folder in folders or [EMBEDDED]])
    if data.info["rows"] == data.info["rows_without_picture"]:
        raise UserError(f"{', '.join(map(str, folders))}: no row has an image: {data.info['rows']} rows, "
                        f"{data.info['pictures']} images; give the folder whose file names are the rows' ids")
    if data.table.empty:
        raise UserError(f"{', '.join(map(str, folders)) or EMBEDDED}: none of the "
                        f"{data.info['left_out_by_filter']} tagged images passes the filter {keep}")
    names = [str(folder.resolve()) for folder in folders]
    return replace(data, folder=names[0] if len(names) == 1 else names or None)


def load_any(folders: Sequence[Path], size: int) -> Faces:
    """`load` with all rows; of one folder without a tag file all images, with rows that have no tags.

    Raises UserError and StorageError as `load` does.
    """
    if len(folders) != 1 or tags.has_tags(folders[0]):
        return load(folders, size, "all")
    folder = folders[0]
    loaded = decoded(folder, size)
    count = len(loaded.names)
    say(f"data {folder}: {count} images without tags; {len(loaded.left_out)} bad images")
    name_left_out(folder, loaded.left_out)
    info = {"pictures_sha256": loaded.digest, "pictures": count, "bad_pictures": len(loaded.left_out), "kept": count}
    return Faces(loaded.images, np.arange(count), tags.blank(count), info, str(folder.resolve()))


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
    info = {"pictures_sha256": loaded.digest, "tags_sha256": hashlib.sha256(layout.csv.read_bytes()).hexdigest(),
            "rows": len(table), "rows_without_picture": no_picture, "pictures": len(loaded.names),
            "pictures_without_row": no_row, "bad_pictures": len(loaded.left_out), "filter": keep,
            "left_out_by_filter": len(matched) - len(kept), "kept": len(kept)}
    _report(layout, info, table, loaded, ids)
    return Faces(loaded.images, _rows(ids, kept["id"].to_numpy()), kept, info)


def _join(parts: Sequence[Faces]) -> Faces:
    """Joins the data of several folders. Ids are renumbered, since two folders may use the same ones."""
    if len(parts) == 1:
        return parts[0]
    import pandas

    table = pandas.concat([part.table for part in parts], ignore_index=True)
    table["id"] = np.arange(len(table))
    starts = np.cumsum([0, *(len(part.images) for part in parts)])
    rows = np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=False)])

    def joined(values: list[int | str]) -> int | str:
        if isinstance(values[0], int):
            return sum(values)
        return values[0] if len(set(values)) == 1 else hashlib.sha256(" ".join(values).encode()).hexdigest()

    info = {name: joined([part.info[name] for part in parts]) for name in parts[0].info}
    return Faces(Stacked([part.images for part in parts]), rows, table, info)


def _report(layout: tags.Layout, info: dict[str, Any], table: pandas.DataFrame, loaded: Images,
            ids: np.ndarray) -> None:
    colourless = int(np.all(tags.without_colour(table), axis=0).sum())
    say(f"data {layout.csv.parent}: {info['pictures']} images, {info['rows']} rows; {info['kept']} kept, "
        f"{info['left_out_by_filter']} left out by the filter {info['filter']}; "
        f"{info['rows_without_picture']} rows without an image, {info['pictures_without_row']} images without a "
        f"row, {info['bad_pictures']} bad images, {colourless} rows without a colour tag")
    rows, near = tags.near_misses(table)
    if rows:
        named = ", ".join(f"{tag[:40]!r} in {count}" for tag, count in near.most_common(5))
        say(f"note: {rows} rows have tags that resemble a colour tag but are read as none: {named}"
            f"{', ...' if len(near) > 5 else ''}; if they are meant, write them as in docs/data.md")
    unnumbered = [loaded.names[row] for row in np.flatnonzero(ids < 0)]
    if unnumbered:
        say(f"note: {len(unnumbered)} images left out, since their names are no numbers and so no ids of rows: "
            f"{', '.join(unnumbered[:5])}{', ...' if len(unnumbered) > 5 else ''}")
    name_left_out(layout.pictures, loaded.left_out)


def _rows(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index in `ids` of each of `wanted`; all of them must occur."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]
