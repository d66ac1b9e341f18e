"""Trains the ACGAN of report 000 on tagged anime faces: hair and eye colour in, a 64x64 face out.

Rows with exactly one hair and one eye colour are kept (assumed). The signs of the objectives are those of Odena et al.
2017 (arXiv:1610.09585).

    python hw4_acgan/train.py                      # 10,000 steps on the embedded faces
    python hw4_acgan/train.py --preset quick       # a few minutes on a CPU
    python hw4_acgan/train.py --data course        # course/tags_clean.csv and course/faces/

Cost of --preset quick, which uses --recipe tuned: 3 minutes on 2 cores with native bfloat16, 13 without it. In 100%
(hair) and 99% (eyes) of the images the colour was the one asked for.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import experiment
from common.anime.facetest import FaceOptions
from common.options import ablation_option, option, recipe_option, run_script
from hw4_acgan.ablations import ABLATIONS

if TYPE_CHECKING:
    from common.game import Game


@dataclass(frozen=True)
class Config(FaceOptions):
    """The settings of the report; values that it does not give are marked `assumed`."""

    FOLDER: ClassVar = "hw4_acgan"
    PRESETS: ClassVar = {
        "quick": {"recipe": "tuned", "steps": 1600, "batch_size": 16, "sample_every": 200, "checkpoint_every": 400},
        "smoke": {"steps": 12, "batch_size": 8, "sample_every": 6, "log_every": 2, "checkpoint_every": 6},
    }
    RECIPES: ClassVar = {
        "report": {},
        # G may outrun D, its labels are plain from the first step, and D learns classes from real images alone
        "tuned": {"condition": "onehot", "lr": 4e-4, "d_lr": 1e-4, "fake_class": 0.0, "average": 0.04},
    }

    recipe: str = recipe_option(RECIPES)
    steps: int | None = option(10_000, "length of the training in steps", assumed=True)
    condition: str = option("embedding", "how labels enter G: by an embedding, or one-hot as in the report's first try",
                            choices=("embedding", "onehot"))
    embedding: int = option(5, "size of each label's embedding", within=(1, 1000))
    z: int = option(100, "size of the noise", within=(1, 10_000))
    lr: float = option(2e-4, "Adam's learning rate for G and D", within=(1e-9, 1))
    d_lr: float | None = option(None, "D's own learning rate (default: --lr)", within=(1e-9, 1))
    beta_1: float = option(0.5, "Adam's beta_1 for G and D", within=(0, 0.9999))
    real_target: float = option(0.9, "D's target for real images; below 1 is label smoothing", assumed=True,
                                within=(0, 2))
    class_weight: float = option(1.0, "weight of the class terms", assumed=True, within=(0, 1000))
    fake_class: float = option(1.0, "weight of D's class terms on fakes (second half of L_C)", within=(0, 1000))
    ablation: str | None = ablation_option(ABLATIONS)

    @property
    def variant(self) -> str:
        """The name of the default run folder."""
        compared = (self.recipe, self.is_usual("recipe")), (self.condition, self.is_usual("condition")), \
            (str(self.ablation).replace("-", "_"), not self.ablation)
        return "_".join(["acgan", *(name for name, default in compared if not default)])


def build(config: Config) -> Game:
    """Builds both networks with their optimizers, and the game."""
    import keras

    from common.game import Player
    from hw4_acgan import ablations, model

    def player(network: keras.Model, lr: float) -> Player:
        return Player(network, keras.optimizers.Adam(lr, beta_1=config.beta_1, beta_2=0.999, epsilon=1e-7))

    generator, discriminator = ablations.changed(
        config.ablation, model.generator(z=config.z, condition=config.condition, embedding=config.embedding),
        model.discriminator())
    return model.ACGAN(config.seed, player(generator, config.lr), player(discriminator, config.d_lr or config.lr),
                       real_target=config.real_target, fake_target=ablations.FAKE_TARGET.get(config.ablation, 0.0),
                       class_weight=config.class_weight, fake_class=config.fake_class)


def main(config: Config) -> None:
    """Runs the experiment, from the data to the finished run folder."""
    run = experiment.open(config)

    from common import batches, trainer
    from common.anime import data, explorer, sampling, tags
    from hw4_acgan import measures, model

    faces = data.load(config.data_folders, size=64, keep="exactly_one")
    run.record_data(faces.origin)
    with run.machine.scope():
        game = build(config)

    stream = batches.Batches(faces.images, faces.rows, {"hair": faces.hair, "eyes": faces.eyes}, config.batch_size,
                             config.seed)
    generate = functools.partial(model.generate, game.generator)
    table = functools.partial(sampling.table, generate, config.z, seed=config.seed)
    curves = {"source": {"d_real": "D on real", "d_fake": "D on fake", "g_source": "G"},
              "class": {"d_class": "D", "g_class": "G"}}
    trainer.train(game, stream, run, config, table, curves, functools.partial(table, eyes=tags.EYES),
                  measures.WithEmbeddings(game.generator, faces, generate, config.z, cascade=config.cascade,
                                          brief=config.brief),
                  lambda: explorer.draw(generate, config.z, seed=config.seed, brief=config.brief))


if __name__ == "__main__":
    run_script(Config, main, description=__doc__)
