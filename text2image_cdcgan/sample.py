"""Draws faces with a trained run of report 002, of either script.

    python text2image_cdcgan/sample.py --text lines.txt    # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python text2image_cdcgan/sample.py --hair blue --eyes red
    python text2image_cdcgan/sample.py --chart             # all hair by all eye colours
    python text2image_cdcgan/sample.py --chart --run runs/text2image_cdcgan/skipthoughts_wgan_gp
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


SCRIPT = "text2image_cdcgan/train.py"
INPUTS = {"z": (sampling.ANY,), "condition": (23,)}


def generate(*inputs) -> np.ndarray:
    """`model.generate`; TensorFlow is imported only once there is something to generate."""
    from text2image_cdcgan import model

    return model.generate(*inputs)


def skipthoughts_generate(sentences, generator, *inputs) -> np.ndarray:
    """`model.skipthoughts_generate`, likewise."""
    from text2image_cdcgan import model

    return model.skipthoughts_generate(generator, sentences, *inputs)


def explore(file: Path) -> Explorer:
    """What the page lets a visitor play with, drawn by a network's file."""
    from common.anime import explorer

    network = sampling.load_network(file, SCRIPT, INPUTS)
    return explorer.draw(functools.partial(generate, network), network.input_shape[0][-1])


def main(options: Options) -> None:
    """Writes what the options ask for."""
    from text2image_cdcgan import text, train, train_skipthoughts

    run = (options.run or train.Config().run_folder).absolute()
    sampling.demand_sampler(run, "text2image_cdcgan/sample.py")
    if sampling.run_info(run).get("report", {}).get("variant") == train_skipthoughts.Config().variant:
        sentences = text.Sentences.open(run / text.FILE)
        write(options, run, train_skipthoughts.SCRIPT,
              {"z": (sampling.ANY,), "sentence": sentences.vectors.shape[1:]},
              functools.partial(skipthoughts_generate, sentences))
    else:
        write(options, run, SCRIPT, INPUTS, generate)


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
