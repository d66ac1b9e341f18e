"""`python -m common.anime.faces DEST [--count N] [--seed S] [--workers W] [--sheet FILE]` draws the embedded faces."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from common.anime.faces.build import make
from common.anime.faces.sheet import sheet
from common.errors import UserError, say
from common.files import DRAWN, atomic, write_picture
from common.options import MOST, check_ranges, option, run_script, words_first


@dataclass(frozen=True)
class Options:
    """What is drawn, and where it goes."""

    dest: Path | None = option(None, "folder of the set; it may also stand before all options", metavar="DEST")
    count: int = option(6000, "faces to draw", metavar="N", within=(1, MOST))
    seed: int = option(0, "seed of the set", metavar="S", within=(0, 2**31 - 1))
    workers: int | None = option(None, "processes (default: one a core)", metavar="W", within=(1, 1024))
    sheet: Path | None = option(None, "also write a contact sheet to this file, a column a hair colour",
                                metavar="FILE")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        if self.dest is None:
            raise UserError("no folder: give one, e.g. python -m common.anime.faces data/faces")
        if self.sheet and self.sheet.suffix.lower() not in DRAWN:
            raise UserError(f"--sheet {self.sheet}: its name must end in one of {', '.join(DRAWN)}")
        check_ranges(self)


def main(options: Options) -> None:
    """Draws a set, and on request its contact sheet."""
    try:
        new = make(options.dest, options.count, options.seed, options.workers)
    except ValueError as error:
        raise UserError(str(error)) from None
    say(f"{options.dest}: {options.count} faces {'drawn' if new else 'were there already'}")
    if options.sheet:
        with atomic(options.sheet) as temporary:
            write_picture(sheet(options.seed), temporary)


if __name__ == "__main__":
    run_script(Options, main, words_first("--dest", sys.argv[1:]), __doc__)
