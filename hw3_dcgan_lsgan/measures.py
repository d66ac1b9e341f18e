"""Measures a style run on photos that it was not trained on, beside the photos themselves and beside plain grey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from common import plots
from common.cli import say
from common.evaluation import record
from common.runs import Run
from hw3_dcgan_lsgan.transfer import StyleTransfer


class StyleMeasures:
    """Content and style loss of the drawings, of the untouched photos, and of the photos made grey.

    Args:
        run: its folder gets metrics.json.
        game: the network, the loss and the styles.
        photos: uint8 [N, H, W, 3], held out.
    """

    def __init__(self, run: Run, game: StyleTransfer, photos: np.ndarray) -> None:
        self.run, self.game, self.photos = run, game, photos

    def prepare(self) -> None:
        """Nothing is needed before the first step."""

    def check(self, step: int) -> None:
        """Both losses to accuracy.csv."""
        found = self._mean(self.game.draw)
        self.run.log(step, found, "accuracy.csv")
        say(f"step {step}: on held-out photos content {found['content']:.3f}, style {found['style']:.3f}")

    def write(self, step: int) -> None:
        """Measures the run as it is after `step` steps, and writes metrics.json."""
        say("measuring: content and style loss on held-out photos")
        measured = self.measure()
        record(self.run, step, verdict(measured["style"]), features=self.run.facts["features"], **measured)

    def measure(self) -> dict[str, Any]:
        """Each term of the drawings, of the photos made grey, and of the photos as they are."""
        found = {"drawing": self._mean(self.game.draw), "grey": self._mean(lambda photos, number: grey(photos)),
                 "photo": self._mean(lambda photos, number: photos)}
        return {term: {name: terms[term] for name, terms in found.items()} | {"n": len(self.photos)}
                for term in ("content", "style")}

    def _mean(self, draw: Callable[[np.ndarray, int], np.ndarray]) -> dict[str, float]:
        """Both terms, mean over photos and styles, of what a function makes of the photos."""
        terms = []
        for number in range(len(self.game.styles)):
            for photo, image in zip(self.photos, draw(self.photos, number), strict=True):
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
    rows = [photos, *(game.draw(photos, number) for number in range(len(game.styles)))]
    names = ["photo", *(f"style {number}" for number in range(1, len(rows)))]
    return plots.grid(np.concatenate(rows), [f"{number}" for number in range(1, len(photos) + 1)], names)
