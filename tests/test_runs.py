"""common/runs.py and common/files.py: lock, config.json, log.csv, atomic files."""

import errno
import json
import os
import re
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_pipe

from common import files, runs
from common.errors import StorageError, UserError
from common.files import atomic
from common.options import Common
from common.runs import Run, read_log, revision_of_code
from common.runtime import Runtime


@pytest.fixture
def config(tmp_path):
    return Common(out=tmp_path / "run", steps=10)


def trained(config):
    """A run folder in which something was trained, as far as Run can see."""
    run = Run(config)
    (config.out / "checkpoints").mkdir()
    (config.out / "checkpoints" / "step-4.index").touch()
    return run


def test_settings_may_change_until_something_is_trained(config):
    Run(config).close()
    Run(replace(config, batch_size=32)).close()
    assert json.loads((config.out / "config.json").read_text())["settings"]["batch_size"] == 32
    config = replace(config, batch_size=32)
    trained(config).close()
    Run(replace(config, checkpoint_every=3, debug=True)).close()  # neither changes what is trained
    with pytest.raises(UserError, match="settings: batch_size = 32, now it is 64; .*--overwrite"):
        Run(replace(config, batch_size=64))


def test_overwrite_moves_the_old_run_aside(config, capsys):
    for number in (1, 2):
        trained(config).close()
        (config.out / "notes.txt").write_text(f"mine {number}")
        run = Run(replace(config, batch_size=32 * number, overwrite=True))
        run.begin_training()
        with pytest.raises(UserError, match="another process"):  # the new folder is locked
            Run(config)
        run.close()
        old = config.out.with_name(f"run.old-{number}")
        assert (old / "notes.txt").read_text() == f"mine {number}"
        assert (old / "checkpoints/step-4.index").exists()
        assert {path.name for path in config.out.iterdir()} == {".lock", "config.json"}
        assert f"note: the run in {config.out} was moved to {old}" in capsys.readouterr().out
        (config.out / "config.json").unlink()


def test_nothing_is_moved_where_nothing_is_there(config):
    Run(replace(config, overwrite=True)).begin_training()
    assert [path.name for path in config.out.parent.iterdir()] == ["run"]


def test_overwriting_behind_a_link_keeps_the_link(config, tmp_path):
    (tmp_path / "disk/run").mkdir(parents=True)
    config.out.symlink_to(tmp_path / "disk/run")
    trained(config).close()
    Run(replace(config, overwrite=True)).begin_training()
    assert config.out.is_symlink()
    assert (tmp_path / "disk/run.old-1/checkpoints/step-4.index").exists()


def test_a_folder_that_cannot_be_moved_is_named(config, monkeypatch):
    trained(config).close()
    before = (config.out / "config.json").read_bytes()
    run = Run(replace(config, batch_size=32, overwrite=True))
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(16, "Device or resource busy")))
    with pytest.raises(StorageError, match="cannot be moved aside .Device or resource busy.; give another --out"):
        run.begin_training()
    assert (config.out / "config.json").read_bytes() == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_of_a_run_changes_before_its_training_begins(config, overwrite):
    """So a command that is refused, for its settings or later for its data, leaves everything as it was."""
    trained(config).close()
    before = (config.out / "config.json").read_bytes()
    with pytest.raises(UserError, match="batch_size"):
        Run(replace(config, batch_size=32))
    run = Run(replace(config, overwrite=overwrite))
    run.substitute("another picture set")
    run.record("preset", "smoke")
    run.when_training_begins((config.out / "sentences.npz").touch)
    assert (config.out / "config.json").read_bytes() == before
    assert {path.name for path in config.out.iterdir()} == {".lock", "config.json", "checkpoints"}
    run.begin_training()
    info = json.loads((config.out / "config.json").read_text())
    assert (info["substitutions"], info["preset"]) == (["another picture set"], "smoke")
    assert (config.out / "sentences.npz").exists()
    assert (config.out / "checkpoints").exists() != overwrite


def test_what_a_killed_process_left_is_removed(config):
    trained(config).close()
    (config.out / "samples").mkdir()
    left = [config.out / ".half-4711-generator.keras", config.out / "samples/.half-4711-step_000004.png"]
    own = [config.out / ".1-notes.txt", config.out / "samples/.best.png"]
    for path in left + own:
        path.touch()
    Run(config).begin_training()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in own)


def test_a_users_network_does_not_stop_a_run_that_lost_nothing(config):
    Run(config).close()
    (config.out / "best.keras").touch()
    Run(replace(config, batch_size=32)).begin_training()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_a_file_system_has_no_locks_a_run_says_so_and_goes_on(config, monkeypatch, capsys, number):
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
    Run(config).begin_training()
    assert f"note: {config.out}: this file system cannot lock a folder ({os.strerror(number)}); start no second " \
        "training in it\n" in capsys.readouterr().out
    assert (config.out / "config.json").exists()


def test_a_folder_that_cannot_be_flushed_is_no_fault_but_a_disk_that_fails_is(tmp_path, monkeypatch):
    usual, number = os.fsync, errno.EINVAL

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        usual(handle)

    monkeypatch.setattr("os.fsync", fsync)
    files.write_json(tmp_path / "file.json", [1])
    assert (tmp_path / "file.json").read_text() == "[\n  1\n]\n"
    number = errno.EIO
    with pytest.raises(StorageError, match="file.json: cannot be written .Input/output error."):
        files.write_json(tmp_path / "file.json", [2])


def test_the_lock_empties_no_file_that_it_links_to(config, tmp_path):
    config.out.mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (config.out / ".lock").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(OSError, match="lock"):
        Run(config)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_what_is_recorded_later_is_compared_too(config):
    run = Run(config)
    run.require_same("data", {"kept": 9821})
    run.require_same("data", {"kept": 9821})
    with pytest.raises(UserError, match="data: kept = 9821, now it is 9000"):
        run.require_same("data", {"kept": 9000})
    with pytest.raises(UserError, match="data: kept = 9821, now it is None"):
        run.require_same("data", {})


@pytest.mark.parametrize("others", [
    {"thesis.txt": "mine"}, {"config.json": '{"model_type": "bert"}', "model.safetensors": "weights"},
    {"config.json": '{"model_type": "bert"}'}, {"config.json": "[compose]", "notes.txt": "mine"},
    {"config.json": '{"settings": {"theme": "dark"}}', "main.py": "", "checkpoints": "mine"},
    {"log.csv": "epoch,loss", "metrics.json": "{}"}, {"config.json": "{}"}, {"config.json": "[]"},
    {"config.json": '{"settings": {"theme": 1}, "report": {}}', "log.csv": "epoch,loss"},
    {"checkpoints/step-4.index": "of a run, as far as one can see, or of another project"},
    {"checkpoints/step-100.index": "mine", "samples/step_000500.png": "mine", "log.csv": "mine"}])
def test_a_folder_with_other_files_is_left_alone(config, others):
    for name, text in others.items():
        (config.out / name).parent.mkdir(parents=True, exist_ok=True)
        (config.out / name).write_text(text)
    message = "and no config.json shows that it is a run folder; .*other --out|json: damaged; .*other --out"
    for overwrite in (False, True):
        with pytest.raises((UserError, StorageError), match=message):
            Run(replace(config, overwrite=overwrite))
    assert {str(path.relative_to(config.out)): path.read_text() for path in config.out.rglob("*")
            if path.is_file()} == others


def test_a_file_in_the_way_of_the_run_folder(config):
    config.out.write_text("")
    with pytest.raises(StorageError, match="cannot write into this folder"):
        Run(config)


@pytest.mark.parametrize("sections", [
    "cut off", "pipe", [], {"settings": 3}, {"data": 5}, {"scale": 5}, {"substitutions": "embedded"},
    {"substitutions": [5]}, {"precision": {"precision": "float16"}},
    {"precision": {"precision": []}}])
def test_damaged_config(config, sections):
    trained(config).close()
    path = config.out / "config.json"
    info = json.loads(path.read_text())
    path.unlink()
    if sections == "pipe":
        make_pipe(path)
    else:
        path.write_text('{"settings": ' if sections == "cut off" else json.dumps(sections and info | sections))
    with pytest.raises(StorageError, match="config.json: damaged; restore it, or give another --out"):
        Run(config)


@pytest.mark.parametrize("value", [None, 5, ["file"], ""])
def test_a_value_of_another_type_is_damage(config, value):
    run = trained(config)
    run.require_same("features", {"kind": "imagenet"})
    assert run.recorded("features", "kind") == "imagenet"
    run.info["features"] = {"kind": value} if value is not None else {}
    with pytest.raises(StorageError, match="config.json: damaged"):
        run.recorded("features", "kind")


def test_an_unreadable_config_is_not_called_damaged(config, monkeypatch):
    trained(config).close()
    usual = Path.read_text
    fault = PermissionError(13, "Permission denied")
    monkeypatch.setattr(Path, "read_text", lambda path, **words: usual(path, **words)
                        if path.name != "config.json" else (_ for _ in ()).throw(fault))
    with pytest.raises(StorageError, match="config.json: cannot be read .Permission denied.; make it") as refused:
        Run(config)
    assert "overwrite" not in str(refused.value)


def test_auto_keeps_the_precision_that_the_run_began_with(config):
    run = trained(config)
    assert run.precision("auto") == "auto"
    run.record_machine(Runtime("bfloat16", "2 CPU cores", {}))
    assert run.precision("auto") == "bfloat16"
    assert run.precision("float32") == "float32"
    with pytest.raises(UserError, match="precision = 'bfloat16', now it is 'float32'"):
        run.record_machine(Runtime("float32", "2 CPU cores", {}))


def test_substitutions_are_said_and_kept_once(config, capsys):
    run = Run(config)
    run.substitute("no --data: embedded")
    run.substitute("no --data: embedded")
    assert json.loads((config.out / "config.json").read_text())["substitutions"] == ["no --data: embedded"]
    assert capsys.readouterr().out.count("note: no --data: embedded") == 2


def test_the_revisions_of_the_code_that_trained_a_run_are_kept(config, monkeypatch):
    for revision in ("abc", "abc", "abc-dirty"):
        monkeypatch.setattr(runs, "revision_of_code", lambda found=revision: found)
        Run(config).close() if (config.out / "checkpoints").exists() else trained(config).close()
    resumed = Run(config)
    resumed.begin_training()
    assert json.loads((config.out / "config.json").read_text())["revisions"] == ["abc", "abc-dirty"]


def test_a_revision_is_a_commit_and_says_when_files_were_changed_since(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)

    monkeypatch.setattr(runs, "ROOT", tmp_path)
    assert revision_of_code() is None  # no checkout
    git("init", "-q")
    (tmp_path / "a.py").write_text("a = 1")
    git("add", "a.py")
    git("commit", "-qm", "a")
    clean = revision_of_code()
    assert re.fullmatch("[0-9a-f]{12}", clean)
    (tmp_path / "a.py").write_text("a = 2")
    assert revision_of_code() == f"{clean}-dirty"


def test_log_gives_a_float32_back_and_rewinds(config):
    run = Run(config)
    for step in (1, 2, 3):
        run.log(step, {"d_real": 0.1 + step, "g_source": 1 / 3})
    run.close()
    with open(config.out / "log.csv", "a") as file:
        file.write("4,4.1")  # a power failure in the middle of a row
    assert [row["step"] for row in read_log(config.out)] == ["1", "2", "3"]
    run = Run(config)
    run.rewind(2)
    run.log(3, {"d_real": 3.1, "g_source": 0.5})
    run.close()
    assert (config.out / "log.csv").read_text() == \
        "step,d_real,g_source\n1,1.1,0.333333333\n2,2.1,0.333333333\n3,3.1,0.5\n"
    run.rewind(0)
    assert not (config.out / "log.csv").exists()


def test_a_log_stays_whole_where_rewinding_fails(config, monkeypatch):
    run = Run(config)
    for step in (1, 2, 3):
        run.log(step, {"d_real": 0.5})
    before = (config.out / "log.csv").read_bytes()
    monkeypatch.setattr("csv.DictWriter.writerows", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.rewind(2)
    assert (config.out / "log.csv").read_bytes() == before


def test_rewind_drops_the_grids_that_come_again(config):
    run = Run(config)
    (config.out / "samples").mkdir()
    for name in ("step_000000", "step_000004", "step_000010", "step_1000000", "step_x", "step_10", "step_0000010"):
        (config.out / f"samples/{name}.png").touch()
    run.rewind(4)
    assert sorted(path.stem for path in (config.out / "samples").iterdir()) == [
        "step_000000", "step_0000010", "step_000004", "step_10", "step_x"]


@pytest.mark.parametrize(("data", "words"), [
    (b"step,d_real\n1,0.5\n2\n3,0.5\n", r"log\.csv:3: damaged row"), (b"d_real\n0.5\n", "damaged"),
    (b"step,d_real\n\xff,1\n", "damaged"), (None, r"log\.csv: damaged")], ids=["short", "no step", "no text", "pipe"])
def test_a_damaged_log_is_named(config, data, words):
    Run(config).close()
    (config.out / "log.csv").write_bytes(data) if data else make_pipe(config.out / "log.csv")
    with pytest.raises(StorageError, match=words):
        read_log(config.out)


def test_atomic_keeps_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_has_the_file_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files, "sync", lambda path: order.append(path.name))
    monkeypatch.setattr("os.replace", lambda old, new: order.append("replaced"))
    with atomic(tmp_path / "file.json") as temporary:
        temporary.touch()
    assert order == [temporary.name, "replaced", tmp_path.name]


def test_a_finished_run_that_is_measured_again_keeps_the_machine_that_trained_it(config):
    run = trained(config)
    for trains, device in ((True, "a GPU"), (False, "2 CPU cores")):
        run.record_machine(Runtime("float32", device, {}))
        run.record_use_of_machine(trains=trains)
    info = json.loads((config.out / "config.json").read_text())
    assert (info["machine"], info["measured_on"]) == ({"device": "a GPU"}, {"device": "2 CPU cores"})


def test_an_atomic_folder_is_whole_or_absent(tmp_path):
    path = tmp_path / "set"
    with pytest.raises(RuntimeError), files.atomic_folder(path, replace=False) as new:
        (new / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.atomic_folder(path, replace=False) as new:
        (new / "one").touch()
    with files.atomic_folder(path, replace=False) as new:  # another process was first: its folder stays
        (new / "two").touch()
    assert [file.name for file in path.iterdir()] == ["one"]
    with files.atomic_folder(path, replace=True) as new:
        (new / "three").touch()
    assert [file.name for file in path.iterdir()] == ["three"]
    assert list(tmp_path.iterdir()) == [path]
