"""Measures a style run on photos that it was not trained on, beside the photos themselves and beside plain grey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from common import plots
from hw3_dcgan_lsgan.transfer import StyleTransfer


class StyleMeasures:
    """Content and style loss of the drawings, of the untouched photos, and of the photos made grey.

    Args:
        game: the network, the loss and the styles.
        photos: uint8 [N, H, W, 3], held out.
        features: what config.json says of the feature network.
    """

    curves: ClassVar = {}
    brief: ClassVar = False  # the network that measures is not trained

    def __init__(self, game: StyleTransfer, photos: np.ndarray, features: dict[str, Any]) -> None:
        self.game, self.photos, self.features = game, photos, features

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Nothing is needed before the first step."""
        return {}

    def check(self) -> tuple[dict[str, float], str]:
        """Both losses."""
        losses = self._mean(self.game.stylize)
        return losses, f"on held-out photos content {losses['content']:.3f}, style {losses['style']:.3f}"

    def variety(self) -> None:
        """None: there is one image of each photo."""

    def measure(self) -> tuple[dict[str, Any], str]:
        """Each term of the drawings, of the photos made grey, and of the photos as they are; and the verdict."""
        measured = {"drawing": self._mean(self.game.stylize), "grey": self._mean(lambda photos, number: grey(photos)),
                    "photo": self._mean(lambda photos, number: photos)}
        sections = {term: {name: terms[term] for name, terms in measured.items()} | {"n": len(self.photos)}
                    for term in ("content", "style")}
        return {"features": self.features, **sections}, verdict(sections["style"])

    def _mean(self, change: Callable[[np.ndarray, int], np.ndarray]) -> dict[str, float]:
        """Both terms, mean over photos and styles, of what a function makes of the photos."""
        terms = []
        for number in range(len(self.game.styles)):
            for photo, image in zip(self.photos, change(self.photos, number), strict=True):
                terms.append(self.game.lost(photo, image, number))
        return {name: float(np.mean([one[name] for one in terms])) for name in ("content", "style")}


def grey(photos: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, 3] -> the same without colour: the plainest way to a drawing."""
    return np.stack([np.asarray(Image.fromarray(photo).convert("L").convert("RGB")) for photo in photos])


def verdict(style: dict[str, float]) -> str:
    """One line of what the style losses say."""
    words = "nearer to the style than" if style["drawing"] < style["grey"] else "no nearer to the style than"
    return (f"style loss {style['drawing']:.3f}, grey photo {style['grey']:.3f}, photo {style['photo']:.3f}: {words} a "
            "grey photo")


def table(game: StyleTransfer, photos: np.ndarray) -> Image.Image:
    """Held-out photos above, what the network makes of them below: a row a style."""
    rows = [photos, *(game.stylize(photos, number) for number in range(len(game.styles)))]
    names = ["photo", *(f"style {number}" for number in range(1, len(rows)))]
    return plots.grid(np.concatenate(rows), [f"{number}" for number in range(1, len(photos) + 1)], names)
