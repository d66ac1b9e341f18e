"""i-CLEVR's 24 objects and its label files. No TensorFlow here.

    train.json                  {"CLEVR_train_002066_1.png": ["cyan cube", "cyan sphere"], ...}
    test.json, new_test.json    [["gray cube"], ["brown cube", "purple cube"], ...]
    objects.json                {"gray cube": 0, ...}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files import not_a_file

COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
SHAPES = ("cube", "sphere", "cylinder")
OBJECTS = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)  # an object's index is its label


def multi_hot(conditions: Sequence[Sequence[int]]) -> np.ndarray:
    """Lists of labels -> float32 [N, 24] of 0 and 1."""
    encoded = np.zeros((len(conditions), len(OBJECTS)), np.float32)
    for row, labels in zip(encoded, conditions, strict=True):
        row[list(labels)] = 1
    return encoded


def read_conditions(path: Path) -> list[list[int]]:
    """Reads a file such as test.json. Raises UserError, naming the entry, for anything else."""
    entries = _read(path)
    if not isinstance(entries, list) or not entries:
        raise UserError(f'{path}: write a list of label lists, such as [["red cube"], ["gray cube", "red sphere"]]')
    return [numbers(entry, f"{path}: entry {number}") for number, entry in enumerate(entries)]


def read_train(path: Path) -> dict[str, list[int]]:
    """Reads train.json: file name -> labels. Raises UserError, naming the entry, for anything else."""
    entries = _read(path)
    if not isinstance(entries, dict) or not entries:
        raise UserError(f'{path}: write an object of file names, such as {{"a.png": ["red cube"]}}')
    for name in entries:
        if "/" in name or "\\" in name:
            raise UserError(f"{path}: {name}: is a path; give the name of an image that lies in images/ itself")
    return {name: numbers(entry, f"{path}: {name}") for name, entry in entries.items()}


def check_objects(path: Path) -> None:
    """Raises UserError unless objects.json numbers the 24 objects as OBJECTS does."""
    given = _read(path)
    expected = {name: number for number, name in enumerate(OBJECTS)}
    if not isinstance(given, dict):
        raise UserError(f"{path}: is not the course's list of objects")
    for name in [*expected, *given]:
        if name not in given or name not in expected or type(given[name]) is not int or given[name] != expected[name]:
            raise UserError(f"{path}: {name} is {given.get(name)}, here it is {expected.get(name)}; take the course's "
                            "file")


def numbers(entry: Any, where: str) -> list[int]:
    """["red cube"] -> [1]. Raises UserError, beginning with `where`, for anything but a list of objects."""
    if not isinstance(entry, list) or not entry:
        raise UserError(f'{where}: write a list of one or more objects, such as ["red cube"]')
    for name in entry:
        if name not in OBJECTS:
            raise UserError(f"{where}: there is no object {name!r}; take a colour of {', '.join(COLOURS)} and a shape "
                            f"of {', '.join(SHAPES)}")
    if len(set(entry)) < len(entry):
        raise UserError(f"{where}: names an object twice; labels say only whether it is there")
    return [OBJECTS.index(name) for name in entry]


def _read(path: Path) -> Any:
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise UserError(f"{path}: {not_a_file(path)}")
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); correct it, or fetch the file again") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file. Raises ValueError for a name that occurs twice."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice = next(name for name in entries if [key for key, _ in pairs].count(name) > 1)
        raise ValueError(f"{twice!r} occurs twice")
    return entries
