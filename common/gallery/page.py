"""Run summaries -> the text of one static HTML page: no scripts, no files from elsewhere, relative links only.

The HTML is in templates/. Every text from a file is escaped. What depends on the clock is in elements with
class="clock"; apart from these, the same runs give the same page.
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

from common.gallery import claims, logs
from common.gallery.reading import REPORTS
from common.gallery.summary import CLOCK, COLUMNS, NUMBERS, RunSummary, dig, number


def render(summaries: Sequence[RunSummary], reports: Path) -> str:
    """The text of the page; `reports` is the folder that contains REPORT/claims.json and REPORT/train.py."""
    sections = []
    for folder, runs in groupby(summaries, lambda run: run.folder):
        problems: list[str] = []  # of claims.json
        sections.append({"folder": folder, "title": REPORTS.get(folder, folder), "runs": list(runs),
                         "claims": claims.read(reports / folder / "claims.json", problems), "problems": problems})
    shown = {section["folder"] for section in sections}
    absent = [f"{folder}: no run here; make one with `python {folder}/train.py --preset quick`" for folder in REPORTS
              if folder not in shown and (reports / folder / "train.py").exists()]
    return _environment().get_template("page.html.j2").render(summaries=summaries, reports=sections, absent=absent)


def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"code": _code, "label": claims.label, "number": number, "url": _url}
    environment.globals |= {"COLUMNS": COLUMNS, "NUMBERS": NUMBERS, "CLOCK": CLOCK, "LABELS": claims.LABELS,
                            "context": claims.context, "course": logs.course, "is_logged": logs.is_logged, "dig": dig}
    return environment


def _code(text: str) -> Markup:
    """Escaped text in which `this` becomes code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _url(path: str) -> str:
    """A relative path as a URL. It is also the id of a run: different paths give different URLs."""
    return quote(os.fsencode(path))
