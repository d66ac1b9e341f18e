"""Turns photos into images in the style of a trained run of train_style.py, at their full size.

    python hw3_dcgan_lsgan/stylize.py photo.jpg other.png                 # -> RUN/stylized/photo.png ...
    python hw3_dcgan_lsgan/stylize.py photo.jpg --run RUN --out DIR
    python hw3_dcgan_lsgan/stylize.py photo.jpg --style 2                 # the second of the run's style images
    python hw3_dcgan_lsgan/stylize.py photo.jpg --style wave.jpg          # one that the run was not trained on
"""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import sampling
from common.errors import UserError, say
from common.options import option, run_script, words_first
from hw3_dcgan_lsgan import pictures
from hw3_dcgan_lsgan.pictures import LEAST

BYTES_A_PIXEL = 1300  # of memory that the network takes, measured
BYTES_OF_ITS_OWN = 900_000_000  # of memory that TensorFlow and the style take, whatever the photo


@dataclass(frozen=True)
class Options:
    """Which photos, which run, and where the results go."""

    photos: tuple[Path, ...] = option((), "the photos; they may also stand before all options",
                                      metavar="PHOTO")
    run: Path | None = option(None, "the trained run (default: the folder that train_style.py uses)", metavar="RUN")
    out: Path | None = option(None, "where the images go (default: RUN/stylized)", metavar="DIR")
    style: str = option("1", "number of one of the run's style images, or an image file", metavar="STYLE")
    longest: int | None = option(None, "photos are made smaller until no side is longer")
    weights: str | None = sampling.weights_option()
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError if there is no photo, or if two would be written to the same file."""
        if not self.photos:
            raise UserError("no photo; give one or more image files")
        if self.longest is not None and self.longest < LEAST:
            raise UserError(f"--longest {self.longest}: must be {LEAST} or more")
        names = [photo.stem for photo in self.photos]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UserError(f"two photos are named {twice[0]}; convert one after the other, each with its own --out")


def main(options: Options) -> None:
    """Reads all images first, so that a bad one is reported before the network is loaded."""
    from common import files, plots
    from hw3_dcgan_lsgan import train_style

    run = (options.run or train_style.Config().run_folder).absolute()
    network_file = find(run, options.weights)
    out = (options.out or run / "stylized").absolute()
    targets = files.targets(options.photos, out)
    photos = [fit(path, pictures.read(path), options.longest) for path in options.photos]
    settings = sampling.run_info(run).get("settings", {})
    style = pictures.style(style_file(run, options.style), settings.get("style_size", train_style.Config.style_size))
    files.make_folder(out, "--out")
    network, recolour = load(network_file), sampling.run_info(run).get("colours", {}).get("recolour", False)
    with sampling.refusing_other_networks(network_file, _command(run)):
        for path, photo in zip(options.photos, photos, strict=True):
            plots.save(stylize(network, np.asarray(photo), style, recolour), targets[path])
            say(f"{targets[path]}: {photo.width}x{photo.height}")


def _command(run: Path) -> str:
    return f"python hw3_dcgan_lsgan/train_style.py --preset quick --out {shlex.quote(str(run))}"


def find(run: Path, weights: str | None = None) -> Path:
    """The file of a finished run's network, see `sampling.find_network`."""
    sampling.demand_sampler(run, "hw3_dcgan_lsgan/stylize.py")
    return sampling.find_network(run, _command(run), "transfer.keras", weights)


def load(path: Path) -> Any:
    """MSG-Net from its file, see `sampling.load_network`."""
    from common import runtime

    runtime.import_tensorflow()
    from hw3_dcgan_lsgan import msgnet  # noqa: F401 - registers its layers

    return sampling.load_network(path, _command(path.parent), {"photo": (None, None, 3), "style": (None, None, 3)})


def style_file(run: Path, style: str) -> Path:
    """`--style` -> the run's style image with that number, or the given file. Raises UserError."""
    if not style.isdecimal():
        return Path(style)
    numbers = {path.stem for path in (run / "styles").glob("*.png") if path.stem.isdecimal()}
    if style not in numbers:  # compared as text: int() refuses thousands of digits
        known = f"from 1 to {len(numbers)}" if numbers else f"an image file, since {run / 'styles'} is missing"
        raise UserError(f"--style {style}: must be {known}")
    return run / "styles" / f"{style}.png"


def fit(path: Path, photo: Image.Image, longest: int | None) -> Image.Image:
    """The photo, reduced if asked for. Raises UserError if it is too small, or too large for the free memory."""
    if longest and max(photo.size) > longest:
        photo.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    pictures.demand_size(path, photo)
    needed, free = photo.width * photo.height * BYTES_A_PIXEL, free_memory()
    if needed > free:
        side = max(LEAST, int(max(photo.size) * (free / needed) ** 0.5))
        raise UserError(f"{path}: {photo.width}x{photo.height} pixels need {needed / 1e9:.1f} GB of memory, "
                            f"{free / 1e9:.1f} GB are free; give --longest {side}")
    return photo


def free_memory(system: Path = Path("/")) -> int:
    """Memory in bytes that a photo may take: the least that the machine and each control group of this process leave.

    4 GB are assumed where the system does not tell.

    Args:
        system: the folder of proc/ and sys/.
    """
    free = 4 * 10**9
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = (system / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return max(0, min([free, *_left_to_groups(system)]) - BYTES_OF_ITS_OWN)


def _left_to_groups(system: Path) -> Iterator[int]:
    """What each control group of this process has left of its limit. A container is such a group."""
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for _, kinds, path in (line.split(":", 2) for line in lines):
        if kinds and "memory" not in kinds.split(","):
            continue
        home = system / "sys/fs/cgroup" / ("memory" if kinds else "")  # of the first and of the second version
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file") if kinds else \
            ("memory.max", "memory.current", "inactive_file")
        inner = home / path.strip("/")
        for group in (inner, *inner.parents):
            # from within a container its group may look like the root; "max" is no limit
            with contextlib.suppress(OSError, ValueError):
                limit, used = (int((group / name).read_text()) for name in names[:2])
                rows = dict(row.split() for row in (group / "memory.stat").read_text().splitlines())
                yield limit - used + int(rows.get(names[2], 0))  # that cache is given back on demand


def stylize(network: Any, photo: np.ndarray, style: np.ndarray, recolour: bool) -> np.ndarray:
    """Photo uint8 [H, W, 3] and style uint8 [H', W', 3] -> uint8 [H, W, 3]; `recolour` as in training."""
    import tensorflow as tf

    from common.game import to_range
    from hw3_dcgan_lsgan.transfer import stylized

    @tf.function  # a graph frees what it no longer needs: it takes a seventh of the memory
    def image(photo, style):
        return stylized(network, photo, to_range(style, -1.0, 1.0), recolour)

    return image(*(tf.constant(picture[None]) for picture in (photo, style))).numpy()[0]


if __name__ == "__main__":
    run_script(Options, main, words_first("--photos", sys.argv[1:]), description=__doc__)
