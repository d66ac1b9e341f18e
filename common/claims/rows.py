"""The claims of the reports, REPORT/claims.json, and the runs that decide them. No TensorFlow here.

    {"runs":   {"embedding": "python hw4_acgan/train.py --preset quick --recipe report", "onehot": "python ..."},
     "claims": [{"id": "000-embedding", "claim": "Embedding the labels improves on one-hot labels.",
                 "where": "Report 000, How do you improve your performance, 1", "reported": "by eye",
                 "measure": "condition_accuracy.both", "rule": "embedding > onehot by 0.05", "seeds": 3}]}

"runs" names trainings; several claims may use one, and "FOLDER/NAME" is that of another report. A claim is

    "claim"     what the report says, in our words; "where" it says so; what it "reported": a number, a figure, "by eye"
    "measure"   see `measures`
    "rule"      A > B by E    A is larger than B, by more than E in the mean; likewise <
                A ~ B by E    they differ by at most E
                A is WORDS    the measure, a text, has these words
                A and B are names of runs; B may be a number
    "end"       true: the claim is about a finished training, so that short runs cannot refute it (see `verdicts`)
    "seeds"     how many seeds the verdict needs; 3 unless it is given
    "untested"  in place of measure and rule: why there is no verdict
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import ROOT, regular

NAME = r"[a-z0-9_]+(?:/[a-z0-9_]+)?"
RULE = re.compile(rf"({NAME}) (?:([<>~]) ({NAME}|-?[0-9.]+) by ([0-9.]+)|(is) (.+))")
REPORTS = ("hw4_acgan", "hw3_dcgan_lsgan", "text2image_cdcgan", "lab5_cgan", "wgan_gp_text", "cyclegan_style")


@dataclass(frozen=True)
class Rule:
    """A rule, see above: `left` `sign` `right`, with the smallest effect `by`; `right` is a run, a number or a text."""

    left: str
    sign: str
    right: str | float
    by: float = 0.0

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the runs that it compares."""
        return (self.left, self.right) if self.sign != "is" and isinstance(self.right, str) else (self.left,)


@dataclass(frozen=True)
class Claim:
    """A claim, see above. `runs` maps the names in its rule to (folder, name, command)."""

    id: str
    claim: str
    where: str
    reported: str
    folder: str
    measure: str = ""
    rule: Rule | None = None
    end: bool = False
    seeds: int = 3
    untested: str = ""
    runs: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)


def read(root: Path = ROOT) -> list[Claim]:
    """The claims of all reports, in the order of REPORTS.

    Raises:
        UserError: a file is damaged, or a claim has no rule, an unknown run or the name of another.
    """
    files = {folder: _load(root / folder / "claims.json") for folder in REPORTS
             if (root / folder / "claims.json").exists()}
    commands = {(folder, name): command for folder, content in files.items()
                for name, command in content["runs"].items()}
    claims = [_claim(entry, folder, commands, root / folder / "claims.json")
              for folder, content in files.items() for entry in content["claims"]]
    names = [claim.id for claim in claims]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"claims.json: several claims have the id {', '.join(twice)}; give each its own")
    return claims


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore it") from None
    if not isinstance(content, dict) or not isinstance(content.get("runs"), dict) \
            or not isinstance(content.get("claims"), list):
        raise UserError(f'{path}: write {{"runs": {{...}}, "claims": [...]}}, see common/claims/rows.py')
    return content


def _claim(entry: dict[str, Any], folder: str, commands: Mapping[tuple[str, str], str], path: Path) -> Claim:
    try:
        texts = {key: entry[key] for key in ("id", "claim", "where", "reported")}
    except (TypeError, KeyError) as error:
        raise UserError(f"{path}: a claim has no {error}; see common/claims/rows.py") from None
    if entry.get("untested"):
        return Claim(**texts, folder=folder, untested=entry["untested"])
    rule = parse(str(entry.get("rule", "")))
    if rule is None or not entry.get("measure"):
        raise UserError(f"{path}: claim {texts['id']} has no measure, or its rule is none; see common/claims/rows.py")
    runs = {}
    for name in rule.runs:
        place = tuple(name.split("/")) if "/" in name else (folder, name)
        if place not in commands:
            raise UserError(f"{path}: claim {texts['id']} compares {name}, which is not among the runs; add it there")
        runs[name] = (*place, commands[place])
    return Claim(**texts, folder=folder, measure=entry["measure"], rule=rule, end=entry.get("end", False) is True,
                 seeds=int(entry.get("seeds", 3)), runs=runs)


def parse(text: str) -> Rule | None:
    """A rule from its text; None if it is none."""
    match = RULE.fullmatch(text)
    if not match:
        return None
    left, sign, right, by, is_, words = match.groups()
    if is_:
        return Rule(left, is_, words)
    try:
        return Rule(left, sign, float(right), float(by))
    except ValueError:
        return Rule(left, sign, right, float(by))
