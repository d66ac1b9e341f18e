"""Trains the ACGAN of report 000 on tagged anime faces: hair and eye colour in, a 64x64 face out.

Rows with exactly one hair and one eye colour are kept (assumed). Signs of the objectives: Odena et al. 2017.

    python hw4_acgan/train.py                      # 10,000 steps on the embedded faces
    python hw4_acgan/train.py --preset quick       # a few minutes on a CPU
    python hw4_acgan/train.py --data course        # course/tags_clean.csv and course/faces/
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

    FOLDER: ClassVar = "hw4_acgan"
    PRESETS: ClassVar = {
        # so few steps are not enough for the whole L_C: README, "The class terms on fakes"
        "quick": {"steps": 1600, "batch_size": 16, "fake_class": 0.0, "sample_every": 200, "checkpoint_every": 400},
        "smoke": {"steps": 12, "batch_size": 8, "sample_every": 6, "log_every": 2, "checkpoint_every": 6},
    }

    steps: int | None = cli.option(10_000, "length of the training in steps", metavar="N", assumed=True)
    condition: str = cli.option("embedding", "labels enter G by an embedding, or one-hot as in the report's first try",
                                choices=("embedding", "onehot"))
    embedding: int = cli.option(5, "size of each label's embedding", metavar="N", within=(1, 1000))
    z: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    lr: float = cli.option(2e-4, "Adam's learning rate, both players", metavar="X", within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1, both players", metavar="X", within=(0, 0.9999))
    real_target: float = cli.option(0.9, "D's target for real pictures: label smoothing; 1 is none", metavar="X",
                                    assumed=True, within=(0, 2))
    class_weight: float = cli.option(1.0, "factor of the class terms", metavar="X", assumed=True, within=(0, 1000))
    fake_class: float = cli.option(1.0, "factor of D's class terms on fakes (L_C's second half)", metavar="X",
                                   within=(0, 1000))

    @property
    def variant(self) -> str:
        """Names the default run folder."""
        return "acgan" if self.condition == "embedding" else "acgan_onehot"


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime, tags

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    if config.fake_class != 1:
        run.substitute(f"D's class terms on fakes have the weight {config.fake_class:g}; in the report's L_C it is 1")
    data = datasets.load(run, config.data_folders, size=64, keep="exactly_one")
    hair, eyes = tags.labels(data.table)

    # model
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import batches, evaluation, sampling, trainer
    from common.game import Player
    from hw4_acgan import model, sample

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, beta_1=config.beta_1, beta_2=0.999, epsilon=1e-7))

    with machine.scope():
        game = model.ACGAN(
            config.seed, real_target=config.real_target, class_weight=config.class_weight,
            fake_class=config.fake_class,
            generator=player(model.generator(z=config.z, condition=config.condition, embedding=config.embedding)),
            discriminator=player(model.discriminator()))

    # train
    stream = batches.Batches(data.images, data.rows, {"hair": hair, "eyes": eyes}, config.batch_size, config.seed)
    panels = {"source": {"d_real": "D on real", "d_fake": "D on fake", "g_source": "G"},
              "class": {"d_class": "D", "g_class": "G"}}

    draw = functools.partial(sample.draw, game.generator)
    table = functools.partial(sampling.table, draw, config.z, seed=config.seed)
    measures = evaluation.Evaluation(run, data, draw, config.z)
    trainer.train(game, stream, run, config, table, panels, functools.partial(table, eyes=tags.EYES), measures)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
