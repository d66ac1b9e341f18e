"""`python tools/results.py [RUNS]`: finished runs on the embedded data -> results/ and the table in docs/results.md.

Copies metrics.json, config.json (which has the command), the logs, the last sample grid, the chart, the curves and the
animation of every run folder RUNS/FOLDER/VARIANT with the preset quick into results/FOLDER/VARIANT,
small enough to commit, and writes the table between the marks in docs/results.md from them. Runs with an --out of their
own are passed over, and those on other data: no figure that shows the course's pictures goes into the repository.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import gallery
from common.errors import UserError
from common.files import ROOT, atomic

FILES = ("metrics.json", "config.json", "log.csv", "timing.csv", "curves.png")
SOME = ("accuracy.csv", "accuracy.png")  # files that not every run has
BEGIN, END = "<!-- results: written by tools/results.py -->", "<!-- end of results -->"


def copy(run: gallery.RunSummary, results: Path) -> bool:
    """Copies one run's small files; False if it is unfinished, in a folder of its own or on other data."""
    embedded = run.config.get("data_folder") == "embedded" and not run.config.get("other_pictures")
    quick = run.config.get("preset") == "quick"
    usual = run.name == f"{run.folder}/{run.variant}"
    if run.problems or not embedded or not quick or not usual:
        why = "; ".join(run.problems) or ("is not on the embedded data" if not embedded else "is no quick run"
                                          if not quick else f"is not in {run.folder}/{run.variant}")
        print(f"passed over: {run.name}: {why}")
        return False
    target, new = results / run.folder / run.variant, results / run.folder / f".{run.variant}"
    shutil.rmtree(new, ignore_errors=True)
    (new / "samples").mkdir(parents=True)
    for name in [*FILES, *(name for name in SOME if (run.path / name).exists())]:
        shutil.copy(run.path / name, new / name)
    grid = run.pictures["samples"].path
    Image.open(run.path / grid).quantize(256).save(new / grid, optimize=True)  # made pictures compress badly
    if "chart" in run.pictures:
        Image.open(run.path / run.pictures["chart"].path).save(new / "chart.webp", quality=75)
    if "progress" in run.pictures:
        shutil.copy(run.path / run.pictures["progress"].path, new / "progress.webp")
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return True


def write_table(page: Path, results: Path) -> None:
    """Replaces what stands between the marks in a page."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise UserError(f"{page}: the marks {BEGIN} and {END} are gone; put them where the table belongs")
    table = gallery.markdown(gallery.collect(results))
    new = re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL)
    with atomic(page) as temporary:
        temporary.write_text(new, encoding="utf-8")


def main() -> int:
    """Exit code 0, or 2 with a line on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, default=ROOT / "runs", help="default: runs/ in the repository")
    runs = parser.parse_args().runs
    try:
        copied = [run for run in gallery.collect(runs) if copy(run, ROOT / "results")]
        if not copied:
            raise UserError(f"{runs}: no finished quick run on the embedded data; `bash run_all.sh` makes them")
        write_table(ROOT / "docs" / "results.md", ROOT / "results")
    except (UserError, OSError) as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 2
    print(f"{len(copied)} runs copied to {ROOT / 'results'}, table written to docs/results.md; README.md's verdicts "
          "are kept by hand")
    return 0


if __name__ == "__main__":
    sys.exit(main())
