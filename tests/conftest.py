"""Fixtures that several test files use."""

import contextlib
import dataclasses
import fcntl
import gc
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import numpy as np
import pytest

from common.options import parse

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT.parent / "shared" / "data" / "mini"


def rows(network, kind):
    """(output shape without the batch, parameters) of every layer of a kind, in order."""
    return [(layer.output.shape[1:], layer.count_params()) for layer in network.layers
            if type(layer).__name__ == kind]


def frozen(network):
    return sum(math.prod(v.shape) for v in network.non_trainable_weights)


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

    gc.collect()
    gc.freeze()  # the loop collects after each sample grid: what is imported stays, and need not be looked through
    return tensorflow


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id) -> Path:
    """A folder of this run of the tests, for what all its processes may use."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Has other processes of the tests wait, so that what they share is made but once."""
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared_cache(shared) -> str:
    """Decoded pictures, judges and evaluators of the scripts that tests run."""
    return str(shared / "cache")


@pytest.fixture
def script(tmp_path, shared_cache):
    """Runs a script of the repository in a process of its own, from a folder elsewhere; `script.start` only starts it.
    """

    def start(*words: object, place: str = "elsewhere", largest: int | None = None, **env: str) -> forked.Script:
        elsewhere = tmp_path / place
        elsewhere.mkdir(exist_ok=True)
        env = {**os.environ, "GAN_REPORTS_CACHE": shared_cache, **env}
        return forked.start([ROOT / str(words[0]), *words[1:]], elsewhere, env, largest)

    def run(*words: object, code: int = 0, **options: Any) -> subprocess.CompletedProcess:
        done = start(*words, **options).wait()
        assert done.returncode == code, done.stdout + done.stderr
        return done

    run.start = start
    return run


@pytest.fixture(scope="session")
def few_faces(tmp_path_factory) -> Path:
    """A small embedded set in the course's layout."""
    from common.anime import faces

    folder = tmp_path_factory.mktemp("embedded") / "faces"
    faces.make(folder, count=48, workers=1)
    return folder


@contextlib.contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """Lets no file of this process grow beyond some bytes: more fails, after a part was written, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def at_once(*numbers: signal.Signals) -> None:
    """Sends this thread several signals, of which Python sees none before the others."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number in numbers:
        signal.pthread_kill(threading.get_ident(), number)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def make_pipe(path: Path) -> None:
    """Makes a named pipe. Whoever reads it finds nothing, so that a test fails where a user would wait for ever."""
    os.mkfifo(path)
    threading.Thread(target=lambda: path.open("wb").close(), daemon=True).start()


BRACKETS = b"\x93NUMPY\x01\x00\x08\x00((((((((" + bytes(8)  # a .npy file of which Python's tokenizer wants more


def encrypt(path: Path) -> None:
    """Has a .zip file say that it is encrypted."""
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for found in re.finditer(re.escape(mark), bytes(data)):
            data[found.start() + place] |= 1
    path.write_bytes(data)


def state(folder):
    """name -> value of everything in a run's newest checkpoint."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as plain:  # TensorFlow takes [ in a path for a pattern
        link = Path(plain) / "checkpoints"
        link.symlink_to(folder / "checkpoints")
        reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(link)))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
                if "OBJECT_GRAPH" not in name and "save_counter" not in name}


def page(runs):
    """The results page without what depends on the clock."""
    from common import gallery

    return re.sub(r'<(\w+) class="[^"]*\bclock"[^>]*>.*?</\1>', "", gallery.write(runs).read_text())


@pytest.fixture
def killed(tmp_path, tensorflow, monkeypatch, shared_cache):
    """Trains 8 steps twice, once killed in the middle and run again, and demands the same bits.

    The uninterrupted one starts afresh: forked processes share one memory layout, which would hide what depends on it.
    `measured` compares metrics.json and the page too; one test for each way of measuring is enough, and one that trains
    the network that measures in the middle of the training (`judge_anew`).
    """

    def check(name: str, variant: str, *words: object, measured: bool = True, judge_anew: bool = False) -> None:
        def command(out, *more):
            return [str(ROOT / name), "--preset", "smoke", *map(str, words), "--out", str(out), "--steps", "8",
                    "--checkpoint-every", "4", "--sample-every", "4", "--log-every", "1", *more]

        def ended(process, code=0):
            done = process.wait()
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        whole, broken = (tmp_path / folder / variant for folder in ("whole", "killed"))
        # the uninterrupted run is not measured: neither the judge nor the measuring may touch the training
        monkeypatch.setenv("GAN_REPORTS_CACHE", str(tmp_path / "cache") if judge_anew else shared_cache)
        subprocess.run([sys.executable, *command(whole, "--no-evaluate")], check=True, capture_output=True)
        evaluate = [] if measured else ["--no-evaluate"]
        log = broken / "log.csv"
        first = forked.start(command(broken, *evaluate), tmp_path, os.environ)
        try:
            first.until(lambda: log.exists() and log.read_text().count("\n") > 5)  # the heading and five steps
        finally:
            first.send(signal.SIGKILL)
        ended(first, -signal.SIGKILL)
        assert "resumes at step 4 of 8" in ended(forked.start(command(broken, *evaluate), tmp_path, os.environ))
        expected, found = state(whole), state(broken)
        assert expected.keys() == found.keys()
        assert any("optimizer" in key for key in expected)
        for key, value in expected.items():
            np.testing.assert_array_equal(value, found[key], err_msg=key)
        assert log.read_bytes() == (whole / "log.csv").read_bytes()
        last = sorted((whole / "samples").glob("step_*.png"))[-1].relative_to(whole)
        assert last.name == "step_000008.png"
        assert (broken / last).read_bytes() == (whole / last).read_bytes()
        if (broken / "accuracy.csv").exists():  # measured at each grid but the first, once, also where it was killed
            measured_at = [int(line.partition(",")[0]) for line in (broken / "accuracy.csv").read_text().split()[1:]]
            assert measured_at == [int(path.stem[5:]) for path in sorted((broken / "samples").glob("step_*.png"))][1:]
        if measured:
            ended(forked.start(command(whole), tmp_path, os.environ))  # finished: it is measured only
            assert json.loads((whole / "metrics.json").read_text()) == \
                json.loads((broken / "metrics.json").read_text())
            (broken / "accuracy.png").unlink(missing_ok=True)  # the uninterrupted run was not measured on its way
            assert page(tmp_path / "whole") == page(tmp_path / "killed")

    return check


# ---- what the tests of several reports share ----


def by_name(terms):
    """name -> value of a loss's terms, as plain numbers."""
    return {name: float(value) for name, value in terms.items()}


def assumed(config):
    """The options that are marked as assumed."""
    return {field.name for field in dataclasses.fields(config) if field.metadata["assumed"]}


def rates(game):
    """player -> (kind, rate, betas) of its optimizer."""
    return {name: (type(player.optimizer).__name__, round(float(player.optimizer.learning_rate), 7),
                   player.optimizer.beta_1, player.optimizer.beta_2) for name, player in game.players.items()}


def random_images(seed, count=2):
    """float32 [count, 64, 64, 3] in [0, 1)."""
    return np.random.default_rng(seed).random((count, 64, 64, 3), np.float32)


class Mix:
    """In place of a step's noise: the mix factors of its images."""

    def __init__(self, *factors):
        self.factors = factors

    def uniform(self, shape):
        import tensorflow as tf

        return tf.reshape(self.factors, shape)


def unmoved(game, minibatch):
    """The weights of all players that one training step leaves as they were."""
    import tensorflow as tf

    weights = [weight for player in game.players.values() for weight in player.network.weights]
    before = [weight.numpy() for weight in weights]
    game.train_step(minibatch, tf.constant(0, tf.int64))
    return {weight.path for weight, old in zip(weights, before, strict=True) if np.array_equal(weight.numpy(), old)}


@pytest.fixture
def built(monkeypatch, few_faces, tmp_path):
    """main(config) of a training script -> the game, the run and the evaluation for the trainer, which does not train.
    """
    from common import datasets, trainer

    found = []

    def train(game, batches, run, config, sampler, curves, chart=None, evaluation=None, explorer=None):
        found.append(SimpleNamespace(game=game, run=run, evaluation=evaluation))

    def build(script, *words):
        script.main(parse(script.Config, ["--data", str(few_faces), "--out", str(tmp_path / f"run{len(found)}"),
                                          "--precision", "float32", *map(str, words)]))
        return found[-1]

    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(trainer, "train", train)
    yield build
    for parts in found:
        parts.run.close()
