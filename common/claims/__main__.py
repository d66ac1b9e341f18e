"""The claims of the reports as experiments.

    python -m common.claims list                       # every claim with its verdict
    python -m common.claims run 000-embedding          # trains what its verdict needs; without an id, what all need
    python -m common.claims run --minutes 170          # as much of it as fits; run it again to go on
    python -m common.claims run 000-embedding --data course
    python -m common.claims table                      # writes the tables of docs/claims.md and of all READMEs
    python -m common.claims table --check              # code 1 if a table is not what results/claims gives

Runs are made one at a time, in runs/claims, and each only once, however many claims use it. What verdicts need of a run
is kept in results/claims.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from common.claims import results, rows, tables
from common.claims.rows import Claim
from common.errors import BAD_INPUT, DONE, UserError, say
from common.files import ROOT
from common.training_queue import FAILED, Queue

RUNS = ROOT / "runs" / "claims"


def chosen(claims: Iterable[Claim], ids: list[str]) -> list[Claim]:
    """The claims with these ids, all without any. Raises UserError for an unknown id."""
    by_id = {claim.id: claim for claim in claims}
    unknown = [name for name in ids if name not in by_id]
    if unknown:
        raise UserError(f"there is no claim {unknown[0]}; `python -m common.claims list` shows them")
    return [by_id[name] for name in ids] if ids else list(by_id.values())


def trainings(claims: Iterable[Claim], seeds: int | None, data: Path | None) -> dict[str, tuple[Path, str, Path]]:
    """Full command -> its run folder, the command in claims.json, and the file that is kept of it; seed by seed."""
    found = {}
    tested = [claim for claim in claims if claim.rule]
    name = data.resolve().name if data else "embedded"
    for seed in range(max([seeds or claim.seeds for claim in tested], default=0)):
        for claim in (claim for claim in tested if seed < (seeds or claim.seeds)):
            for folder, run, command in claim.runs.values():
                out = RUNS / name / folder / run / f"seed_{seed}"
                target = results.place(name, folder, run, seed)
                found[results.command_line(command, seed, data, out)] = out, command, target
    return found


def train(claims: list[Claim], seeds: int | None, data: Path | None, minutes: float | None) -> int:
    """Makes the runs that are not there yet, and keeps what verdicts need of them; the exit code."""
    if data and data.resolve().name == "embedded":
        raise UserError(f"{data}: a folder of this name would count as those of the embedded sets; rename it")
    wanted = trainings(claims, seeds, data)
    waiting = {line: (out, command, target) for line, (out, command, target) in wanted.items()
               if not results.is_kept(target, command)}
    say(f"{len(wanted) - len(waiting)} of {len(wanted)} runs are kept already")
    code = DONE
    if waiting:
        RUNS.mkdir(parents=True, exist_ok=True)
        lines = [line + " --overwrite" * results.is_of_another_command(out, command)
                 for line, (out, command, _) in waiting.items()]
        (RUNS / "trainings.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        (RUNS / "trainings.txt.json").unlink(missing_ok=True)  # what is finished is seen in the run folders

        def keep() -> None:
            for out, command, target in waiting.values():
                if not results.is_kept(target, command):
                    results.collect(out, command, target)

        keep()  # what was finished before, and not kept
        queue = Queue(RUNS / "trainings.txt")
        code = queue.work(float("inf") if minutes is None else 60 * minutes, after=keep)
        left = sum(not results.is_kept(target, command) for _, command, target in waiting.values())
        say(f"{len(waiting) - left} runs were finished, {left} are left")
        if code == FAILED and minutes is not None and not queue.failed:
            code = DONE  # the minutes were up
        elif code == DONE and left:
            code = FAILED  # a run that cannot be read
    return code


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0, 1 if a run failed or a table is another one, 2 for bad input, 130 or 143 if it was stopped."""
    parser = argparse.ArgumentParser(prog="python -m common.claims", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    listing, running, table = (commands.add_parser(name) for name in ("list", "run", "table"))
    listing.add_argument("--data", type=Path, metavar="DIR", help="verdicts on this data, not on the embedded sets")
    running.add_argument("id", nargs="*", help="claims; default: all")
    running.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1; default: what each claim needs")
    running.add_argument("--data", type=Path, metavar="DIR", help="train on this data in place of the embedded sets")
    running.add_argument("--minutes", type=float, metavar="X", help="stop after so long; the same command goes on")
    table.add_argument("--check", action="store_true", help="write nothing; code 1 if a table is another one")
    options = parser.parse_args(argv)
    try:
        claims = rows.read()
        if options.what == "run":
            return train(chosen(claims, options.id), options.seeds, options.data, options.minutes)
        if options.what == "list":
            for row in tables.rows(claims, options.data.resolve().name if options.data else "embedded"):
                say(f"{row.claim.id:26} {row.verdict.word:10} {row.claim.claim}")
            return DONE
        changed = tables.write(tables.rows(claims), check=options.check)
        for path in changed:
            what = "its table is not what results/claims gives; run `python -m common.claims table`" \
                if options.check else "written"
            say(f"{path.relative_to(ROOT)}: {what}")
        return FAILED if options.check and changed else DONE
    except UserError as error:
        print(f"claims: {error}", file=sys.stderr)
        return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
