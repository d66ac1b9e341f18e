"""Trains the skip-thoughts WGAN-GP of report 002: tags as a sentence vector. It drew faces and ignored the condition.

Without --vectors and --encoder the sentences are encoded by an untrained GRU encoder, and the run says so.

    python text2image_cdcgan/train_skipthoughts.py                        # 500 epochs on the embedded faces
    python text2image_cdcgan/train_skipthoughts.py --preset quick         # a few minutes on a CPU
    python text2image_cdcgan/train_skipthoughts.py --data course --vectors skipthoughts/vectors.npy

Cost of --preset quick: 3 minutes on 2 cores. It draws the same face for every sentence and noise vector.
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
from common.errors import UserError
from common.files import not_a_file
from common.options import option, run_script

SCRIPT = "text2image_cdcgan/train_skipthoughts.py"

if TYPE_CHECKING:
    import numpy as np

    from common.game import Game


@dataclass(frozen=True)
class Config(FaceOptions):
    """The settings of the report; values that it does not give are marked `assumed`."""

    FOLDER: ClassVar = "text2image_cdcgan"
    REPORT_EPOCH: ClassVar = 14_904
    PRESETS: ClassVar = {
        # so few steps give no face with five critic steps and 1e-4, and one face alone with one: README, "Results"
        "quick": {"steps": 750, "batch_size": 16, "d_steps": 2, "lr": 2e-4, "average": 0.04, "sample_every": 150,
                  "checkpoint_every": 250},
        "smoke": {"steps": 4, "batch_size": 8, "sample_every": 2, "log_every": 1, "checkpoint_every": 2},
    }

    epochs: int | None = option(500, "length of the training in epochs, in place of --steps", assumed=True)
    vectors: Path | None = option(None, "vectors.npy [phrases, 2400] with phrases.txt beside it; a run keeps its "
                                  "vectors, see text.load", metavar="FILE", keeps_run=True)
    encoder: Path | None = option(None, "folder of the published encoder: uni_skip.npz, utable.npy, dictionary.txt",
                                  metavar="DIR", keeps_run=True)
    z: int = option(100, "size of the noise", within=(1, 10_000))
    lr: float = option(1e-4, "Adam's learning rate for generator and critic", assumed=True, within=(1e-9, 1))
    beta_1: float = option(0.0, "Adam's beta_1 for generator and critic", assumed=True, within=(0, 0.9999))
    beta_2: float = option(0.9, "Adam's beta_2 for generator and critic", assumed=True, within=(0, 0.9999))
    d_steps: int = option(5, "critic steps per generator step", assumed=True, within=(1, 100))
    penalty: float = option(10.0, "weight lambda of the gradient penalty", assumed=True, within=(0, 1000))
    wrong_loss: str = option("mean", "the critic's loss: its first term plus the mean of the other three, or the sum "
                             "of all", choices=("mean", "sum"), assumed=True)

    @property
    def variant(self) -> str:
        """The name of the default run folder."""
        return "skipthoughts_wgan_gp"

    def check(self) -> None:
        """Raises UserError for invalid values."""
        super().check()
        if self.vectors and self.encoder:
            raise UserError("--vectors and --encoder exclude each other; give one of the two")
        if self.vectors and not self.vectors.is_file():
            raise UserError(f"--vectors {self.vectors}: {not_a_file(self.vectors)}")
        if self.encoder and not self.encoder.is_dir():
            raise UserError(f"--encoder {self.encoder}: no such folder")


def build(config: Config, vectors: np.ndarray) -> Game:
    """Builds both networks with their optimizers, and the game; `vectors` [P, D] are the sentence vectors."""
    import keras

    from common.game import Player
    from text2image_cdcgan import model

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    size = vectors.shape[1]
    return model.SkipThoughtsWGANGP(config.seed, player(model.skipthoughts_generator(size, config.z)),
                                    player(model.skipthoughts_critic(size)), vectors, wrong_loss=config.wrong_loss,
                                    penalty=config.penalty, d_steps=config.d_steps)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    run = experiment.open(config)

    from common import batches, trainer
    from common.anime import data, evaluation, explorer, sampling, tags
    from text2image_cdcgan import model, text

    faces = data.load(config.data_folders, 64, keep="one_or_two")
    run.record_data(faces.origin)
    phrases = text.phrases(faces.table)
    sentences = text.load(run, phrases, config.vectors, config.encoder)
    rows = sentences.index(phrases)
    if (rows < 0).any():
        run.substitute(f"{(rows < 0).sum()} of {len(rows)} images left out: --vectors has no vector for their phrase")
        faces, rows = faces.select(rows >= 0), rows[rows >= 0]
    with run.machine.scope():
        game = build(config, sentences.vectors)

    stream = batches.Batches(faces.images, faces.rows, {"sentence": rows}, config.batch_size * config.d_steps,
                             config.seed, wrong="sentence")
    generate = functools.partial(model.skipthoughts_generate, game.generator, sentences)
    table = functools.partial(sampling.table, generate, config.z, seed=config.seed)
    curves = {"critic": {"d_real": "real, right label", "d_fake": "fake, right label",
                         "d_wrong_label": "real, wrong label", "d_wrong_image": "wrong image, right label"},
              "gradient penalty": {"d_penalty": "lambda * penalty"}, "generator": {"g": "G"}}
    trainer.train(game, stream, run, config, table, curves, functools.partial(table, eyes=tags.EYES),
                  evaluation.Evaluation(faces, generate, config.z, cascade=config.cascade, brief=config.brief,
                                        pictures_with_vector=len(faces.rows)),
                  lambda: explorer.draw(generate, config.z, seed=config.seed, brief=config.brief))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
