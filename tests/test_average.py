"""common/average.py: the average by hand, a training that it does not touch, exact resume, what samplers take."""

import importlib
import json
import re

import numpy as np
import pytest
from conftest import page, state
from PIL import Image

from common import sampling
from common.errors import BAD_INPUT, NUMERICAL, UserError
from common.options import Common
from common.runs import Run, read_log
from common.runtime import Runtime


@pytest.fixture
def tiny(tensorflow):
    """A kernel and batch statistics, whose values a test sets as a training would, and their average."""
    import keras

    from common.average import Average
    from common.game import Game, Player

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, name="dense"),
                                keras.layers.BatchNormalization(name="bn")])
    game = Game(0, generator=Player(network, keras.optimizers.SGD()))
    kernel, moving_mean = network.get_layer("dense").kernel, network.get_layer("bn").moving_mean

    def averages(half_life, *steps):
        """The averages of kernel and moving mean after each of some steps: those values that both get there."""
        kernel.assign([[7.0]])  # before the first step: it must not count
        average, found = Average(game, half_life), []
        update = tensorflow.function(average.update)
        for number, (one, other) in enumerate(steps):
            kernel.assign([[one]])
            moving_mean.assign([other])
            update(tensorflow.constant(number, tensorflow.int64))
            with average.shown():
                found.append((float(kernel.numpy()[0, 0]), float(moving_mean.numpy()[0])))
            assert (kernel.numpy()[0, 0], moving_mean.numpy()[0]) == (one, other)
        return found

    return averages


def test_the_average_by_hand(tiny):
    # half-life 1: weights 1, 1/2, 1/4 from the last step back. 8; (4 + 4) / 1.5; (2 + 2 + 16) / 1.75
    assert tiny(1, (8, 0), (4, 1), (16, 3)) == [
        pytest.approx((8, 0)), pytest.approx((5.333333, 0.666667)), pytest.approx((11.428571, 2))]


def test_what_is_a_half_life_ago_counts_half(tiny):
    found = tiny(4, *[(0, 2)] * 80, *[(1, 4)] * 4, *[(1, 4)] * 4)
    assert found[83] == pytest.approx((0.5, 3), abs=1e-5)
    assert found[87] == pytest.approx((0.75, 3.5), abs=1e-5)


def test_a_half_life_below_a_step_is_no_average(tiny):
    assert tiny(0.001, (8, 0), (4, 1)) == [(8, 0), (4, 1)]


@pytest.mark.parametrize("devices", [1, 2])
def test_the_training_is_the_same_to_the_bit_with_and_without(script, tmp_path, devices):
    """With Adam, batch normalisation and dropout."""
    plain, averaged = tmp_path / "plain", tmp_path / "averaged"
    for out, *more in ((plain,), (averaged, "--average", 0.2)):
        script("tests/scaled.py", "--full", "--devices", devices, "--steps", 9, "--sample-every", 9, "--out", out,
               *more)
    assert (plain / "log.csv").read_bytes() == (averaged / "log.csv").read_bytes()
    expected, found = state(plain), state(averaged)
    averages = {name: found.pop(name) for name in list(found) if name.startswith("average")}
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    with np.load(tmp_path / "plain-0.npz") as one, np.load(tmp_path / "averaged-0.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
        averages = [averages[f"average/{number}/.ATTRIBUTES/VARIABLE_VALUE"] for number in range(len(averages))]
        trained = [other[name] for name in other.files][:len(averages)]
    assert [value.shape for value in averages] == [(5, 3), (7, 48), (48,), *[(48,)] * 4]
    assert all(not np.array_equal(*pair) for pair in zip(averages, trained, strict=True))
    grids = {name: [(out / "samples" / name).read_bytes() for out in (plain, averaged)]
             for name in ("step_000000.png", "step_000009.png")}
    assert {name: one == other for name, (one, other) in grids.items()} == {
        "step_000000.png": True, "step_000009.png": False}


@pytest.mark.slow
def test_killed_and_resumed_is_the_same_to_the_bit_then_samples(few_faces, killed, script, tmp_path):
    import keras

    killed("hw4_acgan/train.py", "hw4_acgan/acgan", "--data", few_faces, "--average", 0.1, judge_anew=True)
    run = tmp_path / "killed" / "hw4_acgan" / "acgan"
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["condition_accuracy"]["n"]) == (8, 132)
    average, trained = (keras.models.load_model(run / f"generator{name}.keras") for name in ("_average", ""))
    saved = state(run)
    for number, (one, other) in enumerate(zip(average.get_weights(), trained.get_weights(), strict=True)):
        np.testing.assert_array_equal(one, saved[f"average/{number}/.ATTRIBUTES/VARIABLE_VALUE"])
        assert not np.array_equal(one, other)

    def drawn(*words):
        done = script("hw4_acgan/sample.py", "--run", run, "--hair", "blue", "--eyes", "red", "--count", 1, "--out",
                      tmp_path / "drawn", *words)
        with Image.open(tmp_path / "drawn" / "sample_1_1.jpg") as picture:
            return done.stdout, np.asarray(picture)

    said, usual = drawn()
    assert said.startswith("generator_average.keras is used, the average of the weights; --weights trained is without")
    silent, average = drawn("--weights", "average")
    _, trained = drawn("--weights", "trained")
    assert "is used" not in silent and np.array_equal(average, usual) and not np.array_equal(trained, usual)


class Kernel:
    """Measures a weight of the generator."""

    curves = {}
    brief = False

    def __init__(self, game):
        self.game = game

    def value(self):
        return float(self.game.generator.weights[0].numpy()[0, 0])

    def prepare(self):
        return {}

    def check(self):
        return {"kernel": self.value()}, "measured"

    def variety(self):
        return None

    def measure(self):
        return {"frechet": {"fake": self.value()}}, f"kernel {self.value():.4g}"


def test_measures_and_the_page_are_of_the_average_beside_the_trained_weights(tensorflow, tmp_path):
    import keras

    from common import trainer
    from common.batches import Batches
    from common.game import Game, Player

    class Falling(Game):
        """The one weight falls from 6 to 3 by 1 a step: at half-life 1 the average is (3 + 4 / 2 + 5 / 4) / 1.75."""

        def train_step(self, minibatch, step):
            with self.tape("generator") as tape:
                loss = tensorflow.reduce_sum(self.generator(tensorflow.ones((1, 1))))
            self.update(tape, loss, "generator")
            return {"g": loss}

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
        1, use_bias=False, kernel_initializer=keras.initializers.Constant(6.0))])
    game = Falling(0, generator=Player(network, keras.optimizers.SGD(1.0)))
    config = Common(out=tmp_path / "runs" / "hw4_acgan" / "acgan", steps=3, batch_size=2, log_every=1, sample_every=3,
                    average=1 / 3)
    run = Run(config)
    run.record_machine(Runtime("float32", "2 CPU cores", {}))
    stream = Batches(np.zeros((4, 4, 4, 3), np.uint8), np.arange(4), {}, 2, 0)
    evaluation = Kernel(game)
    trainer.train(game, stream, run, config, lambda: Image.new("RGB", (8, 8), round(100 * evaluation.value())),
                  {"loss": {"g": "G"}}, lambda: Image.new("RGB", (8, 8), round(100 * evaluation.value())), evaluation)
    run.close()

    metrics = json.loads((config.out / "metrics.json").read_text())
    assert metrics["frechet"]["fake"] == pytest.approx(3.571429)
    assert (metrics["verdict"], metrics["weights"]) == ("kernel 3.571", "average")
    assert metrics["trained_weights"] == {"frechet": {"fake": 3.0}, "verdict": "kernel 3"}
    (row,) = read_log(config.out, "accuracy.csv")
    assert float(row["kernel"]) == pytest.approx(3.571429)
    assert [Image.open(config.out / name).getpixel((0, 0))[0] for name in
            ("samples/step_000000.png", "samples/step_000003.png", "chart.png")] == [600 % 256, 357 % 256, 357 % 256]
    values = [float(keras.models.load_model(config.out / f"generator{name}.keras").get_weights()[0][0, 0])
              for name in ("", "_average")]
    assert values == pytest.approx([3, 3.571429])
    text = re.sub(r"(<[^>]*>|\s)+", " ", page(tmp_path / "runs"))
    for words in ("of an average of the weights, with a half-life of 0.333333 of the run; the report has none",
                  "kernel 3.571 This is of the average of the weights. The weights as trained: kernel 3 ",
                  "Fréchet distance 3.571 weights as trained 3 "):
        assert words in text


def test_a_run_from_before_goes_on_and_keeps_being_without(script, tmp_path):
    command = ["tests/scaled.py", "--full", "--steps", 8, "--checkpoint-every", 4, "--out", tmp_path / "run"]
    script(*command, "--poison", "loss", code=NUMERICAL)
    config = tmp_path / "run" / "config.json"
    info = json.loads(config.read_text())
    assert info["settings"].pop("average") == 0
    config.write_text(json.dumps(info))
    refused = script(*command, "--average", 0.1, code=BAD_INPUT)
    assert "the run there has settings: average = 0.0, now it is 0.1" in refused.stderr
    assert "at step 4 of 8" in script(*command).stdout


@pytest.fixture
def run(tmp_path):
    """Builds a finished run with these networks."""
    def build(*names):
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return build


@pytest.mark.parametrize(("weights", "expected"), [(None, "generator_BtoA_average.keras"),
                                                   ("average", "generator_BtoA_average.keras"),
                                                   ("trained", "generator_BtoA.keras")])
def test_samplers_take_the_average_unless_told_otherwise(run, weights, expected):
    folder = run("generator_BtoA.keras", "generator_BtoA_average.keras")
    assert sampling.find_network(folder, "train", "generator_BtoA.keras", weights).name == expected


def test_an_average_that_there_is_not_is_named(run, capsys):
    folder = run("generator.keras")
    assert [sampling.find_network(folder, "train", weights=weights).name for weights in (None, "trained")] == \
        ["generator.keras"] * 2
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match="--weights average: .* was trained without --average; leave --weights out"):
        sampling.find_network(folder, "train", weights="average")


@pytest.mark.parametrize("sampler", ["hw3_dcgan_lsgan.sample", "hw3_dcgan_lsgan.stylize", "hw4_acgan.sample",
                                     "text2image_cdcgan.sample", "wgan_gp_text.sample", "cyclegan_style.translate",
                                     "lab5_cgan.sample"])
def test_every_sampler_has_the_option(sampler):
    assert importlib.import_module(sampler).Options(weights="trained").weights == "trained"
