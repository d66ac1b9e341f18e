"""TensorFlow as the timed steps need it, and what of the machine stands beside their times."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import runtime


def start(threads: int) -> dict[str, Any]:
    """Starts TensorFlow; returns the machine, the versions, and the precision that `auto` gives."""
    runtime.import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    started = runtime.start(0, "auto")
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": threads, "device": started.device,
            "system": platform.platform(), "precision": started.precision, "versions": started.versions}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def optimised(step: Callable[..., Any], arithmetic: bool) -> Callable[..., Any]:
    """`step` under its own options of TensorFlow's graph optimizer: ours as train.py sets them, the port's as usual.

    The options are the process's, and belong to the call: a graph is optimised once for each set that it is called
    under. How a GradientTape adds is the process's too, see common/sums.py: there the port adds as ours does.
    """
    import tensorflow as tf

    def call(*words: Any) -> Any:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": arithmetic})
        return step(*words)

    return call
