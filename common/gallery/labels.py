"""The main numbers of a run on the page: their names, and the values to compare them with. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.gallery.summary import dig

LABELS = {  # path -> its name on the page; those that a run has are shown as its main numbers
    "condition_accuracy.hair": "hair as asked for", "condition_accuracy.eyes": "eyes as asked for",
    "condition_accuracy.both": "both as asked for", "accuracy.test": "accuracy on test.json",
    "accuracy.new_test": "accuracy on new_test.json", "frechet.fake": "Fréchet distance",
    "density_coverage.coverage": "coverage", "diversity.verdict": "diversity", "condition_effect.verdict": "condition",
    "cut_objects.share": "objects cut by an edge",
    "face_test.found": "faces found",
    "luminance.brightness": "brightness", "luminance.contrast": "contrast",
    "embedding.hair.rank_correlation": "embedding against colour, hair",
    "embedding.eyes.rank_correlation": "embedding against colour, eyes",
    "style.drawing": "style loss of drawings", "translation.AtoB.as_asked": "A to B as asked",
    "translation.BtoA.as_asked": "B to A as asked", "cycle_error.A": "cycle error, A to B to A",
    "taken_for.AtoB.as_asked": "A to B taken for B", "taken_for.BtoA.as_asked": "B to A taken for A",
    "domain_frechet.AtoB.closed": "share of the way, A to B", "domain_frechet.BtoA.closed": "share of the way, B to A",
    "content.AtoB.ssim": "content kept, A to B", "content.BtoA.ssim": "content kept, B to A",
}


def context(metrics: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Values to compare a measured value with: name -> value, such as the ceiling, chance, real images and n."""
    parent, _, leaf = path.rpartition(".")
    places = {"ceiling": f"{parent}.ceiling.{leaf}", "standard deviation": f"{parent}.std.{leaf}",
              "95% interval": f"{parent}.interval.{leaf}", "best of ten": f"{parent}.best.{leaf}",
              "chance": f"{parent}.chance.{leaf}", "real images": f"{parent}.real_{leaf}"}
    places |= {"before": f"{parent}.before", "unrelated images": f"{parent}.unrelated"}
    if leaf == "closed":
        places = {"Fréchet distance": f"{parent}.fake", "untranslated": f"{parent}.untranslated"}
    if leaf == "rank_correlation":
        places = {"p": f"{parent}.p", "pairs": f"{parent}.pairs"}
    if leaf == "found":
        places["passes from"] = f"{parent}.pass_from"
    if leaf == "fake":
        places = {"real images": f"{parent}.real"}
    if leaf == "verdict":
        places = {"ratio": f"{parent}.ratio", "with the condition": f"{parent}.condition",
                  "with the noise": f"{parent}.noise", "two real images": f"{parent}.real",
                  "distance": f"{parent}.distance", "real images": f"{parent}.real_distance"}
    if parent == "condition_accuracy":
        places["ceiling"] = f"judge.{leaf}"
    places |= {"n": f"{parent}.n", "weights as trained": f"trained_weights.{path}"}
    values = {name: dig(metrics, place) for name, place in places.items()}
    return {name: value for name, value in values.items() if not isinstance(value, dict | None)}
