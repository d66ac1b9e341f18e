"""Measured values as HTML: a number, the headline tiles, a card for each measure. Every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from common.gallery import claims
from common.gallery.summary import RunSummary, dig, number

MEASURES = {
    "condition_accuracy": ("Condition accuracy", "share of fakes in which the judge sees the colour asked for"),
    "accuracy": ("Accuracy", "of the objects asked for, the share that the evaluator has among its highest scores: "
                             "the mean over several noises"),
    "frechet": ("Fréchet distance", "between fakes and real pictures in the judge's features: lower is better; "
                                    "real: between two sets of real pictures"),
    "kid": ("Kernel distance (KID)", "as the Fréchet distance, unbiased: lower is better"),
    "density_coverage": ("Density and coverage", "are fakes near real pictures, and real pictures near fakes?"),
    "diversity": ("Diversity", "do fakes of one condition differ as real pictures of one condition do?"),
    "condition_effect": ("Effect of the condition", "change when the condition changes, against a change of the noise"),
    "grid_pattern": ("Grid pattern", "how far a pattern of so many pixels stands out of the spectrum: 1 is not at all"),
    "judge": ("The judge", "a classifier trained on real pictures; its accuracy on unseen ones is the ceiling"),
    "evaluator": ("The evaluator", "a ResNet18 trained on real pictures; its accuracy is the ceiling. Ours has not "
                                   "seen the pictures of that number"),
    "data": ("Data", ""), "evaluation": ("Evaluation", ""),
}


def show(value: Any) -> str:
    """A value of metrics.json; a number keeps its exact value in an attribute."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<data value="{value!r}">{number(value)}</data>'
    if isinstance(value, list):
        return ", ".join(map(show, value))
    return "not measured" if value is None else escape(number(value))


def measured(run: RunSummary, path: str) -> str:
    """What a run has at a claim's path, and below it what it has to be seen against."""
    if path.startswith("log."):
        return f'<span class="trend">{escape(claims.trend(run.log, path.removeprefix("log.")))}</span>'
    around = [f"{name}&nbsp;{show(value)}" for name, value in claims.context(run.metrics, path).items()]
    note = f'<br>\n<span class="note">{", ".join(around)}</span>' if around else ""
    value = dig(run.metrics, path)
    return show(None) if value is None else f"<strong>{show(value)}</strong>{note}"


def tiles(metrics: Mapping[str, Any]) -> str:
    """The headlines, large."""
    built = ""
    for path, label in claims.LABELS.items():
        value = dig(metrics, path)
        if value is not None:
            around = "<br>".join(f"{name}&nbsp;{show(other)}" for name, other in claims.context(metrics, path).items())
            built += (f'<div class="tile"><p class="label">{escape(label)}</p><p class="big">{show(value)}</p>'
                      f'<p class="note">{around}</p></div>\n')
    return f'<div class="tiles">\n{built}</div>\n' if built else ""


def cards(metrics: Mapping[str, Any]) -> str:
    """Everything in metrics.json: a card for each measure, known ones first, unknown ones under their own name."""
    order = [name for name in MEASURES if name in metrics] + [name for name in metrics if name not in MEASURES]
    built = ""
    for name in order:
        if isinstance(metrics[name], Mapping):
            title, meaning = MEASURES.get(name, (claims.words(name).capitalize(), ""))
            built += _card(title, meaning, metrics[name])
    single = {name: value for name, value in metrics.items() if not isinstance(value, Mapping) and name != "verdict"}
    built += _card("Measured of", "", single) if single else ""
    return f'<details class="measures"><summary>Every number of metrics.json</summary>\n<div class="cards">\n{built}' \
           "</div></details>\n" if built else ""


def _card(title: str, meaning: str, values: Mapping[str, Any]) -> str:
    note = f'<p class="note">{escape(meaning)}</p>' if meaning else ""
    return f'<div class="card"><h4>{escape(title)}</h4>{note}{nested(values)}</div>\n'


def nested(values: Mapping[str, Any], prefix: str = "") -> str:
    """Nested values: a row each, and a folded table where several keys have the same few values."""
    rows = tables = ""
    for key, value in values.items():
        name = f"{prefix} {claims.words(key)}".strip()
        if not isinstance(value, Mapping):
            rows += f'<tr><th scope="row">{escape(name)}</th> <td>{show(value)}</td></tr>\n'
        elif value and all(map(_flat, value.values())):
            tables += f"<details><summary>{escape(name)} ({len(value)})</summary>{_grid(value)}</details>"
        else:
            tables += nested(value, name)
    return (f'<table class="values"><tbody>{rows}</tbody></table>' if rows else "") + tables


def _flat(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(isinstance(inner, Mapping) for inner in value.values())


def _grid(rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    head = "".join(f'<th scope="col">{escape(claims.words(name))}</th>' for name in ("", *names))
    body = ""
    for key, row in rows.items():
        cells = "".join(f" <td>{_bar(row.get(name))}{show(row.get(name))}</td>" for name in names)
        body += f'<tr><th scope="row">{escape(key)}</th>{cells}</tr>\n'
    return f'<table class="values"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _bar(value: Any) -> str:
    share = isinstance(value, float) and 0 <= value <= 1
    return f'<meter value="{value!r}" aria-hidden="true"></meter>' if share else ""
