"""The networks of every case with their optimizers: ours, with the defaults of each report's train.py.

Both our game and the plain port take them from here, each a set of its own. Their precision is the Keras dtype policy
under which they are built.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras

from benchmarks.cases import Case
from common.game import Player, Rate
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

Players = dict[str, Player]


def _two(generator: keras.Model, discriminator: keras.Model, *optimizers: keras.optimizers.Optimizer) -> Players:
    return {"generator": Player(generator, optimizers[0]), "discriminator": Player(discriminator, optimizers[1])}


def _text2image(size: int) -> Players:
    config = text2image_train.Config()
    adam = [keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7) for _ in range(2)]
    return _two(text2image.generator(z=config.z, size=size), text2image.discriminator(size=size), *adam)


def _dcgan(size: int) -> Players:
    config = dcgan_train.Config()
    return _two(dcgan.dcgan_generator(config.z_size), dcgan.dcgan_discriminator(),
                dcgan_train.optimizer(config, "generator"), dcgan_train.optimizer(config, "discriminator"))


def _acgan(size: int) -> Players:
    config = acgan_train.Config()
    adam = [keras.optimizers.Adam(config.lr, config.beta_1, 0.999, epsilon=1e-7) for _ in range(2)]
    return _two(acgan.generator(z=config.z, condition=config.condition, embedding=config.embedding),
                acgan.discriminator(), *adam)


def _wgan_gp(size: int) -> Players:
    config = wgan_gp_train.Config()
    adam = [keras.optimizers.Adam(config.lr, config.beta_1, config.beta_2, epsilon=1e-7) for _ in range(2)]
    return _two(wgan_gp.generator(wgan_gp.TEXT, config.z, config.start),
                wgan_gp.critic(wgan_gp.TEXT, config.alpha_dropout), *adam)


def _lab5(generator: Callable[[int], keras.Model], discriminator: Callable[[], keras.Model], size: int) -> Players:
    config = lab5_train.Config()
    adam = [keras.optimizers.Adam(rate, config.beta_1, 0.999, epsilon=1e-8) for rate in (config.g_lr, config.d_lr)]
    return _two(generator(config.z), discriminator(), *adam)


def _cyclegan(size: int) -> Players:
    config = cyclegan_train.Config()

    def player(network: keras.Model) -> Player:
        rate = Rate(config.lr, 0, int(config.decay * 10_000), 10_000)  # of a run of 10,000 steps
        return Player(network, keras.optimizers.Adam(rate, config.beta_1, 0.999, epsilon=1e-7))

    generators = {f"generator_{way}": player(cyclegan.unet_generator(size)) for way in ("AtoB", "BtoA")}
    return generators | {f"discriminator_{domain}": player(cyclegan.patch_discriminator()) for domain in "AB"}


_BUILD: dict[str, Callable[[int], Players]] = {
    "text2image": _text2image, "dcgan": _dcgan, "acgan": _acgan, "wgan_gp": _wgan_gp,
    "lab5_cgan": functools.partial(_lab5, lab5.cgan_generator, lab5.cgan_discriminator),
    "lab5_acgan": functools.partial(_lab5, lab5.acgan_generator, lab5.acgan_discriminator),
    "cyclegan_64": _cyclegan, "cyclegan_128": _cyclegan}


def build(case: Case) -> Players:
    """name -> network and optimizer, freshly initialised."""
    return _BUILD[case.name](case.size)
