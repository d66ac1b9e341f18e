"""Trains the cGAN or the AC-GAN of report 003 on i-CLEVR: a list of objects in, a 64x64 scene out.

    python lab5_cgan/train.py                        # the cGAN on the embedded scenes, 300 epochs
    python lab5_cgan/train.py --model acgan
    python lab5_cgan/train.py --preset quick         # a few minutes on a CPU
    python lab5_cgan/train.py --data iclevr          # images/, train.json, test.json, new_test.json, objects.json

Cost of --preset quick: 6 to 7 minutes on 2 cores with native bfloat16, and 8 more, once, for the evaluator. By
--recipe tuned, the AC-GAN reached 73% on test.json and 79% on new_test.json, the cGAN 23% and 29% (chance 10%).
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment
from common.errors import UserError
from common.files import not_a_file
from common.options import ByModel, Common, option, recipe_option, run_script

if TYPE_CHECKING:
    from common.game import Game


@dataclass(frozen=True)
class Config(Common):
    """The settings of the report; values that it does not give are marked `assumed`."""

    FOLDER: ClassVar = "lab5_cgan"
    REPORT_EPOCH: ClassVar = 18_009
    PRESETS: ClassVar = {
        "quick": {"recipe": "tuned", "steps": 2800, "batch_size": 16, "sample_every": 400, "checkpoint_every": 400},
        "smoke": {"steps": 8, "batch_size": 8, "sample_every": 4, "log_every": 2, "checkpoint_every": 4},
    }
    RECIPES: ClassVar = {
        "report": {},
        # both players hear the labels from the first step; D must look at them, and learns classes from real images
        "tuned": {"label_gain": ByModel(cgan=80.0, acgan=5.0), "wrong_label": ByModel(cgan=0.5, acgan=0.0),
                  "class_weight": ByModel(cgan=1.0, acgan=24.0), "fake_class": ByModel(cgan=1.0, acgan=0.0),
                  "dropout": ByModel(cgan=0.5, acgan=0.0), "reach": 8, "average": 0.04},
    }

    recipe: str = recipe_option(RECIPES)
    data: Path | None = option(None, "folder with images/, train.json, test.json, new_test.json and objects.json; "
                               "without it an embedded set is drawn once in data/scenes", metavar="DIR", keeps_run=True)
    model: str = option("cgan", "cgan: D sees the labels; acgan: D predicts them", choices=("cgan", "acgan"))
    epochs: int | None = option(300, "length of the training in epochs, in place of --steps")
    batch_size: int = option(64, "images per step")
    sample_every: int | None = option(None, "steps between sample grids and accuracies (default: an epoch)")
    z: int = option(100, "size of the noise", within=(1, 10_000))
    g_lr: float = option(4e-4, "Adam's learning rate for G; the report compares with 2e-4 for both", within=(1e-9, 1))
    d_lr: float = option(1e-4, "Adam's learning rate for D", within=(1e-9, 1))
    beta_1: float = option(0.5, "Adam's beta_1 for G and D, or SGD's momentum; the report calls it momentum",
                           within=(0, 0.9999))
    class_weight: float = option(1.0, "acgan: weight of the class terms; others had success with 24 to 100",
                                 within=(0, 1000))
    fake_class: float = option(1.0, "acgan: weight of D's class terms on fakes (second half of L_C); the report "
                               "suspects that the early ones, which are noise, mislead D", within=(0, 1000))
    label_gain: float = option(1.0, "factor of the initial weights behind the labels; an addition of ours: at 1 both "
                               "players hardly hear them at first", within=(1e-3, 1000))
    wrong_label: float = option(0.0, "cgan: weight of D's term on real images with wrong labels; an addition of ours",
                                within=(0, 1000))
    dropout: float = option(0.5, "acgan: rate of Dropout2d in D", within=(0, 0.99))
    reach: int = option(0, "D sees every image moved by up to so many pixels; an addition of ours", within=(0, 32))
    real_target: float = option(1.0, "D's target for real images; below 1 is label smoothing, which the report tried "
                                "with the AC-GAN", within=(0, 2))
    optimizer: str = option("adam", "the optimizer of both players; the report tried others, and names none",
                            choices=("adam", "rmsprop", "sgd"))
    resize: str = option("crop", "crop: the middle square of each image, as in the report; squash: the whole image",
                         choices=("crop", "squash"))
    evaluator: Path | None = option(None, "a ResNet18 as .npz, such as the course's, to measure with in place of our "
                                    "own; see README.md in this folder", metavar="FILE", keeps_run=True)
    own_reading: bool = option(False, "train our evaluator only on images as --resize reads them; without it, on crops "
                               "and on whole images", keeps_run=True)

    @property
    def variant(self) -> str:
        """The name of the default run folder."""
        compared = ((self.recipe, self.is_usual("recipe")), ("equal_rates", self.g_lr != self.d_lr),
                    (f"class_{self.class_weight:g}", self.is_usual("class_weight")),
                    (f"fake_class_{self.fake_class:g}", self.is_usual("fake_class")),
                    (f"dropout_{self.dropout:g}", self.is_usual("dropout")),
                    (f"smooth_{self.real_target:g}", self.is_usual("real_target")),
                    (self.optimizer, self.is_usual("optimizer")), (self.resize, self.is_usual("resize")))
        return "_".join([self.model, *(name for name, default in compared if not default)])

    def check(self) -> None:
        """Raises UserError for invalid values."""
        super().check()
        for name, model, why in (("class_weight", "acgan", "the cGAN has no class term"),
                                 ("fake_class", "acgan", "the cGAN has no class term"),
                                 ("dropout", "acgan", "the cGAN has no dropout"),
                                 ("wrong_label", "cgan", "the AC-GAN's D does not see the labels")):
            if getattr(self, name) != getattr(type(self), name) and self.model != model:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag}: {why}; add --model {model}, or leave out {flag}")
        if self.evaluator and self.own_reading:
            raise UserError("--evaluator, --own-reading: a given evaluator is not trained here; leave out one of them")
        if self.evaluator and not self.evaluator.is_file():
            raise UserError(f"--evaluator {self.evaluator}: {not_a_file(self.evaluator)}")


def build(config: Config) -> Game:
    """Builds both networks with their optimizers, and the game."""
    import keras

    from common.game import Player
    from lab5_cgan import model

    def player(network: keras.Model, rate: float) -> Player:
        return Player(network, {
            "adam": lambda: keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=0.999, epsilon=1e-8),
            "rmsprop": lambda: keras.optimizers.RMSprop(rate, rho=0.99, epsilon=1e-8),  # PyTorch's defaults
            "sgd": lambda: keras.optimizers.SGD(rate, momentum=config.beta_1)}[config.optimizer]())

    if config.model == "cgan":
        return model.CGAN(
            config.seed, player(model.cgan_generator(config.z, label_gain=config.label_gain), config.g_lr),
            player(model.cgan_discriminator(label_gain=config.label_gain), config.d_lr),
            real_target=config.real_target, wrong_label=config.wrong_label, reach=config.reach)
    return model.ACGAN(
        config.seed, player(model.acgan_generator(config.z, label_gain=config.label_gain), config.g_lr),
        player(model.acgan_discriminator(dropout=config.dropout), config.d_lr), class_weight=config.class_weight,
        fake_class=config.fake_class, real_target=config.real_target, reach=config.reach)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    run = experiment.open(config)

    from common import batches, trainer
    from lab5_cgan import figures, iclevr, measures, model

    data = iclevr.load(config.data, config.resize)
    run.record_data(data.origin)
    with run.machine.scope():
        game = build(config)

    stream = batches.Batches(data.images, data.rows, {"label": data.labels}, config.batch_size, config.seed)
    generate = functools.partial(model.generate, game.generator)
    curves = {"source": {"d_real": "D on real", "d_fake": "D on fake", "g": "G"}} if config.model == "cgan" else \
        {"source": {"d_real": "D on real", "d_fake": "D on fake", "g_source": "G"},
         "class": {"d_class": "D", "g_class": "G"}}
    trainer.train(game, stream, run, config,
                  functools.partial(figures.table, generate, config.z, data.tests, config.seed), curves,
                  evaluation=measures.Accuracy(run, data, generate, config.z, config.evaluator, config.own_reading,
                                               config.brief),
                  explorer=lambda: figures.explore(generate, config.z, config.seed, config.brief))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
