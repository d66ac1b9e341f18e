"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(names: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """A table with a header of `names`; the columns in `right` are aligned to the right."""
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(' '.join(cell.replace('|', '&#124;').replace('<', '&lt;').split()) for cell in cells)} |"

    return "\n".join([line(names), line(["---:" if name in right else "---" for name in names]), *map(line, rows)])
