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
    parser.add_argument("runs", nargs="?", type=Path, default=ROOT / "runs", help="default: runs/ in the repository")
    runs = parser.parse_args(argv).runs
    try:
        path = write(runs)
        say(f"{table(collect(runs))}\n{path.absolute()}")
    except (Failure, OSError) as error:
        print(f"gallery: {error}", file=sys.stderr)
        return getattr(error, "code", STORAGE)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
