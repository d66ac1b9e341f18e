"""Our own step: the game of each report as its train.py builds it, through the loop's `compiled`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from benchmarks import machine, players
from benchmarks.cases import Case
from benchmarks.players import Player, Players
from common import losses, runtime, trainer
from common.game import Game
from cyclegan_style import model as cyclegan
from cyclegan_style import train as cyclegan_train
from hw3_dcgan_lsgan import model as dcgan
from hw3_dcgan_lsgan import train as dcgan_train
from hw4_acgan import model as acgan
from hw4_acgan import train as acgan_train
from lab5_cgan import model as lab5
from lab5_cgan import train as lab5_train
from text2image_cdcgan import model as text2image
from text2image_cdcgan import train as text2image_train
from wgan_gp_text import model as wgan_gp
from wgan_gp_text import train as wgan_gp_train

Step = Callable[[Mapping[str, np.ndarray]], dict[str, float]]


def _text2image(*pair: Player) -> Game:
    config = text2image_train.Config()
    return text2image.ConditionalDCGAN(config.seed, *pair, wrong_loss=config.wrong_loss, g_loss=config.g_loss)


def _dcgan(*pair: Player) -> Game:
    config = dcgan_train.Config()
    return dcgan.UnconditionalGAN(config.seed, *pair, criterion=losses.bce, noise=config.z,
                                  soft=config.labels == "soft", clip=config.clip_labels,
                                  d_steps=dcgan_train.D_STEPS["dcgan"])


def _acgan(*pair: Player) -> Game:
    config = acgan_train.Config()
    return acgan.ACGAN(config.seed, *pair, real_target=config.real_target, class_weight=config.class_weight,
                       fake_class=config.fake_class)


def _wgan_gp(*pair: Player) -> Game:
    config = wgan_gp_train.Config()
    return wgan_gp.WGANGP(config.seed, *pair, penalty=config.penalty, d_steps=config.d_steps)


def _lab5_cgan(*pair: Player) -> Game:
    return lab5.CGAN(lab5_train.Config().seed, generator=pair[0], discriminator=pair[1])


def _lab5_acgan(*pair: Player) -> Game:
    config = lab5_train.Config()
    return lab5.ACGAN(config.seed, *pair, class_weight=config.class_weight)


def _cyclegan(*four: Player) -> Game:
    config = cyclegan_train.Config()
    return cyclegan.CycleGAN(config.seed, *four, cycle=config.cycle, identity=config.identity, pool=config.pool)


_GAMES: dict[str, Callable[..., Game]] = {
    "text2image": _text2image, "dcgan": _dcgan, "acgan": _acgan, "wgan_gp": _wgan_gp, "lab5_cgan": _lab5_cgan,
    "lab5_acgan": _lab5_acgan, "cyclegan_64": _cyclegan, "cyclegan_128": _cyclegan}


def step(case: Case, built: Players) -> Step:
    """The next training step on the batch of each call; gives its terms, as the loop reads them."""
    game = _GAMES[case.name](*built.values())
    compiled = trainer.compiled(game, jit=False)
    done = 0

    def once(batch: Mapping[str, np.ndarray]) -> dict[str, float]:
        nonlocal done
        terms = compiled(batch, tf.constant(done, tf.int64), **game.phase(done))
        done += 1
        return {name: float(value) for name, value in terms.items()}

    return once


def build(case: Case, precision: str) -> tuple[Step, Players]:
    """`step` of new networks in a precision, under the graph optimizer's options of train.py; and the networks."""
    with runtime.policy(precision):
        built = players.build(case)
        return machine.optimised(step(case, built), False), built
