"""The run folder: its lock, its config.json, log.csv and timing.csv.

    config.json  log.csv  accuracy.csv  timing.csv  checkpoints/  samples/step_000500.png  curves.png  chart.png
    progress.webp  explorer.webp  explorer.json  generator.keras  metrics.json, and with --average
    generator_average.keras

Everything that depends on the clock is in timing.csv, so log.csv is identical in every repetition.
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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import scale
from common.errors import StorageError, UserError, say
from common.files import ROOT, append, atomic, make_folder, regular, remove_halves, sync, write_json
from common.options import Common
from common.runtime import POLICIES, Runtime, check_environment, check_keras

Row = dict[str, str]
LOGS = ("log.csv", "accuracy.csv")
INDEX = re.compile(r"step-[0-9]+\.index")  # without it there is no checkpoint
SECTIONS = ("report", "settings", "scale", "precision", "data", "contents")  # of every run's config.json


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
    """The content of a JSON file, if it is an object; else None."""
    try:
        found = json.loads(regular(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ELOOP, errno.EISDIR):  # missing, or not a file
            return None
        raise StorageError(f"{path}: cannot be read ({error.strerror}); make it readable, then run the same command "
                           "again") from None
    return found if isinstance(found, dict) else None


def _refuse_foreign(folder: Path) -> None:
    """Raises UserError for a folder with files of something else, StorageError for a config.json that is not JSON.

    Other projects have a config.json and a log.csv too; the config.json of a run names its report.
    """
    config = folder / "config.json"
    info = _parsed(config)
    if info is None and os.path.lexists(config):
        raise damaged(config)
    report = info.get("report") if info else None
    if isinstance(report, dict) and all(isinstance(report.get(key), str) for key in ("folder", "variant")):
        return
    if any(path.name[0] != "." for path in folder.iterdir()):
        raise UserError(f"{folder}: is not empty, and no config.json shows that it is a run folder; restore its "
                        "config.json, or give another --out")


def damaged(path: Path) -> StorageError:
    """The error for a file of a run whose content is not what a run writes."""
    return StorageError(f"{path}: damaged; restore it, or give another --out")


@dataclass(frozen=True)
class Origin:
    """The origin of the data of a run.

    Attributes:
        identity: section of config.json -> values that must never change during the run, such as digests.
        folder: the data folder, or several, or "embedded".
        substitutions: what replaces something that was asked for, or that the report had; one line each.
        contents: digest of a file in `identity`, by name -> digest of what was read from it. Where this is the same,
            the file may differ, as in its line ends.
        other_pictures: paths of further images that the user gave; None where a report takes none.
    """

    identity: dict[str, dict[str, Any]]
    folder: str | list[str]
    substitutions: tuple[str, ...] = ()
    contents: dict[str, str] = field(default_factory=dict)
    other_pictures: list[str] | None = None


class Run:
    """An open, locked run folder.

    A command that is refused changes nothing: in the folder of an existing run, nothing is written until the training
    begins, see `begin_training`.

    With several workers only the chief uses `config.run_folder`; every other worker has a temporary folder.

    Args:
        config: the settings; `config.run_folder` is the folder.

    Attributes:
        info: the content of config.json, as it is or as it will be once the training begins.
        machine: the runtime; set by `record_machine`.

    Raises:
        UserError: another process uses the folder, it holds a run with other settings or files of something else, the
            batch cannot be split over the devices, or the environment does not suit TensorFlow.
        StorageError: the folder cannot be made or its config.json is damaged.
    """

    machine: Runtime

    def __init__(self, config: Common) -> None:
        check_environment()  # before images are decoded, which may take minutes
        check_keras()
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
        revision = revision_of_code()
        if revision not in (known := self.info.get("revisions", [])):
            self.record("revisions", [*known, revision])
        self.record("preset", config.preset)
        self.record("sampler", f"{config.FOLDER}/{config.SAMPLER}")

    def _has_begun(self) -> bool:
        """Whether the run has a checkpoint; before its first one the settings may still change.

        Raises StorageError if the run had checkpoints, and none is left.
        """
        folder, config = self.folder / "checkpoints", self.folder / "config.json"
        if any(INDEX.fullmatch(path.name) for path in folder.glob("*.index")):
            return True
        if config.exists() and read_config(config).get("saved", False):
            raise StorageError(f"{folder}: the run's checkpoints are missing; restore them, or start anew with "
                               "--overwrite")
        return False

    def begin_training(self) -> None:
        """Moves the old run aside under --overwrite, and writes what the command has recorded so far."""
        if self._replaces:
            self._move_aside()
        remove_halves(self.folder)
        waiting, self._waiting = self._waiting, None
        self._write_info()  # first: if one of the others fails, config.json is already that of this run
        for write in waiting or ():
            write()

    def when_training_begins(self, write: Callable[[], None]) -> None:
        """Calls a function that writes into the folder: at once, or in `begin_training` if a run exists already."""
        if self._waiting is None:
            write()
        else:
            self._waiting.append(write)

    def _move_aside(self) -> None:
        """Renames NAME to NAME.old-1, or the next free number, and makes a new, locked NAME."""
        folder = self.folder.resolve()  # a symbolic link stays, and then leads to the new folder
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
        say(f"note: the run in {self.folder} was moved to {old}")

    def require_same(self, section: str, values: Mapping[str, Any]) -> None:
        """Records values that must never change during the run, or compares them with those recorded before.

        Raises:
            UserError: a value differs; the message has the key and both values.
        """
        for key, old, new in self._differences(section, values):
            raise UserError(f"{self.folder}: the run there has {section}: {key} = {old!r}, now it is {new!r}; give the "
                            "old value, another --out, or --overwrite")

    def _differences(self, section: str, values: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """(key, value then, value now) of what differs from the values recorded before; if none are, records these."""
        values = json.loads(json.dumps(values, default=str))
        old = self.info.get(section)
        if old is None:
            self.record(section, values)
            return []
        if not isinstance(old, dict):
            raise damaged(self.folder / "config.json")
        keys = [*values, *(key for key in old if key not in values)]
        return [(key, old.get(key), values.get(key)) for key in keys if old.get(key) != values.get(key)]

    def recorded(self, section: str, key: str, kind: type = str) -> Any:
        """A value that `require_same` recorded. Raises StorageError if it is missing, empty or of another type."""
        values = self.info.get(section)
        value = values.get(key) if isinstance(values, dict) else None
        if not isinstance(value, kind) or not value:
            raise damaged(self.folder / "config.json")
        return value

    def record(self, section: str, values: Any) -> None:
        """Records a section of config.json that may differ each time the run is resumed."""
        self.info[section] = values
        if self._waiting is None:
            self._write_info()

    def _write_info(self) -> None:
        write_json(self.folder / "config.json", self.info)

    def record_data(self, origin: Origin) -> None:
        """Records the origin of the data. Raises UserError if the run began with other data."""
        for text in origin.substitutions:
            self.substitute(text)
        known = self.info.get("contents", {})  # older runs have none
        for section, values in origin.identity.items():
            differences = [(key, *both) for key, *both in self._differences(section, values)
                           if key not in known or known[key] != origin.contents.get(key)]
            if differences:
                raise UserError(f"{self.folder}: the run there began with other {section}: {_in_words(differences)}; "
                                "give the data that it began with, another --out, or --overwrite")
        self.record("contents", origin.contents)
        self.record("data_folder", origin.folder)
        if origin.other_pictures is not None:
            self.record("other_pictures", origin.other_pictures)

    def precision(self, asked: str) -> str:
        """The precision for `runtime.start`: with "auto" a run keeps the precision that it began with."""
        return self.info.get("precision", {}).get("precision", asked) if asked == "auto" else asked

    def record_machine(self, machine: Runtime) -> None:
        """Sets `machine`. Raises UserError if its precision is not the one that the run began with."""
        self.require_same("precision", {"precision": machine.precision})
        self.machine = machine

    def record_use_of_machine(self, *, trains: bool) -> None:
        """Records which machine trains the run, or which one measures a run that is finished."""
        self.record("machine" if trains else "measured_on", {"device": self.machine.device, **self.machine.versions})

    def substitute(self, text: str) -> None:
        """Prints that something was substituted, and records it for the results page."""
        say(f"note: {text}")
        known = self.info.get("substitutions", [])
        if text not in known:
            self.record("substitutions", [*known, text])

    def rewind(self, step: int) -> None:
        """Deletes the log rows and sample grids after `step`; training writes the same ones again."""
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
        """Adds a row to one of LOGS; nine digits reproduce a float32 exactly."""
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
        """Adds a row to a file, with the heading before the first row."""
        path = self.folder / name
        begun = path.exists() and path.stat().st_size
        append(path, "".join(",".join(cells) + "\n" for cells in ([row] if begun else [heading, row])))

    def close(self) -> None:
        """Releases the lock."""
        self._lock.close()
        if self._temporary:
            self._temporary.cleanup()


def _in_words(differences: Sequence[tuple[str, Any, Any]]) -> str:
    """"119 pictures then, 120 now". Digests are only named where nothing else differs."""
    counts = [f"{old} {key.replace('_', ' ')} then, {new} now" for key, old, new in differences
              if not key.endswith("sha256")]
    names = [key.removesuffix("sha256").strip("_") or "files" for key, _, _ in differences]
    return "; ".join(counts) or f"the {' and '.join(names)} differ in content, not in number"


def _locked(folder: Path) -> Any:
    """The open lock file of a folder. Raises UserError where another process holds it.

    Some file systems know no locks: Lustre mounted without them, some of FUSE and NFS. There the user has to take care.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # empty no other file, wait for no FIFO
    lock = open(os.open(folder / ".lock", flags))  # noqa: SIM115 - held open as long as the run
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system releases it when the process ends
    except BlockingIOError:
        raise UserError(f"{folder}: another process is training in this folder; wait, or give another --out") from None
    except OSError as error:
        say(f"note: {folder}: this file system cannot lock a folder ({error.strerror}); start no second training in it")
    return lock


def revision_of_code() -> str | None:
    """The commit of this code, "3f8ef60ae51f-dirty" where files were changed since; None outside a git checkout."""
    if not (ROOT / ".git").exists():  # git would name the project that this one was unpacked in
        return None
    try:
        found = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=ROOT,
                               capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git here
        return None
    return found.stdout.strip() or None


def command_again(info: Mapping[str, Any], folder: Path) -> str | None:
    """The command that resumes a run in a folder, or measures it again, for a shell in the root of the repository.

    It is that of its config.json without --overwrite and --no-evaluate, and with the folder as it is named now.

    Args:
        info: the content of the config.json.
        folder: of the run, which may have been moved.

    Returns:
        None if the config.json does not say.
    """
    report, command = info.get("report", {}), info.get("command")
    if not isinstance(command, str) or not isinstance(report, Mapping):
        return None
    try:
        given = shlex.split(command)
    except ValueError:  # a quote that does not end
        return None
    words = []
    for before, word in zip(["", *given], given, strict=False):
        if word not in ("--overwrite", "--no-evaluate", "--out") and before != "--out" and \
                not word.startswith("--out="):
            words.append(word)
    folder = folder.absolute()
    if folder != ROOT / "runs" / str(report.get("folder")) / str(report.get("variant")):
        words += ["--out", str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder)]
    return shlex.join(words)


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
        if not path.is_file():  # reading a pipe would block for ever
            raise ValueError
        text = path.read_text(encoding="utf-8")
    except ValueError:  # UnicodeDecodeError too
        raise StorageError(f"{path}: damaged, not a text file; start the run anew with --overwrite") from None
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
