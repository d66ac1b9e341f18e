"""What is kept of the runs of claims: results/claims/DATA/FOLDER/RUN/seed_N.json, small enough to commit.

DATA is "embedded", or the name of the folder that was given by --data. No TensorFlow here.
"""

from __future__ import annotations

import csv
import importlib
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.claims import measures
from common.claims.rows import Claim
from common.claims.verdicts import Values
from common.errors import Failure, say
from common.files import ROOT, write_json
from common.runs import read_log

ROWS = 300  # of a log; longer ones are thinned by the means of as many windows
OWN = ("seed", "data", "out", "overwrite")
LEFT_OUT = ("evaluation", "judge", "evaluator", "data", "trained_weights")  # of metrics.json: long, and never asked for

UNREADABLE = (OSError, ValueError, KeyError, TypeError, IndexError, Failure)  # what a damaged run folder may raise


def place(data: str, folder: str, run: str, seed: int, root: Path = ROOT) -> Path:
    """The file that is kept of a run."""
    return root / "results" / "claims" / data / folder / run / f"seed_{seed}.json"


def command_line(command: str, seed: int, data: Path | None, out: Path) -> str:
    """A run's command with its seed, its data and its run folder."""
    more = ["--seed", str(seed), *(["--data", str(data)] if data else []), "--out", str(out)]
    return f"{command} {shlex.join(more)}"


def collect(run: Path, command: str, target: Path) -> bool:
    """Keeps what verdicts need of a finished run folder.

    False if the run is not finished, is another command's, or cannot be read, which is said.
    """
    if not (run / "metrics.json").exists() or is_of_another_command(run, command):
        return False
    try:
        metrics, config = (json.loads((run / name).read_text()) for name in ("metrics.json", "config.json"))
        kept = {"command": command, "revisions": config["revisions"], "data": config.get("data_folder"),
                "precision": metrics["precision"], "steps": metrics["steps"], **length(run, metrics, config),
                "metrics": {key: value for key, value in metrics.items() if key not in LEFT_OUT},
                "log": columns(run, "log.csv"), "check": columns(run, "accuracy.csv")}
    except UNREADABLE as error:
        say(f"{run}: does not count: it cannot be read ({error!r}); remove the folder, and run it again")
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, kept)
    return True


def essence(command: str) -> list[str]:
    """The script of a command and its options in alphabetical order, without those that are a run's own: its seed, its
    data, its folder.
    """
    script, *options = command.split(" --")
    return [script, *sorted(option for option in options if option.split()[0] not in OWN)]


def is_of_another_command(run: Path, command: str) -> bool:
    """Whether a run folder was begun before claims.json got this command for it."""
    try:
        return essence(json.loads((run / "config.json").read_text())["command"]) != essence(command)
    except FileNotFoundError:
        return False
    except UNREADABLE:
        return True  # `run` moves it aside


def length(run: Path, metrics: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, float]:
    """How long a run was: `images`, their `share` of the report's, and the `minutes`."""
    images = metrics["steps"] * config["pace"]["images_per_step"]
    return {"images": images, "share": images / images_of_the_report(config["command"], config["pace"]),
            "minutes": round(minutes(run, metrics["steps"]), 2)}


def minutes(run: Path, steps: int) -> float:
    """How long so many steps take at the run's last known speed, in minutes, without measuring."""
    with (run / "timing.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if float(row["seconds_per_step"] or 0) > 0]
    return steps * float(rows[-1]["seconds_per_step"]) / 60 if rows else 0.0


def columns(run: Path, name: str, at_most: int = ROWS) -> dict[str, list[float]]:
    """Column -> values of one of a run's logs; a longer log is thinned by the means of `at_most` windows."""
    rows = read_log(run, name)
    count = min(at_most, len(rows))
    parts = [rows[len(rows) * part // count:len(rows) * (part + 1) // count] for part in range(count)]
    return {column: [float(f"{sum(float(row[column]) for row in part) / len(part):.6g}") for part in parts]
            for column in (rows[0] if rows else ())}


def images_of_the_report(command: str, pace: Mapping[str, int]) -> int:
    """How many images the report's own run of this script trains on: its steps or epochs, as far as it gives them.

    Without a REPORT_EPOCH an epoch is one of the data that is used.
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    script = shlex.split(command)[1]
    usual = importlib.import_module(script.removesuffix(".py").replace("/", ".")).Config()
    if usual.steps is not None:
        return usual.steps * usual.batch_size
    return usual.epochs * (usual.REPORT_EPOCH or pace["steps_per_epoch"] * pace["images_per_step"])


def load(claim: Claim, data: str = "embedded", root: Path = ROOT) -> tuple[Values, list[dict[str, Any]]]:
    """The values of a claim's measure, run -> seed -> value, and all that is kept of these runs.

    A result that another command made, because claims.json was changed since, does not count, and is named.
    """
    values: dict[str, dict[int, float | str]] = {}
    every = []
    for name, (folder, run, command) in claim.runs.items():
        values[name] = {}
        for path in sorted(place(data, folder, run, 0, root).parent.glob("seed_*.json")):
            kept = json.loads(path.read_text())
            if kept["command"] != command:
                say(f"note: {path.relative_to(root)} does not count: claims.json has another command for it now")
                continue
            found = measures.value(kept, claim.measure)
            if found is not None:
                values[name][int(path.stem.removeprefix("seed_"))] = found
                every.append(kept)
    return values, every


def is_kept(target: Path, command: str) -> bool:
    """Whether a run is kept already, made by the command that claims.json has now."""
    return target.exists() and json.loads(target.read_text())["command"] == command
