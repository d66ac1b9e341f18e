"""lab5_cgan: the report's networks layer by layer, its objectives, the evaluator, its scripts, resume."""

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import BRACKETS, assumed, by_name, encrypt, frozen, make_pipe, rates, rows, unmoved
from PIL import Image

from common import datasets
from common.errors import UserError
from common.options import Common, parse
from common.runs import Run
from lab5_cgan import figures, iclevr, labels, sample, scenes, train
from lab5_cgan.train import Config


@pytest.fixture
def model(tensorflow):
    from lab5_cgan import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not depend on the tests before
    return model


# ---- the networks ----


PRINTED = {  # network -> parameters and those frozen; (shape, parameters) of layers; parameters of its norms; slopes
    "cgan_generator": ((4_436_608, 1_920), {
        "GroupedTransposed": [((4, 4, 24), 384)], "Dense": [((100,), 38_400)],
        "Conv2DTranspose": [((4, 4, 512), 1_638_400), ((8, 8, 256), 2_097_152), ((16, 16, 128), 524_288),
                            ((32, 32, 64), 131_072), ((64, 64, 3), 3_072)]},
        [2_048, 1_024, 512, 256], [0.01] * 6),
    "cgan_discriminator": ((7_489_408, 1_792), {
        "GroupedTransposed": [((4, 4, 24), 384)], "Dense": [((12_288,), 4_718_592)],
        "Conv2D": [((32, 32, 64), 6_144), ((16, 16, 128), 131_072), ((8, 8, 256), 524_288), ((4, 4, 512), 2_097_152),
                   ((1, 1, 1), 8_192)]},
        [512, 1_024, 2_048], [0.2] * 6),
    "acgan_generator": ((3_675_264, 896), {
        "GroupedTransposed": [((4, 4, 24), 384)],
        "Conv2DTranspose": [((4, 4, 512), 819_200), ((8, 8, 256), 2_195_456),  # 512 + 24 channels in
                            ((16, 16, 128), 524_288), ((32, 32, 64), 131_072), ((64, 64, 3), 3_072)]},
        [1_024, 512, 256], []),  # plain ReLU
    "acgan_discriminator": ((2_963_968, 1_792), {
        "Conv2D": [((32, 32, 64), 3_072), ((16, 16, 128), 131_072), ((8, 8, 256), 524_288), ((4, 4, 512), 2_097_152),
                   ((1, 1, 1), 8_192), ((1, 1, 24), 196_608)]},
        [512, 1_024, 2_048], [0.2] * 4)}


@pytest.mark.parametrize("name", PRINTED)
def test_the_networks_are_the_printed_ones_with_torchs_settings(model, name):
    """No bias, initial weights from U(-1, 1) / sqrt(fan_in), momentum 0.1 (0.9 in Keras) and epsilon 1e-5."""
    network, (counts, layers, norms, slopes) = getattr(model, name)(), PRINTED[name]
    assert (network.count_params(), frozen(network)) == counts
    assert {kind: rows(network, kind) for kind in layers} == layers
    assert [count for _, count in rows(network, "BatchNormalization")] == norms
    assert [layer.negative_slope for layer in network.layers if type(layer).__name__ == "LeakyReLU"] == slopes
    for layer in network.layers:
        kind = type(layer).__name__
        if kind in layers:
            [kernel] = layer.get_weights()
            if kind.startswith("Conv"):
                fan_in = 16 * kernel.shape[2]  # [4, 4, in, out], transposed [4, 4, out, in]: there PyTorch takes out
            else:
                fan_in = 16 if kind == "GroupedTransposed" else len(kernel)
            bound = fan_in ** -0.5
            assert 0.95 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6), layer.name
            assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.1), layer.name
        if kind == "BatchNormalization":
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


def test_where_the_acgans_discriminator_drops_and_what_it_gives(model):
    d = model.acgan_discriminator()
    assert [type(layer).__name__ for layer in d.layers][1:8] == [
        "Conv2D", "LeakyReLU", "SpatialDropout2D", "Conv2D", "LeakyReLU", "SpatialDropout2D", "BatchNormalization"]
    assert [layer.rate for layer in d.layers if type(layer).__name__ == "SpatialDropout2D"] == [0.5] * 4
    assert [output.shape for output in d.outputs] == [(None, 1), (None, 24)]


def test_grouped_layer_equals_a_transposed_convolution_of_each_channel(model):
    import keras

    layer = model.GroupedTransposed()
    label = np.random.default_rng(0).random((3, 24)).astype(np.float32)
    grouped = layer(label).numpy()
    assert (layer.count_params(), grouped.shape) == (384, (3, 4, 4, 24))
    kernel = layer.kernel.numpy()
    for channel in range(24):
        single = keras.layers.Conv2DTranspose(1, 4, use_bias=False)
        single.build((None, 1, 1, 1))
        single.set_weights([kernel[:, :, channel, None, None]])
        alone = single(label[:, channel].reshape(3, 1, 1, 1)).numpy()
        np.testing.assert_allclose(grouped[..., channel], alone[..., 0], rtol=1e-6)


# ---- the games ----


@pytest.fixture
def build(model):
    """Builds the game that train.py builds for some options."""
    return lambda words="": train.build(parse(Config, words.split()))


WHITE, BLACK = np.ones((2, 64, 64, 3), np.float32), np.zeros((2, 64, 64, 3), np.float32)


def source(tensorflow, image):
    """Logits [2, 1]: 3/4 real of a white image, 1/5 of a black one."""
    return tensorflow.where(image[:, 0, 0, :1] > 0, math.log(3.0), -math.log(4.0))


def test_cgan_objectives_by_hand(build, tensorflow):
    game, label = build(), tensorflow.constant(labels.multi_hot([[0], [1, 2]]))

    def answer(inputs, training):
        assert training is True and inputs[1] is label  # real and fake images come with the same labels
        return source(tensorflow, inputs[0])

    game.discriminator = answer
    # -log 3/4 = 0.28768, -log 4/5 = 0.22314, -log 1/5 = 1.60944
    assert by_name(game.d_loss(WHITE, BLACK, None, label)) == pytest.approx(
        {"d_real": 0.28768, "d_fake": 0.22314}, 1e-4)
    assert by_name(game.g_loss(BLACK, None, label)) == pytest.approx({"g": 1.60944}, 1e-4)


def test_the_tuned_cgan_also_sees_wrong_labels(build, tensorflow):
    game, label = build("--wrong-label 0.5"), tensorflow.constant(labels.multi_hot([[0], [1]]))

    def answer(inputs, training):
        """3/4 real with the right labels, 1/5 with those of the other image."""
        image, given = inputs
        right = tensorflow.reduce_sum(given * label, axis=1, keepdims=True) > 0
        return tensorflow.where(right, source(tensorflow, image), -math.log(4.0))

    game.discriminator = answer
    assert by_name(game.d_loss(WHITE, BLACK, None, label)) == pytest.approx(
        {"d_real": 0.28768, "d_fake": 0.22314, "d_wrong_label": 0.5 * 0.22314}, 1e-4)


@pytest.mark.parametrize(("words", "dropout", "class_weight", "fake_class", "wrong_label"), [
    ("--recipe tuned", None, None, None, 0.5), ("--recipe tuned --model acgan", 0.0, 24.0, 0.0, None)])
def test_the_tuned_recipe_depends_on_the_model(build, words, dropout, class_weight, fake_class, wrong_label):
    game = build(words)
    found = {layer.rate for layer in game.discriminator.layers if hasattr(layer, "rate")}
    assert found == (set() if dropout is None else {dropout})
    assert [getattr(game, name, None) for name in ("class_weight", "fake_class", "wrong_label", "reach")] == \
        [class_weight, fake_class, wrong_label, 8]


def test_a_gain_is_a_factor_of_the_initial_label_weights(model):
    layer = model.GroupedTransposed(gain=80.0)
    layer.build((None, 24))
    assert 19 < np.abs(layer.kernel.numpy()).max() <= 20  # 80 / 4
    assert model.GroupedTransposed.from_config(layer.get_config()).gain == 80.0


def test_d_sees_real_and_generated_images_moved_each_on_its_own(build, tensorflow):
    from common.game import Noise

    game, label = build("--reach 3"), tensorflow.constant(labels.multi_hot([[0]]))
    ramp, seen = np.tile(np.linspace(-1, 1, 64, dtype=np.float32)[None, None, :, None], (1, 64, 1, 3)), []
    game.discriminator = lambda inputs, training: seen.append(inputs[0].numpy()) or tensorflow.zeros((1, 1))
    noise = Noise(0, tensorflow.constant(0, tensorflow.int64))
    game.d_loss(ramp, ramp, noise, label)
    game.g_loss(ramp, noise, label)
    shifts = [round(float(image[0, 32, 32, 0] - ramp[0, 32, 32, 0]) / (2 / 63)) for image in seen]
    assert len(set(shifts)) == 3 and max(map(abs, shifts)) <= 3


def test_acgan_objectives_by_hand(build, tensorflow):
    game, label = build("--model acgan --class-weight 3"), tensorflow.constant(labels.multi_hot([[0], [0, 5]]))

    def answer(image, training):
        """Label 0 is there with 3/4, of the 23 others it knows nothing."""
        assert training is True
        named = np.zeros((2, 24), np.float32)
        named[:, 0] = math.log(3.0)
        return source(tensorflow, image), tensorflow.constant(named)

    game.discriminator = answer
    named = (0.28768 + 23 * 0.69315) / 24  # the mean over 24 questions
    assert by_name(game.d_loss(WHITE, BLACK, None, label)) == pytest.approx(
        {"d_real": 0.28768, "d_fake": 0.22314, "d_class": 3 * 2 * named}, 1e-4)
    assert by_name(game.g_loss(BLACK, None, label)) == pytest.approx({"g_source": 1.60944, "g_class": 3 * named}, 1e-4)


@pytest.mark.parametrize(("words", "g", "d"), [("", 4e-4, 1e-4), ("--model acgan --g-lr 2e-4", 2e-4, 1e-4)])
def test_a_step_moves_both_players_by_adam(build, words, g, d):
    game, image = build(words), np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert unmoved(game, {"image": image, "label": labels.multi_hot([[0], [1, 2]])}) == set()
    assert rates(game) == {"generator": ("Adam", g, 0.5, 0.999), "discriminator": ("Adam", d, 0.5, 0.999)}
    assert {player.optimizer.epsilon for player in game.players.values()} == {1e-8}


def test_defaults_are_the_reports_or_marked_as_assumed():
    config = Config()
    assert (config.model, config.epochs, config.batch_size, config.z, config.resize) == ("cgan", 300, 64, 100, "crop")
    assert (config.g_lr, config.d_lr, config.beta_1, config.class_weight) == (4e-4, 1e-4, 0.5, 1.0)
    assert assumed(config) == {"seed"}


@pytest.mark.parametrize(("words", "variant"), [
    ("", "cgan"), ("--model acgan", "acgan"), ("--g-lr 2e-4 --d-lr 2e-4", "cgan_equal_rates"),
    ("--model acgan --class-weight 24", "acgan_class_24"), ("--resize squash", "cgan_squash"),
    ("--recipe tuned", "cgan_tuned"), ("--recipe tuned --model acgan", "acgan_tuned"),
    ("--model acgan --fake-class 0 --real-target 0.9 --optimizer sgd", "acgan_fake_class_0_smooth_0.9_sgd")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "message"), [
    ("--class-weight 24", "--class-weight: the cGAN has no class term; add --model acgan"),
    ("--model acgan --wrong-label 1", "--wrong-label: the AC-GAN's D does not see the labels; add --model cgan"),
    ("--z 0", "must be from 1"), ("--g-lr 0", "must be from"),
    ("--evaluator none.npz", "none.npz: no such file")])
def test_values_that_make_no_sense(words, message):
    with pytest.raises(UserError, match=message):
        parse(Config, words.split())


# ---- labels and images ----


def test_labels_and_pictures_are_the_courses(mini):
    labels.check_objects(mini / "iclevr" / "objects.json")
    assert (labels.OBJECTS.index("gray cube"), labels.OBJECTS.index("red sphere"),
            labels.OBJECTS.index("yellow cylinder")) == (0, 9, 23)
    data = iclevr.load(mini / "iclevr", "crop")
    assert (data.info["kept"], data.images.shape, data.scene.max() + 1) == (90, (90, 64, 64, 3), 30)
    assert list(data.views) == ["square"], "they are square already, so both ways of resizing are one"
    assert {name: (len(lists), sum(map(len, lists))) for name, lists in data.tests.items()} == \
        {"test": (32, 72), "new_test": (32, 84)}


NUMBERED = {name: number for number, name in enumerate(labels.OBJECTS)}


@pytest.mark.parametrize(("read", "text", "message"), [
    (labels.read_conditions, text, message) for text, message in (
        ("[[]]", "entry 0: write a list"), ('[["red cube"], ["pink cube"]]', "entry 1: there is no object 'pink cube'"),
        ('[["red cube", "red cube"]]', "twice"), ('{"a": 1}', "write a list of label lists"),
        ('["red cube"]', "entry 0: write a list"), ('[[["red cube"]]]', r"no object \['red cube'\]"),
        ("[", r"labels.json: cannot be read as JSON \(.*\); correct it, or fetch the file again"))
] + [
    (labels.read_train, text, message) for text, message in (
        ('{"a.png": ["red cube"], "b.png": ["cube"]}', "b.png: there is no object 'cube'"),
        ('{"../a.png": ["red cube"]}', "is a path; give the name of an image"),
        ('{"/etc/a.png": ["red cube"]}', "is a path"), (r'{"..\\a.png": ["red cube"]}', "is a path"),
        ('{"a.png": ["red cube"], "b.png": ["red cube"], "a.png": ["gray cube"]}', "'a.png' occurs twice"))
] + [
    (labels.check_objects, json.dumps(NUMBERED | change), message) for change, message in (
        ({"red cube": 2}, "red cube is 2, here it is 1"), ({"x": None}, "x is None, here it is None"),
        ({"gray cube": False}, "gray cube is False"))])
def test_bad_label_files(tmp_path, read, text, message):
    file = tmp_path / "labels.json"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read(file)


def test_a_label_file_may_come_from_windows_but_not_from_a_pipe(tmp_path):
    (tmp_path / "test.json").write_bytes(b'\xef\xbb\xbf[["red cube"]]\r\n')
    assert labels.read_conditions(tmp_path / "test.json") == [[1]]
    make_pipe(tmp_path / "pipe.json")
    with pytest.raises(UserError, match="pipe.json: no such file"):
        labels.read_conditions(tmp_path / "pipe.json")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")


def write_set(folder: Path, count: int, size=(128, 96)) -> Path:
    """A set in the course's layout; a picture is grey, with a red band at its left and a blue one at its right."""
    (folder / "images").mkdir(parents=True)
    named = {}
    for scene in range(count):
        for objects in (1, 2, 3):
            name = f"CLEVR_train_{scene:06d}_{objects - 1}.png"
            pixels = np.full((size[1], size[0], 3), 40 * objects, np.uint8)
            pixels[:, :size[0] // 10] = 255, 0, 0
            pixels[:, -(size[0] // 10):] = 0, 0, 255
            Image.fromarray(pixels).save(folder / "images" / name)
            named[name] = list(labels.OBJECTS[scene % 20:scene % 20 + objects])
    for name, value in (("train", named), ("test", [["red cube"], ["gray cube", "red sphere"]] * 16),
                        ("new_test", [["red cube", "blue cube"]] * 32), ("objects", NUMBERED)):
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def test_crop_takes_the_middle_and_squash_the_whole_picture(tmp_path):
    folder = write_set(tmp_path / "set", 3)
    crop, squash = iclevr.load(folder, "crop"), iclevr.load(folder, "squash")
    assert crop.images.shape == squash.images.shape == (9, 64, 64, 3)
    assert len(np.unique(crop.images[0])) == 1, "1/8 of the width falls away on each side, and with it the bands"
    assert squash.images[0, 32, 2].tolist() == [255, 0, 0] and squash.images[0, 32, 61].tolist() == [0, 0, 255]
    assert crop.origin == squash.origin, "it is one data set"


def test_labels_that_read_the_same_are_the_same_data(tmp_path):
    folder = write_set(tmp_path / "set", 3)
    before = iclevr.load(folder, "crop").origin
    for name in iclevr.FILES:
        text = json.dumps(json.loads((folder / name).read_text()), indent=1).replace("\n", "\r\n")
        (folder / name).write_bytes(text.encode())
    after = iclevr.load(folder, "crop").origin
    assert after.identity != before.identity, "the digest of the files"
    assert after.contents == before.contents
    (folder / "test.json").write_text(json.dumps([["red cube"]] * 32))
    assert iclevr.load(folder, "crop").origin.contents != before.contents


def test_labels_belong_to_their_pictures(tmp_path):
    folder = write_set(tmp_path / "set", 3)
    (folder / "images" / "CLEVR_train_000001_1.png").unlink()
    (folder / "images" / "CLEVR_train_000009_0.png").write_bytes(
        (folder / "images" / "CLEVR_train_000000_0.png").read_bytes())
    data = iclevr.load(folder, "crop")
    assert (data.info["kept"], data.info["rows_without_picture"], data.info["pictures_without_row"]) == (8, 1, 1)
    assert data.labels.sum(axis=1).tolist() == [1, 2, 3, 1, 3, 1, 2, 3]
    assert data.images[data.rows][:, 0, 0, 0].tolist() == [40, 80, 120, 40, 120, 40, 80, 120]
    assert data.scene.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert np.flatnonzero(data.labels[4]).tolist() == [1, 2, 3]


def test_the_embedded_set_is_drawn_once_and_said(tmp_path, monkeypatch, capsys):
    make = scenes.make
    monkeypatch.setattr(scenes, "make", lambda folder, announce: make(folder, 6, workers=1, announce=announce))
    monkeypatch.setattr(iclevr, "EMBEDDED", tmp_path / "scenes")
    data = iclevr.load(None, "crop")
    assert (data.info["kept"], sorted(data.views), data.origin.folder) == (6, ["crop", "squash"], "embedded")
    assert data.origin.substitutions[0].startswith("no --data: training on the embedded set of scenes")
    assert "drawing" in capsys.readouterr().out
    iclevr.load(None, "crop")
    assert "drawing" not in capsys.readouterr().out
    os.truncate(tmp_path / "scenes" / "train.json", 30)
    with pytest.raises(UserError, match=f"cannot be read as JSON .*; or delete {tmp_path}/scenes, and it is drawn"):
        iclevr.load(None, "crop")


def move_down(folder):
    folder.rename(folder.parent / "inner")
    folder.mkdir()
    (folder.parent / "inner").rename(folder / "inner")


@pytest.mark.parametrize(("change", "message"), [
    (lambda folder: (folder / "new_test.json").unlink(), "has no new_test.json; an i-CLEVR folder has images/ or "),
    (lambda folder: (folder / "images").rename(folder / "pictures"), "has no images/; an i-CLEVR folder has images/ "),
    (lambda folder: [path.unlink() for path in (folder / "images").iterdir()], "set/images: no images; give the"),
    (lambda folder: ((folder / "images").rename(folder.parent / "x"), (folder / "images.tar").touch()),
     "has no images/; .*; images.tar is still packed: unpack it there"),
    (move_down, "has no train.json; .*; give .*/set/inner$"),
    (lambda folder: (folder / "train.json").write_text('{"other.png": ["red cube"]}'),
     "names none of the 3 images")])
def test_a_folder_that_is_not_i_clevr(tmp_path, change, message):
    folder = write_set(tmp_path / "set", 1)
    change(folder)
    with pytest.raises(UserError, match=message):
        iclevr.load(folder, "crop")


def test_images_in_a_folder_iclevr_also_a_link_and_one_level_down(tmp_path):
    folder = write_set(tmp_path / "set", 1)
    (tmp_path / "elsewhere").mkdir()
    (folder / "images").rename(tmp_path / "elsewhere/images")
    (folder / "iclevr").symlink_to("../elsewhere")
    assert iclevr.load(folder, "crop").info["kept"] == 3


def test_captions_show_the_objects_that_were_asked_for():
    page = np.asarray(figures.captioned(np.zeros((2, 64, 64, 3), np.uint8), [[1], [18, 7]], columns=2))
    assert page.shape == (79, 132, 3)
    icons = [page[64 + 7, left + 7].tolist() for left in (0, 15, 68, 68 + 15)]
    red, blue, yellow, white = [0xc0, 0x28, 0x28], [0x2a, 0x4b, 0xd7], [0xe0, 0xc8, 0x1e], [255, 255, 255]
    assert icons == [red, white, blue, yellow]  # a red cube; a blue cylinder and a yellow cube
    assert set(figures.INKS) == set(labels.COLOURS)
    page = np.asarray(figures.captioned(np.zeros((1, 64, 64, 3), np.uint8), [[0, 1, 2, 3, 7]], columns=1))
    assert page.shape == (64 + 2 * 15, 64, 3)  # more than four go on in a second row
    assert [page[64 + 15 + 7, left + 7].tolist() for left in (0, 15)] == [yellow, white]


# ---- the evaluator ----


@pytest.fixture
def evaluator(tensorflow):
    from lab5_cgan import evaluator

    return evaluator


@pytest.fixture(scope="module")
def network(tensorflow):
    from lab5_cgan.resnet import resnet18

    return resnet18(24)


FOUR, FLAT = [0.9, 0.1, 0.5, 0.2], [0.5] * 4


@pytest.mark.parametrize(("scores", "asked", "expected"), [
    ([FOUR], [[1, 0, 0, 0]], 1.0),                      # k = 1, right
    ([FOUR], [[0, 0, 1, 0]], 0.0),                      # the second highest is not enough
    ([FOUR], [[1, 1, 0, 0]], 0.5),                      # k = 2
    ([FOUR, [0.1, 0.2, 0.3, 0.4]], [[0, 1, 0, 0], [0, 1, 1, 1]], 3 / 4),  # of 4 labels, not of 2 rows
    ([FLAT], [[1, 0, 0, 0]], 1.0),                      # of equal scores the lower index is the higher one,
    ([FLAT], [[0, 0, 0, 1]], 0.0),                      # so that a flat answer is not right for every label
    ([[-9.0, -8.0, -7.0, -6.0]], [[0, 0, 1, 1]], 1.0)])  # logits will do: only their order counts
def test_accuracy_by_hand(evaluator, scores, asked, expected):
    assert evaluator.accuracy(np.array(scores), np.array(asked)) == pytest.approx(expected)


@pytest.mark.parametrize(("scores", "asked"), [
    (np.zeros((2, 4)), np.ones((2, 3))), (np.zeros((1, 4)), np.zeros((1, 4))),
    (np.full((1, 4), np.nan), np.ones((1, 4))), (np.zeros((0, 4)), np.zeros((0, 4)))])
def test_accuracy_refuses_what_has_none(evaluator, scores, asked):
    with pytest.raises(ValueError, match="must be"):
        evaluator.accuracy(scores, asked)


def test_chance_by_hand(evaluator):
    asked = labels.multi_hot([[0], [1, 2], [3, 4, 5]])
    assert evaluator.chance(asked) == pytest.approx((1 + 4 + 9) / (6 * 24))


def test_no_scene_is_on_both_sides_of_the_split(evaluator):
    scene = np.repeat(np.arange(50), 3)
    seen, unseen = evaluator.split(scene)
    assert (len(seen), len(unseen)) == (135, 15)
    assert set(scene[seen]).isdisjoint(scene[unseen])


def state_dict(seed=0):
    """A PyTorch state_dict of the course's evaluator as arrays: names and shapes as torchvision prints them."""
    random = np.random.default_rng(seed)
    shapes = {"conv1": (64, 3, 7, 7), "bn1": 64}
    channels = 64
    for number, filters in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            name = f"layer{number}.{block}"
            shapes |= {f"{name}.conv1": (filters, channels, 3, 3), f"{name}.bn1": filters,
                       f"{name}.conv2": (filters, filters, 3, 3), f"{name}.bn2": filters}
            if number > 1 and not block:
                shapes |= {f"{name}.downsample.0": (filters, channels, 1, 1), f"{name}.downsample.1": filters}
            channels = filters
    state = {}
    for name, shape in shapes.items():
        if isinstance(shape, tuple):
            state[f"{name}.weight"] = random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        else:
            for part in ("weight", "bias", "running_mean", "running_var"):
                low, high = (0.5, 1.5) if part in ("weight", "running_var") else (-0.2, 0.2)
                state[f"{name}.{part}"] = random.uniform(low, high, shape).astype(np.float32)
            state[f"{name}.num_batches_tracked"] = np.array(7)
    state["fc.0.weight"] = random.normal(0, 0.05, (24, 512)).astype(np.float32)
    state["fc.0.bias"] = random.normal(0, 0.05, 24).astype(np.float32)
    return state


def torch_forward(state, image):
    """torchvision's resnet18 in NumPy on one picture [H, W, 3] in [-1, 1], channels first as in PyTorch."""
    def conv(x, name, stride, padding):
        weight = state[f"{name}.weight"]
        x = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
        windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (1, 2))[:, ::stride, ::stride]
        return np.tensordot(weight, windows, ([1, 2, 3], [0, 3, 4]))

    def bn(x, name):
        weight, bias, mean, var = (state[f"{name}.{part}"][:, None, None]
                                   for part in ("weight", "bias", "running_mean", "running_var"))
        return (x - mean) / np.sqrt(var + 1e-5) * weight + bias

    x = np.maximum(bn(conv(image.transpose(2, 0, 1), "conv1", 2, 3), "bn1"), 0)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2].max((3, 4))
    for number in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{number}.{block}", 2 if number > 1 and not block else 1
            y = np.maximum(bn(conv(x, f"{name}.conv1", stride, 1), f"{name}.bn1"), 0)
            y = bn(conv(y, f"{name}.conv2", 1, 1), f"{name}.bn2")
            short = bn(conv(x, f"{name}.downsample.0", 2, 0), f"{name}.downsample.1") if stride == 2 else x
            x = np.maximum(y + short, 0)
    return state["fc.0.weight"] @ x.mean((1, 2)) + state["fc.0.bias"]


def test_a_checkpoint_of_the_courses_shape_gives_what_pytorch_gives(evaluator, network, tmp_path):
    from lab5_cgan.resnet import load_torch

    state = state_dict()
    np.savez(tmp_path / "course.npz", **state)
    assert (network.count_params(), frozen(network)) == (11_198_424, 9_600)
    load_torch(network, tmp_path / "course.npz")
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), np.uint8)
    course = evaluator.Evaluator(network, {}, np.arange(0), mirror=False)
    logits, features = course.predict(images)
    for image, predicted in zip(images, logits, strict=True):
        np.testing.assert_allclose(predicted, torch_forward(state, image / 127.5 - 1), rtol=2e-4, atol=2e-4)
    assert features.shape == (2, 512) and features.min() >= 0
    mirrored = course.predict(images[:, :, ::-1])[0]
    ours = evaluator.Evaluator(network, {}, np.arange(0))
    np.testing.assert_allclose(ours.predict(images)[0], (logits + mirrored) / 2, rtol=1e-5)


def test_a_given_checkpoint_is_float32_whatever_the_runs_precision(evaluator, tmp_path):
    from common import runtime

    np.savez(tmp_path / "course.npz", **state_dict())
    data = iclevr.load(write_set(tmp_path / "set", 3), "crop")
    with runtime.policy("bfloat16"):
        given = evaluator.load(data, tmp_path / "course.npz")
    assert {layer.compute_dtype for layer in given.network.layers} == {"float32"}
    assert given.info["source"] == "course.npz" and not given.mirror


@pytest.mark.slow  # a ResNet18 is built and trained, for one step
def test_under_smoke_another_evaluator_is_trained_for_a_few_steps_and_kept_apart(evaluator, tmp_path, monkeypatch,
                                                                                 capsys):
    monkeypatch.setattr(evaluator, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(evaluator, "BRIEF", 1)
    data = iclevr.load(write_set(tmp_path / "set", 3), "crop")
    assert not evaluator.load(data, brief=True).mirror
    assert "evaluator: 1 steps, " in capsys.readouterr().out
    assert evaluator._name(data, True) == next((tmp_path / "cache/evaluators").iterdir()).name
    assert evaluator._name(data, True) != evaluator._name(data, False)


def test_a_given_evaluator_is_as_good_under_smoke(tmp_path):
    from lab5_cgan.measures import Accuracy

    begun_with = {"evaluator_file": str(tmp_path / "course.npz")}
    assert [Accuracy(SimpleNamespace(info=info), None, None, 4, given, brief=True).brief
            for info, given in (({}, None), ({}, tmp_path / "course.npz"), (begun_with, None))] == [True, False, False]


def damaged(file):
    data = bytearray(file.read_bytes())
    data[5000] ^= 1
    file.write_bytes(data)


NO_ARRAYS = r"course.npz: is not a \.npz file of arrays"


@pytest.mark.parametrize(("change", "spoil", "message"), [
    ({"layer3.0.conv2.weight": None}, None, "has no layer3.0.conv2.weight"),
    ({"fc.0.weight": np.zeros((10, 512), np.float32)}, None, "does not fit"),
    ({"bn1.bias": np.full(64, np.nan, np.float32)}, None, "bn1.bias holds values that are not finite"),
    ({"bn1.weight": np.array([None] * 64)}, None, NO_ARRAYS),  # a pickle, which could run code
    ({}, encrypt, NO_ARRAYS), ({}, damaged, NO_ARRAYS), ({}, lambda file: file.write_bytes(BRACKETS), NO_ARRAYS),
    ({}, lambda file: np.save(file.open("wb"), np.zeros(3)), NO_ARRAYS)])
def test_a_checkpoint_that_does_not_fit_or_is_none(network, tmp_path, change, spoil, message):
    from lab5_cgan.resnet import load_torch

    file = tmp_path / "course.npz"
    np.savez(file, **{name: value for name, value in (state_dict() | change).items() if value is not None})
    if spoil:
        spoil(file)
    with pytest.raises(UserError, match=message):
        load_torch(network, file)


class Reader:
    """An evaluator that reads the labels from a picture's first pixels."""

    info, unseen = {"sha256": "0", "accuracy": {"square": 0.99, "n": 6}}, np.arange(48)

    def predict(self, images):
        return images[:, 0, :24, 0].astype(np.float32), images.reshape(len(images), -1)[:, :64].astype(np.float32) + 1


@pytest.fixture
def run(tmp_path):
    run = Run(Common(out=tmp_path / "run", steps=1))
    yield run
    run.close()


@pytest.fixture
def measures_of(run, mini, tensorflow):
    """The measures of a function in place of a generator."""
    from lab5_cgan.measures import Accuracy

    data = iclevr.load(mini / "iclevr", "crop")

    def start(generate):
        measures = Accuracy(run, data, generate, z=4)
        measures.evaluator = Reader()
        return measures

    return start


def written(z, label):
    """Pictures in which the labels are written, and the noise below them."""
    images = np.zeros((len(z), 64, 64, 3), np.uint8)
    images[:, 0, :24, 0] = 200 * label
    images[:, 1:5] = (60 * np.abs(z)).clip(0, 255)[:, :, None, None]
    return images


def test_accuracy_is_one_at_chance_or_the_mean_over_the_draws_and_not_the_best(measures_of):
    perfect = measures_of(written).accuracy()
    assert (perfect["test"], perfect["new_test"], perfect["std"]["test"], perfect["draws"]) == (1.0, 1.0, 0.0, 10)
    random = np.random.default_rng(0)
    blind = measures_of(lambda z, label: random.integers(0, 256, (len(z), 64, 64, 3), np.uint8)).accuracy()
    assert blind["test"] == pytest.approx(blind["chance"]["test"], abs=0.05)
    assert blind["chance"]["test"] == pytest.approx(180 / (72 * 24))  # by hand: 8 ones, 8 twos, 16 threes
    noises = []

    def sometimes(z, label):
        noises.append(z)
        return written(z, label if len(noises) % 2 else 1 - label)

    half = measures_of(sometimes).accuracy()
    assert (half["test"], half["std"]["test"]) == pytest.approx((0.5, np.std([1, 0] * 5, ddof=1)))
    assert half["best"]["test"] == 1.0 and half["interval"]["test"] == [0.5, 0.5]  # all lists alike
    assert len({z.tobytes() for z in noises}) == 20, "each draw has a noise of its own"


def test_what_is_measured_on_the_way_and_at_the_end(measures_of, run):
    measures = measures_of(written)
    assert measures.prepare() == {"evaluator": {"sha256": "0"}}
    assert measures.curves == {"accuracy": {"test": "test.json", "new_test": "new_test.json"}}
    words = "accuracy 100.0% (+- 0.0%) on test.json, 100.0% (+- 0.0%) on new_test.json"
    assert measures.check() == ({"test": 1.0, "new_test": 1.0, "test_std": 0.0, "new_test_std": 0.0}, words)
    run.require_same("evaluator", {"sha256": "0"})
    sections, verdict = measures.measure()
    assert verdict.startswith(words) and "another evaluator" not in verdict
    assert sections["evaluator"] == Reader.info and sections["accuracy"]["ceiling"]["test"] == 0.99
    assert sections["frechet"]["n"] == 24 and sections["condition_effect"]["verdict"] == "followed"
    run.record("evaluator", {"sha256": "another"})
    assert measures.measure()[1].endswith("by another evaluator than accuracy.csv")


def test_a_run_remembers_the_evaluator_that_it_was_given(measures_of, tmp_path, monkeypatch):
    from lab5_cgan import evaluator

    loaded = []
    monkeypatch.setattr(evaluator, "load", lambda data, given, brief: loaded.append(given) or Reader())
    first, later = measures_of(written), measures_of(written)  # later, without the option
    del first.evaluator, later.evaluator
    first._given = tmp_path / "course.npz"
    first.prepare()
    assert later.evaluator.info["sha256"] == "0"
    assert loaded == [tmp_path / "course.npz"] * 2


# ---- the scripts ----


@pytest.fixture(scope="module")
def few_scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded") / "scenes"
    scenes.make(folder, count=60, workers=1)
    return folder


@pytest.mark.slow
def test_smoke_from_another_folder_then_samples(script, few_scenes, tmp_path):
    run = tmp_path / "run"
    np.savez(tmp_path / "course.npz", **state_dict())
    done = script("lab5_cgan/train.py", "--preset", "smoke", "--data", few_scenes, "--out", run, "--steps", 4,
                  "--evaluator", tmp_path / "course.npz")
    assert "step 4, epoch 0.6: " in done.stdout  # 60 pictures are 7 batches of 8
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["accuracy"]["draws"], len(metrics["evaluator"]["sha256"])) == (4, 10, 64)
    assert metrics["evaluator"]["source"] == "course.npz"
    with Image.open(run / "samples" / "step_000004.png") as grid, Image.open(run / "accuracy.png") as curves:
        assert grid.width > 16 * 64 and curves.width > 600
    script("lab5_cgan/sample.py", "--run", run, "--labels", few_scenes / "test.json", "--out", tmp_path / "drawn")
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == \
        {"grid.png", *(f"sample_{number}.png" for number in range(32))}
    with Image.open(tmp_path / "drawn" / "grid.png") as grid, Image.open(tmp_path / "drawn" / "sample_9.png") as single:
        assert (grid.size, single.size) == ((8 * 66 - 2, 4 * 66 - 2), (64, 64))
        assert grid.crop((66, 66, 130, 130)).tobytes() == single.tobytes(), "sample_9 is the second of the second row"
    done = script("lab5_cgan/sample.py", "--run", run, "--objects", "red cube", "--out", tmp_path / "drawn")
    assert "8 images" in done.stdout and "note: 24 other images" in done.stdout


@pytest.mark.parametrize(("words", "message"), [
    ("", "give either --labels"), ("--labels a --objects b", "give either --labels"),
    ("--labels test.json --count 3", "--count: --labels draws one image per list"),
    ("--objects cube", "--objects: there is no object 'cube'"), ("--labels none.json", "none.json: no such file"),
    ("--objects red_cube --run .", "holds no trained run; train it with: python lab5_cgan/train.py")])
def test_what_sample_refuses(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        sample.main(parse(sample.Options, [word.replace("_", " ") for word in words.split()]))


@pytest.mark.long
def test_killed_in_the_middle_and_run_again_is_the_same_to_the_bit(killed, few_scenes):
    killed("lab5_cgan/train.py", "lab5_cgan/acgan", "--model", "acgan", "--data", few_scenes)
