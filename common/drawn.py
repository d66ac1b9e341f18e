"""Sets of pictures that code draws: a folder with about.json that is whole or absent, drawn in several processes."""

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

from common.errors import StorageError, uninterrupted
from common.files import atomic_folder

JUNK = {".DS_Store", ".directory", "Thumbs.db", "desktop.ini"}  # what systems leave in folders that they show


@dataclass(frozen=True)
class DrawnSet:
    """What a set is.

    Attributes:
        noun: "faces", for messages.
        pace: "6,000 take about half a minute", for the user who waits.
        version: raised when pictures or other files change.
        name: number of a picture -> its path inside the folder.
        draw: (seed, number, file) draws one; a function of a module, since processes call it.
        finish: file inside the folder -> (path, count, seed) writes it.
        chunk: pictures a process draws at a time.
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
    """Draws `count` pictures of a seed into `folder`; False if they are there already.

    They are drawn beside the folder and then moved into place, so a stopped run leaves no half set. The files do not
    depend on the number of workers (processes; by default one a core). Another set in the folder is replaced.
    `announce` is told when there is something to draw.

    Raises ValueError if the folder holds files that are no such set, or if count, seed or workers make no sense;
    StorageError if a process that draws is killed.
    """
    folder = Path(os.path.realpath(folder))  # Path.resolve raises where a link leads to itself
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
    """Whether the whole set is there; raises ValueError on somebody else's files."""
    if not folder.exists():
        return False
    anew = f"keep what is yours elsewhere and delete {folder}; the {drawn.noun} are drawn anew"
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: {anew}")
    there = {path.name for path in folder.iterdir()} - JUNK
    if not there:
        return False
    if not (folder / "about.json").is_file():
        raise ValueError(f"{folder} is not empty and has no about.json: {anew}")
    try:
        found = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{folder}/about.json is no JSON: {anew}") from None
    if not isinstance(found, dict) or set(found) != set(about) or not all(type(v) is int for v in found.values()):
        raise ValueError(f"{folder}/about.json is not from this program: {anew}")
    own = {drawn.name(number) for number in range(found["count"])} | {*drawn.finish, "about.json"}
    strangers = there - {Path(name).parts[0] for name in own}
    if strangers:
        raise ValueError(f"{folder} also holds {min(strangers)}, which is not of the set: {anew}")
    return found == about and all((folder / name).is_file() for name in own)


def _draw_all(drawn: DrawnSet, folder: Path, count: int, seed: int, workers: int) -> None:
    """Draws pictures 0 to count - 1, here or in processes."""
    pieces = [[(number, folder / drawn.name(number)) for number in range(start, min(start + drawn.chunk, count))]
              for start in range(0, count, drawn.chunk)]
    workers = min(workers, len(pieces))
    if workers == 1:
        for piece in pieces:
            _draw_some(drawn.draw, seed, piece)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with, (os.getpid(),)) as pool:
        try:
            with uninterrupted(), _no_main_script(), _deaf_children():
                jobs = [pool.submit(_draw_some, drawn.draw, seed, piece) for piece in pieces]
            for job in jobs:
                job.result()
        except BrokenProcessPool:
            raise StorageError("a process that draws pictures was ended by the system, nearly always for want of "
                               "memory; free some, then run the same command again") from None
        except BaseException:  # also Ctrl-C: do not draw what nobody waits for
            pool.shutdown(cancel_futures=True)
            raise


def _end_with(parent: int) -> None:
    """Has a drawing process end soon after the one that started it, also where that one was killed."""
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_some(draw: Callable[[int, int, Path], None], seed: int, piece: list[tuple[int, Path]]) -> None:
    for number, path in piece:
        draw(seed, number, path)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Keeps Ctrl-C and SIGTERM from processes started meanwhile, for they often go to all: the parent ends the others.
    """
    resource_tracker.ensure_running()  # it would be started with the first of them, and lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_main_script() -> Iterator[None]:
    """Hides the calling script from processes started meanwhile.

    A spawned process imports its parent's script first. That would load TensorFlow for nothing, and run a script
    that has no `if __name__ == "__main__"` a second time.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
