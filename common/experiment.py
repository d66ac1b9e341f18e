"""The start of every experiment."""

from __future__ import annotations

from common import runtime
from common.options import Common
from common.runs import Run


def open(config: Common) -> Run:
    """Opens the run folder of a config, and starts TensorFlow with the run's seed, precision and devices.

    Build networks, optimizers and games inside `run.machine.scope()`.

    Raises:
        UserError: see `Run` and `runtime.start`.
        StorageError: see `Run`.
    """
    run = Run(config)
    deviations = config.deviations()
    if deviations:
        run.substitute(f"settings that differ from the report's main run, whose values are in brackets: {deviations}")
    run.record_machine(runtime.start(config.seed, run.precision(config.precision), run.scale))
    return run
