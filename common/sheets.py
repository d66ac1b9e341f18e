"""The command line that writes a contact sheet of a set that code draws: `python -m SET FILE`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from common import plots
from common.errors import UserError
from common.files import DRAWN
from common.options import check_ranges, option, run_script, words_first

MOST = 64  # rows and columns: WebP ends at 16,383 pixels


@dataclass(frozen=True)
class Options:
    """What is on the sheet, and where it goes."""

    file: Path | None = option(None, "picture to write; it may also stand before all options", metavar="FILE")
    count: int = option(40, "pictures of the set on the sheet", metavar="N", within=(1, MOST * MOST))
    columns: int = option(10, "pictures in a row", metavar="C", within=(1, MOST))
    seed: int = option(0, "seed of the set", metavar="S", within=(0, 2**31 - 1))
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        if self.file is None or self.file.suffix.lower() not in DRAWN:
            raise UserError(f"{self.file or 'no file'}: give a picture to write, its name ends in one of "
                                f"{', '.join(DRAWN)}")
        check_ranges(self)
        if self.count > MOST * self.columns:
            raise UserError(f"--count {self.count}: more than {MOST} rows; give more --columns")


def run(sheet: Callable[[int, int, int], Image.Image], description: str, argv: Sequence[str] | None = None) -> None:
    """Writes `sheet(count, columns, seed)` as the command line asks, see `options.run`."""
    run_script(Options, lambda options: plots.save(sheet(options.count, options.columns, options.seed), options.file),
            words_first("--file", sys.argv[1:] if argv is None else argv), description)
