"""What the scripts share: their options, TensorFlow's start, tables on the terminal and the JSON file."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, Case
from common import files, runtime
from common.errors import UserError
from common.options import check_ranges, option

WIDTH = 132  # columns where the output is no terminal

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Timed:
    """How often, and where to; a script may have other defaults."""

    rounds: int = option(15, "how often every variant is timed", metavar="N", within=(1, 10_000))
    threads: int = option(2, "cores that may be used", metavar="N", within=(1, 1024))
    out: Path | None = option(None, "JSON file for all numbers", metavar="FILE")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that make no sense; scripts may extend it."""
        check_ranges(self)
        if self.out and (self.out.is_dir() or not self.out.absolute().parent.is_dir()):
            raise UserError(f"--out {self.out}: name a file in a folder that exists")

    def write(self, results: dict[str, Any]) -> None:
        """Writes the JSON, where one is asked for: after each part, so that a stopped run leaves something."""
        if self.out:
            files.write_json(self.out, results)


@dataclass(frozen=True)
class Steps(Timed):
    """Which reports' steps."""

    reports: tuple[str, ...] = option(tuple(CASES), f"which: {', '.join(CASES)} (default: all)", metavar="NAME")

    def check(self) -> None:
        """Raises UserError for values that make no sense."""
        super().check()
        for name in self.reports:
            if name not in CASES:
                raise UserError(f"--reports {name}: unknown; choose from {', '.join(CASES)}")

    @property
    def cases(self) -> list[Case]:
        """What is asked for, in the order of CASES."""
        return [case for name, case in CASES.items() if name in self.reports]


def start(threads: int) -> dict[str, Any]:
    """Starts TensorFlow; returns the machine, the versions, and the precision that `auto` gives."""
    runtime.import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    started = runtime.start(0, "auto")
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": threads, "device": started.device,
            "system": platform.platform(), "precision": started.precision, "versions": started.versions}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def show(title: str, rows: Rows) -> None:
    """Prints a table.

    Args:
        title: stands above it.
        rows: name -> heading -> text, or quartiles: the median is printed, and the quartiles below it. What a row
            does not have is "-".
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    headings = list(dict.fromkeys(heading for row in rows.values() for heading in row))
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(cell(row.get(heading, "-"), heading.startswith("of ")) for heading in headings))
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(table)


def cell(value: str | dict[str, float], percent: bool = False) -> str:
    """A text as it is; the median of quartiles and the two others below it, with three digits or as percents."""
    if isinstance(value, str):
        return value

    def digits(number: float) -> str:
        return f"{number:.2%}" if percent else f"{number:,.{max(0, 2 - math.floor(math.log10(number or 1)))}f}"

    q1, median, q3 = (digits(value[name]) for name in ("q1", "median", "q3"))
    return f"{median}\n{q1}-{q3}"
