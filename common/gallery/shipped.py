"""The page of the networks in weights/: they draw what a visitor may play with; all else is in results/."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

from common import runtime, sampling
from common.errors import UserError
from common.files import ROOT


def make(out: Path) -> None:
    """Fills a folder, so that `gallery.write` makes the page of it: weights/, seen through results/.

    Raises:
        UserError: there is no network, or OUT holds something else.
        StorageError: a network is damaged.
    """
    networks = sorted(sampling.SHIPPED.glob("*.keras"))
    if not networks:
        raise UserError(f"{sampling.SHIPPED}: no network here; restore the folder from the repository")
    known = {"index.html", *(file.stem for file in networks)}
    if out.exists() and any(path.name not in known for path in out.iterdir()):
        raise UserError(f"{out}: holds something else; give another folder")
    runtime.import_tensorflow()
    import keras

    for file in networks:
        name = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["run"]
        shutil.rmtree(out / file.stem, ignore_errors=True)
        shutil.copytree(ROOT / "results" / name, out / name)
        importlib.import_module(f"{file.stem}.model")  # registers its layers
        network = keras.saving.load_model(file, compile=False, safe_mode=True)
        importlib.import_module(f"{file.stem}.sample").explore(network).write(out / name)
