"""The set-up: pinned packages, run_all.sh's options, CI."""

import os
import re
import shutil
import signal
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


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_a_checkout_has_the_line_ends_that_bash_reads(tmp_path):
    (tmp_path / "a").mkdir()
    for name in (".gitattributes", "run_all.sh", "run_tests.sh", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path / "a")
    for words in (["init", "-q", "a"], ["-C", "a", "add", "."],
                  ["-C", "a", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "c"],
                  ["clone", "-q", "-c", "core.autocrlf=true", "a", "b"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    for name in ("run_all.sh", "run_tests.sh", "requirements.txt"):
        assert b"\r" not in (tmp_path / "b" / name).read_bytes(), name


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


@pytest.mark.parametrize("name", ["run_all.sh", "run_tests.sh"])
def test_another_shell_is_told_to_be_bash(name):
    done = subprocess.run(["sh", str(ROOT / name), "--help"], capture_output=True, text=True, check=False)
    if done.returncode:  # else sh is bash, as on macOS
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"{name}: needs bash; run it as: bash {name}\n"


@pytest.fixture
def run_all(tmp_path):
    """Starts run_all.sh with a stand-in for Python that only knows what the script asks it for."""
    def start(train, *words):
        python = tmp_path / "python3"
        python.write_text('#!/usr/bin/env bash\ncase "$*" in\n*check_packages.py*) exit 0 ;;\n'
                          f'*common.gallery*) echo "page $*" ;;\n*) {train} ;;\nesac\n')
        python.chmod(0o755)
        return subprocess.Popen(["bash", str(ROOT / "run_all.sh"), *words], stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.PIPE, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
                                start_new_session=True,
                                # a background job, such as CI may be, ignores Ctrl-C, and its children with it
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    return start


def test_a_failing_report_does_not_stop_the_others_and_the_exit_code_says_so(run_all):
    process = run_all('case "$*" in *onehot*) exit 3 ;; *) echo trained ;; esac', "--all-variants", "--only",
                      "hw4_acgan")
    out, err = process.communicate(timeout=30)
    assert "trained" in out and "page" in out
    assert err == "run_all.sh: failed: hw4_acgan/train.py --recipe report --condition onehot (3)\n"
    assert process.returncode == 1


def test_the_page_is_written_after_each_run_and_says_what_is_to_come(run_all):
    out, _ = run_all("sleep 1", "--all-variants", "--only", "hw4_acgan").communicate(timeout=30)
    pages = [line for line in out.splitlines() if line.startswith("page")]
    assert re.sub("minutes [1-9]+", "minutes N", "; ".join(pages)) == (
        "page -m common.gallery runs --minutes N --pending hw4_acgan/train.py --recipe report --condition onehot "
        "hw4_acgan/train.py --recipe tuned --condition embedding; "
        "page -m common.gallery runs --minutes N --pending hw4_acgan/train.py --recipe tuned --condition embedding; "
        "page -m common.gallery runs")


@pytest.mark.parametrize(("number", "send", "code"), [
    (signal.SIGTERM, os.kill, 143), (signal.SIGINT, os.killpg, 130), (signal.SIGHUP, os.killpg, 143)])
def test_a_stopped_run_all_stops_the_training_and_waits_for_it(run_all, number, send, code):
    """Ctrl-C and the SIGHUP of a closed terminal go to the training too, which must not count two signals."""
    process = run_all("trap 'echo saved; kill $!; exit 143' TERM; sleep 30 & echo training; wait")
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[-1] == "training\n"
    send(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert out == "saved\n"  # the page is written too, and silently
    assert process.returncode == code
    assert "run it again" in err


def test_run_all_runs_every_training_script():
    scripts = {str(path.relative_to(ROOT)) for path in ROOT.glob("*_*/train*.py")}
    main_runs = (ROOT / "run_all.sh").read_text().split("main_runs=(")[1].split(")")[0]
    assert scripts == {line.strip().strip('"').split()[0] for line in main_runs.strip().splitlines()}


def test_ci_calls_what_the_readme_tells():
    assert "run_tests.sh" in (ROOT / ".ci" / "run").read_text()
