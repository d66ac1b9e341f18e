"""What is measured: a case for every game of the reports, its made-up batch, and the passes one step of it takes.

No TensorFlow here: the command line knows the names of the cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
        passes: of one step, as few as the maths allows: one generator pass serves both players, and what is judged
            with several conditions passes the trunk once where that changes nothing.
        condition: the labels of the batch that the generator takes, in its order.
        join: the layer of the discriminator that parts trunk and head.
        size: side of the pictures in pixels.
        batch: pictures a step; of each domain for a CycleGAN.
        pytorch: whether `benchmarks/pytorch.py` has the networks too.
    """

    name: str
    report: str
    passes: tuple[Pass, ...]
    condition: tuple[str, ...] = ()
    join: str = ""
    size: int = 64
    batch: int = 64
    pytorch: bool = True


USUAL = (Pass("generator", 1, "weights"), Pass("discriminator", 2, "weights"), Pass("discriminator", 1, "picture"))
PAIRS = (Pass("generator", 1, "weights"),
         Pass("discriminator", 3, "weights", "trunk"), Pass("discriminator", 4, "weights", "head"),
         Pass("discriminator", 1, "picture"))
# dropout differs from pass to pass, so the true picture has to pass for each of its two texts
CRITIC = (Pass("generator", 1, "weights"), Pass("discriminator", 3, "weights"), Pass("discriminator", 1, "penalty"),
          Pass("discriminator", 1, "picture"))
CYCLE = tuple(Pass(network, 1, back) for network, second in (
    ("generator_AtoB", "both"), ("generator_BtoA", "both"), ("discriminator_A", "each"), ("discriminator_B", "each"))
    for back in ("weights", second))

CASES = {case.name: case for case in (
    Case("text2image", "002, conditional DCGAN", PAIRS, condition=("condition",), join="concatenate_1"),
    Case("dcgan", "001, DCGAN", USUAL),
    Case("acgan", "000, ACGAN", USUAL, condition=("hair", "eyes")),
    Case("wgan_gp", "004, WGAN-GP, dense start", CRITIC, condition=("text",)),
    Case("lab5_cgan", "003, cGAN", USUAL, condition=("label",)),
    Case("lab5_acgan", "003, AC-GAN", USUAL, condition=("label",)),
    Case("cyclegan_64", "002 and 004, CycleGAN at 64 px", CYCLE, batch=4, pytorch=False),
    Case("cyclegan_128", "002 and 004, CycleGAN at 128 px", CYCLE, size=128, batch=4,
         pytorch=False),
)}

BITS = {"condition": 23, "wrong_condition": 23, "text": 24, "wrong_text": 24, "label": 24}  # labels of 0 and 1
CLASSES = {"hair": 12, "eyes": 11}
NEEDED = {  # case -> what its game takes beside `image`
    "text2image": ("condition", "wrong_condition", "wrong_image"), "dcgan": (), "acgan": ("hair", "eyes"),
    "wgan_gp": ("text", "wrong_text"), "lab5_cgan": ("label",), "lab5_acgan": ("label",),
    "cyclegan_64": ("image_b",), "cyclegan_128": ("image_b",)}


def batch(case: Case, seed: int = 0) -> dict[str, np.ndarray]:
    """A made-up batch: pictures uint8 [B, S, S, 3], classes int32 [B], other labels float32 [B, C] of 0 and 1."""
    random = np.random.default_rng(seed)
    made = {}
    for name in ("image", *NEEDED[case.name]):
        if name in BITS or name in CLASSES:
            made[name] = labels(name, case.batch, random)
        else:
            made[name] = random.integers(0, 256, (case.batch, case.size, case.size, 3), np.uint8)
    return made


def labels(name: str, count: int, random: np.random.Generator) -> np.ndarray:
    """Made-up labels: classes int32 [N], others float32 [N, C] of 0 and 1."""
    if name in CLASSES:
        return random.integers(0, CLASSES[name], count, np.int32)
    return (random.random((count, BITS[name])) < 0.1).astype(np.float32)
