"""Times the way of the data: decoding, opening the cache, making batches, and how long a training step waits for them.

The pictures are drawn, or those of a folder. README.md here says how to read the tables.

    python benchmarks/data.py                                    # 4,000 faces drawn by code
    python benchmarks/data.py --data faces --out data.json       # your own pictures
    python benchmarks/data.py --reports acgan --steps 200
"""

import functools
import gc
import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import machine as machines
from benchmarks import options as shared
from benchmarks import samples, table, timing
from benchmarks.cases import CASES, Case, labels
from common import images
from common.batches import Batches
from common.errors import UserError, say
from common.options import option, run_script

SIZE, BATCH = 64, 64   # of the pictures and batches whose rates are measured
BATCHES = 100          # made in a round
GOAL = 0.02            # the share of a step that may be waiting
REPORTS = ("text2image", "dcgan", "acgan", "cyclegan_64")


@dataclass(frozen=True)
class Options(shared.Steps):
    """Which pictures, which reports, how often, and where to."""

    data: Path | None = option(None, "folder of .jpg, .jpeg and .png files (default: faces drawn by code)",
                               metavar="DIR")
    pictures: int = option(4000, "faces that are drawn, without --data", metavar="N",
                           within=(samples.FEWEST, 1_000_000))
    reports: tuple[str, ...] = option(REPORTS, "reports whose steps are fed: of "
                                      f"{', '.join(CASES)} (default: {', '.join(REPORTS)})", metavar="NAME")
    rounds: int = option(5, "repetitions of decoding, opening and a run of batches", metavar="N",
                         within=(1, 10_000))
    steps: int = option(50, "timed steps of each report", metavar="N", within=(1, 100_000))

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        super().check()
        if self.data and not self.data.is_dir():
            raise UserError(f"--data {self.data}: no such folder")


def main(options: Options) -> None:
    """Measures one thing after the other; the JSON is written after each."""
    results = {"machine": machines.start(options.threads), "data": str(options.data or "drawn"),
               "rounds": options.rounds, "reports": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        folder = options.data or samples.draw(Path(home) / "drawn", options.pictures)
        results["cache"] = time_cache(folder, options.rounds)
        show_cache(results["cache"])
        options.write(results)
        load = functools.partial(images.load, folder, cache=Path(home) / "cache")
        results["batches"] = time_batches(load(size=SIZE).images, options.rounds)
        show_batches(results["batches"])
        for case in options.cases:
            say(f"{case.name}: {options.steps} steps")
            images = load(size=samples.side(case)).images
            results["reports"][case.name] = feed(case, images, options.steps, results["machine"]["precision"])
            options.write(results)
            gc.collect()  # networks and graphs hold each other; the next case has the memory to itself
    show_waiting(results["reports"])
    options.say_where()


def time_cache(folder: Path, rounds: int) -> dict[str, Any]:
    """Decodes a folder into a new cache, and opens that, again and again.

    Returns:
        How many `pictures`; `decode` and `open`: quartiles of `seconds` and `pictures_per_second`.
    """
    times: timing.Times = {"decode": [], "open": []}
    for number in range(rounds):
        say(f"decoding, round {number + 1} of {rounds}")
        with tempfile.TemporaryDirectory(prefix="benchmark-") as cache:
            load = functools.partial(images.load, folder, SIZE, Path(cache))
            for name, seconds in timing.interleave({"decode": load, "open": load}, 1).items():  # the first fills it
                times[name] += seconds
            found = load()
    count = len(found.names) + len(found.left_out)
    return {"pictures": count, **{name: {"seconds": timing.quartiles(seconds),
                                         "pictures_per_second": timing.rates(count, seconds)}
                                  for name, seconds in times.items()}}


def time_batches(images: np.ndarray, rounds: int) -> dict[str, Any]:
    """Makes batches of BATCH pictures, in turns as they are and with each of the options of `Batches`.

    Returns:
        way -> quartiles of `batches_per_second` and `pictures_per_second`. A batch with wrong pairs reads two pictures
        for each of its samples, but only the one is counted.
    """
    ways = {"plain": {}, "mirrored": {"mirror": True}, "wrong pairs": {"wrong": "condition"}}
    rows, bits = np.arange(len(images)), {"condition": labels("condition", len(images), np.random.default_rng(0))}
    runs = {name: functools.partial(make, Batches(images, rows, bits, BATCH, 0, **way), itertools.count())
            for name, way in ways.items()}
    for run in runs.values():
        run()
    return {name: {"batches_per_second": timing.rates(BATCHES, seconds),
                   "pictures_per_second": timing.rates(BATCHES * BATCH, seconds)}
            for name, seconds in timing.interleave(runs, rounds).items()}


def make(batches: Batches, numbers: Iterator[int]) -> None:
    """Makes the next BATCHES batches."""
    for number in itertools.islice(numbers, BATCHES):
        batches.at(number)


def feed(case: Case, images: np.ndarray, steps: int, precision: str) -> dict[str, Any]:
    """Times steps that take their batches from the stream, as the loop does.

    Returns:
        What `timing.share_of_waiting` gives, all `times`, and `making`: quartiles of the seconds that a batch takes
        while nothing else runs.
    """
    from benchmarks import ours

    batches, numbers = samples.batches(case, images), itertools.count()
    making = timing.interleave({"batch": lambda: batches.at(next(numbers))}, steps)["batch"]
    step, _ = ours.build(case, precision)
    stream = batches.stream(0, timing.WARM_UP + steps)
    timing.warm_up(case.name, [lambda: step(next(stream))])
    times = timing.fed(step, stream, steps)
    return {"report": case.report, "batch": case.batch, "size": case.size, "making": timing.quartiles(making),
            **timing.share_of_waiting(times), "times": times}


def show_cache(found: dict[str, Any]) -> None:
    """Prints a row each for decoding and opening."""
    table.plain(f"{found['pictures']:,} pictures, cached at {SIZE} px", ("", "s", "pictures / s"),
                [(name, table.cell(found[name]["seconds"], "{:.3f}"),
                  table.cell(found[name]["pictures_per_second"], "{:,.0f}")) for name in ("decode", "open")])


def show_batches(found: dict[str, Any]) -> None:
    """Prints a row a way."""
    table.plain(f"batches of {BATCH} pictures of {SIZE} px", ("", "batches / s", "pictures / s"),
                [(way, table.cell(rates["batches_per_second"], "{:,.0f}"),
                  table.cell(rates["pictures_per_second"], "{:,.0f}")) for way, rates in found.items()])


def show_waiting(found: dict[str, Any]) -> None:
    """Prints a row a report."""
    table.plain("training steps fed by the stream",
                ("", "s / step", "making a batch, ms", "waiting, ms", "share of a step", f"of all (goal: under "
                 f"{GOAL:.0%})"),
                [(name, table.cell(result["seconds"], "{:.3f}"), table.cell(result["making"], "{:.2f}", 1000),
                  table.cell(result["waiting"], "{:.2f}", 1000), table.cell(result["share"], "{:.2%}"),
                  f"{result['total_share']:.2%}") for name, result in found.items()])


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
