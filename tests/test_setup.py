"""The set-up: pinned packages, run_all.sh's options, CI."""

import subprocess
import sys
from importlib import metadata

import pytest
from conftest import ROOT


def check(tmp_path, text):
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    return subprocess.run([sys.executable, str(ROOT / "tools" / "check_packages.py"), str(file)], capture_output=True,
                          text=True, check=False)


def test_packages_that_are_there(tmp_path):
    (tmp_path / "more.txt").write_text(f"pillow=={metadata.version('pillow')}\n")
    assert check(tmp_path, f"# comment\n-r more.txt\nnumpy=={metadata.version('numpy')}\n").returncode == 0


def test_packages_of_another_version_or_absent(tmp_path):
    done = check(tmp_path, "numpy==0.1\nno-such-package==1.0\n")
    assert done.returncode == 1
    assert "need 0.1" in done.stderr
    assert "no-such-package: have none, need 1.0" in done.stderr


def test_every_package_is_pinned():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and line[0] not in "#-"]
        assert all("==" in line for line in lines), name


@pytest.mark.parametrize(("words", "message"), [
    (["--presets", "quick"], "unknown option --presets"),
    (["--preset", "fast"], "--preset fast: smoke, quick or report"),
    (["--only", "hw9"], "--only hw9: no such report here"), (["--data"], "--data needs a value")])
def test_run_all_refuses_before_it_installs_anything(words, message, tmp_path):
    done = subprocess.run(["bash", str(ROOT / "run_all.sh"), *words], capture_output=True, text=True, cwd=tmp_path,
                          check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_ci_calls_what_the_readme_tells():
    assert "run_tests.sh" in (ROOT / ".ci" / "run").read_text()
