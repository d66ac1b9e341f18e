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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import script, timing
from benchmarks.cases import Case, batch
from common import runtime
from common.errors import say
from common.options import option, run_script

PRODUCT = 2048     # rows and columns of the matrices whose product is the peak
PRODUCTS = 4       # of them in a round


@dataclass(frozen=True)
class Options(script.Steps):
    """What to time, how often, and where to."""

    batch_size: int | None = option(None, "images a step (default: 64, CycleGAN 4)", metavar="N", within=(1, 10_000))
    torch: bool = option(True, "PyTorch too, where it is installed")


class Variant(NamedTuple):
    """One way of taking a step.

    Args:
        precision: "float32" or "bfloat16": of its matrix products.
        step: takes one step, and returns when it is done.
    """

    precision: str
    step: Callable[[], Any]


def main(options: Options) -> None:
    """Times case after case."""
    machine = start(options)
    results = {"machine": machine, "rounds": options.rounds, "reports": {}}
    for case in options.cases:
        say(f"{case.name}: setting up")
        case = case.replace(batch_size=options.batch_size or case.batch_size)
        results["reports"][case.name] = result = measure(case, options.rounds, machine)
        script.show(f"{case.name}: report {case.report}, {case.batch_size} images of {case.size} px, "
                    f"{result['model_gflop']:.1f} GFLOP a step", result["variants"])
        options.write(results)
        gc.collect()  # networks and graphs hold each other; the next case has the memory to itself


def start(options: Options) -> dict[str, Any]:
    """Starts TensorFlow and PyTorch; returns what `script.start` does, and PyTorch's version."""
    machine = script.start(options.threads)
    if options.torch and importlib.util.find_spec("torch"):
        import torch

        torch.manual_seed(0)
        torch.set_num_threads(options.threads)
        machine["versions"]["torch"] = torch.__version__
    else:
        say("without PyTorch" if not options.torch else "PyTorch is not installed, so it is left out")
    return machine


def measure(case: Case, rounds: int, machine: dict[str, Any]) -> dict[str, Any]:
    """Times all variants of a case and both matrix products, in turns; the table, the FLOPs and all seconds."""
    found, gflop = variants(case, machine)
    steps = {name: variant.step for name, variant in found.items()}
    timing.warm_up(case.name, steps.values())
    peaks = {precision: product(precision) for precision in ("float32", "bfloat16")}
    for multiply in peaks.values():
        multiply()
    times = timing.interleave({**steps, **peaks}, rounds)
    peak_times = {name: times.pop(name) for name in peaks}
    precisions = {name: variant.precision for name, variant in found.items()}
    return {"report": case.report, "batch": case.batch_size, "size": case.size, "model_gflop": gflop,
            "passes": [vars(entry) for entry in case.passes],
            "variants": summary(times, precisions, case.batch_size, gflop, peak_times), "seconds": times,
            "peak_seconds": peak_times}


def summary(times: timing.Times, precisions: dict[str, str], batch_size: int, gflop: float,
            peaks: timing.Times) -> script.Rows:
    """The table: a row for each variant.

    Args:
        times: variant -> seconds of a step, round by round.
        precisions: variant -> precision.
        batch_size: images a step.
        gflop: model FLOPs of a step, in billions.
        peaks: precision -> seconds of the matrix products in the same rounds.
    """
    peak_gflop = PRODUCTS * 2 * PRODUCT ** 3 / 1e9
    return {name: {
        "precision": precisions[name], "s / step": timing.quartiles(seconds),
        "images / s": timing.rates(batch_size, seconds), "GFLOP/s": timing.rates(gflop, seconds),
        "of peak": timing.ratios([second * gflop / peak_gflop for second in peaks[precisions[name]]], seconds),
        **{f"x {other}": timing.ratios(times[other], seconds) if other != name else "-" for other in times},
    } for name, seconds in times.items()}


def variants(case: Case, machine: dict[str, Any]) -> tuple[dict[str, Variant], float]:
    """Builds every variant on the same batch, ours first; and the model FLOPs of a step, in billions."""
    from benchmarks import flops, ours, plain

    given = batch(case)
    own, game = ours.build(case, machine["precision"])
    with runtime.policy("float32"):
        players = ours.plain_players(case.build(case.config))
    found = {"ours": Variant(machine["precision"], functools.partial(own, given)),
             "plain": Variant("float32", ours.optimised(plain.step(case, players, given), True))}
    if not case.two_domains and "torch" in machine["versions"]:
        from benchmarks import pytorch

        for name, setting in pytorch.SETTINGS.items():
            found[name] = Variant(setting.precision, pytorch.step(case, given, setting, players))
    return found, flops.of_step(case, game) / 1e9


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
