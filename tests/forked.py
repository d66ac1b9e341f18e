"""Scripts of the repository in processes forked from one that has imported TensorFlow: a case saves some five seconds.

Nothing of the repository is imported before the fork, and no op has run.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PRELOADED = ["keras", "pandas", "matplotlib.backends.backend_agg", "skimage.metrics"]


def run(words: Sequence[object], folder: Path, env: Mapping[str, str], timeout: float = 300,
        ) -> subprocess.CompletedProcess:
    """Runs a script to its end: code, and output as text, as `subprocess.run` gives them.

    Args:
        words: the script's path and its arguments.
        folder: where it runs, and where its output is kept.
        env: its environment.
        timeout: seconds, after which TimeoutError is raised.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as common.runtime does before it imports TensorFlow
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    words, out, error = [str(word) for word in words], folder / ".out", folder / ".error"
    process = context.Process(target=_become, args=(words, folder, out, error, dict(env)))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{words}: still running after {timeout} s\n{out.read_text()}")
    return subprocess.CompletedProcess(words, process.exitcode, out.read_text(), error.read_text())


def _become(words: list[str], folder: Path, out: Path, error: Path, env: dict[str, str]) -> None:
    """Becomes the script, with its output in files."""
    for number, path in ((1, out), (2, error)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
