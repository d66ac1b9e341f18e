"""hw4_acgan: the report's networks layer by layer, its objectives, its scripts, and a run killed and taken up again."""

import json
import math

import numpy as np
import pytest
from conftest import frozen, rows
from PIL import Image


@pytest.fixture
def model(tensorflow):
    from hw4_acgan import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not hang on the tests before
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


def test_momentum_slope_and_initializer_are_the_printed_ones(model):
    for network in (model.generator(), model.discriminator()):
        for layer in network.layers:
            settings = layer.get_config()
            assert settings.get("momentum", 0.5) == 0.5
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
    import keras

    from common.game import Player

    def player(network):
        return Player(network, keras.optimizers.Adam(2e-4, beta_1=0.5))

    return model.ACGAN(0, generator=player(model.generator()), discriminator=player(model.discriminator()),
                       real_target=0.9, class_weight=2.0)


def undecided(tensorflow):
    """A discriminator that says: source log 3 (3/4 real), and nothing about the classes."""
    def answer(image, training):
        assert training is True
        count = image.shape[0]
        source = tensorflow.fill((count, 1), math.log(3.0))
        return [source, tensorflow.zeros((count, 12)), tensorflow.zeros((count, 11))]

    return answer


def test_objectives_by_hand(game, tensorflow):
    game.discriminator = undecided(tensorflow)
    image, hair, eyes = tensorflow.zeros((2, 64, 64, 3)), tensorflow.constant([0, 5]), tensorflow.constant([1, 2])
    d = {name: float(value) for name, value in game.d_loss(image, image, None, hair, eyes).items()}
    g = {name: float(value) for name, value in game.g_loss(image, None, hair, eyes).items()}
    undecided_classes = math.log(12) + math.log(11)
    # -log 3/4 = 0.28768 and -log 1/4 = 1.38629; real target 0.9; class weight 2
    assert d == pytest.approx({"d_real": 0.9 * 0.28768 + 0.1 * 1.38629, "d_fake": 1.38629,
                               "d_class": 2 * 2 * undecided_classes}, rel=1e-4)
    assert g == pytest.approx({"g_source": 0.28768, "g_class": 2 * undecided_classes}, rel=1e-4)


@pytest.mark.parametrize(("fake_class", "halves"), [(1.0, 2), (0.0, 1), (0.5, 1.5)])
def test_fake_class_weighs_the_second_half_of_the_class_terms(game, tensorflow, fake_class, halves):
    game.discriminator, game.fake_class, game.class_weight = undecided(tensorflow), fake_class, 1.0
    image = tensorflow.zeros((2, 64, 64, 3))
    terms = game.d_loss(image, image, None, tensorflow.constant([0, 5]), tensorflow.constant([1, 2]))
    assert float(terms["d_class"]) == pytest.approx(halves * (math.log(12) + math.log(11)))


def test_defaults_are_the_reports_or_marked_as_assumed():
    from hw4_acgan.train import Config

    config = Config()
    assert (config.steps, config.batch_size, config.z, config.embedding, config.condition) == \
        (10_000, 64, 100, 5, "embedding")
    assert (config.lr, config.beta_1, config.real_target, config.class_weight, config.fake_class) == \
        (2e-4, 0.5, 0.9, 1.0, 1.0)


@pytest.mark.parametrize("words", ["--embedding 0", "--z 0", "--lr nan", "--beta-1 3", "--class-weight -1"])
def test_values_that_cannot_be_meant(words):
    from common import errors, options
    from hw4_acgan.train import Config

    with pytest.raises(errors.UserError, match="must be from"):
        options.parse(Config, words.split())


def batch(count=4):
    random = np.random.default_rng(0)
    return {"image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
            "hair": random.integers(0, 12, count).astype(np.int32),
            "eyes": random.integers(0, 11, count).astype(np.int32)}


def test_each_player_is_moved_by_its_own_loss_only_and_batch_normalisation_moves(game, tensorflow):
    values = batch()
    zero = tensorflow.constant(0, tensorflow.int64)

    def moved(network, before):
        return [not np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True)]

    real_d, real_g = game.d_loss, game.g_loss
    before_g, before_d = game.generator.get_weights(), game.discriminator.get_weights()
    game.g_loss = lambda *a, **k: {"g": 0.0 * real_g(*a, **k)["g_source"]}  # D's turn alone: a zero gradient for G
    game.step(values, zero)
    trainable_g = {id(v) for v in game.generator.trainable_weights}
    for variable, changed in zip(game.generator.weights, moved(game.generator, before_g), strict=True):
        assert changed == (id(variable) not in trainable_g), variable.path  # only the moving statistics
    assert all(moved(game.discriminator, before_d))

    game.g_loss, game.d_loss = real_g, lambda *a, **k: {"d": 0.0 * real_d(*a, **k)["d_real"]}
    game.players["discriminator"].optimizer.learning_rate = 0.0  # Adam's moments of the first step would still move D
    before_g, before_d = game.generator.get_weights(), game.discriminator.get_weights()
    game.step(values, zero)
    trainable_d = {id(v) for v in game.discriminator.trainable_weights}
    for variable, changed in zip(game.discriminator.weights, moved(game.discriminator, before_d), strict=True):
        assert changed == (id(variable) not in trainable_d), variable.path
    convolutions = [changed for variable, changed in zip(game.generator.weights, moved(game.generator, before_g),
                                                         strict=True) if "kernel" in variable.path]
    assert all(convolutions)


def test_d_learns_to_tell_real_from_fake_and_the_classes(game, tensorflow):
    step = tensorflow.function(game.step)
    game.players["generator"].optimizer.learning_rate = 0.0
    terms = [step(batch(8), tensorflow.constant(k, tensorflow.int64)) for k in range(12)]
    assert float(terms[-1]["d_fake"]) < float(terms[0]["d_fake"])
    assert float(terms[-1]["d_class"]) < 0.5 * float(terms[0]["d_class"])


def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    run = tmp_path / "run"  # 48 faces: the judge learns nothing from so few, but everything runs
    done = script("hw4_acgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 4)
    assert "4 steps" in done.stdout
    with Image.open(run / "samples" / "step_000004.png") as grid:
        assert grid.width > 12 * 64
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["condition_accuracy"]["n"]) == (4, 1320)
    script("hw4_acgan/train.py", "--evaluate-only", "--out", run)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    text = tmp_path / "text.txt"
    text.write_text("1,blue hair red eyes\n7,green hair blue eyes\n")
    script("hw4_acgan/sample.py", "--run", run, "--text", text, "--out", tmp_path / "drawn", "--count", 2, "--chart")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "chart.png", "sample_1_1.jpg", "sample_1_2.jpg", "sample_7_1.jpg", "sample_7_2.jpg"]
    with Image.open(tmp_path / "drawn" / "sample_7_2.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))
    refused = script("hw4_acgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 4,
                     "--lr", 0.001, code=2)
    assert "settings: lr = 0.0002, now it is 0.001" in refused.stderr
    assert "precision" not in refused.stdout, "it is refused before TensorFlow is imported"


def test_sampling_without_a_run_says_which_command_trains_one(script, tmp_path):
    done = script("hw4_acgan/sample.py", "--hair", "blue", "--eyes", "red", "--run", tmp_path, code=2)
    assert f"train it with: python hw4_acgan/train.py --preset quick --out {tmp_path}" in done.stderr


def test_killed_in_the_middle_of_an_epoch_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("hw4_acgan/train.py", "hw4_acgan/acgan", "--data", few_faces, "--precision", "bfloat16",
           judge_anew=True)
