"""Measures a CycleGAN on pictures it was not trained on: is the colour the other domain's, and does it find back."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from common import plots
from common.anime import judge, tags
from common.anime.data import Faces
from common.evaluation import SEED
from cyclegan_style.domains import SHOWN, Domains
from cyclegan_style.model import CycleGAN, translate

MOST = 64        # pictures of a domain that are measured
TOP = 0.4        # share of the picture, from above, in which hair is looked for
NEAR = 30.0      # degrees of hue that still are the colour
PALE = 0.3       # saturation below which a pixel has no hue to speak of
HUES = {"red": 0, "orange": 28, "blonde": 48, "green": 125, "aqua": 180, "blue": 220, "purple": 275, "pink": 335}


def figure(game: CycleGAN, data: Domains, size: int) -> Image.Image:
    """The reports' figure for both directions: the pictures, translated, and back again, a column each."""
    rows, names = [], []
    for domain, there, back, letters in ((data.a, game.generator_AtoB, game.generator_BtoA, "AB"),
                                         (data.b, game.generator_BtoA, game.generator_AtoB, "BA")):
        pictures = domain.shown(size, SHOWN)
        made = translate(there, pictures)
        rows += [pictures, made, translate(back, made)]
        one, two = letters
        names += [domain.name, f"{one} -> {two}", f"{one} -> {two} -> {one}"]
    count = min(len(row) for row in rows)
    return plots.grid(np.concatenate([row[:count] for row in rows]), [""] * count, names)


def hue(pictures: np.ndarray, region: np.ndarray) -> float | None:
    """The mean hue in degrees, a circle's, of the pixels in a region, each as much as it is saturated.

    Args:
        pictures: uint8 [N, S, S, 3].
        region: bool [N, S, S]; None is returned where it is empty or has no colour.
    """
    angle, saturation = _hue_and_saturation(pictures)
    mean = np.sum(saturation[region] * np.exp(1j * np.deg2rad(angle[region])))
    return float(np.rad2deg(np.angle(mean)) % 360) if abs(mean) > 1e-6 else None


def hair(pictures: np.ndarray, colour: str) -> np.ndarray:
    """Where pictures have hair of a colour in HUES, bool [N, S, S]: saturated pixels near its hue in the upper part."""
    angle, saturation = _hue_and_saturation(pictures)
    apart = np.abs((angle - HUES[colour] + 180) % 360 - 180)
    found = (apart <= NEAR) & (saturation >= PALE)
    found[:, round(TOP * pictures.shape[1]):] = False
    return found


def _hue_and_saturation(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees from 0 to 360, and saturation from 0 to 1, [N, S, S] each."""
    from skimage.color import rgb2hsv

    hsv = rgb2hsv(pictures)
    return 360 * hsv[..., 0], hsv[..., 1]


class Translation:
    """Cycle error; for two hair or two eye colours what the judge sees; for two hair colours with a hue that hue.

    Args:
        game: the networks.
        data: both domains, and the tagged faces for the judge.
        size: side of the pictures.
    """

    curves: ClassVar = {}

    def __init__(self, game: CycleGAN, data: Domains, size: int) -> None:
        self.game, self.data, self.size = game, data, size
        self.names = data.a.name, data.b.name
        self.kind = next((kind for kind in ("hair", "eyes") if all(
            tags.DOMAINS.get(name, "").endswith(kind) for name in self.names)), None)

    @functools.cached_property
    def judge(self) -> judge.Judge | None:
        """The judge of the tagged faces, where colours are translated."""
        return judge.load(self._judged, SEED) if self.kind else None

    @functools.cached_property
    def _judged(self) -> Faces:
        return self.data.judged

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Trains the judge, if one is needed and there is none yet."""
        self.judge  # noqa: B018
        return {}

    def check(self) -> tuple[dict[str, float], str]:
        """All measurements, on the pictures of the figure."""
        measured = self.measurements(SHOWN)
        row = {f"cycle_{key}": measured["cycle_error"][key] for key in "AB"}
        for way, translation in measured.get("translation", {}).items():
            row[way] = translation["as_asked"]
        return row, f"{self.verdict(measured)} ({SHOWN} pictures)"

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements, on as many pictures as there are, up to MOST of a domain; and the verdict."""
        measured = self.measurements(MOST)
        judged = {"judge": self.judge.info()} if self.judge else {}
        return {"domains": self.data.origin.identity["domains"], **judged, **measured}, self.verdict(measured)

    def measurements(self, most: int) -> dict[str, Any]:
        """All measurements on up to `most` held-out pictures of each domain."""
        real = {"A": self.data.a.shown(self.size, most), "B": self.data.b.shown(self.size, most)}
        networks = {"AtoB": self.game.generator_AtoB, "BtoA": self.game.generator_BtoA}
        made = {"AtoB": translate(networks["AtoB"], real["A"]), "BtoA": translate(networks["BtoA"], real["B"])}
        back = {"A": translate(networks["BtoA"], made["AtoB"]), "B": translate(networks["AtoB"], made["BtoA"])}
        error = {key: float(np.mean(np.abs(back[key] - real[key].astype(np.float32))) / 255) for key in "AB"}
        found: dict[str, Any] = {"cycle_error": {**error, "n": len(real["A"]) + len(real["B"])}}
        ways = (("AtoB", "A", "B", *self.names), ("BtoA", "B", "A", *self.names[::-1]))
        if self.judge:
            found["translation"] = {way: self._seen(made[way], real[old], name) for way, old, _, _, name in ways}
        if self.kind == "hair" and set(self.names) <= set(HUES):
            found["hair_hue"] = {way: {
                "before": hue(real[old], hair(real[old], before)), "after": hue(made[way], hair(real[old], before)),
                "real": hue(real[new], hair(real[new], after)), "n": len(made[way])}
                for way, old, new, before, after in ways}
        return found

    def _seen(self, made: np.ndarray, old: np.ndarray, name: str) -> dict[str, Any]:
        """How often the judge sees a domain's colour: in translated pictures, in them before, in real ones of it.

        The real ones are pictures of that colour which the judge has not learned from; `real_n` of them.
        """
        column = ("hair", "eyes").index(self.kind)
        colour = (tags.HAIR, tags.EYES)[column].index(tags.DOMAINS[name].split()[0])

        def share(pictures: np.ndarray) -> float:
            return float(np.mean(self.judge.predict(self.data.small(pictures))[column] == colour))

        labels = (self._judged.hair, self._judged.eyes)[column]
        unseen = self.judge.unseen[labels[self.judge.unseen] == colour][:MOST]
        real = self.judge.predict_samples(self._judged, unseen)[column] == colour
        return {"as_asked": share(made), "before": share(old), "n": len(made),
                "real_as_asked": float(np.mean(real)) if len(real) else None, "real_n": len(real)}

    def verdict(self, measured: dict[str, Any]) -> str:
        """One line of what the measures say."""
        words = []
        for way, (before, after) in (("AtoB", self.names), ("BtoA", self.names[::-1])):
            part = f"{before} to {after}"
            if "translation" in measured:
                part += f" {measured['translation'][way]['as_asked']:.0%}"
            tones = measured.get("hair_hue", {}).get(way, {})
            if None not in (tones.get("before"), tones.get("after"), tones.get("real")):
                part += f", hue {tones['before']:.0f} to {tones['after']:.0f} (real {tones['real']:.0f})"
            words.append(part)
        error = measured["cycle_error"]
        return f"{'; '.join(words)}; cycle error {error['A']:.3f} and {error['B']:.3f}"
