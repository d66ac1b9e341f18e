"""Shared by all samplers: loading and checking the trained network of a run, and the noise."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common import runtime
from common.errors import StorageError, UserError, out_of_memory, reason, say
from common.files import ROOT
from common.options import option
from common.runs import average_file, command_again, read_config


def run_info(run: Path) -> dict[str, Any]:
    """The config.json of a run folder, empty if it is missing. Raises StorageError if it is damaged."""
    return read_config(run / "config.json") if (run / "config.json").is_file() else {}


WEIGHTS = ("average", "trained")


def weights_option() -> Any:
    """The option `--weights` of every sampler, see `find_network`."""
    return option(None, "average: the network with the average of its weights, of a run that was trained with "
                  "--average; trained: with the weights of the last step (default: average where the run has it)",
                  choices=WEIGHTS)


def demand_sampler(run: Path, sampler: str) -> None:
    """Raises UserError if a run is for another sampler than this one, "hw4_acgan/sample.py" or so, and names it."""
    info = _readable_info(run)
    right = info.get("sampler")
    folder = info.get("report", {}).get("folder")
    if not right and folder != Path(sampler).parent.name:  # an older run
        here = (f"{folder}/{name}" for name in ("sample.py", "translate.py"))
        right = next((script for script in here if (ROOT / script).is_file()), None)
    if right and right != sampler:
        raise UserError(f"--run {run}: is a run for another sampler; use: python {right} --run {shlex.quote(str(run))}")


def _readable_info(run: Path) -> dict[str, Any]:
    """`run_info`, empty if it is damaged: that does no harm to the network."""
    try:
        return run_info(run)
    except StorageError:
        return {}


SHIPPED = ROOT / "weights"  # networks that come with this repository: weights/REPORT.keras, with a card beside it
RESTORE = "restore it: `git checkout weights`"


def find_network(run: Path, train_command: str, file: str = "generator.keras", weights: str | None = None,
                 shipped: str | None = None) -> Path:
    """The file of a finished run's network.

    Args:
        run: the run folder.
        train_command: trains such a run.
        file: of the network as trained.
        weights: one of WEIGHTS; None takes the average where the run has it, and says so.
        shipped: a report whose network in SHIPPED is taken, and said to be, where the folder does not exist.

    Raises:
        UserError: there is no such network; the message has the command that trains one.
    """
    path, average = run / file, run / average_file(file)
    own = SHIPPED / f"{shipped}.keras"
    if shipped and weights is None and not run.exists() and own.is_file():
        say(f"no run in {run}: the network of this repository is used, weights/{own.name}; weights/{shipped}.md says "
            "what it is, --run RUN takes another one")
        return own
    if run.exists() and not run.is_dir():
        raise UserError(f"--run {run}: is a file; give a run folder")
    if not path.is_file():
        state = "is not finished" if (run / "config.json").is_file() else "holds no trained run"
        raise UserError(f"{run} {state}; train it with: {command_again(_readable_info(run), run) or train_command}")
    if weights == "average" and not average.is_file():
        raise UserError(f"--weights average: {run} was trained without --average; leave --weights out")
    if weights == "trained" or not average.is_file():
        return path
    if weights is None:
        say(f"{average.name} is used, the average of the weights; --weights trained is without it")
    return average


def sampled(out: Path | None, network: Path) -> Path:
    """The folder for a sampler's images: `out`, else "sampled" in the run, for a network of SHIPPED in runs/shipped."""
    if out:
        return out.absolute()
    return ROOT / "runs" / "shipped" / network.stem if network.parent == SHIPPED else network.parent / "sampled"


ANY = "any"  # in a shape: any fixed size; None is Keras' None, a size that may vary
Shape = tuple[int | None | str, ...]


def read_network(path: Path) -> Any:
    """Reads a network in safe mode, which executes no code from the file. Import its custom layers before.

    Raises:
        UserError: another version of Keras wrote the file, and this one cannot load it.
        StorageError: the file is damaged or no network.
    """
    runtime.import_tensorflow()
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
        if not isinstance(network, keras.Model):
            raise TypeError(f"it is a single {type(network).__name__} layer")
        _shapes(network)
        if not all(np.isfinite(weight).all() for weight in network.get_weights()):
            raise ValueError("a weight is NaN or infinite")
    except Exception as error:  # Keras may raise anything for an inconsistent description of layers
        if out_of_memory(error):
            raise
        version = _saved_by(path)
        if version not in (None, keras.__version__):
            raise UserError(f"{path}: was saved by Keras {version}, and Keras {keras.__version__} cannot load it; run "
                            f"`pip install keras=={version}`") from None
        remedy = "run the command of its training again: it writes the file anew from the checkpoint" \
            if any((path.parent / "checkpoints").glob("step-*.index")) else "train the run anew with --overwrite"
        remedy = RESTORE if path.parent == SHIPPED else remedy
        raise StorageError(f"{path}: cannot be loaded, it is damaged or not a network ({reason(error)}); "
                           f"{remedy}") from None
    return network


def load_network(path: Path, train_command: str, inputs: Mapping[str, Shape]) -> Any:
    """`read_network`, for a network of images with certain inputs.

    Args:
        path: of `find_network`.
        train_command: trains such a run.
        inputs: the names of the network's inputs, and their shapes without the batch, see ANY.

    Raises:
        UserError: another version of Keras wrote the file, and this one cannot load it.
        StorageError: the file is damaged or is another network.
    """
    network = read_network(path)
    found, given = _shapes(network)
    wrong = ""
    if list(found) != list(inputs):
        wrong = f"takes {', '.join(found)}, not {', '.join(inputs)}"
    elif odd := [name for name, shape in inputs.items() if not _fits(found[name], shape)]:
        wrong = f"takes {odd[0]} of the shape {found[odd[0]]}, not {inputs[odd[0]]}"
    elif len(given) != 4 or given[3] != 3:
        wrong = f"gives {given}, which are not images"
    if wrong:
        raise StorageError(f"{path}: {wrong}: it is another network; give another --run, or train one with: "
                           f"{train_command}")
    return network


def _shapes(network: Any) -> tuple[dict[str, Shape], Shape]:
    """The shape of each input without the batch, and that of the output."""
    return {tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs}, tuple(network.output_shape)


def _saved_by(path: Path) -> str | None:
    """The version of Keras that wrote a network's file; None if the file is not whole, or does not say."""
    try:
        with zipfile.ZipFile(path) as file:
            version = None if file.testzip() else json.loads(file.read("metadata.json"))["keras_version"]
            return version if re.fullmatch(r"[0-9]+(\.[0-9a-z]+)+", version) else None
    except Exception:  # of what is no archive, or a damaged one, zipfile raises much
        return None


def _fits(found: Shape, wanted: Shape) -> bool:
    return len(found) == len(wanted) and all(a is not None if b == ANY else a == b
                                             for a, b in zip(found, wanted, strict=True))


@contextlib.contextmanager
def refusing_other_networks(path: Path, train_command: str) -> Iterator[None]:
    """Raises StorageError if the network of a file, used in the block, does not accept its inputs."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError:
        raise StorageError(f"{path}: does not accept its inputs: it is another network; give another "
                           f"--run, or train one with: {train_command}") from None


def noise(seed: int, condition: int, count: int, size: int) -> np.ndarray:
    """z for `count` images of one condition: float32 [count, size] from N(0, 1), a function of the arguments."""
    return np.random.default_rng([seed, condition]).standard_normal((count, size), np.float32)
