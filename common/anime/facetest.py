"""The course's test of generated anime faces: in how many of 25 images does a cascade of classifiers find a face?

The course drew 25 images into one 5 x 5 figure by Matplotlib's defaults, looked for faces with OpenCV and nagadomi's
`lbpcascade_animeface.xml` (scale factor 1.1, 5 neighbours, least size 24), and required 20 faces to pass. The file is
not part of this repository: docs/data.md, "The cascade of the face test".

scikit-image has the same cascade without OpenCV, but it scales the features, not the image, and groups detections
differently. So search and grouping are implemented here after OpenCV's `CascadeClassifier`. scikit-image and
Matplotlib are imported where they are used, so that `--help` of the scripts with the options below stays fast.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from common.datasets import DATA
from common.errors import UserError, say
from common.files import not_a_file, regular
from common.options import Common, option

DEFAULT = DATA / "lbpcascade_animeface.xml"
SIDE = 5                   # images per row and per column of the figure
IMAGES = SIDE * SIDE
PASS = 20                  # number of faces that the course required
SCALE = 1.1                # from one size of face to the next
NEIGHBOURS = 5             # a face is one that is found more often than this, at about the same place
WINDOW = 24                # side of the cascade's window in pixels, and of the smallest face
NEAR = 0.2                 # of its side: how far the edges of two squares may be apart at the same place


@dataclass(frozen=True)
class FaceOptions(Common):
    """The options of every training script whose generator draws faces."""

    cascade: Path | None = option(None, "lbpcascade_animeface.xml, with which the course tested faces: docs/data.md "
                                  "(default: data/lbpcascade_animeface.xml, if it is there)", metavar="FILE",
                                  keeps_run=True)

    def check(self) -> None:
        """Raises UserError for invalid values."""
        super().check()
        if self.cascade and not self.cascade.is_file():
            raise UserError(f"--cascade {self.cascade}: {not_a_file(self.cascade)}")


class FaceTest:
    """The course's test with one cascade.

    Args:
        file: a cascade of LBP features in OpenCV's format, with a window of 24 x 24 pixels.

    Raises:
        UserError: the file holds no such cascade.
    """

    def __init__(self, file: Path) -> None:
        from skimage.feature import Cascade

        try:
            content = regular(file).read_bytes()
            tree = ElementTree.fromstring(content)
            kind = [tree.find(f".//{name}").text for name in ("featureType", "width", "height")]
            if kind != ["LBP", str(WINDOW), str(WINDOW)]:
                raise ValueError
            self._cascade = Cascade(str(file))
        except (ElementTree.ParseError, AttributeError, TypeError, ValueError, LookupError):
            raise UserError(f"{file}: no LBP cascade with a window of {WINDOW} pixels; docs/data.md says where to get "
                            "lbpcascade_animeface.xml, or leave it out") from None
        self.sha256 = hashlib.sha256(content).hexdigest()

    def measure(self, fake: np.ndarray, real: np.ndarray) -> dict[str, Any]:
        """The section `face_test` of metrics.json, of 25 generated images beside 25 real ones.

        Args:
            fake: uint8 [25, S, S, 3].
            real: uint8 [25, S, S, 3], or fewer: these are not tested.

        Returns:
            "found", generated images with a face; "real_found", None of too few real ones; "n", 25; "pass_from";
            "passed"; "cascade_sha256".
        """
        found = self.found(fake)
        return {"found": found, "real_found": self.found(real) if len(real) == IMAGES else None, "n": IMAGES,
                "pass_from": PASS, "passed": found >= PASS, "cascade_sha256": self.sha256}

    def found(self, images: np.ndarray) -> int:
        """In how many of uint8 [25, S, S, 3] a face is found: the centre of a face that is found lies in the image.

        OpenCV's count is that of faces. It is the same, unless two faces are found in one image or one beside them.
        """
        grey, cells = figure(images)
        x, y, side = self.faces(grey).T
        x, y = x + side / 2, y + side / 2
        return sum(bool(np.any((x >= left) & (x <= right) & (y >= top) & (y <= bottom)))
                   for left, top, right, bottom in cells)

    def faces(self, grey: np.ndarray) -> np.ndarray:
        """The faces in a grey image uint8 [H, W]: rows (left, top, side) in pixels, float [N, 3]."""
        from skimage.transform import resize

        found: list[tuple[int, int, int]] = []
        factor = 1.0
        while round(WINDOW * factor) <= min(grey.shape):
            small = np.rint(resize(grey, [round(side / factor) for side in grey.shape], order=1, anti_aliasing=False,
                                   preserve_range=True)).astype(np.int64)
            # The cascade adds up pixels in float32. Around their mean the sums stay below 2^24 and so are exact; a
            # constant changes no comparison of LBP.
            small -= round(float(small.mean()))
            # one size, 24 to 25 pixels; every window is kept by itself: 1 neighbour, joined above a share of 1
            windows = self._cascade.detect_multi_scale(small, SCALE, 1 if factor > 2 else 2, (WINDOW, WINDOW),
                                                       (WINDOW + 1, WINDOW + 1), 1, 1.0)
            found += [(round(window["c"] * factor), round(window["r"] * factor), round(WINDOW * factor))
                      for window in windows]
            factor *= SCALE
        return joined(np.array(found, np.float64).reshape(-1, 3))


def figure(images: np.ndarray) -> tuple[np.ndarray, list[tuple[float, float, float, float]]]:
    """25 images as the course drew them, grey and with equalised histogram.

    Args:
        images: uint8 [25, S, S, 3].

    Returns:
        uint8 [480, 640], and the (left, top, right, bottom) of each image in it, in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(6.4, 4.8), dpi=100)
    canvas = FigureCanvasAgg(drawing)
    axes = drawing.subplots(SIDE, SIDE).ravel()
    for one, image in zip(axes, images, strict=True):
        one.imshow(image, interpolation="nearest")  # Matplotlib's default at the time of the course
        one.axis("off")
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    boxes = [one.get_window_extent() for one in axes]
    return equalised(np.asarray(picture.convert("L"))), \
        [(box.x0, picture.height - box.y1, box.x1, picture.height - box.y0) for box in boxes]


def equalised(grey: np.ndarray) -> np.ndarray:
    """OpenCV's `equalizeHist`: uint8 [H, W] with all levels about equally frequent."""
    counts = np.bincount(grey.ravel(), minlength=256)
    darkest = counts[np.flatnonzero(counts)[0]]
    if darkest == grey.size:
        return grey
    return np.rint((np.cumsum(counts) - darkest) * 255.0 / (grey.size - darkest)).clip(0).astype(np.uint8)[grey]


def joined(squares: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """OpenCV's `groupRectangles`: the mean of the squares at the same place, where there are more than `neighbours`.

    Two squares are at the same place if each of their edges is at most NEAR of the smaller side apart, or by way of
    others.

    Args:
        squares: (left, top, side), [N, 3].
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, top, side = squares.T
    edges = np.stack([left, top, left + side, top + side], axis=1)
    near = [np.flatnonzero(np.abs(edges - edge).max(axis=1) <= NEAR * np.minimum(side, own))
            for edge, own in zip(edges, side, strict=True)]  # row by row: of noise there may be thousands of squares
    first = np.repeat(np.arange(len(near)), [len(others) for others in near])
    second = np.concatenate([*near, np.empty(0, np.int64)])
    links = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(near), len(near)))
    count, place = connected_components(links, directed=False) if near else (0, np.empty(0))
    groups = [squares[place == number] for number in range(count)]
    return np.array([group.mean(axis=0) for group in groups if len(group) > neighbours]).reshape(-1, 3)


def load(given: Path | None) -> FaceTest | None:
    """The test with the given cascade, else with that in data/; None without either, which is said."""
    if not given and not DEFAULT.exists():
        say("note: no cascade for the course's face test, so it is null in metrics.json; docs/data.md says where to "
            "get the file")
        return None
    return FaceTest(given or DEFAULT)
