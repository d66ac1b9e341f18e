"""Image sets drawn by code in several processes: a folder with about.json that is complete or absent."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path

from common.errors import STOPPING, StorageError, uninterrupted
from common.files import atomic_folder

SYSTEM_FILES = {".DS_Store", ".directory", "Thumbs.db", "desktop.ini"}  # file managers leave them behind


@dataclass(frozen=True)
class DrawnSet:
    """What distinguishes one kind of set from another.

    Attributes:
        noun: "faces", for messages.
        pace: how long drawing takes, such as "6,000 take about half a minute".
        version: increased when images or other files change.
        name: number of an image -> its path inside the folder.
        draw: (seed, number, file) draws one image; must be a module's function, since other processes call it.
        finish: other files inside the folder -> (path, count, seed) writes one.
        chunk: images per task of a process.
    """

    noun: str
    pace: str
    version: int
    name: Callable[[int], str]
    draw: Callable[[int, int, Path], None]
    finish: dict[str, Callable[[Path, int, int], None]] = field(default_factory=dict)
    chunk: int = 100


def make(drawn: DrawnSet, folder: Path, count: int, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws `count` images of a seed into `folder`; returns False if they are there already.

    They are drawn beside the folder and then moved into place, so an interruption leaves no partial set. The files do
    not depend on the number of workers (processes; by default one per core). Another set in the folder is replaced.
    `announce` gets a line before the drawing starts.

    Raises:
        ValueError: the folder holds files that do not belong to such a set, or an argument is out of range.
        StorageError: a drawing process was killed.
    """
    folder = Path(os.path.realpath(folder))  # Path.resolve raises RuntimeError for a link to itself
    workers = (os.cpu_count() or 1) if workers is None else workers
    if count < 1 or seed < 0 or workers < 1:
        raise ValueError(f"count and workers must be at least 1, seed at least 0, not {count}, {workers}, {seed}")
    about = {"version": drawn.version, "count": count, "seed": seed}
    if _is_set(drawn, folder, about):
        return False
    announce(f"drawing {count:,} {drawn.noun} into {folder}; {drawn.pace}")
    with atomic_folder(folder, replace=folder.exists()) as new:
        (new / drawn.name(0)).parent.mkdir(parents=True, exist_ok=True)
        _draw_all(drawn, new, count, seed, workers)
        for name, write in drawn.finish.items():
            write(new / name, count, seed)
        (new / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return True


def _is_set(drawn: DrawnSet, folder: Path, about: dict) -> bool:
    """Whether the complete set is there. Raises ValueError if the folder holds other files."""
    if not folder.exists():
        return False
    anew = f"move your own files elsewhere and delete {folder}; the {drawn.noun} are then drawn anew"
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: {anew}")
    present = {path.name for path in folder.iterdir()} - SYSTEM_FILES
    if not present:
        return False
    if not (folder / "about.json").is_file():
        raise ValueError(f"{folder} is not empty and has no about.json: {anew}")
    try:
        recorded = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{folder}/about.json is not JSON: {anew}") from None
    if not isinstance(recorded, dict) or set(recorded) != set(about) or {*map(type, recorded.values())} != {int}:
        raise ValueError(f"{folder}/about.json is not from this program: {anew}")
    own = {drawn.name(number) for number in range(recorded["count"])} | {*drawn.finish, "about.json"}
    foreign = present - {Path(name).parts[0] for name in own}
    if foreign:
        raise ValueError(f"{folder} also holds {min(foreign)}, which is not part of the set: {anew}")
    return recorded == about and all((folder / name).is_file() for name in own)


def _draw_all(drawn: DrawnSet, folder: Path, count: int, seed: int, workers: int) -> None:
    """Draws images 0 to count - 1, in this process or in several others."""
    tasks = [[(number, folder / drawn.name(number)) for number in range(start, min(start + drawn.chunk, count))]
              for start in range(0, count, drawn.chunk)]
    workers = min(workers, len(tasks))
    if workers == 1:
        for task in tasks:
            _draw_some(drawn.draw, seed, task)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _exit_with_parent, (os.getpid(),)) as pool:
        try:
            with uninterrupted(), _hidden_main_script(), _signals_blocked():
                results = [pool.submit(_draw_some, drawn.draw, seed, task) for task in tasks]
            for result in results:
                result.result()
        except BrokenProcessPool:
            raise StorageError("a process that draws images was killed by the system, almost always because "
                               "memory ran out; free memory, then run the same command again") from None
        except BaseException:  # also Ctrl-C: the remaining tasks are not needed
            pool.shutdown(cancel_futures=True)
            raise


def _exit_with_parent(parent: int) -> None:
    """Ends a drawing process soon after the process that started it, even if that one was killed."""
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_some(draw: Callable[[int, int, Path], None], seed: int, task: list[tuple[int, Path]]) -> None:
    for number, path in task:
        draw(seed, number, path)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Blocks signals in processes started meanwhile: Ctrl-C often goes to all of them, but the parent ends them."""
    resource_tracker.ensure_running()  # else it starts with the first process and unblocks the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _hidden_main_script() -> Iterator[None]:
    """Hides the calling script from processes started meanwhile.

    A spawned process first imports its parent's script. That would load TensorFlow needlessly, and run a script
    without `if __name__ == "__main__"` a second time.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
