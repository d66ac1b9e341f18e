"""wgan_gp_text: the printed networks, the printed objective, the penalty, the grid pattern, the scripts."""

import math

import numpy as np
import pytest
from conftest import Mix, assumed, by_name, frozen, random_images, rates, rows, unmoved

from common.errors import UserError
from common.options import parse

TAIL = [((32, 32, 64), 147_520), ((64, 64, 32), 51_232), ((64, 64, 16), 12_816), ((64, 64, 3), 51)]


@pytest.fixture
def model(tensorflow):
    from wgan_gp_text import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not hang on the tests before
    return model


# ---- networks ----


def test_generator_is_the_printed_one(model):
    g = model.generator()
    assert g.input_shape == [(None, 40), (None, 24)]
    assert rows(g, "Dense") == [((65_536,), 4_259_840)]
    assert rows(g, "Conv2DTranspose") == TAIL
    assert [layer.kernel_size + layer.strides for layer in g.layers if type(layer).__name__ == "Conv2DTranspose"] == \
        [(3, 3, 2, 2), (5, 5, 2, 2), (5, 5, 1, 1), (1, 1, 1, 1)]
    assert (g.count_params(), frozen(g)) == (4_471_459, 0)
    assert g.layers[-1].get_config()["activation"] == "sigmoid"
    assert (model.WGANGP.LOW, model.WGANGP.HIGH) == (0.0, 1.0)


def test_the_conv_start_ends_in_the_same_tail(model):
    g = model.generator(start="conv")
    assert rows(g, "Conv2DTranspose") == [((4, 4, 512), 524_800), ((8, 8, 256), 2_097_408), ((16, 16, 256), 1_048_832),
                                          *TAIL]
    assert (g.count_params(), rows(g, "Dense")) == (3_882_659, [])
    with pytest.raises(ValueError, match="start must be dense or conv"):
        model.generator(start="dence")


def test_critic_is_the_printed_one(model):
    critic = model.critic()
    assert critic.input_shape == [(None, 64, 64, 3), (None, 24)]
    assert rows(critic, "Conv2D") == [((32, 32, 64), 4_864), ((16, 16, 128), 204_928), ((8, 8, 256), 295_168),
                                      ((4, 4, 256), 590_080), ((1, 1, 512), 2_294_272)]
    assert rows(critic, "Concatenate") == [((4, 4, 280), 0)]
    assert rows(critic, "Dense") == [((1,), 513)]
    assert (critic.count_params(), frozen(critic)) == (3_389_825, 0)
    assert critic.layers[-1].get_config()["activation"] == "linear"
    kinds = [type(layer).__name__ for layer in critic.layers]
    block = ["Conv2D", "ReLU", "AlphaDropout"]
    assert [kind for kind in kinds if kind not in ("InputLayer", "RepeatVector", "Reshape")] == \
        [*4 * block, "Concatenate", *block, "Flatten", "Dense"]
    assert {layer.rate for layer in critic.layers if type(layer).__name__ == "AlphaDropout"} == {0.2}


def test_all_kernels_begin_lecun_normal(model):
    for network in (model.generator(), model.generator(start="conv"), model.critic()):
        kinds = [layer.get_config()["kernel_initializer"]["class_name"] for layer in network.layers
                 if "kernel_initializer" in layer.get_config()]
        assert set(kinds) == {"LecunNormal"} and len(kinds) >= 5
    kernel = model.critic().layers[1].kernel.numpy()
    assert kernel.std() == pytest.approx((1 / 75) ** 0.5, rel=0.05)  # fan in: 5 * 5 * 3


# ---- the objective ----


@pytest.fixture
def wgan(model):
    """Builds the game that train.py builds for some options."""
    from wgan_gp_text import train

    return lambda words="": train.build(parse(train.Config, words.split()))


@pytest.mark.parametrize(("words", "gradient"), [("", 5), ("--penalty-on image", 3)])
def test_the_objective_as_printed(wgan, tensorflow, words, gradient):
    game, asked = wgan(words), []
    game.scores = lambda *_: [tensorflow.fill((3, 1), value) for value in (5.0, 3.0, 2.0)]

    def linear(pair, training):
        """3 * one pixel's red + 4 * a bit of the text: the joint gradient is 5 long."""
        asked.append(pair)
        return 3.0 * pair[0][:, 0, 0, :1] + 4.0 * pair[1][:, :1]

    game.discriminator = linear
    image, text = tensorflow.ones((3, 64, 64, 3)), tensorflow.reshape(tensorflow.range(72.0), (3, 24))
    terms = game.d_loss(image, 0.0 * image, Mix(0.0, 1.0, 0.25), text, 0.0 * text)
    assert by_name(terms) == pytest.approx({"d_real": -5.0, "d_fake": 1.5, "d_wrong_text": 1.0,
                                            "d_penalty": 10 * (gradient - 1)**2})
    assert asked[0][0][:, 0, 0, 0].numpy().tolist() == [0.0, 1.0, 0.25]
    np.testing.assert_array_equal(asked[0][1], text)  # the true text, not the wrong one
    assert by_name(game.g_loss(image, None, text=tensorflow.ones((3, 24)))) == {"g": -7.0}


def test_three_pairs_are_paired_as_in_the_report(wgan, tensorflow):
    game = wgan()
    game.discriminator = lambda pair, training: pair[0][:, 0, 0, :1] + 10.0 * pair[1][:, :1]

    def flat(value):
        return tensorflow.fill((1, 64, 64, 3), value)

    found = game.scores(flat(1.0), flat(2.0), tensorflow.fill((1, 24), 4.0), tensorflow.fill((1, 24), 5.0))
    assert [value.numpy().item() for value in found] == [41.0, 42.0, 51.0]


def bits(seed, count=2):
    return np.random.default_rng(seed).integers(0, 2, (count, 24)).astype(np.float32)


def test_without_dropout_the_shared_trunk_changes_nothing(wgan, tensorflow):
    game = wgan("--alpha-dropout 0")
    real, fake, text, wrong = random_images(1), random_images(2), bits(3), bits(4)
    with tensorflow.GradientTape(persistent=True) as tape:
        shared = sum(k * tensorflow.reduce_sum(value) for k, value in enumerate(game.scores(real, fake, text, wrong)))
        critic = game.discriminator
        plain = sum(k * tensorflow.reduce_sum(critic(pair)) for k, pair in enumerate(
            ([real, text], [fake, text], [real, wrong])))
    variables = critic.trainable_variables
    assert not game.drops
    for found, expected in zip(tape.gradient(shared, variables), tape.gradient(plain, variables), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_with_dropout_every_pass_has_its_own(wgan):
    game = wgan()
    game.trunk = None  # must not be used
    same = random_images(1, 1)
    true, made, wrong = (value.numpy().item() for value in game.scores(same, same, bits(3, 1), bits(3, 1)))
    assert len({true, made, wrong}) == 3


def test_a_step_moves_every_weight_of_both_players(wgan):
    minibatch = {name: np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
                 for name in ("image", "wrong_image")}
    # the objective does not change with the score's bias: true - fake / 2 - wrong / 2
    assert unmoved(wgan("--d-steps 2"), minibatch | {"text": bits(1, 4), "wrong_text": 1 - bits(1, 4)}) == \
        {"score/bias"}


def test_the_penalty_is_float32_under_bfloat16(wgan, tensorflow):
    from common import runtime

    with runtime.policy("bfloat16"):
        game = wgan()
    assert game.discriminator.layers[1].compute_dtype == "bfloat16"
    inputs = random_images(1, 1), tensorflow.constant(random_images(2, 1)), Mix(0.25), bits(1, 1), bits(2, 1)
    terms = game.d_loss(*inputs)
    assert {name: value.dtype.name for name, value in terms.items()} == dict.fromkeys(terms, "float32")
    # bfloat16 has no number between 1 and 1.0078: a joint gradient 1.001 long is only told from 1 in float32
    long = 1.001 / math.sqrt(64 * 64 * 3)
    game.discriminator = lambda pair, training: long * tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]
    game.scores = lambda *_: [tensorflow.zeros((1, 1))] * 3
    assert float(game.d_loss(*inputs)["d_penalty"]) == pytest.approx(10 * 0.001**2, rel=0.01)


# ---- the grid pattern ----


@pytest.fixture(scope="module")
def smooth():
    """40 images as smooth as photographs: noise with power falling by the square of the frequency."""
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64) * 64] * 2))
    spectrum = np.fft.fft2(random.standard_normal((40, 64, 64))) / (1 + frequency)
    values = np.fft.ifft2(spectrum).real
    values = 128 + 40 * (values - values.mean()) / values.std()
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def test_no_grid_is_about_1_and_a_grid_is_found_at_its_own_period(smooth):
    from wgan_gp_text.measures import PERIODS, grid_power

    plain = {period: grid_power(smooth, period) for period in PERIODS}
    assert PERIODS == (2, 4, 8, 16)
    assert all(0.6 < power < 1.3 for power in plain.values())
    y, x = np.mgrid[:64, :64]
    for period in (2, 4, 8):
        lines = 20 * ((x % period == 0) | (y % period == 0)).astype(np.uint8)
        gridded = np.clip(smooth, 0, 230) + lines[None, ..., None]
        rise = {one: grid_power(gridded, one) / plain[one] for one in PERIODS}
        assert rise[period] > 1.3
        assert all(rise[one] < 1.1 for one in PERIODS if one > period)


def test_a_checkerboard_by_hand():
    """+-8 at every other pixel: all its power is at (32, 32), one of the three frequencies of period 2."""
    from wgan_gp_text.measures import grid_power

    y, x = np.mgrid[:64, :64]
    board = np.repeat((128 + 8 * (-1) ** (x + y)).astype(np.uint8)[None, ..., None], 3, axis=3)
    assert grid_power(board, 2) > 1e3
    assert grid_power(board, 4) == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("period", [0, 1, 3, 32])
def test_periods_that_do_not_fit(smooth, period):
    from wgan_gp_text.measures import grid_power

    with pytest.raises(ValueError, match=f"period {period} does not fit"):
        grid_power(smooth, period)


# ---- the scripts ----


def test_defaults_are_the_reports_or_marked_as_assumed():
    from wgan_gp_text.train import Config

    config = Config()
    assert (config.lr, config.beta_1, config.beta_2, config.z, config.alpha_dropout, config.start) == \
        (2e-4, 0.0, 0.9, 40, 0.2, "dense")
    assert (config.penalty, config.d_steps, config.batch_size, config.epochs) == (10.0, 1, 64, 500)
    assert (config.penalty_on, config.wrong_text) == ("both", "other")
    assert assumed(config) == {"epochs", "seed", "batch_size", "penalty", "d_steps", "wrong_text"}


def test_the_options_reach_the_game_and_the_grid_pattern_is_measured(built, monkeypatch):
    from wgan_gp_text import measures, train

    parts = built(train, "--z", 7, "--start", "conv", "--alpha-dropout", 0, "--penalty", 3, "--d-steps", 2, "--lr",
                  "1e-3", "--beta-1", 0.25, "--beta-2", 0.5, "--batch-size", 4)
    assert (parts.game.generator.input_shape[0], rows(parts.game.generator, "Dense")) == ((None, 7), [])
    assert (parts.game.penalty, parts.game.d_steps, parts.game.drops) == (3.0, 2, False)
    assert rates(parts.game) == dict.fromkeys(("generator", "discriminator"), ("Adam", 1e-3, 0.25, 0.5))
    assert parts.run.info["data"]["filter"] == "all"
    monkeypatch.setattr(measures.Evaluation, "measurements", lambda _: {"others": {}})
    measured = parts.evaluation.measurements()
    assert measured.keys() == {"others", "grid_pattern"} and measured["grid_pattern"].keys() == {"2", "4", "8", "16"}
    assert measured["grid_pattern"]["2"].keys() == {"fake", "real", "n"}


@pytest.mark.parametrize(("words", "variant"), [
    ("", "dense"), ("--start conv", "conv"), ("--alpha-dropout 0", "dense_no_dropout"),
    ("--recipe tuned", "dense_tuned"), ("--preset quick --start conv", "conv"),
    ("--preset quick --alpha-dropout 0.2", "dense_dropout_0.2"), ("--preset quick --recipe report", "dense_report")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    from wgan_gp_text.train import Config

    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize("words", ["--alpha-dropout 1", "--penalty -1", "--d-steps 0", "--z 0"])
def test_values_that_cannot_be_meant(words):
    from wgan_gp_text.train import Config

    with pytest.raises(UserError, match="must be from"):
        parse(Config, words.split())


@pytest.mark.long
def test_killed_and_run_again_is_the_same_to_the_bit_then_samples(few_faces, killed, script, tmp_path):
    killed("wgan_gp_text/train.py", "wgan_gp_text/dense", "--data", few_faces, "--batch-size", 2, "--d-steps", 2,
           measured=False)
    run = tmp_path / "killed" / "wgan_gp_text" / "dense"
    script("wgan_gp_text/sample.py", "--run", run, "--hair", "green", "--eyes", "gray", "--count", 2, "--chart")
    assert sorted(path.name for path in (run / "sampled").iterdir()) == \
        ["chart.png", "sample_1_1.jpg", "sample_1_2.jpg"]
