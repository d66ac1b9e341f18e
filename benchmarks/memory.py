"""Peak memory of what a training does with its images, each in a process of its own. Linux only: it reads /proc.

Anonymous memory (RssAnon) is what a process asked for and the system cannot take back: the number that matters.
Resident memory also holds the pages of mapped files, such as TensorFlow's libraries and every image of the cache that
was read. They grow with the images, but the system drops them whenever it needs the room.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from benchmarks import script, timing
from benchmarks.cases import Case, batches
from common import images
from common.errors import Failure

EVERY = 0.005  # seconds between two readings of the anonymous memory, of which the system keeps no peak


def field(status: str, name: str) -> int:
    """Bytes of a line of /proc/PID/status such as `VmHWM:    1234 kB`."""
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def peak(measure: Callable[..., Any], *args: Any) -> tuple[dict[str, int], Any]:
    """Calls a function of a module in a fresh process.

    Returns:
        Bytes of `anonymous` and of `resident` memory at their peaks, and what the function returned.

    Raises:
        Failure: the process was killed.
    """
    found = {"anonymous": 0, "resident": 0}
    with futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        status = Path(f"/proc/{pool.submit(os.getpid).result()}/status")
        result, done = pool.submit(measure, *args), set()
        while not done:
            done, _ = futures.wait([result], EVERY)
            with contextlib.suppress(OSError, StopIteration):  # the process has ended
                lines = status.read_text(encoding="ascii")
                found["anonymous"] = max(found["anonymous"], field(lines, "RssAnon"))
                found["resident"] = field(lines, "VmHWM")
        try:
            return found, result.result()
        except BrokenProcessPool:
            raise Failure("a process was killed; if the memory is short, lower --pictures or --reports") from None


def decode(folder: Path, size: int, cache: Path) -> None:
    """Decodes a folder into a cache."""
    images.load(folder, size, cache)


def read(folder: Path, cache: Path, case: Case, count: int) -> None:
    """Opens the cache of a folder and takes `count` batches, without TensorFlow."""
    for _ in batches(case, images.load(folder, case.stored_size, cache).images).stream(0, count):
        pass


def train(folder: Path, cache: Path, case: Case, count: int, threads: int) -> list[float]:
    """Opens the cache of a folder and takes `count` steps; the seconds of each."""
    machine = script.start(threads)
    from benchmarks import ours

    step, _ = ours.build(case, machine["precision"])
    stream = batches(case, images.load(folder, case.stored_size, cache).images).stream(0, timing.WARM_UP + count)
    timing.warm_up(case.name, [lambda: step(next(stream))])
    return timing.fed(step, stream, count)["step"]
