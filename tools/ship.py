"""`python tools/ship.py RUN`: the generator of a finished run -> weights/REPORT.keras, with a model card beside it.

Its weights are rounded to bfloat16, kept as float32 and deflated, which halves the file; Keras loads it as any other.
It is measured as trained and as rounded: rounding may cost half a point of accuracy, else nothing is written. Only runs
on the embedded data are taken, of reports whose sampler has `explore`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import runtime, sampling
from common.errors import DONE, Failure, StorageError, UserError, say
from common.files import ROOT, atomic, write_json

if TYPE_CHECKING:
    import keras

Generate = Callable[..., np.ndarray]
COST = 0.005       # of accuracy, that rounding may cost
LARGEST = 12e6     # bytes of a file
FACES = """hair, eyes = np.full(8, tags.HAIR.index("blue")), np.full(8, tags.EYES.index("red"))
images = model.generate(generator, z, hair, eyes)"""
SCENES = """label = labels.multi_hot([labels.numbers(["red cube", "cyan sphere"], "")] * 8)
images = model.generate(generator, z, label)"""
WHAT = {  # report -> what its network draws, the sampler's options, and the same from Python
    "hw4_acgan": ("anime faces of 64x64 pixels by hair and eye colour", "--hair blue --eyes red", FACES),
    "text2image_cdcgan": ("anime faces of 64x64 pixels by hair and eye colour", "--hair blue --eyes red", FACES),
    "lab5_cgan": ("scenes of 64x64 pixels with the objects that are asked for", '--objects "red cube"', SCENES),
}


def rounded(network: keras.Model) -> keras.Model:
    """Its twin in float32 with weights rounded to bfloat16."""
    from common import networks

    twin = networks.float32_twin(network)
    twin.set_weights([weight.astype("bfloat16").astype(weight.dtype) if weight.dtype == np.float32 else weight
                      for weight in twin.get_weights()])
    return twin


def deflate(network: keras.Model, path: Path) -> None:
    """Saves a network with its archive compressed."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "network.keras"
        network.save(plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
            for entry in source.infolist():  # with a fixed time: the same network gives the same file
                new.writestr(zipfile.ZipInfo(entry.filename), source.read(entry), zipfile.ZIP_DEFLATED, 9)


def accuracies(folder: str, generators: list[keras.Model]) -> list[dict[str, float]]:
    """The accuracy of each generator under the same noise: of hair and eyes, or on test.json and new_test.json."""
    model = importlib.import_module(f"{folder}.model")
    z = generators[0].input_shape[0][-1]
    if folder == "lab5_cgan":
        from lab5_cgan import iclevr, measures

        data, names = iclevr.load(None, "crop"), tuple(iclevr.TESTS)

        def measured(generate: Generate) -> dict[str, Any]:
            return measures.Accuracy(SimpleNamespace(info={}), data, generate, z).accuracy()
    else:
        from common.anime import data as anime
        from common.anime import evaluation

        faces, names = anime.load([], 64, keep="exactly_one"), ("hair", "eyes")

        def measured(generate: Generate) -> dict[str, Any]:
            return evaluation.Evaluation(faces, generate, z).accuracy(evaluation.ROUNDS)

    found = (measured(functools.partial(model.generate, one)) for one in generators)
    return [{name: accuracy[name] for name in names} for accuracy in found]


def card(folder: str, info: dict[str, Any], metrics: dict[str, Any], about: dict[str, Any]) -> str:
    """The model card, in Markdown."""
    draws, options, lines = WHAT[folder]
    imports = "labels, model" if folder == "lab5_cgan" else "model"
    tags = "" if folder == "lab5_cgan" else "from common.anime import tags\n"
    numbers = "; ".join(f"{name} {value:.1%}" for name, value in about["accuracy"].items())
    return f"""# weights/{folder}.keras

Draws {draws}. `python {folder}/sample.py {options}` uses it
as long as there is no run of your own: in seconds, without training.

| | |
|---|---|
| network | the generator of [{folder}](../{folder}/README.md), the report's layers |
| trained by | `{info["command"]}`, seed {info["settings"]["seed"]} |
| revision | {", ".join(info.get("revisions", []))} |
| data | the embedded set, which this repository draws by code; no real image was used |
| measured | {metrics["verdict"]} |
| rounding | weights rounded to bfloat16; accuracy before {about["before"]}, after: {numbers} |
| weights | {"the average of the last part of the run" if metrics.get("weights") == "average" else "of the last step"} |
| sha256 | `{about["sha256"]}` |

Limits: it knows the embedded set alone, which is simpler than the reports' data. It draws nobody: no face of a person
was in its training. All measures of the run: [results/{about["run"]}](../results/{about["run"]}/metrics.json).

In plain Keras, from the root of the repository:

```python
import keras
import numpy as np
{tags}from {folder} import {imports}

generator = keras.saving.load_model("weights/{folder}.keras", compile=False)
z = np.random.default_rng(0).standard_normal((8, 100), np.float32)
{lines}    # uint8 [8, 64, 64, 3]
```
"""


def ship(run: Path, weights: Path = sampling.SHIPPED) -> Path:
    """Writes weights/REPORT.keras, .md and .json; the file of the network.

    Raises:
        UserError: the run is not the one in results/, not on the embedded data, or of another report.
        StorageError: rounding costs too much, the file is too large, or it cannot be written.
    """
    info = sampling.run_info(run)
    folder, variant = (info.get("report", {}).get(name) for name in ("folder", "variant"))
    if folder not in WHAT:
        raise UserError(f"{run}: is no run of {', '.join(WHAT)}")
    if info.get("data_folder") != "embedded" or not (run / "metrics.json").is_file():
        raise UserError(f"{run}: is not on the embedded data, or was not measured; nothing else is shipped")
    kept = ROOT / "results" / folder / variant / "metrics.json"
    if not kept.is_file() or kept.read_bytes() != (run / "metrics.json").read_bytes():
        raise UserError(f"{run}: is not the run in results/{folder}/{variant}, of which the card speaks; first run "
                        "`python tools/results.py`")
    source = sampling.find_network(run, f"python {folder}/train.py --preset quick")
    runtime.import_tensorflow()
    importlib.import_module(f"{folder}.model")
    network = sampling.load_network(source, f"{folder}/train.py", importlib.import_module(f"{folder}.sample").INPUTS)
    small = rounded(network)
    before, after = accuracies(folder, [network, small])
    cost = max(before[name] - after[name] for name in before)
    if cost > COST:
        raise StorageError(f"{run}: rounding costs {cost:.1%} of accuracy, more than {COST:.1%}; not written")
    weights.mkdir(exist_ok=True)
    path = weights / f"{folder}.keras"
    with atomic(path) as temporary:
        deflate(small, temporary)
        if temporary.stat().st_size > LARGEST:
            raise StorageError(f"{path}: has {temporary.stat().st_size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    about = {"run": f"{folder}/{variant}", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "accuracy": after,
             "before": ", ".join(f"{name} {value:.1%}" for name, value in before.items())}
    write_json(path.with_suffix(".json"), about)
    path.with_suffix(".md").write_text(card(folder, info, metrics, about), encoding="utf-8")
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB; accuracy before {about['before']}, after "
        + ", ".join(f"{name} {value:.1%}" for name, value in after.items()))
    return path


def main(words: list[str] | None = None) -> int:
    """Exit code 0, or that of the error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run on the embedded data")
    try:
        ship(parser.parse_args(words).run)
    except Failure as error:
        print(f"ship.py: {error}", file=sys.stderr)
        return error.code
    return DONE


if __name__ == "__main__":
    sys.exit(main())
