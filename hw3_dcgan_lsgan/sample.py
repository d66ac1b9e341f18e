"""Draws faces with a trained run of report 001, of train.py or train_text2image.py.

    python hw3_dcgan_lsgan/sample.py --count 64                              # the DCGAN: sample_1.jpg ..., sheet.png
    python hw3_dcgan_lsgan/sample.py --count 64 --run runs/hw3_dcgan_lsgan/lsgan
    python hw3_dcgan_lsgan/sample.py --text lines.txt --run runs/hw3_dcgan_lsgan/text2image_best
    python hw3_dcgan_lsgan/sample.py --hair blue --eyes red --run runs/hw3_dcgan_lsgan/text2image_best
"""

import functools
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli, files, plots, runs, sampling, tags

LABELS = (("blue", "blue"), ("blue", "green"), ("blue", "red"), ("green", "green"), ("green", "red"))  # hair, eyes
EYES = tuple(name for name in tags.EYES if name != "gray")


@dataclass(frozen=True)
class Options(sampling.Options):
    """Without a condition for the DCGAN and the LSGAN, with one for the conditional DCGAN."""

    def check(self) -> None:
        """Raises UserError for half a condition, or values that cannot be meant."""
        if self.text or self.hair or self.eyes or self.chart:
            super().check()
        else:
            cli.check_ranges(self)


def draw(generator, noise: str, z: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """z float32 [N, Z] from N(0, 1) -> uint8 [N, 64, 64, 3]; under "uniform" z is turned into U(-1, 1) first."""
    from scipy.special import erf

    from common.game import to_uint8

    z = erf(z / np.sqrt(2)).astype(np.float32) if noise == "uniform" else z
    return to_uint8(generator.predict_on_batch(z), -1.0, 1.0).numpy()


def sheet(draw, z: int, seed: int, count: int = 64):
    """A picture of `count` faces in rows of eight."""
    return plots.tile(draw(sampling.noise(seed, 0, count, z)), 8)


def draw_condition(generator, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z], hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    from common.game import to_uint8

    return to_uint8(generator.predict_on_batch([z, tags.pair_hot(hair, eyes, 22)]), -1.0, 1.0).numpy()


def labels_of_the_report(draw, z: int, seed: int):
    """The report's five labels, a row each, with the same eight noises."""
    hair, eyes = np.transpose([(tags.HAIR.index(one), tags.EYES.index(two)) for one, two in LABELS])
    noise = np.tile(sampling.noise(seed, 0, 8, z), (len(LABELS), 1))
    names = [f"{one} hair {two} eyes" for one, two in LABELS]
    return plots.grid(draw(noise, np.repeat(hair, 8), np.repeat(eyes, 8)), [""] * 8, names)


def main(options: Options) -> None:
    """Writes what the options ask for."""
    from hw3_dcgan_lsgan import train, train_text2image

    conditional = bool(options.text or options.hair or options.chart)
    config = train_text2image.Config() if conditional else train.Config()
    run = (options.run or config.run_folder).absolute()
    if conditional:
        sampling.write(options, run, "hw3_dcgan_lsgan/train_text2image.py", {"z": (sampling.ANY,), "condition": (22,)},
                       lambda generator: functools.partial(draw_condition, generator), EYES)
        return
    command = f"python hw3_dcgan_lsgan/train.py --preset quick --out {shlex.quote(str(run))}"
    file = sampling.find_network(run, command)
    out = files.make_folder((options.out or run / "sampled").absolute(), "--out")
    generator = sampling.load_network(file, command, {"z": (sampling.ANY,)})
    noise, size = runs.read_config(run / "config.json")["settings"].get("z"), generator.inputs[0].shape[-1]
    if noise not in train.NOISES:
        raise runs.damaged(run / "config.json")
    with sampling.drawing(file, command):
        images = draw(generator, noise, sampling.noise(options.seed, 0, options.count, size))
    for number, image in enumerate(images, 1):
        plots.save(image, out / f"sample_{number}.jpg", quality=95, subsampling=0)
    plots.save(plots.tile(images, 8), out / "sheet.png")
    cli.say(f"{options.count} pictures and sheet.png in {out}")


if __name__ == "__main__":
    cli.run(Options, main, description=__doc__)
