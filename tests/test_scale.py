"""Several devices, several workers, batches in parts: common/scale.py, common/distribution.py and the trainer.

They train `scaled.py`, in a process of its own where there are several devices.
"""

import json
import os
import signal
import socket
from pathlib import Path

import forked
import numpy as np
import pytest
import scaled
from conftest import ROOT, state

from common import options, scale
from common.errors import NUMERICAL, UserError
from common.runs import Run


def start(home: Path, *words: object, **env: str) -> forked.Script:
    """Starts scaled.py in a process of its own."""
    home.mkdir(parents=True, exist_ok=True)
    return forked.start([ROOT / "tests" / "scaled.py", *words], home, {**os.environ, **env})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains by words of the command line, each set of them once -> weights, and log.csv as numbers.

    One device needs no process of its own.
    """
    folder, known = tmp_path_factory.mktemp("scaled"), {}

    def train(*words):
        if words not in known:
            out = folder / "_".join(["run", *words])
            all_words = ["--steps", "6", "--out", str(out), *words]
            if "--devices" in words:
                assert start(folder, *all_words).wait().returncode == 0
            else:
                scaled.main(options.parse(scaled.Config, all_words))
            known[words] = weights(out), np.genfromtxt(out / "log.csv", delimiter=",", names=True)
        return known[words]

    return train


def weights(out, worker=0):
    with np.load(out.parent / f"{out.name}-{worker}.npz") as file:
        return [file[name] for name in file.files]


@pytest.mark.slow
@pytest.mark.parametrize(("game", "plain"), [(("--d-steps", "2", "--clip", "0.05"), ("--d-steps", "2")),
                                             (("--skip",), ())], ids=["gradients are clipped", "D skips steps"])
def test_two_devices_are_one(trained, game, plain):
    one, two = trained(*game), trained(*game, "--devices", "2")
    for expected, found in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    for name in one[1].dtype.names:
        np.testing.assert_allclose(two[1][name], one[1][name], rtol=0, atol=1e-5)
    assert max(abs(one - two).max() for one, two in zip(one[0], trained(*plain)[0], strict=True)) > 1e-3
    assert game != ("--skip",) or 0 < one[1]["moves"].mean() < 1


@pytest.mark.slow
def test_three_devices_go_on_to_the_same_bits(tmp_path):
    """With Adam, batch normalisation and dropout."""
    def train(out, *words):
        return start(tmp_path, "--full", "--devices", "3", "--checkpoint-every", "4", "--steps", "8", "--out", out,
                     *words).wait().returncode

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert [train(whole), train(broken, "--poison", "loss"), train(broken)] == [0, NUMERICAL, 0]
    same(whole, broken)


def same(whole, broken):
    expected, found = state(whole), state(broken)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    assert (broken / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


class Crew:
    """Two workers on this machine, each a process.

    Args:
        out: the run folder, in a folder of runs.
        words: further words of the command line.
        second: words of the second worker alone.
    """

    def __init__(self, out: Path, *words: object, second: tuple = ()) -> None:
        self.out = out
        hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
        self.processes = [self._start(hosts, worker, *words, *(second if worker else ())) for worker in (0, 1)]

    def _start(self, hosts, worker, *words):
        cluster = json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": worker}})
        return start(self.out.parents[1] / f"worker-{worker}", "--full", "--steps", "12", "--checkpoint-every", "4",
                     "--out", self.out, *words, TF_CONFIG=cluster)

    def stop(self, step, number, worker):
        """Sends one of them a signal once the run has done so many steps; what `end` gives."""
        log = self.out / "log.csv"
        self.processes[0].until(lambda: log.exists() and log.read_text().count("\n") > step, timeout=300)
        self.processes[worker].send(number)
        return self.end()

    def end(self):
        """Waits for both; their exit codes and what they said."""
        done = [process.wait() for process in self.processes]
        return [one.returncode for one in done], [one.stdout + one.stderr for one in done]


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The run folder of two workers that nobody interrupted."""
    out = tmp_path_factory.mktemp("workers") / "runs" / "whole"
    codes, said = Crew(out).end()
    assert codes == [0, 0], said
    return out


@pytest.mark.slow
def test_two_workers_agree_to_the_bit_and_the_chief_alone_writes(together):
    for one, other in zip(weights(together, 0), weights(together, 1), strict=True):
        np.testing.assert_array_equal(one, other)
    config = json.loads((together / "config.json").read_text())
    assert config["scale"] == {"devices": 1, "workers": 2}
    assert {path.name for path in together.parent.iterdir()} == {"whole", "whole-0.npz", "whole-1.npz"}


@pytest.mark.slow
def test_stopped_workers_say_so_and_go_on_to_the_same_bits(together, tmp_path):
    """One is killed, then one is told to stop."""
    out = tmp_path / "runs" / "broken"
    codes, said = Crew(out, "--pause", 0.2).stop(6, signal.SIGKILL, 1)
    assert codes == [1, -9], said
    assert "another worker of TF_CONFIG was lost; start all workers again with the same commands" in said[0]
    codes, said = Crew(out, "--pause", 0.2).stop(9, signal.SIGTERM, 1)
    assert codes == [143, 143], said
    codes, said = Crew(out).end()
    assert codes == [0, 0], said
    assert "resumes at step" in said[0]
    same(together, out)
    for worker in (0, 1):
        for one, other in zip(weights(together, worker), weights(out, worker), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_workers_with_different_options_stop(tmp_path):
    codes, said = Crew(tmp_path / "runs" / "run", second=("--seed", "1")).end()
    assert codes == [2, 2], said
    assert all("the workers differ in what they train" in text for text in said)


def tf_config(workers=2, index=0, role="worker"):
    hosts = [f"127.0.0.1:{7000 + number}" for number in range(workers)]
    return json.dumps({"cluster": {"worker": hosts}, "task": {"type": role, "index": index}})


@pytest.mark.parametrize(("words", "environment", "message"), [
    (["--devices", "5"], None, "--batch-size 12: cannot be split into 5 equal parts"),
    (["--devices", "2"], tf_config(4), r"8 equal parts \(4 workers, --devices 2\); give a multiple of it"),
    (["--devices", "2", "--jit"], None, "--jit: compiles for one device only"),
    ([], tf_config(role="ps"), "TF_CONFIG: must be like"),
    ([], tf_config(index=2), "TF_CONFIG: must be like"),
    ([], "{", "TF_CONFIG: must be like"),
])
def test_what_does_not_fit_is_refused(tmp_path, monkeypatch, words, environment, message):
    if environment:
        monkeypatch.setenv("TF_CONFIG", environment)
    config = options.parse(scaled.Config, [*words, "--steps", "2", "--out", str(tmp_path)])
    with pytest.raises(UserError, match=message):
        Run(config)
    assert not list(tmp_path.iterdir())


def test_devices_below_one_are_refused():
    with pytest.raises(UserError, match="--devices 0: must be from 1"):
        options.parse(scaled.Config, ["--devices", "0"])


def test_a_pool_of_made_pictures_is_for_one_device():
    from cyclegan_style.train import Config

    with pytest.raises(UserError, match="--pool: works on one device only"):
        options.parse(Config, ["--pool", "50", "--devices", "2"])


def test_a_run_keeps_its_scale(tmp_path):
    def run(*words):
        Run(options.parse(scaled.Config, ["--steps", "2", "--out", str(tmp_path), *words])).close()

    run("--devices", "2")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-2.index").touch()
    run("--devices", "2")
    with pytest.raises(UserError, match="scale: devices = 2, now it is 1"):
        run()
    info = json.loads((tmp_path / "config.json").read_text())
    assert info.pop("scale") == {"devices": 2, "workers": 1}
    older = {"scale": {"devices": 1, "workers": 1, "accumulate": 1}}
    for scales in ({}, older):  # as a run from before --devices, and one from before --accumulate went
        (tmp_path / "config.json").write_text(json.dumps(info | scales))
        with pytest.raises(UserError, match="scale: devices = 1, now it is 2"):
            run("--devices", "2")
        run()


def test_the_chief_alone_has_the_run_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(index=1))
    run = Run(options.parse(scaled.Config, ["--steps", "2", "--out", str(tmp_path / "run")]))
    assert run.folder.name.startswith("gan-worker-")
    assert not (tmp_path / "run").exists()
    run.close()
    assert not run.folder.exists()


def test_chief_and_workers_are_counted_together(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for role, index, expected in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": role, "index": index}}))
        assert scale.cluster() == (expected, 3)
    monkeypatch.delenv("TF_CONFIG")
    assert scale.cluster() == (0, 1)


def test_shards_and_their_noise_are_those_of_the_whole(tensorflow):
    from common.distribution import Shard
    from common.game import Noise

    values = tensorflow.reshape(tensorflow.range(24), (12, 2))
    assert Shard(1, 3).take(values).numpy()[:, 0].tolist() == [8, 10, 12, 14]
    whole, part = (Noise(0, tensorflow.constant(7, tensorflow.int64)) for _ in range(2))
    expected = whole.normal((6, 4))
    part._shard = Shard(2, 3)
    np.testing.assert_array_equal(part.normal((2, 4)), expected[4:])
