"""Trains the skip-thoughts WGAN-GP of report 002: tags as a sentence vector. It drew faces and ignored the condition.

Without --vectors and --encoder the sentences go through a GRU encoder that was never trained, and the run says so.

    python text2image_cdcgan/train_skipthoughts.py                        # 500 epochs on the embedded faces
    python text2image_cdcgan/train_skipthoughts.py --preset quick         # a few minutes on a CPU
    python text2image_cdcgan/train_skipthoughts.py --data course --vectors skipthoughts/vectors.npy
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli

SCRIPT = "text2image_cdcgan/train_skipthoughts.py"


@dataclass(frozen=True)
class Config(cli.Common):
    """The report's settings; what it does not give is marked `assumed`."""

    FOLDER: ClassVar = "text2image_cdcgan"
    PRESETS: ClassVar = {
        # so few steps draw no face with five critic steps and 1e-4: README, "Results"
        "quick": {"steps": 750, "batch_size": 16, "d_steps": 1, "lr": 2e-4, "sample_every": 150,
                  "checkpoint_every": 250},
        "smoke": {"steps": 4, "batch_size": 8, "sample_every": 2, "log_every": 1, "checkpoint_every": 2},
    }

    epochs: int | None = cli.option(500, "length of the training in epochs, in place of --steps", metavar="N",
                                    assumed=True)
    vectors: Path | None = cli.option(None, "vectors.npy [phrases, 2400] with phrases.txt beside it; a run keeps its "
                                      "vectors, see text.load", metavar="FILE", keeps_run=True)
    encoder: Path | None = cli.option(None, "folder of the published encoder: uni_skip.npz, utable.npy, dictionary.txt",
                                      metavar="DIR", keeps_run=True)
    z: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    lr: float = cli.option(1e-4, "Adam's learning rate, both players", metavar="X", assumed=True, within=(1e-9, 1))
    beta_1: float = cli.option(0.0, "Adam's beta_1, both players", metavar="X", assumed=True, within=(0, 0.9999))
    beta_2: float = cli.option(0.9, "Adam's beta_2, both players", metavar="X", assumed=True, within=(0, 0.9999))
    d_steps: int = cli.option(5, "critic steps for each generator step", metavar="N", assumed=True, within=(1, 100))
    penalty: float = cli.option(10.0, "factor lambda of the gradient penalty", metavar="X", assumed=True,
                                within=(0, 1000))
    wrong_loss: str = cli.option("mean", "the critic's loss: the first term and the mean of the other three, or the "
                                 "sum of all", choices=("mean", "sum"), assumed=True)

    @property
    def variant(self) -> str:
        """Names the default run folder."""
        return "skipthoughts_wgan_gp"

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        super().check()
        if self.vectors and self.encoder:
            raise cli.UserError("--vectors, or --encoder: not both")
        if not self.evaluate_only:
            if self.vectors and not self.vectors.is_file():
                raise cli.UserError(f"--vectors {self.vectors}: no such file")
            if self.encoder and not self.encoder.is_dir():
                raise cli.UserError(f"--encoder {self.encoder}: no such folder")


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime, sampling, tags
    from text2image_cdcgan import text

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    data = datasets.load(run, config.data_folders, 64, keep="one_or_two")
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    phrases = text.phrases(data.table)
    sentences = text.load(run, phrases, config.vectors, config.encoder, kept=config.evaluate_only)
    labels = sentences.index(phrases)
    if (labels < 0).any():
        run.substitute(f"{(labels < 0).sum()} of {len(labels)} pictures left out: --vectors has no vector for their "
                       "phrase")
        data, labels = data.select(labels >= 0), labels[labels >= 0]

    # model
    import keras

    from common import batches, evaluation, trainer
    from common.game import Player
    from text2image_cdcgan import model, sample

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    size = sentences.vectors.shape[1]
    with machine.scope():
        game = model.SkipThoughtsWGANGP(
            config.seed, player(model.skipthoughts_generator(size, config.z)), player(model.skipthoughts_critic(size)),
            sentences.vectors, wrong_loss=config.wrong_loss, penalty=config.penalty, d_steps=config.d_steps)

    # train
    stream = batches.Batches(data.images, data.rows, {"sentence": labels}, config.batch_size * config.d_steps,
                             config.seed, wrong="sentence")
    panels = {"critic": {"d_real": "real, right label", "d_fake": "fake, right label",
                         "d_wrong_label": "real, wrong label", "d_wrong_image": "wrong picture, right label"},
              "gradient penalty": {"d_penalty": "lambda * penalty"}, "generator": {"g": "G"}}
    draw = functools.partial(sample.draw, game.generator, sentences.of_pairs)
    table = functools.partial(sampling.table, draw, config.z, seed=config.seed)
    measures = evaluation.Evaluation(run, data, draw, config.z, pictures_with_vector=len(data.rows))
    trainer.train(game, stream, run, config, table, panels, functools.partial(table, eyes=tags.EYES), measures)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
