"""The two sets of images that are translated into each other, and their mini-batches. No TensorFlow here.

A domain is the faces with one hair colour (`red`), one eye colour (`blue-eyes`) or the tag `miku`; all faces
(`anime`), or all faces in grey (`grayscale`); `portraits`, drawn by code; or a folder of images, such as CelebA's
img_align_celeba.
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
from common.files import demand_folder
from common.runs import Origin
from cyclegan_style import portraits

if TYPE_CHECKING:
    import pandas

PORTRAITS = datasets.DATA / "portraits"
BORDER = 143 / 128                   # images are loaded this much larger than the crops, as in the paper
HELD_OUT = 0.05                      # share of a domain that is never trained on; at least SHOWN, or a quarter of few
SHOWN = 8                            # images in a row of the figure
FEWEST = 8                           # images that a domain needs
JUDGED = 64                          # side of the images that the judge sees
CUTS = 5                             # number of a random stream under the seed, beside those of batches.py
GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Domain:
    """One set of images.

    Attributes:
        name: as given; for a folder its last part and a slash.
        images: uint8 [M, R, R, 3], larger than the network's images by BORDER.
        rows: int [N], the rows of `images` that are trained on.
        held_out: int [K], those that are in the domain but not trained on.
        grey: whether the images are converted to grey.
    """

    name: str
    images: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    grey: bool = False

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some rows of `images`: uint8 [N, R, R, 3], grey where the domain is."""
        pictures = self.images[rows]
        if not self.grey:
            return pictures
        return np.repeat((pictures @ GREY).round().astype(np.uint8)[..., None], 3, axis=3)

    def shown(self, size: int, count: int) -> np.ndarray:
        """The middle of the first `count` held-out images, or of all: uint8 [count or fewer, size, size, 3]."""
        return middle(self[self.held_out[:count]], size)


@dataclass(frozen=True)
class Domains:
    """Both domains of a run.

    Attributes:
        a, b: the domains.
        tagged: the tagged faces from which one or both come, or None.
        size: side of the network's images.
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
        """Images uint8 [N, S, S, 3] -> the same at the judge's size: each is the mean of blocks of pixels."""
        factor = max(1, self.size // JUDGED)
        parts = pictures.reshape(len(pictures), self.size // factor, factor, self.size // factor, factor, 3)
        return parts.mean((2, 4)).round().astype(np.uint8)

    def seen(self, pictures: np.ndarray) -> np.ndarray:
        """Images of a domain, uint8 [N, R, R, 3] -> their middle at the judge's size."""
        return self.small(middle(pictures, self.size))


class Middle:
    """Images as they are evaluated: their middle, `size` pixels wide, then reduced by `small`."""

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
    """Loads both domains.

    Args:
        folder: of the tagged faces; None for the embedded set.
        a, b: names of domains, or folders.
        size: side of the network's images.
        align: whether portraits are cut to the face, so that it fills the frame as in the anime faces.

    Raises:
        UserError: bad images, or too few of them.
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
    if both[0].images is both[1].images:  # what one domain holds out, the other must not train on
        both = [replace(domain, rows=np.setdiff1d(domain.rows, other.held_out))
                for domain, other in (both, both[::-1])]
    identity["domains"] = {key: {"name": domain.name, "pictures": len(domain.rows), "held_out": len(domain.held_out)}
                           for key, domain in zip("AB", both, strict=True)}
    others = [name for name in (a, b) if not tags.is_domain(name) and name != "portraits"]
    origin = Origin(identity, tagged.origin.folder if tagged else "embedded", substitutions,
                    tagged.origin.contents if tagged else {}, others)
    return Domains(*both, tagged, size, origin)


def _tags(folder: Path | None) -> pandas.DataFrame:
    """The table of tags. That of the embedded set is read without drawing the images."""
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
    """Which rows are in A and which in B, bool [N] each; without meaning for a domain that is not of tagged faces."""
    return tags.domains(table, *(name if name in tags.DOMAINS else None for name in (a, b)))


def demand(folder: Path | None, a: str, b: str) -> None:
    """Raises UserError, with a list of all domains, unless A and B are two domains with enough images.

    This takes a second or two.
    """
    table = _tags(folder)
    known = [f"anime {len(table)}", f"grayscale {len(table)}", "portraits (drawn by code)", "a folder of images",
             *(f"{name} {size}" for name, size in tags.domain_sizes(table).items())]
    choices = f"take two of: {', '.join(known)}"
    if a == b:
        raise UserError(f"--domainA and --domainB are both {a!r}; {choices}")
    for option, name, member in zip(("--domainA", "--domainB"), (a, b), _members(table, a, b), strict=True):
        if not tags.is_domain(name) and name != "portraits" and not (name and Path(name).is_dir()):
            if Path(name).is_file():
                demand_folder(Path(name), option)
            raise UserError(f"there is no domain {name!r}, and no such folder; {choices}")
        count = member.sum() if tags.is_domain(name) else FEWEST if name == "portraits" else \
            len(images.names(images.find(Path(name))))
        if count < FEWEST:
            where = f"domain {name!r} and not in the other one" if tags.is_domain(name) else f"the folder {name}"
            raise UserError(f"{count} images are in {where}, {FEWEST} are needed; {choices}")


def _split(name: str, images: np.ndarray, rows: np.ndarray) -> Domain:
    """Holds out some of a domain's images, the same in every run. Raises UserError if the domain has too few."""
    if len(rows) < FEWEST:
        raise UserError(f"domain {name!r}: it has {len(rows)} usable images, {FEWEST} are needed; give more")
    order = np.random.default_rng(0).permutation(rows)
    count = max(min(SHOWN, len(rows) // 4), round(HELD_OUT * len(rows)))
    return Domain(name, images, np.sort(order[count:]), order[:count], grey=name == "grayscale")


def _other(name: str, size: int, align: bool) -> tuple[Domain, dict[str, Any]]:
    """The portraits drawn by code or a folder's images, cut to their largest square or the face; their identity."""
    folder, cut, shown = Path(name), "middle", f"{Path(name).name}/"  # no domain of tags is named so
    if name == "portraits":
        folder, shown = PORTRAITS, name
        datasets.drawn_set(portraits.make, folder)
    if align:
        cut = portraits.FACE_BOX
    decoded = datasets.decoded(folder, size, cut)
    if name != "portraits":
        datasets.name_left_out(folder, decoded.left_out)
    return (_split(shown, decoded.images, np.arange(len(decoded.images))),
            {"sha256": decoded.digest, "pictures": len(decoded.images)})


class Pairs:
    """Mini-batches of both domains. Each domain has its own order, crops and flips, all functions of (seed, step).

    Args:
        a, b: the domains.
        size: side of the random crops.
        batch_size: images per step and domain.
        seed: of order, crops and flips.
    """

    def __init__(self, a: Domain, b: Domain, size: int, batch_size: int, seed: int) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        # each domain has its own epochs; different seeds keep their random numbers apart
        self._streams = [Batches(domain, domain.rows, {}, batch_size, 2 * seed + k, mirror=True)
                         for k, domain in enumerate((a, b))]
        self.steps_per_epoch = max(stream.steps_per_epoch for stream in self._streams)

    def at(self, step: int) -> dict[str, np.ndarray]:
        """`image` and `image_b`, uint8 [B, size, size, 3] each."""
        return {name: self._cut(stream.at(step)["image"], step, place)
                for place, (name, stream) in enumerate(zip(("image", "image_b"), self._streams, strict=True))}

    def stream(self, start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        """The mini-batches of the steps from `start` to `stop` - 1; a background thread prepares the next one."""
        return ahead(self.at, start, stop)

    def _cut(self, images: np.ndarray, step: int, place: int) -> np.ndarray:
        random = np.random.default_rng([self.seed, CUTS, step, place])
        corners = random.integers(images.shape[1] - self.size + 1, size=(len(images), 2))
        return np.stack([image[y:y + self.size, x:x + self.size]
                         for image, (y, x) in zip(images, corners, strict=True)])
