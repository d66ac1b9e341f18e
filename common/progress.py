"""The progress of a training: a bar on a terminal, elsewhere a plain line from time to time."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from common.errors import say

PLAIN_SECONDS = 20.0  # between two plain lines
WARM_UP = 3           # first steps, which trace and compile: they are timed only where there are no others
BAR = 12              # columns of the bar: of 80, most are left for the words


def duration(seconds: float) -> str:
    """65 -> "1 min 5 s", 4,000 -> "1 h 6 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class _Words(ProgressColumn):
    """The description in one line. On a narrow terminal its end gives way: the losses, not step and time left."""

    def render(self, task: Task) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class Meter:
    """Shows the progress of steps `start` to `total` and measures their speed.

    Args:
        start, total: steps done and to do.
        images_per_step: for images/s.
        preset: with "report" the forecast of a run of more than an hour mentions `--preset quick`.
    """

    def __init__(self, start: int, total: int, images_per_step: int, preset: str) -> None:
        self.total, self.images, self.preset = total, images_per_step, preset
        self._steps, self._seconds, self._warm_up, self._last = 0, 0.0, 0.0, time.monotonic()
        self._begun, self._forecast_due, self._shown = time.monotonic(), True, time.monotonic()
        self._bar = self._task = None
        if sys.stdout and sys.stdout.isatty():  # rich takes a file for a terminal under FORCE_COLOR
            self._bar = Progress(BarColumn(BAR, table_column=Column(no_wrap=True)), _Words())
            self._task = self._bar.add_task("training", total=total, completed=start)

    def __enter__(self) -> Meter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def seconds_per_step(self) -> float:
        """Mean over the timed steps of this process, without sample grids and checkpoints."""
        if self._steps > WARM_UP:
            return self._seconds / (self._steps - WARM_UP)
        return self._warm_up / max(1, self._steps)

    @property
    def images_per_second(self) -> float:
        """Training images per second."""
        return self.images / self.seconds_per_step if self._steps else 0.0

    def resume_clock(self) -> None:
        """Restarts the clock for the next step: the time since the last step does not count."""
        self._last = time.monotonic()

    def advance(self, step: int, terms: Mapping[str, float]) -> None:
        """One more step is done; `terms` are its losses."""
        now = time.monotonic()
        self._steps += 1
        if self._steps > WARM_UP:
            self._seconds += now - self._last
        else:
            self._warm_up += now - self._last
        self._last = now
        if self._bar:
            self._bar.update(self._task, completed=step, description=self._words(step, terms))
        elif now - self._shown > PLAIN_SECONDS or step == self.total:
            self._shown = now
            say(self._words(step, terms))
        if self._forecast_due and (self._steps >= WARM_UP + 20 or now - self._begun > 30) and self._seconds:
            self._forecast_due = False
            self._forecast(step)

    def _words(self, step: int, terms: Mapping[str, float]) -> str:
        known = self._steps > WARM_UP or step == self.total  # the first steps are far slower than the others
        return "  ".join([f"step {step}/{self.total}", f"ETA {duration(self._left(step)) if known else '?'}",
                          f"{self.images_per_second:.0f} img/s",
                          *(f"{name} {value:.3f}" for name, value in terms.items())])

    def _left(self, step: int) -> float:
        return (self.total - step) * self.seconds_per_step

    def _forecast(self, step: int) -> None:
        left = self._left(step)
        hint = "; --preset quick is a shorter run" if left > 3600 and self.preset == "report" else ""
        say(f"the training will take about {duration(left)} more ({self.total - step} steps of "
            f"{self.seconds_per_step:.2f} s){hint}")
