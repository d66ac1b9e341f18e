"""common/trainer.py and common/checkpoints.py with a tiny game: resume, damage, NaN, signals, files."""

import os
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from common import plots
from common.errors import NumericalError, Stopped, StorageError
from common.options import Common
from common.runs import Run, read_log
from common.runtime import Runtime

CURVES = {"source": {"d": "D", "g": "G"}}


@pytest.fixture
def lab(tensorflow, tmp_path):
    """Builds a tiny game with Adam, batch normalisation and dropout, and trains it in a run folder."""
    import keras

    from common import trainer
    from common.batches import Batches
    from common.game import Game, Player
    from common.losses import bce

    class Tiny(Game):
        poison = -1  # the step whose loss is NaN

        def generate(self, noise, count):
            return self.generator(noise.normal((count, 4)), training=True)

        def d_loss(self, real, fake, noise):
            loss = bce(self.discriminator(real, training=True), noise.uniform((real.shape[0], 1), 0.7, 1.2)) \
                + bce(self.discriminator(fake, training=True), 0.0)
            return {"d": loss}

        def g_loss(self, fake, noise):
            return {"g": bce(self.discriminator(fake, training=True), 1.0)}

        def train_step(self, minibatch, step):
            terms = super().train_step(minibatch, step)
            return terms | {"g": tensorflow.where(step == self.poison, np.nan, terms["g"])}

    def build():
        keras.utils.set_random_seed(3)
        layers = keras.layers
        g = keras.Sequential([keras.Input((4,)), layers.Dense(48), layers.BatchNormalization(),
                              layers.Reshape((4, 4, 3))])
        d = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(1)])
        return Tiny(5, generator=Player(g, keras.optimizers.Adam(1e-2)),
                    discriminator=Player(d, keras.optimizers.Adam(1e-2)))

    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)

    def train(name, game=None, **changes):
        config = replace(Common(out=tmp_path / name, steps=12, batch_size=4, log_every=1, sample_every=4,
                                checkpoint_every=4), **changes)
        game = game or build()
        run = Run(config)
        run.record_machine(Runtime("float32", "2 CPU cores", {}))

        def grid():  # a picture that changes with the weights
            return Image.new("RGB", (8, 8), int(1e3 * abs(game.generator.weights[0].numpy().sum())) % 256)

        try:
            trainer.train(game, Batches(images, np.arange(20), {}, 4, 5), run, config, grid, CURVES)
        finally:
            run.close()
        return SimpleNamespace(folder=config.out, state=state(config.out))

    def state(folder):
        newest = tensorflow.train.latest_checkpoint(str(folder / "checkpoints"))
        reader = tensorflow.train.load_checkpoint(newest)
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
                if name not in ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter/.ATTRIBUTES/VARIABLE_VALUE")}

    return SimpleNamespace(build=build, train=train, Tiny=Tiny, tmp_path=tmp_path)


def same(one, two):
    assert one.state.keys() == two.state.keys()
    for name, value in one.state.items():
        np.testing.assert_array_equal(value, two.state[name], err_msg=name)
    assert (one.folder / "log.csv").read_bytes() == (two.folder / "log.csv").read_bytes()
    samples = sorted(path.name for path in (one.folder / "samples").iterdir())
    assert samples == sorted(path.name for path in (two.folder / "samples").iterdir())
    for name in samples:
        assert (one.folder / "samples" / name).read_bytes() == (two.folder / "samples" / name).read_bytes()


def break_at(game, step, action):
    """Has `action` happen in the loop just before the given step (from 1), outside the graph."""
    import common.trainer as trainer

    compiled = trainer.compiled(game, False)

    def wrapped(batch, number):
        if int(number) + 1 == step:
            action()
        return compiled(batch, number)

    return wrapped


def test_sample_grids_once_an_epoch(lab):
    run = lab.train("run", sample_every=None)  # an epoch has 20 / 4 = 5 steps
    assert [path.name for path in sorted((run.folder / "samples").iterdir())] == [
        "step_000000.png", "step_000005.png", "step_000010.png", "step_000012.png"]


def test_a_run_folder_holds_what_the_readme_says(lab):
    run = lab.train("run")
    assert sorted(path.name for path in run.folder.iterdir()) == [
        ".lock", "checkpoints", "config.json", "curves.png", "generator.keras", "log.csv", "progress.webp", "samples",
        "timing.csv"]
    assert sorted(path.name for path in (run.folder / "samples").iterdir()) == [
        f"step_{step:06d}.png" for step in (0, 4, 8, 12)]
    assert [row["step"] for row in read_log(run.folder)] == [str(step) for step in range(1, 13)]
    assert len(list((run.folder / "checkpoints").glob("*.index"))) == 1


def test_stopped_by_an_error_and_run_again_is_the_same_to_the_bit(lab, monkeypatch):
    whole = lab.train("whole")

    def power_failure():
        raise ConnectionError

    game = lab.build()
    with monkeypatch.context() as patch:
        wrapped = break_at(game, 7, power_failure)
        patch.setattr("common.trainer.compiled", lambda *_: wrapped)
        with pytest.raises(ConnectionError):
            lab.train("broken", game)
    assert len(read_log(lab.tmp_path / "broken")) == 6, "the log had gone on past the checkpoint of step 4"
    same(whole, lab.train("broken"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_step_saves_and_the_run_goes_on_the_same(lab, monkeypatch, number, code):
    whole = lab.train("whole")
    game = lab.build()
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        wrapped = break_at(game, 6, lambda: os.kill(os.getpid(), number))
        patch.setattr("common.trainer.compiled", lambda *_: wrapped)
        with pytest.raises(Stopped, match="saved at step 6 of 12; run the same command again to resume") as stop:
            lab.train("stopped", game)
    assert stop.value.code == code
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    same(whole, lab.train("stopped"))


def test_a_signal_in_the_last_step_is_not_lost(lab, monkeypatch):
    whole = lab.train("whole")
    game = lab.build()
    with monkeypatch.context() as patch:
        wrapped = break_at(game, 12, lambda: os.kill(os.getpid(), signal.SIGTERM))
        patch.setattr("common.trainer.compiled", lambda *_: wrapped)
        with pytest.raises(Stopped, match="saved at step 12 of 12; run the same command again to resume") as stop:
            lab.train("stopped", game)
    assert stop.value.code == 143
    assert not (lab.tmp_path / "stopped" / "generator.keras").exists()
    again = lab.train("stopped")
    same(whole, again)
    assert (again.folder / "generator.keras").exists()


def test_a_signal_while_the_last_step_is_saved_is_not_lost(lab, monkeypatch):
    from common.checkpoints import Checkpoints

    whole, usual = lab.train("whole"), Checkpoints.save

    def save(checkpoints, step):
        usual(checkpoints, step)
        if step == 12:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save)
        with pytest.raises(Stopped, match="saved at step 12 of 12") as stop:
            lab.train("stopped")
    assert stop.value.code == 143
    same(whole, lab.train("stopped"))


def test_a_signal_while_the_meter_ends_is_not_lost(lab, monkeypatch):
    from common.progress import Meter

    usual = Meter.__exit__
    monkeypatch.setattr(Meter, "__exit__", lambda *words: (os.kill(os.getpid(), signal.SIGINT), usual(*words))[1])
    with pytest.raises(Stopped, match="saved at step 12 of 12") as stop:
        lab.train("stopped")
    assert stop.value.code == 130


def test_a_finished_run_stays_as_it_is(lab, capsys):
    first = lab.train("run")
    again = lab.train("run")
    same(first, again)
    assert "is already complete" in capsys.readouterr().out


def test_a_finished_run_without_its_checkpoints_is_not_trained_over(lab):
    folder = lab.train("run").folder
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(StorageError, match="the run's checkpoints are missing"):
        lab.train("run")


@pytest.mark.parametrize("lost", ["*.index", "*"])
def test_an_unfinished_run_without_its_checkpoints_is_not_started_anew(lab, monkeypatch, lost):
    folder = interrupted(lab, monkeypatch)
    for path in (folder / "checkpoints").glob(lost):
        path.unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match="the run's checkpoints are missing; restore them, or start anew with --o"):
        lab.train("run")
    assert {path: path.read_bytes() for path in before} == before


def test_copies_of_checkpoints_are_passed_over_and_kept(lab, monkeypatch, capsys):
    folder = interrupted(lab, monkeypatch) / "checkpoints"
    copies = [folder / name for name in ("step-8.bak.index", "step-8 (1).index", "step-8-copy.data-00000-of-00001",
                                         "step-4.data-00000-of-00001.bak")]
    for copy in copies:
        copy.write_text("mine")
    lab.train("run")
    assert "resumes at step 8 of 12" in capsys.readouterr().out
    lab.train("run")  # now step 4 is gone
    assert all(copy.exists() for copy in copies)


def test_what_was_half_written_goes(lab, monkeypatch):
    folder = interrupted(lab, monkeypatch) / "checkpoints"
    (folder / "step-12_temp").mkdir()
    halves = [folder / name for name in ("step-12_temp/part-00000-of-00001.data-00000-of-00001",
                                         "step-12.data-00000-of-00001.tempstate4711", "step-12.data-00000-of-00001",
                                         "checkpoint.tmp7b70ae9087104ac7990582b9bb017615")]
    for path in [*halves, folder / "checkpoint.tmp"]:
        path.touch()
    lab.train("run")
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint", "checkpoint.tmp", "step-12.data-00000-of-00001", "step-12.index"]


def test_copies_alone_are_no_checkpoints(lab, monkeypatch):
    folder = interrupted(lab, monkeypatch) / "checkpoints"
    for index in folder.glob("*.index"):
        index.rename(index.with_suffix(".bak.index"))
    with pytest.raises(StorageError, match="the run's checkpoints are missing"):
        lab.train("run")


def test_events_are_of_the_run_that_overwrites(lab, tensorflow, monkeypatch):
    monkeypatch.setattr(tensorflow.summary, "scalar", tensorflow.summary.write)  # scalar itself is in tensorboard
    lab.train("run", tensorboard=True)
    folder = lab.train("run", tensorboard=True, overwrite=True).folder
    events = list((folder / "tensorboard").iterdir())
    assert len(events) == 1 and events[0].stat().st_size > 12 * 2 * 40  # two terms in each of twelve steps


def test_events_that_cannot_be_written_are_named(lab, tensorflow, monkeypatch):
    folder = interrupted(lab, monkeypatch)
    (folder / "tensorboard").touch()
    with pytest.raises(StorageError, match=r"run/tensorboard: cannot be written \(.*; free space or mend the folder"):
        lab.train("run", tensorboard=True)


def test_a_full_disk_under_events_is_not_taken_for_short_memory(lab, tensorflow, monkeypatch):
    def full(*_):
        raise tensorflow.errors.ResourceExhaustedError(None, None, "events.out; No space left on device")

    monkeypatch.setattr(tensorflow.summary, "scalar", full)
    with pytest.raises(StorageError, match=r"run/tensorboard: cannot be written \(events.out; No space left on"):
        lab.train("run", tensorboard=True)


def test_a_log_that_is_gone_is_named(lab, monkeypatch, capsys):
    (interrupted(lab, monkeypatch) / "log.csv").unlink()
    lab.train("run")
    assert "log.csv is missing: its rows up to step 8 are lost" in capsys.readouterr().out


def test_damaged_pictures_of_a_run_are_drawn_anew_or_left_out(lab, capsys):
    folder = lab.train("run").folder
    last, first = folder / "samples/step_000012.png", folder / "samples/step_000004.png"
    good = last.read_bytes()
    last.write_bytes(good[:40])
    first.write_bytes(b"")
    (folder / "progress.webp").unlink()
    lab.train("run")
    assert last.read_bytes() == good
    assert f"{first} is damaged; progress.webp leaves it out" in capsys.readouterr().out
    assert Image.open(folder / "progress.webp").n_frames == 3


def test_lost_pictures_of_a_finished_run_are_drawn_anew(lab):
    folder = lab.train("run").folder
    for path in [*(folder / "samples").iterdir(), folder / "curves.png"]:
        path.unlink()
    lab.train("run")
    assert (folder / "samples" / "step_000012.png").exists() and (folder / "curves.png").exists()


def test_a_signal_while_the_sample_grid_is_drawn_is_saved_too(lab, monkeypatch, tensorflow):
    game, draw = lab.build(), plots.save
    with monkeypatch.context() as patch:
        patch.setattr(plots, "save", lambda picture, path, **options: (
            draw(picture, path, **options), path.name == "step_000008.png" and os.kill(os.getpid(), signal.SIGTERM)))
        with pytest.raises(Stopped, match="saved at step 8 of 12"):
            lab.train("run", game, checkpoint_every=100)
    assert [path.name for path in (lab.tmp_path / "run" / "checkpoints").glob("*.index")] == ["step-8.index"]


def damage(folder, step):
    path = folder / "checkpoints" / f"step-{step}.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def interrupted(lab, monkeypatch):
    """A run folder with the checkpoints of steps 4 and 8."""
    game = lab.build()

    def stop():
        raise ConnectionError

    with monkeypatch.context() as patch:
        wrapped = break_at(game, 10, stop)
        patch.setattr("common.trainer.compiled", lambda *_: wrapped)
        with pytest.raises(ConnectionError):
            lab.train("run", game)
    return lab.tmp_path / "run"


def test_a_damaged_checkpoint_falls_back_to_the_one_before_by_name(lab, monkeypatch, capsys):
    whole = lab.train("whole")
    damage(interrupted(lab, monkeypatch), 8)
    run = lab.train("run")
    output = capsys.readouterr().out
    assert "checkpoint step-8 is damaged" in output
    assert "resumes at step 4 of 12" in output
    same(whole, run)


def test_a_damaged_list_of_checkpoints_does_not_start_anew(lab, monkeypatch, capsys):
    folder = interrupted(lab, monkeypatch)
    (folder / "checkpoints" / "checkpoint").write_text("")
    lab.train("run")
    assert "resumes at step 8 of 12" in capsys.readouterr().out


def test_no_whole_checkpoint_is_an_error_not_a_fresh_start(lab, monkeypatch):
    folder = interrupted(lab, monkeypatch)
    damage(folder, 4)
    damage(folder, 8)
    with pytest.raises(StorageError, match="all 2 checkpoints are damaged; start anew with --overwrite"):
        lab.train("run")


def test_a_nan_loss_stops_with_step_and_term_and_is_in_no_checkpoint(lab):
    game = lab.build()
    game.poison = 9
    with pytest.raises(NumericalError, match="step 10: g is nan"):
        lab.train("run", game)
    assert sorted(path.name for path in (lab.tmp_path / "run" / "checkpoints").glob("*.index")) == \
        ["step-4.index", "step-8.index"]


@pytest.mark.parametrize("what", ["network", "optimizer"])
def test_a_nan_weight_or_moment_is_not_saved(lab, monkeypatch, what):
    game = lab.build()
    player = game.players["generator"]
    poisoned = player.network.weights[0] if what == "network" else player.optimizer.variables[-1]
    with monkeypatch.context() as patch:
        wrapped = break_at(game, 8, lambda: None)

        def poison(batch, number):
            terms = wrapped(batch, number)
            if int(number) == 7:
                poisoned.assign(poisoned * np.nan)
            return terms

        patch.setattr("common.trainer.compiled", lambda *_: poison)
        with pytest.raises(NumericalError, match=f"step 8: a value of the generator {what} is NaN"):
            lab.train("run", game)
    assert not list((lab.tmp_path / "run" / "checkpoints").glob("step-8*"))


def test_too_little_memory_is_no_damage(lab, monkeypatch, tensorflow, capsys):
    interrupted(lab, monkeypatch)

    def restore(*_):
        raise tensorflow.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(tensorflow.train.Checkpoint, "restore", restore)
    with pytest.raises(tensorflow.errors.ResourceExhaustedError):
        lab.train("run")
    assert "damaged" not in capsys.readouterr().out


def test_logs_are_on_the_disk_before_the_checkpoint_is(lab, monkeypatch):
    from common import checkpoints, runs

    synced = []
    for module in (runs, checkpoints):
        monkeypatch.setattr(module, "sync", lambda path: synced.append(path.name))
    lab.train("run", checkpoint_every=12)
    assert synced == ["log.csv", *sorted(synced[1:3]), "checkpoints"]
    assert {"step-12.index", "step-12.data-00000-of-00001"} == set(synced[1:3])


def test_a_disk_that_is_too_full_is_named_before_the_first_step(lab, monkeypatch):
    monkeypatch.setattr("common.checkpoints.shutil.disk_usage", lambda folder: SimpleNamespace(free=5000))
    with pytest.raises(StorageError, match="checkpoints need 0.0 GB of disk, 0.0 GB are free"):
        lab.train("full")
    assert not (lab.tmp_path / "full" / "log.csv").exists()


def test_a_disk_that_is_too_full_is_named_before_a_run_is_moved_aside(lab, monkeypatch):
    run = lab.train("run")
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    needed = 3 * sum(value.nbytes for value in run.state.values())
    monkeypatch.setattr("common.checkpoints.shutil.disk_usage", lambda _: SimpleNamespace(free=needed - 100))
    with pytest.raises(StorageError, match="checkpoints need"):
        lab.train("run", overwrite=True)
    assert {path: path.read_bytes() for path in before} == before


def test_a_file_in_the_place_of_the_checkpoints_is_overwritten(lab):
    folder = lab.train("run").folder
    shutil.rmtree(folder / "checkpoints")
    (folder / "checkpoints").touch()
    with pytest.raises(StorageError, match="the run's checkpoints are missing"):
        lab.train("run")
    assert list((lab.train("run", overwrite=True).folder / "checkpoints").glob("*.index"))


def test_dropout_seeds_are_part_of_the_state(lab):
    assert len(lab.build().other_states()) == 1


def test_long_runs_name_the_quick_preset(capsys):
    from common.progress import Meter

    meter = Meter(0, 100_000, 64, "report")
    meter._steps, meter._seconds = 30, 27.0  # 27 steps timed, 1 s each
    meter._forecast(30)
    text = capsys.readouterr().out
    assert "about 27 h 46 min more (99970 steps of 1.00 s); --preset quick is a shorter run" in text
    meter.preset = "quick"
    meter._forecast(30)
    assert "--preset quick" not in capsys.readouterr().out
