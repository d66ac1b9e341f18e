"""Writes a whole set: FOLDER/faces/ID.jpg, FOLDER/tags_clean.csv, FOLDER/about.json."""

import json
import multiprocessing
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from common.faces import labels
from common.faces.face import describe
from common.faces.portrait import draw

VERSION = 2  # raised when pictures or rows change
QUALITY = 92
CHUNK = 100  # faces a worker draws at a time


def make(folder: Path, count: int = 6000, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws the set of `count` faces of this seed into `folder`; False if it is there already.

    It is drawn beside the folder and then moved into place, so a stopped run leaves no half set. The files do not
    depend on the number of workers (processes; by default one a core). Another set in the folder is replaced.
    `announce` is told when there is something to draw.

    Raises ValueError if the folder holds files that are no such set, or if count, seed or workers make no sense.
    """
    folder = Path(folder).resolve()
    workers = (os.cpu_count() or 1) if workers is None else workers
    if count < 1 or seed < 0 or workers < 1:
        raise ValueError(f"count and workers must be at least 1, seed at least 0, not {count}, {workers}, {seed}")
    about = {"version": VERSION, "count": count, "seed": seed}
    if _is_set(folder, about):
        return False
    announce(f"drawing {count:,} faces into {folder}; 6,000 take about half a minute")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        new = Path(beside) / "new"
        (new / "faces").mkdir(parents=True)
        _draw_all(new / "faces", count, seed, workers)
        write_rows(new / "tags_clean.csv", count, seed)
        (new / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        if _is_set(folder, about):  # somebody else was quicker
            return False
        if folder.exists():
            folder.rename(Path(beside) / "old")
        new.rename(folder)
    return True


def _is_set(folder: Path, about: dict) -> bool:
    """Whether the whole set is there; raises ValueError on somebody else's files."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the faces")
    if not any(folder.iterdir()):
        return False
    another = "name another folder for the faces"
    try:
        found = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not empty and has no about.json: {another}") from None
    except ValueError:
        raise ValueError(f"{folder}/about.json is no JSON: {another}") from None
    if not isinstance(found, dict) or set(found) != set(about):
        raise ValueError(f"{folder}/about.json is not from this program: {another}")
    strangers = {path.name for path in folder.iterdir()} - {"faces", "tags_clean.csv", "about.json"}
    if strangers:
        raise ValueError(f"{folder} also holds {min(strangers)}, which is not of the set: move it, or {another}")
    pictures = {path.name for path in (folder / "faces").glob("*.jpg")}
    complete = (folder / "tags_clean.csv").is_file() and pictures >= {f"{k}.jpg" for k in range(about["count"])}
    return found == about and complete


def _draw_all(faces: Path, count: int, seed: int, workers: int) -> None:
    """Draws faces 0 to count - 1, here or in processes."""
    pieces = [(faces, seed, start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    workers = min(workers, len(pieces))
    if workers == 1:
        for piece in pieces:
            _draw_some(piece)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        with no_main_script():
            jobs = [pool.submit(_draw_some, piece) for piece in pieces]
        try:
            for job in jobs:
                job.result()
        except BaseException:  # also Ctrl-C: do not draw what nobody waits for
            pool.shutdown(cancel_futures=True)
            raise


def _draw_some(piece: tuple[Path, int, int, int]) -> None:
    faces, seed, start, stop = piece
    for number in range(start, stop):
        draw(describe(seed, number)).save(faces / f"{number}.jpg", quality=QUALITY, subsampling=0)


@contextmanager
def no_main_script() -> Iterator[None]:
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


def write_rows(path: Path, count: int = 6000, seed: int = 0) -> None:
    """Writes the tags_clean.csv of a set, which needs no drawing."""
    rows = [describe(seed, number).tags for number in range(count)]
    found = labels.counts(rows)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, tags in enumerate(rows):
            file.write(labels.line(number, tags, found) + "\n")
