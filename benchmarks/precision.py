"""What bfloat16 does to quality: the same trainings in float32 and in bfloat16, over several seeds.

Each is a process of its own that runs a report's train.py with `--preset quick` on the embedded data, and is measured
as every run is. A finished run is not trained again, so a comparison that was stopped goes on. README.md here says how
to read the table.

    python benchmarks/precision.py                                  # every report, 3 seeds: some three hours
    python benchmarks/precision.py --reports acgan_onehot --steps 1000
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import script
from common import files, runs
from common.errors import Failure, UserError, say
from common.options import check_ranges, option, run_script

RUNS = {  # name -> train.py and its options
    "acgan_onehot": ("hw4_acgan/train.py", "--condition", "onehot"),
    "acgan": ("hw4_acgan/train.py",),
    "dcgan": ("hw3_dcgan_lsgan/train.py", "--model", "dcgan"),
    "text2image": ("text2image_cdcgan/train.py",),
    "wgan_gp": ("wgan_gp_text/train.py",),
    "lab5_cgan": ("lab5_cgan/train.py",),
    "lab5_acgan": ("lab5_cgan/train.py", "--model", "acgan", "--class-weight", "24"),
}
MEASURES = {  # name -> section of metrics.json and its entry, and whether more is better
    "hair": ("condition_accuracy", "hair", True), "eyes": ("condition_accuracy", "eyes", True),
    "test.json": ("accuracy", "test", True), "new_test.json": ("accuracy", "new_test", True),
    "Frechet distance": ("frechet", "fake", False),
    # means over the checks in the later half of a run: they go up and down, and the last one is but one of them
    "hair, later half": ("later", "hair", True), "eyes, later half": ("later", "eyes", True),
    "Frechet, later half": ("later", "frechet", False),
}


@dataclass(frozen=True)
class Options:
    """Which trainings, how long, and where to."""

    reports: tuple[str, ...] = option((), f"which: {', '.join(RUNS)} (default: all)", metavar="NAME")
    seeds: int = option(3, "trainings in each precision, with the seeds 1, 2, ...", metavar="N", within=(2, 100))
    steps: int | None = option(None, "length of each training (default: that of its quick preset)", metavar="N",
                               within=(1, 10_000_000))
    out: Path = option(files.ROOT / "runs" / "precision", "folder for the runs and precision.json", metavar="DIR")
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError for values that make no sense."""
        for name in self.reports:
            if name not in RUNS:
                raise UserError(f"--reports {name}: unknown; choose from {', '.join(RUNS)}")
        check_ranges(self)


def main(options: Options) -> None:
    """Trains what is not trained yet, seed after seed; the table and precision.json come after each report."""
    results = {}
    for name in options.reports or RUNS:
        measured = {"float32": [], "bfloat16": []}
        for seed in range(1, options.seeds + 1):
            for precision, metrics in measured.items():
                metrics.append(train(name, precision, seed, options))
        results[name] = compare(measured)
        script.show(name, {measure: {
            **{precision: ", ".join(f"{value:.3f}" for value in found[precision]) for precision in measured},
            "difference": f"{found['difference']:+.3f} +- {found['error']:.3f}",
            "bfloat16 hurts": "yes" if found["hurts"] else "no"} for measure, found in results[name].items()})
        files.write_json(options.out / "precision.json", {"steps": options.steps, "reports": results})


def train(name: str, precision: str, seed: int, options: Options) -> dict[str, Any]:
    """One training, unless it is there; its metrics.json, and under `later` what `later_half` gives."""
    folder = options.out / name / f"{precision}-{seed}"
    if not (folder / "metrics.json").exists():
        say(f"{name}, {precision}, seed {seed}")
        train_py, *words = RUNS[name]
        steps = ["--steps", str(options.steps)] if options.steps else []
        done = subprocess.run([sys.executable, files.ROOT / train_py, *words, *steps, "--preset", "quick",
                               "--precision", precision, "--seed", str(seed), "--out", folder], check=False)
        if done.returncode:
            raise Failure(f"{train_py} in {folder} ended with {done.returncode}; its own message says why")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if options.steps not in (None, metrics["steps"]):
        raise UserError(f"{folder}: was trained for {metrics['steps']} steps, not {options.steps}; give another --out")
    return {**metrics, "later": later_half(runs.read_log(folder, "accuracy.csv"))}


def later_half(rows: Sequence[runs.Row]) -> dict[str, float]:
    """The mean of each column of accuracy.csv over the later half of its rows."""
    later = rows[len(rows) // 2:]
    return {name: statistics.mean(float(row[name]) for row in later) for name in (later[0] if later else ())}


def compare(measured: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What the two precisions reached, measure by measure.

    Args:
        measured: precision -> metrics.json of each seed.

    Returns:
        measure -> each precision's values; `difference` of their means, bfloat16 less float32; its standard error
        `error`; `hurts`: whether bfloat16 is worse by more than twice that.
    """
    compared = {}
    for name, (section, entry, more_is_better) in MEASURES.items():
        values = {precision: [(metrics.get(section) or {}).get(entry) for metrics in seeds]
                  for precision, seeds in measured.items()}
        if None in values["float32"] + values["bfloat16"]:
            continue
        difference = statistics.mean(values["bfloat16"]) - statistics.mean(values["float32"])
        error = sum(statistics.variance(numbers) / len(numbers) for numbers in values.values()) ** 0.5
        loss = -difference if more_is_better else difference
        compared[name] = {**values, "difference": difference, "error": error, "hurts": loss > 2 * error}
    return compared


if __name__ == "__main__":
    run_script(Options, main, description=__doc__)
