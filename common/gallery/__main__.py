"""`python -m common.gallery [RUNS]`: writes the page, prints the table and the page's path."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import DONE, STORAGE, Failure, say
from common.files import ROOT
from common.gallery import collect, table, write


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page, prints the table and the page's path; returns the exit code."""
    parser = argparse.ArgumentParser(prog="gallery", description="Run folders -> one page, index.html, and a table.")
    parser.add_argument("runs", nargs="?", type=Path, help="default: runs/ in the repository")
    parser.add_argument("--pending", nargs="+", default=(), metavar="RUN", help="runs that are still to come: only the "
                        "page is written, which names them")
    parser.add_argument("--minutes", type=int, metavar="N", help="about how long --pending takes")
    parser.add_argument("--weights", action="store_true", help="in place of runs, the page of the networks that come "
                        "with the repository, for any static host: RUNS is where it goes (default: runs/shipped/page)")
    options = parser.parse_args(argv)
    runs = options.runs or ROOT / ("runs/shipped/page" if options.weights else "runs")
    try:
        if options.weights:
            from common.gallery import shipped

            shipped.make(runs)
        summaries = collect(runs)
        path = write(runs, pending=options.pending, minutes=options.minutes, summaries=summaries)
        if not options.pending:
            say(f"{table(summaries)}\n{path.absolute()}")
    except (Failure, OSError) as error:
        print(f"gallery: {error}", file=sys.stderr)
        return getattr(error, "code", STORAGE)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
