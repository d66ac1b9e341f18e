"""Times a training step against batch size, picture size and number of pictures; and memory against the last.

Made-up batches, and faces drawn by code. README.md here says how to read the tables.

    python benchmarks/scale.py                                        # all three, for the ACGAN and the CycleGAN
    python benchmarks/scale.py --parts batch --reports dcgan --batch-sizes 32 64 128 256
    python benchmarks/scale.py --parts pictures --pictures 1000 4000 --out scale.json
"""

import functools
import gc
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import machine as machines
from benchmarks import memory, samples, table, timing
from benchmarks import options as shared
from benchmarks.cases import CASES, Case, batch
from common import images
from common.errors import UserError, say
from common.options import option, run_script

PARTS = ("batch", "size", "pictures")
REPORTS = ("acgan", "cyclegan_64")
SIZED = ("text2image", "cyclegan_64", "cyclegan_128")  # cases whose networks take pictures of several sizes
TURN = 5  # steps in a row from one stream: in turns of one step the next batch would always be there
READ = 300  # batches in whose making the memory is watched


@dataclass(frozen=True)
class Options(shared.Steps):
    """What to time, how often, and where to."""

    parts: tuple[str, ...] = option(PARTS, f"which: {', '.join(PARTS)} (default: all)", choices=PARTS,
                                    metavar="PART")
    reports: tuple[str, ...] = option(REPORTS, f"which: {', '.join(CASES)} (default: {', '.join(REPORTS)})",
                                      metavar="NAME")
    rounds: int = option(9, "timed steps of every variant", metavar="N", within=(1, 10_000))
    batch_sizes: tuple[int, ...] = option((), "pictures a step (default: a quarter, a half, once and twice the "
                                          "report's)", metavar="N")
    sizes: tuple[int, ...] = option((64, 128, 256), "sides of the pictures in pixels, powers of 2; for "
                                    f"{', '.join(SIZED)} only (default: 64 128 256)", metavar="N")
    pictures: tuple[int, ...] = option((1_000, 10_000, 100_000), "numbers of pictures, which need 12 kB each on "
                                       "the disk (default: 1000 10000 100000)", metavar="N")

    def check(self) -> None:
        """Raises UserError for values that cannot be meant."""
        super().check()
        for name, least in (("batch_sizes", 1), ("sizes", 32), ("pictures", samples.FEWEST)):
            for value in getattr(self, name):
                if value < least:
                    raise UserError(f"--{name.replace('_', '-')} {value}: must be {least} or more")
        for size in self.sizes:
            if size & (size - 1):
                raise UserError(f"--sizes {size}: must be a power of 2, which the U-Net needs")
        if "pictures" in self.parts and not memory.STATUS.exists():
            raise UserError(f"--parts pictures reads {memory.STATUS}, which this system has not; leave it out")


def main(options: Options) -> None:
    """Measures part after part, case after case; the JSON is written after each."""
    results = {"machine": machines.start(options.threads), "rounds": options.rounds}
    parts = {"batch": batch_sizes, "size": picture_sizes, "pictures": numbers_of_pictures}
    for part in (part for part in PARTS if part in options.parts):
        results[part] = {}
        for case in options.cases:
            if part == "size" and case.name not in SIZED:
                continue
            say(f"{case.name}: {part}")
            results[part][case.name] = found = parts[part](case, options, results["machine"]["precision"])
            show(case, part, found)
            options.write(results)
            gc.collect()  # networks and graphs hold each other; the next case has the memory to itself
    options.say_where()


def batch_sizes(case: Case, options: Options, precision: str) -> dict[str, Any]:
    """Pictures a step -> what `timed` gives. One set of networks takes them all."""
    from benchmarks import ours

    step, networks = ours.build(case, precision)
    sizes = options.batch_sizes or sorted({max(1, case.batch * share // 4) for share in (1, 2, 4, 8)})
    cases = {str(size): replace(case, batch=size) for size in sizes}
    steps = {name: functools.partial(step, batch(one)) for name, one in cases.items()}
    return timed(cases, steps, dict.fromkeys(cases, networks), options.rounds)


def picture_sizes(case: Case, options: Options, precision: str) -> dict[str, Any]:
    """Side in pixels -> what `timed` gives. Each has networks of its own."""
    from benchmarks import ours

    cases = {str(size): replace(case, size=size) for size in options.sizes}
    built = {name: ours.build(one, precision) for name, one in cases.items()}
    steps = {name: functools.partial(step, batch(cases[name])) for name, (step, _) in built.items()}
    return timed(cases, steps, {name: networks for name, (_, networks) in built.items()}, options.rounds)


def timed(cases: Mapping[str, Case], steps: Mapping[str, Callable[[], Any]], networks: Mapping[str, Any],
          rounds: int) -> dict[str, Any]:
    """Times steps in turns.

    Returns:
        name -> quartiles of `seconds`, `images_per_second` and `gflops`, a second; `model_gflop` of a step; `times`.
    """
    from benchmarks import flops

    timing.warm_up(next(iter(cases.values())).name, steps.values())
    found = {}
    for name, seconds in timing.interleave(steps, rounds).items():
        gflop = flops.of_step(cases[name], {key: player.network for key, player in networks[name].items()}) / 1e9
        found[name] = {"seconds": timing.quartiles(seconds), "gflops": timing.rates(gflop, seconds),
                       "images_per_second": timing.rates(cases[name].batch, seconds), "model_gflop": gflop,
                       "times": seconds}
    return found


def numbers_of_pictures(case: Case, options: Options, precision: str) -> dict[str, Any]:
    """Number of pictures -> quartiles of `seconds` a step, all `times`, and `memory`: see `memory`, in bytes."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        cache, folders, found = Path(home) / "cache", {}, {}
        for count in options.pictures:
            say(f"{case.name}: memory with {count:,} pictures")
            folders[str(count)] = folder = samples.draw(Path(home) / str(count), count)
            found[str(count)] = {"memory": {
                "decode": memory.alone(memory.decode, folder, samples.side(case), cache),
                "read": memory.alone(memory.read, folder, cache, case, READ),
                "train": memory.alone(memory.train, folder, cache, case, options.rounds, options.threads)}}
        for name, seconds in time_streams(case, folders, cache, options.rounds, precision).items():
            found[name] |= {"seconds": timing.quartiles(seconds), "times": seconds}
    return found


def time_streams(case: Case, folders: Mapping[str, Path], cache: Path, rounds: int, precision: str) -> timing.Times:
    """Seconds of a step on batches of each folder's pictures: means of turns of TURN steps from its stream."""
    from benchmarks import ours

    step, _ = ours.build(case, precision)
    turns = {}
    for name, folder in folders.items():
        batches = samples.batches(case, images.load(folder, samples.side(case), cache).images)
        stream = batches.stream(0, TURN * (timing.WARM_UP + rounds))
        turns[name] = functools.partial(turn, step, stream)
    timing.warm_up(case.name, turns.values())
    return {name: [second / TURN for second in seconds]
            for name, seconds in timing.interleave(turns, rounds).items()}


def turn(step: Callable[[Any], dict[str, float]], stream: Iterator[Any]) -> dict[str, float]:
    """Takes TURN steps; the terms of the last."""
    for _ in range(TURN):
        terms = step(next(stream))
    return terms


def show(case: Case, part: str, found: dict[str, Any]) -> None:
    """Prints one part of one case: a row a variant."""
    if part == "pictures":
        def megabytes(peak: memory.Peak) -> str:
            return f"{peak['anonymous'] / 1e6:,.0f}\n{peak['resident'] / 1e6:,.0f}"

        table.plain(f"{case.name}: number of pictures; memory in MB at its peak, anonymous and below it resident",
                    ("pictures", "s / step", "decoding", "making batches", "training"),
                    [(f"{int(count):,}", table.cell(one["seconds"], "{:.3f}"),
                      *(megabytes(one["memory"][way]) for way in ("decode", "read", "train")))
                     for count, one in found.items()])
        return
    heading, title = {"batch": ("pictures", "batch size"), "size": ("px", "picture size")}[part]
    table.plain(f"{case.name}: {title}", (heading, "s / step", "images / s", "GFLOP a step", "GFLOP/s"),
                [(name, table.cell(one["seconds"], "{:.3f}"), table.cell(one["images_per_second"], "{:.1f}"),
                  f"{one['model_gflop']:,.1f}", table.cell(one["gflops"], "{:.0f}")) for name, one in found.items()])


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
