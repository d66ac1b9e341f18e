"""Works through a list of trainings, one at a time, for as long as each may take: tools/train_queue.py, common.claims.

What each has used stands in FILE.json beside the list, so lines may be added, moved and taken out; the command is the
key. A training whose minutes are up is stopped by SIGTERM: it saves itself, and counts as done.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from common.errors import DONE, INTERRUPTED, TERMINATED, UserError, say
from common.files import ROOT, write_json
from common.progress import duration

FAILED = 1
LOOK = 0.2  # seconds between two looks at the training


@dataclass(frozen=True)
class Training:
    """A line of the list: the command, and how many minutes it may take; None is as long as it takes."""

    command: str
    minutes: float | None


def read(path: Path) -> list[Training]:
    """The trainings of a list, in its order.

    Raises:
        UserError: the list cannot be read, a line has no command, or a command stands there twice.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give a text file with a command in each line") from None
    found: dict[str, Training] = {}
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: {error}; mend the quotation marks") from None
        if not words:
            continue
        try:
            minutes = float(words[0])
        except ValueError:
            minutes = None
        else:
            words = words[1:]
        command = shlex.join(words)
        if not words or minutes is not None and not 0 < minutes < float("inf"):
            raise UserError(f"{path}, line {number}: give the minutes, more than 0, and then a command")
        if command in found:
            raise UserError(f"{path}, line {number}: the command stands there twice; give each its own --out")
        found[command] = Training(command, minutes)
    return list(found.values())


class Queue:
    """The trainings with what each has used.

    Args:
        path: the list.

    Attributes:
        used: command -> {"seconds": so far, "code": of its last end, "done": whether it is}.
    """

    def __init__(self, path: Path) -> None:
        self.trainings, self.record = read(path), path.with_name(path.name + ".json")
        try:
            self.used = json.loads(self.record.read_text())
        except FileNotFoundError:
            self.used = {}
        except ValueError:
            raise UserError(f"{self.record}: cannot be read; mend it, or remove it to begin anew") from None
        self.stopped_by = 0  # the signal that asked the queue to stop

    def of(self, training: Training) -> dict:
        return self.used.setdefault(training.command, {"seconds": 0.0, "code": None, "done": False})

    def show(self) -> None:
        """Prints a line for each training, and the time that remains."""
        remaining = 0.0
        for training in self.trainings:
            used = self.of(training)
            state = "done" if used["done"] else f"failed ({used['code']})" if used["code"] else "waits"
            limit = "" if training.minutes is None else f" of {training.minutes:g}"
            say(f"{state:12} {used['seconds'] / 60:7.1f}{limit} min  {training.command}")
            if not used["done"] and training.minutes is not None:
                remaining += max(0.0, 60 * training.minutes - used["seconds"])
        left = [training for training in self.trainings if not self.of(training)["done"]]
        unlimited = sum(training.minutes is None for training in left)
        more = f" and {unlimited} without a limit" if unlimited else ""
        say(f"{len(self.trainings) - len(left)} of {len(self.trainings)} done; at most {duration(remaining)} remain"
            f"{more}")

    def work(self, seconds: float = float("inf"), after: Callable[[], None] = lambda: None) -> int:
        """Runs what is not done, in turn, for at most some seconds, and calls `after` when one ends; the exit code."""
        self._end = time.monotonic() + seconds
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            for training in self.trainings:
                if not self.stopped_by and time.monotonic() < self._end and not self.of(training)["done"]:
                    self._run(training)
                    after()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.show()
        if self.stopped_by:
            return TERMINATED if self.stopped_by == signal.SIGTERM else INTERRUPTED
        return DONE if all(self.of(training)["done"] for training in self.trainings) else FAILED

    @property
    def failed(self) -> bool:
        """Whether a training ended by itself and badly."""
        well = None, DONE, INTERRUPTED, TERMINATED
        return any(self.of(training)["code"] not in well for training in self.trainings)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.stopped_by = number

    def _run(self, training: Training) -> None:
        used, words = self.of(training), shlex.split(training.command)
        if words[0] in ("python", "python3"):
            words[0] = sys.executable  # whose packages are those of the repository
        limit = float("inf") if training.minutes is None else 60 * training.minutes
        say(f"begins: {training.command}")
        # a session of its own: Ctrl-C in the terminal reaches the queue alone, which passes on one SIGTERM
        process = subprocess.Popen(words, cwd=ROOT, start_new_session=True, preexec_fn=lambda: os.nice(10))
        say(f"pause it with: kill -STOP -- -{process.pid}   go on with: kill -CONT -- -{process.pid}")
        begun = saved = used["seconds"]
        last, asked = time.monotonic(), False
        while process.poll() is None:
            time.sleep(LOOK)
            now = time.monotonic()
            if not paused(process.pid):
                used["seconds"] += now - last
                if used["seconds"] // 60 > saved // 60:  # a machine that goes away takes a minute with it, no more
                    saved = used["seconds"]
                    write_json(self.record, self.used)
            last = now
            if not asked and (self.stopped_by or used["seconds"] >= limit or now >= self._end):
                process.send_signal(signal.SIGTERM)
                asked = True
        used["code"] = process.returncode
        in_time = used["seconds"] >= limit and not self.stopped_by and process.returncode in (TERMINATED, DONE)
        used["done"] = process.returncode == DONE or in_time
        write_json(self.record, self.used)
        words = "done" if used["done"] else "stopped" if asked else f"failed with code {used['code']}"
        say(f"{words} after {duration(used['seconds'] - begun)}: {training.command}")


def paused(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP): its time does not count. Where there is no /proc it always counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
