"""The page of the networks in weights/: they draw what a visitor may play with; all else is in results/."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

from common import runtime, sampling
from common.errors import StorageError, UserError
from common.files import ROOT, make_folder
from common.gallery.reading import SHIPPED_PAGE


def make(out: Path) -> None:
    """Fills a folder, so that `gallery.write` makes the page of it: weights/, seen through results/.

    Raises:
        UserError: there is no network, or OUT holds something else than such a page.
        StorageError: a file in weights/ is damaged.
    """
    networks = sorted(sampling.SHIPPED.glob("*.keras"))
    if not networks:
        raise UserError(f"{sampling.SHIPPED}: no network here; {sampling.RESTORE}")
    if out.is_dir() and any(out.iterdir()) and not (out / SHIPPED_PAGE).exists():
        raise UserError(f"{out}: holds something else; give a new or an empty folder")
    runtime.import_tensorflow()
    explorers = {}
    for file in networks:
        try:
            name = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["run"]
        except (OSError, ValueError, LookupError) as error:
            raise StorageError(
                f"{file.with_suffix('.json')}: cannot be read ({error}); {sampling.RESTORE}") from None
        importlib.import_module(f"{file.stem}.model")  # registers its layers
        explorers[name] = importlib.import_module(f"{file.stem}.sample").explore(file)
    make_folder(out, "RUNS")
    (out / SHIPPED_PAGE).touch()
    for name, explorer in explorers.items():
        shutil.rmtree(out / name, ignore_errors=True)
        shutil.copytree(ROOT / "results" / name, out / name)
        explorer.write(out / name)
