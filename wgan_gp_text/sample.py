"""Draws faces with a trained WGAN-GP of report 004.

    python wgan_gp_text/sample.py --text sample_testing_text.txt   # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python wgan_gp_text/sample.py --hair blue --eyes red
    python wgan_gp_text/sample.py --chart                          # all hair by all eye colours
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import sampling
from common.anime.sampling import Options, write
from common.options import run_script


def generate(*inputs) -> np.ndarray:
    """`wgan_gp_text.model.generate`; TensorFlow is imported only once there is something to generate."""
    from wgan_gp_text import model

    return model.generate(*inputs)


def main(options: Options) -> None:
    """Writes what the options ask for."""
    from wgan_gp_text.train import Config

    write(options, (options.run or Config().run_folder).absolute(), "wgan_gp_text/train.py",
          {"z": (sampling.ANY,), "text": (24,)}, generate)


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
