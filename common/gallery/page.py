"""Run summaries as one static HTML page: no scripts, nothing from elsewhere, pictures by relative links.

Whatever depends on the clock stands in elements with class="clock". Every number of metrics.json is a
`<data value="exact">rounded</data>`. Every text that comes from a file goes through `html.escape`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from common.gallery import claims, values
from common.gallery.summary import CLOCK, COLUMNS, NUMBERS, REPORTS, RunSummary, dig

PICTURES = {"samples": "Last sample grid: the same inputs all through the training",
            "chart": "Every condition in one picture",
            "curves": "Learning curves: each point pale, the running mean strong",
            "accuracy": "Accuracy by epoch",
            "progress": "The sample grid while the training goes on"}

COLUMN_NOTE = """<p class="note">Hair / eyes: the share of made pictures in which the judge, a classifier trained on
real ones, sees the colour asked for. Frechet: distance of made pictures from real ones; lower is better.</p>"""
LEGEND = """<p class="note">Ceiling: the accuracy of what measures, judge or evaluator, on real pictures that it never
saw (of an evaluator that was given this is not known). a → b → c: a loss term's mean over the first tenth, the middle
tenth and the last tenth of the run.</p>"""


def render(summaries: Sequence[RunSummary], reports: Path) -> str:
    """The page's text; `reports` is the folder in which REPORT/claims.json and REPORT/train.py stand."""
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    groups = [(folder, list(runs)) for folder, runs in groupby(summaries, lambda run: run.folder)]
    absent = [f"{folder}: no run here; `python {folder}/train.py --preset quick` makes one" for folder in REPORTS
              if folder not in dict(groups) and (reports / folder / "train.py").exists()]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GAN reports, reproduced: results</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>GAN reports, reproduced</h1>
<p>What each report claimed, and what the runs in this folder measured.</p>
</header>
<main>
{_overview(summaries)}
{_list("problems", absent)}
{''.join(_report(folder, runs, reports) for folder, runs in groups)}</main>
<footer class="note"><p>Numbers are shown with four digits; metrics.json in each run folder has them in full.
The seconds are those of the training steps alone. Written by <code>python -m common.gallery</code>.</p></footer>
</body>
</html>
"""


def _anchor(*names: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(names))


def _overview(summaries: Sequence[RunSummary]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = ""
    for run in summaries:
        cells = run.row()
        body += (f'<tr><td><a href="#{_anchor(run.folder)}">{escape(cells[0])}</a></td>'
                 f'<td><a href="#{_anchor(run.folder, run.variant)}">{escape(cells[1])}</a></td>')
        for name, cell in zip(COLUMNS[2:], cells[2:], strict=True):
            kind = "number clock" if name in CLOCK else "number" if name in NUMBERS else "text"
            body += f'<td class="{kind}" data-label="{name}">{escape(cell)}</td>'
        body += "</tr>\n"
    built = f'<table class="summary"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
    return f'{_scroll(built, "All runs")}\n{COLUMN_NOTE}'


def _scroll(inner: str, label: str) -> str:
    return f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">{inner}</div>'


def _report(folder: str, runs: Sequence[RunSummary], reports: Path) -> str:
    title = REPORTS.get(folder, folder)
    return (f'<section>\n<h2 id="{_anchor(folder)}">{escape(title)}</h2>\n'
            f"{_claims(claims.read(reports / folder / 'claims.json'), runs)}"
            f"{''.join(_run(run) for run in runs)}</section>\n")


def _claims(read: claims.Claims, runs: Sequence[RunSummary]) -> str:
    items = ""
    for claim in read.claims:
        command = f'\n<p class="command"><code>{escape(claim.command)}</code></p>' if claim.command else ""
        items += (f'<li><div><p class="label">The report</p>\n<p>{escape(claim.claim)}</p>\n'
                  f'<p class="note">{escape(claim.where)}</p></div>\n'
                  f'<div><p class="label">Here</p>\n{_found(claim.measures, runs)}{command}</div></li>\n')
    problem = _list("problems", [read.problem] if read.problem else [])
    return problem + (f'<ul class="claims">\n{items}</ul>\n{LEGEND}\n' if items else "")


def _found(measures: Sequence[str], runs: Sequence[RunSummary]) -> str:
    """What was measured about a claim: a row a measure, a column a run."""
    links = [f'<a href="#{_anchor(run.folder, run.variant)}">{escape(run.variant)}</a>' for run in runs]
    if not measures:
        return f"<p>No number says this: see the pictures and curves of {', '.join(links)}.</p>"
    head = "".join(f'<th scope="col">{link}</th>' for link in links)
    body = ""
    for path in measures:
        cells = "".join(f"<td>{values.measured(run, path)}</td>" for run in runs)
        body += f'\n<tr><th scope="row">{_code(claims.label(path))}</th> {cells}</tr>'
    return f'<div class="wide"><table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _run(run: RunSummary) -> str:
    label = escape(f"{run.folder}/{run.variant}")
    verdict = run.metrics.get("verdict")
    return (f'<h3 id="{_anchor(run.folder, run.variant)}">Run {label}</h3>\n'
            + _list("problems", run.problems)
            + (f'<p class="verdict">{escape(str(verdict))}</p>\n' if verdict else "")
            + _list("warnings", [f"Note: {text}" for text in run.substitutions])
            + _facts(run) + values.tiles(run.metrics) + _figures(run)
            + values.cards(run.metrics) + _settings(run))


def _list(kind: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_code(line)}</li>" for line in lines)
    return f'<ul class="{kind}">{items}</ul>\n' if items else ""


def _code(text: str) -> str:
    """Escaped text in which `this` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _facts(run: RunSummary) -> str:
    machine = dig(run.config, "machine")
    parts = [f"{run.step} steps"]
    if isinstance(machine, Mapping):
        parts += [str(value) if key == "device" else f"{key} {value}" for key, value in machine.items()]
    if precision := dig(run.config, "precision.precision"):
        parts.append(f"precision {precision}")
    text = escape(" · ".join(parts))
    if run.timing:
        ended = escape(str(run.timing.get("time")).replace("T", " "))
        text += (f'<span class="clock"> · {run.seconds:.0f} s of training, {run.images_per_second:.0f} pictures a '
                 f"second, ended {ended}</span>")
    return f'<p class="note">{text}</p>\n'


def _figures(run: RunSummary) -> str:
    figures = "".join(_figure(run, kind) for kind in PICTURES if kind in run.pictures)
    return f'<div class="figures">\n{figures}</div>\n' if figures else ""


def _figure(run: RunSummary, kind: str) -> str:
    picture = run.pictures[kind]
    source = quote(os.fsencode(f"{run.folder}/{run.variant}/{picture.path}"))
    alternative = escape(f"{PICTURES[kind]}, of the run {run.folder}/{run.variant} at step {run.step}")
    return (f'<figure><figcaption>{PICTURES[kind]}</figcaption><a href="{source}"><img src="{source}" '
            f'width="{picture.width}" height="{picture.height}" alt="{alternative}"></a></figure>\n')


def _settings(run: RunSummary) -> str:
    text = ""
    for title, key in (("Settings", "settings"), ("Data set", "data")):
        found = run.config.get(key)
        if isinstance(found, Mapping) and found:
            text += f"<details><summary>{title}</summary>{_scroll(values.nested(found), title)}</details>\n"
    return text
