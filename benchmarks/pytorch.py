"""The PyTorch port: one pass of the generator, D on real and on detached fake images, then D on the fakes again for G.

PyTorch users write it so. G's loss also gives D's weights gradients, which the next `zero_grad` throws away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F

from benchmarks import torch_networks
from benchmarks.cases import Case
from common.game import Player
from hw4_acgan.train import Config as ACGAN
from wgan_gp_text.train import Config as WGANGP


@dataclass(frozen=True)
class Setting:
    """How the port runs: memory layout of images and weights, and the precision of the products."""

    layout: torch.memory_format
    precision: str

    def autocast(self) -> contextlib.AbstractContextManager:
        """What the forward passes run in."""
        return torch.autocast("cpu", torch.bfloat16) if self.precision == "bfloat16" else contextlib.nullcontext()


SETTINGS = {  # name in the table -> setting; the first is as usually written
    "torch": Setting(torch.contiguous_format, "float32"),
    "torch cl": Setting(torch.channels_last, "float32"),
    "torch bf16": Setting(torch.contiguous_format, "bfloat16"),
    "torch cl bf16": Setting(torch.channels_last, "bfloat16"),
}


def _bce(logits: torch.Tensor, target: float) -> torch.Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


# ---- the losses: of one kind of images, which D or G wants to be judged as `target`; or d(D, real, fake, labels) ----


def _plain(d, image, target, *labels):
    return _bce(d(image, *labels), target)


def _acgan(d, image, target, hair, eyes):
    source, *classes = d(image)
    return _bce(source, target) + sum(F.cross_entropy(logits.float(), labels)
                                      for logits, labels in zip(classes, (hair, eyes), strict=True))


def _lab5_acgan(d, image, target, label):
    source, labels = d(image)
    return _bce(source, target) + F.binary_cross_entropy_with_logits(labels.float(), label)


def _text2image_d(d, real, fake, right, wrong, wrong_image):
    return _bce(d(real, right), 1.0) + _bce(d(fake, right), 0.0) + _bce(d(real, wrong), 0.0) + \
        _bce(d(wrong_image, right), 0.0)


def _wgan_gp_d(d, real, fake, text, wrong_text):
    share = torch.rand(len(real), 1, 1, 1)
    mixed = (share * real + (1 - share) * fake).requires_grad_()
    tags = text.clone().requires_grad_()
    score = d(mixed, tags).float()
    by_image, by_text = torch.autograd.grad(score.sum(), [mixed, tags], create_graph=True)
    norm = (by_image.pow(2).sum((1, 2, 3)) + by_text.pow(2).sum(1) + 1e-12).sqrt()
    scores = 0.5 * d(fake, text).float() + 0.5 * d(real, wrong_text).float() - d(real, text).float()
    return scores.mean() + WGANGP.penalty * (norm - 1).pow(2).mean()


def _real_and_fake(term, real_target=1.0):
    return (lambda d, real, fake, *labels: term(d, real, real_target, *labels) + term(d, fake, 0.0, *labels),
            lambda d, fake, *labels: term(d, fake, 1.0, *labels))


LOSSES: dict[str, tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]] = {  # of D, of G
    "dcgan": _real_and_fake(_plain), "lab5_cgan": _real_and_fake(_plain), "lab5_acgan": _real_and_fake(_lab5_acgan),
    "acgan": _real_and_fake(_acgan, ACGAN.real_target), "text2image": (_text2image_d, _real_and_fake(_plain)[1]),
    "wgan_gp": (_wgan_gp_d, lambda d, fake, text: -d(fake, text).float().mean())}


# ---- the step ----


def step(case: Case, batch: dict[str, np.ndarray], setting: Setting,
         players: dict[str, Player]) -> Callable[[], dict[str, float]]:
    """A function that takes one training step on `batch` and returns its losses; rates are those of the players."""
    generator, discriminator = (network.to(memory_format=setting.layout).train()
                                for network in torch_networks.BUILD[case.name]())
    g_adam, d_adam = (_adam(network, player.optimizer) for network, player in
                      zip((generator, discriminator), players.values(), strict=True))
    d_loss, g_loss = LOSSES[case.name]

    def once() -> dict[str, float]:
        given = {name: _tensor(case, value, setting.layout) for name, value in batch.items()}
        real, condition = given.pop("image"), [given[name] for name in case.labels]
        z = torch.randn(len(real), case.config.z)
        with setting.autocast():
            fake = generator(z, *condition)
            d_total = d_loss(discriminator, real, fake.detach(), *given.values())
        _update(d_adam, d_total)
        with setting.autocast():
            g_total = g_loss(discriminator, fake, *condition)
        _update(g_adam, g_total)
        return {"d": d_total.item(), "g": g_total.item()}

    return once


def _adam(network: nn.Module, optimizer: keras.optimizers.Adam) -> optim.Adam:
    betas = optimizer.beta_1, optimizer.beta_2
    return optim.Adam(network.parameters(), float(optimizer.learning_rate), betas, optimizer.epsilon)


def _update(adam: optim.Optimizer, loss: torch.Tensor) -> None:
    adam.zero_grad()
    loss.backward()
    adam.step()


def _tensor(case: Case, value: np.ndarray, layout: torch.memory_format) -> torch.Tensor:
    """Images uint8 [B, S, S, 3] -> float32 [B, 3, S, S] in the generator's range; classes -> int64."""
    tensor = torch.from_numpy(value)
    if tensor.dtype == torch.int32:
        return tensor.long()
    if tensor.dtype != torch.uint8:
        return tensor
    image = tensor.permute(0, 3, 1, 2).contiguous(memory_format=layout).float()
    return image / 255.0 if case.name == "wgan_gp" else image / 127.5 - 1.0
