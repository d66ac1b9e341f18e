"""The claims with their verdicts as Markdown, between marks in README.md, docs/claims.md and the reports' READMEs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from common import markdown as in_markdown
from common.claims import measures, results, verdicts
from common.claims.rows import REPORTS, Claim
from common.claims.verdicts import WORDS, Verdict
from common.errors import UserError
from common.files import ROOT, atomic

BEGIN, END = "<!-- claims: written by python -m common.claims table -->", "<!-- end of claims -->"
SURPRISING = 5  # rows on the first page


@dataclass(frozen=True)
class Row:
    """A claim with its verdict and with what is kept of its runs."""

    claim: Claim
    verdict: Verdict
    kept: list[dict[str, Any]]

    @property
    def budget(self) -> str:
        """The minutes and images of one run, and their share of the report's."""
        if not self.kept:
            return "-"
        minutes = median(kept["minutes"] for kept in self.kept)
        images = _range([kept["images"] for kept in self.kept], "{:,}".format)
        return f"{minutes:.1f} min, {images} images, {_range(self.shares, percent)} of the report's"

    @property
    def shares(self) -> list[float]:
        """How many images each run saw, as a share of the report's."""
        return [kept["share"] for kept in self.kept]

    @property
    def word(self) -> str:
        """The verdict with the length of the runs: "**holds**, after 4.0% of the images"."""
        short = self.verdict.word != verdicts.NOT_TESTED and min(self.shares) < 1
        return f"**{self.verdict.word}**" + (f", after {_range(self.shares, percent)} of the images" if short else "")

    @property
    def difference(self) -> str:
        """Mean and standard deviation of the differences of two runs."""
        found = self.verdict.differences
        if not found or self.claim.rule is None or not isinstance(self.claim.rule.right, str):
            return ""
        return f"difference {fmean(found):+.3g}" + (f" +- {stdev(found):.2g}" if len(found) > 1 else "")

    @property
    def needed(self) -> str:
        """What the claim needs to hold, in words."""
        rule = self.claim.rule
        if rule is None:
            return ""
        right = rule.right if isinstance(rule.right, str) else f"{rule.right:g}"
        return "to hold: " + {
            "is": f"{rule.left} is {right}", "~": f"{rule.left} within {rule.by:g} of {right}",
            ">": f"{rule.left} above {right} by more than {rule.by:g}",
            "<": f"{rule.left} below {right} by more than {rule.by:g}"}[rule.sign]

    @property
    def here(self) -> str:
        """What was measured, or why nothing was."""
        if not self.verdict.values:
            return self.verdict.why
        words = [f"{self.claim.measure}: {self.verdict.here()}", self.difference, self.needed, self.verdict.why,
                 f"n {self.verdict.seeds}"]
        return "; ".join(word for word in words if word)


def percent(share: float) -> str:
    """0.0421 -> "4.2%", with two digits or more."""
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"


def _range(values: Sequence[float], text: Callable[[float], str]) -> str:
    """"4.0%", or "0.5% to 4.0%" where runs differ."""
    return " to ".join(dict.fromkeys(text(value) for value in (min(values), max(values))))


def rows(claims: Iterable[Claim], data: str = "embedded", root: Path = ROOT) -> list[Row]:
    """The claims with their verdicts, from results/claims."""
    made = []
    for claim in claims:
        values, kept = results.load(claim, data, root)
        share = min((one["share"] for one in kept), default=0.0)
        levels = [measures.chance(one, claim.measure) for one in kept]
        chance = max((level for level in levels if level is not None), default=None)
        made.append(Row(claim, verdicts.of(claim, values, share, chance), kept))
    return made


def tally(all_rows: Sequence[Row]) -> str:
    """"12 hold, 5 hold not, 8 are undecided, 20 are not tested"."""
    counts = verdicts.count(row.verdict for row in all_rows)
    said = dict(zip(WORDS, ("hold", "hold not", "undecided", "not tested"), strict=True))
    return ", ".join(f"{counts[word]} {said[word]}" for word in WORDS)


def surprising(all_rows: Sequence[Row]) -> list[Row]:
    """The claims that hold not, those furthest beyond their smallest effect first."""
    def size(row: Row) -> float:
        by = row.claim.rule.by
        return abs(fmean(row.verdict.differences)) / by if row.verdict.differences and by else 0.0

    refuted = [row for row in all_rows if row.verdict.word == verdicts.HOLDS_NOT]
    return sorted(refuted, key=size, reverse=True)[:SURPRISING]


def markdown(some: Sequence[Row], wide: bool = False) -> str:
    """A table; a wide one also has the place in the report, the budget and the command."""
    names = ["claim", "reported", "here", "verdict"]
    names = ["id", names[0], "where", *names[1:3], "budget of a run", "verdict", "command"] if wide else names

    def cells(row: Row) -> list[str]:
        claim = row.claim
        if not wide:
            return [claim.claim, claim.reported, row.here, row.word]
        return [claim.id, claim.claim, claim.where, claim.reported, row.here, row.budget, f"**{row.verdict.word}**",
                f"`python -m common.claims run {claim.id}`" if claim.rule else ""]

    return in_markdown.table(names, [cells(row) for row in some])


def pages(all_rows: Sequence[Row], root: Path = ROOT) -> dict[Path, str]:
    """Path -> what belongs between the marks there."""
    by_folder = {folder: [row for row in all_rows if row.claim.folder == folder] for folder in REPORTS}
    by_folder = {folder: found for folder, found in by_folder.items() if found}
    first = [f"Of {len(all_rows)} claims: {tally(all_rows)}."]
    if surprising(all_rows):
        first[0] += "\nThe most surprising, with the share of the report's images that the runs saw:"
        first += ["", markdown(surprising(all_rows))]
    every = "\n\n".join(f"### {folder}\n\n{tally(found)}.\n\n{markdown(found, wide=True)}"
                        for folder, found in by_folder.items())
    return {root / "README.md": "\n".join(first), root / "docs" / "claims.md": every,
            **{root / folder / "README.md": f"{tally(found)}.\n\n{markdown(found)}"
               for folder, found in by_folder.items()}}


def write(all_rows: Sequence[Row], root: Path = ROOT, check: bool = False) -> list[Path]:
    """Writes the tables; returns the pages whose table was another one. With `check` nothing is written."""
    changed = []
    for path, text in pages(all_rows, root).items():
        before = path.read_text(encoding="utf-8")
        if BEGIN not in before or END not in before:
            raise UserError(f"{path}: the marks {BEGIN} and {END} are gone; put them where the claims belong")
        head, _, rest = before.partition(BEGIN)
        after = f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"
        if after != before:
            changed.append(path)
            if not check:
                with atomic(path) as temporary:
                    temporary.write_text(after, encoding="utf-8")
    return changed
