"""Errors as exit codes and one-line messages, and output for the user.

No TensorFlow here, and nothing of this repository: every other module may import it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator

DONE, BAD_INPUT, NUMERICAL, STORAGE, INTERRUPTED, TERMINATED = 0, 2, 3, 4, 130, 143


class Failure(Exception):
    """Ends a script: the message is one line for the user, `code` the exit code."""

    code = 1


class UserError(Failure):
    """Bad input or usage: the message says what is wrong and what to do next."""

    code = BAD_INPUT


class NumericalError(Failure):
    """A loss or a weight is NaN or infinite."""

    code = NUMERICAL


class StorageError(Failure):
    """A file cannot be read or written, or is damaged."""

    code = STORAGE


class Stopped(Failure):
    """A signal ended the run after its state was saved; `code` is 128 + the signal's number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Prints a line for the user at once. Raises StorageError if standard output cannot be written."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # a terminal may lack characters of a file name
    try:
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
    except BrokenPipeError:  # the reader has closed the pipe, as after `| head`: the training continues
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise StorageError(f"standard output cannot be written ({error.strerror}); redirect it, then run the "
                           "same command again") from None


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C and SIGTERM until the block ends: some libraries break if they are interrupted while they load.

    Python delivers signals to the main thread only; in other threads there is nothing to delay.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))]
    received: list[int] = []
    before = {number: signal.signal(number, lambda which, _: received.append(which)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:  # also if the block failed: perhaps because the signal reached a child process
            signal.raise_signal(received[0])


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or TensorFlow means that memory has run out."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def reason(error: BaseException) -> str:
    """The message of a library's error in one line, without the names of TensorFlow's nodes."""
    lines = [line for line in re.sub(r"\{\{.*?\}\} ?", "", str(error)).splitlines() if line.strip()]
    return next((line for line in lines if "OOM" in line), lines[0] if lines else type(error).__name__)[:120]
