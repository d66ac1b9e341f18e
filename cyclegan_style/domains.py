"""The two sets of pictures that are translated into each other, and the batches of both. No TensorFlow here.

A domain is the faces with one hair colour (`red`), one eye colour (`blue-eyes`) or `miku`; all faces (`anime`), all of
them grey (`grayscale`); `portraits`, drawn by code; or a folder of pictures, such as CelebA's img_align_celeba.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import datasets, images
from common.anime import data, faces, tags
from common.anime.data import Faces
from common.batches import Batches, ahead
from common.errors import UserError
from common.runs import Origin
from cyclegan_style import portraits

if TYPE_CHECKING:
    import pandas

PORTRAITS = datasets.DATA / "portraits"
BORDER = 143 / 128                   # pictures are this much larger than what is cut from them, as in the paper
HELD_OUT = 0.05                      # of each domain, never trained on: at least SHOWN, of few a quarter
SHOWN = 8                            # pictures a row of the figure
FEWEST = 8                           # pictures in a domain
JUDGED = 64                          # side of what the judge sees
CUTS = 5                             # a stream of random numbers under the seed, beside those of batches.py
GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Domain:
    """One set of pictures.

    Attributes:
        name: as given; of a folder its last part and a slash.
        images: uint8 [M, R, R, 3], larger than the network's pictures by BORDER.
        rows: int [N], those of the domain that are trained on.
        held_out: int [K], those that are not.
        grey: whether they are turned grey.
    """

    name: str
    images: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    grey: bool = False

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [N, R, R, 3] of rows of `images`."""
        found = self.images[rows]
        if not self.grey:
            return found
        return np.repeat((found @ GREY).round().astype(np.uint8)[..., None], 3, axis=3)

    def shown(self, size: int, count: int) -> np.ndarray:
        """uint8 [count or fewer, size, size, 3]: the middle of pictures that are held out, always the same."""
        return middle(self[self.held_out[:count]], size)


@dataclass(frozen=True)
class Domains:
    """Both domains of a run.

    Attributes:
        a, b: the domains.
        tagged: the tagged faces, of which one or both come, or None.
        size: side of the network's pictures.
        origin: for `Run.record_data`.
    """

    a: Domain
    b: Domain
    tagged: Faces | None
    size: int
    origin: Origin

    @property
    def judged(self) -> Faces:
        """The tagged faces with one hair and one eye colour, as the judge sees them."""
        images = Middle(self.tagged.images, self.size, self.small)
        info = self.tagged.info | {"seen_at": min(self.size, JUDGED)}
        return replace(self.tagged, images=images, info=info).only("exactly_one")

    def small(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> uint8 at the judge's size: whole blocks of pixels are averaged."""
        factor = max(1, self.size // JUDGED)
        parts = pictures.reshape(len(pictures), self.size // factor, factor, self.size // factor, factor, 3)
        return parts.mean((2, 4)).round().astype(np.uint8)


class Middle:
    """Pictures as the network gets them when it is looked at: their middle, `size` pixels wide, then made small."""

    def __init__(self, images: np.ndarray, size: int, small: Callable[[np.ndarray], np.ndarray]) -> None:
        self._images, self._size, self._small = images, size, small
        self.shape = (len(images), *small(np.zeros((1, size, size, 3), np.uint8)).shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._small(middle(self._images[rows], self._size))


def middle(pictures: np.ndarray, size: int) -> np.ndarray:
    """[N, R, R, 3] -> the middle [N, size, size, 3]."""
    place = (pictures.shape[1] - size) // 2
    return pictures[:, place:place + size, place:place + size]


def load(folder: Path | None, a: str, b: str, size: int, align: bool = False) -> Domains:
    """Both domains.

    Args:
        folder: of the tagged faces; None is the embedded set.
        a, b: names of domains, or folders.
        size: side of the network's pictures.
        align: portraits are cut to the face, so that it takes the same part of the frame as in the anime faces.

    Raises:
        UserError: bad pictures, or too few of them.
    """
    large, tagged, members = round(size * BORDER), None, (None, None)
    if tags.is_domain(a) or tags.is_domain(b):
        tagged = data.load([folder] if folder else [], large, keep="all")
        members = _members(tagged.table, a, b)
    identity, substitutions = (dict(tagged.origin.identity), tagged.origin.substitutions) if tagged else ({}, ())
    both = []
    for key, name, member in zip("AB", (a, b), members, strict=True):
        if tags.is_domain(name):
            both.append(_split(name, tagged.images, tagged.rows[member]))
            continue
        domain, identity[f"pictures of {key}"] = _other(name, large, align)
        both.append(domain)
        if name == "portraits":
            substitutions += ("portraits are drawn by code (data/portraits), not photographs",)
    if both[0].images is both[1].images:  # what one holds back the other does not train on
        both = [replace(domain, rows=np.setdiff1d(domain.rows, other.held_out))
                for domain, other in (both, both[::-1])]
    identity["domains"] = {key: {"name": domain.name, "pictures": len(domain.rows), "held_out": len(domain.held_out)}
                           for key, domain in zip("AB", both, strict=True)}
    others = [name for name in (a, b) if not tags.is_domain(name) and name != "portraits"]
    origin = Origin(identity, tagged.origin.folder if tagged else "embedded", substitutions, others)
    return Domains(*both, tagged, size, origin)


def _tags(folder: Path | None) -> pandas.DataFrame:
    """The table of tags; that of the embedded set without drawing it."""
    if folder:
        return tags.read(tags.find(folder).csv)
    if (data.EMBEDDED / "tags_clean.csv").is_file():
        with datasets.or_drawn_anew(data.EMBEDDED):
            return tags.read(data.EMBEDDED / "tags_clean.csv")
    with tempfile.TemporaryDirectory() as temporary:
        csv = Path(temporary) / "tags_clean.csv"
        faces.write_rows(csv)
        return tags.read(csv)


def _members(table: pandas.DataFrame, a: str, b: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are in A and which in B, bool [N]; meaningless for a domain that is not one of tagged faces."""
    return tags.domains(table, *(name if name in tags.DOMAINS else None for name in (a, b)))


def demand(folder: Path | None, a: str, b: str) -> None:
    """Raises UserError unless A and B are two domains with pictures, and lists what there is; takes a second or two."""
    table = _tags(folder)
    there = [f"anime {len(table)}", f"grayscale {len(table)}", "portraits (drawn by code)", "a folder of pictures",
             *(f"{name} {size}" for name, size in tags.domain_sizes(table).items())]
    choices = f"take two of: {', '.join(there)}"
    if a == b:
        raise UserError(f"--domainA and --domainB are both {a!r}; {choices}")
    for name, member in zip((a, b), _members(table, a, b), strict=True):
        if not tags.is_domain(name) and name != "portraits" and not (name and Path(name).is_dir()):
            raise UserError(f"there is no domain {name!r}, nor such a folder; {choices}")
        count = member.sum() if tags.is_domain(name) else FEWEST if name == "portraits" else _files(Path(name))
        if count < FEWEST:
            where = f"domain {name!r} and not in the other one" if tags.is_domain(name) else f"the folder {name}"
            raise UserError(f"{count} pictures are in {where}, {FEWEST} are needed; {choices}")


def _files(folder: Path) -> int:
    """How many files of a folder look like pictures."""
    return sum(path.suffix.lower() in images.SUFFIXES and path.name[0] != "." for path in folder.iterdir())


def _split(name: str, images: np.ndarray, rows: np.ndarray) -> Domain:
    """Holds some of a domain's pictures back, the same in every run. Raises UserError for too few."""
    if len(rows) < FEWEST:
        raise UserError(f"domain {name!r}: {len(rows)} of its pictures are there and whole, {FEWEST} are needed; give "
                        "more")
    order = np.random.default_rng(0).permutation(rows)
    back = max(min(SHOWN, len(rows) // 4), round(HELD_OUT * len(rows)))
    return Domain(name, images, np.sort(order[back:]), order[:back], grey=name == "grayscale")


def _other(name: str, size: int, align: bool) -> tuple[Domain, dict[str, Any]]:
    """The portraits drawn by code, or a folder's pictures: the largest square of each, or its face; their identity."""
    folder, cut, shown = Path(name), "middle", f"{Path(name).name}/"  # no domain of tags is named so
    if name == "portraits":
        folder, shown = PORTRAITS, name
        datasets.drawn_set(portraits.make, folder)
    if align:
        cut = portraits.FACE_BOX
    decoded = datasets.decoded(folder, size, cut)
    datasets.name_left_out(decoded.left_out)
    return (_split(shown, decoded.images, np.arange(len(decoded.images))),
            {"sha256": decoded.digest, "pictures": len(decoded.images)})


class Pairs:
    """Batches of both domains: each has an order, cuts and flips of its own, all functions of (seed, step).

    Args:
        a, b: the domains.
        size: side of the pictures that are cut out, at a random place.
        batch_size: pictures of each domain a step.
        seed: of everything random.
    """

    def __init__(self, a: Domain, b: Domain, size: int, batch_size: int, seed: int) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        # each domain goes through its own epochs; the streams of random numbers differ by the seed
        self._streams = [Batches(domain, domain.rows, {}, batch_size, 2 * seed + k, mirror=True)
                         for k, domain in enumerate((a, b))]
        self.steps_per_epoch = max(stream.steps_per_epoch for stream in self._streams)

    def at(self, step: int) -> dict[str, np.ndarray]:
        """`image` and `image_b`, uint8 [B, size, size, 3] each."""
        return {name: self._cut(stream.at(step)["image"], step, place)
                for place, (name, stream) in enumerate(zip(("image", "image_b"), self._streams, strict=True))}

    def stream(self, start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches of the steps from `start` to before `stop`; a background thread keeps one ahead."""
        return ahead(self.at, start, stop)

    def _cut(self, images: np.ndarray, step: int, place: int) -> np.ndarray:
        random = np.random.default_rng([self.seed, CUTS, step, place])
        corners = random.integers(images.shape[1] - self.size + 1, size=(len(images), 2))
        return np.stack([image[y:y + self.size, x:x + self.size]
                         for image, (y, x) in zip(images, corners, strict=True)])
