"""hw3_dcgan_lsgan: the printed networks, the options of the tips, the four losses, D's schedule, the scripts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import assumed, by_name, frozen, rates, rows
from PIL import Image

from common.anime import tags
from common.errors import UserError
from common.options import parse
from hw3_dcgan_lsgan import train, train_text2image


@pytest.fixture
def model(tensorflow):
    from hw3_dcgan_lsgan import model

    tensorflow.keras.utils.set_random_seed(0)  # the same initial weights, whichever tests ran before
    return model


@pytest.fixture
def cdcgan(tensorflow):
    from hw3_dcgan_lsgan import cdcgan

    return cdcgan


# ---- networks ----


def order(network):
    """The kinds of the layers in order, without inputs."""
    return [type(layer).__name__ for layer in network.layers if type(layer).__name__ != "InputLayer"]


def of_kind(network, kind):
    return [layer for layer in network.layers if type(layer).__name__ == kind]


def settings(network, kind, name):
    """One setting of every layer of a kind, in order."""
    return [layer.get_config()[name] for layer in of_kind(network, kind)]


def test_dcgan_generator_is_the_printed_one(model):
    g = model.dcgan_generator()
    assert (g.count_params(), frozen(g)) == (3_533_955, 640)
    assert rows(g, "Dense") == [((32_768,), 3_309_568)]
    assert rows(g, "Conv2D") == [((32, 32, 128), 147_584), ((64, 64, 64), 73_792), ((64, 64, 3), 1_731)]
    assert rows(g, "BatchNormalization") == [((16, 16, 128), 512), ((32, 32, 128), 512), ((64, 64, 64), 256)]
    block = ["UpSampling2D", "ZeroPadding2D", "Conv2D", "BatchNormalization", "LeakyReLU"]
    assert order(g) == ["Dense", "Reshape", "BatchNormalization", *block, *block, "ZeroPadding2D", "Conv2D",
                        "Activation"]
    assert settings(g, "BatchNormalization", "epsilon") == [1e-5, 0.8, 0.8]
    assert settings(g, "BatchNormalization", "momentum") == [0.9] * 3
    assert settings(g, "LeakyReLU", "negative_slope") == [0.2] * 2
    assert settings(g, "UpSampling2D", "interpolation") == ["nearest"] * 2


def test_dcgan_discriminator_is_the_printed_one(model):
    d = model.dcgan_discriminator()
    assert (d.count_params(), frozen(d)) == (394_305, 896)
    assert rows(d, "Conv2D") == [((32, 32, 32), 896), ((16, 16, 64), 18_496), ((8, 8, 128), 73_856),
                                 ((4, 4, 256), 295_168)]
    assert rows(d, "Dense") == [((1,), 4_097)]
    block = ["ZeroPadding2D", "Conv2D", "LeakyReLU", "SpatialDropout2D"]
    assert order(d) == [*block, *[*block, "BatchNormalization"] * 3, "Flatten", "Dense"]
    assert settings(d, "BatchNormalization", "epsilon") == [0.8] * 3
    assert settings(d, "BatchNormalization", "momentum") == [0.9] * 3
    assert settings(d, "LeakyReLU", "negative_slope") == [0.2] * 4
    assert settings(d, "SpatialDropout2D", "rate") == [0.25] * 4


def test_stride_2_pads_as_torch_does(model):
    import keras

    d = model.dcgan_discriminator()
    conv = of_kind(d, "Conv2D")[0]
    conv.set_weights([np.ones((3, 3, 3, 32), np.float32), np.zeros(32, np.float32)])
    image = np.arange(64 * 64, dtype=np.float32).reshape(1, 64, 64, 1).repeat(3, 3)
    sums = keras.Model(d.input, conv.output).predict_on_batch(image)[0, :, :, 0]
    # torch: the window of output 0 covers rows -1, 0, 1; Keras' `same` would cover 0, 1, 2
    assert sums[0, 0] == 3 * (0 + 1 + 64 + 65)
    assert sums[1, 0] == 3 * sum(64 * row + column for row in (1, 2, 3) for column in (0, 1))


def test_initial_weights_are_torchs(model):
    g = model.dcgan_generator()
    for value in of_kind(g, "Dense")[0].get_weights():  # U(-1, 1) / sqrt(100), kernel and bias
        assert 0.099 < np.abs(value).max() <= 0.1
        assert np.abs(value.mean()) < 0.002
    kernel, bias = of_kind(g, "Conv2D")[0].get_weights()
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
    z = np.random.default_rng(0).standard_normal((16, 100), np.float32)
    assert 0.3 < np.std(g(z, training=True)) < 0.6  # G begins with the contrast of faces, 0.54: D hardly sees it


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


def small(name, z=None, condition=None):
    """A network of one layer where only the game is looked at: a generator of noise `z`, or a D of images."""
    import keras
    from keras import layers

    first = keras.Input((z,) if z else (64, 64, 3))
    x = first if z else layers.Flatten()(layers.AveragePooling2D(16)(first))
    second = [keras.Input((condition,))] if condition else []
    x = layers.Concatenate(name="join")([x, *second]) if second else x
    x = layers.UpSampling2D(16)(layers.Reshape((4, 4, 3))(layers.Dense(48)(x))) if z else layers.Dense(1)(x)
    return keras.Model([first, *second] if second else first, x, name=name)


@pytest.fixture
def unconditional(model, monkeypatch):
    """Builds the game that train.py builds for some options, with small networks."""
    for name in ("dcgan", "lsgan"):
        monkeypatch.setattr(model, f"{name}_generator", lambda z, name=name: small(name, z))
        monkeypatch.setattr(model, f"{name}_discriminator", lambda name=name: small(name))
    return lambda words="": train.build(parse(train.Config, words.split()))


def noise_of(step=0):
    import tensorflow as tf

    from common.game import Noise

    return Noise(0, tf.constant(step, tf.int64))


def test_labels_are_hard_or_drawn_for_each_image_in_the_reports_ranges(unconditional):
    assert unconditional().targets(noise_of(), 4) == (1.0, 0.0)
    game = unconditional("--labels soft")
    real, fake = game.targets(noise_of(), 5000)
    assert real.shape == fake.shape == (5000, 1)
    assert 0.7 <= real.numpy().min() < 0.71 and 1.19 < real.numpy().max() < 1.2
    assert 0.0 <= fake.numpy().min() < 0.01 and 0.29 < fake.numpy().max() < 0.3
    assert not np.array_equal(real, game.targets(noise_of(step=1), 5000)[0])
    clipped, _ = unconditional("--labels soft --clip-labels").targets(noise_of(), 1000)
    assert clipped.numpy().max() == 1.0 and 0.35 < (clipped.numpy() == 1.0).mean() < 0.45


@pytest.mark.parametrize(("name", "expected"), [
    ("dcgan", {"d_real": 0.126928, "d_fake": 2.126928, "g": 0.126928}),
    ("lsgan", {"d_real": 1.0, "d_fake": 4.0, "g": 1.0})])
def test_losses_by_hand(unconditional, tensorflow, name, expected):
    game, image = unconditional(f"--model {name}"), tensorflow.zeros((2, 64, 64, 3))
    assert (game.generator.name, game.discriminator.name) == (name, name)
    game.discriminator = lambda image, training: tensorflow.fill((2, 1), 2.0)
    assert by_name({**game.d_loss(image, image, None), **game.g_loss(image, None)}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("distribution", "least", "most"), [("normal", 3.0, 6.0), ("uniform", 0.99, 1.0)])
def test_noise_is_normal_or_uniform(unconditional, distribution, least, most):
    game = unconditional(f"--noise {distribution} --z 90")
    game.generate(noise_of(), 2)  # its own network takes it
    z = []
    network, game.generator = game.generator, lambda values, training: z.append(values.numpy())
    game.generator.input_shape = network.input_shape
    game.generate(noise_of(), 200)
    assert z[0].shape == (200, 90)
    assert least < np.abs(z[0]).max() < most
    assert abs(z[0].mean()) < 0.04


def test_sampling_turns_normal_noise_into_uniform(model):
    class Generator:
        def predict_on_batch(self, z):
            self.z = z
            return np.zeros((len(z), 64, 64, 3), np.float32)

    generator, z = Generator(), np.random.default_rng(0).standard_normal((250, 100), np.float32)
    model.generate(generator, "uniform", z)
    assert np.abs(generator.z).max() < 1.0
    assert generator.z.std() == pytest.approx(3 ** -0.5, rel=0.01)  # of U(-1, 1)
    model.generate(generator, "normal", z)
    np.testing.assert_array_equal(generator.z, z)


@pytest.mark.parametrize(("choice", "kinds"), [("adam", ("Adam", "Adam")), ("sgd", ("SGD", "SGD")),
                                               ("d-sgd", ("Adam", "SGD"))])
def test_optimizers_are_those_of_tip_9(unconditional, choice, kinds):
    players = unconditional(f"--optimizers {choice} --lr 1e-3 --beta-1 0.25 --beta-2 0.9 --momentum 0.5").players
    for name, kind in zip(("generator", "discriminator"), kinds, strict=True):
        optimizer = players[name].optimizer
        assert (type(optimizer).__name__, float(optimizer.learning_rate)) == (kind, pytest.approx(1e-3))
        if kind == "Adam":
            assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.25, 0.9, 1e-8)
        else:
            assert optimizer.momentum == 0.5


def test_lsgan_takes_three_d_steps_on_three_times_the_images(unconditional, tensorflow):
    game = unconditional("--model lsgan")
    game.train_step({"image": np.zeros((6, 64, 64, 3), np.uint8)}, tensorflow.constant(0, tensorflow.int64))
    assert {name: int(player.optimizer.iterations) for name, player in game.players.items()} == \
        {"generator": 1, "discriminator": 3}


# ---- the conditional game ----


@pytest.fixture
def conditional(cdcgan, monkeypatch):
    """Builds the game that train_text2image.py builds for some options, with small networks; `asked` has their options.
    """
    def build(words):
        build.asked = []
        return train_text2image.build(parse(train_text2image.Config, words.split()), steps_per_epoch=1)

    for kind in ("generator", "discriminator"):
        monkeypatch.setattr(cdcgan, f"cdcgan_{kind}", lambda kind=kind, **options: build.asked.append(options) or small(
            kind, options.get("z"), 22))
    return build


def minibatch():
    import tensorflow as tf

    image, wrong_image = np.random.default_rng(0).integers(0, 256, (2, 4, 64, 64, 3), np.uint8)
    values = {"image": image, "wrong_image": wrong_image, "condition": np.eye(4, 22, dtype=np.float32),
              "wrong_condition": np.eye(4, 22, 18, dtype=np.float32)}
    return {name: tf.constant(value) for name, value in values.items()}


@pytest.mark.parametrize(("recipe", "own_dense", "smooth", "skip_below", "strengthened"), [
    ("best", True, True, 0.3, 50 * 1), ("plain", True, False, 0.0, 0), ("raw-condition", False, False, 0.0, 0),
    ("overtrained", True, True, 0.0, 200 * 1), ("best --preset quick", True, True, 0.3, 160),
    ("plain --preset quick", True, False, 0.0, 0)])
def test_recipe_and_options_reach_the_game(conditional, recipe, own_dense, smooth, skip_below, strengthened):
    game = conditional(f"--recipe {recipe} --skip-below 0.3 --z 7 --dropout 0.5 --lr 1e-3 --beta-1 0.25 --beta-2 0.9")
    assert (game.smooth, game.skip_below, game.strengthened) == (smooth, skip_below, strengthened)
    assert conditional.asked == [{"z": 7, "own_dense": own_dense, "dropout": 0.5},
                                 {"own_dense": own_dense, "dropout": 0.5}]
    assert rates(game) == dict.fromkeys(("generator", "discriminator"), ("Adam", 1e-3, 0.25, 0.9))


def test_the_tuned_recipes_have_rates_and_losses_of_their_own(conditional):
    game = conditional("--recipe tuned")
    assert (game.smooth, game.skip_below, game.strengthened) == (True, 0.0, 0)
    assert ([rate for _, rate, *_ in rates(game).values()], game.weight) == ([4e-4, 4e-4], 1.0)
    for model, reach, expected in (("dcgan", 0, [2e-4, 4e-4]), ("lsgan", 4, [4e-4, 1e-4])):
        game = train.build(parse(train.Config, ["--recipe", "tuned", "--model", model]))
        assert (game.reach, game.d_steps, [rate for _, rate, *_ in rates(game).values()]) == (reach, 1, expected)


@pytest.mark.parametrize(("skip_below", "later", "d_steps"), [(1000, 0.0, 4), (0.01, 1.0, 6)])
def test_d_is_strengthened_at_first_and_later_left_alone_below_the_threshold(conditional, tensorflow, skip_below, later,
                                                                             d_steps):
    game = conditional(f"--steps 4 --d-steps 2 --strengthened-share 0.5 --skip-below {skip_below}")
    step_function = tensorflow.function(game.train_step, autograph=False)  # as the trainer has it

    def values(player):
        return [np.array(variable) for variable in (*player.network.trainable_variables, *player.optimizer.variables)]

    d_moves, moved = [], []
    for number in range(4):
        before = {name: values(player) for name, player in game.players.items()}
        terms = step_function(minibatch(), tensorflow.constant(number, tensorflow.int64), **game.phase(number))
        d_moves.append(float(terms["d_moves"]))
        moved.append({name for name, player in game.players.items() if any(
            not np.array_equal(old, new) for old, new in zip(before[name], values(player), strict=True))})
    assert d_moves == [2.0, 2.0, later, later]
    # where D is left alone, neither its weights nor its moments move
    assert moved == [{"generator", "discriminator"} if moves else {"generator"} for moves in d_moves]
    assert int(game.players["discriminator"].optimizer.iterations) == d_steps


def d_loss_at_log_3(game):
    """The terms of a D that says log 3, which is 3/4 real, of everything."""
    import tensorflow as tf

    game.trunk = lambda image, training: image
    game.head = lambda pair, training: tf.fill((4, 1), float(np.log(3)))
    image, labels = tf.zeros((4, 64, 64, 3)), {key: value for key, value in minibatch().items() if key != "image"}
    return by_name(game.d_loss(image, image, noise_of(), **labels))


@pytest.mark.parametrize(("wrong_loss", "weight"), [("mean", 1 / 3), ("sum", 1.0)])
def test_the_four_terms_and_their_weights_by_hand(conditional, wrong_loss, weight):
    terms = d_loss_at_log_3(conditional(f"--recipe plain --wrong-loss {wrong_loss}"))
    assert terms == pytest.approx({"d_real": 0.28768, "d_fake": 1.38629 * weight, "d_wrong_label": 1.38629 * weight,
                                   "d_wrong_image": 1.38629 * weight}, rel=1e-4)


def test_smoothed_labels_are_drawn_in_the_reports_ranges(conditional, cdcgan, monkeypatch):
    targets, bce = [], cdcgan.bce
    monkeypatch.setattr(cdcgan, "bce", lambda logits, target: targets.append(target.numpy()) or bce(logits, target))
    d_loss_at_log_3(conditional("--recipe best"))
    for target, low, high in zip(targets, (0.9, 0.0, 0.0, 0.0), (1.1, 0.2, 0.2, 0.2), strict=True):
        assert target.shape == (4, 1) and ((target >= low) & (target <= high)).all()
        assert len(set(target[:, 0].tolist())) == 4


def test_pairs_are_paired_as_in_the_report(conditional, tensorflow):
    game, seen = conditional("--recipe plain"), []

    def head(pair, training):
        seen.append((float(pair[0][0, 0, 0, 0]), np.argmax(pair[1], 1).tolist()))
        return tensorflow.zeros((4, 1))

    game.trunk, game.head = (lambda image, training: image), head
    real, fake, wrong_image = (tensorflow.fill((4, 64, 64, 3), value) for value in (1.0, 2.0, 3.0))
    game.d_loss(real, fake, None, minibatch()["condition"], minibatch()["wrong_condition"], wrong_image)
    right, wrong = [0, 1, 2, 3], [18, 19, 20, 21]
    assert seen == [(1.0, right), (2.0, right), (1.0, wrong), (3.0, right)]


# ---- the scripts ----


def test_defaults_are_the_reports_or_marked_as_assumed():
    config = train.Config()
    assert (config.model, config.lr, config.beta_1, config.beta_2, config.epochs, config.noise, config.z, config.labels,
            config.optimizers, config.momentum, config.variant) == \
        ("dcgan", 2e-4, 0.5, 0.999, 200, "normal", 100, "hard", "adam", 0.0, "dcgan")
    assert train.D_STEPS == {"dcgan": 1, "lsgan": 3}
    assert assumed(train.Config) == {"batch_size", "seed", "clip_labels", "momentum"}
    config = train_text2image.Config()
    assert (config.recipe, config.skip_below, config.wrong_loss, config.z, config.d_steps, config.dropout, config.lr,
            config.beta_1, config.beta_2, config.variant) == \
        ("best", 0.5, "mean", 100, 3, 0.25, 2e-4, 0.5, 0.999, "text2image_best")
    assert (config.wrong_label, config.d_lr, train.Config().d_lr, train.Config().reach) == ("other", None, None, 0)
    assert assumed(train_text2image.Config) == {"epochs", "batch_size", "seed", "d_steps", "dropout", "lr", "beta_1",
                                                "beta_2", "wrong_label"}
    with pytest.raises(UserError, match="--clip-labels needs --labels soft"):
        parse(train.Config, ["--clip-labels"])


@pytest.mark.parametrize(("words", "variant", "quick"), [
    ("", "dcgan", 2000), ("--d-steps 3", "dcgan_1to3", 1100), ("--model lsgan", "lsgan", 2000),
    ("--model lsgan --d-steps 3", "lsgan_1to3", 1100), ("--model lsgan --recipe report", "lsgan_report", 1100),
    ("--model lsgan --recipe report --d-steps 3", "lsgan_report", 1100),
    ("--model lsgan --recipe report --d-steps 1", "lsgan_report_1to1", 2000),
    ("--noise uniform --steps 9", "dcgan_uniform", 9), ("--labels soft --optimizers d-sgd", "dcgan_soft_d_sgd", 2000)])
def test_each_comparison_has_its_own_run_folder_and_quick_is_shorter_with_more_d_steps(words, variant, quick):
    config = parse(train.Config, ["--preset", "quick", *words.split()])
    assert (config.variant, config.steps) == (variant, quick)


def test_the_grid_shows_the_reports_five_labels(cdcgan):
    asked = []
    cdcgan.labels_of_the_report(lambda *words: asked.extend(words) or np.zeros((40, 64, 64, 3), np.uint8), 100, 0)
    z, hair, eyes = asked
    named = [(tags.HAIR[h], tags.EYES[e]) for h, e in zip(hair, eyes, strict=True)]
    five = [("blue", "blue"), ("blue", "green"), ("blue", "red"), ("green", "green"), ("green", "red")]
    assert named == [pair for pair in five for _ in range(8)]
    np.testing.assert_array_equal(z[:8], z[8:16])


SMOKE = "--preset", "smoke", "--steps", 2, "--batch-size", 4, "--no-evaluate", "--data"


@pytest.mark.slow
def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    run = tmp_path / "run"
    script("hw3_dcgan_lsgan/train.py", *SMOKE, few_faces, "--model", "lsgan", "--out", run)
    script("hw3_dcgan_lsgan/sample.py", "--run", run, "--count", 9)
    assert len(list((run / "sampled").glob("sample_*.jpg"))) == 9
    with Image.open(run / "sampled" / "sheet.png") as sheet:
        assert sheet.size == (8 * 66 - 2, 2 * 66 - 2)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"noise": "normal"', '"noise": ["normal"]'))
    refused = script("hw3_dcgan_lsgan/sample.py", "--run", run, code=4)
    assert "config.json: damaged; restore it" in refused.stderr


@pytest.mark.slow
def test_text2image_smoke_then_samples(script, few_faces, tmp_path):
    run, lines = tmp_path / "run", tmp_path / "text.txt"
    done = script("hw3_dcgan_lsgan/train_text2image.py", *SMOKE, few_faces, "--out", run)
    assert "gray eyes left out: " in done.stdout
    for text, code in (("3,green hair blue eyes", 0), ("3,green hair gray eyes", 2)):
        lines.write_text(text + "\n")
        done = script("hw3_dcgan_lsgan/sample.py", "--run", run, "--text", lines, "--count", 1, code=code)
    assert [path.name for path in (run / "sampled").iterdir()] == ["sample_3_1.jpg"]
    assert "gray eyes: this generator was not trained on them" in done.stderr


def test_each_script_has_its_measures(built, monkeypatch, shared_cache):
    from common.anime import evaluation, judge

    monkeypatch.setattr(evaluation, "ROUNDS", 1)  # 120 images in place of 1200
    monkeypatch.setattr(judge, "CACHE", Path(shared_cache))
    measured, _ = built(train_text2image, "--batch-size", 4).evaluation.measure()
    assert measured["condition_accuracy"]["n"] == 120  # without gray eyes, of which there are 12
    measured, _ = built(train, "--batch-size", 4, "--model", "lsgan").evaluation.measure()
    assert measured["diversity"]["n"] > 0 and "condition_accuracy" not in measured


def test_own_images_without_tags_are_measured_by_the_judge_of_the_embedded_faces(
        built, monkeypatch, shared_cache, few_faces, tmp_path):
    from common.anime import data, evaluation, judge

    monkeypatch.setattr(judge, "CACHE", Path(shared_cache))
    monkeypatch.setattr(evaluation, "load", lambda folders, size, keep: data.load([few_faces], size, keep))
    shutil.copytree(few_faces / "faces", tmp_path / "own/inner")  # 48 images
    (tmp_path / "own/inner/0.jpg").rename(tmp_path / "own/inner/holiday.jpg")
    parts = built(train, "--data", tmp_path / "own", "--batch-size", 4)
    assert parts.run.info["substitutions"][-1] == \
        "--data has no tag file: all its images are taken, and measured by the judge of the embedded faces"
    assert parts.run.info["data"]["kept"] == 48
    measured, verdict = parts.evaluation.measure()
    assert measured["frechet"]["n"] == 24 and verdict.startswith("Frechet distance ")


@pytest.mark.long
@pytest.mark.parametrize(("name", "variant", "words"), [
    ("train.py", "dcgan_1to3_soft", ("--d-steps", 3, "--labels", "soft")),
    ("train_text2image.py", "text2image_best", ())])
def test_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed, name, variant, words):
    killed(f"hw3_dcgan_lsgan/{name}", f"hw3_dcgan_lsgan/{variant}", "--data", few_faces, "--batch-size", 4, *words,
           measured=name == "train.py")
