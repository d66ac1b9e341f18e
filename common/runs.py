"""The run folder: its lock, its config.json, log.csv and timing.csv.

    config.json  log.csv  accuracy.csv  timing.csv  checkpoints/  samples/step_000500.png  curves.png  chart.png
    progress.webp  generator.keras  metrics.json, and with --average generator_average.keras

Everything that depends on the clock is in timing.csv, so log.csv is the same in every repetition.
No TensorFlow here.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import scale
from common.errors import StorageError, UserError, say
from common.files import append, atomic, make_folder, regular, remove_halves, sync, write_json
from common.options import Common
from common.runtime import POLICIES, Runtime, check_environment

Row = dict[str, str]
LOGS = ("log.csv", "accuracy.csv")
INDEX = re.compile(r"step-[0-9]+\.index")  # without it there is no checkpoint
SECTIONS = ("report", "settings", "scale", "precision", "data")  # of every run's config.json


def read_config(path: Path) -> dict[str, Any]:
    """A run's config.json. Raises StorageError where it is missing or damaged."""
    if not os.path.lexists(path):
        raise StorageError(f"{path}: missing; restore it, or give another --out")
    info = _parsed(path)
    if not info or not {"report", "settings"} <= info.keys() or \
            not all(isinstance(info.get(name, {}), dict) for name in SECTIONS):
        raise damaged(path)
    notes, precision = info.get("substitutions", []), info.get("precision", {}).get("precision", "float32")
    if not isinstance(notes, list) or not all(isinstance(text, str) for text in notes) or \
            precision not in list(POLICIES):
        raise damaged(path)
    return info


def _parsed(path: Path) -> dict[str, Any] | None:
    """What a file holds as JSON, if that is an object."""
    try:
        found = json.loads(regular(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ELOOP, errno.EISDIR):  # missing, or no file
            return None
        raise StorageError(f"{path}: cannot be read ({error.strerror}); mend that, then run the same command again") \
            from None
    return found if isinstance(found, dict) else None


def _refuse_foreign(folder: Path) -> None:
    """Raises UserError for a folder with files that are not a run's, StorageError for a config.json that is no JSON.

    Other projects have a config.json and a log.csv too; that of a run names its report.
    """
    config = folder / "config.json"
    info = _parsed(config)
    if info is None and os.path.lexists(config):
        raise damaged(config)
    report = info.get("report") if info else None
    if isinstance(report, dict) and all(isinstance(report.get(key), str) for key in ("folder", "variant")):
        return
    if any(path.name[0] != "." for path in folder.iterdir()):
        raise UserError(f"{folder}: is not empty, and no config.json tells that it is a run's; restore one that was "
                        "damaged or lost, or give another --out")


def damaged(path: Path) -> StorageError:
    """The error for a file of a run that does not hold what a run writes."""
    return StorageError(f"{path}: damaged; restore it, or give another --out")


@dataclass(frozen=True)
class Origin:
    """Where the data of a run come from.

    Attributes:
        identity: section of config.json -> values that must stay the same as long as the run lives, such as digests.
        folder: of the data, or several, or "embedded".
        substitutions: what stands in for what was asked for, or for what the report had; a line each.
        other_pictures: paths of further pictures that the user gave; None where a report takes none.
    """

    identity: dict[str, dict[str, Any]]
    folder: str | list[str]
    substitutions: tuple[str, ...] = ()
    other_pictures: list[str] | None = None


class Run:
    """An open, locked run folder.

    A command that is refused changes nothing: where a run exists already, everything is written only once the
    training begins, see `begin_training`.

    With several workers only the chief has `config.run_folder`. Each other one has a temporary folder.

    Args:
        config: the settings; `config.run_folder` is the folder.

    Attributes:
        info: what config.json holds, or will hold once the training begins.
        machine: the runtime; set by `record_machine`.

    Raises:
        UserError: another process works in the folder, it holds a run with other settings or files that are not a
            run's, the batch cannot be split as asked, or the environment does not suit TensorFlow.
        StorageError: the folder cannot be made or its config.json is damaged.
    """

    machine: Runtime

    def __init__(self, config: Common) -> None:
        check_environment()  # before pictures are decoded, which may take minutes
        self.scale = scale.of(config)
        self._temporary = None if self.scale.chief else tempfile.TemporaryDirectory(prefix="gan-worker-")
        self.folder = Path(self._temporary.name) if self._temporary else config.run_folder
        make_folder(self.folder, "--out")
        _refuse_foreign(self.folder)
        self._lock = _locked(self.folder)
        goes_on = not config.overwrite and self._has_begun()
        self._replaces = config.overwrite and any(path.name != ".lock" for path in self.folder.iterdir())
        self._waiting: list[Callable[[], None]] | None = [] if goes_on or self._replaces else None
        self.info = read_config(self.folder / "config.json") if goes_on else {}
        if self.info:
            self.info.setdefault("scale", scale.ONE.settings()).pop("accumulate", None)  # older runs
            self.info["settings"].setdefault("average", 0.0)  # older runs
        self.require_same("report", {"folder": config.FOLDER, "variant": config.variant})
        self.require_same("settings", config.settings())
        self.require_same("scale", self.scale.settings())
        script = f"{config.FOLDER}/{Path(sys.argv[0]).name}"
        self.record("command", shlex.join(["python", script, *sys.argv[1:]]))
        self.record("preset", config.preset)

    def _has_begun(self) -> bool:
        """Whether there is a checkpoint; before the first one the settings may still change.

        Raises StorageError where the run had a checkpoint, and there is none.
        """
        folder, config = self.folder / "checkpoints", self.folder / "config.json"
        if any(INDEX.fullmatch(path.name) for path in folder.glob("*.index")):
            return True
        if config.exists() and read_config(config).get("saved", False):
            raise StorageError(f"{folder}: the run's checkpoints are gone; restore them, or start anew with "
                               "--overwrite")
        return False

    def begin_training(self) -> None:
        """Moves aside a run that is to be overwritten, and writes what the command has recorded so far."""
        if self._replaces:
            self._move_aside()
        remove_halves(self.folder)
        waiting, self._waiting = self._waiting, None
        self._write_info()  # before the others: should one of them fail, config.json is this run's
        for write in waiting or ():
            write()

    def when_training_begins(self, write: Callable[[], None]) -> None:
        """Calls a function that writes into the folder: at once, or in `begin_training` where a run exists already."""
        if self._waiting is None:
            write()
        else:
            self._waiting.append(write)

    def _move_aside(self) -> None:
        """NAME becomes NAME.old-1, or the next free number; a new, locked NAME takes its place."""
        folder = self.folder.resolve()  # a link stays, and leads to the new folder
        number = 1
        while os.path.lexists(old := folder.with_name(f"{folder.name}.old-{number}")):
            number += 1
        try:
            folder.rename(old)
            folder.mkdir()
        except OSError as error:
            raise StorageError(f"{folder}: cannot be moved aside ({error.strerror}); give another --out") from None
        before, self._lock = self._lock, _locked(folder)
        before.close()
        say(f"note: the run that was in {self.folder} is in {old} now")

    def require_same(self, section: str, values: Mapping[str, Any]) -> None:
        """Records what must stay the same as long as the run lives, or compares it with what was recorded before.

        Raises:
            UserError: a value differs; the message names the key and both values.
        """
        values = json.loads(json.dumps(values, default=str))
        old = self.info.get(section)
        if old is None:
            self.record(section, values)
            return
        if not isinstance(old, dict):
            raise damaged(self.folder / "config.json")
        for key in [*values, *(key for key in old if key not in values)]:
            if old.get(key) != values.get(key):
                raise UserError(f"{self.folder}: the run there has {section}: {key} = {old.get(key)!r}, now it is "
                                f"{values.get(key)!r}; give the old value, another --out, or --overwrite")

    def recorded(self, section: str, key: str, kind: type = str) -> Any:
        """A value that `require_same` recorded. Raises StorageError where there is none, or one of another type."""
        values = self.info.get(section)
        value = values.get(key) if isinstance(values, dict) else None
        if not isinstance(value, kind) or not value:
            raise damaged(self.folder / "config.json")
        return value

    def record(self, section: str, values: Any) -> None:
        """Records a section of config.json that may differ each time the run goes on."""
        self.info[section] = values
        if self._waiting is None:
            self._write_info()

    def _write_info(self) -> None:
        write_json(self.folder / "config.json", self.info)

    def record_data(self, origin: Origin) -> None:
        """Records where the data come from. Raises UserError where the run began with other data."""
        for text in origin.substitutions:
            self.substitute(text)
        for section, values in origin.identity.items():
            self.require_same(section, values)
        self.record("data_folder", origin.folder)
        if origin.other_pictures is not None:
            self.record("other_pictures", origin.other_pictures)

    def precision(self, asked: str) -> str:
        """What to ask `runtime.start` for: with "auto" a run keeps the precision that it began with."""
        return self.info.get("precision", {}).get("precision", asked) if asked == "auto" else asked

    def record_machine(self, machine: Runtime) -> None:
        """Sets `machine`. Raises UserError if its precision is not the one that the run began with."""
        self.require_same("precision", {"precision": machine.precision})
        self.machine = machine

    def record_use_of_machine(self, *, trains: bool) -> None:
        """Records which machine trains the run, or which one measures a run that is finished."""
        self.record("machine" if trains else "measured_on", {"device": self.machine.device, **self.machine.versions})

    def substitute(self, text: str) -> None:
        """Says that something replaces what was asked for, and records it for the results page."""
        say(f"note: {text}")
        known = self.info.get("substitutions", [])
        if text not in known:
            self.record("substitutions", [*known, text])

    def rewind(self, step: int) -> None:
        """Deletes the rows of the logs and the sample grids after `step`; the same ones will be written again."""
        for made_at, grid in grids(self.folder).items():
            if made_at > step:
                grid.unlink()
        for name in LOGS:
            path = self.folder / name
            kept = [row for row in read_log(self.folder, name) if int(row["step"]) <= step]
            if kept:
                with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, kept[0], lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(kept)
            else:
                path.unlink(missing_ok=True)

    def log(self, step: int, terms: Mapping[str, float], name: str = "log.csv") -> None:
        """Adds a row to one of LOGS: nine digits, which give a float32 back exactly."""
        self._add(name, ["step", *terms], [str(step), *(f"{value:.9g}" for value in terms.values())])

    def sync_logs(self) -> None:
        """Flushes the logs to the disk, so that they are never behind a checkpoint."""
        for path in (self.folder / name for name in LOGS):
            if path.exists():
                sync(path)

    def time(self, step: int, seconds_per_step: float, images_per_second: float) -> None:
        """Adds a row to timing.csv, the only file that depends on the clock."""
        self._add("timing.csv", ["time", "step", "seconds_per_step", "images_per_second"],
                  [time.strftime("%Y-%m-%dT%H:%M:%S"), str(step), f"{seconds_per_step:.4f}",
                   f"{images_per_second:.1f}"])

    def _add(self, name: str, heading: Sequence[str], row: Sequence[str]) -> None:
        """Adds a row to a file, and before the first one the heading."""
        path = self.folder / name
        begun = path.exists() and path.stat().st_size
        append(path, "".join(",".join(cells) + "\n" for cells in ([row] if begun else [heading, row])))

    def close(self) -> None:
        """Frees the lock."""
        self._lock.close()
        if self._temporary:
            self._temporary.cleanup()


def _locked(folder: Path) -> Any:
    """The open lock file of a folder. Raises UserError where another process holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # no other file is emptied, no FIFO waited for
    lock = open(os.open(folder / ".lock", flags))  # noqa: SIM115 - held open as long as the run
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when the process is dead
    except BlockingIOError:
        raise UserError(f"{folder}: another process is training in this folder; wait, or give another --out") from None
    return lock


def average_file(file: str) -> str:
    """"generator.keras" -> "generator_average.keras", the same network with the average of its weights."""
    return file.replace(".keras", "_average.keras")


def grids(folder: Path) -> dict[int, Path]:
    """step -> its sample grid, in the order of the steps."""
    found = ((re.fullmatch("step_([0-9]{6}|[1-9][0-9]{6,})", path.stem), path)
             for path in folder.glob("samples/step_*.png"))
    return dict(sorted((int(name[1]), path) for name, path in found if name))


def read_log(folder: Path, name: str = "log.csv") -> list[Row]:
    """The rows of one of a run's LOGS as text, without a last line that a power failure cut short."""
    path = folder / name
    if not path.exists():
        return []
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise ValueError
        text = path.read_text(encoding="utf-8")
    except ValueError:  # UnicodeDecodeError too
        raise StorageError(f"{path}: damaged, it is no text; start the run anew with --overwrite") from None
    whole = text[: text.rfind("\n") + 1].splitlines()
    rows = []
    try:
        for row in csv.DictReader(whole):
            if None in row or not re.fullmatch("[0-9]{1,18}", row["step"]):
                raise ValueError
            list(map(float, row.values()))
            rows.append(row)
    except (ValueError, TypeError, KeyError, csv.Error):  # TypeError: a value is missing
        raise StorageError(f"{path}:{len(rows) + 2}: damaged row; start the run anew with --overwrite") from None
    return rows
