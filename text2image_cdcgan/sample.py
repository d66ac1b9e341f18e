"""Draws faces with a trained run of report 002, of either script.

    python text2image_cdcgan/sample.py --text lines.txt    # lines `1,blue hair red eyes` -> sample_1_1.jpg ...
    python text2image_cdcgan/sample.py --hair blue --eyes red
    python text2image_cdcgan/sample.py --chart             # all hair by all eye colours
    python text2image_cdcgan/sample.py --chart --run runs/text2image_cdcgan/skipthoughts_wgan_gp
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli, sampling, tags

Condition = Callable[[np.ndarray, np.ndarray], np.ndarray]  # hair [N], eyes [N] -> float32 [N, C]


def draw(generator, condition: Condition, z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """z float32 [N, Z], hair and eyes int [N] -> uint8 [N, S, S, 3]."""
    from common.game import to_uint8

    return to_uint8(generator.predict_on_batch([z, condition(hair, eyes)]), -1.0, 1.0).numpy()


def bits(hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """The condition of the DCGAN: a bit for each colour, [N, 23]."""
    return tags.pair_hot(hair, eyes, 23)


def main(options: sampling.Options) -> None:
    """Writes what the options ask for."""
    from text2image_cdcgan import text, train, train_skipthoughts

    run = (options.run or train.Config().run_folder).absolute()
    if sampling.settings(run).get("report", {}).get("variant") == train_skipthoughts.Config().variant:
        sentences = text.Sentences.open(run / text.FILE)
        script, condition = train_skipthoughts.SCRIPT, sentences.of_pairs
        inputs = {"z": (sampling.ANY,), "sentence": sentences.vectors.shape[1:]}
    else:
        script, condition = "text2image_cdcgan/train.py", bits
        inputs = {"z": (sampling.ANY,), "condition": (23,)}
    sampling.write(options, run, script, inputs, lambda generator: functools.partial(draw, generator, condition))


if __name__ == "__main__":
    cli.run(sampling.Options, main, description=__doc__)
