"""Trains the WGAN-GP of report 004: noise and a text of colour tags in, a 64x64 anime face out.

All tagged pictures, without a filter; the text of a picture has a bit for each of its hair and eye colours.

    python wgan_gp_text/train.py                       # 500 epochs on the embedded faces
    python wgan_gp_text/train.py --preset quick        # a few minutes on a CPU
    python wgan_gp_text/train.py --start conv          # the report's first generator, with its grid pattern
    python wgan_gp_text/train.py --data course         # course/tags_clean.csv and course/faces/
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli


@dataclass(frozen=True)
class Config(cli.Common):
    """The report's settings; what it does not give is marked `assumed`."""

    FOLDER: ClassVar = "wgan_gp_text"
    PRESETS: ClassVar = {
        # behind AlphaDropout the critic sees too little for so few steps: README, "AlphaDropout"
        "quick": {"steps": 1500, "batch_size": 16, "alpha_dropout": 0.0, "sample_every": 250, "checkpoint_every": 250},
        "smoke": {"steps": 8, "batch_size": 8, "sample_every": 4, "log_every": 2, "checkpoint_every": 4},
    }

    epochs: int | None = cli.option(500, "length of the training in epochs, in place of --steps; the report mentions "
                                    "500 and up", metavar="N", assumed=True)
    start: str = cli.option("dense", "how the generator gets to 16x16: by a Dense layer, or by transposed convolutions",
                            choices=("dense", "conv"))
    z: int = cli.option(40, "size of the noise", metavar="N", within=(1, 10_000))
    alpha_dropout: float = cli.option(0.2, "share that AlphaDropout drops in the critic; 0 is none", metavar="X",
                                      within=(0, 0.99))
    lr: float = cli.option(2e-4, "Adam's learning rate, both players", metavar="X", within=(1e-9, 1))
    beta_1: float = cli.option(0.0, "Adam's beta_1, both players", metavar="X", within=(0, 0.9999))
    beta_2: float = cli.option(0.9, "Adam's beta_2, both players", metavar="X", within=(0, 0.9999))
    penalty: float = cli.option(10.0, "factor lambda of the gradient penalty", metavar="X", assumed=True,
                                within=(0, 1000))
    d_steps: int = cli.option(1, "critic steps for each generator step", metavar="N", assumed=True, within=(1, 100))

    @property
    def variant(self) -> str:
        """Names the default run folder: the start, and that dropout is off."""
        return self.start + ("" if self.alpha_dropout else "_no_dropout")


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime, sampling, tags

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    if config.alpha_dropout != 0.2:
        run.substitute(f"AlphaDropout in the critic drops {config.alpha_dropout:g}; the report's 0.2")
    data = datasets.load(run, config.data_folders, size=64, keep="all")
    text = tags.multi_hot(data.table, 24)

    # model
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import batches, trainer
    from common.game import Player
    from wgan_gp_text import measures, model, sample

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    with machine.scope():
        game = model.WGANGP(
            config.seed, player(model.generator(text.shape[1], config.z, config.start)),
            player(model.critic(text.shape[1], config.alpha_dropout)), penalty=config.penalty, d_steps=config.d_steps)

    # train
    stream = batches.Batches(data.images, data.rows, {"text": text}, config.batch_size * config.d_steps, config.seed,
                             wrong="text")
    panels = {"critic": {"d_real": "true", "d_fake": "fake / 2", "d_wrong_text": "wrong text / 2"},
              "gradient penalty": {"d_penalty": "lambda * penalty"}, "generator": {"g": "G"}}
    draw = functools.partial(sample.draw, game.generator)
    table = functools.partial(sampling.table, draw, config.z, seed=config.seed)
    trainer.train(game, stream, run, config, table, panels, functools.partial(table, eyes=tags.EYES),
                  measures.WithGrid(run, data, draw, config.z))


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
