"""Trains the conditional DCGAN of report 002 on tagged anime faces: hair and eye colours in, a 64x64 face out.

Rows with one or two of the 23 colour tags are kept, as in the report; the condition has one bit for each tag.

    python text2image_cdcgan/train.py                      # 500 epochs on the embedded faces
    python text2image_cdcgan/train.py --preset quick       # a few minutes on a CPU
    python text2image_cdcgan/train.py --data course        # course/tags_clean.csv and course/faces/

Cost of --preset quick: 4 minutes on 2 cores. The hair colour was the one asked for in 94% of the images; eyes (11%) and
variety are not learned yet.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment
from common.anime.facetest import FaceOptions
from common.options import option, run_script

if TYPE_CHECKING:
    from common.game import Game


@dataclass(frozen=True)
class Config(FaceOptions):
    """The settings of the report; values that it does not give are marked `assumed`."""

    FOLDER: ClassVar = "text2image_cdcgan"
    PRESETS: ClassVar = {
        "quick": {"steps": 1200, "batch_size": 16, "sample_every": 150, "checkpoint_every": 300},
        "smoke": {"steps": 12, "batch_size": 8, "sample_every": 6, "log_every": 2, "checkpoint_every": 6},
    }

    epochs: int | None = option(500, "length of the training in epochs, in place of --steps", assumed=True)
    batch_size: int = option(64, "images per step")
    image_size: int = option(64, "side of the images; 96 is the report's first try, which came out distorted",
                             choices=(64, 96))
    z: int = option(100, "size of the noise", within=(1, 10_000))
    lr: float = option(2e-4, "Adam's learning rate for G and D; the report also tried 1e-4 and 5e-5",
                       within=(1e-9, 1))
    beta_1: float = option(0.5, "Adam's beta_1 for G and D", within=(0, 0.9999))
    beta_2: float = option(0.99, "Adam's beta_2 for G and D", within=(0, 0.9999))
    wrong_loss: str = option("sum", "D's loss: the sum of its four terms, or the first plus the mean of the others",
                             choices=("sum", "mean"))
    g_loss: str = option("non-saturating", "negated: D's term on fakes with a minus sign, as the report says; the "
                         "default is what its author is said to have run", choices=("non-saturating", "negated"),
                         assumed=True)

    @property
    def variant(self) -> str:
        """The name of the default run folder: `cdcgan`, and each compared setting that is not the default."""
        compared = ((f"{self.image_size}px", self.image_size == 64), (f"lr_{self.lr:g}", self.lr == 2e-4),
                    (f"{self.wrong_loss}_loss", self.wrong_loss == "sum"), (self.g_loss, self.g_loss != "negated"))
        return "_".join(["cdcgan", *(name for name, default in compared if not default)])


def build(config: Config) -> Game:
    """Builds both networks with their optimizers, and the game."""
    import keras

    from common.game import Player
    from text2image_cdcgan import model

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    return model.ConditionalDCGAN(config.seed, player(model.generator(z=config.z, size=config.image_size)),
                                  player(model.discriminator(size=config.image_size)), wrong_loss=config.wrong_loss,
                                  g_loss=config.g_loss)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    run = experiment.open(config)

    from common import batches, trainer
    from common.anime import data, evaluation, sampling, tags
    from text2image_cdcgan import measures, model

    faces = data.load(config.data_folders, config.image_size, keep="one_or_two")
    run.record_data(faces.origin)
    with run.machine.scope():
        game = build(config)

    stream = batches.Batches(faces.images, faces.rows, {"condition": tags.multi_hot(faces.table, model.CONDITION)},
                             config.batch_size, config.seed, wrong="condition")
    generate = judged = functools.partial(model.generate, game.generator)
    real = faces
    if config.image_size != measures.SIZE:  # both sizes have the same judge
        judged = measures.reduced(generate)
        real = data.load(config.data_folders, measures.SIZE, keep="one_or_two")
    table = functools.partial(sampling.table, generate, config.z, seed=config.seed)
    curves = {"D": {"d_real": "real, right label", "d_fake": "fake, right label", "d_wrong_label": "real, wrong label",
                    "d_wrong_image": "wrong image, right label"}, "G": {"g": "fake, right label"}}
    trainer.train(game, stream, run, config, table, curves, functools.partial(table, eyes=tags.EYES),
                  evaluation.Evaluation(real, judged, config.z, cascade=config.cascade, brief=config.brief))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
