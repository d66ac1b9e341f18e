"""Trains the DCGAN or the LSGAN of report 001 on all anime faces, whatever their tags: noise in, a 64x64 face out.

    python hw3_dcgan_lsgan/train.py                            # the report's DCGAN, 200 epochs on the embedded faces
    python hw3_dcgan_lsgan/train.py --model lsgan              # LSGAN, three D steps for each G step
    python hw3_dcgan_lsgan/train.py --preset quick             # a few minutes on a CPU
    python hw3_dcgan_lsgan/train.py --labels soft              # a training tip: also --z uniform, --optimizers d-sgd
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli

D_STEPS = {"dcgan": 1, "lsgan": 3}  # the report's LSGAN ran 1:3
NOISES = ("normal", "uniform")  # N(0, 1), U(-1, 1)


def quick_steps(given: dict[str, Any]) -> int:
    """The steps of `quick`, from the options given: as many as a few minutes have room for, fewer with more D steps."""
    d_steps = given.get("d_steps") or D_STEPS[given.get("model", "dcgan")]
    return 2000 if d_steps == 1 else max(1, 3300 // d_steps)


@dataclass(frozen=True)
class Config(cli.Common):
    """The report's settings; what it does not give is marked `assumed`."""

    FOLDER: ClassVar = "hw3_dcgan_lsgan"
    PRESETS: ClassVar = {
        "quick": {"steps": quick_steps, "batch_size": 16, "sample_every": 200, "checkpoint_every": 250},
        "smoke": {"steps": 12, "batch_size": 8, "sample_every": 6, "log_every": 2, "checkpoint_every": 6},
    }

    epochs: int | None = cli.option(200, "length of the training in epochs, in place of --steps; the report shows 20 "
                                    "and 200", metavar="N")
    model: str = cli.option("dcgan", "the network and its loss: cross-entropy, or least squares",
                            choices=("dcgan", "lsgan"))
    d_steps: int | None = cli.option(None, "D steps for each G step (default: 1 for dcgan, 3 for lsgan; the report "
                                     "compares 1 and 3)", metavar="N", within=(1, 100))
    z: str = cli.option("normal", "noise from N(0, 1), or from U(-1, 1) (tip 3)", choices=NOISES)
    z_size: int = cli.option(100, "size of the noise", metavar="N", within=(1, 10_000))
    labels: str = cli.option("hard", "D's targets: 1 and 0, or drawn from 0.7-1.2 and 0-0.3 for each picture (tip 6)",
                             choices=("hard", "soft"))
    clip_labels: bool = cli.option(False, "soft targets above 1 become 1: beyond it the cross-entropy has no lower "
                                   "bound", assumed=True)
    optimizers: str = cli.option("adam", "adam for both, sgd for both, or d-sgd: D by SGD, G by Adam (tip 9)",
                                 choices=("adam", "sgd", "d-sgd"))
    lr: float = cli.option(2e-4, "learning rate, both players", metavar="X", within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1", metavar="X", within=(0, 0.9999))
    beta_2: float = cli.option(0.999, "Adam's beta_2", metavar="X", within=(0, 0.9999))
    momentum: float = cli.option(0.0, "SGD's momentum", metavar="X", assumed=True, within=(0, 0.9999))

    @property
    def variant(self) -> str:
        """Names the default run folder: the model, and what of the report's comparisons is not its default."""
        ratio = [f"1to{self.d_steps}"] if self.d_steps not in (None, D_STEPS[self.model]) else []
        others = [value for value, default in ((self.z, "normal"), (self.labels, "hard"), (self.optimizers, "adam"))
                  if value != default]
        return "_".join([self.model, *ratio, *others]).replace("-", "_")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        super().check()
        if self.clip_labels and self.labels != "soft":
            raise cli.UserError("--clip-labels belongs to --labels soft: give both, or leave it out")


def optimizer(config: Config, player: str):
    """The optimizer of "generator" or "discriminator" under `--optimizers`."""
    import keras

    if config.optimizers == "sgd" or (config.optimizers, player) == ("d-sgd", "discriminator"):
        return keras.optimizers.SGD(config.lr, momentum=config.momentum)
    return keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-8)  # torch's epsilon


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import datasets, runs, runtime

    # data
    config = runs.recall(config)
    run = runs.Run(config)
    data = datasets.load(run, config.data_folders, size=64, keep="all")
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    from common import batches, evaluation, losses, trainer
    from common.game import Player
    from hw3_dcgan_lsgan import model, sample

    # model
    d_steps = config.d_steps or D_STEPS[config.model]
    generator, discriminator, criterion = {
        "dcgan": (model.dcgan_generator, model.dcgan_discriminator, losses.bce),
        "lsgan": (model.lsgan_generator, model.lsgan_discriminator, losses.least_squares)}[config.model]
    with machine.scope():
        game = model.UnconditionalGAN(
            config.seed, Player(generator(config.z_size), optimizer(config, "generator")),
            Player(discriminator(), optimizer(config, "discriminator")), criterion=criterion, noise=config.z,
            soft=config.labels == "soft", clip=config.clip_labels, d_steps=d_steps)

    # train
    stream = batches.Batches(data.images, data.rows, {}, config.batch_size * d_steps, config.seed)
    panels = {"loss": {"d_real": "D on real", "d_fake": "D on fake", "g": "G"}}
    draw = functools.partial(sample.draw, game.generator, config.z)
    measures = evaluation.Unconditional(run, data, draw, config.z_size)
    trainer.train(game, stream, run, config, lambda: sample.sheet(draw, config.z_size, config.seed), panels,
                  evaluation=measures)


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
