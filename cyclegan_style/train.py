"""Trains the CycleGAN of reports 002 and 004: pictures of domain A become pictures of domain B, and back again.

A domain is a hair colour (red), an eye colour (blue-eyes), miku, anime, grayscale, portraits, or a folder of pictures.

    python cyclegan_style/train.py --domainA red --domainB blonde      # the report's best pair, at 128 pixels
    python cyclegan_style/train.py --preset quick                      # a few minutes on a CPU, 64 pixels
    python cyclegan_style/train.py --domainA grayscale --domainB miku
    python cyclegan_style/train.py --domainA anime --domainB img_align_celeba --align
"""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import cli, scale, tags


@dataclass(frozen=True)
class Config(cli.Common):
    """The report's settings; what it does not give is marked `assumed`."""

    FOLDER: ClassVar = "cyclegan_style"
    ACCUMULATES: ClassVar = False
    PRESETS: ClassVar = {
        "quick": {"steps": 500, "image_size": 64, "batch_size": 4, "sample_every": 100, "checkpoint_every": 250},
        "smoke": {"steps": 4, "image_size": 32, "batch_size": 2, "sample_every": 2, "log_every": 1,
                  "checkpoint_every": 2},
    }

    domainA: str = cli.option("red", "the one set of pictures: a hair colour, an eye colour such as blue-eyes, miku, "
                              "anime, grayscale, portraits, or a folder", metavar="A")
    domainB: str = cli.option("blonde", "the other one", metavar="B")
    align: bool = cli.option(False, "cut portraits, and folders in CelebA's layout of 178x218, to the face, which then "
                             "fills the frame as in the anime faces")
    batch_size: int = cli.option(4, "pictures of each domain a step", metavar="N")
    image_size: int = cli.option(128, "side of the pictures in pixels, a power of 2", metavar="N", assumed=True,
                                 within=(32, 512))
    epochs: int | None = cli.option(10, "length of the training in epochs of the larger domain, in place of --steps",
                                    metavar="N", assumed=True)
    lr: float = cli.option(2e-4, "Adam's learning rate, all players", metavar="X", assumed=True, within=(1e-9, 1))
    beta_1: float = cli.option(0.5, "Adam's beta_1, all players", metavar="X", assumed=True, within=(0, 0.9999))
    cycle: float = cli.option(10.0, "factor lambda of the cycle terms", metavar="X", assumed=True, within=(0, 1000))
    identity: float = cli.option(0.0, "factor of the identity terms, in units of lambda; the paper has 0.5 where "
                                 "colours should stay", metavar="X", within=(0, 1000))
    pool: int = cli.option(0, "made pictures that are kept, of which D sees one half the time; the paper has 50",
                           metavar="N", within=(0, 10_000))
    decay: float = cli.option(0.0, "last part of the training, in which the learning rate falls to 0; the paper has "
                              "0.5", metavar="X", within=(0, 1))

    def __post_init__(self) -> None:
        """A folder is known by its absolute path: the same run from wherever it goes on."""
        for name in ("domainA", "domainB"):
            value = getattr(self, name)
            if value and not named(value) and Path(value).is_dir():
                object.__setattr__(self, name, str(Path(value).resolve()))

    @property
    def variant(self) -> str:
        """Names the default run folder."""
        names = [Path(name).name + ("_folder" if named(Path(name).name) and not named(name) else "")
                 for name in (self.domainA, self.domainB)]
        return "_to_".join(names).replace("-", "_") + ("_aligned" if self.align else "")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant; domains are checked against the tags."""
        super().check()
        pair = self.domainA, self.domainB
        if self.align and all(map(tags.is_domain, pair)):
            raise cli.UserError("--align cuts portraits and folders, and neither domain is one: leave it out")
        if self.data and not any(map(tags.is_domain, pair)):
            raise cli.UserError("--data has the tagged faces, and neither domain is of them: leave it out")
        if self.image_size & (self.image_size - 1):
            raise cli.UserError(f"--image-size {self.image_size}: the U-Net needs a power of 2, such as 64 or 128")
        if self.pool and scale.of(self).replicas > 1:
            raise cli.UserError("--pool: made pictures are kept in one order; leave it out, or --devices and TF_CONFIG")


def named(name: str) -> bool:
    """Whether a domain is known by its name: not a folder."""
    return tags.is_domain(name) or name == "portraits"


def main(config: Config) -> None:
    """The experiment from data to finished run folder."""
    from common import runs, runtime
    from cyclegan_style import domains

    # data
    config = runs.recall(config)
    domains.demand(config.data, config.domainA, config.domainB)
    run = runs.Run(config)
    data = domains.load(run, config.data, config.domainA, config.domainB, config.image_size, config.align)
    machine = runtime.start(config.seed, run.precision(config.precision), run.scale)
    run.settle(machine)
    import keras

    from common import trainer
    from common.game import Player, Rate
    from cyclegan_style import measures, model

    # model
    pairs = domains.Pairs(data.a, data.b, config.image_size, config.batch_size, config.seed)
    total = config.total_steps(pairs.steps_per_epoch)

    def player(network: keras.Model) -> Player:
        rate = Rate(config.lr, 0, int(config.decay * total), total)
        return Player(network, keras.optimizers.Adam(rate, config.beta_1, 0.999, epsilon=1e-7))

    with machine.scope():
        game = model.CycleGAN(
            config.seed, player(model.unet_generator(config.image_size)),
            player(model.unet_generator(config.image_size)), player(model.patch_discriminator()),
            player(model.patch_discriminator()), cycle=config.cycle, identity=config.identity, pool=config.pool)

    # train
    panels = {"D": {"d_A_real": "A, real", "d_A_fake": "A, made", "d_B_real": "B, real", "d_B_fake": "B, made"},
              "G": {"g_AtoB": "A to B", "g_BtoA": "B to A"}, "cycle": {"cycle_A": "A, B, A", "cycle_B": "B, A, B"}}
    if config.identity:
        panels["identity"] = {"identity_A": "A", "identity_B": "B"}
    trainer.train(game, pairs, run, config, functools.partial(measures.figure, game, data, config.image_size), panels,
                  evaluation=measures.Translation(run, game, data, config.image_size))


if __name__ == "__main__":
    cli.run(Config, main, description=__doc__)
