"""Writes a whole set: FOLDER/000001.jpg, 000002.jpg, ... as CelebA names them, and FOLDER/about.json."""

import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from common.faces.build import QUALITY, no_main_script
from cyclegan_style.portraits.person import describe
from cyclegan_style.portraits.picture import draw

VERSION = 1  # raised when pictures change
CHUNK = 40  # portraits a worker draws at a time


def make(folder: Path, count: int = 1200, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws the set of `count` portraits of this seed into `folder`; False if it is there already.

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
    announce(f"drawing {count:,} portraits into {folder}; 1,200 take about a minute on two cores")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        new = Path(beside) / "new"
        new.mkdir()
        _draw_all(new, count, seed, workers)
        (new / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        if _is_set(folder, about):  # somebody else was quicker
            return False
        if folder.exists():
            folder.rename(Path(beside) / "old")
        new.rename(folder)
    return True


def file_name(number: int) -> str:
    """The file of portrait `number` (0, 1, ...): CelebA counts from 1."""
    return f"{number + 1:06d}.jpg"


def _is_set(folder: Path, about: dict) -> bool:
    """Whether the whole set is there; raises ValueError on somebody else's files."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the portraits")
    names = {path.name for path in folder.iterdir()}
    if not names:
        return False
    another = "name another folder for the portraits"
    try:
        found = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not empty and has no about.json: {another}") from None
    except ValueError:
        raise ValueError(f"{folder}/about.json is no JSON: {another}") from None
    if not isinstance(found, dict) or set(found) != set(about):
        raise ValueError(f"{folder}/about.json is not from this program: {another}")
    own = {file_name(number) for number in range(found["count"])} | {"about.json"}
    if names - own:
        raise ValueError(f"{folder} also holds {min(names - own)}, which is not of the set: move it, or {another}")
    return found == about and names == own


def _draw_all(folder: Path, count: int, seed: int, workers: int) -> None:
    """Draws portraits 0 to count - 1, here or in processes."""
    pieces = [(folder, seed, start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
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
    folder, seed, start, stop = piece
    for number in range(start, stop):
        draw(describe(seed, number)).save(folder / file_name(number), quality=QUALITY, subsampling=0)
