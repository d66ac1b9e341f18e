"""hw3_dcgan_lsgan: the printed networks, the tips' options, the four losses, D's schedule, the scripts."""

import json

import numpy as np
import pytest
from conftest import frozen, rows
from PIL import Image

from common.anime import tags
from common.errors import UserError
from common.options import parse


@pytest.fixture
def model(tensorflow):
    from hw3_dcgan_lsgan import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not hang on the tests before
    return model


@pytest.fixture
def cdcgan(tensorflow):
    from hw3_dcgan_lsgan import cdcgan

    tensorflow.keras.utils.set_random_seed(0)
    return cdcgan


# ---- networks ----


def order(network):
    """The kinds of the layers in order, without inputs."""
    return [type(layer).__name__ for layer in network.layers if type(layer).__name__ != "InputLayer"]


def test_dcgan_generator_is_the_printed_one(model):
    g = model.dcgan_generator()
    assert (g.count_params(), frozen(g)) == (3_533_955, 640)
    assert rows(g, "Dense") == [((32_768,), 3_309_568)]
    assert rows(g, "Conv2D") == [((32, 32, 128), 147_584), ((64, 64, 64), 73_792), ((64, 64, 3), 1_731)]
    assert rows(g, "BatchNormalization") == [((16, 16, 128), 512), ((32, 32, 128), 512), ((64, 64, 64), 256)]
    block = ["UpSampling2D", "ZeroPadding2D", "Conv2D", "BatchNormalization", "LeakyReLU"]
    assert order(g) == ["Dense", "Reshape", "BatchNormalization", *block, *block, "ZeroPadding2D", "Conv2D",
                        "Activation"]


def test_dcgan_discriminator_is_the_printed_one(model):
    d = model.dcgan_discriminator()
    assert (d.count_params(), frozen(d)) == (394_305, 896)
    assert rows(d, "Conv2D") == [((32, 32, 32), 896), ((16, 16, 64), 18_496), ((8, 8, 128), 73_856),
                                 ((4, 4, 256), 295_168)]
    assert rows(d, "Dense") == [((1,), 4_097)]
    block = ["ZeroPadding2D", "Conv2D", "LeakyReLU", "SpatialDropout2D"]
    assert order(d) == [*block, *[*block, "BatchNormalization"] * 3, "Flatten", "Dense"]


def test_dcgan_epsilons_momenta_slopes_and_dropout_are_the_printed_ones(model):
    def settings(network, kind, name):
        return [layer.get_config()[name] for layer in network.layers if type(layer).__name__ == kind]

    g, d = model.dcgan_generator(), model.dcgan_discriminator()
    assert settings(g, "BatchNormalization", "epsilon") == [1e-5, 0.8, 0.8]
    assert settings(d, "BatchNormalization", "epsilon") == [0.8, 0.8, 0.8]
    assert settings(d, "SpatialDropout2D", "rate") == [0.25] * 4
    for network in (g, d):
        assert set(settings(network, "BatchNormalization", "momentum")) == {0.9}
        assert set(settings(network, "LeakyReLU", "negative_slope")) == {0.2}
    assert settings(g, "UpSampling2D", "interpolation") == ["nearest"] * 2


def test_stride_2_pads_as_torch_does(model, tensorflow):
    import keras

    d = model.dcgan_discriminator()
    conv = next(layer for layer in d.layers if type(layer).__name__ == "Conv2D")
    conv.set_weights([np.ones((3, 3, 3, 32), np.float32), np.zeros(32, np.float32)])
    first = keras.Model(d.input, conv.output)
    image = np.arange(64 * 64, dtype=np.float32).reshape(1, 64, 64, 1).repeat(3, 3)
    out = first.predict_on_batch(image)[0, :, :, 0]
    # torch: the window of output 0 covers rows -1, 0, 1; Keras' `same` would cover 0, 1, 2
    assert out[0, 0] == 3 * (0 + 1 + 64 + 65)
    assert out[1, 0] == 3 * sum(64 * row + column for row in (1, 2, 3) for column in (0, 1))


def test_linear_layers_begin_as_torch_has_them(model):
    kernel, bias = next(layer for layer in model.dcgan_generator().layers
                        if type(layer).__name__ == "Dense").get_weights()
    for value in (kernel, bias):  # U(-1, 1) / sqrt(100)
        assert 0.099 < np.abs(value).max() <= 0.1
        assert np.abs(value.mean()) < 0.002
    conv = next(layer for layer in model.dcgan_generator().layers if type(layer).__name__ == "Conv2D")
    kernel, bias = conv.get_weights()
    assert kernel.std() == pytest.approx(0.02, rel=0.02)
    assert 0.8 < np.abs(bias).max() * (9 * 128) ** 0.5 <= 1


def test_lsgan_is_the_layer_list(model):
    g, d = model.lsgan_generator(), model.lsgan_discriminator()
    assert (g.count_params(), frozen(g)) == (3_578_627, 1_920)
    assert rows(g, "Conv2DTranspose") == [((4, 4, 512), 819_200), ((8, 8, 256), 2_097_152), ((16, 16, 128), 524_288),
                                          ((32, 32, 64), 131_072), ((64, 64, 3), 3_075)]
    assert [count for _, count in rows(g, "BatchNormalization")] == [2_048, 1_024, 512, 256]
    assert (d.count_params(), frozen(d)) == (2_767_617, 1_920)
    assert rows(d, "Conv2D") == [((32, 32, 64), 3_072), ((16, 16, 128), 131_072), ((8, 8, 256), 524_288),
                                 ((4, 4, 512), 2_097_152), ((1, 1, 1), 8_193)]
    assert [count for _, count in rows(d, "BatchNormalization")] == [256, 512, 1_024, 2_048]
    assert order(g).count("ReLU") == 4 and order(d).count("LeakyReLU") == 4


def test_lsgan_begins_with_the_contrast_of_pictures(model, tensorflow):
    """D's first batch normalisation hides it, so G would hardly learn it: the faces' standard deviation is 0.54."""
    tensorflow.keras.utils.set_random_seed(0)
    z = tensorflow.random.stateless_normal((16, 100), (0, 0))
    assert 0.3 < np.std(model.lsgan_generator()(z, training=True)) < 0.6


def test_lsgans_d_hardly_sees_contrast(model, tensorflow):
    pictures = tensorflow.random.stateless_uniform((16, 64, 64, 3), (0, 1), -1.0, 1.0)

    def change(d):
        full, half = (d(scale * pictures, training=True).numpy() for scale in (1.0, 0.5))
        return np.abs(full - half).max() / full.std()

    assert change(model.lsgan_discriminator()) < 0.1 < change(model.dcgan_discriminator())


def test_cdcgan_networks(cdcgan):
    g, d = cdcgan.cdcgan_generator(), cdcgan.cdcgan_discriminator()
    assert rows(g, "Dense") == [((256,), 22 * 256 + 256), ((8192,), (100 + 256) * 8192 + 8192)]
    assert [shape for shape, _ in rows(g, "Conv2DTranspose")] == [(8, 8, 256), (16, 16, 128), (32, 32, 64), (64, 64, 3)]
    assert rows(d, "Concatenate") == [((4, 4, 512 + 256), 0)]
    for network in (g, d):
        assert {"BatchNormalization", "Dropout"} <= set(order(network))
    raw_g, raw_d = cdcgan.cdcgan_generator(own_dense=False), cdcgan.cdcgan_discriminator(own_dense=False)
    assert rows(raw_g, "Dense") == [((8192,), (100 + 22) * 8192 + 8192)]
    assert rows(raw_d, "Concatenate") == [((4, 4, 512 + 22), 0)]


# ---- the unconditional game ----


def player(network, optimizer=None):
    import keras

    from common.game import Player

    return Player(network, optimizer or keras.optimizers.Adam(2e-4, 0.5))


@pytest.fixture
def dcgan(model):
    from common import losses

    def build(**changes):
        values = {"criterion": losses.bce} | changes
        return model.UnconditionalGAN(0, player(model.dcgan_generator()), player(model.dcgan_discriminator()), **values)

    return build


def draws(tensorflow, step=0):
    from common.game import Noise

    return Noise(0, tensorflow.constant(step, tensorflow.int64))


def test_soft_labels_are_drawn_for_each_picture_in_the_reports_ranges(dcgan, tensorflow):
    game = dcgan(soft=True)
    real, fake = game.targets(draws(tensorflow), 5000)
    assert real.shape == fake.shape == (5000, 1)
    assert 0.7 <= real.numpy().min() < 0.71 and 1.19 < real.numpy().max() < 1.2
    assert 0.0 <= fake.numpy().min() < 0.01 and 0.29 < fake.numpy().max() < 0.3
    assert not np.array_equal(real, game.targets(draws(tensorflow, 1), 5000)[0])


def test_clipped_soft_labels_end_at_1(dcgan, tensorflow):
    real, _ = dcgan(soft=True, clip=True).targets(draws(tensorflow), 1000)
    assert real.numpy().max() == 1.0 and 0.35 < (real.numpy() == 1.0).mean() < 0.45


def test_hard_labels_are_1_and_0(dcgan, tensorflow):
    assert dcgan().targets(draws(tensorflow), 4) == (1.0, 0.0)


def test_criteria_by_hand(dcgan, tensorflow):
    from common import losses

    image = tensorflow.zeros((2, 64, 64, 3))
    for criterion, expected in ((losses.bce, {"d_real": 0.126928, "d_fake": 2.126928, "g": 0.126928}),
                                (losses.least_squares, {"d_real": 1.0, "d_fake": 4.0, "g": 1.0})):
        game = dcgan(criterion=criterion)
        game.discriminator = lambda image, training: tensorflow.fill((2, 1), 2.0)
        terms = {**game.d_loss(image, image, None), **game.g_loss(image, None)}
        assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("noise", "least", "most"), [("normal", 3.0, 6.0), ("uniform", 0.99, 1.0)])
def test_noise_is_normal_or_uniform(dcgan, tensorflow, noise, least, most):
    game, seen = dcgan(noise=noise), []
    shape = game.generator.input_shape

    class Generator:
        input_shape = shape

        def __call__(self, z, training):
            seen.append(z.numpy())

    game.generator = Generator()
    game.generate(draws(tensorflow), 200)
    assert seen[0].shape == (200, 100)
    assert least < np.abs(seen[0]).max() < most
    assert abs(seen[0].mean()) < 0.04


def test_sampling_turns_normal_noise_into_uniform(tensorflow):
    from hw3_dcgan_lsgan import sample

    class Generator:
        def predict_on_batch(self, z):
            self.z = z
            return np.zeros((len(z), 64, 64, 3), np.float32)

    generator, z = Generator(), np.random.default_rng(0).standard_normal((500, 100), np.float32)
    sample.draw(generator, "uniform", z)
    assert np.abs(generator.z).max() < 1.0
    assert generator.z.std() == pytest.approx(3 ** -0.5, rel=0.01)  # of U(-1, 1)
    sample.draw(generator, "normal", z)
    np.testing.assert_array_equal(generator.z, z)


@pytest.mark.parametrize(("choice", "generator", "discriminator"), [
    ("adam", "Adam", "Adam"), ("sgd", "SGD", "SGD"), ("d-sgd", "Adam", "SGD")])
def test_optimizers_are_tip_9s_settings(tensorflow, choice, generator, discriminator):
    from hw3_dcgan_lsgan.train import Config, optimizer

    config = Config(optimizers=choice)
    for name, kind in (("generator", generator), ("discriminator", discriminator)):
        made = optimizer(config, name)
        assert type(made).__name__ == kind
        assert float(made.learning_rate) == pytest.approx(2e-4)
        if kind == "Adam":
            assert (made.beta_1, made.beta_2, made.epsilon) == (0.5, 0.999, 1e-8)
        else:
            assert made.momentum == 0.0


def test_three_d_steps_take_three_times_the_pictures(dcgan, tensorflow):
    game = dcgan(d_steps=3)
    game.step({"image": np.zeros((6, 64, 64, 3), np.uint8)}, tensorflow.constant(0, tensorflow.int64))
    assert int(game.players["discriminator"].optimizer.iterations) == 3
    assert int(game.players["generator"].optimizer.iterations) == 1


# ---- the conditional game ----


@pytest.fixture
def scheduled(cdcgan):
    def build(**changes):
        return cdcgan.ScheduledCDCGAN(0, player(cdcgan.cdcgan_generator()), player(cdcgan.cdcgan_discriminator()),
                                      **changes)

    return build


def four(count=4):
    random = np.random.default_rng(0)
    return {"image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
            "wrong_image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
            "condition": np.eye(22, dtype=np.float32)[:count], "wrong_condition": np.eye(22, dtype=np.float32)[-count:]}


def moments(game):
    """D's weights that learn, and its optimizer's state."""
    values = [v.numpy().copy() for v in game.discriminator.trainable_variables]
    return values + [np.array(v.numpy()) for v in game.players["discriminator"].optimizer.variables]


@pytest.mark.parametrize(("skip_below", "moved"), [(1e9, False), (0.0, True)])
def test_a_skipped_step_leaves_ds_weights_and_moments_alone(scheduled, tensorflow, skip_below, moved):
    game = scheduled(d_steps=3, strengthened=0, skip_below=skip_below)
    before, before_g = moments(game), game.generator.get_weights()
    step = tensorflow.function(game.step, autograph=False)
    terms = step(four(), tensorflow.constant(0, tensorflow.int64), **game.phase(0))
    after = moments(game)
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == moved
    assert any(not np.array_equal(a, b) for a, b in zip(before_g, game.generator.get_weights(), strict=True))
    assert float(terms["d_moves"]) == (1.0 if moved else 0.0)


def test_d_is_strengthened_at_first_and_then_held_to_the_threshold(scheduled, tensorflow):
    game = scheduled(d_steps=3, strengthened=2, skip_below=1e9)
    step = tensorflow.function(game.step, autograph=False)
    taken = [float(step(four(), tensorflow.constant(k, tensorflow.int64), **game.phase(k))["d_moves"])
             for k in range(4)]
    assert taken == [3.0, 3.0, 0.0, 0.0]
    assert int(game.players["discriminator"].optimizer.iterations) == 6
    assert int(game.players["generator"].optimizer.iterations) == 4


def said(tensorflow, game):
    """D says log 3 (3/4 real) of everything."""
    game.trunk = lambda image, training: image
    game.head = lambda pair, training: tensorflow.fill((4, 1), float(np.log(3)))
    image = tensorflow.zeros((4, 64, 64, 3))
    return game.d_loss(image, image, draws(tensorflow), **{k: v for k, v in four().items() if k != "image"})


@pytest.mark.parametrize(("wrong_loss", "weight"), [("mean", 1 / 3), ("sum", 1.0)])
def test_the_four_terms_and_their_weights_by_hand(scheduled, tensorflow, wrong_loss, weight):
    terms = {name: float(value) for name, value in said(tensorflow, scheduled(wrong_loss=wrong_loss)).items()}
    assert terms == pytest.approx({"d_real": 0.28768, "d_fake": 1.38629 * weight, "d_wrong_label": 1.38629 * weight,
                                   "d_wrong_image": 1.38629 * weight}, rel=1e-4)


def test_smoothed_labels_jump_in_the_reports_ranges(scheduled, tensorflow, cdcgan, monkeypatch):
    asked = []
    bce = cdcgan.bce
    monkeypatch.setattr(cdcgan, "bce", lambda logits, target: asked.append(target.numpy()) or bce(logits, target))
    said(tensorflow, scheduled(smooth=True))
    real, *wrong = asked
    assert real.shape == (4, 1) and ((real >= 0.9) & (real <= 1.1)).all() and len(set(real[:, 0].tolist())) == 4
    for target in wrong:
        assert ((target >= 0.0) & (target <= 0.2)).all() and len(set(target[:, 0].tolist())) == 4


def test_pairs_are_paired_as_in_the_report(scheduled, tensorflow):
    game, seen = scheduled(), []

    def head(pair, training):
        seen.append((float(pair[0][0, 0, 0, 0]), np.argmax(pair[1], 1).tolist()))
        return tensorflow.zeros((4, 1))

    game.trunk, game.head = (lambda image, training: image), head
    values = four()
    game.d_loss(tensorflow.fill((4, 64, 64, 3), 1.0), tensorflow.fill((4, 64, 64, 3), 2.0), None,
                values["condition"], values["wrong_condition"], tensorflow.fill((4, 64, 64, 3), 3.0))
    right, wrong = [0, 1, 2, 3], [18, 19, 20, 21]
    assert seen == [(1.0, right), (2.0, right), (1.0, wrong), (3.0, right)]


def test_mirrored_pictures_keep_their_tags():
    from common.batches import Batches

    images = np.zeros((6, 2, 2, 3), np.uint8)
    images[:, 0, 0] = np.arange(6)[:, None] * 10 + 9
    labels = np.eye(6, 22, dtype=np.float32)
    batches = Batches(images, np.arange(6), {"condition": labels}, 6, 0, mirror=True, wrong="condition")
    batch = batches.at(0)
    left, right = batch["image"][:, 0, 0, 0].astype(int), batch["image"][:, 0, 1, 0].astype(int)
    assert set((left > 0).tolist()) == {True, False}
    np.testing.assert_array_equal((left + right) // 10, batch["condition"].argmax(1))


@pytest.mark.parametrize(("words", "expected"), [
    ("", 50 * 87), ("--preset quick", 100), ("--recipe plain", 0), ("--recipe raw-condition", 0),
    ("--recipe overtrained --steps 900", 900), ("--recipe plain --preset quick", 0)])
def test_how_long_d_is_strengthened(words, expected):
    from hw3_dcgan_lsgan.train_text2image import Config

    assert parse(Config, words.split()).strengthened(87) == expected


# ---- the scripts ----


def test_defaults_are_the_reports_or_marked_as_assumed():
    from hw3_dcgan_lsgan import train, train_text2image

    config = train.Config()
    assert (config.model, config.lr, config.beta_1, config.beta_2, config.epochs, config.z, config.labels,
            config.optimizers, config.variant) == \
        ("dcgan", 2e-4, 0.5, 0.999, 200, "normal", "hard", "adam", "dcgan")
    assert train.D_STEPS == {"dcgan": 1, "lsgan": 3}
    other = train_text2image.Config()
    assert (other.recipe, other.skip_below, other.wrong_loss, other.variant) == ("best", 0.5, "mean", "text2image_best")


@pytest.mark.parametrize(("words", "variant"), [
    ("--model lsgan", "lsgan"), ("--d-steps 3", "dcgan_1to3"), ("--model lsgan --d-steps 3", "lsgan"),
    ("--noise uniform", "dcgan_uniform"), ("--labels soft --optimizers d-sgd", "dcgan_soft_d_sgd")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    from hw3_dcgan_lsgan.train import Config

    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "steps"), [
    ("", 2000), ("--d-steps 3", 1100), ("--model lsgan", 1100), ("--model lsgan --d-steps 1", 2000), ("--steps 9", 9)])
def test_quick_is_shorter_where_d_takes_more_steps(words, steps):
    from hw3_dcgan_lsgan.train import Config

    assert parse(Config, ["--preset", "quick", *words.split()]).steps == steps


def test_clipping_hard_labels_makes_no_sense():
    from hw3_dcgan_lsgan.train import Config

    with pytest.raises(UserError, match="--clip-labels belongs to --labels soft"):
        parse(Config, ["--clip-labels"])


def test_smoke_of_both_models_from_another_folder_then_samples(script, few_faces, tmp_path):
    for name in ("dcgan", "lsgan"):
        run = tmp_path / name
        script("hw3_dcgan_lsgan/train.py", "--preset", "smoke", "--model", name, "--data", few_faces, "--out", run,
               "--steps", 2, "--batch-size", 4)
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["step"] == 2 and metrics["diversity"]["n"] > 0 and "condition_accuracy" not in metrics
    script("hw3_dcgan_lsgan/sample.py", "--run", run, "--count", 9)
    assert len(list((run / "sampled").glob("sample_*.jpg"))) == 9
    with Image.open(run / "sampled" / "sheet.png") as sheet:
        assert sheet.size == (8 * 66 - 2, 2 * 66 - 2)
    refused = script("hw3_dcgan_lsgan/sample.py", "--run", run, "--hair", "blue", "--eyes", "red", code=4)
    assert "takes z, not z, condition: it is another network" in refused.stderr
    whole = (run / "config.json").read_text()
    (run / "config.json").write_text(whole.replace('"model": "lsgan"', '"model": "wgan"'))
    refused = script("hw3_dcgan_lsgan/train.py", "--evaluate-only", "--data", few_faces, "--out", run, code=2)
    assert "config.json: has settings that are not this script's" in refused.stderr
    (run / "config.json").write_text(whole.replace('"z": "normal"', '"z": ["normal"]'))
    refused = script("hw3_dcgan_lsgan/sample.py", "--run", run, code=4)
    assert "config.json: damaged; restore it" in refused.stderr


def test_text2image_smoke_with_two_folders_then_samples(script, few_faces, mini, tmp_path):
    run = tmp_path / "run"
    done = script("hw3_dcgan_lsgan/train_text2image.py", "--preset", "smoke", "--data", few_faces, mini / "extra_data",
                  "--out", run, "--steps", 4)
    config = json.loads((run / "config.json").read_text())
    assert config["data_folder"] == [str(few_faces.resolve()), str((mini / "extra_data").resolve())]
    assert config["data"]["pictures"] == 48 + 60
    assert "gray eyes left out: " in done.stdout
    assert json.loads((run / "metrics.json").read_text())["condition_accuracy"]["n"] == 1200
    script("hw3_dcgan_lsgan/train_text2image.py", "--evaluate-only", "--out", run)
    lines = tmp_path / "text.txt"
    lines.write_text("3,green hair blue eyes\n")
    script("hw3_dcgan_lsgan/sample.py", "--run", run, "--text", lines, "--count", 1)
    assert [path.name for path in (run / "sampled").iterdir()] == ["sample_3_1.jpg"]
    lines.write_text("3,green hair gray eyes\n")
    refused = script("hw3_dcgan_lsgan/sample.py", "--run", run, "--text", lines, code=2)
    assert "gray eyes: this generator was not trained on them" in refused.stderr


def test_the_grid_shows_the_reports_five_labels(tensorflow):
    from hw3_dcgan_lsgan import sample

    asked = []

    def draw(z, hair, eyes):
        asked.append((z, hair, eyes))
        return np.zeros((len(z), 64, 64, 3), np.uint8)

    sample.labels_of_the_report(draw, 100, 0)
    z, hair, eyes = asked[0]
    named = [(tags.HAIR[h], tags.EYES[e]) for h, e in zip(hair, eyes, strict=True)]
    assert named[::8] == [("blue", "blue"), ("blue", "green"), ("blue", "red"), ("green", "green"), ("green", "red")]
    assert named[:8] == [("blue", "blue")] * 8
    np.testing.assert_array_equal(z[:8], z[8:16])


@pytest.mark.slow
def test_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("hw3_dcgan_lsgan/train.py", "hw3_dcgan_lsgan/dcgan_1to3_soft", "--data", few_faces, "--d-steps", 3,
           "--labels", "soft")


@pytest.mark.slow
def test_text2image_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("hw3_dcgan_lsgan/train_text2image.py", "hw3_dcgan_lsgan/text2image_best", "--data", few_faces,
           measured=False)
