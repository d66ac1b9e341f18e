"""Run folders -> runs/index.html, a table on the terminal and the same table in Markdown. No TensorFlow here.

    python -m common.gallery [RUNS]

`collect` reads the folders, `table` formats them for a terminal, `markdown` for README files, `write` makes the page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from common import markdown as in_markdown
from common.errors import UserError
from common.files import ROOT, atomic
from common.gallery import page
from common.gallery.reading import SHIPPED_PAGE, collect
from common.gallery.summary import COLUMNS, NUMBERS, RunSummary

__all__ = ["RunSummary", "collect", "markdown", "table", "write"]


def write(runs: Path, reports: Path = ROOT, pending: Sequence[str] = (), minutes: int | None = None,
          summaries: Sequence[RunSummary] | None = None) -> Path:
    """Writes RUNS/index.html, completely or not at all, and returns its path.

    Args:
        runs: the folder of the run folders.
        reports: the folder that contains REPORT/claims.json.
        pending: the runs that are still to come.
        minutes: about how long these take.
        summaries: what `collect` has read; without them the folder is read here.

    Raises:
        UserError: there is no run.
    """
    summaries = collect(runs) if summaries is None else summaries
    if not summaries:
        raise UserError(f"{runs}: no run here; make some with `bash run_all.sh`")
    with atomic(runs / "index.html") as temporary:
        text = page.render(summaries, reports, pending, minutes, shipped=(runs / SHIPPED_PAGE).exists())
        temporary.write_text(text, encoding="utf-8", errors="replace")
    return runs / "index.html"


def table(summaries: Sequence[RunSummary], width: int = 140) -> str:
    """The runs as aligned plain text, with long cells over several lines; the problems in full below."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        right = name in NUMBERS
        grid.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for summary in summaries:
        grid.add_row(*map(Text, summary.row().values()))
    out = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    out.print(grid)
    lines = [line[1:].rstrip().replace("\u2500", "-") for line in out.file.getvalue().splitlines() if line.strip()]
    return "\n".join(lines + [f"{run.name}: {text}" for run in summaries for text in run.problems])


def markdown(summaries: Sequence[RunSummary]) -> str:
    """The same table in Markdown."""
    return in_markdown.table(COLUMNS, [list(summary.row().values()) for summary in summaries], right=NUMBERS)
