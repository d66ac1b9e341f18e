"""`python -m common.faces DEST [--count N] [--seed S] [--workers W] [--sheet FILE]` draws the embedded faces."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from common import cli
from common.faces.build import make
from common.faces.sheet import sheet
from common.files import DRAWN, atomic, write_picture


@dataclass(frozen=True)
class Options:
    """What is drawn, and where it goes."""

    dest: Path | None = cli.option(None, "folder of the set; it may also stand before all options", metavar="DEST")
    count: int = cli.option(6000, "faces to draw", metavar="N", within=(1, cli.MOST))
    seed: int = cli.option(0, "seed of the set", metavar="S", within=(0, 2**31 - 1))
    workers: int | None = cli.option(None, "processes (default: one a core)", metavar="W", within=(1, 1024))
    sheet: Path | None = cli.option(None, "also write a contact sheet to this file, a column a hair colour",
                                    metavar="FILE")
    debug: bool = cli.option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        if self.dest is None:
            raise cli.UserError("no folder: give one, e.g. python -m common.faces data/faces")
        if self.sheet and self.sheet.suffix.lower() not in DRAWN:
            raise cli.UserError(f"--sheet {self.sheet}: its name must end in one of {', '.join(DRAWN)}")
        cli.check_ranges(self)


def main(options: Options) -> None:
    """Draws a set, and on request its contact sheet."""
    try:
        new = make(options.dest, options.count, options.seed, options.workers)
    except ValueError as error:
        raise cli.UserError(str(error)) from None
    cli.say(f"{options.dest}: {options.count} faces {'drawn' if new else 'were there already'}")
    if options.sheet:
        with atomic(options.sheet) as temporary:
            write_picture(sheet(options.seed), temporary)


if __name__ == "__main__":
    cli.run(Options, main, cli.first("--dest", sys.argv[1:]), __doc__)
