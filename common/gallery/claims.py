"""What a report claimed (REPORT/claims.json), and the numbers of a run that stand beside it. No TensorFlow here.

A claim is {"claim": text, "where": "report, section", "measure": path, list of paths or null, "command": text}. A path
leads into metrics.json, "condition_accuracy.hair", or names a column of log.csv, "log.g_source".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.gallery.summary import dig
from common.runs import Row

LABELS = {  # the headlines of a run, and the names of what claims are about
    "condition_accuracy.hair": "hair as asked for", "condition_accuracy.eyes": "eyes as asked for",
    "condition_accuracy.both": "both as asked for", "accuracy.test": "accuracy on test.json",
    "accuracy.new_test": "accuracy on new_test.json", "frechet.fake": "Fréchet distance",
    "density_coverage.coverage": "coverage", "diversity.verdict": "diversity", "condition_effect.verdict": "condition",
    "style.drawing": "style loss of drawings", "translation.AtoB.as_asked": "A to B as asked",
    "translation.BtoA.as_asked": "B to A as asked", "cycle_error.A": "cycle error, A to B to A",
}

class Claim(NamedTuple):
    """One claim, where it stands, the paths of what is measured about it, and the command that shows it."""

    claim: str
    where: str
    measures: list[str]
    command: str


class Claims(NamedTuple):
    """The claims of a report; where its file cannot be read, none and a line that says so."""

    claims: list[Claim]
    problem: str


def read(path: Path) -> Claims:
    """Reads a claims.json."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return Claims([_claim(entry) for entry in entries], "")
    except FileNotFoundError:
        return Claims([], f"{path.parent.name}/{path.name} is missing: what the report claimed is not shown")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Claims([], f"{path.parent.name}/{path.name} is damaged: what the report claimed is not shown")


def _claim(entry: Mapping[str, Any]) -> Claim:
    measure = entry.get("measure") or []
    measures = [measure] if isinstance(measure, str) else measure
    return Claim(str(entry["claim"]), str(entry["where"]), [str(path) for path in measures],
                 str(entry.get("command") or ""))


def label(path: str) -> str:
    """A path as words, `code` in backquotes: "diversity.ssim" -> "diversity, ssim"."""
    if path.startswith("log."):
        return f"loss `{path.removeprefix('log.')}`"
    return LABELS.get(path) or words(path.replace(".", ", "))


def words(key: str) -> str:
    """A key as words: "cycle_error" -> "cycle error"."""
    return key.replace("_", " ")


def context(metrics: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What a measured value has to be seen against: the judge's own accuracy, chance, real pictures, its n."""
    parent, _, leaf = path.rpartition(".")
    around = [("ceiling", f"ceiling.{leaf}"), ("standard deviation", f"std.{leaf}"), ("chance", f"chance.{leaf}"),
              ("real pictures", f"real_{leaf}")]
    if leaf == "fake":
        around = [("real pictures", "real")]
    if leaf == "verdict":
        around = [("ratio", "ratio"), ("distance", "distance"), ("real pictures", "real_distance")]
    known = {name: dig(metrics, f"{parent}.{key}") for name, key in [*around, ("n", "n")]
             if not isinstance(dig(metrics, f"{parent}.{key}"), dict | None)}
    if parent == "condition_accuracy" and dig(metrics, f"judge.{leaf}") is not None:
        return {"ceiling": dig(metrics, f"judge.{leaf}"), **known}
    return known


def trend(log: Sequence[Row], column: str) -> str:
    """How a loss term went: its mean over the first tenth, the middle and the last tenth of the log."""
    if not log or column not in log[0]:
        return "not logged"
    values = [float(row[column]) for row in log]
    tenth, middle = max(1, len(values) // 10), len(values) // 2
    parts = (values[:tenth], values[max(0, middle - tenth // 2):][:tenth], values[-tenth:])
    return " → ".join(f"{sum(part) / len(part):.3g}" for part in parts)
