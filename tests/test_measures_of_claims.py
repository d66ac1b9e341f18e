"""Measures for single claims: brightness, embeddings beside colours, one judge for images of two sizes."""


import numpy as np
import pytest

from common import metrics


def test_luminance_by_hand():
    images = np.zeros((2, 2, 2, 3), np.uint8)
    images[0] = 255                 # white: luma 1, no contrast
    images[1, 0] = (255, 0, 0)      # half red, half black: luma 0.299 and 0
    assert metrics.luminance(images) == pytest.approx({"brightness": (1 + 0.1495) / 2, "contrast": 0.1495 / 2})


def apart(*places):
    places = np.array(places, float)
    return np.abs(places[:, None] - places)


def test_rank_correlation_by_hand():
    line = apart(0, 1, 3, 7, 15)
    assert metrics.rank_correlation(line, line**2)["rank_correlation"] == pytest.approx(1)  # ranks, not values
    assert metrics.rank_correlation(line, -line)["rank_correlation"] == pytest.approx(-1)
    # pairs 01, 02, 12: ranks 1, 3, 2 against 3, 1, 2
    assert metrics.rank_correlation(apart(0, 1, 3), np.array([[0, 9, 1], [9, 0, 5], [1, 5, 0]]))["rank_correlation"] \
        == pytest.approx(-1)
    assert metrics.rank_correlation(line, np.ones((5, 5)))["rank_correlation"] == 0.0


def test_the_p_value_tells_chance_from_order():
    rng = np.random.default_rng(0)
    places = rng.normal(size=12)
    assert metrics.rank_correlation(apart(*places), apart(*places))["p"] == 0.001
    by_chance = [metrics.rank_correlation(apart(*places), apart(*rng.normal(size=12)), 99)["p"] for _ in range(20)]
    assert 0.2 < np.mean(by_chance) < 0.8


def test_embeddings_that_are_as_the_colours_are(tensorflow):
    from skimage.color import rgb2lab

    from common.anime.faces.colours import rgb
    from hw4_acgan.measures import RANGES, similarity

    lab = rgb2lab(np.array([[rgb(*(sum(limits) / 2 for limits in colour)) for colour in RANGES["hair"]]], np.uint8))[0]
    as_colours = np.concatenate([lab, np.full((12, 1), 300)], axis=1)  # far from the origin: angles are as distances
    assert similarity(as_colours, RANGES["hair"])["rank_correlation"] > 0.95
    assert similarity(as_colours, RANGES["hair"])["p"] == 0.001
    assert similarity(np.eye(12), RANGES["hair"])["rank_correlation"] == 0.0  # one-hot: all equally far
    assert similarity(np.random.default_rng(0).normal(size=(12, 5)), RANGES["hair"])["p"] > 0.05


def test_an_embedding_run_has_them_and_a_one_hot_run_has_not(tensorflow, monkeypatch):
    from common.anime.evaluation import Evaluation
    from hw4_acgan import measures, model

    monkeypatch.setattr(Evaluation, "measurements", lambda self: {"diversity": None})
    monkeypatch.setattr(Evaluation, "__init__", lambda self: None)
    measured = measures.WithEmbeddings(model.generator()).measurements()
    assert measured["embedding"]["hair"]["pairs"] == 66 and measured["embedding"]["eyes"]["pairs"] == 55
    assert measures.WithEmbeddings(model.generator(condition="onehot")).measurements() == \
        {"diversity": None, "embedding": None}


def test_images_of_any_size_are_reduced_to_64():
    from text2image_cdcgan.measures import reduced

    small = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    np.testing.assert_array_equal(reduced(lambda z, hair, eyes: small)(None, None, None), small)
    large = reduced(lambda z, hair, eyes: np.full((2, 96, 96, 3), 77, np.uint8))(None, None, None)
    assert large.shape == (2, 64, 64, 3) and set(large.ravel()) == {77}


def test_images_of_96_pixels_have_the_judge_of_64(built):
    from text2image_cdcgan import train

    evaluation = built(train, "--batch-size", 4, "--image-size", 96).evaluation
    assert evaluation.data.images.shape[1:] == (64, 64, 3)
    z, label = np.zeros((1, evaluation.z), np.float32), np.zeros(1, int)
    assert evaluation.generate(z, label, label).shape == (1, 64, 64, 3)
    small = built(train, "--batch-size", 4).evaluation
    np.testing.assert_array_equal(small.data.images, evaluation.data.images)
