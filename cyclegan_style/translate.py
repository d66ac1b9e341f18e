"""Translates images with a trained CycleGAN of reports 002 and 004.

    python cyclegan_style/translate.py face.jpg other.png                     # to RUN/translated/AtoB/face.png ...
    python cyclegan_style/translate.py folder --direction BtoA                # every image of a folder
    python cyclegan_style/translate.py face.jpg --run runs/cyclegan_style/grayscale_to_miku --out DIR

Each image is cut to its largest square and resized to the image size of the run. Bad images in a folder
are left out and named.
"""

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import sampling
from common.errors import UserError, say
from common.options import option, run_script, words_first

LEAST = 16  # pixels of a side of an image
WAYS = ("AtoB", "BtoA")
DOMAINS = ("domainA", "domainB")


@dataclass(frozen=True)
class Options:
    """Which images, which run, and where the results go."""

    pictures: tuple[Path, ...] = option((), "images, or folders of them; they may also stand before all options",
                                        metavar="PICTURE")
    run: Path | None = option(None, "the trained run (default: the folder that train.py uses)", metavar="RUN")
    direction: str = option("AtoB", "from domain A to B, or from B to A", choices=WAYS)
    weights: str | None = sampling.weights_option()
    out: Path | None = option(None, "where the images go (default: RUN/translated/AtoB)", metavar="DIR")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError if there is no image."""
        if not self.pictures:
            raise UserError("no image; give one or more image files, or a folder of them")


def listed(given: Sequence[Path]) -> dict[Path, bool]:
    """The images of files and folders, each with whether it was found in a folder.

    Raises:
        UserError: no such file, a folder without images, or two images that would be written to the same file.
    """
    from common import images

    pictures: dict[Path, bool] = {}
    for path in given:
        if not (path.is_dir() or path.is_file()):  # reading a pipe would wait for ever
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir():
            folder = images.find(path)
            inside = [folder / name for name in sorted(images.names(folder)) if (folder / name).is_file()]
            if not inside:
                raise UserError(f"{path}: no images in this folder")
            pictures |= dict.fromkeys(inside, True)
        else:
            pictures[path] = False
    name, count = Counter(path.stem for path in pictures).most_common(1)[0]
    if count > 1:
        raise UserError(f"{count} images are named {name}; rename one of them, or translate one after the other, "
                        "each with its own --out")
    return pictures


def main(options: Options) -> None:
    """Checks everything else before the network is loaded, then translates one image after the other."""
    from common import decoding, files, plots, runtime
    from cyclegan_style import train

    run = (options.run or train.Config().run_folder).absolute()
    sampling.demand_sampler(run, "cyclegan_style/translate.py")
    settings = sampling.run_info(run).get("settings", {})
    command = " ".join(["python cyclegan_style/train.py --preset quick",
                        *(f"--{name} {shlex.quote(str(settings[name]))}" for name in DOMAINS if name in settings),
                        "--out", shlex.quote(str(run))])
    network_file = sampling.find_network(run, command, f"generator_{options.direction}.keras", options.weights)
    chosen = listed(options.pictures)
    out = (options.out or run / "translated" / options.direction).absolute()
    targets = files.targets(chosen, out)
    files.make_folder(out, "--out")
    runtime.import_tensorflow()
    from cyclegan_style import model  # registers the layer of the network

    network = sampling.load_network(network_file, command, {"picture": (sampling.ANY, sampling.ANY, 3)})
    size, left_out = network.inputs[0].shape[1], 0
    with decoding.strict_pillow(), sampling.refusing_other_networks(network_file, command):
        for done, (path, in_folder) in enumerate(chosen.items(), 1):
            try:
                picture = decoding.decode(path, size, "middle", LEAST)
            except decoding.BadPicture as error:
                if not in_folder:
                    raise UserError(f"{path}: {error}; give another image") from None
                say(f"note: image {path.name} left out: {error}")
                left_out += 1
                continue
            plots.save(model.translate(network, picture[None])[0], targets[path])
            if done % 1000 == 0:
                say(f"translated {done:,} of {len(chosen):,} images")
    say(f"{len(chosen) - left_out} images in {out}")


if __name__ == "__main__":
    run_script(Options, main, words_first("--pictures", sys.argv[1:]), description=__doc__)
