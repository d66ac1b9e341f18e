"""Results as tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 132  # columns where the output is no terminal


def show(name: str, result: dict[str, Any]) -> None:
    """Prints one case: a row a variant, in each cell the median and below it the quartiles."""
    variants = result["variants"]
    title = f"{name}: report {result['report']}, {result['batch']} pictures of {result['size']} px, " \
            f"{result['model_gflop']:.1f} GFLOP a step"
    table = _table(title, ("", "s / step", "images / s", "GFLOP/s", "of peak", *(f"x {other}" for other in variants)))
    for variant, found in variants.items():
        table.add_row(f"{variant}\n{found['precision']}", cell(found["seconds"], "{:.3f}"),
                      cell(found["images_per_second"], "{:.0f}"), cell(found["gflops"], "{:.0f}"),
                      cell(found["share_of_peak"], "{:.0%}"),
                      *(cell(found["faster_than"].get(other), "{:.2f}") for other in variants))
    _console().print(table)


def plain(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table of texts; the first column names the rows."""
    table = _table(title, headings)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def cell(values: dict[str, float] | None, form: str, factor: float = 1.0) -> str:
    """The median and below it the quartiles, each times `factor`."""
    if values is None:
        return "-"
    q1, median, q3 = (form.format(factor * values[name]) for name in ("q1", "median", "q3"))
    return f"{median}\n{q1}-{q3}"


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(headings[0], no_wrap=True)
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table
