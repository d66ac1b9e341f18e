"""`python tools/results.py [RUNS]`: finished runs on the embedded data -> results/ and the tables in docs/results.md.

Copies metrics.json, config.json (which has the command), the logs, the last sample grid, the chart, the curves and the
animation of every run folder RUNS/FOLDER/VARIANT with the preset quick into results/FOLDER/VARIANT, small enough to
commit. Of further seeds, in RUNS/FOLDER/VARIANT_seed_N, the measures alone are kept: metrics_seed_N.json beside them.
The tables between the marks in docs/results.md are written from what is there. Runs with an --out of their own are
passed over, and those on other data: no figure that shows the course's pictures goes into the repository.

`python tools/results.py RUNS --long`: every finished run there -> results/long/FOLDER/NAME, whatever its data and its
length, with the log thinned to 1,000 rows. On other data than the embedded sets only generated images are copied:
nothing of a CycleGAN or an MSG-Net, whose grids show what goes in, and no path of the data.
"""

import argparse
import csv
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import gallery, markdown
from common.claims import results as claims
from common.claims.tables import percent
from common.claims.verdicts import spread
from common.errors import UserError
from common.files import ROOT, atomic, atomic_folder, write_json
from common.gallery.summary import dig

FILES = ("metrics.json", "config.json", "log.csv", "timing.csv", "curves.png")
ROWS = 1000  # of a long run's log
SOME = ("accuracy.csv", "accuracy.png")  # files that not every run has
MARKS = "<!-- {name}: written by tools/results.py -->", "<!-- end of {name} -->"
SEED = "metrics_seed_{}.json"
MEASURES = {"hair": "condition_accuracy.hair", "eyes": "condition_accuracy.eyes", "test.json": "accuracy.test",
            "new_test.json": "accuracy.new_test", "A to B": "translation.AtoB.as_asked",
            "B to A": "translation.BtoA.as_asked", "Frechet": "frechet.fake", "SSIM": "diversity.ssim",
            "face test": "face_test.found", "style": "style.drawing"}
WORDS = "condition_effect.verdict", "diversity.verdict"


def copy(run: gallery.RunSummary, results: Path) -> bool:
    """Copies one quick run's small files; False if it is unfinished, in a folder of its own or on other data."""
    quick = run.config.get("preset") == "quick"
    seed, place = run.metrics.get("seed"), f"{run.folder}/{run.variant}"
    if run.problems or not on_embedded_data(run) or not quick or run.name not in (place, f"{place}_seed_{seed}"):
        why = "; ".join(run.problems) or ("is not on the embedded data" if not on_embedded_data(run) else
                                          "is no quick run" if not quick else f"is not in {place}")
        print(f"passed over: {run.name}: {why}")
        return False
    target = results / run.folder / run.variant
    if run.name != place:
        target.mkdir(parents=True, exist_ok=True)
        write_json(target / SEED.format(seed),
                   {**{name: run.config.get(name) for name in ("command", "revisions")}, **run.metrics})
        return True
    with atomic_folder(target, replace=True) as new:
        for name in FILES:
            shutil.copy(run.path / name, new / name)
        copy_pictures(run, new)
        for seeds in target.glob(SEED.format("*")):
            shutil.copy(seeds, new)
    return True


def copy_long(run: gallery.RunSummary, results: Path) -> bool:
    """Copies a finished run with its length beside that of the report's own; False if that cannot be read."""
    if run.problems or not run.metrics:
        print(f"passed over: {run.name}: {'; '.join(run.problems) or 'is not finished'}")
        return False
    try:
        config = without_paths(run.config | {"length": claims.length(run.path, run.metrics, run.config)})
    except claims.UNREADABLE as error:
        print(f"passed over: {run.name}: is of an older version, or damaged ({error!r})")
        return False
    with atomic_folder(results / "long" / run.folder / run.label.replace("/", "_"), replace=True) as new:
        write_json(new / "config.json", config)
        for name in ("metrics.json", "timing.csv", "curves.png"):
            shutil.copy(run.path / name, new)
        columns = claims.columns(run.path, "log.csv", ROWS)
        with (new / "log.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        if on_embedded_data(run) or not shows_its_data(run):
            copy_pictures(run, new)
    return True


def without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """config.json with the last name of each data folder in place of its path."""
    folders = config["data_folder"] if isinstance(config["data_folder"], list) else [config["data_folder"]]
    text = json.dumps(config)
    for folder in sorted([*folders, *(config.get("other_pictures") or [])], key=len, reverse=True):
        text = text.replace(json.dumps(folder)[1:-1], Path(folder).name)
    return json.loads(text)


def on_embedded_data(run: gallery.RunSummary) -> bool:
    """Whether all that the run saw was drawn by code."""
    return run.config.get("data_folder") == "embedded" and not run.config.get("other_pictures")


def shows_its_data(run: gallery.RunSummary) -> bool:
    """Whether the run's grids have the images that go in beside those that come out."""
    return "report" not in run.config or run.folder == "cyclegan_style" or run.variant.startswith("msgnet")


def copy_pictures(run: gallery.RunSummary, new: Path) -> None:
    """The last grid, the chart, the accuracy of the checks and the animation, as far as the run has them."""
    for name in (name for name in SOME if (run.path / name).exists()):
        shutil.copy(run.path / name, new / name)
    grid = run.pictures["samples"].path
    (new / grid).parent.mkdir()
    Image.open(run.path / grid).quantize(256).save(new / grid, optimize=True)  # made pictures compress badly
    if "chart" in run.pictures:
        Image.open(run.path / run.pictures["chart"].path).save(new / "chart.webp", quality=75)
    if "progress" in run.pictures:
        shutil.copy(run.path / run.pictures["progress"].path, new / "progress.webp")


def over_seeds(results: Path) -> str:
    """The measures of runs of which several seeds are there, as Markdown: mean +- standard deviation; "" without one.

    A seed that another command made is named, and does not count.
    """
    rows = []
    for path in sorted({path.parent for path in results.glob(f"*/*/{SEED.format('*')}")}):
        if not (path / "metrics.json").exists():
            print(f"note: {path}: has other seeds of a run that is not there")
            continue
        command = claims.essence(json.loads((path / "config.json").read_text())["command"])
        main = json.loads((path / "metrics.json").read_text())
        by_seed = {main["seed"]: main}
        for file in path.glob(SEED.format("*")):
            one = json.loads(file.read_text())
            if claims.essence(one["command"]) != command:
                print(f"note: {file}: does not count, another command made it")
            else:
                by_seed.setdefault(one["seed"], one)
        metrics = [by_seed[seed] for seed in sorted(by_seed)]
        if len(metrics) < 2:
            continue
        cells = []
        for name, place in MEASURES.items():
            values = [dig(one, place) for one in metrics]
            if None not in values:
                cells.append(f"{name} {spread(values)}")
        counts = [Counter(words) for words in ([dig(one, place) for one in metrics] for place in WORDS)
                  if None not in words]
        said = [f"{word}: {count} of {len(metrics)}" for words in counts for word, count in words.items()]
        rows.append([path.parent.name, path.name, ", ".join(map(str, sorted(by_seed))), "; ".join(cells),
                     "; ".join(said)])
    if not rows:
        return ""
    return "Over several seeds, mean and standard deviation:\n\n" + \
        markdown.table(["report", "variant", "seeds", "measures", "verdicts"], rows)


def long_runs(results: Path) -> str:
    """The runs in results/long, as Markdown; "" without one."""
    rows = []
    for path in sorted((results / "long").glob("*/*/config.json")):
        config, metrics = (json.loads(path.with_name(name).read_text()) for name in ("config.json", "metrics.json"))
        length, data = config["length"], config["data_folder"]
        rows.append([path.parent.parent.name, path.parent.name, data if isinstance(data, str) else ", ".join(data),
                     f"{metrics['steps']:,}", f"{length['minutes']:.0f}", f"{length['images']:,}",
                     percent(length["share"]), str(metrics.get("verdict"))])
    if not rows:
        return ""
    names = ["report", "run", "data", "steps", "minutes", "images", "of the report's", "verdict"]
    return "Long runs, in `results/long/`:\n\n" + markdown.table(names, rows, right=names[3:7])


def write_tables(page: Path, results: Path) -> None:
    """Replaces what stands between the marks in a page."""
    text = page.read_text(encoding="utf-8")
    quick = [run for run in gallery.collect(results) if not run.name.startswith("long/")]
    for name, table in (("results", gallery.markdown(quick)), ("seeds", over_seeds(results)),
                        ("long", long_runs(results))):
        begin, end = (mark.format(name=name) for mark in MARKS)
        if begin not in text or end not in text:
            raise UserError(f"{page}: the marks {begin} and {end} are gone; put them where the table belongs")
        text = re.sub(re.escape(begin) + ".*" + re.escape(end), lambda _, new=f"{begin}\n{table}\n{end}": new, text,
                      flags=re.DOTALL)
    with atomic(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main() -> int:
    """Exit code 0, or 2 with a line on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, help="default: runs/ in the repository")
    parser.add_argument("--long", action="store_true", help="all finished runs, to results/long")
    options = parser.parse_args()
    if options.long and options.runs is None:
        parser.error("--long: name the folder of the long runs")
    runs = options.runs or ROOT / "runs"
    try:
        copied = [run for run in gallery.collect(runs) if (copy_long if options.long else copy)(run, ROOT / "results")]
        if not copied:
            raise UserError(f"{runs}: no finished run" if options.long else
                            f"{runs}: no finished quick run on the embedded data; `bash run_all.sh` makes them")
        write_tables(ROOT / "docs" / "results.md", ROOT / "results")
    except (UserError, OSError) as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 2
    print(f"{len(copied)} runs copied to {ROOT / 'results'}, tables written to docs/results.md; README.md's verdicts "
          "are kept by hand")
    return 0


if __name__ == "__main__":
    sys.exit(main())
