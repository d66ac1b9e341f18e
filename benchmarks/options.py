"""The options that the scripts have in common."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import CASES, Case
from common import cli


@dataclass(frozen=True)
class Timed:
    """How often, and where to; a script may have other defaults."""

    rounds: int = cli.option(15, "how often every variant is timed", metavar="N", within=(1, 10_000))
    threads: int = cli.option(2, "cores that may be used", metavar="N", within=(1, 1024))
    out: Path | None = cli.option(None, "JSON file for all numbers", metavar="FILE")
    debug: bool = cli.option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant; scripts may extend it."""
        cli.check_ranges(self)
        if self.out and (self.out.is_dir() or not self.out.absolute().parent.is_dir()):
            raise cli.UserError(f"--out {self.out}: name a file in a folder that exists")

    def write(self, results: dict) -> None:
        """Writes the JSON, where one is asked for."""
        from common import files

        if self.out:
            files.write_json(self.out, results)

    def say_where(self) -> None:
        """Says at the end where the JSON is."""
        if self.out:
            cli.say(f"all numbers in {self.out}")


@dataclass(frozen=True)
class Steps(Timed):
    """Which reports' steps."""

    reports: tuple[str, ...] = cli.option(tuple(CASES), f"which: {', '.join(CASES)} (default: all)", metavar="NAME")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        for name in self.reports:
            if name not in CASES:
                raise cli.UserError(f"--reports {name}: there is none of that name; take of {', '.join(CASES)}")
        super().check()

    @property
    def cases(self) -> list[Case]:
        """What is asked for, in the order of CASES."""
        return [case for name, case in CASES.items() if name in self.reports]
