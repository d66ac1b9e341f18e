"""tools/train_queue.py: order, limits in minutes, stops and restarts, with tiny programs in place of trainings."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from common.training_queue import FAILED, Queue

# appends its name to a file; `forever` then waits for SIGTERM, says so and ends as a training does
PROGRAM = """
import signal, sys, time
name, log = sys.argv[1:3]
def end(*_):
    open(log, "a").write(name + " saved\\n")
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
open(log, "a").write(name + "\\n")
if name.startswith("forever"):
    time.sleep(60)
sys.exit(3 if name == "failing" else 0)
"""


@pytest.fixture
def queue(tmp_path):
    """queue(*lines) -> (list, start): the list is written; `start(*words)` runs the queue on it."""
    program, log = tmp_path / "program.py", tmp_path / "log"
    program.write_text(PROGRAM)

    def write(*lines):
        file = tmp_path / "list.txt"
        file.write_text("".join(f"{minutes} python {program} {name} {log}  # a comment\n" for minutes, name in lines))

        def start(*words):
            return subprocess.Popen([sys.executable, ROOT / "tools" / "train_queue.py", file, *words], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        return file, start

    write.log = log
    return write


def ended(process, code):
    output = process.communicate(timeout=30)[0]
    assert process.returncode == code, output
    return output


def test_each_command_runs_once_in_its_order(queue):
    _, start = queue(("", "one"), ("5", "two"))
    assert "2 of 2 done; at most 0 s remain" in ended(start(), 0)
    ended(start(), 0)
    assert queue.log.read_text().split() == ["one", "two"]


def test_what_follows_a_training_is_done_as_each_ends(queue):
    file, _ = queue(("", "one"), ("", "failing"))
    seen = []
    assert Queue(file).work(after=lambda: seen.append(queue.log.read_text().split())) == FAILED
    assert seen == [["one"], ["one", "failing"]]


def test_a_failed_command_is_tried_again_by_the_next_start(queue):
    _, start = queue(("", "failing"), ("", "one"))
    assert "failed with code 3" in ended(start(), 1)
    ended(start(), 1)
    assert queue.log.read_text().split() == ["failing", "one", "failing"]


def test_a_command_whose_minutes_are_up_saves_itself_and_is_done(queue):
    file, start = queue(("0.02", "forever"), ("", "one"))
    ended(start(), 0)
    assert queue.log.read_text().split("\n")[:3] == ["forever", "forever saved", "one"]
    used = next(iter(json.loads(file.with_name("list.txt.json").read_text()).values()))
    assert used["done"]
    assert 1.2 <= used["seconds"] < 10


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_queue_stops_its_training_and_goes_on_with_it(queue, number, code):
    _, start = queue(("0.1", "forever"), ("", "one"))
    process = start()
    deadline = time.monotonic() + 20
    while not queue.log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, number)
    assert "stopped after" in ended(process, code)
    ended(start(), 0)
    assert queue.log.read_text().split("\n")[:5] == ["forever", "forever saved", "forever", "forever saved", "one"]


@pytest.mark.parametrize(("text", "message"), [
    ("0 python a.py", "line 1: give the minutes, more than 0, and then a command"),
    ("\n5", "line 2: give the minutes"), ("python a.py\n3 python a.py", "line 2: the command stands there twice"),
    ("python 'a", "line 1: No closing quotation")])
def test_a_line_that_cannot_be_meant_is_named(queue, text, message):
    file, start = queue()
    file.write_text(text)
    assert message in ended(start(), 2)
