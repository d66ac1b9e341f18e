"""hw4_acgan: the report's networks layer by layer, its objectives, and a run killed and resumed, then sampled."""

import dataclasses
import json
import math

import numpy as np
import pytest
from conftest import frozen, rows
from PIL import Image

from common.errors import UserError
from common.options import parse
from hw4_acgan.train import Config


@pytest.fixture
def model(tensorflow):
    from hw4_acgan import model

    tensorflow.keras.utils.set_random_seed(0)  # the same initial weights, whichever tests ran before
    return model


def test_generator_is_the_printed_one(model):
    g = model.generator()
    assert (g.count_params(), frozen(g)) == (3_698_806, 2_048)
    assert rows(g, "Embedding") == [((5,), 60), ((5,), 55)]
    assert rows(g, "Conv2DTranspose") == [
        ((4, 4, 512), 901_632), ((8, 8, 256), 2_097_408), ((16, 16, 128), 524_416), ((32, 32, 64), 131_136),
        ((32, 32, 64), 36_928), ((64, 64, 3), 3_075)]
    assert [count for _, count in rows(g, "BatchNormalization")] == [2_048, 1_024, 512, 256, 256]
    assert [layer.kernel_size for layer in g.layers if type(layer).__name__ == "Conv2DTranspose"] == \
        [(4, 4)] * 4 + [(3, 3), (4, 4)]


def test_discriminator_is_the_printed_one(model):
    d = model.discriminator()
    assert (d.count_params(), frozen(d)) == (6_376_600, 3_840)
    assert rows(d, "Conv2D") == [((32, 32, 64), 1_792), ((16, 16, 128), 73_856), ((8, 8, 256), 295_168),
                                 ((4, 4, 512), 1_180_160), ((2, 2, 1024), 4_719_616)]
    assert rows(d, "Dense") == [((1,), 4_097), ((12,), 49_164), ((11,), 45_067)]
    assert [count for _, count in rows(d, "BatchNormalization")] == [512, 1_024, 2_048, 4_096]


def test_momentum_epsilon_slope_and_initializer_are_the_printed_ones(model):
    for network in (model.generator(), model.discriminator()):
        for layer in network.layers:
            settings = layer.get_config()
            assert (settings.get("momentum", 0.5), settings.get("epsilon", 1e-3)) == (0.5, 1e-3)
            assert settings.get("negative_slope", 0.2) == 0.2
            if "kernel_initializer" in settings:
                assert settings["kernel_initializer"]["class_name"] == "GlorotUniform"


def test_one_hot_condition_is_the_first_try(model):
    g = model.generator(condition="onehot")
    assert rows(g, "Embedding") == []
    assert rows(g, "Conv2DTranspose")[0] == ((4, 4, 512), (100 + 12 + 11) * 16 * 512 + 512)


@pytest.mark.parametrize("condition", ["embedding", "onehot"])
def test_each_label_changes_the_picture(model, condition):
    g = model.generator(condition=condition)
    z = np.zeros((3, 100), np.float32)
    image = g.predict_on_batch([z, np.array([0, 3, 0], np.int32), np.array([0, 0, 3], np.int32)])
    assert image.shape == (3, 64, 64, 3)
    assert -1 <= image.min() < image.max() <= 1
    size = np.abs(image).max()
    assert np.abs(image[0] - image[1]).max() > 0.1 * size
    assert np.abs(image[0] - image[2]).max() > 0.1 * size


@pytest.fixture
def game(model):
    from hw4_acgan.train import build

    return build(Config())


def undecided(tensorflow):
    """A discriminator that says: source log 3 (3/4 real), and nothing about the classes."""
    def answer(image, training):
        assert training is True
        count = image.shape[0]
        source = tensorflow.fill((count, 1), math.log(3.0))
        return [source, tensorflow.zeros((count, 12)), tensorflow.zeros((count, 11))]

    return answer


def test_objectives_by_hand(game, tensorflow):
    game.discriminator, game.class_weight = undecided(tensorflow), 2.0
    image, hair, eyes = tensorflow.zeros((2, 64, 64, 3)), tensorflow.constant([0, 5]), tensorflow.constant([1, 2])
    d = {name: float(value) for name, value in game.d_loss(image, image, None, hair, eyes).items()}
    g = {name: float(value) for name, value in game.g_loss(image, None, hair, eyes).items()}
    undecided_classes = math.log(12) + math.log(11)
    # -log 3/4 = 0.28768 and -log 1/4 = 1.38629; real target 0.9; class weight 2
    assert d == pytest.approx({"d_real": 0.9 * 0.28768 + 0.1 * 1.38629, "d_fake": 1.38629,
                               "d_class": 2 * 2 * undecided_classes}, rel=1e-4)
    assert g == pytest.approx({"g_source": 0.28768, "g_class": 2 * undecided_classes}, rel=1e-4)
    for fake_class, halves in ((0.0, 1), (0.5, 1.5)):  # the weight of the second half of D's class terms
        game.fake_class = fake_class
        terms = game.d_loss(image, image, None, hair, eyes)
        assert float(terms["d_class"]) == pytest.approx(2 * halves * undecided_classes)


def test_defaults_are_the_reports_or_marked_as_assumed():
    config = Config()
    assert (config.steps, config.batch_size, config.z, config.embedding, config.condition) == \
        (10_000, 64, 100, 5, "embedding")
    assert (config.lr, config.beta_1, config.real_target, config.class_weight, config.fake_class) == \
        (2e-4, 0.5, 0.9, 1.0, 1.0)
    assert {field.name for field in dataclasses.fields(Config) if field.metadata["assumed"]} == \
        {"steps", "seed", "batch_size", "real_target", "class_weight"}


def test_the_options_reach_the_game(model):
    from hw4_acgan.train import build

    words = ["--condition", "onehot", "--z", "7", "--lr", "1e-3", "--beta-1", "0.25", "--real-target", "0.8",
             "--class-weight", "2", "--fake-class", "0.5"]
    game = build(parse(Config, words))
    assert (game.real_target, game.class_weight, game.fake_class) == (0.8, 2.0, 0.5)
    assert rows(game.generator, "Conv2DTranspose")[0] == ((4, 4, 512), (7 + 12 + 11) * 16 * 512 + 512)
    for player in game.players.values():
        assert (float(player.optimizer.learning_rate), player.optimizer.beta_1) == (pytest.approx(1e-3), 0.25)


@pytest.mark.parametrize("words", ["--embedding 0", "--z 0", "--lr nan", "--beta-1 3", "--class-weight -1"])
def test_values_out_of_range_are_refused(words):
    with pytest.raises(UserError, match="must be from"):
        parse(Config, words.split())


def batch(count=4):
    random = np.random.default_rng(0)
    return {"image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
            "hair": random.integers(0, 12, count).astype(np.int32),
            "eyes": random.integers(0, 11, count).astype(np.int32)}


@pytest.mark.parametrize(("player", "loss"), [("generator", "d_loss"), ("discriminator", "g_loss")])
def test_a_player_learns_from_its_own_loss_only_and_batch_normalisation_from_every_pass(game, tensorflow, player, loss):
    other = {"generator": "g_loss", "discriminator": "d_loss"}[player]
    own_loss = getattr(game, other)
    setattr(game, other, lambda *a, **k: {"none": 0.0 * sum(own_loss(*a, **k).values())})
    before = {network: network.get_weights() for network in (game.generator, game.discriminator)}
    game.train_step(batch(), tensorflow.constant(0, tensorflow.int64))
    still, moving = getattr(game, player), game.players
    for variable, value in zip(still.weights, before[still], strict=True):
        assert np.array_equal(value, variable.numpy()) == variable.trainable, variable.path
    moving = next(network for network in before if network is not still)
    for variable, value in zip(moving.weights, before[moving], strict=True):
        assert not np.array_equal(value, variable.numpy()) or "bias" in variable.path, variable.path


def test_d_learns_to_tell_real_from_fake_and_the_classes(game, tensorflow):
    step = tensorflow.function(game.train_step)
    game.players["generator"].optimizer.learning_rate = 0.0
    terms = [step(batch(8), tensorflow.constant(k, tensorflow.int64)) for k in range(12)]
    assert float(terms[-1]["d_fake"]) < float(terms[0]["d_fake"])
    assert float(terms[-1]["d_class"]) < 0.5 * float(terms[0]["d_class"])


def test_killed_and_resumed_is_the_same_to_the_bit_then_samples(few_faces, killed, script, tmp_path):
    killed("hw4_acgan/train.py", "hw4_acgan/acgan", "--data", few_faces, judge_anew=True)
    run = tmp_path / "killed" / "hw4_acgan" / "acgan"
    with Image.open(run / "samples" / "step_000012.png") as grid:
        assert grid.width > 12 * 64
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["condition_accuracy"]["n"]) == (12, 1320)
    text = tmp_path / "text.txt"
    text.write_text("1,blue hair red eyes\n7,green hair blue eyes\n")
    script("hw4_acgan/sample.py", "--run", run, "--text", text, "--out", tmp_path / "drawn", "--count", 2, "--chart")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "chart.png", "sample_1_1.jpg", "sample_1_2.jpg", "sample_7_1.jpg", "sample_7_2.jpg"]
    with Image.open(tmp_path / "drawn" / "sample_7_2.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))


@pytest.mark.slow
def test_killed_and_resumed_in_bfloat16_is_the_same_to_the_bit(few_faces, killed):
    killed("hw4_acgan/train.py", "hw4_acgan/acgan", "--data", few_faces, "--precision", "bfloat16", measured=False)
