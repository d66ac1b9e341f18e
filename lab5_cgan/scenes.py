"""Draws an embedded substitute for i-CLEVR: rendered scenes in the layout of the course. No TensorFlow here.

    FOLDER/images/CLEVR_train_000000_0.png   scene 0 with its first object, _1.png with two, _2.png with all three
    FOLDER/train.json, test.json, new_test.json, objects.json    see labels
    FOLDER/about.json                                            see common.drawn
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from common import drawn
from common.files import write_picture
from lab5_cgan import labels
from lab5_cgan.layout import OBJECTS, Scene, describe
from lab5_cgan.render import HEIGHT, WIDTH, picture

VERSION = 2  # increased when images or label files change
GRAIN = 2.5  # standard deviation, of 255


def make(folder: Path, count: int = 6000, seed: int = 0, workers: int | None = None,
         announce: Callable[[str], None] = lambda text: None) -> bool:
    """Draws the set of `count` images of this seed into `folder`; False if it exists, see `drawn.make`.

    Raises ValueError also if `count` is not a multiple of 3: a scene has three images.
    """
    if count % OBJECTS:
        raise ValueError(f"count must be a multiple of {OBJECTS}, the images of a scene, not {count}")
    return drawn.make(SET, folder, count, seed, workers, announce)


def draw(scene: Scene, count: int = OBJECTS) -> Image.Image:
    """The scene with its first `count` objects; RGB, 128 x 96."""
    grain = GRAIN * np.random.default_rng(scene.grain).standard_normal((HEIGHT, WIDTH), np.float32)
    return Image.fromarray(picture(scene.camera, scene.light, [thing.solid for thing in scene.objects[:count]], grain))


def file_name(number: int) -> str:
    """The file of image `number` (0, 1, ...)."""
    scene, place = divmod(number, OBJECTS)
    return f"images/CLEVR_train_{scene:06d}_{place}.png"


def conditions() -> list[list[int]]:
    """32 lists of labels: 10 of one, 11 of two, 11 of three objects; every object is in at least two of them."""
    sizes = [1] * 10 + [2] * 11 + [3] * 11
    rng = np.random.default_rng(5)
    while True:
        deck = np.concatenate([rng.permutation(len(labels.OBJECTS)) for _ in range(3)]).tolist()  # the last in part
        lists = [[deck.pop(0) for _ in range(size)] for size in sizes]
        if all(len(set(chosen)) == len(chosen) for chosen in lists):
            return lists


def hard_conditions() -> list[list[int]]:
    """32 harder lists of two or three objects: each object with others of its colour or shape, then 8 random lists."""
    rng = np.random.default_rng(6)
    lists = []
    for number, label in enumerate(rng.permutation(len(labels.OBJECTS)).tolist()):
        word = labels.OBJECTS[label].split()[number % 2]  # its colour and its shape by turns
        kin = [other for other, name in enumerate(labels.OBJECTS) if word in name.split() and other != label]
        lists.append([label, *rng.choice(kin, 1 + number // 2 % 2, replace=False).tolist()])
    lists += [rng.choice(len(labels.OBJECTS), 2 + number % 2, replace=False).tolist() for number in range(8)]
    return lists


def _draw(seed: int, number: int, path: Path) -> None:
    scene, place = divmod(number, OBJECTS)
    # as small as with the default 6, and much faster
    write_picture(draw(describe(seed, scene), place + 1), path, compress_level=3)


def _write_train(path: Path, count: int, seed: int) -> None:
    objects_in = {}
    for scene in range(count // OBJECTS):
        names = [labels.OBJECTS[thing.label] for thing in describe(seed, scene).objects]
        for place in range(OBJECTS):
            objects_in[Path(file_name(scene * OBJECTS + place)).name] = names[:place + 1]
    _write(path, objects_in)


def _write_lists(path: Path, lists: list[list[int]]) -> None:
    _write(path, [[labels.OBJECTS[label] for label in condition] for condition in lists])


def _write(path: Path, content: dict | list) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


SET = drawn.DrawnSet(
    "images of scenes", "6,000 take about 40 seconds on two cores", VERSION, file_name, _draw,
    {"train.json": _write_train,
     "test.json": lambda path, count, seed: _write_lists(path, conditions()),
     "new_test.json": lambda path, count, seed: _write_lists(path, hard_conditions()),
     "objects.json": lambda path, count, seed: _write(path, {name: k for k, name in enumerate(labels.OBJECTS)})})
