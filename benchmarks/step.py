"""Times one training step of every report: ours, a plain Keras port, and PyTorch where it is installed.

The variants of a report take turns in one process. README.md here says what they are and how to read the table.

    python benchmarks/step.py                                     # every report
    python benchmarks/step.py --reports dcgan lab5_cgan --rounds 5
    python benchmarks/step.py --out step.json
"""

import functools
import gc
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import machine as machines
from benchmarks import options as shared
from benchmarks import table, timing
from benchmarks.cases import Case, batch
from common import runtime
from common.errors import say
from common.options import option, run_script

PRODUCT = 2048     # rows and columns of the matrices whose product is the peak
PRODUCTS = 4       # of them in a round


@dataclass(frozen=True)
class Options(shared.Steps):
    """What to time, how often, and where to."""

    batch_size: int | None = option(None, "pictures a step (default: 64, CycleGAN 4)", metavar="N",
                                    within=(1, 10_000))
    torch: bool = option(True, "PyTorch too, where it is installed")


class Variant(NamedTuple):
    """One way of making a step.

    Args:
        precision: "float32" or "bfloat16": of its matrix products.
        step: makes one step, and returns when it is done.
    """

    precision: str
    step: Callable[[], Any]


def main(options: Options) -> None:
    """Times case after case; the JSON is written after each, so that a long run that is stopped leaves something."""
    machine = start(options)
    results = {"machine": machine, "rounds": options.rounds, "reports": {}}
    for case in options.cases:
        say(f"{case.name}: setting up")
        case = replace(case, batch=options.batch_size or case.batch)
        results["reports"][case.name] = result = measure(case, options.rounds, machine)
        table.show(case.name, result)
        options.write(results)
    options.say_where()


def start(options: Options) -> dict[str, Any]:
    """Starts TensorFlow and PyTorch; returns what `machine.start` does, and PyTorch's version."""
    machine = machines.start(options.threads)
    if options.torch and importlib.util.find_spec("torch"):
        import torch

        torch.manual_seed(0)
        torch.set_num_threads(options.threads)
        machine["versions"]["torch"] = torch.__version__
    else:
        say("without PyTorch" if not options.torch else "PyTorch is not installed, so it is left out")
    return machine


def measure(case: Case, rounds: int, machine: dict[str, Any]) -> dict[str, Any]:
    """Times all variants of a case and both matrix products, in turns; what `timing.summary` gives, and the FLOPs."""
    found, flops = variants(case, machine)
    steps = {name: variant.step for name, variant in found.items()}
    timing.warm_up(case.name, steps.values())
    peaks = {precision: product(precision) for precision in ("float32", "bfloat16")}
    for multiply in peaks.values():
        multiply()
    times = timing.interleave({**steps, **peaks}, rounds)
    peak_times = {name: times.pop(name) for name in peaks}
    peak_flops = PRODUCTS * 2 * PRODUCT ** 3
    precisions = {name: variant.precision for name, variant in found.items()}
    result = {
        "report": case.report, "batch": case.batch, "size": case.size, "model_gflop": flops / 1e9,
        "passes": [vars(entry) for entry in case.passes],
        "peak_gflops": {name: timing.quartiles([peak_flops / second / 1e9 for second in seconds])
                        for name, seconds in peak_times.items()},
        "variants": timing.summary(times, precisions, case.batch, flops, peak_times, peak_flops),
        "seconds": times, "peak_seconds": peak_times}
    found.clear()
    steps.clear()
    gc.collect()  # networks and graphs hold each other; the next case has the memory to itself
    return result


def variants(case: Case, machine: dict[str, Any]) -> tuple[dict[str, Variant], int]:
    """Builds every variant on the same batch, ours first; and the model FLOPs of a step."""
    from benchmarks import flops, ours, plain, players

    given = batch(case)
    own, _ = ours.build(case, machine["precision"])
    with runtime.policy("float32"):
        networks = players.build(case)
        port = plain.step(case, networks, given)
    found = {"ours": Variant(machine["precision"], functools.partial(own, given)),
             "plain": Variant("float32", machines.optimised(port, True))}
    if case.pytorch and "torch" in machine["versions"]:
        from benchmarks import pytorch

        for name, setting in pytorch.SETTINGS.items():
            found[name] = Variant(setting.precision, pytorch.step(case, given, setting))
    return found, flops.of_step(case, {name: player.network for name, player in networks.items()})


def product(precision: str) -> Callable[[], None]:
    """PRODUCTS products of two square matrices of PRODUCT rows, in TensorFlow."""
    import tensorflow as tf

    one, other = (tf.cast(tf.random.normal((PRODUCT, PRODUCT)), precision) for _ in range(2))

    def multiply() -> None:
        for _ in range(PRODUCTS):
            tf.matmul(one, other)

    return multiply


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
