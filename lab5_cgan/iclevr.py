"""The labelled images of a run: those of `--data`, or the embedded scenes. No TensorFlow here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from common import datasets
from common.errors import UserError, say
from common.files import packed
from common.runs import Origin
from lab5_cgan import labels, scenes

EMBEDDED = datasets.DATA / "scenes"
SUBSTITUTION = "no --data: training on the embedded set of scenes, drawn by code (data/scenes)"
SIZE = 64
CUTS = {"crop": "middle", "squash": "whole"}  # --resize -> the part of an image that is resized to 64 x 64
PICTURES = ("images", "iclevr")  # names of the image folder, in the course's layout and as others hand it round
FILES = ("train.json", "test.json", "new_test.json", "objects.json")
TESTS = ("test", "new_test")


@dataclass(frozen=True, eq=False)
class Scenes:
    """Labelled images of a run.

    Attributes:
        views: --resize -> the images, uint8 [M, 64, 64, 3]. Square images, for which both are the same, have the
            one view "square".
        resize: the run's choice.
        rows: int [N], for each sample its row in `images`.
        labels: float32 [N, 24], 0 and 1.
        scene: int [N], equal for samples that show the same scene with more or fewer objects.
        tests: "test" and "new_test" -> lists of labels, 32 each in the course's files.
        info: what identifies the data in config.json.
        folder: of the data; None for the embedded set.
    """

    views: dict[str, np.ndarray]
    resize: str
    rows: np.ndarray
    labels: np.ndarray
    scene: np.ndarray
    tests: dict[str, list[list[int]]]
    info: dict[str, Any]
    folder: str | None = None

    @property
    def origin(self) -> Origin:
        """For `Run.record_data`."""
        read = self.rows.tobytes(), self.labels.tobytes(), json.dumps(self.tests).encode()
        return Origin({"data": self.info}, self.folder or "embedded", () if self.folder else (SUBSTITUTION,),
                      {"labels_sha256": _sha256(*read)})

    @property
    def view(self) -> str:
        """The key of `views` that the run trains on."""
        return self.resize if self.resize in self.views else "square"

    @property
    def images(self) -> np.ndarray:
        """The images that the run trains on, uint8 [M, 64, 64, 3]."""
        return self.views[self.view]


def load(folder: Path | None, resize: str) -> Scenes:
    """The images and label files of a folder, or of the embedded set, which is drawn if it is missing.

    Args:
        folder: has one of PICTURES, and FILES; None for the embedded set.
        resize: a key of CUTS.

    Raises:
        UserError: bad label files or images, or no image that has a label.
    """
    if not folder:
        datasets.drawn_set(scenes.make, EMBEDDED)
    with datasets.or_drawn_anew(None if folder else EMBEDDED):
        return replace(_read(folder or EMBEDDED, resize), folder=str(folder.resolve()) if folder else None)


def _read(folder: Path, resize: str) -> Scenes:
    pictures = _pictures(folder)
    labels.check_objects(folder / "objects.json")
    named = labels.read_train(folder / "train.json")
    tests = {name: labels.read_conditions(folder / f"{name}.json") for name in TESTS}
    loaded = {key: datasets.decoded(pictures, SIZE, cut) for key, cut in CUTS.items()}
    first = loaded[resize]
    rows = np.array([row for row, name in enumerate(first.names) if name in named], np.int64)
    names = [first.names[row] for row in rows]
    digests = [each.digest for each in loaded.values()]
    square = len(set(digests)) == 1
    views = {"square": first.images} if square else {key: each.images for key, each in loaded.items()}
    info = {"pictures_sha256": _sha256(*map(str.encode, digests)),
            "labels_sha256": _sha256(*((folder / name).read_bytes() for name in FILES)),
            "rows": len(named), "rows_without_picture": len(named) - len(rows), "pictures": len(first.names),
            "pictures_without_row": len(first.names) - len(rows), "bad_pictures": len(first.left_out),
            "kept": len(rows)}
    _report(pictures, info, first.left_out)
    return Scenes(views, resize, rows, labels.multi_hot([named[name] for name in names]), _scenes(names), tests, info)


def _pictures(folder: Path) -> Path:
    """The image folder of an i-CLEVR folder. Raises UserError if that or one of FILES is missing."""
    pictures = next((folder / name for name in PICTURES if (folder / name).is_dir()), None)
    missing = [name for name in FILES if not (folder / name).is_file()] + ([] if pictures else ["images/"])
    if not missing:
        return pictures
    better = [str(path) for path in (folder.absolute().parent, *sorted(folder.iterdir()))
              if path.is_dir() and all((path / name).is_file() for name in FILES)]
    archives = packed(folder)
    instead = f"; give {' or '.join(better)}" if better else \
        f"; {archives[0]} is still packed: unpack it there" if archives else ""
    raise UserError(f"{folder}: has no {missing[0]}; an i-CLEVR folder has images/ or iclevr/, {', '.join(FILES)}"
                    f"{instead}")


def _report(pictures: Path, info: dict[str, Any], left_out: dict[str, str]) -> None:
    """Prints how many images have labels. Raises UserError if none has."""
    say(f"data {pictures.parent}: {info['kept']} labelled images; {info['rows_without_picture']} rows without an "
        f"image, {info['pictures_without_row']} images without a row, {info['bad_pictures']} bad images")
    datasets.name_left_out(pictures, left_out)
    if not info["kept"]:
        raise UserError(f"{pictures.parent}: train.json names none of the {info['pictures']} images in "
                        f"{pictures.name}/; give the folder that has both")


def _sha256(*parts: bytes) -> str:
    return hashlib.sha256(b" ".join(parts)).hexdigest()


def _scenes(names: list[str]) -> np.ndarray:
    """A number for the scene of each image, int [N]: CLEVR_train_002066_0.png to _2.png show the same one."""
    stems = [Path(name).stem for name in names]
    bases = [stem.rpartition("_")[0] or stem for stem in stems]
    return np.unique(bases, return_inverse=True)[1]
