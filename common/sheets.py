"""The command line that writes a contact sheet of a set that code draws: `python -m SET FILE`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from common import cli, plots
from common.files import DRAWN

MOST = 64  # rows and columns: WebP ends at 16,383 pixels


@dataclass(frozen=True)
class Options:
    """What is on the sheet, and where it goes."""

    file: Path | None = cli.option(None, "picture to write; it may also stand before all options", metavar="FILE")
    count: int = cli.option(40, "pictures of the set on the sheet", metavar="N", within=(1, MOST * MOST))
    columns: int = cli.option(10, "pictures in a row", metavar="C", within=(1, MOST))
    seed: int = cli.option(0, "seed of the set", metavar="S", within=(0, 2**31 - 1))
    debug: bool = cli.option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        if self.file is None or self.file.suffix.lower() not in DRAWN:
            raise cli.UserError(f"{self.file or 'no file'}: give a picture to write, its name ends in one of "
                                f"{', '.join(DRAWN)}")
        cli.check_ranges(self)
        if self.count > MOST * self.columns:
            raise cli.UserError(f"--count {self.count}: more than {MOST} rows; give more --columns")


def run(sheet: Callable[[int, int, int], Image.Image], description: str, argv: Sequence[str] | None = None) -> None:
    """Writes `sheet(count, columns, seed)` as the command line asks, see `cli.run`."""
    cli.run(Options, lambda options: plots.save(sheet(options.count, options.columns, options.seed), options.file),
            cli.first("--file", sys.argv[1:] if argv is None else argv), description)
