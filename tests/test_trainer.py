"""common/trainer.py and common/checkpoints.py with a tiny game: resume, damage, NaN, signals, files."""

import contextlib
import os
import re
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import at_once, state
from PIL import Image

from common import plots
from common.errors import STOPPING, NumericalError, Stopped, StorageError
from common.options import Common
from common.runs import Run, read_log
from common.runtime import Runtime


@pytest.fixture(scope="module")
def game(tensorflow):
    """A tiny game with Adam, batch normalisation and dropout."""
    import keras
    from keras import layers

    from common.game import Game, Player
    from common.losses import bce

    class Tiny(Game):
        def generate(self, noise, count):
            return self.generator(noise.normal((count, 4)), training=True)

        def d_loss(self, real, fake, noise):
            return {"d": bce(self.discriminator(real, training=True), noise.uniform((real.shape[0], 1), 0.7, 1.2))
                    + bce(self.discriminator(fake, training=True), 0.0)}

        def g_loss(self, fake, noise):
            return {"g": bce(self.discriminator(fake, training=True), 1.0)}

    keras.utils.set_random_seed(3)
    g = keras.Sequential([keras.Input((4,)), layers.Dense(48), layers.BatchNormalization(), layers.Reshape((4, 4, 3))])
    d = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(1)])
    return Tiny(5, generator=Player(g, keras.optimizers.Adam(1e-2)),
                discriminator=Player(d, keras.optimizers.Adam(1e-2)))


@pytest.fixture(scope="module")
def train(game):
    """Trains the game for 12 steps, from the same beginning each time, in a run folder; `wrap` changes its step.

    The step is traced once for all tests, and the curves, which take longest, are an empty image.
    """
    from common import trainer
    from common.batches import Batches

    step = trainer.compiled(game, False)
    variables = [variable for player in game.players.values()
                 for variable in (*player.network.variables, *player.optimizer.variables)]
    beginning = [variable.numpy() for variable in variables]
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)

    def grid():  # an image that changes with the weights
        return Image.new("RGB", (8, 8), int(1e3 * abs(game.generator.weights[0].numpy().sum())) % 256)

    def train(folder, wrap=lambda step: step, evaluation=None, **changes):
        for variable, value in zip(variables, beginning, strict=True):
            variable.assign(value)
        config = replace(Common(out=folder, steps=12, batch_size=4, log_every=1, sample_every=4, checkpoint_every=4),
                         **changes)
        run = Run(config)
        run.record_machine(Runtime("float32", "2 CPU cores", {}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trainer, "compiled", lambda *_: wrap(step))
            patch.setattr(plots, "curves", lambda rows, panels, path: Image.new("L", (1, 1)).save(path))
            try:
                trainer.train(game, Batches(images, np.arange(20), {}, 4, 5), run, config, grid, {},
                              evaluation=evaluation)
            finally:
                run.close()
        return SimpleNamespace(folder=folder, state=state(folder))

    return train


def before(number, action):
    """A `wrap` that has `action` happen in the loop just before a step, counted from 1, outside the graph."""
    def wrap(step):
        def wrapped(batch, done):
            if int(done) + 1 == number:
                action()
            return step(batch, done)

        return wrapped

    return wrap


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """A run that nothing interrupted."""
    return train(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def finished(whole, tmp_path) -> Path:
    return shutil.copytree(whole.folder, tmp_path / "run")


def power_failure():
    raise ConnectionError


@pytest.fixture(scope="module")
def stopped(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.raises(ConnectionError):
        train(folder, before(10, power_failure))
    return folder


@pytest.fixture
def interrupted(stopped, tmp_path) -> Path:
    """A run folder with the checkpoints of steps 4 and 8, and nine rows in its log."""
    return shutil.copytree(stopped, tmp_path / "run")


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(one, two):
    assert one.state.keys() == two.state.keys()
    for name, value in one.state.items():
        np.testing.assert_array_equal(value, two.state[name], err_msg=name)
    assert (one.folder / "log.csv").read_bytes() == (two.folder / "log.csv").read_bytes()
    grids = [{path.name: path.read_bytes() for path in (run.folder / "samples").iterdir()} for run in (one, two)]
    assert grids[0] == grids[1]


def indices(folder):
    return sorted(path.stem for path in (folder / "checkpoints").glob("*.index"))


# ---- a run folder ----


def test_a_run_folder_holds_what_the_readme_says(whole):
    assert sorted(path.name for path in whole.folder.iterdir()) == [
        ".lock", "checkpoints", "config.json", "curves.png", "generator.keras", "log.csv", "progress.webp", "samples",
        "timing.csv"]
    assert sorted(path.name for path in (whole.folder / "samples").iterdir()) == [
        f"step_{step:06d}.png" for step in (0, 4, 8, 12)]
    assert [row["step"] for row in read_log(whole.folder)] == [str(step) for step in range(1, 13)]
    assert indices(whole.folder) == ["step-12"]


def test_sample_grids_once_an_epoch(train, tmp_path):
    folder = train(tmp_path / "run", sample_every=None).folder  # an epoch has 20 / 4 = 5 steps
    assert [path.name for path in sorted((folder / "samples").iterdir())] == [
        "step_000000.png", "step_000005.png", "step_000010.png", "step_000012.png"]


def test_a_finished_run_stays_as_it_is(train, whole, finished, capsys):
    same(whole, train(finished))
    assert "is already complete" in capsys.readouterr().out


def test_damaged_or_lost_pictures_of_a_run_are_drawn_anew_or_left_out(train, finished, capsys):
    last, first = finished / "samples/step_000012.png", finished / "samples/step_000004.png"
    good = last.read_bytes()
    last.write_bytes(good[:40])
    first.write_bytes(b"")
    (finished / "progress.webp").unlink()
    (finished / "curves.png").unlink()
    train(finished)
    assert last.read_bytes() == good
    assert (finished / "curves.png").exists()
    assert f"{first} is damaged; progress.webp leaves it out" in capsys.readouterr().out
    assert Image.open(finished / "progress.webp").n_frames == 3


def test_a_log_that_is_gone_is_named(train, interrupted, capsys):
    (interrupted / "log.csv").unlink()
    train(interrupted)
    assert "log.csv is missing: its rows up to step 8 are lost" in capsys.readouterr().out


# ---- stopped and run again ----


def test_stopped_by_an_error_and_run_again_is_the_same_to_the_bit(train, whole, interrupted):
    assert len(read_log(interrupted)) == 9, "the log had gone on past the checkpoint of step 8"
    same(whole, train(interrupted))


@pytest.mark.parametrize("folder", ["lr=[1e-4]/run", "course\\runs", "lr=*?"])
def test_a_path_that_would_be_a_pattern_for_tensorflow_is_a_path_like_others(train, whole, stopped, tmp_path, folder):
    """Its checkpoints are found again, and those that it deletes are its own."""
    neighbour = shutil.copytree(stopped, tmp_path / "lr=18")
    with pytest.raises(ConnectionError):
        train(tmp_path / folder, before(10, power_failure))
    assert indices(tmp_path / folder) == ["step-4", "step-8"]
    same(whole, train(tmp_path / folder))
    assert indices(neighbour) == ["step-4", "step-8"]


@pytest.fixture(autouse=True)
def ctrl_c():
    """As for a command in the foreground: in the background a shell has Ctrl-C ignored."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def in_step(step, *numbers):
    return lambda patch: before(step, lambda: at_once(*numbers))


def while_the_last_step_is_saved(patch):
    from common.checkpoints import Checkpoints

    usual = Checkpoints.save
    patch.setattr(Checkpoints, "save", lambda checkpoints, step: (
        usual(checkpoints, step), step == 12 and os.kill(os.getpid(), signal.SIGTERM)))
    return lambda step: step


def while_a_grid_is_drawn(patch):
    usual = plots.save
    patch.setattr(plots, "save", lambda picture, path, **options: (
        usual(picture, path, **options), path.name == "step_000008.png" and os.kill(os.getpid(), signal.SIGTERM)))
    return lambda step: step


def while_the_meter_ends(patch):
    from common.progress import Meter

    usual = Meter.__exit__
    patch.setattr(Meter, "__exit__", lambda *words: (os.kill(os.getpid(), signal.SIGINT), usual(*words))[1])
    return lambda step: step


@pytest.mark.parametrize(("moment", "step", "code"), [
    (in_step(6, signal.SIGTERM), 6, 143), (in_step(6, signal.SIGINT), 6, 130), (in_step(12, signal.SIGTERM), 12, 143),
    (in_step(6, signal.SIGHUP), 6, 143), (in_step(6, signal.SIGTERM, signal.SIGINT), 6, 130),
    (while_the_last_step_is_saved, 12, 143), (while_a_grid_is_drawn, 8, 143), (while_the_meter_ends, 12, 130)])
def test_a_signal_ends_the_step_saves_and_the_run_goes_on_the_same(train, whole, tmp_path, moment, step, code):
    handlers, complaints = [signal.getsignal(number) for number in STOPPING], []
    with pytest.MonkeyPatch.context() as patch, pytest.raises(
            Stopped, match=f"saved at step {step} of 12; run the same command again to resume") as stop:
        patch.setattr(sys, "unraisablehook", complaints.append)
        train(tmp_path / "run", moment(patch), checkpoint_every=100)
    assert (stop.value.code, complaints) == (code, [])
    assert [signal.getsignal(number) for number in STOPPING] == handlers
    assert indices(tmp_path / "run") == [f"step-{step}"]
    assert not (tmp_path / "run" / "generator.keras").exists()
    same(whole, train(tmp_path / "run"))
    assert (tmp_path / "run" / "generator.keras").exists()


def test_under_nohup_a_closed_terminal_stops_nothing(train, whole, tmp_path):
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        same(whole, train(tmp_path / "run", in_step(6, signal.SIGHUP)(None)))
    finally:
        signal.signal(signal.SIGHUP, usual)


def test_a_training_outside_the_main_thread(train, whole, tmp_path):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(train(tmp_path / "run")))
    thread.start()
    thread.join()
    same(whole, runs[0])


# ---- checkpoints ----


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(("kind", "damage"), [
    ("data-00000-of-00001", cut), ("data-00000-of-00001", flip), ("data-00000-of-00001", Path.unlink),
    ("index", cut), ("index", flip), ("index", empty)])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(train, whole, interrupted, capsys, kind, damage):
    damage(interrupted / "checkpoints" / f"step-8.{kind}")
    run = train(interrupted)
    output = capsys.readouterr().out
    assert "checkpoint step-8 is damaged" in output
    assert "resumes at step 4 of 12" in output
    same(whole, run)


def rename(index):
    index.rename(index.with_suffix(".bak.index"))


@pytest.mark.parametrize(("files_lost", "lose"), [("*.index", Path.unlink), ("*", Path.unlink), ("*.index", rename)])
@pytest.mark.parametrize("kind", ["finished", "interrupted"])
def test_a_run_without_its_checkpoints_is_not_started_anew(request, train, kind, files_lost, lose):
    folder = request.getfixturevalue(kind)
    for path in list((folder / "checkpoints").glob(files_lost)):
        lose(path)
    before = files(folder)
    with pytest.raises(StorageError, match="the run's checkpoints are missing; restore them, or start anew with --o"):
        train(folder)
    assert files(folder) == before


def test_copies_are_passed_over_what_is_half_written_goes_and_the_list_may_be_damaged(train, interrupted, capsys):
    folder = interrupted / "checkpoints"
    copies = ["checkpoint.tmp", "step-4.data-00000-of-00001.bak", "step-8 (1).index", "step-8-copy.data-00000-of-00001",
              "step-8.bak.index"]
    (folder / "step-12_temp").mkdir()
    for name in [*copies, "step-12_temp/part-00000-of-00001.data-00000-of-00001", "step-12.data-00000-of-00001",
                 "step-12.data-00000-of-00001.tempstate4711", "checkpoint.tmp7b70ae9087104ac7990582b9bb017615"]:
        (folder / name).write_text("mine")
    (folder / "checkpoint").write_text("")
    train(interrupted)
    assert "resumes at step 8 of 12" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == sorted([
        *copies, "checkpoint", "step-12.data-00000-of-00001", "step-12.index"])


def test_a_file_in_the_place_of_the_checkpoints_is_overwritten(train, finished):
    shutil.rmtree(finished / "checkpoints")
    (finished / "checkpoints").touch()
    with pytest.raises(StorageError, match="the run's checkpoints are missing"):
        train(finished)
    assert indices(train(finished, overwrite=True).folder) == ["step-12"]


def after(number, change):
    """A `wrap` that changes a step's terms."""
    def wrap(step):
        def wrapped(batch, done):
            terms = step(batch, done)
            return change(terms) if int(done) + 1 == number else terms

        return wrapped

    return wrap


def test_what_is_not_finite_is_not_saved(train, game, tmp_path):
    moment = game.players["generator"].optimizer.variables[-1]

    def poison(terms):
        moment.assign(moment * np.nan)
        return terms

    with pytest.raises(NumericalError, match="step 8: a value of the generator optimizer is NaN"):
        train(tmp_path / "moment", after(8, poison))
    with pytest.raises(NumericalError, match="step 8: g is inf; lower the learning rate"):
        train(tmp_path / "loss", after(8, lambda terms: terms | {"g": np.inf}))
    assert indices(tmp_path / "moment") == indices(tmp_path / "loss") == ["step-4"]


def test_too_little_memory_is_no_damage(train, interrupted, monkeypatch, tensorflow, capsys):
    def restore(*_):
        raise tensorflow.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(tensorflow.train.Checkpoint, "restore", restore)
    with pytest.raises(tensorflow.errors.ResourceExhaustedError):
        train(interrupted)
    assert "damaged" not in capsys.readouterr().out


def test_logs_are_on_the_disk_before_the_checkpoint_is(train, tmp_path, monkeypatch):
    from common import checkpoints, runs

    synced = []
    for module in (runs, checkpoints):
        monkeypatch.setattr(module, "sync", lambda path: synced.append(path.name))
    train(tmp_path / "run", checkpoint_every=12)
    assert synced == ["log.csv", *sorted(synced[1:3]), "checkpoints"]
    assert {"step-12.index", "step-12.data-00000-of-00001"} == set(synced[1:3])


def test_a_disk_that_is_too_full_is_named_before_the_first_step(train, tmp_path, monkeypatch):
    monkeypatch.setattr("common.checkpoints.shutil.disk_usage", lambda _: SimpleNamespace(free=5000))
    with pytest.raises(StorageError, match="checkpoints need 0.0 GB of disk, 0.0 GB are free"):
        train(tmp_path / "run")
    assert not (tmp_path / "run" / "log.csv").exists()


def test_a_disk_that_is_too_full_is_named_before_a_run_is_moved_aside(train, whole, finished, monkeypatch):
    before = files(finished)
    needed = 3 * sum(value.nbytes for value in whole.state.values())
    monkeypatch.setattr("common.checkpoints.shutil.disk_usage", lambda _: SimpleNamespace(free=needed - 100))
    with pytest.raises(StorageError, match="checkpoints need"):
        train(finished, overwrite=True)
    assert files(finished) == before


def test_dropout_seeds_are_part_of_the_state(game):
    assert len(game.other_states()) == 1


# ---- events and progress ----


def test_events_are_of_the_run_that_overwrites(train, tmp_path, tensorflow, monkeypatch):
    monkeypatch.setattr(tensorflow.summary, "scalar", tensorflow.summary.write)  # scalar itself is in tensorboard
    train(tmp_path / "run", tensorboard=True)
    events = list((train(tmp_path / "run", tensorboard=True, overwrite=True).folder / "tensorboard").iterdir())
    assert len(events) == 1 and events[0].stat().st_size > 12 * 2 * 40  # two terms in each of twelve steps


def test_events_that_cannot_be_written_are_named(train, interrupted, tensorflow, monkeypatch):
    (interrupted / "tensorboard").touch()
    with pytest.raises(StorageError, match=r"run/tensorboard: cannot be written \(.*; free space or mend the folder"):
        train(interrupted, tensorboard=True)
    (interrupted / "tensorboard").unlink()

    def full(*_):  # as of a full disk, which is not taken for short memory
        raise tensorflow.errors.ResourceExhaustedError(None, None, "events.out; No space left on device")

    monkeypatch.setattr(tensorflow.summary, "scalar", full)
    with pytest.raises(StorageError, match=r"run/tensorboard: cannot be written \(events.out; No space left on"):
        train(interrupted, tensorboard=True)


LOSSES = {f"d_term_{number}": 0.123 for number in range(9)}


def printed(terminal: int) -> str:
    """All that was written to the other end of a pseudo-terminal, now closed: one read may return less."""
    pieces = []
    with contextlib.suppress(OSError):  # EIO: nothing is left
        while piece := os.read(terminal, 100_000):
            pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


def test_on_80_columns_step_and_time_left_stay_and_losses_give_way(monkeypatch):
    from common.progress import Meter

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        with Meter(9_990, 10_000, 64, "quick") as meter:
            for step in range(9_991, 9_996):
                meter.advance(step, LOSSES)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed(ours))
    last = [line for line in re.split(r"[\r\n]+", shown) if line][-1]
    assert re.search(r"^━{9}.{3} step 9995/10000  ETA 0 s  \d+ img/s  d_term_0 0\.123  d_t.*…$", last)
    assert len(last) <= 80


def test_a_file_gets_no_bar_whatever_the_environment_says(monkeypatch, capsys):
    from common.progress import Meter

    monkeypatch.setenv("FORCE_COLOR", "1")
    with Meter(0, 5, 64, "quick") as meter:
        for step in range(1, 6):
            meter.advance(step, {"g": 0.5})
    assert re.fullmatch(r"step 5/5  ETA 0 s  \d+ img/s  g 0\.500\n", capsys.readouterr().out)


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_the_shortest_run_has_a_rate(steps, capsys):
    from common.progress import Meter

    meter = Meter(0, steps, 64, "quick")
    for step in range(1, steps + 1):
        time.sleep(0.01)
        meter.advance(step, {"g": 0.5})
    assert 0.009 < meter.seconds_per_step < 1
    assert meter.images_per_second == 64 / meter.seconds_per_step


def test_long_runs_name_the_quick_preset(capsys):
    from common.progress import Meter

    meter = Meter(0, 100_000, 64, "report")
    meter._steps, meter._seconds = 30, 27.0  # 27 steps timed, 1 s each
    meter._forecast(30)
    assert "about 27 h 46 min more (99970 steps of 1.00 s); --preset quick is a shorter run" in capsys.readouterr().out
    meter.preset = "quick"
    meter._forecast(30)
    assert "--preset quick" not in capsys.readouterr().out


def test_what_goes_wrong_is_said_once_in_time(train, tmp_path, capsys, monkeypatch):
    class Alike:
        curves, brief = {}, False

        def prepare(self):
            return {}

        def check(self):
            return {}, ""

        def variety(self):
            return {"ssim": 0.9, "real_ssim": 0.3, "verdict": "collapsed"}

        def measure(self):
            return {}, "measured"

    def winning(step):
        return lambda *given, **phase: {**step(*given, **phase), "d_fake": np.float32(0.001)}

    monkeypatch.setattr("common.symptoms.STEPS", 6)
    train(tmp_path / "run", winning, evaluation=Alike())
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: step 8: D wins: d_fake is at most 0.001 for 6 steps; see docs/when-it-fails.md#d-wins",
        "warning: step 8: images of one condition are alike: SSIM 0.90, of real ones 0.30; see "
        "docs/when-it-fails.md#one-image-for-all"]
