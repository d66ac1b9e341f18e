"""Scripts of the repository in processes forked from one that has imported TensorFlow: a case saves some five seconds.

Nothing of the repository is imported before the fork, and no op has run.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import resource
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PRELOADED = ["keras", "pandas", "matplotlib.backends.backend_agg", "skimage.metrics"]


class Script:
    """A script that runs. Its exit code is negative where a signal ended it."""

    def __init__(self, words: Sequence[str], process: multiprocessing.process.BaseProcess, folder: Path) -> None:
        self._words, self._process = words, process
        self._out, self._error = folder / ".out", folder / ".error"

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.exitcode is None

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._out.read_text() if self._out.exists() else ""

    def send(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self._process.pid, number)

    def until(self, found: Callable[[], bool], timeout: float = 120) -> None:
        """Waits for something to happen while it runs. Raises TimeoutError, also where it ends before."""
        until = time.monotonic() + timeout
        while not found():
            if not self.runs or time.monotonic() > until:
                raise TimeoutError(f"{self._words}: did not happen\n{self.output}{self._error.read_text()}")
            time.sleep(0.001)

    def until_printed(self, pattern: str) -> None:
        """Waits until it has printed something that a regular expression finds."""
        self.until(lambda: re.search(pattern, self.output) is not None)

    def wait(self, timeout: float = 300) -> subprocess.CompletedProcess:
        """Its code, and its output as text, as `subprocess.run` gives them. Raises TimeoutError after some seconds."""
        self._process.join(timeout)
        if self.runs:
            self._process.kill()
            raise TimeoutError(f"{self._words}: still running after {timeout} s\n{self.output}")
        return subprocess.CompletedProcess(self._words, self._process.exitcode, self.output, self._error.read_text())


def start(words: Sequence[object], folder: Path, env: Mapping[str, str], largest: int | None = None) -> Script:
    """Starts a script.

    Args:
        words: the script's path and its arguments.
        folder: where it runs, and where its output is kept.
        env: its environment.
        largest: bytes that a file may have, beyond which writing fails as on a full disk.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as common.runtime does before it imports TensorFlow
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    words = [str(word) for word in words]
    process = context.Process(target=_become, args=(words, folder, dict(env), largest))
    process.start()
    return Script(words, process, folder)


def _become(words: list[str], folder: Path, env: dict[str, str], largest: int | None) -> None:
    """Becomes the script, with its output in files."""
    gc.freeze()  # what was imported before the fork need not be looked through again and again
    for number, name in ((1, ".out"), (2, ".error")):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background may have it ignored
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    runpy.run_path(words[0], run_name="__main__")
