"""Draws faces with a trained ACGAN of report 000.

    python hw4_acgan/sample.py --text sample_testing_text.txt   # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python hw4_acgan/sample.py --hair blue --eyes red
    python hw4_acgan/sample.py --chart                          # all hair by all eye colours
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import sampling
from common.anime.sampling import Options, write
from common.options import run_script

if TYPE_CHECKING:
    from common.explorer import Explorer


SCRIPT = "hw4_acgan/train.py"
INPUTS = {"z": (sampling.ANY,), "hair": (), "eyes": ()}


def generate(*inputs) -> np.ndarray:
    """`hw4_acgan.model.generate`; TensorFlow is imported only once there is something to generate."""
    from hw4_acgan import model

    return model.generate(*inputs)


def explore(file: Path) -> Explorer:
    """What the page lets a visitor play with, drawn by a network's file."""
    from common.anime import explorer

    network = sampling.load_network(file, SCRIPT, INPUTS)
    return explorer.draw(functools.partial(generate, network), network.input_shape[0][-1])


def main(options: Options) -> None:
    """Writes what the options ask for."""
    from hw4_acgan.train import Config

    write(options, (options.run or Config().run_folder).absolute(), SCRIPT, INPUTS, generate)


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
