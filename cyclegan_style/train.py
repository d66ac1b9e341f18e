"""Trains the CycleGAN of reports 002 and 004: images of domain A become images of domain B, and back again.

A domain is a hair colour (red), an eye colour (blue-eyes), miku, anime, grayscale, portraits, or a folder of images.

    python cyclegan_style/train.py --domainA red --domainB blonde      # the report's best pair, at 128 pixels
    python cyclegan_style/train.py --preset quick                      # a few minutes on a CPU, 64 pixels
    python cyclegan_style/train.py --domainA grayscale --domainB miku
    python cyclegan_style/train.py --domainA anime --domainB img_align_celeba --align

Cost of --preset quick: 2 minutes on 2 cores. The judge sees the new colour in 95% (red to blonde) and 97% (blonde to
red) of the images.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment, scale
from common.anime import tags
from common.errors import UserError
from common.options import Common, option, run_script

if TYPE_CHECKING:
    from common.game import Game


@dataclass(frozen=True)
class Config(Common):
    """The settings of the report; values that it does not give are marked `assumed`."""

    FOLDER: ClassVar = "cyclegan_style"
    SAMPLER: ClassVar = "translate.py"
    PRESETS: ClassVar = {
        "quick": {"steps": 500, "image_size": 64, "batch_size": 4, "sample_every": 100, "checkpoint_every": 250},
        "smoke": {"steps": 4, "image_size": 32, "batch_size": 2, "sample_every": 2, "log_every": 1,
                  "checkpoint_every": 2},
    }

    domainA: str = option("red", "the first set of images: a hair colour, an eye colour such as blue-eyes, miku, "
                          "anime, grayscale, portraits, or a folder", metavar="A")
    domainB: str = option("blonde", "the second set of images", metavar="B")
    align: bool = option(False, "cut portraits, and folders in CelebA's layout of 178x218, to the face, which then "
                         "fills the frame as in the anime faces")
    batch_size: int = option(4, "images per step and domain")
    image_size: int = option(128, "side of the images in pixels, a power of 2", assumed=True, within=(32, 512))
    epochs: int | None = option(10, "length of the training in epochs of the larger domain, in place of --steps",
                                assumed=True)
    lr: float = option(2e-4, "Adam's learning rate for all four networks", assumed=True, within=(1e-9, 1))
    beta_1: float = option(0.5, "Adam's beta_1 for all four networks", assumed=True, within=(0, 0.9999))
    cycle: float = option(10.0, "weight lambda of the cycle terms", assumed=True, within=(0, 1000))
    identity: float = option(0.0, "weight of the identity terms, in units of lambda; the paper has 0.5 where "
                             "colours should stay", within=(0, 1000))
    pool: int = option(0, "size of the pool of earlier fakes, from which D sees one half the time; the paper has 50",
                       within=(0, 10_000))
    translate_dropout: bool = option(False, "keep dropout on when images are translated, as the cited notebook does")
    decay: float = option(0.0, "last share of the steps, in which the learning rate falls to 0; 0.5 in the paper",
                          within=(0, 1))

    def __post_init__(self) -> None:
        """Makes folders absolute, so that a run can be resumed from another working directory."""
        for name in ("domainA", "domainB"):
            value = getattr(self, name)
            if value and not named(value) and Path(value).is_dir():
                object.__setattr__(self, name, str(Path(value).resolve()))

    @property
    def variant(self) -> str:
        """The name of the default run folder."""
        names = [Path(name).name + ("_folder" if named(Path(name).name) and not named(name) else "")
                 for name in (self.domainA, self.domainB)]
        return "_to_".join(names).replace("-", "_") + ("_aligned" if self.align else "")

    def check(self) -> None:
        """Raises UserError for invalid values. The domains are checked later, against the tags."""
        super().check()
        pair = self.domainA, self.domainB
        if self.align and all(map(tags.is_domain, pair)):
            raise UserError("--align cuts portraits and folders, but neither domain is one; leave out --align")
        if self.data and not any(map(tags.is_domain, pair)):
            raise UserError("--data has the tagged faces, but neither domain uses them; leave out --data")
        if self.image_size & (self.image_size - 1):
            raise UserError(f"--image-size {self.image_size}: the U-Net needs a power of 2, such as 64 or 128")
        if self.pool and scale.of(self).replicas > 1:
            raise UserError("--pool: works on one device only; leave out --pool, or --devices and TF_CONFIG")


def named(name: str) -> bool:
    """Whether a domain is one of the named ones, not a folder."""
    return tags.is_domain(name) or name == "portraits"


def build(config: Config, total_steps: int) -> Game:
    """Builds all four networks with their optimizers, and the game."""
    import keras

    from common.game import Player, Rate
    from cyclegan_style import model

    def player(network: keras.Model) -> Player:
        rate = Rate(config.lr, 0, int(config.decay * total_steps), total_steps)
        return Player(network, keras.optimizers.Adam(rate, config.beta_1, 0.999, epsilon=1e-7))

    def generator() -> keras.Model:
        return model.unet_generator(config.image_size, dropout_stays=config.translate_dropout)

    return model.CycleGAN(
        config.seed, player(generator()), player(generator()),
        player(model.patch_discriminator()), player(model.patch_discriminator()), cycle=config.cycle,
        identity=config.identity, pool=config.pool)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    from cyclegan_style import domains

    domains.demand(config.data, config.domainA, config.domainB)
    run = experiment.open(config)

    from common import trainer
    from cyclegan_style import measures

    data = domains.load(config.data, config.domainA, config.domainB, config.image_size, config.align)
    run.record_data(data.origin)
    pairs = domains.Pairs(data.a, data.b, config.image_size, config.batch_size, config.seed)
    with run.machine.scope():
        game = build(config, config.total_steps(pairs.steps_per_epoch))

    curves = {"D": {"d_A_real": "A, real", "d_A_fake": "A, fake", "d_B_real": "B, real", "d_B_fake": "B, fake"},
              "G": {"g_AtoB": "A to B", "g_BtoA": "B to A"}, "cycle": {"cycle_A": "A, B, A", "cycle_B": "B, A, B"}}
    if config.identity:
        curves["identity"] = {"identity_A": "A", "identity_B": "B"}
    trainer.train(game, pairs, run, config, functools.partial(measures.figure, game, data, config.image_size), curves,
                  evaluation=measures.Translation(game, data, config.image_size, config.brief),
                  explorer=functools.partial(measures.explore, game, data, config.image_size))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
