"""`python -m common.faces DEST [--count N] [--seed S] [--workers W] [--sheet FILE]`."""

import argparse
import sys
from pathlib import Path

from common.cli import StorageError
from common.faces.build import make
from common.faces.sheet import sheet
from common.files import atomic, write_picture


def main() -> int:
    """Draws a set, and on request a contact sheet; exit code 2 if the folder cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m common.faces", description="Draw the embedded anime faces.")
    parser.add_argument("dest", type=Path, help="folder of the set")
    parser.add_argument("--count", type=int, default=6000, help="faces to draw (default 6000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the set (default 0)")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    parser.add_argument("--sheet", type=Path, help="also save a contact sheet, a column a hair colour, to this file")
    options = parser.parse_args()
    try:
        new = make(options.dest, options.count, options.seed, options.workers)
        print(f"{options.dest}: {options.count} faces {'drawn' if new else 'were there already'}")
        if options.sheet:
            with atomic(options.sheet) as temporary:
                write_picture(sheet(options.seed), temporary)
    except (ValueError, OSError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
