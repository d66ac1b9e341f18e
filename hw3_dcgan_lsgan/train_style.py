"""Trains MSG-Net (report 001, section 3): photos are turned into drawings, or into whatever the style images show.

The default style is a pencil drawing made by code, the default photos are those of scikit-image. After the training,
stylize.py converts photos of any size.

    python hw3_dcgan_lsgan/train_style.py                                     # 10,000 steps at 256 pixels
    python hw3_dcgan_lsgan/train_style.py --preset quick                      # a few minutes on a CPU, 128 pixels
    python hw3_dcgan_lsgan/train_style.py --style pencil.jpg wave.jpg --content photos

Cost of --preset quick: 3 minutes on 2 cores. It reached a style loss of 0.93 (a grey photo: 3.34).
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment
from common.files import demand_folder
from common.options import Common, option, run_script

if TYPE_CHECKING:
    from common.game import Game
    from hw3_dcgan_lsgan.features import Features
    from hw3_dcgan_lsgan.pictures import Material


@dataclass(frozen=True)
class Config(Common):
    """The settings of the MSG-Net paper, since the report gives none; what the paper lacks is marked `assumed`."""

    FOLDER: ClassVar = "hw3_dcgan_lsgan"
    SAMPLER: ClassVar = "stylize.py"
    PRESETS: ClassVar = {
        "quick": {"steps": 700, "batch_size": 2, "size": 128, "style_size": 192, "sample_every": 100,
                  "checkpoint_every": 175},
        "smoke": {"steps": 4, "batch_size": 2, "size": 48, "style_size": 48, "sample_every": 2, "log_every": 1,
                  "checkpoint_every": 2, "warm_up": 2},
    }

    data: Path | None = option(None, "folder with style/pencil.jpg in it or beside it, the style if --style is not "
                               "given", metavar="DIR", keeps_run=True)
    style: tuple[Path, ...] = option((), "style images; steps use them in turn (default: a "
                                     "pencil drawing made by code)", metavar="PICTURE")
    content: Path | None = option(None, "folder of training photos (default: photos of scikit-image)",
                                  metavar="DIR")
    steps: int | None = option(10_000, "length of the training in steps", assumed=True)
    batch_size: int = option(4, "photos per step")
    size: int = option(256, "side of the photos in pixels", within=(32, 2048))
    style_size: int = option(512, "side of the style images in pixels", assumed=True, within=(32, 2048))
    features: str = option("auto", "imagenet, random, or a file of VGG16's weights; auto: imagenet if Keras has "
                           "downloaded the weights already, else random", metavar="WHAT", assumed=True)
    recolour: str = option("auto", "compare content with the photo in the colours of the style, and leave out hues "
                           "that the style lacks; auto: only with random features",
                           choices=("auto", "yes", "no"), assumed=True)
    content_weight: float = option(1.0, "weight of the content term", within=(0, 1e6))
    style_weight: float = option(5.0, "weight of the style term", within=(0, 1e6))
    lr: float = option(1e-3, "Adam's learning rate", within=(0, 1))
    warm_up: int = option(200, "steps in which the learning rate rises from 0", assumed=True, within=(0, 1_000_000))
    clip: float = option(1.0, "norm at which the gradient is clipped; 0 is never", assumed=True,
                         within=(0, 1e6))
    cool_down: float = option(0.5, "last share of the steps, in which the learning rate falls to 0; 0 is none",
                              assumed=True, within=(0, 1))

    @property
    def variant(self) -> str:
        """The name of the default run folder."""
        return "msgnet"

    def check(self) -> None:
        """Raises UserError for invalid values."""
        super().check()
        if self.content:
            demand_folder(self.content, "--content")


def build(config: Config, judge: Features, material: Material, recolour: bool, total_steps: int) -> Game:
    """Builds MSG-Net with its optimizer, and its game against the features of `judge`."""
    import keras

    from common.game import Player, Rate
    from hw3_dcgan_lsgan import features, transfer
    from hw3_dcgan_lsgan.msgnet import msgnet

    rate = Rate(config.lr, config.warm_up, int(config.cool_down * total_steps), total_steps)
    adam = keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, global_clipnorm=config.clip or None)
    return transfer.StyleTransfer(config.seed, Player(msgnet(), adam), judge, material.styles,
                                  material.photos[material.rows[:features.SAMPLES]], recolour=recolour,
                                  content_weight=config.content_weight, style_weight=config.style_weight)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    run = experiment.open(config)

    from common import batches, trainer
    from hw3_dcgan_lsgan import features, measures, pictures

    material = pictures.load(config.content, config.style, config.data_folders, config.size, config.style_size,
                             config.size if config.brief else pictures.HELD_OUT_SIZE)
    run.record_data(material.origin)
    run.when_training_begins(lambda: material.save_styles(run.folder / "styles"))

    judge = features.load(run, config.features, material.photos[material.rows[:features.SAMPLES]])
    recolour = {"yes": True, "no": False, "auto": judge.random}[config.recolour]
    if recolour:
        run.substitute("the content term compares with the photo in the style's colours, not with the photo itself; "
                       "drawings leave out the hues that the style does not have")
    run.require_same("colours", {"recolour": recolour})
    stream = batches.Batches(material.photos, material.rows, {}, config.batch_size, config.seed, mirror=True)
    with run.machine.scope():
        game = build(config, judge, material, recolour, config.total_steps(stream.steps_per_epoch))
    curves = {"content": {"content": "relu2_2"}, "style": {"style": "Gram matrices of four layers"}}
    trainer.train(game, stream, run, config, functools.partial(measures.table, game, material.held_out), curves,
                  evaluation=measures.StyleMeasures(game, material.held_out, run.info["features"]))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
