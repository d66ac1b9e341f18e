"""Draws faces with a trained WGAN-GP of report 004.

    python wgan_gp_text/sample.py --text sample_testing_text.txt   # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python wgan_gp_text/sample.py --hair blue --eyes red
    python wgan_gp_text/sample.py --chart                          # all hair by all eye colours
"""

import functools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli, sampling, tags


def draw(generator, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z], hair and eyes int [N] -> uint8 [N, 64, 64, 3]."""
    from common.game import to_uint8

    return to_uint8(generator.predict_on_batch([z, tags.pair_hot(hair, eyes, 24)]), 0.0, 1.0).numpy()


def main(options: sampling.Options) -> None:
    """Writes what the options ask for."""
    from wgan_gp_text.train import Config

    sampling.write(options, (options.run or Config().run_folder).absolute(), "wgan_gp_text/train.py",
                   {"z": (sampling.ANY,), "text": (24,)}, lambda generator: functools.partial(draw, generator))


if __name__ == "__main__":
    cli.run(sampling.Options, main, description=__doc__)
