"""Draws faces with a trained ACGAN of report 000.

    python hw4_acgan/sample.py --text sample_testing_text.txt   # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python hw4_acgan/sample.py --hair blue --eyes red
    python hw4_acgan/sample.py --chart                          # all hair by all eye colours
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli, plots, sampling, tags

GRID_EYES = ("blue", "red", "green", "brown", "purple", "yellow")  # the rows of a run's sample grid


def draw(generator, z: np.ndarray, hair, eyes) -> np.ndarray:
    """z float32 [N, Z], hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    from common.game import to_uint8

    image = generator.predict_on_batch([z, np.asarray(hair, np.int32), np.asarray(eyes, np.int32)])
    return to_uint8(image, -1.0, 1.0).numpy()


def table(generator, eyes: tuple[str, ...], seed: int):
    """A picture: a column a hair colour, a row an eye colour; each row has its own noise, the same in all columns."""
    size = generator.input_shape[0][-1]
    z = np.repeat(sampling.noise(seed, 0, len(eyes), size), len(tags.HAIR), axis=0)
    hair = np.tile(np.arange(len(tags.HAIR)), len(eyes))
    images = draw(generator, z, hair, np.repeat([tags.EYES.index(name) for name in eyes], len(tags.HAIR)))
    return plots.grid(images, [f"{name} hair" for name in tags.HAIR], [f"{name} eyes" for name in eyes])


def main(options: sampling.Options) -> None:
    """Writes what the options ask for."""
    from hw4_acgan.train import Config

    def pictures(generator, condition: sampling.Condition) -> np.ndarray:
        z = sampling.noise(options.seed, condition.id, options.count, generator.input_shape[0][-1])
        return draw(generator, z, np.full(options.count, condition.hair), np.full(options.count, condition.eyes))

    sampling.write(options, Config().run_folder, "hw4_acgan/train.py", pictures,
                   chart=lambda generator: table(generator, tags.EYES, options.seed))


if __name__ == "__main__":
    cli.run(sampling.Options, main, description=__doc__)
