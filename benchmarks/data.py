"""Times the way of the data: decoding, opening the cache, taking batches, and how long a training step waits for them.

README.md here says how to read the tables.

    python benchmarks/data.py                                    # 4,000 faces drawn by code
    python benchmarks/data.py --data faces --out data.json       # your own images
    python benchmarks/data.py --reports acgan --steps 200
"""

import functools
import gc
import itertools
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import script, timing
from benchmarks.cases import CASES, Case, batches
from common import images
from common.anime import faces
from common.batches import Batches
from common.errors import UserError, say
from common.options import option, run_script

SIZE, BATCH = 64, 64   # of the images and batches whose rates are measured
BATCHES = 100          # taken in a round
REPORTS = ("text2image", "dcgan", "acgan", "cyclegan_64")
DRAWN = 500            # faces that are drawn; the others are the same files under other names
FEWEST = 64            # a batch of most reports


@dataclass(frozen=True)
class Options(script.Steps):
    """Which images, which reports, how often, and where to."""

    data: Path | None = option(None, "folder of images (default: faces drawn by code)",
                               metavar="DIR")
    pictures: int = option(4000, "faces that are drawn, without --data", metavar="N", within=(FEWEST, 1_000_000))
    reports: tuple[str, ...] = option(REPORTS, "reports whose steps are fed: of "
                                      f"{', '.join(CASES)} (default: {', '.join(REPORTS)})", metavar="NAME")
    rounds: int = option(5, "repetitions of decoding, opening and a run of batches", metavar="N", within=(1, 10_000))
    steps: int = option(50, "timed steps of each report", metavar="N", within=(1, 100_000))

    def check(self) -> None:
        """Raises UserError for values that make no sense."""
        super().check()
        if self.data and not self.data.is_dir():
            raise UserError(f"--data {self.data}: no such folder")


def main(options: Options) -> None:
    """Measures one thing after the other."""
    machine = script.start(options.threads)
    results = {"machine": machine, "data": str(options.data or "drawn"), "rounds": options.rounds, "reports": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        folder, cache = options.data or draw(Path(home) / "drawn", options.pictures), Path(home) / "cache"
        results["cache"] = time_cache(folder, options.rounds)
        script.show(f"images cached at {SIZE} px", results["cache"])
        results["batches"] = time_batches(images.load(folder, SIZE, cache).images, options.rounds)
        script.show(f"batches of {BATCH} images of {SIZE} px", results["batches"])
        options.write(results)
        for case in options.cases:
            say(f"{case.name}: {options.steps} steps")
            stored = images.load(folder, case.stored_size, cache).images
            results["reports"][case.name] = feed(case, stored, options.steps, machine["precision"])
            options.write(results)
            gc.collect()  # networks and graphs hold each other; the next case has the memory to itself
    script.show("training steps fed by the stream", results["reports"])


def draw(folder: Path, count: int) -> Path:
    """Draws a folder of `count` faces of the embedded set, JPEG files of 96 px, inside `folder`."""
    faces.make(folder, min(count, DRAWN))
    for number in range(DRAWN, count):
        os.link(folder / "faces" / f"{number % DRAWN}.jpg", folder / "faces" / f"{number}.jpg")
    return folder / "faces"


def time_cache(folder: Path, rounds: int) -> script.Rows:
    """Decodes a folder into a new cache, and opens that, again and again."""
    times: timing.Times = {"decode": [], "open": []}
    for number in range(rounds):
        say(f"decoding, round {number + 1} of {rounds}")
        with tempfile.TemporaryDirectory(prefix="benchmark-") as cache:
            load = functools.partial(images.load, folder, SIZE, Path(cache))
            for name, seconds in timing.interleave({"decode": load, "open": load}, 1).items():  # the first fills it
                times[name] += seconds
            loaded = load()
    count = len(loaded.names) + len(loaded.left_out)
    return {name: {"images": f"{count:,}", "s": timing.quartiles(seconds), "images / s": timing.rates(count, seconds)}
            for name, seconds in times.items()}


def time_batches(stored: np.ndarray, rounds: int) -> script.Rows:
    """Takes batches of BATCH images, in turns as they are and with each of the options of `Batches`."""
    ways = {"plain": {}, "mirrored": {"mirror": True}, "wrong pairs": {"wrong": "condition"}}
    condition = (np.random.default_rng(0).random((len(stored), 23)) < 0.1).astype(np.float32)
    runs = {}
    for name, way in ways.items():
        taken = map(Batches(stored, np.arange(len(stored)), {"condition": condition}, BATCH, 0, **way).at,
                    itertools.count())
        runs[name] = functools.partial(take, taken)
        take(taken)
    return {name: {"batches / s": timing.rates(BATCHES, seconds), "images / s": timing.rates(BATCHES * BATCH, seconds)}
            for name, seconds in timing.interleave(runs, rounds).items()}


def take(batches: map) -> None:
    """Takes the next BATCHES batches."""
    for _ in itertools.islice(batches, BATCHES):
        pass


def feed(case: Case, stored: np.ndarray, steps: int, precision: str) -> dict[str, Any]:
    """Times steps that take their batches from the stream, as the loop does; and first the batches alone."""
    from benchmarks import ours

    source, numbers = batches(case, stored), itertools.count()
    alone = timing.interleave({"batch": lambda: source.at(next(numbers))}, steps)["batch"]
    step, _ = ours.build(case, precision)
    stream = source.stream(0, timing.WARM_UP + steps)
    timing.warm_up(case.name, [lambda: step(next(stream))])
    times = timing.fed(step, stream, steps)
    return {"s / step": timing.quartiles(times["step"]), "making a batch, ms": timing.quartiles(alone, 1000),
            "waiting, ms": timing.quartiles(times["waiting"], 1000),
            "of a step": timing.ratios(times["waiting"], times["step"]),
            "of all steps": f"{sum(times['waiting']) / sum(times['step']):.2%}"}


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
