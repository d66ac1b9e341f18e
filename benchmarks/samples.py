"""Folders of pictures to measure with, and the batches of every case from them. No TensorFlow here."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.cases import NEEDED, Case, labels
from common.anime import faces
from common.batches import Batches
from cyclegan_style.domains import BORDER, Domain, Pairs

DRAWN = 500  # pictures that are drawn; the others are the same files under other names
FEWEST = 64  # pictures to measure with: a batch of most reports, and more than two of a CycleGAN


def draw(folder: Path, count: int) -> Path:
    """Makes a folder of `count` faces of the embedded set, JPEG files of 96 px, inside `folder`."""
    faces.make(folder, min(count, DRAWN))
    pictures = folder / "faces"
    for number in range(DRAWN, count):
        os.link(pictures / f"{number % DRAWN}.jpg", pictures / f"{number}.jpg")
    return pictures


def side(case: Case) -> int:
    """Pixels of the pictures that a case's batches are made of: a CycleGAN cuts its own from larger ones."""
    return round(case.size * BORDER) if "image_b" in NEEDED[case.name] else case.size


def batches(case: Case, images: np.ndarray, seed: int = 0) -> Batches | Pairs:
    """The batches of a case's train.py, with made-up labels.

    Args:
        images: uint8 [N, S, S, 3] with S of `side`; of a CycleGAN each domain has one half.

    Raises:
        UserError: fewer pictures than a batch takes.
    """
    needed, rows = NEEDED[case.name], np.arange(len(images))
    if "image_b" in needed:
        a, b = (Domain(name, images, half, half[:0]) for name, half in zip("AB", np.array_split(rows, 2), strict=True))
        return Pairs(a, b, case.size, case.batch, seed)
    random = np.random.default_rng(seed)
    own = [name for name in needed if not name.startswith("wrong_")]
    wrong = next((name for name in own if f"wrong_{name}" in needed), None)
    return Batches(images, rows, {name: labels(name, len(rows), random) for name in own}, case.batch, seed, wrong=wrong)
