"""Run folders -> `RunSummary`. A missing or damaged file becomes a line in `problems`, never an exception."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from common import explorer
from common.errors import StorageError
from common.files import regular
from common.gallery.summary import Picture, RunSummary, dig
from common.runs import Row, command_again, grids, read_log

REPORTS = {  # in the order of the page
    "hw4_acgan": "Report 000: ACGAN, hair and eye colour in, a face out",
    "hw3_dcgan_lsgan": "Report 001: DCGAN and LSGAN, training tips, conditional DCGAN, MSG-Net",
    "text2image_cdcgan": "Report 002: conditional DCGAN and WGAN-GP on sentence vectors",
    "wgan_gp_text": "Report 004: WGAN-GP on tag vectors",
    "cyclegan_style": "Reports 002 and 004: CycleGAN between two sets of faces",
    "lab5_cgan": "Report 003: cGAN against AC-GAN on i-CLEVR",
}
FILES = ("config.json", "log.csv", "timing.csv", "metrics.json", "curves.png")  # a folder with one of them is a run
MOVED_ASIDE = re.compile(r".+\.old-[0-9]+")  # by --overwrite, see common/runs.py
SHIPPED_PAGE = ".shipped"  # in the folder of the page of weights/, whose runs are not the user's; see shipped.py
ANEW = "start the run anew with --overwrite"
AGAIN = "run the command in config.json again, without --overwrite or --no-evaluate"
DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, csv.Error,
          StorageError, SyntaxError, EOFError, Image.DecompressionBombError)  # these three: of Pillow


class Empty(Exception):
    """A table has no rows."""


@contextlib.contextmanager
def noting(problems: list[str], name: str, remedy: str) -> Iterator[None]:
    """Adds "NAME is missing (or empty, or damaged): REMEDY" to `problems` if the block cannot read a file."""
    try:
        yield
    except FileNotFoundError:
        problems.append(f"{name} is missing: {remedy}")
    except Empty:
        problems.append(f"{name} is empty: {remedy}")
    except DAMAGE:
        problems.append(f"{name} is damaged: {remedy}")


def collect(runs: Path) -> list[RunSummary]:
    """Reads every run folder in RUNS, at any depth, in the order of REPORTS, then other reports by name."""
    order = list(REPORTS)

    def place(run: RunSummary) -> tuple[int, str, str]:
        return order.index(run.folder) if run.folder in order else len(order), run.folder, run.name

    with ThreadPoolExecutor() as pool:  # decoding the pictures takes longest
        found = pool.map(lambda path: read(path, path.relative_to(runs).as_posix()), _folders(runs, (), False))
        return sorted(found, key=place)


def _folders(folder: Path, above: tuple[str, ...], in_run: bool) -> Iterator[Path]:
    """The run folders in a folder and its subfolders.

    A folder in a run has to prove by its config.json that it is another one: it may hold a translated curves.png.

    Args:
        folder: where to look.
        above: the real paths of the folders in which it is: a link may lead back to one of them.
        in_run: whether it is one of a run.
    """
    above = (*above, os.path.realpath(folder))
    for path in sorted(folder.glob("[!.]*/")):
        if os.path.realpath(path) in above or MOVED_ASIDE.fullmatch(path.name) or (path / SHIPPED_PAGE).exists():
            continue
        report = _json(path / "config.json", "", []).get("report")
        is_run = isinstance(report, dict) or not in_run and any((path / name).is_file() for name in FILES)
        if is_run:
            yield path
        yield from _folders(path, above, in_run or is_run)


def read(path: Path, name: str) -> RunSummary:
    """Reads one run folder; `name`: its path in RUNS."""
    problems: list[str] = []
    config = _json(path / "config.json", ANEW, problems)
    command = command_again(config, path)
    again, anew = (f"{text}: `{command}{option}`" if command else text
                   for text, option in ((AGAIN, ""), (ANEW, " --overwrite")))
    log, timing = _log(path, anew, problems), _timing(path, problems)
    finished = any(path.glob("*.keras")) or (path / "metrics.json").exists()
    metrics = _json(path / "metrics.json", again, problems) if finished else {}
    pictures = _pictures(path, bool(log), again, problems)
    run = RunSummary(path, name, config, metrics, log, timing, pictures, _checks(path, problems),
                     _explorer(path, again, problems), problems)
    measured = metrics.get("step", run.step)
    if not finished:
        total = dig(config, "settings.steps")
        problems.append(f"not finished: it is at step {run.step}{f' of {total}' if total else ''}; "
                        "run the same command again to resume" + (f": `{command}`" if command else ""))
    elif log and measured != run.step:
        problems.append(f"metrics.json is from another step: it says {measured}, log.csv ends at {run.step}; {again}")
    return run


def _json(path: Path, remedy: str, problems: list[str]) -> dict[str, Any]:
    with noting(problems, path.name, remedy):
        content = json.loads(regular(path).read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
        raise ValueError
    return {}


def _log(folder: Path, anew: str, problems: list[str]) -> list[Row]:
    with noting(problems, "log.csv", f"without it there are no loss terms; {anew}"):
        rows = read_log(folder)
        if rows:
            return rows
        raise Empty if (folder / "log.csv").exists() else FileNotFoundError
    return []


def _checks(folder: Path, problems: list[str]) -> list[Row]:
    with noting(problems, "accuracy.csv", "the measures during the training are not shown"):
        return read_log(folder, "accuracy.csv")
    return []


def _timing(folder: Path, problems: list[str]) -> dict[str, str]:
    with noting(problems, "timing.csv", "the times of this run are lost"):
        rows = list(csv.DictReader(regular(folder / "timing.csv").read_text(encoding="utf-8").splitlines()))
        if not rows:
            raise Empty
        speeds = ("seconds_per_step", "images_per_second")
        timed = [row for row in rows if all(float(row[name] or 0) > 0 for name in speeds)]
        return timed[-1] if timed else {}
    return {}


def _pictures(folder: Path, logged: bool, again: str, problems: list[str]) -> dict[str, Picture]:
    """Decodes each image, so that a browser can show it. The grid is required, with a log also the curves."""
    grid = [path.name for path in grids(folder).values()][-1:] or ["step_*.png"]
    names = {"samples": f"samples/{grid[0]}", "chart": "chart.png", "curves": "curves.png",
             "accuracy": "accuracy.png", "progress": "progress.webp"}
    required = {"samples", "curves"} if logged else {"samples"}
    pictures = {}
    for kind, name in names.items():
        if kind not in required and not (folder / name).exists():
            continue
        with noting(problems, name, f"to draw it anew {again}"), Image.open(regular(folder / name)) as picture:
            picture.load()
            pictures[kind] = Picture(name, picture.width, picture.height)
    return pictures


def _explorer(folder: Path, again: str, problems: list[str]) -> dict[str, Any]:
    """What stands in explorer.json, if explorer.webp can be decoded and fits; empty if not, or without one."""
    about, sprite = folder / explorer.ABOUT, folder / explorer.SPRITE
    if not about.exists() and not sprite.exists():
        return {}
    with noting(problems, about.name, f"to draw it anew {again}"):
        told = explorer.whole(regular(about).read_text(encoding="utf-8"))
        with noting(problems, sprite.name, f"to draw it anew {again}"), Image.open(regular(sprite)) as picture:
            picture.load()
            rows = -(-told["tiles"] // told["columns"])
            if picture.size != (told["columns"] * told["size"], rows * told["size"]):
                raise ValueError
            return told
    return {}
