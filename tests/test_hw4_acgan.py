"""hw4_acgan: the report's networks layer by layer, its objectives, a run that is sampled and measured, and resume."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import assumed, by_name, frozen, rates, rows
from PIL import Image

from common.errors import UserError
from common.options import parse
from hw4_acgan.train import Config


@pytest.fixture
def model(tensorflow):
    from hw4_acgan import model

    tensorflow.keras.utils.set_random_seed(0)  # the same initial weights, whichever tests ran before
    return model


@pytest.fixture
def build(model):
    """Builds the game that train.py builds for some options."""
    from hw4_acgan import train

    return lambda words="": train.build(parse(Config, words.split()))


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
    assert [output.shape for output in d.outputs] == [(None, 1), (None, 12), (None, 11)]
    assert [count for _, count in rows(d, "BatchNormalization")] == [512, 1_024, 2_048, 4_096]


def test_momentum_epsilon_slope_and_initializer_are_the_printed_ones(model):
    for network in (model.generator(), model.discriminator()):
        for layer in network.layers:
            settings = layer.get_config()
            assert (settings.get("momentum", 0.5), settings.get("epsilon", 1e-3)) == (0.5, 1e-3)
            assert settings.get("negative_slope", 0.2) == 0.2
            if "kernel_initializer" in settings:
                assert settings["kernel_initializer"]["class_name"] == "GlorotUniform"


@pytest.mark.parametrize("condition", ["embedding", "onehot"])
def test_each_label_changes_the_image(model, condition):
    g = model.generator(condition=condition)
    z = np.zeros((3, 100), np.float32)
    image = g.predict_on_batch([z, np.array([0, 3, 0], np.int32), np.array([0, 0, 3], np.int32)])
    assert image.shape == (3, 64, 64, 3)
    assert -1 <= image.min() < image.max() <= 1
    size = np.abs(image).max()
    assert np.abs(image[0] - image[1]).max() > 0.1 * size
    assert np.abs(image[0] - image[2]).max() > 0.1 * size


def test_objectives_by_hand(build, tensorflow):
    game = build("--class-weight 2")

    def answer(image, training):
        """3/4 real of a white image, 1/5 of a black one; of the classes nothing."""
        assert training is True
        source = tensorflow.where(image[:, 0, 0, :1] > 0, math.log(3.0), -math.log(4.0))
        return [source, tensorflow.zeros((2, 12)), tensorflow.zeros((2, 11))]

    game.discriminator = answer
    white, black = tensorflow.ones((2, 64, 64, 3)), tensorflow.zeros((2, 64, 64, 3))
    hair, eyes = tensorflow.constant([0, 5]), tensorflow.constant([1, 2])
    classes = math.log(12) + math.log(11)
    # -log 3/4 = 0.28768, -log 1/4 = 1.38629, -log 4/5 = 0.22314; the target of real images is 0.9
    assert by_name(game.d_loss(white, black, None, hair, eyes)) == pytest.approx(
        {"d_real": 0.9 * 0.28768 + 0.1 * 1.38629, "d_fake": 0.22314, "d_class": 2 * 2 * classes}, rel=1e-4)
    assert by_name(game.g_loss(white, None, hair, eyes)) == pytest.approx(
        {"g_source": 0.28768, "g_class": 2 * classes}, rel=1e-4)
    for fake_class, halves in ((0.0, 1), (0.5, 1.5)):  # the weight of the second half of D's class terms
        game.fake_class = fake_class
        assert float(game.d_loss(white, black, None, hair, eyes)["d_class"]) == pytest.approx(2 * halves * classes)


def test_defaults_are_the_reports_or_marked_as_assumed():
    config = Config()
    assert (config.steps, config.batch_size, config.z, config.embedding, config.condition) == \
        (10_000, 64, 100, 5, "embedding")
    assert (config.lr, config.beta_1, config.real_target, config.class_weight, config.fake_class) == \
        (2e-4, 0.5, 0.9, 1.0, 1.0)
    assert assumed(config) == {"steps", "seed", "batch_size", "real_target", "class_weight"}


def test_the_options_reach_the_game(build):
    game = build("--condition onehot --z 7 --lr 1e-3 --beta-1 0.25 --real-target 0.8 --class-weight 2 --fake-class 0.5")
    assert (game.real_target, game.class_weight, game.fake_class) == (0.8, 2.0, 0.5)
    assert rows(game.generator, "Embedding") == []
    assert rows(game.generator, "Conv2DTranspose")[0] == ((4, 4, 512), (7 + 12 + 11) * 16 * 512 + 512)
    assert rates(game) == dict.fromkeys(("generator", "discriminator"), ("Adam", 1e-3, 0.25, 0.999))


def test_the_tuned_recipe_has_rates_of_its_own_for_both_players(build):
    config = parse(Config, ["--preset", "quick"])
    assert (config.recipe, config.condition, config.average, config.variant) == ("tuned", "onehot", 0.04, "acgan")
    game = build("--preset quick")
    assert rates(game) == {"generator": ("Adam", 4e-4, 0.5, 0.999), "discriminator": ("Adam", 1e-4, 0.5, 0.999)}
    assert game.fake_class == 0.0


@pytest.mark.parametrize(("words", "variant"), [
    ("", "acgan"), ("--condition onehot", "acgan_onehot"), ("--recipe tuned", "acgan_tuned"),
    ("--preset quick", "acgan"), ("--preset quick --condition embedding", "acgan_embedding"),
    ("--preset quick --recipe report --condition onehot", "acgan_report_onehot")])
def test_a_run_folder_is_named_by_what_is_not_usual_of_its_preset(words, variant):
    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize("words", ["--embedding 0", "--z 0", "--lr nan", "--beta-1 3", "--class-weight -1"])
def test_values_out_of_range_are_refused(words):
    with pytest.raises(UserError, match="must be from"):
        parse(Config, words.split())


@pytest.mark.parametrize(("player", "other"), [("generator", "g_loss"), ("discriminator", "d_loss")])
def test_a_player_learns_from_its_own_loss_only_and_batch_normalisation_from_every_pass(
        build, tensorflow, player, other):
    game, random = build(), np.random.default_rng(0)
    own_loss = getattr(game, other)
    setattr(game, other, lambda *a, **k: {"none": 0.0 * sum(own_loss(*a, **k).values())})
    before = {network: network.get_weights() for network in (game.generator, game.discriminator)}
    game.train_step({"image": random.integers(0, 256, (4, 64, 64, 3), np.uint8),
                     "hair": np.array([0, 3, 11, 5], np.int32), "eyes": np.array([10, 2, 2, 0], np.int32)},
                    tensorflow.constant(0, tensorflow.int64))
    still = getattr(game, player)
    for variable, value in zip(still.weights, before[still], strict=True):
        assert np.array_equal(value, variable.numpy()) == variable.trainable, variable.path
    moving = next(network for network in before if network is not still)
    for variable, value in zip(moving.weights, before[moving], strict=True):
        assert not np.array_equal(value, variable.numpy()) or "bias" in variable.path, variable.path


def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    run, text = tmp_path / "run", tmp_path / "text.txt"
    script("hw4_acgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 2,
           "--batch-size", 4, "--no-evaluate")
    with Image.open(run / "samples" / "step_000002.png") as grid:
        assert grid.width > 12 * 64
    text.write_text("1,blue hair red eyes\n7,green hair blue eyes\n")
    script("hw4_acgan/sample.py", "--run", run, "--text", text, "--out", tmp_path / "drawn", "--count", 2)
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "sample_1_1.jpg", "sample_1_2.jpg", "sample_7_1.jpg", "sample_7_2.jpg"]
    with Image.open(tmp_path / "drawn" / "sample_7_2.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))


def test_the_generator_is_measured_by_its_labels(built, monkeypatch, shared_cache):
    from common.anime import evaluation, judge
    from hw4_acgan import train

    assert evaluation.ROUNDS == 10
    monkeypatch.setattr(evaluation, "ROUNDS", 1)  # 132 images in place of 1320
    monkeypatch.setattr(judge, "CACHE", Path(shared_cache))
    measured, verdict = built(train, "--batch-size", 4).evaluation.measure()
    assert measured["condition_accuracy"]["n"] == 132
    assert "hair as asked" in verdict


@pytest.mark.long  # a minute and a half where the processor lacks it; where it does not, every run is in bfloat16
def test_killed_and_resumed_in_bfloat16_is_the_same_to_the_bit(few_faces, killed):
    killed("hw4_acgan/train.py", "hw4_acgan/acgan", "--data", few_faces, "--precision", "bfloat16", measured=False)
