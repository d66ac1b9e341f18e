"""The claims of a report (REPORT/claims.json) and the measured values beside them. No TensorFlow here.

claims.json is a list of objects:

    "claim"    what the report says
    "where"    the report and its section
    "command"  the command that makes or shows the run that the claim is about
    "runs"     the run folders that the claim is about or compares with: ["dcgan", "lsgan"]. Without this key the
               page shows no numbers, only the command
    "measure"  the measures that test the claim, or null if there is none. Each is a path in metrics.json, such as
               "condition_accuracy.hair", or of the logs, such as "log.g_source", see `logs`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common.files import regular
from common.gallery import logs
from common.gallery.reading import noting
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


class Claim(NamedTuple):
    """An entry of claims.json, see above."""

    claim: str
    where: str
    command: str
    runs: list[str]
    measures: list[str]


def read(path: Path, problems: list[str]) -> list[Claim]:
    """Reads a claims.json. If it cannot be read, returns no claims and adds a line to `problems`."""
    with noting(problems, f"{path.parent.name}/{path.name}", "what the report claimed is not shown"):
        return [_claim(entry) for entry in json.loads(regular(path).read_text(encoding="utf-8"))]
    return []


def _claim(entry: Any) -> Claim:
    if not isinstance(entry, dict):
        raise ValueError
    texts = [entry[key] for key in ("claim", "where", "command")]
    lists = [entry.get(key) for key in ("runs", "measure")]
    if not all(isinstance(names, list | None) for names in lists):
        raise ValueError
    return Claim(*map(str, texts), *([str(name) for name in names or []] for names in lists))


def label(path: str) -> str:
    """A path as words, with code in backquotes: "diversity.ssim" -> "diversity, ssim"; "log.g" -> "loss `g`"."""
    if logs.is_logged(path):
        return logs.label(path)
    return LABELS.get(path) or path.replace(".", ", ").replace("_", " ")


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
