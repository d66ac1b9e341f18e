"""common/options.py and common/errors.py: from a dataclass to options, presets, help and exit codes."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import pytest
from conftest import ROOT, at_once

from common import options
from common.errors import TERMINATED, NumericalError, Stopped, StorageError, UserError, say, uninterrupted
from common.options import Common, check_ranges, option, run_script


@dataclass(frozen=True)
class Config(Common):
    FOLDER: ClassVar = "some_report"
    PRESETS: ClassVar = {"quick": {"steps": 7, "lr": 0.5}, "smoke": {"epochs": 1},
                         "report": {"steps": lambda given: 90 if given.get("lr") == 0.125 else 30}}

    steps: int | None = option(100, "length", assumed=True)
    lr: float = option(0.25, "rate", within=(0, 1))


@pytest.mark.parametrize(("words", "steps", "epochs", "lr"), [
    ("", 100, None, 0.25),
    ("--preset quick", 7, None, 0.5),
    ("--preset quick --lr 0.125 --steps 9", 9, None, 0.125),
    ("--preset quick --epochs 3", None, 3, 0.5),
    ("--preset report", 30, None, 0.25),
    ("--preset report --lr 0.125", 90, None, 0.125),
    ("--preset smoke", None, 1, 0.25),
    ("--preset smoke --steps 4", 4, None, 0.25),
])
def test_given_option_wins_over_preset_over_default(words, steps, epochs, lr):
    config = options.parse(Config, words.split())
    assert (config.steps, config.epochs, config.lr) == (steps, epochs, lr)


@dataclass(frozen=True)
class Tunable(Config):
    PRESETS: ClassVar = {"quick": {"recipe": "tuned", "steps": 7}}
    RECIPES: ClassVar = {"report": {}, "tuned": {"lr": options.ByModel(small=0.5, large=0.75), "average": 0.04}}

    model: str = options.option("small", "the size", choices=("small", "large"))
    recipe: str = options.recipe_option(RECIPES)


@pytest.mark.parametrize(("words", "recipe", "lr", "deviations"), [
    ("", "report", 0.25, ""),
    ("--seed 3 --log-every 7", "report", 0.25, ""),
    ("--steps 5 --batch-size 16", "report", 0.25, "steps 5 (100), batch size 16 (64)"),
    ("--epochs 2", "report", 0.25, "epochs 2 (100 steps)"),
    ("--preset quick", "tuned", 0.5, "steps 7 (100), lr 0.5 (0.25), recipe tuned (report)"),
    ("--preset quick --recipe report", "report", 0.25, "steps 7 (100)"),
    ("--recipe tuned --model large", "tuned", 0.75, "lr 0.75 (0.25), model large (small), recipe tuned (report)"),
    ("--recipe tuned --lr 0.125", "tuned", 0.125, "lr 0.125 (0.25), recipe tuned (report)"),
])
def test_a_recipe_is_below_preset_and_options_and_what_differs_is_named(words, recipe, lr, deviations):
    config = options.parse(Tunable, words.split())
    assert (config.recipe, config.lr, config.deviations()) == (recipe, lr, deviations)


def test_help_lists_what_a_recipe_changes():
    assert "tuned: the same layers, with later training practice (--lr 0.5 (small) or 0.75 (large) --average 0.04)" in \
        " ".join(options.parser(Tunable, "").format_help().split())


def test_epochs_become_steps():
    assert options.parse(Config, ["--epochs", "3"]).total_steps(178) == 534
    assert options.parse(Config, ["--steps", "5"]).total_steps(178) == 5


@pytest.mark.parametrize("words", ["--steps 3 --epochs 1", "--steps 0", "--batch-size -1", f"--steps {10**31}",
                                   f"--epochs {10**25}", f"--log-every {10**10}", "--seed -1",
                                   "--data does/not/exist", "--lr 1.5", "--lr nan"])
def test_values_that_cannot_be_meant(words):
    with pytest.raises(UserError, match="--"):
        options.parse(Config, words.split())


def test_choices_hold_for_each_of_several_values():
    """Words of a command line are checked by argparse; these come back from a config.json."""
    @dataclass(frozen=True)
    class Several:
        parts: tuple[str, ...] = option(("batch", "size"), "", choices=("batch", "size"))

    check_ranges(Several())
    with pytest.raises(UserError, match="--parts other: must be one of batch, size"):
        check_ranges(Several(("batch", "other")))


def test_help_marks_what_was_assumed(capsys):
    with pytest.raises(SystemExit) as end:
        options.parse(Config, ["--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "length (default: 100, assumed)" in text
    assert "rate (default: 0.25)" in text


def test_settings_leave_out_what_does_not_touch_the_result():
    settings = options.parse(Config, ["--out", "x", "--debug", "--preset", "quick"]).settings()
    assert settings["lr"] == 0.5
    kept = {"out", "debug", "preset", "overwrite", "tensorboard", "data", "checkpoint_every", "precision"}
    assert not kept & set(settings)


def test_run_folder_does_not_depend_on_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert options.parse(Config, []).run_folder == ROOT / "runs" / "some_report" / "default"
    assert options.parse(Config, ["--out", "here"]).run_folder == tmp_path / "here"


def test_a_locale_in_which_tensorflow_would_write_elsewhere_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    monkeypatch.setenv("LC_ALL", "de_DE.ISO-8859-1")
    with pytest.raises(UserError, match="L\u00f6sung: with the locale LC_ALL=de_DE.ISO-8859-1, which is not UTF-8, "
                       "TensorFlow would write into another folder; run `export LC_ALL=C.UTF-8`, or give an --out of"):
        options.parse(Config, ["--out", str(tmp_path / "L\u00f6sung")])
    options.parse(Config, ["--out", str(tmp_path / "plain")])
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LC_CTYPE", "")
    monkeypatch.setenv("LANG", "ja_JP.eucJP")
    with pytest.raises(UserError, match="the locale LANG=ja_JP.eucJP, which"):
        options.parse(Config, ["--out", str(tmp_path / "\u00e9")])


@pytest.mark.parametrize(("error", "code"), [
    (UserError("a line"), 2), (NumericalError("a line"), 3), (StorageError("a line"), 4),
    (OSError("a line"), 4), (MemoryError("a line\nor two"), 4),
    (type("ResourceExhaustedError", (Exception,), {})("Graph error:\n\nOOM of {{node x}} a tensor"), 4),
    (ModuleNotFoundError("a line"), 2), (KeyboardInterrupt(), 130),
    (Stopped("a line", 143), 143),
])
def test_an_error_is_one_line_and_a_code(error, code, capsys):
    def main(config):
        raise error

    with pytest.raises(SystemExit) as end:
        run_script(Config, main, [])
    assert end.value.code == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def say_in_a_process(words, **options):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from common.errors import say; {words}"
    return subprocess.run([sys.executable, "-c", code], capture_output="stdout" not in options, check=False, **options)


def test_a_terminal_without_the_letter_gets_another():
    done = say_in_a_process("say('data \u00fc')", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, b"data ?\n")


def test_work_goes_on_where_nobody_reads_its_lines():
    reads, writes = os.pipe()
    os.close(reads)
    done = say_in_a_process("say('one'); say('two'); sys.exit(7)", stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert (done.returncode, done.stderr) == (7, b"")


UNSEEN = """
from common.errors import UserError, say
from common.options import Common, run_script
from common.progress import Meter

def main(config):
    with Meter(0, 9, 1, "quick") as meter:
        meter.advance(1, {"d": 1.0})
        say("one")
        sys.stdin.read()
        meter.advance(2, {"d": 1.0})
        say("two")
    raise UserError("a line")

run_script(Common, main, ["--steps", "1"])
"""


def test_work_goes_on_where_the_terminal_is_gone():
    """Nobody sees its bar, its lines and its error any more; writing them gives EIO."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}){UNSEEN}"],
                               stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    seen = b""
    while b"one" not in seen:
        seen += os.read(ours, 1000)
    assert b"\x1b[" in seen, "a bar was shown"
    os.close(ours)
    process.communicate(timeout=30)
    assert process.returncode == 2


def test_output_that_cannot_be_written_is_named():
    with open("/dev/full", "w") as full:
        done = say_in_a_process("from common.options import Common, run_script; "
                                "run_script(Common, lambda config: say('one'), ['--steps', '1'])",
                                stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4
    assert done.stderr == b"-c: standard output cannot be written (No space left on device); redirect it, then run " \
                          b"the same command again\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_a_library_is_loaded(number, capsys):
    done = []

    def main(config):
        with uninterrupted():
            signal.raise_signal(number)
            done.append("loaded")
        done.append("went on")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    try:
        with pytest.raises(SystemExit) as code:
            run_script(Config, main, [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done, code.value.code) == (["loaded"], 128 + number)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_signals_that_come_at_once_are_one(capsys, monkeypatch):
    """As of a terminal that is closed: a later SIGHUP is not a second one, and a sampler or a drawing is not torn."""
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)

    def main(config):
        try:
            at_once(signal.SIGTERM, signal.SIGHUP, signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGHUP)

    with pytest.raises(SystemExit) as code:
        run_script(Config, main, [])
    assert (code.value.code, complaints) == (143, [])
    assert re.fullmatch("[^\n]+: stopped by SIGHUP; run the same command again to resume\n", capsys.readouterr().err)


def test_ignored_signals_stay_ignored(capsys):
    """SIGHUP under nohup, Ctrl-C in the background of a shell."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        with pytest.raises(SystemExit) as code:
            run_script(Config, lambda config: at_once(signal.SIGHUP, signal.SIGINT), [])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (code.value.code, capsys.readouterr().err) == (0, "")


def test_a_script_may_run_outside_the_main_thread(capsys):
    """As in a notebook or a server."""
    codes = []

    def script():
        try:
            run_script(Config, lambda config: say("done"), [])
        except SystemExit as end:
            codes.append(end.code)

    thread = threading.Thread(target=script)
    thread.start()
    thread.join()
    assert (codes, capsys.readouterr().out) == ([0], "done\n")


def test_a_signal_counts_where_what_it_waited_for_failed(capsys):
    """As where it went to all processes, and ended those that the block was starting."""
    def main(config):
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            raise RuntimeError

    with pytest.raises(SystemExit) as code:
        run_script(Config, main, [])
    assert (code.value.code, len(capsys.readouterr().err.splitlines())) == (143, 1)


def test_outside_the_main_thread_there_is_nothing_to_keep_back():
    done = []

    def block():
        with uninterrupted():
            done.append("loaded")

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert done == ["loaded"]


@pytest.mark.parametrize(("words", "line"), [
    ([], "stopped by SIGTERM; run the same command again to resume"),
    (["--overwrite"], "again to resume; leave out --overwrite if its training had begun, or it starts anew")])
def test_sigterm_is_no_exception_that_damage_is_taken_for(words, line, capsys):
    def main(config):
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:  # as around a file that may be damaged
            say("damaged")

    with pytest.raises(SystemExit) as code:
        run_script(Config, main, words)
    said = capsys.readouterr()
    assert (code.value.code, said.out) == (143, "")
    assert line in said.err and len(said.err.splitlines()) == 1


@pytest.mark.parametrize(("words", "line"), [
    (["--overwrite"], "some_report.py: stopped; run the same command again to resume; leave out --overwrite, or it "
                      "starts anew\n"),
    (["--overwrite", "--no-overwrite"], "some_report.py: stopped; run the same command again to resume\n")])
def test_a_training_that_was_stopped_goes_on_without_overwrite(words, line, capsys, monkeypatch):
    def main(config):
        raise Stopped("stopped; run the same command again to resume", TERMINATED)

    monkeypatch.setattr("sys.argv", ["some_report.py"])
    with pytest.raises(SystemExit):
        run_script(Config, main, words)
    assert capsys.readouterr().err == line


def test_debug_shows_the_traceback(capsys):
    def main(config):
        raise UserError("a line")

    with pytest.raises(SystemExit):
        run_script(Config, main, ["--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_help_answers_at_once_and_imports_nothing_heavy(tmp_path):
    scripts = sorted(str(path.relative_to(ROOT)) for name in ("train*.py", "sample.py")
                     for path in ROOT.glob(f"*_*/{name}"))
    assert "hw4_acgan/train.py" in scripts
    code = f"""
import runpy, sys
for name in {scripts!r}:
    sys.argv = [name, "--help"]
    try:
        runpy.run_path({str(ROOT)!r} + "/" + name, run_name="__main__")
    except SystemExit as end:
        assert end.code == 0, name
    print(name, sorted({{"tensorflow", "keras", "pandas", "matplotlib"}} & set(sys.modules)))
"""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(f"\n{name} []\n" in done.stdout for name in scripts)
    assert done.stdout.count("usage:") == len(scripts)
    assert time.monotonic() - begun < 5 * len(scripts)  # the promise is 1 s each; the rest is room for a busy machine
