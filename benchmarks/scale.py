"""Times a training step against batch size, image size and number of images; and memory against the last.

Made-up batches, and faces drawn by code. README.md here says how to read the tables.

    python benchmarks/scale.py                                        # all three, for the ACGAN and the CycleGAN
    python benchmarks/scale.py --parts batch --reports dcgan --batch-sizes 32 64 128 256
    python benchmarks/scale.py --parts pictures --pictures 1000 4000 --out scale.json
"""

import functools
import gc
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import data, memory, script, timing
from benchmarks.cases import CASES, Case, batch
from common.errors import UserError, say
from common.options import option, run_script

REPORTS = ("acgan", "cyclegan_64")
SIZED = ("text2image", "cyclegan_64", "cyclegan_128")  # cases whose networks take images of several sizes
READ = 300  # batches during which the memory is watched
TITLES = {"batch": "images a step", "size": "side of the images in px",
          "pictures": "number of images; memory at its peak, anonymous (resident)"}


@dataclass(frozen=True)
class Options(script.Steps):
    """What to time, how often, and where to."""

    parts: tuple[str, ...] = option(tuple(TITLES), f"which: {', '.join(TITLES)} (default: all)",
                                    choices=tuple(TITLES), metavar="PART")
    reports: tuple[str, ...] = option(REPORTS, f"which: {', '.join(CASES)} (default: {', '.join(REPORTS)})",
                                      metavar="NAME")
    rounds: int = option(9, "timed steps of every variant", metavar="N", within=(1, 10_000))
    batch_sizes: tuple[int, ...] = option((), "images a step (default: a quarter, a half, once and twice the "
                                          "report's)", metavar="N")
    sizes: tuple[int, ...] = option((64, 128, 256), "sides of the images in pixels, powers of 2; for "
                                    f"{', '.join(SIZED)} only (default: 64 128 256)", metavar="N")
    pictures: tuple[int, ...] = option((1_000, 10_000, 100_000), "numbers of images, which need 12 kB each on "
                                       "the disk (default: 1000 10000 100000)", metavar="N")

    def check(self) -> None:
        """Raises UserError for values that make no sense."""
        super().check()
        for name, least in (("batch_sizes", 1), ("sizes", 32), ("pictures", data.FEWEST)):
            for value in getattr(self, name):
                if value < least:
                    raise UserError(f"--{name.replace('_', '-')} {value}: must be {least} or more")
        for size in self.sizes:
            if size & (size - 1):
                raise UserError(f"--sizes {size}: must be a power of 2, which the U-Net needs")
        if "pictures" in self.parts and not Path("/proc/self/status").exists():
            raise UserError("--parts pictures reads /proc/self/status, which this system does not have; leave it out")


def main(options: Options) -> None:
    """Measures part after part, case after case."""
    machine = script.start(options.threads)
    results = {"machine": machine, "rounds": options.rounds}
    for part in (part for part in TITLES if part in options.parts):
        results[part] = {}
        for case in options.cases:
            if part == "size" and case.name not in SIZED:
                continue
            say(f"{case.name}: {part}")
            if part == "pictures":
                rows = numbers_of_images(case, options)
            else:
                sizes = options.batch_sizes or sorted({max(1, case.batch_size * n // 4) for n in (1, 2, 4, 8)})
                cases = [case.replace(batch_size=size) for size in sizes] if part == "batch" else \
                    [case.replace(image_size=size) for size in options.sizes]
                rows = timed(part, cases, options.rounds, machine["precision"])
            results[part][case.name] = rows
            script.show(f"{case.name}: {TITLES[part]}", rows)
            options.write(results)
            gc.collect()  # networks and graphs hold each other; the next case has the memory to itself


def timed(part: str, cases: Sequence[Case], rounds: int, precision: str) -> script.Rows:
    """Times steps in turns: one game takes all batch sizes, and each image size has a game of its own."""
    from benchmarks import flops, ours

    steps, gflops = {}, {}
    step = game = None
    for case in cases:
        if game is None or part == "size":
            step, game = ours.build(case, precision)
        name = str(case.size if part == "size" else case.batch_size)
        steps[name], gflops[name] = functools.partial(step, batch(case)), flops.of_step(case, game) / 1e9
    timing.warm_up(cases[0].name, steps.values())
    return {name: {"s / step": timing.quartiles(seconds), "images / s": timing.rates(case.batch_size, seconds),
                   "GFLOP a step": f"{gflops[name]:,.1f}", "GFLOP/s": timing.rates(gflops[name], seconds)}
            for case, (name, seconds) in zip(cases, timing.interleave(steps, rounds).items(), strict=True)}


def numbers_of_images(case: Case, options: Options) -> script.Rows:
    """Seconds a step, and memory in MB, with each number of images."""
    rows = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        for count in options.pictures:
            say(f"{case.name}: {count:,} images")
            folder, cache = data.draw(Path(home) / str(count), count), Path(home) / "cache"
            decoding, _ = memory.peak(memory.decode, folder, case.stored_size, cache)
            reading, _ = memory.peak(memory.read, folder, cache, case, READ)
            training, seconds = memory.peak(memory.train, folder, cache, case, options.rounds, options.threads)
            rows[str(count)] = {"s / step": timing.quartiles(seconds), "decoding, MB": megabytes(decoding),
                                "taking batches, MB": megabytes(reading), "training, MB": megabytes(training)}
    return rows


def megabytes(peak: dict[str, Any]) -> str:
    """Anonymous memory, and resident memory in brackets."""
    return f"{peak['anonymous'] / 1e6:,.0f} ({peak['resident'] / 1e6:,.0f})"


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
