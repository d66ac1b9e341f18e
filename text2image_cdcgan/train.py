"""Trains the conditional DCGAN of report 002 on tagged anime faces: hair and eye colours in, a 64x64 face out.

Rows with one or two of the 23 colour tags are kept, as in the report; the condition is a bit for each.

    python text2image_cdcgan/train.py                      # 500 epochs on the embedded faces
    python text2image_cdcgan/train.py --preset quick       # a few minutes on a CPU
    python text2image_cdcgan/train.py --data course        # course/tags_clean.csv and course/faces/
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

    FOLDER: ClassVar = "text2image_cdcgan"
    PRESETS: ClassVar = {
        "quick": {"steps": 1200, "batch_size": 16, "sample_every": 150, "checkpoint_every": 300},
        "smoke": {"steps": 12, "batch_size": 8, "sample_every": 6, "log_every": 2, "checkpoint_every": 6},
    }

    epochs: int | None = cli.option(500, "length of the training in epochs, in place of --steps", metavar="N",
                                    assumed=True)
    batch_size: int = cli.option(64, "pictures a step", metavar="N")
    image_size: int = cli.option(64, "side of the pictures; 96 is the report's first try, which came out distorted",
                                 choices=(64, 96))
    z: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    lr: float = cli.option(2e-4, "Adam's learning rate, both players; the report also tried 1e-4 and 5e-5", metavar="X",
                           within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1, both players", metavar="X", within=(0, 0.9999))
    beta_2: float = cli.option(0.99, "Adam's beta_2, both players", metavar="X", within=(0, 0.9999))
    wrong_loss: str = cli.option("sum", "D's loss: the sum of the four terms, or the first and the mean of the others",
                                 choices=("sum", "mean"))
    g_loss: str = cli.option("non-saturating", "negated: D's term on fakes with a minus sign, as the report says; the "
                             "default is what its author is said to have run", choices=("non-saturating", "negated"),
                             assumed=True)

    @property
    def variant(self) -> str:
        """Names the default run folder: `cdcgan`, and what of the report's comparisons is not its default."""
        compared = ((f"{self.image_size}px", self.image_size == 64), (f"lr_{self.lr:g}", self.lr == 2e-4),
                    (f"{self.wrong_loss}_loss", self.wrong_loss == "sum"), (self.g_loss, self.g_loss != "negated"))
        return "_".join(["cdcgan", *(name for name, default in compared if not default)])


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime, sampling, tags

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    data = datasets.load(run, config.data_folders, config.image_size, keep="one_or_two")
    conditions = tags.multi_hot(data.table, 23)

    # model
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import batches, evaluation, trainer
    from common.game import Player
    from text2image_cdcgan import model, sample

    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    with machine.scope():
        game = model.ConditionalDCGAN(
            config.seed, wrong_loss=config.wrong_loss, g_loss=config.g_loss,
            generator=player(model.generator(z=config.z, size=config.image_size)),
            discriminator=player(model.discriminator(size=config.image_size)))

    # train
    stream = batches.Batches(data.images, data.rows, {"condition": conditions}, config.batch_size, config.seed,
                             wrong="condition")
    panels = {"D": {"d_real": "real, right label", "d_fake": "fake, right label", "d_wrong_label": "real, wrong label",
                    "d_wrong_image": "wrong picture, right label"}, "G": {"g": "fake, right label"}}
    draw = functools.partial(sample.draw, game.generator, sample.bits)
    table = functools.partial(sampling.table, draw, config.z, seed=config.seed)
    measures = evaluation.Evaluation(run, data, draw, config.z)
    trainer.train(game, stream, run, config, table, panels, functools.partial(table, eyes=tags.EYES), measures)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
