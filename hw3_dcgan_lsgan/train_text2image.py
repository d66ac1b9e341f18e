"""Trains the conditional DCGAN of report 001: one hair and one eye colour in, a 64x64 anime face out.

Rows with exactly one hair and one eye colour; gray eyes, which the 22 columns lack, are left out and counted.

    python hw3_dcgan_lsgan/train_text2image.py                              # the report's "best", on the embedded faces
    python hw3_dcgan_lsgan/train_text2image.py --preset quick               # a few minutes on a CPU
    python hw3_dcgan_lsgan/train_text2image.py --recipe raw-condition       # the report's column "1"; plain is "2"
    python hw3_dcgan_lsgan/train_text2image.py --data course extra_data     # several folders are joined
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli

RECIPES: dict[str, dict[str, Any]] = {  # name -> what it does, see `recipe`
    "best": {"mirror": True, "own_dense": True, "strengthened": 50, "skip": True, "smooth": True},
    "plain": {"mirror": True, "own_dense": True, "strengthened": 0, "skip": False, "smooth": False},
    "raw-condition": {"mirror": False, "own_dense": False, "strengthened": 0, "skip": False, "smooth": False},
    "overtrained": {"mirror": True, "own_dense": True, "strengthened": None, "skip": False, "smooth": True},
}


@dataclass(frozen=True)
class Config(cli.Common):
    """The report's settings; what it does not give is marked `assumed`."""

    FOLDER: ClassVar = "hw3_dcgan_lsgan"
    ACCUMULATES: ClassVar = False
    PRESETS: ClassVar = {
        "quick": {"steps": 1000, "batch_size": 16, "strengthened_share": 0.1, "sample_every": 200,
                  "checkpoint_every": 250},
        "smoke": {"steps": 12, "batch_size": 8, "strengthened_share": 0.25, "sample_every": 6, "log_every": 2,
                  "checkpoint_every": 6},
    }

    data: tuple[Path, ...] = cli.option((), "folders with tags_clean.csv and faces/, or with tags.csv and images/; "
                                        "several are joined; without one an embedded set is drawn once in data/faces",
                                        metavar="DIR", keeps_run=True)
    epochs: int | None = cli.option(200, "length of the training in epochs, in place of --steps", metavar="N",
                                    assumed=True)
    recipe: str = cli.option("best", "best; plain, the report's column 2: without schedule and smoothing; "
                             "raw-condition, its column 1: the condition joins the noise as it is; overtrained: D "
                             "strengthened all along, its mode collapse", choices=tuple(RECIPES))
    d_steps: int = cli.option(3, "D steps for each G step while D is strengthened", metavar="N", assumed=True,
                              within=(1, 100))
    strengthened_share: float | None = cli.option(None, "share of the steps for which `best` strengthens D, in place "
                                                  "of the report's 50 epochs", metavar="X", within=(0, 1))
    skip_below: float = cli.option(0.5, "`best` then leaves D alone in steps where its loss is below this", metavar="X",
                                   within=(0, 1000))
    wrong_loss: str = cli.option("mean", "D's loss: the first term and the mean of the other three, or the sum of all",
                                 choices=("mean", "sum"))
    z: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    dropout: float = cli.option(0.25, "share that dropout drops, in both networks", metavar="X", assumed=True,
                                within=(0, 0.99))
    lr: float = cli.option(2e-4, "Adam's learning rate, both players", metavar="X", assumed=True, within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1, both players", metavar="X", assumed=True, within=(0, 0.9999))
    beta_2: float = cli.option(0.999, "Adam's beta_2, both players", metavar="X", assumed=True, within=(0, 0.9999))

    @property
    def variant(self) -> str:
        """Names the default run folder."""
        return f"text2image_{self.recipe}".replace("-", "_")

    def strengthened(self, steps_per_epoch: int) -> int:
        """For how many steps D is strengthened."""
        epochs, total = RECIPES[self.recipe]["strengthened"], self.total_steps(steps_per_epoch)
        if epochs is None:
            return total
        if epochs == 0 or self.strengthened_share is None:
            return epochs * steps_per_epoch
        return round(self.strengthened_share * total)


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime, sampling, tags

    # data
    config = runs.recall(config)
    recipe = RECIPES[config.recipe]
    run = runs.Run(config)
    data = datasets.load(run, config.data_folders, size=64, keep="exactly_one")
    colours = data.select(~data.table["gray eyes"].to_numpy())
    cli.say(f"gray eyes left out: {len(data.rows) - len(colours.rows)} of {len(data.rows)} pictures")
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import batches, evaluation, trainer
    from common.game import Player
    from hw3_dcgan_lsgan import cdcgan, sample

    # model
    def player(network: keras.Model) -> Player:
        return Player(network, keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7))

    stream = batches.Batches(colours.images, colours.rows, {"condition": tags.one_hot(colours.table, 22)},
                             config.batch_size, config.seed, mirror=recipe["mirror"], wrong="condition")
    with machine.scope():
        game = cdcgan.ScheduledCDCGAN(
            config.seed, player(cdcgan.cdcgan_generator(22, config.z, recipe["own_dense"], config.dropout)),
            player(cdcgan.cdcgan_discriminator(22, recipe["own_dense"], config.dropout)), d_steps=config.d_steps,
            strengthened=config.strengthened(stream.steps_per_epoch), smooth=recipe["smooth"],
            skip_below=config.skip_below if recipe["skip"] else 0.0, wrong_loss=config.wrong_loss)

    # train
    panels = {"D": {"d_real": "real, right label", "d_fake": "fake, right label", "d_wrong_label": "real, wrong label",
                    "d_wrong_image": "wrong picture, right label"}, "G": {"g": "fake, right label"},
              "D steps taken": {"d_moves": "of a step"}}
    draw = functools.partial(sample.draw_condition, game.generator)
    eyes = tuple(name for name in tags.EYES if name != "gray")
    measures = evaluation.Evaluation(run, data, draw, config.z, eyes)
    trainer.train(game, stream, run, config, lambda: sample.labels_of_the_report(draw, config.z, config.seed), panels,
                  lambda: sampling.table(draw, config.z, eyes, config.seed), measures)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
