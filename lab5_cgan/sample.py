"""Draws scenes with a trained cGAN or AC-GAN of report 003.

    python lab5_cgan/sample.py --labels test.json               # sample_0.png ... one image per list, and grid.png
    python lab5_cgan/sample.py --labels test.json --run runs/lab5_cgan/acgan --out DIR
    python lab5_cgan/sample.py --objects "red cube" "cyan sphere" --count 16

A label file is a list of lists, such as [["gray cube"], ["brown cube", "purple cube"]]; sample_K.png belongs to its
list K, counted from 0.
"""

from __future__ import annotations

import functools
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import files, plots, runtime, sampling
from common.errors import UserError, say
from common.options import check_ranges, option, run_script
from lab5_cgan import labels

if TYPE_CHECKING:
    from common.explorer import Explorer


INPUTS = {"z": (sampling.ANY,), "label": (len(labels.OBJECTS),)}


def explore(file: Path) -> Explorer:
    """What the page lets a visitor play with, drawn by a network's file."""
    from lab5_cgan import figures, model

    network = sampling.load_network(file, "lab5_cgan/train.py", INPUTS)
    return figures.explore(functools.partial(model.generate, network), network.input_shape[0][-1])


@dataclass(frozen=True)
class Options:
    """What to draw, with which run and where to."""

    labels: Path | None = option(None, "file with a list of label lists, such as test.json", metavar="FILE")
    objects: tuple[str, ...] = option((), "objects of one scene, in place of --labels: \"red cube\"", metavar="OBJECT")
    count: int | None = option(None, "images for --objects (default: 8)", within=(1, 10_000))
    run: Path | None = option(None, "the trained run (default: the folder that train.py uses)", metavar="RUN")
    out: Path | None = option(None, "where the images go (default: RUN/sampled)", metavar="DIR")
    seed: int = option(0, "seed of the noise", within=(0, 2**31 - 1))
    weights: str | None = sampling.weights_option()
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError if nothing or too much is asked for."""
        if bool(self.labels) == bool(self.objects):
            raise UserError('give either --labels FILE, such as test.json, or --objects "red cube" "cyan sphere"')
        if self.labels and self.count:
            raise UserError("--count: --labels draws one image per list; leave out --count")
        check_ranges(self)


def main(options: Options) -> None:
    """Writes `sample_K.png` for each list of labels, and all of them in rows of eight as `grid.png`."""
    from lab5_cgan import train

    asked = labels.read_conditions(options.labels) if options.labels else \
        [labels.numbers(list(options.objects), "--objects")] * (options.count or 8)
    run = (options.run or train.Config().run_folder).absolute()
    command = "python lab5_cgan/train.py --preset quick" + (f" --out {shlex.quote(str(run))}" if options.run else "")
    sampling.demand_sampler(run, "lab5_cgan/sample.py")
    network = sampling.find_network(run, command, weights=options.weights,
                                    shipped=None if options.run else train.Config.FOLDER)
    out = files.make_folder(sampling.sampled(options.out, network), "--out")
    runtime.import_tensorflow()
    from lab5_cgan import model  # it also registers the layer of the networks

    generator = sampling.load_network(network, command, INPUTS)
    z = sampling.noise(options.seed, 0, len(asked), generator.input_shape[0][-1])
    with sampling.refusing_other_networks(network, command):
        images = model.generate(generator, z, labels.multi_hot(asked))
    for number, image in enumerate(images):
        plots.save(image, out / f"sample_{number}.png")
    plots.save(plots.tile(images, 8), out / "grid.png")
    older = len({path.name for path in out.glob("sample_*.png")} - {f"sample_{k}.png" for k in range(len(images))})
    if older:
        say(f"note: {older} other images in {out} are older, and not of these labels")
    say(f"{len(images)} images and grid.png in {out}")


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
