"""What is measured: a case for every game of the reports, its batches, and the passes that one step of it takes.

No TensorFlow here: the command line knows the names of the cases.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from common.batches import Batches
from common.options import Common
from cyclegan_style import train as cyclegan
from cyclegan_style.domains import BORDER, Domain, Pairs
from hw3_dcgan_lsgan import train as dcgan
from hw4_acgan import train as acgan
from lab5_cgan import train as lab5
from text2image_cdcgan import train as text2image
from wgan_gp_text import train as wgan_gp

if TYPE_CHECKING:
    from common.game import Game


@dataclass(frozen=True)
class Pass:
    """So many passes of a batch through one network in one step.

    Args:
        network: the player's name.
        times: passes of a whole batch.
        back: what the gradient goes back to, see `flops.FACTORS`.
        part: "trunk" or "head": the layers before and behind `Case.join`; "" is the whole network.
    """

    network: str
    times: int
    back: str
    part: str = ""


@dataclass(frozen=True)
class Case:
    """One game under its report's defaults.

    Args:
        name: on the command line and in the table.
        report: the report's number and its model.
        build: the `build` of its train.py.
        config: the options of its train.py.
        passes: of one step, as few as the maths allows: one generator pass serves both players, and what is judged
            with several conditions passes the trunk once where that changes nothing.
        labels: name -> number of bits of 0 and 1, or of classes (`hair`, `eyes`); the generator takes them in this
            order.
        wrong: the label of which the game also takes a wrong one.
        join: the layer of the discriminator that parts trunk and head.
    """

    name: str
    report: str
    build: Callable[..., Game]
    config: Common
    passes: tuple[Pass, ...]
    labels: Mapping[str, int] = field(default_factory=dict)
    wrong: str | None = None
    join: str = ""

    @property
    def batch_size(self) -> int:
        """Images a step; of each domain for a CycleGAN."""
        return self.config.batch_size

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return getattr(self.config, "image_size", 64)

    @property
    def two_domains(self) -> bool:
        """Whether it is a CycleGAN."""
        return isinstance(self.config, cyclegan.Config)

    @property
    def stored_size(self) -> int:
        """Side of the images that batches are made of: a CycleGAN cuts its own from larger ones."""
        return round(self.size * BORDER) if self.two_domains else self.size

    def replace(self, **options: int) -> Case:
        """The same game under other options of its train.py."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **options))


USUAL = (Pass("generator", 1, "weights"), Pass("discriminator", 2, "weights"), Pass("discriminator", 1, "image"))
PAIRS = (Pass("generator", 1, "weights"),
         Pass("discriminator", 3, "weights", "trunk"), Pass("discriminator", 4, "weights", "head"),
         Pass("discriminator", 1, "image"))
# dropout differs from pass to pass, so the real image has to pass for each of its two texts
CRITIC = (Pass("generator", 1, "weights"), Pass("discriminator", 3, "weights"), Pass("discriminator", 1, "penalty"),
          Pass("discriminator", 1, "image"))
CYCLE = tuple(Pass(network, 1, back) for network, second in (
    ("generator_AtoB", "both"), ("generator_BtoA", "both"), ("discriminator_A", "each"), ("discriminator_B", "each"))
    for back in ("weights", second))
_cyclegan = functools.partial(cyclegan.build, total_steps=10_000)

CASES = {case.name: case for case in (
    Case("text2image", "002, conditional DCGAN", text2image.build, text2image.Config(), PAIRS, {"condition": 23},
         wrong="condition", join="concatenate_1"),
    Case("dcgan", "001, DCGAN", dcgan.build, dcgan.Config(), USUAL),
    Case("acgan", "000, ACGAN", acgan.build, acgan.Config(), USUAL, {"hair": 12, "eyes": 11}),
    Case("wgan_gp", "004, WGAN-GP, dense start", wgan_gp.build, wgan_gp.Config(), CRITIC, {"text": 24}, wrong="text"),
    Case("lab5_cgan", "003, cGAN", lab5.build, lab5.Config(), USUAL, {"label": 24}),
    Case("lab5_acgan", "003, AC-GAN", lab5.build, lab5.Config(model="acgan"), USUAL, {"label": 24}),
    Case("cyclegan_64", "002 and 004, CycleGAN at 64 px", _cyclegan, cyclegan.Config(image_size=64), CYCLE),
    Case("cyclegan_128", "002 and 004, CycleGAN at 128 px", _cyclegan, cyclegan.Config(image_size=128), CYCLE),
)}


def batches(case: Case, images: np.ndarray, seed: int = 0) -> Batches | Pairs:
    """The batches of a case's train.py, with made-up labels: classes int32 [N], others float32 [N, C] of 0 and 1.

    Args:
        images: uint8 [N, S, S, 3] with S of `stored_size`; of a CycleGAN each domain has one half.

    Raises:
        UserError: fewer images than a batch takes.
    """
    rows = np.arange(len(images))
    if case.two_domains:
        a, b = (Domain(name, images, half, half[:0]) for name, half in zip("AB", np.array_split(rows, 2), strict=True))
        return Pairs(a, b, case.size, case.batch_size, seed)
    random = np.random.default_rng(seed)
    labels = {name: random.integers(0, count, len(rows), np.int32) if name in ("hair", "eyes") else
              (random.random((len(rows), count)) < 0.1).astype(np.float32) for name, count in case.labels.items()}
    return Batches(images, rows, labels, case.batch_size, seed, wrong=case.wrong)


def batch(case: Case, seed: int = 0) -> dict[str, np.ndarray]:
    """One batch of random pixels, always the same."""
    random = np.random.default_rng(seed)
    shape = (2 * case.batch_size, case.stored_size, case.stored_size, 3)
    made = batches(case, random.integers(0, 256, shape, np.uint8), seed).at(0)
    if case.name == "wgan_gp":
        del made["wrong_image"]  # no port of it should pay for what none of them uses
    return made
