"""Translates pictures with a trained CycleGAN of reports 002 and 004.

    python cyclegan_style/translate.py face.jpg other.png                     # A to B, to RUN/translated/face.png ...
    python cyclegan_style/translate.py folder --direction BtoA                # every JPEG and PNG file of a folder
    python cyclegan_style/translate.py face.jpg --run runs/cyclegan_style/grayscale_to_miku --out DIR

The largest square of a picture is taken, resized to the side that the run was trained at.
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli

WAYS = ("AtoB", "BtoA")


@dataclass(frozen=True)
class Options:
    """What to translate, with which run and where to."""

    pictures: tuple[Path, ...] = cli.option((), "pictures, or folders of them; they may also stand before all options",
                                            metavar="PICTURE")
    run: Path | None = cli.option(None, "the trained run (default: the folder that train.py uses)", metavar="RUN")
    direction: str = cli.option("AtoB", "from domain A to B, or from B to A", choices=WAYS)
    out: Path | None = cli.option(None, "where the pictures go (default: RUN/translated)", metavar="DIR")
    debug: bool = cli.option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError where there is nothing to do."""
        if not self.pictures:
            raise cli.UserError("no picture: give one or more JPEG or PNG files, or a folder of them")


def files(given: tuple[Path, ...]) -> list[Path]:
    """The pictures asked for, those of a folder by name.

    Raises:
        UserError: no such file, a folder without pictures, or two that would become one file.
    """
    from common.pictures import SUFFIXES

    found: list[Path] = []
    for path in given:
        inside = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise cli.UserError(f"{path}: no .jpg, .jpeg or .png files in this folder")
        found += inside
    names = [path.stem for path in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise cli.UserError(f"two pictures are named {twice[0]}: translate one after the other, each with its own "
                            "--out")
    return found


def read(path: Path, size: int) -> np.ndarray:
    """A picture's largest square, uint8 [size, size, 3]. Raises UserError."""
    from common import decoding

    if not path.is_file():
        raise cli.UserError(f"{path}: no such file")
    try:
        with decoding.strict_pillow():
            return decoding.decode(path, size, "middle")
    except decoding.BadPicture as error:
        raise cli.UserError(f"{path}: {error}; give another picture") from None


def main(options: Options) -> None:
    """Reads a picture after the other; a bad one is named before anything is written."""
    from common import plots, sampling
    from cyclegan_style import train

    run = (options.run or train.Config().run_folder).absolute()
    command = f"python cyclegan_style/train.py --preset quick --out {shlex.quote(str(run))}"
    network_file = sampling.find_network(run, command, f"generator_{options.direction}.keras")
    chosen = files(options.pictures)
    from cyclegan_style import measures  # registers the layer of the network

    network = sampling.load_network(network_file, command, ["picture"])
    size = network.input_shape[1]
    pictures = [read(path, size) for path in chosen]
    out = (options.out or run / "translated").absolute()
    for path, picture in zip(chosen, pictures, strict=True):
        plots.save(measures.translate(network, picture[None])[0], out / f"{path.stem}.png")
    cli.say(f"{len(chosen)} pictures in {out}")


if __name__ == "__main__":
    cli.run(Options, main, cli.first("--pictures", sys.argv[1:]), description=__doc__)
