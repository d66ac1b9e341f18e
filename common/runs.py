"""The run folder: its lock, its config.json, log.csv and timing.csv.

    config.json  log.csv  accuracy.csv  timing.csv  checkpoints/  samples/step_000500.png  curves.png  chart.png
    progress.webp  generator.keras  metrics.json

Whatever depends on the clock stands in timing.csv alone, so log.csv is the same in every repetition.
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
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from common import scale
from common.cli import Common, StorageError, UserError, path_of, restore, say
from common.files import append, atomic, make_folder, regular, remove, remove_halves, sync, write_json
from common.runtime import POLICIES, Runtime, check_environment

Row = dict[str, str]
LOGS = ("log.csv", "accuracy.csv")
CHECKPOINT = re.compile(r"(step-[0-9]+)(_temp|(\.data-[0-9]+-of-[0-9]+|\.index)(\.tempstate[0-9]+)?)")  # a file of one
LIST_HALF = re.compile(r"checkpoint\.tmp[0-9a-f]{32}")  # of TensorFlow's list of checkpoints, left by a kill
INDEX = re.compile(r"step-[0-9]+\.index")  # without it there is no checkpoint
FILES = {*LOGS, "config.json", "timing.csv", "curves.png", "chart.png", "accuracy.png", "progress.webp",
         "sentences.npz", "metrics.json", "generator.keras", "transfer.keras", "generator_AtoB.keras",
         "generator_BtoA.keras"}
FOLDERS = {"checkpoints": rf"checkpoint|{LIST_HALF.pattern}|{CHECKPOINT.pattern}",
           "samples": r"step_[0-9]{6,}\.png", "styles": r"[0-9]+\.png",
           "tensorboard": r"events\.out\.tfevents\..*",
           "sampled": ".*", "stylized": ".*", "translated": ".*"}  # what the run itself put into each
SECTIONS = {"report", "settings", "scale", "precision", "data", "domains", "features", "colours", "text",
            "evaluator"}  # of config.json, see Run.fix
C = TypeVar("C", bound=Common)


def recall(config: C) -> C:
    """With --evaluate-only: the settings and the data of the run in the run folder, in place of the defaults.

    Raises:
        UserError: there is no run.
    """
    if not config.evaluate_only:
        return config
    path = config.run_folder / "config.json"
    if not path.exists():
        raise UserError(f"--evaluate-only: {config.run_folder} holds no run; train it first")
    _refuse_foreign(config.run_folder)
    facts = read_config(path)
    known = facts.get("data_folder", "embedded")
    try:
        folders = tuple(map(path_of, known)) if isinstance(known, list) else \
            None if known == "embedded" else path_of(known)
        recalled = restore(replace(config, out=config.run_folder, data=type(config)().data), facts["settings"])
        Common.check(recalled)
        recalled = replace(recalled, data=config.data or folders)
    except (TypeError, UserError):
        recalled = None
    if recalled is None or facts["report"] != {"folder": config.FOLDER, "variant": recalled.variant}:
        raise UserError(f"{path}: has settings that are not this script's; it was written by: {facts.get('command')}")
    usual, own = type(config)().settings(), recalled.settings()
    for name, value in config.settings().items():
        if value not in (usual[name], own[name]):
            raise UserError(f"--evaluate-only: the run in {config.run_folder} has {name} = {own[name]!r}, not "
                            f"{value!r}; leave that option out")
    return recalled


def read_config(path: Path) -> dict[str, Any]:
    """A run's config.json. Raises StorageError where it is missing or damaged."""
    if not os.path.lexists(path):
        raise StorageError(f"{path}: missing; restore it, or give another --out")
    facts = _parsed(path)
    if not facts or not {"report", "settings"} <= facts.keys() or \
            not all(isinstance(facts[name], dict) for name in SECTIONS & facts.keys()):
        raise damaged(path)
    notes, precision = facts.get("substitutions", []), facts.get("precision", {}).get("precision", "float32")
    if not isinstance(notes, list) or precision not in list(POLICIES) or \
            not all(isinstance(text, str) for text in [*notes, facts.get("evaluator_file", "")]):
        raise damaged(path)
    return facts


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
    """Raises UserError where a folder is neither empty (but for hidden files) nor a run's, StorageError for no JSON.

    Other projects too have a config.json, checkpoints/, samples/ and a log.csv: a run's config.json names its report.
    """
    config = folder / "config.json"
    facts = _parsed(config)
    if facts is None and os.path.lexists(config):
        raise damaged(config)
    report = facts.get("report") if facts else None
    if isinstance(report, dict) and all(isinstance(report.get(key), str) for key in ("folder", "variant")):
        return
    if any(path.name[0] != "." for path in folder.iterdir()):
        raise UserError(f"{folder}: is not empty, and no config.json tells that it is a run's; restore one that was "
                        "damaged or lost, or give another --out")


def damaged(path: Path) -> StorageError:
    """What to raise where a run's file does not hold what a run writes."""
    return StorageError(f"{path}: damaged; restore it, or give another --out")


class Run:
    """An open, locked run folder.

    What a command says of itself is written where a run is there already (or is to be overwritten) only once its
    training begins, see `begin`: a command that is refused changes nothing.

    Of several workers only the chief has `config.run_folder`. The others' is a temporary one, gone when they end.

    Args:
        config: the settings; `config.run_folder` is the folder.

    Raises:
        UserError: another process works in the folder, it holds a run under other settings, it is no run folder, or
            the batch cannot be split as asked, see `scale.of`; or the environment does not fit TensorFlow.
        StorageError: the folder cannot be made or its config.json is damaged.
    """

    def __init__(self, config: Common) -> None:
        check_environment()  # before pictures are decoded, which may take minutes
        self.scale = scale.of(config)
        self._temporary = None if self.scale.chief else tempfile.TemporaryDirectory(prefix="gan-worker-")
        self.folder = Path(self._temporary.name) if self._temporary else config.run_folder
        make_folder(self.folder, "--out")
        _refuse_foreign(self.folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # no other file is emptied, no FIFO waited for
        self._lock = open(os.open(self.folder / ".lock", flags))  # noqa: SIM115 - held open as long as the run
        self._take_lock()
        goes_on = not config.overwrite and self._has_begun()
        if config.evaluate_only and not goes_on:
            raise UserError(f"--evaluate-only: {self.folder} has no checkpoint yet; finish it first")
        self._overwrites = config.overwrite
        self._waiting: list[Callable[[], None]] | None = [] if goes_on or config.overwrite else None
        self.facts = read_config(self.folder / "config.json") if goes_on else {}
        if self.facts:
            self.facts.setdefault("scale", scale.ONE.settings())  # runs older than --devices
        self._measures = config.evaluate_only
        self.fix("report", {"folder": config.FOLDER, "variant": config.variant})
        self.fix("settings", config.settings())
        if not self._measures:
            self.fix("scale", self.scale.settings())
            script = f"{config.FOLDER}/{Path(sys.argv[0]).name}"
            self.note("command", shlex.join(["python", script, *sys.argv[1:]]))
            self.note("preset", config.preset)

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when the process is dead
        except BlockingIOError:
            raise UserError(f"{self.folder}: another process is training in this folder; wait, or give another --out") \
                from None

    def _has_begun(self) -> bool:
        """Whether there is anything to lose: before the first checkpoint the settings may still change.

        Raises StorageError where the run had a checkpoint, and there is none.
        """
        folder, config = self.folder / "checkpoints", self.folder / "config.json"
        if any(INDEX.fullmatch(path.name) for path in folder.glob("*.index")):
            return True
        finished = any((self.folder / name).exists() for name in FILES if name.endswith(".keras"))
        if finished or config.exists() and read_config(config).get("saved", False):
            raise StorageError(f"{folder}: the run's checkpoints are gone; restore them, or start anew with "
                               "--overwrite")
        return False

    def begin(self) -> None:
        """Empties a folder that is to be overwritten, and writes what the command has said of itself so far."""
        for name in (*FILES, "samples/step_*.png", "styles/[0-9]*.png"):
            remove_halves(self.folder / name)
        if self._overwrites:
            self._clear()
        waiting, self._waiting = self._waiting, None
        self._write_facts()  # before the others: should one of them fail, config.json is this run's
        for write in waiting or ():
            write()

    def once_begun(self, write: Callable[[], None]) -> None:
        """Calls a function that writes into the folder: at once, or in `begin` where a run is there already."""
        if self._waiting is None:
            write()
        else:
            self._waiting.append(write)

    def _clear(self) -> None:
        # Checkpoints first: killed in between, it is a run that lost them, and no run goes on. config.json is written
        # over. What the user put there stays, also in the run's own folders.
        for name, pattern in FOLDERS.items():
            folder = self.folder / name
            if folder.is_symlink() or not folder.is_dir():
                remove(folder)
                continue
            for path in folder.iterdir():
                if re.fullmatch(pattern, path.name):
                    remove(path)
            if not any(folder.iterdir()):
                folder.rmdir()
        for path in (self.folder / name for name in FILES - {"config.json"}):
            if path.is_symlink() or not path.is_dir():
                remove(path)

    def fix(self, section: str, values: Mapping[str, Any]) -> None:
        """Writes what must stay the same as long as the run lives, or compares it with what was written before.

        Raises:
            UserError: a value differs; the message names the key and both values.
        """
        values = json.loads(json.dumps(values, default=str))
        old = self.facts.get(section)
        if old is None:
            self.note(section, values)
            return
        if not isinstance(old, dict):
            raise damaged(self.folder / "config.json")
        for key in [*values, *(key for key in old if key not in values)]:
            if old.get(key) != values.get(key):
                raise UserError(f"{self.folder}: the run there has {section}: {key} = {old.get(key)!r}, now it is "
                                f"{values.get(key)!r}; give the old value, another --out, or --overwrite")

    def fixed(self, section: str, key: str, kind: type = str) -> Any:
        """A value that `fix` wrote, of the kind that it was. Raises StorageError where another or none is there."""
        value = self.facts.get(section, {}).get(key)
        if not isinstance(value, kind) or not value:
            raise damaged(self.folder / "config.json")
        return value

    def note(self, section: str, values: Any) -> None:
        """Writes a section of config.json that may differ each time the run goes on."""
        self.facts[section] = values
        if self._waiting is None:
            self._write_facts()

    def _write_facts(self) -> None:
        write_json(self.folder / "config.json", self.facts)

    def precision(self, asked: str) -> str:
        """What `runtime.start` is to be asked for: under "auto" a run keeps the precision that it began with."""
        return self.facts.get("precision", {}).get("precision", asked) if asked == "auto" else asked

    def settle(self, runtime: Runtime) -> None:
        """Fixes the precision that `runtime.start` chose, and notes the machine that trains, or that measures."""
        self.fix("precision", {"precision": runtime.precision})
        self.note("measured_on" if self._measures else "machine", {"device": runtime.device, **runtime.versions})

    def substitute(self, text: str) -> None:
        """Says that something stands in for what was asked for; it is kept in config.json for the results page."""
        say(f"note: {text}")
        known = self.facts.get("substitutions", [])
        if text not in known:
            self.note("substitutions", [*known, text])

    def rewind(self, step: int) -> None:
        """Drops the rows of log.csv and accuracy.csv and the grids after `step`: they will come again, the same."""
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
        """Has the logs on the disk before a checkpoint is, so that they are never shorter than it."""
        for path in (self.folder / name for name in LOGS):
            if path.exists():
                sync(path)

    def time(self, step: int, seconds_per_step: float, images_per_second: float) -> None:
        """Adds a row to timing.csv, where everything stands that depends on the clock."""
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


def grids(folder: Path) -> dict[int, Path]:
    """step -> its sample grid, in the order of the steps."""
    found = ((re.fullmatch("step_([0-9]{6}|[1-9][0-9]{6,})", path.stem), path)
             for path in folder.glob("samples/step_*.png"))
    return dict(sorted((int(name[1]), path) for name, path in found if name))


def read_log(folder: Path, name: str = "log.csv") -> list[Row]:
    """The rows of one of a run's LOGS as text; a last line that a power failure cut short is left out."""
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
