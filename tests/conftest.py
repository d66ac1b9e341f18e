"""Fixtures that several test files use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT.parent / "shared" / "data" / "mini"


@pytest.fixture
def mini() -> Path:
    """A small unpacked sample of the course's real data, which is not part of the repository."""
    if not MINI.is_dir():
        pytest.skip(f"no real sample data in {MINI}")
    return MINI


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow, set up as for a float32 run."""
    from common import runtime

    runtime.start(0, "float32")
    import tensorflow

    return tensorflow


@pytest.fixture
def script(tmp_path):
    """Runs a script of the repository in a process of its own, from a folder elsewhere."""

    def run(*words: object, code: int = 0, **env: str) -> subprocess.CompletedProcess:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        command = [sys.executable, str(ROOT / str(words[0])), *map(str, words[1:])]
        env = {**os.environ, "GAN_REPORTS_CACHE": str(tmp_path / "cache"), **env}
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, env=env, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def few_faces(tmp_path_factory) -> Path:
    """A small embedded set in the course's layout."""
    from common import faces

    folder = tmp_path_factory.mktemp("embedded") / "faces"
    faces.make(folder, count=48, workers=1)
    return folder
