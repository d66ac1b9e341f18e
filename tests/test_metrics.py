"""common/metrics.py: every function against values computed by hand. Images of known quality are in test_judge.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

from common import metrics

pytestmark = [pytest.mark.filterwarnings("error"),
              pytest.mark.filterwarnings("ignore::ResourceWarning")]  # of whatever test ran before in this process
NAMES = {"hair": ("red", "green", "blue"), "eyes": ("black", "pink")}


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


# ---- condition accuracy ----


def test_condition_accuracy_by_hand():
    asked = {"hair": np.array([0, 0, 0, 2]), "eyes": np.array([1, 1, 0, 0])}
    judged = {"hair": np.array([0, 0, 1, 1]), "eyes": np.array([1, 0, 0, 0])}
    result = metrics.condition_accuracy(asked, judged, NAMES)
    assert result == {
        "hair": 0.5, "eyes": 0.75, "both": 0.25, "n": 4,
        "colours": {"hair": {"red": {"right": pytest.approx(2 / 3), "n": 3}, "blue": {"right": 0.0, "n": 1}},
                    "eyes": {"black": {"right": 1.0, "n": 2}, "pink": {"right": 0.5, "n": 2}}},
        "interval": {"hair": [0.0, 1.0], "eyes": [0.0, 1.0]},  # of two colours hardly anything is known
    }
    assert json.loads(json.dumps(result))["n"] == 4


def test_condition_accuracy_of_one_label_set():
    result = metrics.condition_accuracy({"eyes": [0, 1]}, {"eyes": [0, 0]}, {"eyes": NAMES["eyes"]})
    assert (result["eyes"], result["both"], result["n"]) == (0.5, 0.5, 2)


@pytest.mark.parametrize(("asked", "judged", "message"), [
    ({"hair": [0], "eyes": [0]}, {"hair": [0]}, "label sets differ"),
    ({}, {}, "label sets differ"),
    ({"hair": [0, 1], "eyes": [0, 1]}, {"hair": [0, 1], "eyes": [0]}, "same number"),
    ({"hair": [], "eyes": []}, {"hair": [], "eyes": []}, "at least one"),
    ({"hair": [3], "eyes": [0]}, {"hair": [0], "eyes": [0]}, "hair: asked for 3 to 3, but 3 have names"),
    ({"hair": [-1], "eyes": [0]}, {"hair": [0], "eyes": [0]}, "hair: asked for -1"),
])
def test_condition_accuracy_refuses(asked, judged, message):
    with pytest.raises(ValueError, match=message):
        metrics.condition_accuracy(asked, judged, NAMES)


# ---- distances of distributions ----


def test_frechet_of_two_numbers_a_side_by_hand():
    # means 1 and 5, variances (n - 1) 2 and 8: (1 - 5)^2 + 2 + 8 - 2 sqrt(2 * 8)
    assert metrics.frechet(column(0, 2), column(3, 7)) == pytest.approx(18.0)
    # that do not commute: C_r = diag(2, 0), C_f = [[2, 2], [2, 2]], traces 2 and 4; C_r C_f has the eigenvalues 4, 0
    assert metrics.frechet([[1, 0], [-1, 0]], [[1, 1], [-1, -1]]) == pytest.approx(2 + 4 - 2 * 2)


def test_frechet_equals_the_formula_with_a_matrix_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)), rng.normal(1, 2, size=(40, 5))
    c_r, c_f = np.cov(real.T), np.cov(fake.T)
    apart = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    assert metrics.frechet(real, fake) == pytest.approx(apart + np.trace(c_r + c_f - 2 * np.real(sqrtm(c_r @ c_f))))


def test_kid_by_hand():
    # (x y + 1)^3: real pair 1, fake pair (2 + 1)^3 = 27, crosswise 1, 1, 8, 27: 1 + 27 - 2 * 37 / 4
    assert metrics.kid(column(0, 1), column(1, 2)) == pytest.approx(9.5)
    # two features, x.y / 2: both pairs 0, so 1 each; crosswise 1, 1, 1, -1, so 8, 8, 8, 0: negative
    assert metrics.kid([[1, 1], [1, -1]], [[2, 0], [0, 2]]) == pytest.approx(1 + 1 - 2 * 6)
    # three rows, every pair: real 0, 1, 2: 1, 1, 27, mean 29/3; fake 0, 0: 1; crosswise all 1
    assert metrics.kid(column(0, 1, 2), column(0, 0)) == pytest.approx(29 / 3 + 1 - 2)


def test_density_and_coverage_on_a_line_by_hand():
    real, fake = column(0, 1, 3, 7), column(0.5, 5.5)
    # k = 1: radii 1, 1, 2, 4; 0.5 is in the balls of 0 and 1, 5.5 in that of 7
    assert metrics.density_coverage(real, fake, k=1) == (3 / 2, 3 / 4)
    # k = 2: radii 3, 2, 3, 6; 0.5 is in the balls of 0, 1 and 3, 5.5 in those of 3 and 7
    assert metrics.density_coverage(real, fake, k=2) == (5 / 4, 1.0)


@pytest.mark.parametrize("measure", [metrics.frechet, metrics.kid, metrics.density_coverage])
@pytest.mark.parametrize(("real", "fake", "message"), [
    (np.zeros((1, 2)), np.zeros((9, 2)), r"real \(1, 2\): must be .* at least 2 rows"),
    (np.zeros((9, 2)), np.zeros(9), r"fake \(9,\)"),
    (np.zeros((9, 2)), np.zeros((9, 3)), "real has 2 features, fake 3"),
    (np.zeros((9, 2)), np.full((9, 2), np.nan), "fake: 18 of 18 values are not finite"),
    (np.full((9, 2), np.inf), np.zeros((9, 2)), "real: 18 of 18"),
])
def test_distances_refuse(measure, real, fake, message):
    with pytest.raises(ValueError, match=message):
        measure(real, fake)


@pytest.mark.parametrize("k", [0, 4])
def test_density_coverage_refuses_k(k):
    with pytest.raises(ValueError, match=f"k is {k}: it must be from 1 to 3"):
        metrics.density_coverage(column(0, 1, 2, 3), column(0, 1), k=k)


def test_identical_rows_have_defined_values():
    rows = np.full((8, 3), 0.5)
    assert metrics.frechet(rows, rows) == 0.0
    assert metrics.kid(rows, rows) == 0.0
    assert metrics.density_coverage(rows, rows) == (8 / 5, 1.0)
    assert metrics.frechet(rows, rows + 1) == pytest.approx(3.0)
    assert metrics.density_coverage(rows, rows + 1) == (0.0, 0.0)


# ---- diversity within a condition ----


def test_diversity_by_hand():
    # feature pairs: condition 0 has 3, 4, 5 (mean 4), condition 1 has 2: 3; real 6 and 2: 4. All images are the same
    features = [np.array([[0, 0], [3, 0], [0, 4]]), column(0, 2)]
    real_features = [column(0, 6), column(0, 2)]
    black = [np.zeros((len(rows), 8, 8, 3), np.uint8) for rows in features]
    result = metrics.diversity(black, features, [images[:2] for images in black], real_features)
    assert result == {
        "ssim": 1.0, "real_ssim": 1.0, "distance": 3.0, "real_distance": 4.0, "verdict": "collapsed",
        "thresholds": {"distance_at_most": 1.0, "ssim_at_least": 1.0}, "conditions": 2, "n": 5, "real_n": 4,
    }


def test_ssim_of_two_flat_images_by_hand():
    # no variance: (2 * 0 * 255 + c) / (0 + 255^2 + c) with c = (0.01 * 255)^2
    flat = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)])[None]
    result = metrics.diversity(flat, [column(0, 1)], flat, [column(0, 1)])
    assert result["ssim"] == pytest.approx(1e-4 / (1 + 1e-4))
    assert result["thresholds"] == {"distance_at_most": 0.25, "ssim_at_least": pytest.approx(0.5, abs=1e-4)}
    assert result["verdict"] == "diverse"


def test_ssim_takes_at_most_the_pairs_it_may():
    pictures = np.zeros((1, 3, 8, 8, 3), np.uint8)
    pictures[0, 2] = 255  # pairs in order: alike, different, different
    few, every = (metrics.diversity(pictures, [column(0, 1, 2)], pictures, [column(0, 1, 2)], ssim_pairs=most)["ssim"]
                  for most in (1, 28))
    assert (few, every) == (1.0, pytest.approx(1 / 3, abs=1e-3))


def test_conditions_with_one_image_are_left_out_and_none_left_is_refused():
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    pair, single = (pictures[:2], column(0, 1)), (pictures[:1], column(0))
    result = metrics.diversity(*zip(pair, pair, strict=True), *zip(pair, single, strict=True))
    assert (result["conditions"], result["n"], result["real_n"]) == (1, 2, 2)
    with pytest.raises(ValueError, match="no condition has 2 real and 2 generated images"):
        metrics.diversity(*zip(pair, strict=True), *zip(single, strict=True))


def test_diversity_refuses_what_does_not_match():
    pictures, rows = np.zeros((1, 2, 8, 8, 3), np.uint8), np.zeros((1, 2, 4))
    with pytest.raises(ValueError, match="uint8 images"):
        metrics.diversity(pictures / 255, rows, pictures, rows)
    with pytest.raises(ValueError, match="one row of features per image"):
        metrics.diversity(pictures, rows, pictures, np.zeros((1, 3, 4)))
    with pytest.raises(ValueError, match="shorter"):
        metrics.diversity(pictures, rows, pictures, [])
    with pytest.raises(ValueError, match="not finite"):
        metrics.diversity(pictures, rows * np.nan, pictures, rows)


# ---- does the condition matter ----


REAL = np.array([[0.0], [10.0]])  # two real images are 10 apart
AT_CHANCE, HALFWAY, PERFECT = ({"low": low, "chance": 0.1, "ceiling": 0.9} for low in (0.1, 0.5, 1.0))


def effect(features, **accuracy):
    result = metrics.condition_effect(features, REAL, accuracy or {"hair": AT_CHANCE, "eyes": AT_CHANCE})
    return result["ratio"], result["verdict"]


def test_interval_by_hand():
    # a spread of 0.1; t of 2 degrees of freedom is 4.3027: half of the interval is 4.3027 * 0.1 / sqrt(3)
    assert metrics.interval([0.4, 0.5, 0.6], 0.5) == pytest.approx([0.2516, 0.7484], abs=1e-4)
    assert metrics.interval([0.0, 1.0], 0.5) == [0.0, 1.0]
    assert metrics.interval([1.0], 1.0) is None


def test_condition_effect_by_hand():
    # rows are noises, columns conditions: the condition moves by 3 and by 5, the noise by 1 and by 3
    result = metrics.condition_effect(np.array([[0.0, 3.0], [1.0, 6.0]])[:, :, None], REAL, {"hair": HALFWAY})
    assert result == {"condition": 4.0, "noise": 2.0, "real": 10.0, "ratio": 2.0, "verdict": "followed",
                      "thresholds": {"ignored_at_most": 2.5, "one_image_at_most": 1.0},
                      "noises": 2, "conditions": 2, "n": 4}


def test_condition_effect_at_its_ends():
    noise, condition = 3 * np.arange(3.0)[:, None, None], 3 * np.arange(4.0)[None, :, None]
    assert effect(noise + 0 * condition) == (0.0, "ignored")
    assert effect(noise + 0.01 * condition) == (pytest.approx(0.0125), "ignored")  # mean steps 5 * 0.01 and 4
    assert effect(noise + condition) == (pytest.approx(1.25), "not followed")  # the image changes, but at chance
    assert effect(noise + condition, hair=PERFECT, eyes=AT_CHANCE)[1] == "followed in part"
    assert effect(noise + condition, hair=PERFECT, eyes=HALFWAY)[1] == "followed"
    assert effect(0 * noise + condition, hair=PERFECT) == (None, "followed")
    assert effect(np.full((3, 4, 2), 7.0)) == (0.0, "one image for everything")
    assert effect(0.1 * (noise + condition)) == (pytest.approx(1.25), "one image for everything")  # although it is 1
    assert effect(1 + 1e-8 * (noise + condition)) == (0.0, "one image for everything")  # float32 rounding


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 3), (2, 2)])
def test_condition_effect_refuses(shape):
    with pytest.raises(ValueError, match="2 or more noises"):
        metrics.condition_effect(np.zeros(shape), REAL, {})
    with pytest.raises(ValueError, match="2 or more images"):
        metrics.condition_effect(np.zeros((2, 2, 1)), REAL[:1], {})


# ---- halves ----


@pytest.mark.parametrize("n", [2, 9, 10])
def test_halves_are_disjoint_and_equal(n):
    first, second = metrics.halves(n, seed=3)
    assert first.tolist() == metrics.halves(n, seed=3)[0].tolist()
    with pytest.raises(ValueError, match="1 rows cannot be split into halves"):
        metrics.halves(1, 0)
    assert len(first) == len(second) == n // 2
    assert len({*first.tolist(), *second.tolist()} & set(range(n))) == n // 2 * 2
