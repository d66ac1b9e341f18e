"""What every report's `sample.py` shares: its options, its text file, the trained generator, grids, pictures' files."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from common import plots, runtime, tags
from common.cli import StorageError, UserError, check_ranges, option, out_of_memory, reason, say
from common.files import make_folder
from common.runs import read_config

GRID_EYES = ("blue", "red", "green", "brown", "purple", "yellow")  # the rows of a run's sample grid
Draw = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # z [N, Z], hair [N], eyes [N] -> uint8 [N, S, S, 3]


@dataclass(frozen=True)
class Options:
    """The options of a conditional report's sampler."""

    run: Path | None = option(None, "the trained run (default: the folder that train.py uses)", metavar="RUN")
    out: Path | None = option(None, "where the pictures go (default: RUN/sampled)", metavar="DIR")
    text: Path | None = option(None, "file with lines such as `1,blue hair red eyes`", metavar="FILE")
    hair: str | None = option(None, "hair colour, in place of --text", choices=tags.HAIR)
    eyes: str | None = option(None, "eye colour, in place of --text", choices=tags.EYES)
    count: int = option(5, "pictures a line", metavar="N", within=(1, 10_000))
    chart: bool = option(False, "draw all hair by all eye colours in one picture, chart.png")
    seed: int = option(0, "seed of the noise", metavar="N", within=(0, 2**31 - 1))
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError where nothing, too much or half a condition is asked for."""
        if (self.hair is None) != (self.eyes is None):
            raise UserError("--hair and --eyes belong together: give both")
        if self.text and self.hair:
            raise UserError("--text, or --hair and --eyes: not both")
        if not (self.text or self.hair or self.chart):
            raise UserError("nothing to draw: give --text FILE, --hair COLOUR --eyes COLOUR, or --chart")
        check_ranges(self)


class Condition(NamedTuple):
    """What one line of a text file asks for: its id, and indices into tags.HAIR and tags.EYES."""

    id: int
    hair: int
    eyes: int


def read_text(path: Path) -> list[Condition]:
    """Reads lines such as `1,blue hair red eyes`, see `tags.read`.

    Raises:
        UserError: naming the line, for anything else.
    """
    table = tags.read(path)
    if len(tags.exactly_one(table)) < len(table):
        odd = min(set(table["id"]) - set(tags.exactly_one(table)["id"]))
        raise UserError(f"{path}:{tags.line_of(path, odd)}: id {odd} does not ask for one hair and one eye colour; "
                        "write it as `1,blue hair red eyes`")
    hair, eyes = tags.labels(table)
    return [Condition(int(key), int(h), int(e)) for key, h, e in zip(table["id"], hair, eyes, strict=True)]


def settings(run: Path) -> dict[str, Any]:
    """The config.json of a run folder, empty where there is none. Raises StorageError for a damaged one."""
    return read_config(run / "config.json") if (run / "config.json").is_file() else {}


def find_network(run: Path, train_command: str, file: str = "generator.keras") -> Path:
    """The file of a finished run's network. Raises UserError with the command that trains one where there is none."""
    path = run / file
    if run.exists() and not run.is_dir():
        raise UserError(f"--run {run}: is a file; give a run folder")
    if not path.is_file():
        state = "is not finished" if (run / "config.json").is_file() else "holds no trained run"
        raise UserError(f"{run} {state}; train it with: {train_command}")
    return path


ANY = "any"  # in a shape: a size, whichever it is; None is Keras' own None, which takes every size
Shape = tuple[int | None | str, ...]


def load_network(path: Path, train_command: str, inputs: Mapping[str, Shape]) -> Any:
    """A network from its file, of which nothing is executed (safe mode); layers of its own are imported before.

    Args:
        path: of `find_network`.
        train_command: trains such a run.
        inputs: the names of the network's inputs, and their shapes without the batch, see ANY.

    Raises:
        StorageError: the file is damaged or holds something else.
    """
    runtime.import_tensorflow()
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
        if not isinstance(network, keras.Model):
            raise TypeError(f"it is a {type(network).__name__} layer alone")
        found = {tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs}
        given = tuple(network.output_shape)
        if not all(np.isfinite(weight).all() for weight in network.get_weights()):
            raise ValueError("a weight is NaN or infinite")
    except Exception as error:  # a description of layers that does not hold together makes Keras raise anything
        if out_of_memory(error):
            raise
        raise StorageError(f"{path}: cannot be loaded, it is damaged or no network ({reason(error)}); "
                           "train the run anew with --overwrite") from None
    wrong = ""
    if list(found) != list(inputs):
        wrong = f"takes {', '.join(found)}, not {', '.join(inputs)}"
    elif odd := [name for name, shape in inputs.items() if not _fits(found[name], shape)]:
        wrong = f"takes {odd[0]} of the shape {found[odd[0]]}, not {inputs[odd[0]]}"
    elif len(given) != 4 or given[3] != 3:
        wrong = f"gives {given}, which are no pictures"
    if wrong:
        raise StorageError(f"{path}: {wrong}: it is another network; give another --run, or train one with: "
                           f"{train_command}")
    return network


def _fits(found: Shape, wanted: Shape) -> bool:
    return len(found) == len(wanted) and all(a is not None if b == ANY else a == b
                                             for a, b in zip(found, wanted, strict=True))


@contextlib.contextmanager
def drawing(path: Path, train_command: str) -> Iterator[None]:
    """Draws with the network of a file. Raises StorageError where it does not take the numbers that it is given."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError:
        raise StorageError(f"{path}: does not take the numbers that it is given: it is another network; give another "
                           f"--run, or train one with: {train_command}") from None


def noise(seed: int, condition: int, count: int, size: int) -> np.ndarray:
    """z for `count` pictures of one condition: float32 [count, size] from N(0, 1), a function of the numbers given."""
    return np.random.default_rng([seed, condition]).standard_normal((count, size), np.float32)


def table(draw: Draw, z: int, eyes: Sequence[str] = GRID_EYES, seed: int = 0) -> Image.Image:
    """A picture: a column a hair colour, a row an eye colour; each row has its own noise, the same in all columns."""
    noises = np.repeat(noise(seed, 0, len(eyes), z), len(tags.HAIR), axis=0)
    hair = np.tile(np.arange(len(tags.HAIR)), len(eyes))
    images = draw(noises, hair, np.repeat([tags.EYES.index(name) for name in eyes], len(tags.HAIR)))
    return plots.grid(images, [f"{name} hair" for name in tags.HAIR], [f"{name} eyes" for name in eyes])


def write(options: Options, run: Path, train_script: str, inputs: Mapping[str, Shape],
          drawer: Callable[[Any], Draw], eyes: Sequence[str] = tags.EYES) -> None:
    """Loads the run's generator and writes `sample_{id}_{k}.jpg` for each condition, and `chart.png` if asked for.

    Args:
        options: of the command line.
        run: the run folder.
        train_script: e.g. "hw4_acgan/train.py", for the message that there is no run.
        inputs: of the generator, the noise first, see `load_network`.
        drawer: generator -> the function that draws with it.
        eyes: the eye colours that the generator knows.
    """
    conditions = read_text(options.text) if options.text else []
    if options.hair:
        conditions = [Condition(1, tags.HAIR.index(options.hair), tags.EYES.index(options.eyes))]
    for condition in conditions:
        if tags.EYES[condition.eyes] not in eyes:
            raise UserError(f"{tags.EYES[condition.eyes]} eyes: this generator was not trained on them; ask for one of "
                            f"{', '.join(eyes)}")
    command = f"python {train_script} --preset quick" + (f" --out {shlex.quote(str(run))}" if options.run else "")
    file = find_network(run, command)
    out = make_folder((options.out or run / "sampled").absolute(), "--out")
    generator = load_network(file, command, inputs)
    draw, size = drawer(generator), generator.input_shape[0][-1]
    with drawing(file, command):
        for condition in conditions:
            z = noise(options.seed, condition.id, options.count, size)
            images = draw(z, np.full(options.count, condition.hair), np.full(options.count, condition.eyes))
            for number, image in enumerate(images, 1):
                plots.save(image, out / f"sample_{condition.id}_{number}.jpg", quality=95, subsampling=0)
        if options.chart:
            plots.save(table(draw, size, eyes, options.seed), out / "chart.png")
    say(f"{len(conditions) * options.count + options.chart} pictures in {out}")
