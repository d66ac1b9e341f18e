"""Draws faces with a trained run of report 001, of train.py or train_text2image.py.

    python hw3_dcgan_lsgan/sample.py --count 64                              # the DCGAN: sample_1.jpg ..., sheet.png
    python hw3_dcgan_lsgan/sample.py --count 64 --run runs/hw3_dcgan_lsgan/lsgan
    python hw3_dcgan_lsgan/sample.py --text lines.txt --run runs/hw3_dcgan_lsgan/text2image_best
    python hw3_dcgan_lsgan/sample.py --hair blue --eyes red --run runs/hw3_dcgan_lsgan/text2image_best
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import files, plots, runs, sampling
from common.anime import sampling as anime_sampling
from common.anime import tags
from common.anime.sampling import write
from common.errors import UserError, say
from common.options import check_ranges, run_script


@dataclass(frozen=True)
class Options(anime_sampling.Options):
    """Without a condition for the DCGAN and the LSGAN, with one for the conditional DCGAN."""

    def check(self) -> None:
        """Raises UserError for half a condition, or values that make no sense."""
        if self.text or self.hair or self.eyes or self.chart:
            super().check()
        else:
            check_ranges(self)


def generate(*inputs) -> np.ndarray:
    """`cdcgan.generate`; TensorFlow is imported only once there is something to generate."""
    from hw3_dcgan_lsgan import cdcgan

    return cdcgan.generate(*inputs)


def main(options: Options) -> None:
    """Writes what the options ask for."""
    from hw3_dcgan_lsgan import train, train_text2image

    conditional = bool(options.text or options.hair or options.chart)
    if options.run:
        sampling.demand_sampler(options.run, "hw3_dcgan_lsgan/sample.py")
        variant = sampling.run_info(options.run).get("report", {}).get("variant")
        if variant and variant.startswith("text2image") != conditional:
            raise UserError(f"--run {options.run}: its images have {'no' if conditional else 'a'} condition; " +
                            ("leave out --text, --hair, --eyes and --chart" if conditional else
                             "give --text FILE, --hair COLOUR --eyes COLOUR, or --chart"))
    if conditional:
        run = (options.run or train_text2image.Config().run_folder).absolute()
        eyes = tuple(name for name in tags.EYES if name != "gray")
        write(options, run, "hw3_dcgan_lsgan/train_text2image.py", {"z": (sampling.ANY,), "condition": (22,)},
              generate, eyes)
    else:
        write_unconditional(options, (options.run or train.Config().run_folder).absolute())


def write_unconditional(options: Options, run: Path) -> None:
    """Writes `sample_{k}.jpg`, and all of them in rows of eight as `sheet.png`."""
    from hw3_dcgan_lsgan.train import NOISES

    command = f"python hw3_dcgan_lsgan/train.py --preset quick --out {shlex.quote(str(run))}"
    file = sampling.find_network(run, command, weights=options.weights)
    out = files.make_folder((options.out or run / "sampled").absolute(), "--out")
    generator = sampling.load_network(file, command, {"z": (sampling.ANY,)})
    distribution, size = runs.read_config(run / "config.json")["settings"].get("noise"), generator.inputs[0].shape[-1]
    if distribution not in NOISES:
        raise runs.damaged(run / "config.json")

    from hw3_dcgan_lsgan import model

    with sampling.refusing_other_networks(file, command):
        images = model.generate(generator, distribution, sampling.noise(options.seed, 0, options.count, size))
    for number, image in enumerate(images, 1):
        plots.save(image, out / f"sample_{number}.jpg", quality=95, subsampling=0)
    plots.save(plots.tile(images, 8), out / "sheet.png")
    say(f"{options.count} images and sheet.png in {out}")


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
