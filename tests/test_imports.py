"""Imports run one way: report -> common, common/anime -> the engine, and nowhere in a circle."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

REPORTS = {"hw4_acgan", "hw3_dcgan_lsgan", "text2image_cdcgan", "wgan_gp_text", "cyclegan_style", "lab5_cgan"}
SAMPLERS = {"sample", "stylize", "translate"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PRODUCT = {module_name(path): path for folder in (*sorted(REPORTS), "common") for path in (ROOT / folder).rglob("*.py")}


def imports(name: str) -> set[str]:
    """The modules of the repository that one imports, also inside functions, but not for type checkers alone."""
    tree = ast.parse(PRODUCT[name].read_text(encoding="utf-8"))
    skipped = {id(node) for block in ast.walk(tree) if isinstance(block, ast.If)
               and getattr(block.test, "id", "") == "TYPE_CHECKING" for node in ast.walk(block)}
    found = set()
    for node in (node for node in ast.walk(tree) if id(node) not in skipped):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in PRODUCT else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {other for other in found if other.split(".")[0] in REPORTS | {"common", "benchmarks", "tests", "tools"}}


def test_imports_run_one_way():
    graph = {name: imports(name) for name in PRODUCT}
    wrong = []
    for name, others in graph.items():
        room, engine = name.split(".")[0], name.split(".")[0] == "common" and name.split(".")[1:2] not in (
            ["anime"], ["gallery"])
        for other in others:
            top = other.split(".")
            if top[0] not in {room, "common"}:
                wrong.append(f"{name} imports {other}, of another room")
            if engine and top[:2] in (["common", "anime"], ["common", "gallery"]):
                wrong.append(f"{name}, of the engine, imports {other}")
            if name.split(".")[-1].startswith("train") and top[-1] in SAMPLERS and top[0] in REPORTS:
                wrong.append(f"{name} imports {other}")
    assert wrong == []
    list(graphlib.TopologicalSorter({name: others & PRODUCT.keys() for name, others in graph.items()}).static_order())


def test_help_imports_no_large_library():
    code = ("import runpy, sys\nsys.argv = ['train.py', '--help']\ntry:\n    runpy.run_path(sys.path[0], run_name="
            "'__main__')\nexcept SystemExit:\n    pass\n"
            "print(sorted({'tensorflow', 'keras', 'pandas', 'matplotlib'} & sys.modules.keys()))")
    for script in ("hw4_acgan/train.py", "cyclegan_style/train.py", "lab5_cgan/train.py"):
        done = subprocess.run([sys.executable, "-c", code.replace("sys.path[0]", repr(str(ROOT / script)))],
                              capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
