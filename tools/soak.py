"""Trains for an hour and says whether memory stays flat: the last quarter at most 2% above the second. Linux only.

    python tools/soak.py                                        # hw4_acgan, smoke size, a sample grid every 50 steps
    python tools/soak.py --minutes 5 --script wgan_gp_text/train.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.memory import field
from common import files
from common.errors import TERMINATED, Failure, UserError, say
from common.options import check_ranges, option, run_script

MOST = 0.02  # growth from the second quarter to the last


@dataclass(frozen=True)
class Options:
    """What is trained, and for how long."""

    minutes: float = option(60.0, "from the first logged step on", metavar="X", within=(0.01, 10_000))
    script: str = option("hw4_acgan/train.py", "the training script", metavar="FILE")
    every: float = option(1.0, "seconds between two looks at its memory", metavar="X", within=(0.01, 60))
    evaluate: bool = option(True, "measure at each sample grid, as a run does")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        check_ranges(self)
        if not (files.ROOT / self.script).is_file():
            raise UserError(f"--script {self.script}: no such file in {files.ROOT}")


def quarters(values: Sequence[float]) -> list[float]:
    """The means of the four quarters of at least four values."""
    ends = [len(values) * k // 4 for k in range(5)]
    return [sum(values[start:end]) / (end - start) for start, end in zip(ends, ends[1:], strict=False)]


def verdict(values: Sequence[float]) -> tuple[str, bool]:
    """A line on the memory, in bytes, that was seen in turn, and whether it is flat."""
    means = quarters(values)
    growth = means[3] / means[1] - 1
    words = ", ".join(f"{mean / 1e6:.1f}" for mean in means)
    return f"anonymous memory by quarters: {words} MB; the last is {growth:+.2%} from the second", growth <= MOST


def watch(training: subprocess.Popen, run: Path, minutes: float, every: float) -> list[float]:
    """The anonymous memory of a training, in bytes, for some minutes from its first logged step on."""
    status, seen, until = Path(f"/proc/{training.pid}/status"), [], None
    while until is None or time.monotonic() < until:
        if training.poll() is not None:
            raise Failure(f"the training ended by itself, with code {training.returncode}; run its script by hand")
        if until is None and (run / "log.csv").exists():
            until = time.monotonic() + 60 * minutes
        if until is not None:
            seen.append(field(status.read_text(encoding="ascii"), "RssAnon"))
        time.sleep(every)
    return seen


def main(options: Options) -> None:
    """Trains, watches, stops the training, and says what was seen."""
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        run = Path(home) / "run"
        command = [sys.executable, files.ROOT / options.script, "--preset", "smoke", "--steps", str(10**9),
                   "--sample-every", "50", "--checkpoint-every", "250", "--out", run,
                   *([] if options.evaluate else ["--no-evaluate"])]
        with open(Path(home) / "output.txt", "w", encoding="utf-8") as output, \
                subprocess.Popen(command, stdout=output, stderr=output) as training:
            try:
                seen = watch(training, run, options.minutes, options.every)
            finally:
                training.send_signal(signal.SIGTERM)
        if training.returncode != TERMINATED:
            raise Failure(f"the training ended with code {training.returncode}, not {TERMINATED}")
        steps = (run / "log.csv").read_text(encoding="utf-8").split()[-1].partition(",")[0]
        text, flat = verdict(seen)
        say(f"{options.script}: {steps} steps, {len(list((run / 'samples').glob('*.png')))} sample grids; {text}")
    if not flat:
        raise Failure(f"the memory grew by more than {MOST:.0%}")


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
