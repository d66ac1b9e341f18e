"""The command line of every script: a frozen dataclass defines its options, defaults and help.

A report's `Config` extends `Common`; every default is the report's value, or its help says `assumed`.
Nothing here imports TensorFlow, pandas or matplotlib, so `--help` and wrong arguments answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import signal
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from common.errors import (
    BAD_INPUT,
    DONE,
    STORAGE,
    Failure,
    Stopped,
    UserError,
    on_stopping,
    out_of_memory,
    outlast_readers,
    reason,
    stop_code,
    take_as_one,
)
from common.files import ROOT, demand_folder

# Left out by `deviations`: these do not affect the comparison with the report; `average` has a note of its own.
PRESENTATION = ("seed", "jit", "log_every", "sample_every", "average")
MOST = 10**9  # steps, epochs or images per step, at most: far below the range of an int64


def option(default: Any, help: str, *, choices: Sequence[Any] | None = None, metavar: str | None = None,
           assumed: bool = False, keeps_run: bool = False, within: tuple[float, float] | None = None) -> Any:
    """A dataclass field that is also a command-line option.

    Args:
        default: the report's value, or our guess with `assumed=True`, which `--help` then says.
        help: the text in `--help`.
        choices: the values allowed, if not any.
        metavar: the value's name in `--help`; of numbers it is N or X.
        assumed: the report does not give the value.
        keeps_run: the value does not affect the result, so it may change when a stopped run is resumed.
        within: the smallest and the largest value allowed.
    """
    metadata = {"help": help, "choices": choices, "metavar": metavar, "assumed": assumed, "keeps_run": keeps_run,
                "within": within}
    return dataclasses.field(default=default, metadata=metadata)


def recipe_option(recipes: dict[str, dict[str, Any]]) -> Any:
    """The option `recipe` of a Config with `RECIPES`: which settings are the defaults."""
    values = {name: " ".join(f"--{flag.replace('_', '-')} {_short(value)}" for flag, value in changed.items())
              for name, changed in recipes.items()}
    texts = {"report": "the report's settings", "code": "those of the report's public code",
             "tuned": "the same layers, with later training practice"}
    return option("report", "; ".join(f"{name}: {texts[name]}" + (f" ({values[name]})" if values[name] else "")
                                      for name in recipes), choices=tuple(recipes))


def ablation_option(ablations: dict[str, str]) -> Any:
    """The option `ablation`: name -> what it changes, see the report's ablations.py."""
    return option(None, "a change that a claim of the report is about. " + "; ".join(
        f"{name}: {text}" for name, text in ablations.items()), choices=tuple(ablations))


class ByModel:
    """A preset's or recipe's value that depends on `--model`: model -> value, the default model first."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __call__(self, given: dict[str, Any]) -> Any:
        """The value for the options on the command line."""
        return self.values[given.get("model", next(iter(self.values)))]

    def __str__(self) -> str:
        return " or ".join(f"{_short(value)} ({model})" for model, value in self.values.items())


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Common:
    """The options that every training script has."""

    FOLDER: ClassVar[str] = ""  # the report's folder, e.g. "hw4_acgan"
    REPORT_EPOCH: ClassVar[int | None] = None  # images in an epoch of the report's own data, where it counts in epochs
    SAMPLER: ClassVar[str] = "sample.py"  # the script there that uses a trained run
    # name -> values that differ from the defaults; a function gives the value from the options on the command line and
    # those of the recipe
    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {}
    # the same of a report that has the option `recipe`; such a function is a `ByModel`
    RECIPES: ClassVar[dict[str, dict[str, Any]]] = {}

    data: Path | None = option(None, "folder with tags_clean.csv and faces/, or with tags.csv and images/; without it "
                               "an embedded set is drawn once in data/faces", metavar="DIR", keeps_run=True)
    out: Path | None = option(None, "the run folder (default: runs/FOLDER/VARIANT in the repository)", metavar="DIR",
                              keeps_run=True)
    overwrite: bool = option(False, "start anew; a run that is already in the run folder is moved to NAME.old-1",
                             keeps_run=True)
    preset: str = option("report", "report: the report's values; quick: at most 6 minutes on 2 cores; smoke: seconds. "
                         "An option on the command line wins over the preset", choices=("smoke", "quick", "report"),
                         keeps_run=True)
    steps: int | None = option(None, "length of the training in steps, in place of --epochs")
    epochs: int | None = option(None, "length of the training in epochs, in place of --steps")
    batch_size: int = option(64, "images per step", assumed=True)
    seed: int = option(0, "seed of weights, order and noise", assumed=True, within=(0, 2**31 - 1))
    average: float = option(0.0, "show and measure an exponential average of the generator's weights; the value is its "
                            "half-life as a share of the run, such as 0.04. The training stays the same. An addition "
                            "of ours: 0 is none, as in the reports", metavar="H", within=(0, 1))
    precision: str = option("auto", "auto: bfloat16 where the hardware has it natively, else float32",
                            choices=("auto", "float32", "bfloat16"), keeps_run=True)  # a run keeps its own
    devices: int = option(1, "GPUs that share each step's batch; without GPUs as many logical CPUs, for tests. With "
                          "TF_CONFIG a run uses several machines: docs/scale.md. A run keeps its number",
                         keeps_run=True, within=(1, 1024))
    jit: bool = option(False, "compile the step with XLA (faster on some GPUs, slower on a CPU)")
    log_every: int = option(10, "steps between rows of log.csv")
    sample_every: int | None = option(500, "steps between sample grids")  # None: an epoch
    checkpoint_every: int = option(250, "steps between checkpoints", keeps_run=True)
    tensorboard: bool = option(False, "also write TensorBoard events (pip install tensorboard)", keeps_run=True)
    evaluate: bool = option(True, "measure the run at each sample grid and at its end. The same command on a "
                            "finished run measures it again", keeps_run=True)
    debug: bool = option(False, "show the traceback of an error", keeps_run=True)

    @property
    def variant(self) -> str:
        """The last part of the default run folder."""
        return "default"

    @property
    def run_folder(self) -> Path:
        """Where the run lives: `--out`, else runs/FOLDER/VARIANT in the repository."""
        return (self.out or ROOT / "runs" / self.FOLDER / self.variant).absolute()

    @property
    def brief(self) -> bool:
        """Whether networks that measure are trained for a few steps only, see `evaluation.BRIEF`, on fewer images."""
        return self.preset == "smoke"

    @property
    def data_folders(self) -> tuple[Path, ...]:
        """The folders of `--data`; none means the embedded set. Some reports take several."""
        return self.data if isinstance(self.data, tuple) else (self.data,) if self.data else ()

    def is_usual(self, name: str) -> bool:
        """Whether a setting is that of the recipe, and the recipe that of the preset; run folders name what is not."""
        default = next(field.default for field in dataclasses.fields(self) if field.name == name)
        table, row = (self.PRESETS, self.preset) if name == "recipe" else (self.RECIPES, vars(self).get("recipe"))
        return getattr(self, name) == _values(table.get(row, {}), vars(self)).get(name, default)

    def total_steps(self, steps_per_epoch: int) -> int:
        """The length of the training in steps."""
        return self.steps if self.steps is not None else self.epochs * steps_per_epoch

    def settings(self) -> dict[str, Any]:
        """The values that define the experiment; a run is never resumed with other ones."""
        def absolute(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(absolute, value))
            return value.absolute() if isinstance(value, Path) else value

        fields = [f.name for f in dataclasses.fields(self) if not f.metadata["keeps_run"]]
        return {name: absolute(getattr(self, name)) for name in fields}

    def deviations(self) -> str:
        """The settings that differ from the report's main run, such as "batch size 16 (64)"; "" if none does."""
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        (count, unit), (usual_count, usual_unit) = (
            (values["steps"], "steps") if values["steps"] is not None else (values["epochs"], "epochs")
            for values in (vars(self), usual))
        changed = [(name.replace("_", " "), getattr(self, name), usual[name]) for name in self.settings()
                   if name not in ("steps", "epochs", *PRESENTATION)]
        if unit != usual_unit:
            usual_count = f"{usual_count} {usual_unit}"
        return ", ".join(f"{name} {_short(value)}" + ("" if default is None else f" ({_short(default)})")
                         for name, value, default in [(unit, count, usual_count), *changed] if value != default)

    def check(self) -> None:
        """Raises UserError for invalid values; reports may extend it."""
        for name in ("steps", "epochs", "batch_size", "log_every", "sample_every", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MOST:
                raise UserError(f"--{name.replace('_', '-')} {value}: must be from 1 to {MOST}")
        check_ranges(self)
        if self.steps is None and self.epochs is None:
            raise UserError("--steps, --epochs: the training has no length; give one of the two")
        for folder in self.data_folders:
            demand_folder(folder, "--data")
        _check_encoding(self.run_folder)
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard: TensorBoard is not installed; `pip install tensorboard`, or leave it out")


def _check_encoding(folder: Path) -> None:
    """Raises UserError for a run folder whose path has other bytes for TensorFlow, which takes it as UTF-8."""
    if not str(folder).isascii() and sys.getfilesystemencoding() != "utf-8":
        name = next((name for name in ("LC_ALL", "LC_CTYPE") if os.environ.get(name)), "LANG")
        raise UserError(f"--out {folder}: with the locale {name}={os.environ.get(name, '')}, which is not UTF-8, "
                        "TensorFlow would write into another folder; run `export LC_ALL=C.UTF-8`, or give an --out of "
                        "ASCII letters")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UserError(f"--out {folder}: TensorFlow needs a path that is UTF-8 text; give another --out") from None


C = TypeVar("C")


def check_ranges(config: Any) -> None:
    """Raises UserError for a value outside its option's `within`, or not of its `choices`."""
    for field in dataclasses.fields(config):
        value, (least, most) = getattr(config, field.name), field.metadata["within"] or (None, None)
        choices = field.metadata["choices"]
        for one in value if isinstance(value, tuple) else (value,):
            if choices and one is not None and one not in choices:
                raise UserError(f"--{field.name.replace('_', '-')} {one}: must be one of "
                                f"{', '.join(map(str, choices))}")
        if least is not None and value is not None and not least <= value <= most:
            raise UserError(f"--{field.name.replace('_', '-')} {value}: must be from {least} to {most}")


def _kind(hint: Any) -> type:
    """`int | None` -> int, `tuple[Path, ...]` -> Path: the type to which a command-line word is converted."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return kinds[0] if kinds else hint


def _help(field: dataclasses.Field) -> str:
    default = "" if field.default in (None, ()) or "default:" in field.metadata["help"] else f"default: {field.default}"
    marks = ", ".join(mark for mark in (default, "assumed" if field.metadata["assumed"] else "") if mark)
    return (field.metadata["help"] + (f" ({marks})" if marks else "")).replace("%", "%%")


def parser(config: type, description: str) -> argparse.ArgumentParser:
    """The argument parser of a dataclass whose fields come from `option`."""
    built = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
                                    argument_default=argparse.SUPPRESS, allow_abbrev=False)
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        flag, kind, meta = "--" + field.name.replace("_", "-"), _kind(hints[field.name]), field.metadata
        if kind is bool:
            built.add_argument(flag, action=argparse.BooleanOptionalAction, help=_help(field))
        else:
            several = typing.get_origin(hints[field.name]) is tuple
            metavar = meta["metavar"] or (None if meta["choices"] else {int: "N", float: "X"}.get(kind))
            built.add_argument(flag, type=kind, nargs="+" if several else None, choices=meta["choices"],
                               action="extend" if several else "store", metavar=metavar, help=_help(field))
    return built


def parse(config: type[C], argv: Sequence[str] | None = None, description: str = "") -> C:
    """Command-line words -> a checked config. A given option wins over the preset, that over the recipe and defaults.

    Raises:
        UserError: invalid values. Unknown options end the process with code 2, as argparse does.
    """
    words = vars(parser(config, description).parse_args(argv))
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in words.items()}
    preset = getattr(config, "PRESETS", {}).get(given.get("preset"), {})
    length = _length(given) or _length(preset) if issubclass(config, Common) else {}
    name = given.get("recipe") or _values(preset, given).get("recipe", getattr(config, "recipe", None))
    recipe = _values(getattr(config, "RECIPES", {}).get(name, {}), given)
    preset = _values(preset, {**recipe, **given})
    parsed = config(**{**recipe, **preset, **length, **given})
    parsed.check()
    return parsed


def _values(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: value(given) if callable(value) else value for name, value in values.items()}


def words_first(flag: str, argv: Sequence[str]) -> list[str]:
    """`a.jpg b.jpg --run R` -> `FLAG a.jpg b.jpg --run R`: words before the first option are the values of `flag`."""
    return [flag, *argv] if argv and not argv[0].startswith("-") else [*argv]


def _length(given: dict[str, Any]) -> dict[str, None]:
    """--steps replaces --epochs and vice versa: the default of the other one is dropped."""
    if "steps" in given and "epochs" in given:
        raise UserError("--steps and --epochs: give only one of the two")
    others = {"steps": "epochs", "epochs": "steps"}
    return {others[name]: None for name in given if name in others}


class _Interrupted(KeyboardInterrupt):
    """A signal of STOPPING. Not an Exception, so that no `except Exception` takes it for a damaged file."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, _: object) -> typing.NoReturn:
    take_as_one(number)
    raise _Interrupted(number)


def run_script(config: type[C], main: Callable[[C], None], argv: Sequence[str] | None = None,
               description: str = "") -> None:
    """Parses the command line, runs `main`, and exits: an error is one line on stderr and a code, see `errors`."""
    outlast_readers()
    with on_stopping(_interrupt):  # a training has its own handler, see trainer.py
        _run(config, main, sys.argv[1:] if argv is None else argv, description)
    sys.exit(DONE)


def _run(config: type[C], main: Callable[[C], None], words: Sequence[str], description: str) -> None:
    try:
        main(parse(config, words, description))
    except Failure as error:
        _end(error, str(error), error.code, words)
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        _end(error, f"stopped by {name}; run the same command again to resume", stop_code(number), words)
    except ModuleNotFoundError as error:
        _end(error, f"{error}; run `pip install -r {ROOT / 'requirements.txt'}`", BAD_INPUT, words)
    except OSError as error:
        _end(error, f"{error}; check the path and the free space, then run the same command again", STORAGE, words)
    except Exception as error:
        if not out_of_memory(error):
            raise
        _end(error, f"out of memory ({reason(error)}); lower --batch-size (or --count, of a sampler)",
             STORAGE, words)


def _end(error: BaseException, line: str, code: int, words: Sequence[str]) -> typing.NoReturn:
    if "--debug" in words:
        traceback.print_exception(error)
    overwrites = [word for word in words if word in ("--overwrite", "--no-overwrite")][-1:] == ["--overwrite"]
    if overwrites and "same command" in line:
        begun = "" if isinstance(error, Stopped) else " if its training had begun"
        line += f"; leave out --overwrite{begun}, or it starts anew"
    line = "".join(letter if letter.isprintable() else "?" for letter in line)  # file names may contain any character
    script = Path(sys.argv[0])
    name = script.parent.name if script.name == "__main__.py" else script.name  # python -m common.gallery
    print(f"{name}: {line}", file=sys.stderr, flush=True)
    sys.exit(code)
