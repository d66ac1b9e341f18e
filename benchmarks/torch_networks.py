"""The networks of the reports in PyTorch: the same layers, the same number of trained parameters.

Generators take z and the labels, discriminators a picture and the labels; they end in logits or scores. Where Keras
pads stride 2 on one side only, PyTorch pads both, as its users do: the sizes are the same.
"""

from __future__ import annotations

import torch
from torch import nn


def _leaky(slope: float = 0.2) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True)


def _relu() -> nn.Module:
    return nn.ReLU(inplace=True)


def _up(inputs: int, outputs: int, kernel: int, bias: bool = True) -> nn.Module:
    """A transposed convolution that doubles the size."""
    odd = kernel % 2
    return nn.ConvTranspose2d(inputs, outputs, kernel, 2, (kernel - 2 + odd) // 2, odd, bias=bias)


def _down(inputs: int, outputs: int, kernel: int, bias: bool = True) -> nn.Module:
    """A convolution that halves the size."""
    return nn.Conv2d(inputs, outputs, kernel, 2, (kernel - 1) // 2, bias=bias)


def _spread(bits: torch.Tensor) -> torch.Tensor:
    """[B, C] -> [B, C, 4, 4], the same at every place."""
    return bits[:, :, None, None].expand(-1, -1, 4, 4)


class Conditional(nn.Module):
    """[z or picture, labels] -> `body` of `join` of both.

    Args:
        join: the labels, and z or the picture as they come in -> what the body takes.
        layers: modules that `join` needs.
    """

    def __init__(self, body: nn.Module, join, **layers: nn.Module) -> None:
        super().__init__()
        self.body, self.layers, self.join = body, nn.ModuleDict(layers), join

    def forward(self, first: torch.Tensor, *labels: torch.Tensor) -> torch.Tensor:
        return self.body(self.join(self.layers, first, *labels))


class Heads(nn.Module):
    """A trunk and several heads on what it gives."""

    def __init__(self, trunk: nn.Module, *heads: nn.Module) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleList(heads)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features = self.trunk(image)
        return [head(features) for head in self.heads]


# ---- 001, DCGAN ----


def _dcgan() -> tuple[nn.Module, nn.Module]:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs, 0.8),
                _leaky()]

    generator = nn.Sequential(nn.Linear(100, 32_768), nn.Unflatten(1, (128, 16, 16)), nn.BatchNorm2d(128),
                              *block(128, 128), *block(128, 64), nn.Conv2d(64, 3, 3, 1, 1), nn.Tanh())
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 128), (128, 256)):
        layers += [_down(inputs, outputs, 3), _leaky(), nn.Dropout2d(0.25)]
        layers += [] if outputs == 32 else [nn.BatchNorm2d(outputs, 0.8)]
    return generator, nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 1))


# ---- 002, conditional DCGAN ----


def _text2image() -> tuple[nn.Module, nn.Module]:
    layers: list[nn.Module] = [nn.Linear(123, 8192), nn.Unflatten(1, (512, 4, 4)), nn.BatchNorm2d(512), _relu()]
    for inputs, outputs in ((512, 256), (256, 128), (128, 64)):
        layers += [_up(inputs, outputs, 5), nn.BatchNorm2d(outputs), _relu()]
    generator = Conditional(nn.Sequential(*layers, _up(64, 3, 5), nn.Tanh()),
                            lambda _, z, bits: torch.cat([z, bits], 1))
    trunk = nn.Sequential(*(module for inputs, outputs in ((3, 64), (64, 128), (128, 256), (256, 512))
                            for module in (_down(inputs, outputs, 5), _leaky())))
    head = nn.Sequential(nn.Conv2d(535, 512, 1), _leaky(), nn.Flatten(), nn.Linear(8192, 1))
    return generator, Conditional(
        head, lambda own, image, bits: torch.cat([own["trunk"](image), _spread(bits)], 1), trunk=trunk)


# ---- 000, ACGAN ----


def _acgan() -> tuple[nn.Module, nn.Module]:
    def bn(filters: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(filters, 1e-3, 0.5), _leaky()]

    def join(own: nn.ModuleDict, z: torch.Tensor, hair: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
        return torch.cat([z, own["hair"](hair), own["eyes"](eyes)], 1)[:, :, None, None]

    layers: list[nn.Module] = [nn.ConvTranspose2d(110, 512, 4), *bn(512)]
    for inputs, outputs in ((512, 256), (256, 128), (128, 64)):
        layers += [_up(inputs, outputs, 4), *bn(outputs)]
    layers += [nn.ConvTranspose2d(64, 64, 3, 1, 1), *bn(64), _up(64, 3, 4), nn.Tanh()]
    generator = Conditional(nn.Sequential(*layers), join, hair=nn.Embedding(12, 5), eyes=nn.Embedding(11, 5))
    layers = [_down(3, 64, 3), _leaky()]
    for inputs, outputs in ((64, 128), (128, 256), (256, 512), (512, 1024)):
        layers += [_down(inputs, outputs, 3), *bn(outputs)]
    return generator, Heads(nn.Sequential(*layers, nn.Flatten()), *(nn.Linear(4096, units) for units in (1, 12, 11)))


# ---- 004, WGAN-GP with the dense start ----


def _wgan_gp() -> tuple[nn.Module, nn.Module]:
    generator = Conditional(
        nn.Sequential(nn.Linear(64, 65_536), _relu(), nn.Unflatten(1, (256, 16, 16)), _up(256, 64, 3), _relu(),
                      _up(64, 32, 5), _relu(), nn.ConvTranspose2d(32, 16, 5, 1, 2), _relu(),
                      nn.ConvTranspose2d(16, 3, 1), nn.Sigmoid()), lambda _, z, text: torch.cat([z, text], 1))
    trunk = nn.Sequential(*(module for inputs, outputs, kernel in ((3, 64, 5), (64, 128, 5), (128, 256, 3),
                                                                   (256, 256, 3))
                            for module in (_down(inputs, outputs, kernel), _relu(), nn.AlphaDropout(0.2))))
    head = nn.Sequential(nn.Conv2d(280, 512, 4), _relu(), nn.AlphaDropout(0.2), nn.Flatten(), nn.Linear(512, 1))
    return generator, Conditional(
        head, lambda own, image, text: torch.cat([own["trunk"](image), _spread(text)], 1), trunk=trunk)


# ---- 003, cGAN and AC-GAN ----


def _squares() -> nn.Module:
    """labels [B, 24, 1, 1] -> [B, 24, 4, 4]: a square of its own for each label."""
    return nn.ConvTranspose2d(24, 24, 4, groups=24, bias=False)


def _lab5_up(inputs: int, activation) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, outputs in ((inputs, 256), (256, 128), (128, 64)):
        layers += [_up(before, outputs, 4, bias=False), nn.BatchNorm2d(outputs), activation()]
    return [*layers, _up(64, 3, 4, bias=False), nn.Tanh()]


def _lab5_cgan() -> tuple[nn.Module, nn.Module]:
    def condition(units: int, slope: float) -> nn.Module:
        return nn.Sequential(nn.Unflatten(1, (24, 1, 1)), _squares(), _leaky(slope), nn.Flatten(),
                             nn.Linear(384, units, bias=False), _leaky(slope))

    body = nn.Sequential(nn.ConvTranspose2d(200, 512, 4, bias=False), nn.BatchNorm2d(512), _leaky(0.01),
                         *_lab5_up(512, lambda: _leaky(0.01)))
    generator = Conditional(body, lambda own, z, label: torch.cat([z, own["label"](label)], 1)[:, :, None, None],
                            label=condition(100, 0.01))
    layers: list[nn.Module] = [_down(6, 64, 4, bias=False), _leaky()]
    for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
        layers += [_down(inputs, outputs, 4, bias=False), nn.BatchNorm2d(outputs), _leaky()]
    judge = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten())
    return generator, Conditional(
        judge, lambda own, image, label: torch.cat([image, own["label"](label).view(-1, 3, 64, 64)], 1),
        label=condition(64 * 64 * 3, 0.2))


def _lab5_acgan() -> tuple[nn.Module, nn.Module]:
    def join(own: nn.ModuleDict, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.cat([own["z"](z[:, :, None, None]), own["label"](label[:, :, None, None])], 1)

    start = nn.Sequential(nn.ConvTranspose2d(100, 512, 4, bias=False), _relu())
    generator = Conditional(nn.Sequential(*_lab5_up(536, _relu)), join, z=start, label=_squares())
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 64), (64, 128), (128, 256), (256, 512)):
        layers += [_down(inputs, outputs, 4, bias=False), _leaky(), nn.Dropout2d(0.5)]
        layers += [] if outputs == 64 else [nn.BatchNorm2d(outputs)]
    heads = [nn.Sequential(nn.Conv2d(512, units, 4, bias=False), nn.Flatten()) for units in (1, 24)]
    return generator, Heads(nn.Sequential(*layers), *heads)


BUILD = {"dcgan": _dcgan, "text2image": _text2image, "acgan": _acgan, "wgan_gp": _wgan_gp, "lab5_cgan": _lab5_cgan,
         "lab5_acgan": _lab5_acgan}
