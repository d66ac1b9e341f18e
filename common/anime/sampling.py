"""Shared by the samplers of tagged faces: options, text file, charts of hair by eyes, output files."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from common import plots, sampling
from common.anime import tags
from common.errors import UserError, say
from common.files import make_folder
from common.options import check_ranges, option

GRID_EYES = ("blue", "red", "green", "brown", "purple", "yellow")  # the rows of a run's sample grid
Generate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # z [N, Z], hair [N], eyes [N] -> uint8 images


@dataclass(frozen=True)
class Options:
    """The options of a conditional report's sampler."""

    run: Path | None = option(None, "the trained run (default: the folder that train.py uses)", metavar="RUN")
    out: Path | None = option(None, "where the images go (default: RUN/sampled)", metavar="DIR")
    text: Path | None = option(None, "file with lines such as `1,blue hair red eyes`", metavar="FILE")
    hair: str | None = option(None, "hair colour, in place of --text", choices=tags.HAIR)
    eyes: str | None = option(None, "eye colour, in place of --text", choices=tags.EYES)
    count: int = option(5, "images per line", within=(1, 10_000))
    chart: bool = option(False, "also draw all hair by all eye colours in one image, chart.png")
    seed: int = option(0, "seed of the noise", within=(0, 2**31 - 1))
    weights: str | None = sampling.weights_option()
    debug: bool = option(False, "show the traceback of an error")

    def check(self) -> None:
        """Raises UserError if nothing, too much or half a condition is asked for."""
        if (self.hair is None) != (self.eyes is None):
            raise UserError("--hair and --eyes belong together; give both")
        if self.text and self.hair:
            raise UserError("--text and --hair exclude each other; give --text, or --hair and --eyes")
        if not (self.text or self.hair or self.chart):
            raise UserError("nothing to draw; give --text FILE, --hair COLOUR --eyes COLOUR, or --chart")
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


def table(generate: Generate, z: int, eyes: Sequence[str] = GRID_EYES, seed: int = 0) -> Image.Image:
    """A column for each hair colour, a row for each eye colour; each row has its own noise, the same in all columns."""
    noises = np.repeat(sampling.noise(seed, 0, len(eyes), z), len(tags.HAIR), axis=0)
    hair = np.tile(np.arange(len(tags.HAIR)), len(eyes))
    images = generate(noises, hair, np.repeat([tags.EYES.index(name) for name in eyes], len(tags.HAIR)))
    return plots.grid(images, [f"{name} hair" for name in tags.HAIR], [f"{name} eyes" for name in eyes])


def write(options: Options, run: Path, train_script: str, inputs: Mapping[str, sampling.Shape],
          generate: Callable[..., np.ndarray], eyes: Sequence[str] = tags.EYES) -> None:
    """Loads the run's generator and writes `sample_{id}_{k}.jpg` for each condition, and `chart.png` if asked for.

    Args:
        options: of the command line.
        run: the run folder.
        train_script: e.g. "hw4_acgan/train.py", for the message that there is no run.
        inputs: of the generator, the noise first, see `sampling.load_network`.
        generate: (generator, z, hair, eyes) -> uint8 images, of the report's model.py.
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
    sampling.demand_sampler(run, f"{Path(train_script).parent}/sample.py")
    file = sampling.find_network(run, command, weights=options.weights,
                                 shipped=None if options.run else Path(train_script).parent.name)
    out = make_folder(sampling.sampled(options.out, file), "--out")
    generator = sampling.load_network(file, command, inputs)
    size = generator.input_shape[0][-1]
    with sampling.refusing_other_networks(file, command):
        for condition in conditions:
            z = sampling.noise(options.seed, condition.id, options.count, size)
            hair, eye = (np.full(options.count, value) for value in (condition.hair, condition.eyes))
            for number, image in enumerate(generate(generator, z, hair, eye), 1):
                plots.save(image, out / f"sample_{condition.id}_{number}.jpg", quality=95, subsampling=0)
        if options.chart:
            chart = table(functools.partial(generate, generator), size, eyes, options.seed)
            plots.save(chart, out / "chart.png")
    say(f"{len(conditions) * options.count + options.chart} images in {out}")
