"""common/losses.py against values worked out by hand."""

import math

import pytest


@pytest.fixture
def losses(tensorflow):
    from common import losses

    return losses


def test_bce_of_undecided_logits_is_log_two(losses, tensorflow):
    assert float(losses.bce(tensorflow.zeros((4, 1)), 1.0)) == pytest.approx(math.log(2))


def test_bce_by_hand(losses, tensorflow):
    # sigmoid(log 3) = 3/4: -log(3/4) for target 1, -log(1/4) for target 0; target 0.9 mixes the two
    logits = tensorflow.constant([[math.log(3.0)]])
    assert float(losses.bce(logits, 1.0)) == pytest.approx(0.28768207)
    assert float(losses.bce(logits, 0.0)) == pytest.approx(1.38629436)
    assert float(losses.bce(logits, 0.9)) == pytest.approx(0.9 * 0.28768207 + 0.1 * 1.38629436)


def test_bce_takes_a_target_for_each_sample_and_keeps_targets_above_one(losses, tensorflow):
    logits = tensorflow.constant([[0.0], [2.0]])
    expected = (math.log(2) + (math.log(1 + math.exp(-2)) - 0.2 * 2.0)) / 2  # target 1.2: softplus(-x) - 0.2 x
    assert float(losses.bce(logits, tensorflow.constant([[1.0], [1.2]]))) == pytest.approx(expected)


def test_least_squares_by_hand(losses, tensorflow):
    assert float(losses.least_squares(tensorflow.constant([0.5, 2.0]), 1.0)) == pytest.approx((0.25 + 1.0) / 2)


def test_class_terms_is_the_sum_of_the_label_sets(losses, tensorflow):
    hair = tensorflow.zeros((2, 12))                                       # undecided: log 12
    eyes = tensorflow.constant([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])  # 3/4 and 1/4
    value = losses.class_terms(([5, 0], [0, 1]), (hair, eyes))
    assert float(value) == pytest.approx(2.48490665 + (0.28768207 + 1.38629436) / 2)


def test_gradient_penalty_of_a_linear_critic_is_over_all_inputs_jointly(losses, tensorflow):
    # critic = 3 * sum(image) + 4 * sum(text), one pixel and one text entry: the joint norm is 5, so (5 - 1)^2
    image, text = tensorflow.ones((2, 1, 1, 1)), tensorflow.ones((2, 1))
    value = losses.gradient_penalty(lambda i, t: 3.0 * i[:, 0, 0, 0] + 4.0 * t[:, 0], [image, text])
    assert float(value) == pytest.approx(16.0)


def test_gradient_penalty_at_zero_gradient_is_one_and_has_a_finite_gradient(losses, tensorflow):
    weight = tensorflow.Variable(0.0)
    with tensorflow.GradientTape() as tape:
        value = losses.gradient_penalty(lambda x: weight * x[:, 0], [tensorflow.ones((3, 1))])
    assert float(value) == pytest.approx(1.0, abs=1e-5)
    assert math.isfinite(float(tape.gradient(value, weight)))


def test_r1_of_a_quadratic_critic_by_hand(losses, tensorflow):
    images = tensorflow.constant([[[[1.0, 2.0, 0.0]]], [[[0.0, 0.0, 3.0]]]])  # x^2: the gradient is 2x, its square 4x^2
    value = losses.r1(lambda image: tensorflow.reduce_sum(image**2, axis=[1, 2, 3]), images)
    assert float(value) == pytest.approx(0.5 * (20 + 36) / 2)
