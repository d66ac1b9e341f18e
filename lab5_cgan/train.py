"""Trains the cGAN or the AC-GAN of report 003 on i-CLEVR: a list of objects in, a 64x64 scene out.

    python lab5_cgan/train.py                        # the cGAN on the embedded scenes, 300 epochs
    python lab5_cgan/train.py --model acgan
    python lab5_cgan/train.py --preset quick         # a few minutes on a CPU
    python lab5_cgan/train.py --data iclevr          # images/, train.json, test.json, new_test.json, objects.json
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

    FOLDER: ClassVar = "lab5_cgan"
    PRESETS: ClassVar = {
        "quick": {"steps": 2800, "batch_size": 16, "sample_every": 400, "checkpoint_every": 400},
        "smoke": {"steps": 8, "batch_size": 8, "sample_every": 4, "log_every": 2, "checkpoint_every": 4},
    }

    data: Path | None = cli.option(None, "folder with images/, train.json, test.json, new_test.json and objects.json; "
                                   "without it an embedded set is drawn once in data/scenes", metavar="DIR",
                                   keeps_run=True)
    model: str = cli.option("cgan", "cgan: D sees the labels; acgan: D names them", choices=("cgan", "acgan"))
    epochs: int | None = cli.option(300, "length of the training in epochs, in place of --steps", metavar="N")
    batch_size: int = cli.option(64, "pictures a step", metavar="N")
    sample_every: int | None = cli.option(None, "steps between sample grids and accuracies (default: an epoch)",
                                          metavar="N")
    z: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    g_lr: float = cli.option(4e-4, "Adam's learning rate of G; the report compares with 2e-4 for both", metavar="X",
                             within=(1e-9, 1))
    d_lr: float = cli.option(1e-4, "Adam's learning rate of D", metavar="X", within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1, both players: the report's momentum", metavar="X",
                               within=(0, 0.9999))
    class_weight: float = cli.option(1.0, "acgan: factor of the class terms; others had success with 24 to 100",
                                     metavar="X", within=(0, 1000))
    resize: str = cli.option("crop", "crop: the middle square of each picture, as reported; squash: the whole picture",
                             choices=("crop", "squash"))
    evaluator: Path | None = cli.option(None, "a ResNet18 as .npz, such as the course's, to measure with in place of "
                                        "our own: see the folder's README", metavar="FILE", keeps_run=True)

    @property
    def variant(self) -> str:
        """Names the default run folder."""
        return self.model + ("_equal_rates" if self.g_lr == self.d_lr else "") + \
            (f"_class_{self.class_weight:g}" if self.class_weight != 1 else "") + \
            ("_squash" if self.resize == "squash" else "")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        super().check()
        if self.class_weight != 1 and self.model == "cgan":
            raise cli.UserError("--class-weight: the cGAN has no class term; add --model acgan, or leave it out")
        if self.evaluator and not self.evaluator.is_file():
            raise cli.UserError(f"--evaluator {self.evaluator}: no such file")


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import runs, runtime
    from lab5_cgan import iclevr

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    data = iclevr.load(run, config.data, config.resize)

    # model
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import batches, trainer
    from common.game import Player
    from lab5_cgan import figures, measures, model, sample

    def player(network: keras.Model, rate: float) -> Player:
        return Player(network, keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=0.999, epsilon=1e-8))

    with machine.scope():
        if config.model == "cgan":
            game = model.CGAN(config.seed, generator=player(model.cgan_generator(config.z), config.g_lr),
                              discriminator=player(model.cgan_discriminator(), config.d_lr))
            panels = {"source": {"d_real": "D on real", "d_fake": "D on fake", "g": "G"}}
        else:
            game = model.ACGAN(config.seed, player(model.acgan_generator(config.z), config.g_lr),
                               player(model.acgan_discriminator(), config.d_lr), class_weight=config.class_weight)
            panels = {"source": {"d_real": "D on real", "d_fake": "D on fake", "g_source": "G"},
                      "class": {"d_class": "D", "g_class": "G"}}

    # train
    stream = batches.Batches(data.images, data.rows, {"label": data.labels}, config.batch_size, config.seed)
    draw = functools.partial(sample.draw, game.generator)
    accuracy = measures.Accuracy(run, data, draw, config.z, stream.steps_per_epoch, config.evaluator)
    trainer.train(game, stream, run, config, functools.partial(figures.table, draw, config.z, data.tests, config.seed),
                  panels, evaluation=accuracy)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
