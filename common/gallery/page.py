"""Run summaries -> the text of one static HTML page: nothing from elsewhere, relative links only, works from a file.

The HTML is in templates/; page.js there lets a visitor play with what the runs drew, see common/explorer.py. Every text
from a file is escaped. What depends on the clock is in elements with class="clock"; apart from these, the same runs
give the same page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from common.claims import rows, tables, verdicts
from common.errors import UserError
from common.gallery import labels
from common.gallery.reading import REPORTS
from common.gallery.summary import RunSummary, dig, number


def render(summaries: Sequence[RunSummary], reports: Path, pending: Sequence[str] = (),
           minutes: int | None = None, shipped: bool = False) -> str:
    """The text of the page.

    Args:
        summaries: of the runs, in the order of the page.
        reports: the folder that contains REPORT/claims.json and REPORT/train.py.
        pending: the runs that are still to come.
        minutes: about how long these take; None if nobody knows.
        shipped: the runs are those of the networks in weights/.
    """
    problems: list[str] = []
    try:
        claims = tables.rows(rows.read(reports), root=reports)
    except UserError as error:
        claims, problems = [], [str(error)]
    sections = []
    for folder, runs in groupby(summaries, lambda run: run.folder):
        own = [row for row in claims if row.claim.folder == folder]
        title = REPORTS.get(folder, folder)
        short, _, about = title.partition(": ")
        sections.append({"folder": folder, "title": title, "short": short, "about": about, "runs": list(runs),
                         "claims": own, "tally": verdicts.count(row.verdict for row in own)})
    shown = {section["folder"] for section in sections}
    absent = [f"{folder}: no run here; make one with `python {folder}/train.py --preset quick`" for folder in REPORTS
              if folder not in shown and not shipped and (reports / folder / "train.py").exists()]
    return _environment().get_template("page.html.j2").render(
        reports=sections, shown=shown, absent=absent, problems=problems, pending=pending, minutes=minutes,
        shipped=shipped, tally=verdicts.count(row.verdict for row in claims) if claims else {},
        surprising=tables.surprising(claims))


def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"code": _code, "number": number, "url": _url}
    environment.globals |= {"LABELS": labels.LABELS, "context": labels.context, "dig": dig}
    return environment


def _code(text: str) -> Markup:
    """Escaped text in which `this` becomes code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _url(path: str) -> str:
    """A relative path as a URL. It is also the id of a run: different paths give different URLs."""
    return quote(os.fsencode(path))
