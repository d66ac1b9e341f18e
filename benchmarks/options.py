"""The options that the scripts have in common."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import CASES, Case
from common.errors import UserError, say
from common.options import check_ranges, option


@dataclass(frozen=True)
class Timed:
    """How often, and where to; a script may have other defaults."""

    rounds: int = option(15, "how often every variant is timed", metavar="N", within=(1, 10_000))
    threads: int = option(2, "cores that may be used", metavar="N", within=(1, 1024))
    out: Path | None = option(None, "JSON file for all numbers", metavar="FILE")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant; scripts may extend it."""
        check_ranges(self)
        if self.out and (self.out.is_dir() or not self.out.absolute().parent.is_dir()):
            raise UserError(f"--out {self.out}: name a file in a folder that exists")

    def write(self, results: dict) -> None:
        """Writes the JSON, where one is asked for."""
        from common import files

        if self.out:
            files.write_json(self.out, results)

    def say_where(self) -> None:
        """Says at the end where the JSON is."""
        if self.out:
            say(f"all numbers in {self.out}")


@dataclass(frozen=True)
class Steps(Timed):
    """Which reports' steps."""

    reports: tuple[str, ...] = option(tuple(CASES), f"which: {', '.join(CASES)} (default: all)", metavar="NAME")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        for name in self.reports:
            if name not in CASES:
                raise UserError(f"--reports {name}: there is none of that name; take of {', '.join(CASES)}")
        super().check()

    @property
    def cases(self) -> list[Case]:
        """What is asked for, in the order of CASES."""
        return [case for name, case in CASES.items() if name in self.reports]
