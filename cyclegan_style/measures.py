"""Measures a CycleGAN on held-out images: do they get the other domain's colour, and do they come back unchanged?"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from common import metrics, plots
from common.anime import judge, tags
from common.anime.data import Faces
from common.evaluation import SEED
from common.explorer import Explorer
from cyclegan_style import classifier
from cyclegan_style.domains import SHOWN, Domains
from cyclegan_style.model import CycleGAN, translate

MOST = 64        # images of each domain that are measured, at most; in a brief measuring those of the figure
EXPLORED = 12    # of each domain, for the page to play with
TOP = 0.4        # upper part of the image that is searched for hair
NEAR = 30.0      # degrees of hue around a colour that still count as that colour
PALE = 0.3       # saturation below which a pixel's hue is ignored
HUES = {"red": 0, "orange": 28, "blonde": 48, "green": 125, "aqua": 180, "blue": 220, "purple": 275, "pink": 335}


def figure(game: CycleGAN, data: Domains, size: int) -> Image.Image:
    """The reports' figure for both directions: the images, their translations, and those translated back."""
    rows, names = [], []
    for domain, there, back, letters in ((data.a, game.generator_AtoB, game.generator_BtoA, "AB"),
                                         (data.b, game.generator_BtoA, game.generator_AtoB, "BA")):
        pictures = domain.shown(size, SHOWN)
        fake = translate(there, pictures)
        rows += [pictures, fake, translate(back, fake)]
        own, other = letters
        names += [domain.name, f"{own} -> {other}", f"{own} -> {other} -> {own}"]
    count = min(len(row) for row in rows)
    return plots.grid(np.concatenate([row[:count] for row in rows]), [""] * count, names)


def explore(game: CycleGAN, data: Domains, size: int) -> Explorer:
    """Held-out images of both domains, each beside its translation, for the page."""
    tiles, ways = [], []
    for own, other, network in ((data.a, data.b, game.generator_AtoB), (data.b, data.a, game.generator_BtoA)):
        pictures = own.shown(size, EXPLORED)
        tiles += [np.stack([pictures, translate(network, pictures)], axis=1).reshape(-1, *pictures.shape[1:])]
        ways += [[own.name, other.name, len(pictures)]]
    return Explorer(np.concatenate(tiles), {"kind": "pairs", "ways": ways})


def hue(pictures: np.ndarray, region: np.ndarray) -> float | None:
    """The circular mean of the hue, in degrees, of the pixels in a region, weighted by their saturation.

    Args:
        pictures: uint8 [N, S, S, 3].
        region: bool [N, S, S].

    Returns:
        None if the region is empty or has no colour.
    """
    angle, saturation = _hue_and_saturation(pictures)
    mean = np.sum(saturation[region] * np.exp(1j * np.deg2rad(angle[region])))
    return float(np.rad2deg(np.angle(mean)) % 360) if abs(mean) > 1e-6 else None


def hair(pictures: np.ndarray, colour: str) -> np.ndarray:
    """Where images have hair of a colour of HUES: saturated pixels near its hue in the upper part, bool [N, S, S]."""
    angle, saturation = _hue_and_saturation(pictures)
    distance = np.abs((angle - HUES[colour] + 180) % 360 - 180)
    region = (distance <= NEAR) & (saturation >= PALE)
    region[:, round(TOP * pictures.shape[1]):] = False
    return region


def _hue_and_saturation(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees from 0 to 360, and saturation from 0 to 1, [N, S, S] each."""
    from skimage.color import rgb2hsv

    hsv = rgb2hsv(pictures)
    return 360 * hsv[..., 0], hsv[..., 1]


class Translation:
    """The cycle error, the domain and the content; of two hair or two eye colours the judge's verdict; of hair the hue.

    Args:
        game: has the networks.
        data: both domains, and the tagged faces for the judge.
        size: side of the images.
        brief: judge and classifier are trained for a few steps only, see `judge.load`.
    """

    curves: ClassVar = {}

    def __init__(self, game: CycleGAN, data: Domains, size: int, brief: bool = False) -> None:
        self.game, self.data, self.size, self.brief = game, data, size, brief
        self.names = data.a.name, data.b.name
        self.kind = next((kind for kind in ("hair", "eyes") if all(
            tags.DOMAINS.get(name, "").endswith(kind) for name in self.names)), None)

    @functools.cached_property
    def judge(self) -> judge.Judge | None:
        """The judge of the tagged faces; None unless colours are translated."""
        return judge.load(self._judged, SEED, self.brief) if self.kind else None

    @functools.cached_property
    def _judged(self) -> Faces:
        return self.data.judged

    @functools.cached_property
    def classifier(self) -> classifier.Classifier:
        """The classifier of the two domains."""
        return classifier.load(self.data, self.brief)

    def prepare(self) -> dict[str, dict[str, Any]]:
        """Trains the judge if one is needed and there is none yet."""
        self.classifier  # noqa: B018
        self.judge  # noqa: B018
        return {}

    def check(self) -> tuple[dict[str, float], str]:
        """All measurements on the images of the figure."""
        measured = self.measurements(SHOWN)
        row = {f"cycle_{key}": measured["cycle_error"][key] for key in "AB"}
        for way, translation in measured.get("translation", {}).items():
            row[way] = translation["as_asked"]
        return row, f"{self.verdict(measured)} ({SHOWN} images)"

    def variety(self) -> None:
        """None: an image is translated into one image."""

    def measure(self) -> tuple[dict[str, Any], str]:
        """All measurements on up to MOST images of each domain, and the verdict."""
        measured = self.measurements(SHOWN if self.brief else MOST)
        judged = {"judge": self.judge.info()} if self.judge else {}
        return {"domains": self.data.origin.identity["domains"], "classifier": self.classifier.info, **judged,
                **measured}, self.verdict(measured)

    def measurements(self, most: int) -> dict[str, Any]:
        """All measurements on up to `most` held-out images of each domain."""
        real = {"A": self.data.a.shown(self.size, most), "B": self.data.b.shown(self.size, most)}
        networks = {"AtoB": self.game.generator_AtoB, "BtoA": self.game.generator_BtoA}
        fake = {"AtoB": translate(networks["AtoB"], real["A"]), "BtoA": translate(networks["BtoA"], real["B"])}
        rec = {"A": translate(networks["BtoA"], fake["AtoB"]), "B": translate(networks["AtoB"], fake["BtoA"])}
        error = {key: float(np.mean(np.abs(rec[key] - real[key].astype(np.float32))) / 255) for key in "AB"}
        measured: dict[str, Any] = {"cycle_error": {**error, "n": len(real["A"]) + len(real["B"])}}
        ways = (("AtoB", "A", "B", *self.names), ("BtoA", "B", "A", *self.names[::-1]))
        for way, old, new, _, _ in ways:
            for section, values in self._moved(real[old], fake[way], real[new], new).items():
                measured.setdefault(section, {})[way] = values
        if self.judge:
            measured["translation"] = {way: self._judged_as(name, fake[way], real[old])
                                       for way, old, _, _, name in ways}
        if self.kind == "hair" and set(self.names) <= set(HUES):
            measured["hair_hue"] = {way: {
                "before": hue(real[old], hair(real[old], before)), "after": hue(fake[way], hair(real[old], before)),
                "real": hue(real[new], hair(real[new], after)), "n": len(fake[way])}
                for way, old, new, before, after in ways}
        return measured

    def _moved(self, before: np.ndarray, fake: np.ndarray, real: np.ndarray, target: str) -> dict[str, dict[str, Any]]:
        """How far translations have come to real images of the target domain, and what stayed of their originals.

        "taken_for": the share that the classifier takes for the target, beside the originals and real images of it.
        "domain_frechet": the Frechet distance of the translations and of the originals from real images of the target,
        in the classifier's features, and "closed", the share of the way: 0 for a network that changes nothing.
        "content": the mean SSIM (see `metrics.diversity`) of grey originals and translations, 1 for a network that
        changes no luminance, beside that of originals and unrelated images of the target.
        """
        taken, features = zip(*(self.classifier.predict(self.data.small(images)) for images in (fake, before, real)),
                              strict=True)
        shares = [float(np.mean(part if target == "B" else ~part)) for part in taken]
        distances = [metrics.frechet(features[2], features[k]) for k in (0, 1)]
        return {"taken_for": {"as_asked": shares[0], "before": shares[1], "real_as_asked": shares[2], "n": len(fake)},
                "domain_frechet": {"fake": distances[0], "untranslated": distances[1],
                                   "closed": 1 - distances[0] / distances[1] if distances[1] else None,
                                   "n": len(fake), "real_n": len(real)},
                "content": {"ssim": metrics.likeness(before, fake), "unrelated": metrics.likeness(before, real),
                            "n": len(fake)}}

    def _judged_as(self, name: str, fake: np.ndarray, before: np.ndarray) -> dict[str, Any]:
        """How often the judge sees the target colour in translations, in their originals, and in real images of it.

        "eyes_kept" (of a translation of eyes "hair_kept") is the share of translations in which the judge sees the
        same colour of the eyes as in their originals. The real ones are `real_n` images of the target colour on which
        the judge was not trained.
        """
        column = ("hair", "eyes").index(self.kind)
        colour = (tags.HAIR, tags.EYES)[column].index(tags.DOMAINS[name].split()[0])
        translated, original = (self.judge.predict(self.data.small(pictures))[:2] for pictures in (fake, before))
        labels = (self._judged.hair, self._judged.eyes)[column]
        unseen = self.judge.unseen[labels[self.judge.unseen] == colour][:MOST]
        real = self.judge.predict_samples(self._judged, unseen)[column] == colour
        return {"as_asked": float(np.mean(translated[column] == colour)),
                "before": float(np.mean(original[column] == colour)),
                f"{('eyes', 'hair')[column]}_kept": float(np.mean(translated[1 - column] == original[1 - column])),
                "n": len(fake), "real_as_asked": float(np.mean(real)) if len(real) else None, "real_n": len(real)}

    def verdict(self, measured: dict[str, Any]) -> str:
        """The measurements in one line."""
        words = []
        for way, (before, after) in (("AtoB", self.names), ("BtoA", self.names[::-1])):
            part = f"{before} to {after}"
            share = measured.get("translation", measured["taken_for"])[way]["as_asked"]
            part += f" {share:.0%}, content {measured['content'][way]['ssim']:.2f}"
            part += "".join(f", {key.replace('_', ' ')} {value:.0%}" for key, value in
                            measured.get("translation", {}).get(way, {}).items() if key.endswith("_kept"))
            tones = measured.get("hair_hue", {}).get(way, {})
            if None not in (tones.get("before"), tones.get("after"), tones.get("real")):
                part += f", hue {tones['before']:.0f} to {tones['after']:.0f} (real {tones['real']:.0f})"
            words.append(part)
        error = measured["cycle_error"]
        return f"{'; '.join(words)}; cycle error {error['A']:.3f} and {error['B']:.3f}"
