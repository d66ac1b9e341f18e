"""Imports run one way: report -> common, and inside common only to the rooms above."""

import ast
from pathlib import Path

import pytest
from conftest import ROOT

ROOMS = ["cli", "files", "tags", "decoding", "pictures", "drawn", "faces", "scale", "sums", "replicas", "runtime",
         "runs", "datasets", "batches", "losses", "kernels", "game", "plots", "sheets", "sampling", "checkpoints",
         "progress", "networks", "metrics", "judge", "evaluation", "trainer", "gallery"]
REPORTS = ["hw4_acgan", "hw3_dcgan_lsgan", "text2image_cdcgan", "wgan_gp_text", "cyclegan_style", "lab5_cgan"]
FILES = [path for folder in ("common", *REPORTS) for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Full names of everything a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own, *rest = path.relative_to(ROOT).parts
    for name in imported(path):
        top, *inner = name.split(".")
        assert top != "benchmarks", f"imports what only measures: {name}"
        if own == "common":
            assert top not in REPORTS, f"common imports a report: {name}"
            if top == "common" and inner and rest != ["__init__.py"]:
                room = rest[0].removesuffix(".py")
                assert ROOMS.index(inner[0]) <= ROOMS.index(room), f"{room} imports {inner[0]}, which stands below it"
        else:
            assert top not in REPORTS or top == own, f"a report imports another: {name}"
            assert top not in {"model", "train", "sample"}, f"bare import: {name}"


def test_every_room_has_its_place_in_the_order():
    found = {path.stem for path in (ROOT / "common").iterdir()
             if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"}
    assert found == set(ROOMS)
