"""Errors as exit codes and one-line messages, and output for the user.

No TensorFlow here, and nothing of this repository: every other module may import it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

DONE, BAD_INPUT, NUMERICAL, STORAGE, INTERRUPTED, TERMINATED = 0, 2, 3, 4, 130, 143
STOPPING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP  # they ask a process to end: Ctrl-C, kill, a closed terminal
GONE = errno.EPIPE, errno.EIO, errno.ENXIO, errno.ECONNRESET  # what writing into a terminal or pipe gives that is gone


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
    """A signal ended the run after its state was saved; `code` is INTERRUPTED or TERMINATED."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """Prints a line for the user at once. Raises StorageError if standard output cannot be written."""
    outlast_readers()
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # a terminal may lack characters of a file name
    try:
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
    except OSError as error:
        _to_nowhere(sys.stdout.fileno())  # what is left in the buffer would fail again when the process ends
        raise StorageError(f"standard output cannot be written ({error.strerror}); redirect it, then run the "
                           "same command again") from None


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class _Lasting(io.FileIO):
    """Standard output or error that becomes /dev/null when nobody can see it any more.

    So it is after a logout, when a window is closed, or after `| head`.
    """

    def write(self, data: bytes) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE or stat.S_ISREG(os.fstat(self.fileno()).st_mode):  # a file: its disk fails
                raise
            _to_nowhere(self.fileno())
            return super().write(data)


def outlast_readers() -> None:
    """From now on, work goes on when the terminal of standard output or error, or its reader, goes away."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream and stream is getattr(sys, f"__{name}__"):  # not that of a notebook, and only once
            stream.flush()
            lasting = io.BufferedWriter(_Lasting(stream.fileno(), "w", closefd=False))
            setattr(sys, name, io.TextIOWrapper(lasting, stream.encoding, stream.errors, line_buffering=True))


@contextlib.contextmanager
def on_stopping(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside the block the signals STOPPING call a handler, except those that are ignored, as SIGHUP under nohup.

    Python delivers signals to the main thread only; in other threads the block changes nothing.
    """
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in STOPPING if here}
    before = {number: usual for number, usual in before.items() if usual is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def take_as_one(number: int) -> None:
    """For a handler of `on_stopping`: signals that come together count as one; a later one ends the process at once.

    Only a later SIGHUP does nothing: the shell and the system each send one when a terminal is closed.
    """
    handled = [each for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        signal.signal(each, lambda *_: None)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)  # Python blocks them while it starts a process
    signal.raise_signal(number)  # has Python call the handlers of all that have come; without one it would complain
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for each in handled:
        if each != signal.SIGHUP:
            signal.signal(each, signal.SIG_DFL)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays the signals STOPPING until the block ends: some libraries break if they are interrupted while they load.
    """
    received: list[int] = []
    try:
        with on_stopping(lambda number, _: received.append(number)):
            yield
    finally:
        if received:  # also if the block failed: perhaps because the signal reached a child process
            signal.raise_signal(received[0])


def stop_code(number: int) -> int:
    """The exit code after a signal of STOPPING: SIGHUP counts like SIGTERM."""
    return INTERRUPTED if number == signal.SIGINT else TERMINATED


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or TensorFlow means that memory has run out."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def reason(error: BaseException) -> str:
    """The message of a library's error in one line, without the names of TensorFlow's nodes."""
    lines = [line for line in re.sub(r"\{\{.*?\}\} ?", "", str(error)).splitlines() if line.strip()]
    return next((line for line in lines if "OOM" in line), lines[0] if lines else type(error).__name__)[:120]
