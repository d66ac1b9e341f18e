"""What report 003 tried with its AC-GAN: class terms on fakes, label smoothing, optimizers; one-view evaluators."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from common.options import parse
from lab5_cgan import labels, train
from lab5_cgan.train import Config

WHITE, BLACK = np.ones((2, 64, 64, 3), np.float32), np.zeros((2, 64, 64, 3), np.float32)


@pytest.fixture
def build(tensorflow):
    return lambda words="": train.build(parse(Config, words.split()))


def test_class_terms_on_fakes_and_label_smoothing_by_hand(build, tensorflow):
    game, label = build("--model acgan --fake-class 0.5 --real-target 0.9"), labels.multi_hot([[0], [0, 5]])

    def answer(image, training):
        """Real with 3/4. Of a white image it says that label 0 is there with 3/4, of a black one nothing."""
        named = np.zeros((2, 24), np.float32)
        named[:, 0] = math.log(3.0) * image[0, 0, 0, 0]
        return tensorflow.fill((2, 1), math.log(3.0)), tensorflow.constant(named)

    game.discriminator = answer
    terms = {name: float(value) for name, value in game.d_loss(WHITE, BLACK, None, label).items()}
    # log 2 = 0.69315; -log 3/4 = 0.28768; -log 1/4 = 1.38629; label 5 and the rest are at 1/2
    real = (0.28768 + 23 * 0.69315) / 24
    assert terms == pytest.approx({"d_real": 0.9 * 0.28768 + 0.1 * 1.38629, "d_fake": 1.38629,
                                   "d_class": real + 0.5 * 0.69315}, 1e-4)


def test_the_cgan_has_label_smoothing_too(build, tensorflow):
    game = build("--real-target 0.9")
    game.discriminator = lambda inputs, training: tensorflow.fill((2, 1), math.log(3.0))
    assert float(game.d_loss(WHITE, BLACK, None, None)["d_real"]) == pytest.approx(0.9 * 0.28768 + 0.1 * 1.38629, 1e-4)


@pytest.mark.parametrize(("words", "kind", "momentum"), [
    ("", "Adam", None), ("--optimizer rmsprop", "RMSprop", 0.0), ("--optimizer sgd --model acgan", "SGD", 0.5)])
def test_optimizers(build, words, kind, momentum):
    for player, rate in zip(build(words).players.values(), (4e-4, 1e-4), strict=True):
        assert type(player.optimizer).__name__ == kind
        assert float(player.optimizer.learning_rate.numpy()) == pytest.approx(rate)
        assert getattr(player.optimizer, "momentum", None) == momentum


@pytest.mark.parametrize(("words", "variant"), [
    ("--model acgan --fake-class 0", "acgan_fake_class_0"), ("--real-target 0.9", "cgan_smooth_0.9"),
    ("--model acgan --class-weight 24 --optimizer sgd --resize squash", "acgan_class_24_sgd_squash")])
def test_each_has_its_own_run_folder(words, variant):
    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "message"), [
    ("--fake-class 0", "the cGAN has no class term"), ("--own-reading --evaluator e.npz", "leave out one of them")])
def test_values_that_make_no_sense(words, message):
    with pytest.raises(UserError, match=message):
        parse(Config, words.split())


def test_an_evaluator_of_its_own_reading_sees_that_view_alone(tensorflow, monkeypatch):
    from lab5_cgan import evaluator, measures
    from lab5_cgan.iclevr import Scenes

    seen = []
    monkeypatch.setattr(evaluator, "load", lambda data, given, brief: seen.append(data))
    data = Scenes({"crop": "cropped", "squash": "squashed"}, "squash", None, None, None, {}, {})
    for own in (False, True):
        measures.Accuracy(SimpleNamespace(info={}), data, None, 4, own_reading=own).evaluator  # noqa: B018
    assert [one.views for one in seen] == [{"crop": "cropped", "squash": "squashed"}, {"squash": "squashed"}]
