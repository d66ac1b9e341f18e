"""Faults and bad input, by the real scripts with real files: a code, one line on stderr, and nothing lost.

| fault | tests here; elsewhere |
|---|---|
| SIGKILL | test_killed_at_six_moments; `killed` (conftest.py): test_average.py, each report (`--long`) |
| SIGTERM, Ctrl-C, SIGHUP | test_a_signal_*; test_trainer.py: what goes on after it is the same to the bit |
| a terminal that is gone | test_options.py |
| damaged checkpoint | test_a_damaged_checkpoint_*, test_no_whole_checkpoint_*; test_trainer.py: every kind |
| other settings, two at once | test_other_settings_*, test_two_at_once_*; test_runs.py |
| other data | test_datasets.py; test_lab5_cgan.py |
| odd paths and locales | test_trainer.py; test_options.py |
| disk full | test_a_full_disk_*; test_trainer.py: before a step, before a run is moved aside, events; test_images.py |
| --overwrite on what is no run | test_runs.py |
| no locks, no flushing of folders | test_runs.py |
| folder not writable | test_a_file_in_the_path_* |
| NaN or infinite | test_what_is_not_finite_*; test_trainer.py |
| bad images | test_bad_pictures_*; test_images.py: every kind, and too many; test_datasets.py: rows without an image |
| kinds of images, bombs | test_images.py: decoding, colour profiles; test_fuzz.py |
| archives, folders further down, stray files | test_images.py, test_tags.py, test_datasets.py, test_lab5_cgan.py |
| tags in other spellings, empty conditions | test_tags.py, test_datasets.py |
| paths in names, ids | test_a_row_*, test_a_line_*; test_images.py, test_tags.py: links; test_lab5_cgan.py |
| pipes, links to themselves | test_tags.py, test_lab5_cgan.py, test_cyclegan_style.py, test_hw3_style.py |
| too few, domains | test_bad_pictures_*, test_nothing_left_*, test_an_unknown_*; test_datasets.py, test_cyclegan*.py |
| CSV | test_a_row_*, test_many_rows; test_tags.py: every kind; test_datasets.py; test_fuzz.py |
| text and label files | test_a_line_*, test_a_label_*; test_sampling.py: every kind; test_lab5_cgan.py; test_fuzz.py |
| files that would run code | test_a_generator_*; test_sampling.py; .npz: test_text2image_cdcgan.py, test_lab5_cgan.py |
| environment | test_an_environment_*; test_runtime.py; another shell: test_setup.py |
| another Keras | test_a_generator_of_a_newer_*; test_runtime.py |
| the sampler of another run | test_sampling.py |
| pictures too small, or too large for the memory | test_hw3_style.py, test_cyclegan_style.py |
| runs elsewhere, moved, renamed | test_gallery.py |
| terminals, files as output | test_trainer.py |
| out of memory | test_out_of_memory_*; test_options.py; test_faces.py: a process that draws is ended |
| damaged cache | test_images.py (pictures), test_networks.py and test_judge.py (judge, evaluator) |
| read-only checkout | test_datasets.py; test_networks.py |
| damaged embedded set | test_faces.py, test_portraits.py, test_datasets.py, test_lab5_cgan.py |
"""

import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, state
from PIL import Image

from common.errors import StorageError, UserError
from common.options import run_script

TINY = "tests/scaled.py", "--full", "--checkpoint-every", 2, "--sample-every", 4


def line_of(done: subprocess.CompletedProcess) -> str:
    """The one line that a failed script leaves on stderr."""
    assert re.fullmatch(r"[a-z_0-9]+\.py: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def checkpoints(run: Path) -> list[str]:
    return sorted(path.stem for path in (run / "checkpoints").glob("*.index"))


# ---- a training that is stopped ----


@pytest.mark.slow
def test_killed_at_six_moments(script, tmp_path, tensorflow):
    """Three at random, three while a checkpoint is written. The processes share a layout of memory; see `killed`."""
    words = [*TINY, "--steps", 100, "--sample-every", 50, "--ballast", 400_000, "--pause", 0.01, "--out"]
    whole, broken, moments, halves = tmp_path / "whole", tmp_path / "broken", random.Random(0), 0

    def rows() -> int:
        return (broken / "timing.csv").read_text().count("\n") if (broken / "timing.csv").exists() else 0

    script(*words, whole)
    for number in range(6):
        running = script.start(*words, broken)
        until = rows() + 2
        running.until(lambda: rows() > until)  # noqa: B023 - it is called at once
        time.sleep(moments.uniform(0, 0.1))
        if number % 2:
            running.until(lambda: any((broken / "checkpoints").glob("*_temp")))
        running.send(signal.SIGKILL)
        assert running.wait().returncode == -signal.SIGKILL
        halves += any((broken / "checkpoints").glob("*_temp"))
    assert halves > 0
    assert "resumes at step" in script(*words, broken).stdout
    found = state(broken)
    for name, value in state(whole).items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    assert bytes_of(broken / "samples") == bytes_of(whole / "samples")
    assert (broken / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()
    assert checkpoints(broken) == ["step-100"]
    assert len(list((broken / "checkpoints").iterdir())) == 3  # data, index and the list


def test_a_signal_saves_and_a_second_one_ends_at_once(script, tmp_path):
    words = [*TINY, "--steps", 1000, "--out", tmp_path / "run", "--pause"]
    running = script.start(*words, 0.05)
    log = tmp_path / "run/log.csv"
    running.until(lambda: log.exists() and "\n3," in log.read_text())
    running.send(signal.SIGTERM)
    done = running.wait()
    assert done.returncode == 143
    said = re.search(r"stopped and saved at step (\d+) of 1000; run the same command again to resume", line_of(done))
    assert checkpoints(tmp_path / "run")[-1] == f"step-{said[1]}"
    running = script.start(*words, 60)
    running.until_printed(f"resumes at step {said[1]}")
    time.sleep(0.5)  # by then it has its handlers, and waits for a batch
    running.send(signal.SIGINT)
    running.until_printed("a second signal stops at once")
    begun = time.monotonic()
    running.send(signal.SIGINT)
    assert running.wait().returncode == -signal.SIGINT  # which a shell shows as 130
    assert time.monotonic() - begun < 5


@pytest.fixture(scope="module")
def ended_by_nan(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A run that a NaN ended, in a process of its own that was not forked."""
    home = tmp_path_factory.mktemp("stopped")
    command = [sys.executable, ROOT / TINY[0], *TINY[1:], "--steps", 8, "--poison", "loss", "--out", home / "run"]
    return home / "run", subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_what_is_not_finite_is_in_no_checkpoint(ended_by_nan, tensorflow):
    run, done = ended_by_nan
    assert done.returncode == 3
    # TensorFlow's own lines, which it prints while it is imported, are not among those that a user sees
    assert line_of(done).startswith("scaled.py: step 5: g is nan; lower the learning rate")
    assert checkpoints(run) == ["step-2", "step-4"]
    assert all(np.isfinite(value).all() for value in state(run).values() if value.dtype.kind == "f")


def test_what_is_not_finite_is_in_no_new_checkpoint(script, run):
    done = script(*TINY, "--checkpoint-every", 1, "--steps", 8, "--poison", "weight", "--out", run, code=3)
    assert "step 5: a value of the generator network is NaN or infinite; lower the learning rate" in line_of(done)
    assert checkpoints(run) == ["step-2", "step-4"]


@pytest.fixture
def run(ended_by_nan, tmp_path) -> Path:
    """A copy of that run, with the checkpoints of steps 2 and 4 of 8."""
    return shutil.copytree(ended_by_nan[0], tmp_path / "run")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(script, run):
    cut(run / "checkpoints/step-4.data-00000-of-00001")
    done = script(*TINY, "--steps", 8, "--out", run)
    assert re.search(r"note: checkpoint step-4 is damaged \([^{]+\); trying the one before", done.stdout)
    assert "resumes at step 2 of 8" in done.stdout


def test_no_whole_checkpoint_is_an_error_and_nothing_is_touched(script, run):
    for path in (run / "checkpoints").glob("*.data*"):
        cut(path)
    before = bytes_of(run / "checkpoints"), (run / "log.csv").read_bytes()
    done = script(*TINY, "--steps", 8, "--out", run, code=4)
    assert "all 2 checkpoints are damaged; start anew with --overwrite" in line_of(done)
    assert (bytes_of(run / "checkpoints"), (run / "log.csv").read_bytes()) == before


def test_other_settings_are_refused_by_name(script, run):
    done = script(*TINY, "--steps", 8, "--out", run, "--batch-size", 24, code=2)
    assert "settings: batch_size = 12, now it is 24; give the old value, another --out, or --overwrite" in line_of(done)


def test_two_at_once_in_one_folder(script, run):
    words = [*TINY, "--steps", 8, "--out", run]
    first = script.start(*words, "--pause", 60, place="first")
    first.until_printed("resumes at step 4")
    assert "another process is training in this folder; wait, or give another --out" in line_of(script(*words, code=2))
    first.send(signal.SIGKILL)
    first.wait()


# ---- disks and folders ----


def whole_rows(path: Path) -> bool:
    heading, *rows = path.read_text().split("\n")
    return rows[-1] == "" and all(row.count(",") == heading.count(",") for row in rows[:-1])


def left_behind(run: Path) -> list[str]:
    """Temporary files."""
    return [path.name for path in run.rglob(".*") if path.name != ".lock"]


def test_a_full_disk_while_saving_loses_nothing(script, run):
    before = bytes_of(run / "checkpoints")
    size = len(before["step-4.data-00000-of-00001"])
    done = script(*TINY, "--steps", 8, "--out", run, largest=size - 500, code=4)
    assert "checkpoints: cannot save the checkpoint of step 6 (" in line_of(done)
    assert "; free space or make the folder writable, then run the same command again" in done.stderr
    assert before.items() <= bytes_of(run / "checkpoints").items()
    assert whole_rows(run / "log.csv")


def test_a_full_disk_while_logging_leaves_whole_rows(script, tmp_path):
    done = script("tests/scaled.py", "--steps", 400, "--sample-every", 400, "--checkpoint-every", 400, "--out",
                  tmp_path / "run", largest=4000, code=4)
    assert re.search(r"(log|timing)\.csv: cannot be written \(File too large\); free space", line_of(done))
    for name in ("log.csv", "timing.csv"):
        assert 3000 < (tmp_path / "run" / name).stat().st_size <= 4000
        assert whole_rows(tmp_path / "run" / name)


def test_a_full_disk_while_drawing_leaves_no_half_picture(script, tmp_path):
    done = script(*TINY, "--checkpoint-every", 100, "--steps", 50, "--out", tmp_path / "run", largest=8000, code=4)
    assert "curves.png: cannot be written (File too large)" in line_of(done)
    assert not (tmp_path / "run/curves.png").exists()
    assert left_behind(tmp_path / "run") == []
    with Image.open(tmp_path / "run/samples/step_000004.png") as grid:
        grid.load()


def test_a_full_disk_at_the_end_keeps_the_network_from_before(script, run):
    script(*TINY, "--steps", 8, "--out", run)
    before = (run / "generator.keras").read_bytes()
    done = script(*TINY, "--steps", 8, "--out", run, largest=8000, code=4)
    assert "generator.keras: cannot be written" in line_of(done)
    assert (run / "generator.keras").read_bytes() == before
    assert left_behind(run) == []


@pytest.mark.parametrize(("words", "inside"), [
    ("hw4_acgan/train.py", ""), ("hw4_acgan/sample.py --hair red --eyes blue --run RUN", "deeper"),
    ("hw3_dcgan_lsgan/sample.py --run RUN", ""), ("lab5_cgan/sample.py --objects red_cube --run RUN", "deeper"),
    ("cyclegan_style/translate.py a.png --run RUN", ""),
    ("hw3_dcgan_lsgan/stylize.py a.png --style a.png --run RUN", "deeper")])
def test_a_file_in_the_path_of_the_folder_ends_before_tensorflow_is_imported(script, tmp_path, words, inside):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "run").mkdir()
    for name in ("generator", "generator_AtoB", "transfer"):  # whoever loaded one would say that it is damaged
        (tmp_path / "run" / f"{name}.keras").write_text("no network")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    names = {"RUN": tmp_path / "run", "a.png": tmp_path / "a.png", "red_cube": "red cube"}
    done = script(*(names.get(word, word) for word in words.split()), "--out", tmp_path / "file" / inside, code=4)
    assert f"--out {tmp_path / 'file' / inside}: cannot write into this folder (" in line_of(done)
    assert "precision" not in done.stdout
    assert (tmp_path / "file").read_text() == "mine"


# ---- memory and environment ----


@pytest.mark.slow  # TensorFlow asks for the memory again and again for ten seconds
def test_out_of_memory_says_what_to_lower(script, tmp_path):
    done = script(*TINY, "--steps", 8, "--poison", "memory", "--out", tmp_path / "run", code=4)
    assert re.search(r"out of memory \(OOM when allocating tensor[^{]*\); lower --batch-size", line_of(done))
    assert checkpoints(tmp_path / "run") == ["step-2", "step-4"]


@pytest.mark.parametrize(("name", "value"), [
    ("KERAS_BACKEND", "jax"), ("TF_USE_LEGACY_KERAS", "1"), ("KERAS_HOME", "")])
def test_an_environment_that_does_not_fit_is_named(script, tmp_path, name, value):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    done = script(*TINY, "--steps", 8, "--out", tmp_path / "run", code=2, **{name: value or str(tmp_path)})
    assert ("keras.json: image_data_format is 'channels_first'" if name == "KERAS_HOME" else f"run `unset {name}`") in \
        line_of(done)
    assert not (tmp_path / "run").exists()


# ---- data ----


@pytest.fixture
def course(tmp_path) -> Path:
    """Forty pictures in the course's layout, with all hair red and all eyes blue."""
    (tmp_path / "course/faces").mkdir(parents=True)
    for number in range(40):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"course/faces/{number}.png")
    (tmp_path / "course/tags_clean.csv").write_text("".join(f"{k},red hair:1\tblue eyes:1\t\n" for k in range(40)))
    return tmp_path / "course"


def train(script, course: Path, *words: object, code: int = 2) -> subprocess.CompletedProcess:
    return script("hw4_acgan/train.py", "--data", course, "--out", course.parent / "run", *words, code=code)


def test_bad_pictures_are_named_and_too_few_pictures_are_counted(script, course):
    Path(os.fsdecode(bytes(course) + b"/faces/\xff.png")).write_text("hello")  # whose name is no text either
    (course / "faces/41.png").symlink_to(course / "tags_clean.csv")
    (course / "faces/7.png").unlink()
    done = train(script, course)
    assert "39 images, 40 rows; 39 kept, 0 left out by the filter exactly_one; 1 rows without an image, 0 " \
        "images without a row, 2 bad images" in done.stdout
    assert "note: image ?.png left out: not an image of a known kind" in done.stdout
    assert "note: image 41.png left out: not an image of a known kind" in done.stdout
    assert "39 images are left, but a step takes 64; lower --batch-size" in line_of(done)


@pytest.mark.parametrize(("content", "words"), [
    (b"1,red hair:1\tblue eyes:1\t\n2\n", ":2: no comma after the id"),
    (b"/etc/1,red hair:1\t\n", ":1: id '/etc/1' is not a whole number")])
def test_a_row_that_cannot_be_meant_is_named(script, course, content, words):
    (course / "tags_clean.csv").write_bytes(content)
    assert f"tags_clean.csv{words}" in line_of(train(script, course))


def test_nothing_left_is_said_with_the_counts(script, course):
    (course / "tags_clean.csv").write_text("1,long hair:2\t\n2,red hair:1\t\n900,red hair:1\tblue eyes:1\t\n")
    assert "none of the 2 tagged images passes the filter exactly_one" in line_of(train(script, course))


@pytest.mark.parametrize("name", ["blond", "green"])
def test_an_unknown_domain_or_an_empty_one_is_answered_with_all(script, course, name):
    done = script("cyclegan_style/train.py", "--data", course, "--domainA", name, "--domainB", "red", "--out",
                  course.parent / "run", code=2)
    assert {"blond": "there is no domain 'blond'", "green": "0 images are in domain 'green'"}[name] in line_of(done)
    assert "red 40" in done.stderr


def test_many_rows(tmp_path):
    from common.anime import tags

    (tmp_path / "tags.csv").write_text("".join(f"{k},red hair:1\ttag {k % 999}:5\t\n" for k in range(100_000)))
    begun = time.monotonic()
    table = tags.read(tmp_path / "tags.csv")
    assert (len(table), int(table["red hair"].sum()), table["other"].iloc[-1]) == (100_000, 100_000, "tag 99")
    assert time.monotonic() - begun < 20  # about 1 s: the time grows with the rows, not with their square


@pytest.mark.parametrize(("folder", "text", "words"), [
    ("hw4_acgan", "1,blue hair red eyes\n\n2,yellow hair red eyes\n", ":3: 'yellow hair red eyes' is neither"),
    ("wgan_gp_text", "../../1,blue hair red eyes\n", ":1: id '../../1' is not a whole number")])
def test_a_line_of_a_text_file_is_named(script, tmp_path, folder, text, words):
    (tmp_path / "text.txt").write_text(text)
    done = script(f"{folder}/sample.py", "--text", tmp_path / "text.txt", "--run", tmp_path, code=2)
    assert f"text.txt{words}" in line_of(done)


def test_a_label_file_is_named_with_its_entry(script, tmp_path):
    (tmp_path / "labels.json").write_text('[["red cube"], ["pink cube"]]')
    done = script("lab5_cgan/sample.py", "--labels", tmp_path / "labels.json", "--run", tmp_path, code=2)
    assert "labels.json: entry 1: there is no object 'pink cube'" in line_of(done)


# ---- files that would run code ----


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def as_pickle(keras, path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(str(path.with_name("trapped")))))


def as_h5(keras, path: Path) -> None:
    network(keras).save(path.with_name("network.h5"))
    path.with_name("network.h5").rename(path)


def as_lambda(keras, path: Path) -> None:
    inputs = network(keras).inputs
    trap = str(path.with_name("trapped"))
    made = keras.layers.Lambda(lambda x: __import__("pathlib").Path(trap).touch() or x)(inputs[0])
    keras.Model(inputs, made).save(path)
    path.with_name("trapped").unlink(missing_ok=True)


def as_another_shape(keras, path: Path) -> None:
    network(keras, z=(4, 4)).save(path)


def as_no_pictures(keras, path: Path) -> None:
    network(keras, channels=5).save(path)


def as_any_size(keras, path: Path) -> None:
    inputs = [keras.Input(shape, name=name) for name, shape in (("z", (None,)), ("hair", ()), ("eyes", ()))]
    keras.Model(inputs, keras.layers.Reshape((4, 4, 3))(inputs[0])).save(path)


def as_one_layer(keras, path: Path) -> None:
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    keras.models.save_model(layer, path)


def as_unbuilt(keras, path: Path) -> None:
    keras.Sequential([keras.layers.Dense(3)]).save(path)


def as_input_alone(keras, path: Path) -> None:
    keras.Sequential([keras.Input((100,), name="z")]).save(path)


def as_not_a_number(keras, path: Path) -> None:
    made = network(keras)
    made.set_weights([np.full_like(weight, np.nan) for weight in made.get_weights()])
    made.save(path)


def as_fewer_colours(keras, path: Path) -> None:
    network(keras, colours=2).save(path)


def network(keras, z=(100,), channels=3, colours=12):
    inputs = [keras.Input(shape, name=name) for name, shape in (("z", z), ("hair", ()), ("eyes", ()))]
    made = keras.layers.Dense(16 * channels)(keras.layers.Flatten()(inputs[0]))
    made = keras.layers.Add()([made, keras.layers.Embedding(colours, 16 * channels)(inputs[1])])
    return keras.Model(inputs, keras.layers.Reshape((4, 4, channels))(made))


def other_words(edit: Callable[[list, Path], None]) -> Callable:
    """A network whose description of its layers is edited."""
    def write(keras, path: Path) -> None:
        network(keras).save(path.with_name("good.keras"))
        with zipfile.ZipFile(path.with_name("good.keras")) as good, zipfile.ZipFile(path, "w") as bad:
            config = json.loads(good.read("config.json"))
            edit(config["config"]["layers"], path.with_name("trapped"))
            for name in good.namelist():
                bad.writestr(name, json.dumps(config) if name == "config.json" else good.read(name))

    return write


def system_function(layers: list, trap: Path) -> None:
    layers[0] = {"module": "os", "class_name": "mkdir", "config": {"path": str(trap)}, "registered_name": None}


def no_such_layer(layers: list, trap: Path) -> None:
    layers[1]["name"] = "other"


def no_layer(layers: list, trap: Path) -> None:
    layers[-1]["config"]["dtype"] = 5


DAMAGED = "it is damaged or not a network ("


@pytest.mark.parametrize(("write", "words"), [
    (as_pickle, DAMAGED), (as_h5, DAMAGED), (as_lambda, DAMAGED), (as_unbuilt, DAMAGED), (as_input_alone, DAMAGED),
    (other_words(system_function), DAMAGED), (other_words(no_such_layer), DAMAGED), (other_words(no_layer), DAMAGED),
    (as_another_shape, "takes z of the shape (4, 4), not ('any',)"),
    (as_any_size, "takes z of the shape (None,), not ('any',)"),
    (as_no_pictures, "gives (None, 4, 4, 5), which are not images"),
    (as_one_layer, "not a network (it is a single Dense layer)"),
    (as_not_a_number, "not a network (a weight is NaN or infinite); train the run anew with --overwrite"),
    (as_fewer_colours, "does not accept its inputs: it is another network; give another --run")])
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_generator_of_another_kind_is_refused(tmp_path, tensorflow, monkeypatch, capsys, write, words):
    from hw4_acgan import sample

    write(tensorflow.keras, tmp_path / "generator.keras")
    monkeypatch.setattr("sys.argv", ["sample.py"])
    with pytest.raises(SystemExit) as end:
        run_script(sample.Options, sample.main, ["--hair", "red", "--eyes", "blue", "--run", str(tmp_path)])
    error = capsys.readouterr().err
    assert end.value.code == 4
    assert re.fullmatch(r"sample.py: [^\n]+\n", error)
    assert f"{tmp_path}/generator.keras: " in error and words in error
    assert not (tmp_path / "trapped").exists()


def test_a_generator_of_a_newer_keras_is_named_with_both_versions(tmp_path, tensorflow):
    from common.sampling import load_network

    other_words(no_such_layer)(tensorflow.keras, tmp_path / "generator.keras")
    with zipfile.ZipFile(tmp_path / "generator.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["metadata.json"] = b'{"keras_version": "3.99.0", "date_saved": "2030-01-01@00:00:00"}'
    with zipfile.ZipFile(tmp_path / "generator.keras", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(UserError) as error:
        load_network(tmp_path / "generator.keras", "python train.py", {})
    assert str(error.value) == (f"{tmp_path}/generator.keras: was saved by Keras 3.99.0, and Keras "
                                f"{tensorflow.keras.__version__} cannot load it; run `pip install keras==3.99.0`")
    cut(tmp_path / "generator.keras")  # a damaged file tells nothing of versions
    with pytest.raises(StorageError, match="cannot be loaded, it is damaged"):
        load_network(tmp_path / "generator.keras", "python train.py", {})


def test_a_damaged_generator_is_made_anew_from_a_checkpoint_where_there_is_one(tmp_path, tensorflow):
    from common.sampling import load_network

    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/step-8.index").touch()
    (tmp_path / "generator.keras").write_bytes(b"no zip")
    with pytest.raises(StorageError, match="; run the command of its training again: it writes the file anew from the "
                                           "checkpoint$"):
        load_network(tmp_path / "generator.keras", "python train.py", {})
