"""Peak memory of what a training does with its pictures, each in a process of its own. Linux only: it reads /proc.

Anonymous memory (RssAnon) is what a process asked for and the system cannot take back: the number that matters. The
resident memory holds the pages of mapped files too, such as TensorFlow's libraries and every picture of the cache that
was ever read. They grow with the pictures, but the system drops them whenever it needs the room.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from benchmarks import machine, samples, timing
from benchmarks.cases import Case
from common import images
from common.errors import Failure

STATUS = Path("/proc/self/status")
EVERY = 0.005  # seconds between two looks at the anonymous memory, of which the system keeps no peak

Peak = dict[str, int]


def field(status: str, name: str) -> int:
    """Bytes of a line of /proc/self/status such as `VmHWM:    1234 kB`."""
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


class Watch:
    """Looks at the process's memory while its block runs.

    Attributes:
        peak: bytes of `anonymous` memory at its peak in the block, as far as somebody looked, and of `resident` memory
            at the peak of the process.
    """

    def __enter__(self) -> Watch:
        self.peak: Peak = {"anonymous": 0, "resident": 0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        self._look()
        while not self._over.wait(EVERY):
            self._look()

    def _look(self) -> None:
        status = STATUS.read_text(encoding="ascii")
        # not getrusage's ru_maxrss, which begins with the peak of the process that started this one
        self.peak = {"anonymous": max(self.peak["anonymous"], field(status, "RssAnon")),
                     "resident": field(status, "VmHWM")}


def alone(measure: Callable[..., Peak], *words: Any) -> Peak:
    """What a function of a module gives in a fresh process.

    Raises:
        Failure: the process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(measure, *words).result()
        except BrokenProcessPool:
            raise Failure("a process was killed; if the memory is short, lower --pictures or --reports") from None


def decode(folder: Path, size: int, cache: Path) -> Peak:
    """Decodes a folder into a cache."""
    with Watch() as watch:
        images.load(folder, size, cache)
    return watch.peak


def read(folder: Path, cache: Path, case: Case, count: int) -> Peak:
    """Opens the cache of a folder and makes `count` batches, without TensorFlow."""
    with Watch() as watch:
        batches = samples.batches(case, images.load(folder, samples.side(case), cache).images)
        for _ in batches.stream(0, count):
            pass
    return watch.peak


def train(folder: Path, cache: Path, case: Case, count: int, threads: int) -> Peak:
    """Opens the cache of a folder and takes `count` steps after the first."""
    with Watch() as watch:
        started = machine.start(threads)
        from benchmarks import ours

        batches = samples.batches(case, images.load(folder, samples.side(case), cache).images)
        step, _ = ours.build(case, started["precision"])
        stream = batches.stream(0, timing.WARM_UP + count)
        timing.warm_up(case.name, [lambda: step(next(stream))])
        timing.fed(step, stream, count)
    return watch.peak
