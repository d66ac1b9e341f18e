"""Times one training step of every report: ours, a plain Keras port, and PyTorch where it is installed.

The variants of a report take turns in one process. README.md here says what they are and how to read the table.

    python benchmarks/step.py                                     # every report
    python benchmarks/step.py --reports dcgan lab5_cgan --rounds 5
    python benchmarks/step.py --out step.json
"""

import contextlib
import gc
import importlib.util
import math
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import table, timing
from benchmarks.cases import CASES, Case, batch
from common import cli, runtime

WARM_UP = 2        # steps that are not timed: the first traces, the second finds its memory
PRODUCT = 2048     # rows and columns of the matrices whose product is the peak
PRODUCTS = 4       # of them in a round


@dataclass(frozen=True)
class Options:
    """What to time, how often, and where to."""

    reports: tuple[str, ...] = cli.option((), f"which: {', '.join(CASES)} (default: all)", metavar="NAME")
    rounds: int = cli.option(15, "timed steps of every variant", metavar="N", within=(1, 10_000))
    batch_size: int | None = cli.option(None, "pictures a step (default: 64, CycleGAN 4)", metavar="N",
                                        within=(1, 10_000))
    threads: int = cli.option(2, "cores that TensorFlow and PyTorch may use", metavar="N", within=(1, 1024))
    torch: bool = cli.option(True, "PyTorch too, where it is installed")
    out: Path | None = cli.option(None, "JSON file for all numbers", metavar="FILE")
    debug: bool = cli.option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        for name in self.reports:
            if name not in CASES:
                raise cli.UserError(f"--reports {name}: there is none of that name; take of {', '.join(CASES)}")
        cli.check_ranges(self)
        if self.out and (self.out.is_dir() or not self.out.absolute().parent.is_dir()):
            raise cli.UserError(f"--out {self.out}: name a file in a folder that exists")

    @property
    def cases(self) -> list[Case]:
        """What is asked for, in the order of CASES, each with its batch size."""
        chosen = [case for name, case in CASES.items() if not self.reports or name in self.reports]
        return [replace(case, batch=self.batch_size or case.batch) for case in chosen]


def main(options: Options) -> None:
    """Times case after case; the JSON is written after each, so that a long run that is stopped leaves something."""
    from common import files

    machine = start(options)
    results = {"machine": machine, "rounds": options.rounds, "reports": {}}
    for case in options.cases:
        cli.say(f"{case.name}: setting up")
        results["reports"][case.name] = result = measure(case, options.rounds, machine)
        table.show(case.name, result)
        if options.out:
            files.write_json(options.out, results)
    if options.out:
        cli.say(f"all numbers in {options.out}")


def start(options: Options) -> dict[str, Any]:
    """Starts TensorFlow and PyTorch; returns the machine, the versions, and the precision that `auto` gives."""
    runtime.check_environment()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    started = runtime.start(0, "auto")
    versions = started.versions
    if options.torch and importlib.util.find_spec("torch"):
        import torch

        torch.manual_seed(0)
        torch.set_num_threads(options.threads)
        versions["torch"] = torch.__version__
    else:
        cli.say("without PyTorch" if not options.torch else "PyTorch is not installed, so it is left out")
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": options.threads, "device": started.device,
            "system": platform.platform(), "precision": started.precision, "versions": versions}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure(case: Case, rounds: int, machine: dict[str, Any]) -> dict[str, Any]:
    """Times all variants of a case and both matrix products, in turns; what `timing.summary` gives, and the FLOPs."""
    found, flops = variants(case, machine)
    for variant in found.values():
        for _ in range(WARM_UP):
            terms = variant.step()
        if not all(map(math.isfinite, terms.values())):
            raise cli.NumericalError(f"{case.name}: a loss is not finite, so its time means nothing: {terms}")
    peaks = {precision: timing.Variant(precision, product(precision)) for precision in ("float32", "bfloat16")}
    for peak in peaks.values():
        peak.step()
    times = timing.interleave({**found, **peaks}, rounds)
    peak_times = {name: times.pop(name) for name in peaks}
    peak_flops = PRODUCTS * 2 * PRODUCT ** 3
    precisions = {name: variant.precision for name, variant in found.items()}
    result = {
        "report": case.report, "batch": case.batch, "size": case.size, "model_gflop": flops / 1e9,
        "passes": [vars(entry) for entry in case.passes],
        "peak_gflops": {name: timing.quartiles([peak_flops / second / 1e9 for second in seconds])
                        for name, seconds in peak_times.items()},
        "variants": timing.summary(times, precisions, case.batch, flops, peak_times, peak_flops), "seconds": times}
    found.clear()
    gc.collect()  # networks and graphs hold each other; the next case has the memory to itself
    return result


def variants(case: Case, machine: dict[str, Any]) -> tuple[dict[str, timing.Variant], int]:
    """Builds every variant on the same batch, ours first; and the model FLOPs of a step."""
    from benchmarks import flops, ours, plain, players

    given = batch(case)
    with runtime.policy(machine["precision"]):
        own = ours.step(case, players.build(case), given)
    with runtime.policy("float32"):
        networks = players.build(case)
        port = plain.step(case, networks, given)
    found = {"ours": timing.Variant(machine["precision"], optimised(own, False, case.fold_constants)),
             "plain": timing.Variant("float32", optimised(port, True, True))}
    if case.pytorch and "torch" in machine["versions"]:
        from benchmarks import pytorch

        for name, setting in pytorch.SETTINGS.items():
            found[name] = timing.Variant(setting.precision, pytorch.step(case, given, setting))
    return found, flops.of_step(case, {name: player.network for name, player in networks.items()})


def optimised(step: Callable[[], Any], arithmetic: bool, folding: bool) -> Callable[[], Any]:
    """`step` under its own options of TensorFlow's graph optimizer: ours as train.py sets them, the port's as usual.

    They are the process's, and belong to the call: a graph is optimised once for each set that it is called under.
    """
    import tensorflow as tf

    def call() -> Any:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": arithmetic,
                                                      "constant_folding": folding})
        return step()

    return call


def product(precision: str) -> Callable[[], None]:
    """PRODUCTS products of two square matrices of PRODUCT rows, in TensorFlow."""
    import tensorflow as tf

    one, other = (tf.cast(tf.random.normal((PRODUCT, PRODUCT)), precision) for _ in range(2))

    def multiply() -> None:
        for _ in range(PRODUCTS):
            tf.matmul(one, other)

    return multiply


if __name__ == "__main__":
    cli.run(Options, main, description=__doc__)
