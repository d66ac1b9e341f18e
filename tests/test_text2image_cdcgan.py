"""text2image_cdcgan: both printed tables, the four losses, the shared trunk, the sentences, both scripts."""

import dataclasses
import json
import math
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import BRACKETS, ROOT, encrypt, frozen, make_pipe, rows
from PIL import Image

from common.anime import tags
from common.errors import StorageError, UserError
from common.options import Common, parse
from common.runs import Run

LEFT = {  # the report's table of the discriminator: layer -> (output shape, parameters)
    "image": ((64, 64, 3), 0), "conv2d_1": ((32, 32, 64), 4_864), "leaky_re_lu_1": ((32, 32, 64), 0),
    "conv2d_2": ((16, 16, 128), 204_928), "leaky_re_lu_2": ((16, 16, 128), 0), "conv2d_3": ((8, 8, 256), 819_456),
    "leaky_re_lu_3": ((8, 8, 256), 0), "conv2d_4": ((4, 4, 512), 3_277_312), "condition": ((23,), 0),
    "leaky_re_lu_4": ((4, 4, 512), 0), "lambda_1": ((4, 4, 23), 0), "concatenate_1": ((4, 4, 535), 0),
    "conv2d_5": ((4, 4, 512), 274_432), "leaky_re_lu_5": ((4, 4, 512), 0), "flatten_1": ((8192,), 0),
    "dense_1": ((1,), 8_193)}
RIGHT = {  # and of the generator
    "z": ((100,), 0), "condition": ((23,), 0), "concatenate_2": ((123,), 0), "dense_2": ((8192,), 1_015_808),
    "reshape_1": ((4, 4, 512), 0), "batch_normalization_1": ((4, 4, 512), 2_048), "activation_1": ((4, 4, 512), 0),
    "conv2d_transpose_1": ((8, 8, 256), 3_277_056), "batch_normalization_2": ((8, 8, 256), 1_024),
    "activation_2": ((8, 8, 256), 0), "conv2d_transpose_2": ((16, 16, 128), 819_328),
    "batch_normalization_3": ((16, 16, 128), 512), "activation_3": ((16, 16, 128), 0),
    "conv2d_transpose_3": ((32, 32, 64), 204_864), "batch_normalization_4": ((32, 32, 64), 256),
    "activation_4": ((32, 32, 64), 0), "conv2d_transpose_4": ((64, 64, 3), 4_803), "activation_5": ((64, 64, 3), 0)}


@pytest.fixture
def model(tensorflow):
    from text2image_cdcgan import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not hang on the tests before
    return model


# ---- networks ----


def table(network):
    """layer -> (output shape, parameters), in the order of the layers."""
    return {layer.name: (layer.output.shape[1:], layer.count_params()) for layer in network.layers}


def fed_by(network):
    """layer -> the layers whose output it takes."""
    def before(layer):
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        return [tensor._keras_history.operation.name for tensor in inputs]

    return {layer.name: before(layer) for layer in network.layers if type(layer).__name__ != "InputLayer"}


def test_generator_is_the_printed_table(model):
    g = model.generator()
    assert table(g) == RIGHT
    assert (g.count_params(), frozen(g)) == (5_325_699, 1_920)


def test_discriminator_is_the_printed_table(model):
    d = model.discriminator()
    found = table(d)
    assert found.pop("lambda_1_repeat") == ((16, 23), 0)  # the report's Lambda takes two layers here
    assert found == LEFT
    assert (d.count_params(), frozen(d)) == (4_589_185, 0)


def test_each_layer_is_fed_by_those_the_tables_name(model):
    expected = {"concatenate_2": ["z", "condition"], "dense_2": ["concatenate_2"], "reshape_1": ["dense_2"],
                "batch_normalization_1": ["reshape_1"], "activation_1": ["batch_normalization_1"]}
    for k in (1, 2, 3):
        expected |= {f"conv2d_transpose_{k}": [f"activation_{k}"],
                     f"batch_normalization_{k + 1}": [f"conv2d_transpose_{k}"],
                     f"activation_{k + 1}": [f"batch_normalization_{k + 1}"]}
    expected |= {"conv2d_transpose_4": ["activation_4"], "activation_5": ["conv2d_transpose_4"]}
    assert fed_by(model.generator()) == expected
    chain = ["image", "conv2d_1", "leaky_re_lu_1", "conv2d_2", "leaky_re_lu_2", "conv2d_3", "leaky_re_lu_3", "conv2d_4",
             "leaky_re_lu_4"]
    expected = {after: [before] for before, after in zip(chain, chain[1:], strict=False)}
    expected |= {"lambda_1_repeat": ["condition"], "lambda_1": ["lambda_1_repeat"],
                 "concatenate_1": ["leaky_re_lu_4", "lambda_1"], "conv2d_5": ["concatenate_1"],
                 "leaky_re_lu_5": ["conv2d_5"], "flatten_1": ["leaky_re_lu_5"], "dense_1": ["flatten_1"]}
    assert fed_by(model.discriminator()) == expected


def test_activations_are_the_reports(model):
    g, d = model.generator(), model.discriminator()
    assert [type(g.get_layer(f"activation_{k}")).__name__ for k in (1, 2, 3, 4)] == ["ReLU"] * 4
    assert [g.get_layer(f"activation_{k}").get_config()["negative_slope"] for k in (1, 2, 3, 4)] == [0.0] * 4
    for network, numbers in ((d, (1, 2, 3, 4, 5)), (model.skipthoughts_critic(), (1, 2, 3, 4))):
        assert [network.get_layer(f"leaky_re_lu_{k}").negative_slope for k in numbers] == [0.2] * len(numbers)
    for network in (model.skipthoughts_generator(), model.skipthoughts_critic()):
        assert network.get_layer("sentence_dense").get_config()["activation"] == "relu"


def test_initializers_slopes_and_activations_are_the_reports(model):
    for network in (model.generator(), model.discriminator()):
        for layer in network.layers:
            settings = layer.get_config()
            if "kernel_initializer" in settings:
                kernel = settings["kernel_initializer"]
                assert kernel["class_name"] == "TruncatedNormal"
                assert (kernel["config"]["mean"], kernel["config"]["stddev"]) == (0.0, 0.02)
            if "gamma_initializer" in settings:
                gamma = settings["gamma_initializer"]
                assert gamma["class_name"] == "RandomNormal"
                assert (gamma["config"]["mean"], gamma["config"]["stddev"]) == (1.0, 0.02)
                assert (settings["momentum"], settings["epsilon"]) == (0.9, 1e-5)
    assert model.generator().get_layer("activation_5").get_config()["activation"] == "tanh"


def test_96_pixels_is_the_first_try(model):
    g, d = model.generator(size=96), model.discriminator(size=96)
    assert g.output.shape == (None, 96, 96, 3)
    assert d.get_layer("concatenate_1").output.shape == (None, 6, 6, 535)


def test_the_condition_is_the_same_at_every_place(model, tensorflow):
    import keras

    d = model.discriminator()
    spread = keras.Model(d.inputs[1], d.get_layer("lambda_1").output)
    bits = np.arange(46, dtype=np.float32).reshape(2, 23)
    np.testing.assert_array_equal(spread.predict_on_batch(bits), np.tile(bits[:, None, None, :], (1, 4, 4, 1)))


def test_skipthoughts_networks(model):
    g, critic = model.skipthoughts_generator(), model.skipthoughts_critic()
    assert (g.count_params(), frozen(g)) == (6_290_432, 1_920)
    assert rows(g, "Dense") == [((256,), 614_656)]
    assert rows(g, "Conv2DTranspose") == [((4, 4, 512), 356 * 16 * 512), ((8, 8, 256), 512 * 16 * 256),
                                          ((16, 16, 128), 256 * 16 * 128), ((32, 32, 64), 128 * 16 * 64),
                                          ((64, 64, 3), 64 * 16 * 3)]
    assert (critic.count_params(), frozen(critic)) == (5_475_585, 0)
    assert rows(critic, "Conv2D") == [((32, 32, 64), 3 * 16 * 64), ((16, 16, 128), 64 * 16 * 128),
                                      ((8, 8, 256), 128 * 16 * 256), ((4, 4, 512), 512 * 16 * 512)]
    assert rows(critic, "Dense") == [((256,), 614_656), ((1,), 8_193)]
    assert rows(critic, "BatchNormalization") == []
    assert rows(critic, "Concatenate") == [((8, 8, 512), 0)]


# ---- the games ----


def player(network):
    import keras

    from common.game import Player

    return Player(network, keras.optimizers.Adam(2e-4, 0.5, 0.99))


@pytest.fixture
def dcgan(model):
    def build(**changes):
        return model.ConditionalDCGAN(0, player(model.generator()), player(model.discriminator()), **changes)

    return build


VECTORS = np.eye(5, 2400, dtype=np.float32)


@pytest.fixture
def wgan(model):
    def build(**changes):
        return model.SkipThoughtsWGANGP(0, player(model.skipthoughts_generator()),
                                        player(model.skipthoughts_critic()), VECTORS, **changes)

    return build


def pictures(seed, count=3):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 64, 64, 3)).astype(np.float32)


def conditions(seed, count=3):
    return np.random.default_rng(seed).integers(0, 2, (count, 23)).astype(np.float32)


FOUR = {"wrong_image": pictures(3), "condition": conditions(4), "wrong_condition": conditions(5)}


def gradients(tensorflow, game, scores):
    """Gradient of the sum of all terms, with respect to each weight of D, under one way to score."""
    game.scores = scores
    with tensorflow.GradientTape() as tape:
        terms = game.d_loss(pictures(1), pictures(2), None, **FOUR)
        total = sum(terms.values())
    variables = game.discriminator.trainable_variables
    return float(total), dict(zip([v.path for v in variables], tape.gradient(total, variables), strict=True))


@pytest.mark.parametrize("wrong_loss", ["sum", "mean"])
def test_the_shared_trunk_gives_the_gradients_of_four_plain_passes(dcgan, model, tensorflow, wrong_loss):
    game = dcgan(wrong_loss=wrong_loss)
    for variable in game.discriminator.trainable_variables:  # larger weights, so that every term counts
        variable.assign(2 * variable)
    shared = game.scores
    d = game.discriminator

    def plain(real, fake, wrong_image, condition, wrong_condition):
        return model.Scores(d([real, condition]), d([fake, condition]), d([real, wrong_condition]),
                            d([wrong_image, condition]))

    loss, expected = gradients(tensorflow, game, plain)
    found_loss, found = gradients(tensorflow, game, shared)
    assert found_loss == pytest.approx(loss, rel=1e-6)
    for name, value in expected.items():
        size = np.abs(value).max()
        assert size > 0, name
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5 * size, err_msg=name)


def test_the_trunk_sees_three_pictures_a_sample_and_the_head_four_pairs(dcgan, tensorflow):
    game, seen = dcgan(), []
    trunk, head = game.trunk, game.head
    game.trunk = lambda image, training: seen.append(("trunk", image.shape[0])) or trunk(image)
    game.head = lambda pair, training: seen.append(("head", pair[0].shape[0])) or head(pair)
    game.scores(pictures(1), pictures(2), **FOUR)
    assert seen == [("trunk", 9), ("head", 12)]


def said(tensorflow, model, *values):
    """Says the same of every picture: real, fake, wrong label, wrong picture."""
    return lambda *_: model.Scores(*(tensorflow.fill((2, 1), float(value)) for value in values))


SAY = math.log(3), math.log(3), 0.0, -math.log(3)  # sigmoid 3/4, 3/4, 1/2, 1/4
TERMS = {"d_real": 0.28768, "d_fake": 1.38629, "d_wrong_label": 0.69315, "d_wrong_image": 0.28768}  # -log 3/4, 1/4, ...


@pytest.mark.parametrize(("wrong_loss", "weight"), [("sum", 1.0), ("mean", 1 / 3)])
def test_the_four_losses_by_hand(dcgan, model, tensorflow, wrong_loss, weight):
    game = dcgan(wrong_loss=wrong_loss)
    game.scores = said(tensorflow, model, *SAY)
    found = {name: float(value) for name, value in game.d_loss(None, None, None, None, None, None).items()}
    assert found == pytest.approx({name: value * (1.0 if name == "d_real" else weight)
                                   for name, value in TERMS.items()}, rel=1e-4)


@pytest.mark.parametrize(("g_loss", "value"), [("non-saturating", 0.28768), ("negated", -1.38629)])
def test_the_generators_loss_by_hand(dcgan, tensorflow, g_loss, value):
    game = dcgan(g_loss=g_loss)
    game.discriminator = lambda pair, training: tensorflow.fill((2, 1), math.log(3.0))
    assert float(game.g_loss(None, None, condition=None)["g"]) == pytest.approx(value, rel=1e-4)


def test_the_four_pairs_are_paired_as_in_the_report(dcgan, tensorflow):
    game = dcgan()
    game.trunk = lambda image, training: tensorflow.reduce_mean(image, (1, 2, 3))[:, None]
    game.head = lambda pair, training: pair[0] + 10.0 * pair[1][:, :1]

    def flat(value):
        return tensorflow.fill((1, 64, 64, 3), value)

    found = game.scores(flat(1.0), flat(2.0), flat(3.0), tensorflow.fill((1, 23), 4.0), tensorflow.fill((1, 23), 5.0))
    assert [value.numpy().item() for value in found] == [41.0, 42.0, 51.0, 43.0]


@pytest.mark.parametrize(("wrong_loss", "weight"), [("mean", 1 / 3), ("sum", 1.0)])
def test_the_critics_terms_by_hand(wgan, model, tensorflow, wrong_loss, weight):
    game = wgan(wrong_loss=wrong_loss, penalty=10.0)
    game.scores = said(tensorflow, model, 5, 3, 2, 1)
    steep = 3.0 / math.sqrt(64 * 64 * 3)  # the gradient's length is then 3 everywhere: 10 * (3 - 1)^2
    game.discriminator = lambda pair, training: steep * tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]

    class Draw:
        def uniform(self, shape):
            assert shape == (2, 1, 1, 1)
            return tensorflow.fill(shape, 0.25)

    image, rows = tensorflow.zeros((2, 64, 64, 3)), tensorflow.constant([0, 1])
    terms = game.d_loss(image, image, Draw(), rows, rows, image)
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        {"d_real": -5.0, "d_fake": 3 * weight, "d_wrong_label": 2 * weight, "d_wrong_image": weight,
         "d_penalty": 40.0}, rel=1e-4)
    assert float(game.g_loss(image, None, sentence=rows)["g"]) == 0.0


def test_the_penalty_is_taken_between_real_and_fake_with_the_right_sentence(wgan, model, tensorflow):
    game = wgan()
    game.scores = said(tensorflow, model, 0, 0, 0, 0)
    asked = []
    game.discriminator = lambda pair, training: asked.append(pair) or tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]

    class Draw:
        def uniform(self, shape):
            return tensorflow.reshape([0.0, 1.0, 0.25], shape)

    ones = tensorflow.ones((3, 64, 64, 3))
    game.d_loss(ones, -ones, Draw(), tensorflow.constant([4, 3, 2]), tensorflow.constant([0, 0, 0]), ones)
    mixed, sentence = asked[0]
    assert mixed[:, 0, 0, 0].numpy().tolist() == [-1.0, 1.0, -0.5]
    np.testing.assert_array_equal(sentence, VECTORS[[4, 3, 2]])


def batch(count):
    random = np.random.default_rng(0)
    return {"image": random.integers(0, 256, (count, 64, 64, 3), np.uint8),
            "wrong_image": random.integers(0, 256, (count, 64, 64, 3), np.uint8)}


def test_a_step_moves_every_weight_of_both_players(dcgan, wgan, tensorflow):
    labels = {"condition": conditions(1, 4), "wrong_condition": conditions(2, 4)}
    rows = {"sentence": np.arange(4, dtype=np.int32), "wrong_sentence": np.arange(4, dtype=np.int32)[::-1].copy()}
    for game, values in ((dcgan(), labels), (wgan(d_steps=2), rows)):
        networks = game.generator, game.discriminator
        before = [network.get_weights() for network in networks]
        game.train_step(batch(4) | values, tensorflow.constant(0, tensorflow.int64))
        for network, old in zip(networks, before, strict=True):
            for variable, value in zip(network.weights, old, strict=True):
                assert not np.array_equal(value, variable.numpy()), variable.path


def test_d_learns_to_tell_the_right_condition_from_a_wrong_one(dcgan, tensorflow):
    game = dcgan()
    game.players["generator"].optimizer.learning_rate = 0.0
    game.players["discriminator"].optimizer.learning_rate = 1e-3
    step = tensorflow.function(game.train_step)
    random = np.random.default_rng(1)

    def flat(level):  # a picture is as bright as its bits say
        return np.broadcast_to(level[:, None, None, None], (8, 64, 64, 3)).astype(np.uint8)

    terms = []
    for k in range(60):
        bright = random.integers(0, 2, 8)
        condition = np.repeat(bright[:, None], 23, 1).astype(np.float32)
        wrong = 1 - condition
        terms.append(step({"image": flat(250 * bright), "wrong_image": flat(250 * (1 - bright)), "condition": condition,
                           "wrong_condition": wrong}, tensorflow.constant(k, tensorflow.int64)))
    first, last = ({name: float(value) for name, value in one.items()} for one in (terms[0], terms[-1]))
    assert last["d_real"] + last["d_wrong_label"] + last["d_wrong_image"] < 0.5, last
    assert first["d_real"] + first["d_wrong_label"] + first["d_wrong_image"] > 1.5, first


# ---- sentences ----


@pytest.fixture
def text(tensorflow):
    from text2image_cdcgan import text

    return text


def test_tags_are_joined_hair_first(text, tmp_path):
    path = tmp_path / "tags_clean.csv"
    path.write_text("1,blue eyes:3\tred hair:1\t\n2,pink hair:1\t\n3,green eyes:1\tblue eyes:2\tlong hair:9\t\n")
    assert text.phrases(tags.read(path)) == ["red hair blue eyes", "pink hair", "green eyes blue eyes"]


def test_every_pair_has_its_own_vector(text):
    sentences = text.Sentences(list(text.PAIRS), np.eye(132, dtype=np.float32))
    hair, eyes = tags.HAIR.index("blue"), tags.EYES.index("red")
    assert text.PAIRS[hair * 11 + eyes] == "blue hair red eyes"
    np.testing.assert_array_equal(sentences.of_pairs([hair, 0], [eyes, 0]), np.eye(132)[[hair * 11 + eyes, 0]])
    assert sentences.index(["orange hair gray eyes", "long hair"]).tolist() == [0, -1]


def test_sentences_are_kept_and_damage_is_named(text, tmp_path):
    path = tmp_path / text.FILE
    text.Sentences(["red hair", "x"], np.eye(2, 3, dtype=np.float32)).save(path)
    again = text.Sentences.open(path)
    assert again.phrases == ["red hair", "x"]
    np.testing.assert_array_equal(again.vectors, np.eye(2, 3))
    whole = path.read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    for damaged in (whole[:50], b"", (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match="cannot be read"):
            text.Sentences.open(path)


def gru(weights, inputs):
    """The published encoder's equations, for one sentence [T, E]: the last state, of length 1."""
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h = np.zeros(weights["encoder_Ux"].shape[0])
    for x in inputs:
        gates = sigmoid(x @ weights["encoder_W"] + weights["encoder_b"] + h @ weights["encoder_U"])
        r, u = np.split(gates, 2)
        proposal = np.tanh(h @ weights["encoder_Ux"] * r + x @ weights["encoder_Wx"] + weights["encoder_bx"])
        h = u * h + (1 - u) * proposal
    return h / np.linalg.norm(h)


@pytest.fixture
def published(tmp_path):
    """A tiny encoder in the published layout: words of 3, sentences of 4, and an array that is not needed."""
    random = np.random.default_rng(0)
    folder = tmp_path / "encoder"
    folder.mkdir()
    shapes = {"W": (3, 8), "b": 8, "U": (4, 8), "Wx": (3, 4), "bx": 4, "Ux": (4, 4)}
    weights = {f"encoder_{name}": random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(folder / "uni_skip.npz", Wemb=np.zeros((9, 3)), **weights)
    words = ["<eos>", "UNK", "hair", "eyes", *sorted({*tags.HAIR, *tags.EYES} - {"aqua"})]
    table = random.normal(size=(len(words), 3)).astype(np.float32)
    np.save(folder / "utable.npy", table)
    (folder / "dictionary.txt").write_text("\n".join(words) + "\n")
    return folder, weights, dict(zip(words, table, strict=True))


def test_the_published_encoder_by_its_own_equations(text, published):
    folder, weights, words = published
    encoder = text.published(folder)
    found = encoder.encode(["red hair", "blue hair red eyes", "Aqua hair", "red hair"])
    for row, phrase in zip(found, (["red", "hair"], ["blue", "hair", "red", "eyes"], ["UNK", "hair"]), strict=False):
        np.testing.assert_allclose(row, gru(weights, [words[word] for word in phrase]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[0], found[3], rtol=1e-5)


@pytest.mark.parametrize(("break_it", "message"), [
    (lambda folder: (folder / "utable.npy").unlink(), "it needs uni_skip.npz, utable.npy and dictionary.txt"),
    (lambda folder: (folder / "uni_skip.npz").write_bytes(b"PK"), "it needs uni_skip.npz"),
    (lambda folder: (folder / "uni_skip.npz").write_bytes((folder / "utable.npy").read_bytes()), "it needs uni_skip"),
    (lambda folder: (folder / "utable.npy").write_bytes(b"PK\x03\x04"), "it needs uni_skip.npz"),
    (lambda folder: encrypt(folder / "uni_skip.npz"), r"cannot be read \(.* is encrypted, password .*; it needs"),
    (lambda folder: (folder / "uni_skip.npz").write_bytes(BRACKETS), "it needs uni_skip.npz"),
    (lambda folder: np.save(folder / "utable.npy", np.float32(1)), "it needs uni_skip.npz"),
    (lambda folder: np.save(folder / "utable.npy", np.full((16, 3), "a")), "could not convert string .*; it needs"),
    (lambda folder: np.save(folder / "utable.npy", np.zeros((0, 3))), "has 0 words of nothing, dictionary.txt 16 "),
    (lambda folder: pickled(folder, [np.zeros(3)] * 15 + [np.zeros(2)]), "npy has 16 words of 2 or 3,"),
    (lambda folder: pickled(folder, np.full((16, 3), "a")), "could not convert string .*; it needs"),
    (lambda folder: np.save(folder / "utable.npy", np.zeros((4, 3))), "utable.npy has 4 words of 3, dictionary.txt 16"),
    (lambda folder: np.savez(folder / "uni_skip.npz", encoder_W=np.zeros(3)), "it needs uni_skip.npz"),
    (lambda folder: np.savez(folder / "uni_skip.npz", **dict.fromkeys(
        [f"encoder_{name}" for name in ("W", "b", "U", "Wx", "bx", "Ux")], np.zeros((3, 4)))), "do not go together")])
def test_a_broken_encoder_is_named(text, published, break_it, message):
    break_it(published[0])
    with pytest.raises(UserError, match=message):
        text.published(published[0])


@pytest.mark.parametrize("name", ["uni_skip.npz", "utable.npy", "dictionary.txt"])
def test_a_pipe_is_no_part_of_an_encoder(text, published, name):
    (published[0] / name).unlink()
    make_pipe(published[0] / name)
    with pytest.raises(UserError, match=f"is no file: '.*{name}'"):
        text.published(published[0])


def test_the_untrained_encoder_is_fixed_and_words_count(text):
    encoder = text.untrained(0)
    found = encoder.encode(["red hair", "blue hair", "red hair blue eyes", "blue hair red eyes"])
    assert (found.shape, found.dtype) == ((4, 2400), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[0, :3], [-0.0031975, 0.0033854, 0.0066073], atol=2e-6)  # of another process
    assert found[2] @ found[3] < 0.99
    np.testing.assert_allclose(encoder.encode(["red hair"])[0], found[0], atol=1e-6)


def pickled(folder, table):
    """utable.npy as published: a pickle of Python 2, an array of one vector a word."""
    rows = np.empty(len(table), object)
    rows[:] = [row[None] for row in table]
    with open(folder / "utable.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows))
        pickle.dump(rows, file, protocol=2)


def test_the_published_table_is_a_pickle(text, published):
    folder, weights, words = published
    pickled(folder, np.stack(list(words.values())))
    np.testing.assert_allclose(text.published(folder).encode(["red hair"])[0],
                               gru(weights, [words["red"], words["hair"]]), rtol=1e-4, atol=1e-5)


def test_a_table_that_would_run_code_is_refused(text, published):
    folder = published[0]

    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit('it ran')",))

    rows = np.array([Evil()] * 16, object)
    with open(folder / "utable.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows))
        pickle.dump(rows, file, protocol=2)
    with pytest.raises(UserError, match=r"it holds (__builtin__|builtins)\.exec, which is no array"):
        text.published(folder)


@pytest.mark.parametrize("name", ["runstring", "savetxt"])
def test_a_function_of_numpy_in_the_table_is_refused_too(text, published, tmp_path, name):
    class Evil:
        def __reduce__(self):
            trap = str(tmp_path / "trapped")
            return {"runstring": (np.testing.runstring, (f"open({trap!r}, 'w')", {})),
                    "savetxt": (np.savetxt, (trap, [1.0]))}[name]

    pickled(published[0], np.array([[Evil()]] * 16, object))
    with pytest.raises(UserError, match=rf"it holds numpy\S*\.{name}, which is no array"):
        text.published(published[0])
    assert not (tmp_path / "trapped").exists()


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path):
    """An array whose unpickling makes a file; that it was not made is the end of the test."""
    yield np.array([Trap(tmp_path / "trapped")], object)
    assert not (tmp_path / "trapped").exists()


def test_vectors_that_would_run_code_are_refused(text, tmp_path, trap):
    with pytest.raises(UserError, match=r"vectors\.npy: cannot be read \(Object arrays cannot be loaded"):
        text.given_vectors(vectors(tmp_path / "v", ["red hair"], trap))


def test_an_encoder_that_would_run_code_is_refused(text, published, trap):
    folder, weights, _ = published
    np.savez(folder / "uni_skip.npz", **weights | {"encoder_b": trap})
    with pytest.raises(UserError, match=r"cannot be read \(Object arrays cannot be loaded"):
        text.published(folder)


@pytest.mark.parametrize("name", ["phrases", "vectors"])
def test_sentences_that_would_run_code_are_refused(text, tmp_path, trap, name):
    np.savez(tmp_path / text.FILE, **{"phrases": np.array(["x"]), "vectors": np.ones((1, 2)), name: trap})
    with pytest.raises(StorageError, match=r"sentences\.npz: cannot be read \(Object arrays cannot be loaded"):
        text.Sentences.open(tmp_path / text.FILE)


def test_a_word_that_stands_there_twice_is_its_last_vector(text, published):
    folder, weights, words = published
    table = np.stack([*words.values(), words["blue"]])
    np.save(folder / "utable.npy", table)
    (folder / "dictionary.txt").write_text("\n".join([*words, "red"]) + "\n")
    np.testing.assert_allclose(text.published(folder).encode(["red hair"])[0],
                               gru(weights, [words["blue"], words["hair"]]), rtol=1e-4, atol=1e-5)


def vectors(folder, phrases, values=None):
    folder.mkdir(exist_ok=True)
    (folder / "phrases.txt").write_text("\n".join(phrases) + "\n")
    np.save(folder / "vectors.npy", np.eye(len(phrases), dtype=np.float32) if values is None else values)
    return folder / "vectors.npy"


def test_the_courses_vectors(text, mini):
    found = text.given_vectors(mini / "skipthoughts" / "vectors.npy")
    assert found.vectors.shape == (30, 2400)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)
    assert found.phrases[:2] == ["orange hair", "white hair"]


def test_given_vectors_must_have_every_pair(text, tmp_path):
    run = Run(Common(out=tmp_path / "run", steps=1))
    with pytest.raises(UserError, match="no vector for 131 of the 132 pairs of colours, such as 'orange hair black"):
        text.load(run, [], vectors(tmp_path / "v", [text.PAIRS[0]]), None)


def test_given_vectors_go_to_the_run_folder_without_those_nobody_asks_for(text, tmp_path):
    run = Run(Common(out=tmp_path / "run", steps=1))
    file = vectors(tmp_path / "v", ["never asked", "red hair", *text.PAIRS])
    found = text.load(run, ["red hair", "red hair pink hair"], file, None)
    assert found.phrases == [*text.PAIRS, "red hair"]
    assert found.index(["red hair pink hair"]).tolist() == [-1]
    assert text.Sentences.open(run.folder / text.FILE).phrases == found.phrases
    assert run.info["text"]["kind"] == "given vectors"
    assert run.info["substitutions"] == ["sentence vectors of 134 numbers; the report's have 2400"]


def test_a_run_does_not_go_on_with_other_vectors(text, tmp_path):
    run = Run(Common(out=tmp_path / "run", steps=1))
    file = vectors(tmp_path / "v", text.PAIRS)
    text.load(run, [], file, None)
    moved = vectors(tmp_path / "moved", text.PAIRS)
    np.testing.assert_array_equal(text.load(run, [], moved, None).vectors, np.eye(132))
    other = vectors(tmp_path / "other", text.PAIRS, np.roll(np.eye(132), 1, axis=0))
    with pytest.raises(UserError, match=r"began with other sentence vectors \(given vectors\); give the same"):
        text.load(run, [], other, None)
    text.Sentences(list(text.PAIRS), np.roll(np.eye(132, dtype=np.float32), 1, axis=0)).save(run.folder / text.FILE)
    with pytest.raises(StorageError, match="holds other vectors than the run began with"):
        text.load(run, [], file, None)


@pytest.mark.parametrize(("values", "message"), [
    (np.eye(3), "has 3 rows, phrases.txt 2 phrases"), (np.zeros((2, 4)), "a vector is zero, NaN or infinite"),
    (np.ones((2, 2), int), "it is no table of numbers"), (np.array(["a", "b"]), "it is no table of numbers"),
    (np.full((2, 2), np.nan), "a vector is zero, NaN or infinite"),
    (np.array([{}, {}]), "cannot be read")])
def test_vectors_that_do_not_fit_are_named(text, tmp_path, values, message):
    with pytest.raises(UserError, match=message):
        text.given_vectors(vectors(tmp_path / "v", ["red hair", "blue hair"], values))


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", BRACKETS, b"text"])
def test_damaged_vectors_are_named(text, tmp_path, damaged):
    file = vectors(tmp_path / "v", ["red hair"])
    file.write_bytes(damaged)
    with pytest.raises(UserError, match=r"cannot be read .*; give vectors\.npy with phrases\.txt beside it"):
        text.given_vectors(file)


def test_a_pipe_is_no_list_of_phrases(text, tmp_path):
    file = vectors(tmp_path / "v", ["red hair"])
    file.with_name("phrases.txt").unlink()
    make_pipe(file.with_name("phrases.txt"))
    with pytest.raises(UserError, match="is no file"):
        text.given_vectors(file)


def test_phrases_may_come_from_windows_but_not_twice(text, tmp_path):
    file = vectors(tmp_path / "v", ["red hair", "blue hair"])
    (tmp_path / "v" / "phrases.txt").write_bytes(b"\xef\xbb\xbfred hair\r\nblue hair\r\n")
    assert text.given_vectors(file).phrases == ["red hair", "blue hair"]
    (tmp_path / "v" / "phrases.txt").write_text("red hair\nred hair\n")
    with pytest.raises(UserError, match="'red hair' stands there twice"):
        text.given_vectors(file)


# ---- the scripts ----


def test_defaults_are_the_reports_or_marked_as_assumed():
    from text2image_cdcgan import train, train_skipthoughts

    config = train.Config()
    assert (config.lr, config.beta_1, config.beta_2, config.batch_size, config.z, config.image_size) == \
        (2e-4, 0.5, 0.99, 64, 100, 64)
    assert (config.epochs, config.wrong_loss, config.g_loss, config.variant) == (500, "sum", "non-saturating", "cdcgan")
    other = train_skipthoughts.Config()
    assert (other.lr, other.beta_1, other.beta_2, other.penalty, other.d_steps, other.batch_size, other.epochs) == \
        (1e-4, 0.0, 0.9, 10.0, 5, 64, 500)
    assert other.variant == "skipthoughts_wgan_gp"


@pytest.fixture
def built(monkeypatch, few_faces, tmp_path):
    """main(config) -> the game that it hands to the trainer, which does not train."""
    def build(script, *words):
        from common import datasets, trainer

        games = []
        monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
        monkeypatch.setattr(trainer, "train", lambda game, *_, **__: games.append(game))
        config = parse(script.Config, ["--data", str(few_faces), "--out", str(tmp_path / "run"), "--batch-size", "4",
                                       "--precision", "float32", "--overwrite", *words])
        script.main(config)
        return games[0]

    return build


def rates(game):
    """(kind, rate, betas) of each player's optimizer."""
    return {name: (type(player.optimizer).__name__, round(float(player.optimizer.learning_rate), 7),
                   player.optimizer.beta_1, player.optimizer.beta_2) for name, player in game.players.items()}


def test_the_options_reach_the_conditional_dcgan(built):
    from text2image_cdcgan import train

    game = built(train)
    assert (game.weight, game.negated, game.generator.input_shape[0]) == (1.0, False, (None, 100))
    assert rates(game) == dict.fromkeys(("generator", "discriminator"), ("Adam", 2e-4, 0.5, 0.99))
    game = built(train, "--wrong-loss", "mean", "--g-loss", "negated", "--lr", "1e-4", "--z", "7", "--image-size", "96")
    assert (game.weight, game.negated, game.generator.input_shape[0]) == (1 / 3, True, (None, 7))
    assert game.discriminator.input_shape[0] == (None, 96, 96, 3)
    assert rates(game)["generator"][1] == 1e-4


def test_the_options_reach_the_wgan(built):
    from text2image_cdcgan import train_skipthoughts

    game = built(train_skipthoughts)
    assert (game.weight, game.penalty, game.d_steps) == (1 / 3, 10.0, 5)
    assert rates(game) == dict.fromkeys(("generator", "discriminator"), ("Adam", 1e-4, 0.0, 0.9))
    game = built(train_skipthoughts, "--wrong-loss", "sum", "--penalty", "3", "--d-steps", "2", "--lr", "3e-4")
    assert (game.weight, game.penalty, game.d_steps) == (1.0, 3.0, 2)
    assert rates(game)["discriminator"][1] == 3e-4


def test_what_the_report_does_not_give_is_marked_as_assumed():
    from text2image_cdcgan import train, train_skipthoughts

    def marked(config):
        return {field.name for field in dataclasses.fields(config) if field.metadata["assumed"]}

    assert marked(train.Config) == {"epochs", "seed", "g_loss"}
    assert marked(train_skipthoughts.Config) == {"epochs", "seed", "batch_size", "lr", "beta_1", "beta_2", "d_steps",
                                                 "penalty", "wrong_loss"}


@pytest.mark.parametrize(("words", "variant"), [
    ("--image-size 96", "cdcgan_96px"), ("--lr 5e-5", "cdcgan_lr_5e-05"), ("--wrong-loss mean", "cdcgan_mean_loss"),
    ("--g-loss negated --lr 1e-4", "cdcgan_lr_0.0001_negated")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    from text2image_cdcgan.train import Config

    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "message"), [
    ("--vectors a --encoder b", "not both"), ("--vectors not/there.npy", "--vectors not/there.npy: no such file"),
    ("--encoder not/there", "--encoder not/there: no such folder"), ("--d-steps 0", "must be from"),
    ("--penalty -1", "must be from")])
def test_values_that_cannot_be_meant(words, message):
    from text2image_cdcgan.train_skipthoughts import Config

    with pytest.raises(UserError, match=message):
        parse(Config, words.split())


def test_the_filter_is_one_or_two_tags(script, few_faces, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(few_faces, folder)
    csv = folder / "tags_clean.csv"
    lines = csv.read_text().splitlines()
    lines[:4] = [f"{line.partition(',')[0]},{tags}" for line, tags in zip(lines, (
        "red hair:1\t", "long hair:1\t", "red hair:1\tpink hair:1\tblue eyes:1\t", "red hair:1\tpink hair:1\t"),
        strict=False)]
    csv.write_text("\n".join(lines) + "\n")
    done = script("text2image_cdcgan/train.py", "--preset", "smoke", "--data", folder, "--out", tmp_path / "run",
                  "--steps", 1, "--no-evaluate")
    kept = json.loads((tmp_path / "run" / "config.json").read_text())["data"]
    assert (kept["filter"], kept["left_out_by_filter"] >= 2) == ("one_or_two", True)
    assert f"{kept['kept']} kept" in done.stdout


def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    run = tmp_path / "run"
    script("text2image_cdcgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 4)
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["condition_accuracy"]["n"]) == (4, 1320)
    assert Image.open(run / "progress.webp").n_frames == 2
    lines = tmp_path / "text.txt"
    lines.write_text("7,green hair blue eyes\n")
    script("text2image_cdcgan/sample.py", "--run", run, "--text", lines, "--out", tmp_path / "drawn", "--count", 2)
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["sample_7_1.jpg", "sample_7_2.jpg"]
    refused = script("text2image_cdcgan/train_skipthoughts.py", "--preset", "smoke", "--data", few_faces, "--out", run,
                     code=2)
    assert "report: variant = 'cdcgan', now it is 'skipthoughts_wgan_gp'" in refused.stderr


def test_skipthoughts_smoke_with_given_vectors_then_samples(script, text, few_faces, tmp_path):
    run, some = tmp_path / "run", tmp_path / "some"
    shutil.copytree(few_faces, some)
    csv = some / "tags_clean.csv"
    first, *rest = csv.read_text().splitlines()
    csv.write_text("\n".join([first.partition(",")[0] + ",red hair:1\tpink hair:1\t", *rest]) + "\n")
    kept = [*text.PAIRS, *(f"{name} hair" for name in tags.HAIR), *(f"{name} eyes" for name in tags.EYES)]
    file = vectors(tmp_path / "v", kept)
    words = ["--preset", "smoke", "--data", some, "--out", run, "--steps", 2, "--batch-size", 4, "--vectors", file]
    done = script("text2image_cdcgan/train_skipthoughts.py", *words)
    assert "pictures left out: --vectors has no vector for their phrase" in done.stdout
    before = json.loads((run / "metrics.json").read_text())
    assert before["pictures_with_vector"] == before["data"]["kept"] - 1
    script("text2image_cdcgan/sample.py", "--run", run, "--hair", "blue", "--eyes", "red", "--count", 1, "--chart")
    assert sorted(path.name for path in (run / "sampled").iterdir()) == ["chart.png", "sample_1_1.jpg"]


def test_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("text2image_cdcgan/train.py", "text2image_cdcgan/cdcgan", "--data", few_faces, measured=False)


@pytest.mark.slow
def test_skipthoughts_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("text2image_cdcgan/train_skipthoughts.py", "text2image_cdcgan/skipthoughts_wgan_gp", "--data", few_faces,
           "--batch-size", "4", "--d-steps", "2", measured=False)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_number_of_pictures(few_faces, tmp_path):
    tagged = [line.partition(",")[2] for line in (few_faces / "tags_clean.csv").read_text().splitlines()]
    peaks = []
    for count in (600, 6000):
        folder = tmp_path / str(count)
        (folder / "faces").mkdir(parents=True)
        for number in range(count):
            os.link(few_faces / "faces" / f"{number % 48}.jpg", folder / "faces" / f"{number}.jpg")
        (folder / "tags_clean.csv").write_text("".join(f"{k},{tagged[k % 48]}\n" for k in range(count)))
        command = [sys.executable, str(ROOT / "text2image_cdcgan" / "train.py"), "--preset", "smoke", "--no-evaluate",
                   "--data", str(folder), "--out", str(tmp_path / f"run{count}")]
        process = subprocess.Popen(  # with one arena of glibc: how many there are depends on what else the machine does
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "GAN_REPORTS_CACHE": str(tmp_path / f"cache{count}"), "MALLOC_ARENA_MAX": "1"})
        peak = 0
        while process.poll() is None:
            found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found[1]) if found else 0)
            time.sleep(0.02)
        assert process.returncode == 0
        peaks.append(peak)
    assert 0.95 < peaks[1] / peaks[0] < 1.05, peaks
