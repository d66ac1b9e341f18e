"""text2image_cdcgan: both printed tables, the four losses, the shared trunk, the sentences, both scripts."""

import importlib
import math
import os
import pickle
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    BRACKETS,
    ROOT,
    Mix,
    assumed,
    by_name,
    encrypt,
    frozen,
    make_pipe,
    rates,
    rows,
    unmoved,
)

from common.anime import tags
from common.errors import StorageError, UserError
from common.options import Common, parse
from common.runs import Run

LEFT = {  # the report's table of the discriminator: layer -> (output shape, parameters)
    "image": ((64, 64, 3), 0), "conv2d_1": ((32, 32, 64), 4_864), "leaky_re_lu_1": ((32, 32, 64), 0),
    "conv2d_2": ((16, 16, 128), 204_928), "leaky_re_lu_2": ((16, 16, 128), 0), "conv2d_3": ((8, 8, 256), 819_456),
    "leaky_re_lu_3": ((8, 8, 256), 0), "conv2d_4": ((4, 4, 512), 3_277_312), "condition": ((23,), 0),
    "leaky_re_lu_4": ((4, 4, 512), 0), "lambda_1_repeat": ((16, 23), 0), "lambda_1": ((4, 4, 23), 0),  # one layer there
    "concatenate_1": ((4, 4, 535), 0),
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


def fed_by(network):
    """layer -> the layers whose output it takes."""
    def before(layer):
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        return [tensor._keras_history.operation.name for tensor in inputs]

    return {layer.name: before(layer) for layer in network.layers if type(layer).__name__ != "InputLayer"}


@pytest.mark.parametrize(("name", "printed", "joined", "counts"), [
    ("generator", RIGHT, {"concatenate_2": ["z", "condition"]}, (5_325_699, 1_920)),
    ("discriminator", LEFT, {"lambda_1_repeat": ["condition"], "lambda_1": ["lambda_1_repeat"],
                             "concatenate_1": ["leaky_re_lu_4", "lambda_1"]}, (4_589_185, 0))])
def test_the_networks_are_the_printed_tables(model, name, printed, joined, counts):
    network = getattr(model, name)()
    assert {layer.name: (layer.output.shape[1:], layer.count_params()) for layer in network.layers} == printed
    assert (network.count_params(), frozen(network)) == counts
    chain = [layer for layer in printed if layer not in ("condition", "lambda_1_repeat", "lambda_1")]
    assert fed_by(network) == {after: [before] for before, after in pairwise(chain)} | joined


def drawn_from(initializer):
    """An initializer's kind, mean and standard deviation."""
    return initializer["class_name"], initializer["config"].get("mean"), initializer["config"].get("stddev")


@pytest.mark.parametrize(("names", "kernel", "slopes"), [
    (("generator", "discriminator"), "TruncatedNormal", 5),
    (("skipthoughts_generator", "skipthoughts_critic"), "RandomNormal", 4)])
def test_initializers_slopes_and_activations_are_the_reports(model, names, kernel, slopes):
    g, d = (getattr(model, name)() for name in names)
    for layer in g.layers + d.layers:
        settings = layer.get_config()
        if layer.name == "sentence_dense":
            assert (settings["activation"], drawn_from(settings["kernel_initializer"])[0]) == ("relu", "GlorotUniform")
        elif "kernel_initializer" in settings:
            assert drawn_from(settings["kernel_initializer"]) == (kernel, 0.0, 0.02)
        if "gamma_initializer" in settings:
            assert drawn_from(settings["gamma_initializer"]) == ("RandomNormal", 1.0, 0.02)
            assert (settings["momentum"], settings["epsilon"]) == (0.9, 1e-5)
        if "negative_slope" in settings:
            assert settings["negative_slope"] == {"ReLU": 0.0, "LeakyReLU": 0.2}[type(layer).__name__]
    assert (len(rows(g, "ReLU")), len(rows(d, "LeakyReLU"))) == (4, slopes)
    assert g.layers[-1].get_config()["activation"] == "tanh"


def test_96_pixels_is_the_first_try(model):
    g, d = model.generator(size=96), model.discriminator(size=96)
    assert g.output.shape == (None, 96, 96, 3)
    assert d.get_layer("concatenate_1").output.shape == (None, 6, 6, 535)


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


VECTORS = np.eye(5, 2400, dtype=np.float32)


@pytest.fixture
def dcgan(model):
    """Builds the game that train.py builds for some options."""
    from text2image_cdcgan import train

    return lambda words="": train.build(parse(train.Config, words.split()))


@pytest.fixture
def wgan(model):
    """And that of train_skipthoughts.py, with five sentences."""
    from text2image_cdcgan import train_skipthoughts as script

    return lambda words="": script.build(parse(script.Config, words.split()), VECTORS)


def test_four_pairs_are_paired_as_in_the_report_and_the_trunk_sees_three_images(dcgan, tensorflow):
    game, seen = dcgan(), []
    game.trunk = lambda image, training: seen.append(len(image)) or tensorflow.reduce_mean(image, (1, 2, 3))[:, None]
    game.head = lambda pair, training: seen.append(len(pair[0])) or pair[0] + 10.0 * pair[1][:, :1]

    def flat(value):
        return tensorflow.fill((1, 64, 64, 3), value)

    found = game.scores(flat(1.0), flat(2.0), flat(3.0), tensorflow.fill((1, 23), 4.0), tensorflow.fill((1, 23), 5.0))
    assert [value.numpy().item() for value in found] == [41.0, 42.0, 51.0, 43.0]
    assert seen == [3, 4]


def said(tensorflow, model, *values):
    """Says the same of every image: real, fake, wrong label, wrong image."""
    return lambda *_: model.Scores(*(tensorflow.fill((3, 1), float(value)) for value in values))


@pytest.mark.parametrize(("words", "weight", "g"), [
    ("", 1.0, 0.28768), ("--wrong-loss mean --g-loss negated", 1 / 3, -1.38629)])
def test_the_losses_by_hand(dcgan, model, tensorflow, words, weight, g):
    game = dcgan(words)
    game.scores = said(tensorflow, model, math.log(3), math.log(3), 0.0, -math.log(3))  # sigmoid 3/4, 3/4, 1/2, 1/4
    game.discriminator = lambda pair, training: tensorflow.fill((2, 1), math.log(3.0))
    # -log 3/4 = 0.28768, -log 1/4 = 1.38629, -log 1/2 = 0.69315
    assert by_name(game.d_loss(None, None, None, None, None, None)) == pytest.approx(
        {"d_real": 0.28768, "d_fake": 1.38629 * weight, "d_wrong_label": 0.69315 * weight,
         "d_wrong_image": 0.28768 * weight}, rel=1e-4)
    assert by_name(game.g_loss(None, None, condition=None)) == pytest.approx({"g": g}, rel=1e-4)


def test_r1_is_of_the_real_images_with_their_labels(dcgan, model, tensorflow):
    game = dcgan("--r1 0.5")
    game.scores = said(tensorflow, model, 0, 0, 0, 0)
    game.discriminator = lambda pair, training: pair[1][:, :1] * tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]
    ones, label = tensorflow.ones((3, 64, 64, 3)), tensorflow.constant([[1.0], [0.0], [2.0]])  # gradients 1, 0 and 2
    terms = game.d_loss(ones, -ones, None, label, 7 * label, -ones)
    assert float(terms["d_r1"]) == pytest.approx(0.5 * 0.5 * (1 + 0 + 4) / 3 * 64 * 64 * 3)


@pytest.mark.parametrize(("words", "weight"), [("", 1 / 3), ("--wrong-loss sum", 1.0)])
def test_the_critics_terms_by_hand(wgan, model, tensorflow, words, weight):
    game, asked = wgan(words), []
    game.scores = said(tensorflow, model, 5, 3, 2, 1)

    def linear(pair, training):
        """The gradient of the image is 3 long everywhere."""
        asked.append(pair)
        return 3.0 / math.sqrt(64 * 64 * 3) * tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]

    game.discriminator = linear
    ones, sentence = tensorflow.ones((3, 64, 64, 3)), tensorflow.constant([4, 3, 2])
    terms = game.d_loss(ones, -ones, Mix(0.0, 1.0, 0.25), sentence, 0 * sentence, ones)
    assert by_name(terms) == pytest.approx({"d_real": -5.0, "d_fake": 3 * weight, "d_wrong_label": 2 * weight,
                                            "d_wrong_image": weight, "d_penalty": 10 * (3 - 1)**2}, rel=1e-4)
    mixed, condition = asked[0]
    assert mixed[:, 0, 0, 0].numpy().tolist() == [-1.0, 1.0, -0.5]
    np.testing.assert_array_equal(condition, VECTORS[[4, 3, 2]])  # of the right sentences, not of the wrong ones
    assert by_name(game.g_loss(ones / math.sqrt(64 * 64 * 3), None, sentence=sentence)) == \
        pytest.approx({"g": -3.0}, rel=1e-4)


def test_a_step_moves_every_weight_of_both_players(dcgan, wgan):
    images = {name: np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
              for name in ("image", "wrong_image")}
    condition = np.random.default_rng(1).integers(0, 2, (4, 23)).astype(np.float32)
    assert unmoved(dcgan(), images | {"condition": condition, "wrong_condition": 1 - condition}) == set()
    sentence = np.arange(4, dtype=np.int32)
    assert unmoved(wgan("--d-steps 2"), images | {"sentence": sentence, "wrong_sentence": 3 - sentence}) == set()


# ---- sentences ----


@pytest.fixture
def text(tensorflow):
    from text2image_cdcgan import text

    return text


@pytest.fixture
def run(tmp_path):
    run = Run(Common(out=tmp_path / "run", steps=1))
    yield run
    run.close()


class Call:
    """Unpickled, it calls a function."""

    def __init__(self, function, *words):
        self.call = function, words

    def __reduce__(self):
        return self.call


RUN_ME = np.array([Call(exec, "raise SystemExit('it ran')")], object)
NO_CODE = r"cannot be read \(Object arrays cannot be loaded"


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
    kept = {"phrases": np.array(["red hair", "x"]), "vectors": np.eye(2, 3, dtype=np.float32)}
    text.Sentences(kept["phrases"].tolist(), kept["vectors"]).save(path)
    again = text.Sentences.open(path)
    assert again.phrases == ["red hair", "x"]
    np.testing.assert_array_equal(again.vectors, np.eye(2, 3))
    for damaged in (path.read_bytes()[:50], b""):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match="cannot be read"):
            text.Sentences.open(path)
    for name in kept:
        np.savez(path, **kept | {name: RUN_ME})
        with pytest.raises(StorageError, match=rf"sentences\.npz: {NO_CODE}"):
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
    """A tiny encoder in the published layout: words of 3, sentences of 4, and an array that is not needed.

    "red" stands there twice; its vector is the last one.
    """
    random = np.random.default_rng(0)
    folder = tmp_path / "encoder"
    folder.mkdir()
    shapes = {"W": (3, 8), "b": 8, "U": (4, 8), "Wx": (3, 4), "bx": 4, "Ux": (4, 4)}
    weights = {f"encoder_{name}": random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(folder / "uni_skip.npz", Wemb=np.zeros((9, 3)), **weights)
    words = ["<eos>", "UNK", "red", "hair", "eyes", *sorted({*tags.HAIR, *tags.EYES} - {"aqua"})]
    table = random.normal(size=(len(words), 3)).astype(np.float32)
    np.save(folder / "utable.npy", table)
    (folder / "dictionary.txt").write_text("\n".join(words) + "\n")
    return folder, weights, dict(zip(words, table, strict=True)), table


def pickled(folder, table):
    """utable.npy as published: a pickle of Python 2, an array of one vector a word."""
    rows = np.empty(len(table), object)
    rows[:] = [row[None] for row in table]
    with open(folder / "utable.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows))
        pickle.dump(rows, file, protocol=2)


@pytest.mark.parametrize("as_pickle", [False, True])
def test_the_published_encoder_by_its_own_equations(text, published, as_pickle):
    folder, weights, words, table = published
    if as_pickle:
        pickled(folder, table)
    found = text.published(folder).encode(["red hair", "blue hair red eyes", "Aqua hair", "red hair"])
    for row, phrase in zip(found, (["red", "hair"], ["blue", "hair", "red", "eyes"], ["UNK", "hair"]), strict=False):
        np.testing.assert_allclose(row, gru(weights, [words[word] for word in phrase]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[0], found[3], rtol=1e-5)


def put_pipe(path):
    path.unlink()
    make_pipe(path)


NAMES = [f"encoder_{name}" for name in ("W", "b", "U", "Wx", "bx", "Ux")]


@pytest.mark.parametrize(("break_it", "message"), [
    (lambda folder: (folder / "utable.npy").unlink(), "it needs uni_skip.npz, utable.npy and dictionary.txt"),
    (lambda folder: put_pipe(folder / "utable.npy"), "is not a file: "),  # the reason is cut: the path may be long
    (lambda folder: put_pipe(folder / "uni_skip.npz"), "is not a file: "),
    (lambda folder: put_pipe(folder / "dictionary.txt"), "is not a file: "),
    (lambda folder: encrypt(folder / "uni_skip.npz"), r"cannot be read \(.* is encrypted, password .*; it needs"),
    (lambda folder: (folder / "uni_skip.npz").write_bytes(BRACKETS), "it needs uni_skip.npz"),
    (lambda folder: np.savez(folder / "uni_skip.npz", encoder_W=np.zeros(3)), "it needs uni_skip.npz"),
    (lambda folder: np.savez(folder / "uni_skip.npz", **dict.fromkeys(NAMES, np.zeros((3, 4)))), "do not go together"),
    (lambda folder: np.savez(folder / "uni_skip.npz", **dict.fromkeys(NAMES, RUN_ME)), NO_CODE),
    (lambda folder: np.save(folder / "utable.npy", np.float32(1)), "it needs uni_skip.npz"),
    (lambda folder: np.save(folder / "utable.npy", np.full((17, 3), "a")), "could not convert string .*; it needs"),
    (lambda folder: np.save(folder / "utable.npy", np.zeros((0, 3))), "has 0 words of nothing, dictionary.txt 17 "),
    (lambda folder: np.save(folder / "utable.npy", np.zeros((4, 3))), "utable.npy has 4 words of 3, dictionary.txt 17"),
    (lambda folder: pickled(folder, [np.zeros(3)] * 16 + [np.zeros(2)]), "npy has 17 words of 2 or 3,"),
    (lambda folder: pickled(folder, np.array([RUN_ME])), r"it holds (__builtin__|builtins)\.exec, which is not an arr"),
    (lambda folder: pickled(folder, np.array([[Call(np.testing.runstring, "raise SystemExit", {})]], object)),
     r"it holds numpy\S*\.runstring, which is not an array"),
    (lambda folder: pickled(folder, np.array([[Call(np.savetxt, "/dev/null", [1.0])]], object)),
     r"it holds numpy\S*\.savetxt, which is not an array")])
def test_a_broken_encoder_or_one_that_would_run_code_is_named(text, published, break_it, message):
    break_it(published[0])
    with pytest.raises(UserError, match=message):
        text.published(published[0])


def test_the_untrained_encoder_is_fixed_and_words_count(text):
    encoder = text.untrained(0)
    found = encoder.encode(["red hair", "blue hair", "red hair blue eyes", "blue hair red eyes"])
    assert (found.shape, found.dtype) == ((4, 2400), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[0, :3], [-0.0031975, 0.0033854, 0.0066073], atol=2e-6)  # of another process
    assert found[2] @ found[3] < 0.99
    np.testing.assert_allclose(encoder.encode(["red hair"])[0], found[0], atol=1e-6)


def vectors(folder, phrases, values=None):
    """A file of given vectors, those of the identity if not others, or anything else in its place."""
    folder.mkdir(exist_ok=True)
    (folder / "phrases.txt").write_text("\n".join(phrases) + "\n")
    if isinstance(values, bytes):
        (folder / "vectors.npy").write_bytes(values)
    else:
        np.save(folder / "vectors.npy", np.eye(len(phrases), dtype=np.float32) if values is None else values)
    return folder / "vectors.npy"


def test_the_courses_vectors(text, mini):
    found = text.given_vectors(mini / "skipthoughts" / "vectors.npy")
    assert found.vectors.shape == (30, 2400)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)
    assert found.phrases[:2] == ["orange hair", "white hair"]


def test_given_vectors_go_to_the_run_folder_without_those_nobody_asks_for(run, text, tmp_path):
    with pytest.raises(UserError, match="no vector for 131 of the 132 pairs of colours, such as 'orange hair black"):
        text.load(run, [], vectors(tmp_path / "few", [text.PAIRS[0]]), None)
    file = vectors(tmp_path / "v", ["never asked", "red hair", *text.PAIRS])
    found = text.load(run, ["red hair", "red hair pink hair"], file, None)
    assert found.phrases == [*text.PAIRS, "red hair"]
    assert found.index(["red hair pink hair"]).tolist() == [-1]
    assert text.Sentences.open(run.folder / text.FILE).phrases == found.phrases
    assert run.info["text"]["kind"] == "given vectors"
    assert run.info["substitutions"] == ["sentence vectors of 134 numbers; the report's have 2400"]


def test_a_run_does_not_go_on_with_other_vectors(run, text, tmp_path):
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
    (np.full((2, 2), np.nan), "a vector is zero, NaN or infinite"),
    (np.ones((2, 2), int), "it is not a table of numbers"), (np.array(["a", "b"]), "it is not a table of numbers"),
    (RUN_ME, rf"vectors\.npy: {NO_CODE}"), (b"", r"cannot be read .*; give vectors\.npy with phrases\.txt beside it"),
    (b"PK\x03\x04", r"cannot be read .*; give vectors\.npy"), (BRACKETS, r"cannot be read .*; give vectors\.npy")])
def test_vectors_that_do_not_fit_or_would_run_code_are_named(text, tmp_path, values, message):
    with pytest.raises(UserError, match=message):
        text.given_vectors(vectors(tmp_path / "v", ["red hair", "blue hair"], values))


def test_phrases_may_come_from_windows_but_not_twice_nor_from_a_pipe(text, tmp_path):
    file = vectors(tmp_path / "v", ["red hair", "blue hair"])
    (tmp_path / "v" / "phrases.txt").write_bytes(b"\xef\xbb\xbfred hair\r\nblue hair\r\n")
    assert text.given_vectors(file).phrases == ["red hair", "blue hair"]
    (tmp_path / "v" / "phrases.txt").write_text("red hair\nred hair\n")
    with pytest.raises(UserError, match="'red hair' occurs twice"):
        text.given_vectors(file)
    put_pipe(tmp_path / "v" / "phrases.txt")
    with pytest.raises(UserError, match="is not a file"):
        text.given_vectors(file)


# ---- the scripts ----


@pytest.mark.parametrize(("script", "defaults", "marks"), [
    ("train", {"lr": 2e-4, "beta_1": 0.5, "beta_2": 0.99, "batch_size": 64, "z": 100, "image_size": 64, "epochs": 500,
               "wrong_loss": "sum", "g_loss": "non-saturating", "wrong_label": "other", "wrong_image": "other",
               "g_steps": 1, "mirror": False, "r1": 0.0, "variant": "cdcgan"},
     {"epochs", "seed", "g_loss", "wrong_label", "wrong_image", "g_steps", "mirror"}),
    ("train_skipthoughts", {"lr": 1e-4, "beta_1": 0.0, "beta_2": 0.9, "penalty": 10.0, "d_steps": 5, "batch_size": 64,
                            "epochs": 500, "wrong_loss": "mean", "variant": "skipthoughts_wgan_gp"},
     {"epochs", "seed", "batch_size", "lr", "beta_1", "beta_2", "d_steps", "penalty", "wrong_loss"})])
def test_defaults_are_the_reports_or_marked_as_assumed(script, defaults, marks):
    config = importlib.import_module(f"text2image_cdcgan.{script}").Config()
    assert {name: getattr(config, name) for name in defaults} == defaults
    assert assumed(config) == marks


def test_the_options_reach_the_games(dcgan, wgan):
    both = "generator", "discriminator"
    game = dcgan()
    assert rates(game) == dict.fromkeys(both, ("Adam", 2e-4, 0.5, 0.99))
    game = dcgan("--lr 1e-4 --beta-1 0.25 --beta-2 0.75 --z 7 --image-size 96")
    assert rates(game) == dict.fromkeys(both, ("Adam", 1e-4, 0.25, 0.75))
    assert (game.generator.input_shape[0], game.discriminator.input_shape[0]) == ((None, 7), (None, 96, 96, 3))
    game = dcgan("--recipe code --d-lr 1e-4")
    assert (game.g_steps, game.weight, game.r1) == (2, 1 / 3, 0.0)
    assert [rate for _, rate, *_ in rates(game).values()] == [2e-4, 1e-4]
    game = wgan()
    assert (game.penalty, game.d_steps, rates(game)) == (10.0, 5, dict.fromkeys(both, ("Adam", 1e-4, 0.0, 0.9)))
    game = wgan("--penalty 3 --d-steps 2 --lr 3e-4 --z 7")
    assert (game.penalty, game.d_steps, game.generator.input_shape[0]) == (3.0, 2, (None, 7))
    assert rates(game)["discriminator"][1] == 3e-4


@pytest.mark.parametrize(("words", "variant"), [
    ("--image-size 96", "cdcgan_96px"), ("--lr 5e-5", "cdcgan_lr_5e-05"), ("--wrong-loss mean", "cdcgan_mean_loss"),
    ("--g-loss negated --lr 1e-4", "cdcgan_lr_0.0001_negated"), ("--recipe code", "cdcgan_code"),
    ("--recipe code --wrong-loss sum", "cdcgan_code_sum_loss")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    from text2image_cdcgan.train import Config

    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "message"), [
    ("--vectors a --encoder b", "exclude each"), ("--vectors not/there.npy", "--vectors not/there.npy: no such file"),
    ("--encoder not/there", "--encoder not/there: no such folder"), ("--d-steps 0", "must be from"),
    ("--penalty -1", "must be from")])
def test_values_that_cannot_be_meant(words, message):
    from text2image_cdcgan.train_skipthoughts import Config

    with pytest.raises(UserError, match=message):
        parse(Config, words.split())


def test_the_public_codes_pairs(few_faces, tmp_path, monkeypatch, tensorflow):
    """All-zero wrong labels, and the batch moved on by one as wrong images, both mirrored."""
    from common import datasets, trainer
    from text2image_cdcgan import train

    seen = []
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(trainer, "train", lambda game, batches, run, *_: seen.append(batches) or run.close())
    train.main(parse(train.Config, ["--recipe", "code", "--data", str(few_faces), "--out", str(tmp_path / "run"),
                                    "--batch-size", "4"]))
    batch = seen[0].at(0)
    assert (batch["wrong_condition"] == 0).all() and batch["condition"].any(axis=1).all()
    pairs = zip(batch["wrong_image"], np.roll(batch["image"], 1, 0), strict=True)
    assert all(np.array_equal(wrong, right) or np.array_equal(wrong, right[:, ::-1]) for wrong, right in pairs)


@pytest.mark.slow
def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    from text2image_cdcgan import train_skipthoughts

    run, lines = tmp_path / "run", tmp_path / "text.txt"
    done = script("text2image_cdcgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 2,
                  "--batch-size", 4, "--no-evaluate")
    assert "46 kept, 2 left out by the filter one_or_two" in done.stdout
    assert sorted(path.name for path in (run / "samples").iterdir()) == ["step_000000.png", "step_000002.png"]
    lines.write_text("7,green hair blue eyes\n")
    script("text2image_cdcgan/sample.py", "--run", run, "--text", lines, "--out", tmp_path / "drawn", "--count", 2)
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["sample_7_1.jpg", "sample_7_2.jpg"]
    with pytest.raises(UserError, match="report: variant = 'cdcgan', now it is 'skipthoughts_wgan_gp'"):
        train_skipthoughts.main(parse(train_skipthoughts.Config, ["--out", str(run)]))


def test_the_generator_is_measured_by_its_labels(built):
    from text2image_cdcgan import train

    evaluation = built(train, "--batch-size", 4, "--z", 7).evaluation
    images = evaluation.generate(np.zeros((3, evaluation.z), np.float32), np.array([0, 1, 0]), np.array([0, 0, 1]))
    assert (images.shape, images.dtype) == ((3, 64, 64, 3), np.uint8)
    assert len({image.tobytes() for image in images}) == 3


def test_images_without_a_vector_are_left_out_and_the_run_is_sampled(built, text, few_faces, tmp_path):
    from text2image_cdcgan import sample, train_skipthoughts

    some = shutil.copytree(few_faces, tmp_path / "some")
    csv = some / "tags_clean.csv"
    first, *rest = csv.read_text().splitlines()
    csv.write_text("\n".join([first.partition(",")[0] + ",red hair:1\tpink hair:1\t", *rest]) + "\n")
    kept = [*text.PAIRS, *(f"{name} hair" for name in tags.HAIR), *(f"{name} eyes" for name in tags.EYES)]
    parts = built(train_skipthoughts, "--data", some, "--batch-size", 4, "--d-steps", 2, "--vectors",
                  vectors(tmp_path / "v", kept))
    run = parts.run
    assert any(line.endswith("images left out: --vectors has no vector for their phrase")
               for line in run.info["substitutions"])
    assert parts.evaluation.more == {"pictures_with_vector": run.info["data"]["kept"] - 1}
    assert parts.evaluation.generate(np.zeros((1, parts.evaluation.z), np.float32), [0], [0]).shape == (1, 64, 64, 3)
    run.begin_training()
    parts.game.generator.save(run.folder / "generator.keras")
    sample.main(parse(sample.Options, ["--run", str(run.folder), "--hair", "blue", "--eyes", "red", "--count", "2"]))
    assert sorted(path.name for path in (run.folder / "sampled").iterdir()) == ["sample_1_1.jpg", "sample_1_2.jpg"]


@pytest.mark.long
@pytest.mark.parametrize(("script", "variant", "words"), [
    ("train", "cdcgan", []),
    ("train_skipthoughts", "skipthoughts_wgan_gp", ["--batch-size", 4, "--d-steps", 2])])
def test_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed, script, variant, words):
    killed(f"text2image_cdcgan/{script}.py", f"text2image_cdcgan/{variant}", "--data", few_faces, *words,
           measured=False)


MEASURE = """
import re, sys
from pathlib import Path
from common import batches
from common.anime import data, tags
faces = data.load([Path(sys.argv[1])], 64, "one_or_two")
stream = batches.Batches(faces.images, faces.rows, {"condition": tags.multi_hot(faces.table, 23)}, 64, 0,
                         wrong="condition")
for step in range(stream.steps_per_epoch):  # a whole epoch: every image is read
    stream.at(step)
print(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_number_of_pictures(few_faces, tmp_path):
    tagged = [line.partition(",")[2] for line in (few_faces / "tags_clean.csv").read_text().splitlines()]
    used = []
    for count in (600, 6000):
        folder = tmp_path / str(count)
        (folder / "faces").mkdir(parents=True)
        for number in range(count):
            os.link(few_faces / "faces" / f"{number % 48}.jpg", folder / "faces" / f"{number}.jpg")
        (folder / "tags_clean.csv").write_text("".join(f"{k},{tagged[k % 48]}\n" for k in range(count)))
        done = subprocess.run(  # with one arena of glibc: how many there are depends on what else the machine does
            [sys.executable, "-c", MEASURE, str(folder)], cwd=ROOT, check=True, capture_output=True, text=True,
            env={**os.environ, "GAN_REPORTS_CACHE": str(tmp_path / f"cache{count}"), "MALLOC_ARENA_MAX": "1"})
        used.append(int(done.stdout.split()[-1]) / 1024)
    assert used[1] - used[0] < 16, used  # MB; the 5,400 images more are 66 MB, their tags and paths 5 or so
