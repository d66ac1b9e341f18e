"""wgan_gp_text: the printed networks, the printed objective, the penalty, the grid pattern, the scripts."""

import dataclasses
import json
import math

import numpy as np
import pytest
from conftest import frozen, rows

from common.anime import tags
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


def test_each_block_of_the_critic_is_conv_relu_alpha_dropout(model):
    kinds = [type(layer).__name__ for layer in model.critic().layers if type(layer).__name__ not in
             ("InputLayer", "RepeatVector", "Reshape")]
    block = ["Conv2D", "ReLU", "AlphaDropout"]
    assert kinds == [*4 * block, "Concatenate", *block, "Flatten", "Dense"]
    assert {layer.rate for layer in model.critic().layers if type(layer).__name__ == "AlphaDropout"} == {0.2}


def test_all_kernels_begin_lecun_normal(model):
    for network in (model.generator(), model.generator(start="conv"), model.critic()):
        kinds = [layer.get_config()["kernel_initializer"]["class_name"] for layer in network.layers
                 if "kernel_initializer" in layer.get_config()]
        assert set(kinds) == {"LecunNormal"} and len(kinds) >= 5
    kernel = model.critic().layers[1].kernel.numpy()
    assert kernel.std() == pytest.approx((1 / 75) ** 0.5, rel=0.05)  # fan in: 5 * 5 * 3


def test_pictures_lie_between_0_and_1(model):
    image = model.generator()([3 * np.random.default_rng(0).standard_normal((4, 40), np.float32), np.ones((4, 24))])
    assert 0 <= float(image.numpy().min()) < 0.5 < float(image.numpy().max()) <= 1
    assert (model.WGANGP.LOW, model.WGANGP.HIGH) == (0.0, 1.0)


# ---- the objective ----


def player(network, rate=2e-4):
    import keras

    from common.game import Player

    return Player(network, keras.optimizers.Adam(rate, 0.0, 0.9))


@pytest.fixture
def wgan(model):
    def build(dropout=0.2, rate=2e-4, **changes):
        return model.WGANGP(0, player(model.generator(), rate), player(model.critic(alpha_dropout=dropout), rate),
                            **changes)

    return build


class Quarter:
    """A mix factor of 1/4 for every picture."""

    def uniform(self, shape):
        import tensorflow

        return tensorflow.fill(shape, 0.25)


def values(terms):
    return {name: float(value) for name, value in terms.items()}


def test_the_objective_as_printed(wgan, tensorflow):
    game = wgan()
    game.scores = lambda *_: [tensorflow.fill((2, 1), value) for value in (5.0, 3.0, 2.0)]
    # the score is 3 * the sum of one pixel's red + 4 * a bit of the text: the joint gradient is 5 long, (5 - 1)^2 * 10
    game.discriminator = lambda pair, training: (3.0 * pair[0][:, 0, 0, :1] + 4.0 * pair[1][:, :1])
    image, text = tensorflow.ones((2, 64, 64, 3)), tensorflow.ones((2, 24))
    terms = game.d_loss(image, 0.0 * image, Quarter(), text, text)
    assert values(terms) == pytest.approx({"d_real": -5.0, "d_fake": 1.5, "d_wrong_text": 1.0, "d_penalty": 160.0})
    assert values(game.g_loss(image, None, text=text)) == {"g": -7.0}


def test_three_pairs_are_paired_as_in_the_report(wgan, tensorflow):
    game = wgan()
    game.discriminator = lambda pair, training: pair[0][:, 0, 0, :1] + 10.0 * pair[1][:, :1]

    def flat(value):
        return tensorflow.fill((1, 64, 64, 3), value)

    found = game.scores(flat(1.0), flat(2.0), tensorflow.fill((1, 24), 4.0), tensorflow.fill((1, 24), 5.0))
    assert [value.numpy().item() for value in found] == [41.0, 42.0, 51.0]


def test_the_penalty_is_taken_on_mixed_pictures_with_the_true_text(wgan, tensorflow):
    game, asked = wgan(), []
    game.scores = lambda *_: [tensorflow.zeros((3, 1))] * 3
    game.discriminator = lambda pair, training: asked.append(pair) or pair[0][:, 0, 0, :1]

    class Draw:
        def uniform(self, shape):
            return tensorflow.reshape([0.0, 1.0, 0.25], shape)

    ones = tensorflow.ones((3, 64, 64, 3))
    text = tensorflow.reshape(tensorflow.range(72.0), (3, 24))
    game.d_loss(ones, 0.0 * ones, Draw(), text, 0.0 * text)
    assert asked[0][0][:, 0, 0, 0].numpy().tolist() == [0.0, 1.0, 0.25]
    np.testing.assert_array_equal(asked[0][1], text)


def pictures(seed, count=2):
    return np.random.default_rng(seed).random((count, 64, 64, 3), np.float32)


def bits(seed, count=2):
    return np.random.default_rng(seed).integers(0, 2, (count, 24)).astype(np.float32)


def test_without_dropout_the_shared_trunk_changes_nothing(wgan, tensorflow):
    game = wgan(dropout=0.0)
    real, fake, text, wrong = pictures(1), pictures(2), bits(3), bits(4)
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
    same = pictures(1, 1)
    true, made, wrong = (value.numpy().item() for value in game.scores(same, same, bits(3, 1), bits(3, 1)))
    assert len({true, made, wrong}) == 3


def batch(count=4, seed=0):
    random = np.random.default_rng(seed)
    return {"image": random.integers(0, 256, (count, 64, 64, 3), np.uint8), "text": bits(seed + 1, count),
            "wrong_text": 1 - bits(seed + 1, count),
            "wrong_image": random.integers(0, 256, (count, 64, 64, 3), np.uint8)}


def test_a_critic_step_raises_true_minus_fake(wgan, tensorflow):
    game = wgan(dropout=0.0, penalty=0.0, rate=1e-4)
    step = tensorflow.constant(0, tensorflow.int64)
    game.players["generator"].optimizer.learning_rate = 0.0
    before, after = (values(game.train_step(batch(), step)) for _ in range(2))
    gap = [-(terms["d_real"] + 2 * terms["d_fake"]) for terms in (before, after)]
    assert gap[1] > gap[0] + 1e-3


def test_a_generator_step_raises_the_fakes_score(wgan, tensorflow):
    game = wgan(dropout=0.0, rate=1e-4)
    game.players["discriminator"].optimizer.learning_rate = 0.0
    step = tensorflow.constant(0, tensorflow.int64)
    before, after = (values(game.train_step(batch(), step))["g"] for _ in range(2))
    assert after < before - 1e-3


def test_g_learns_through_the_critic_only(wgan, tensorflow):
    game = wgan(dropout=0.0)
    for variable in game.discriminator.get_layer("score").trainable_variables:
        variable.assign(0.0 * variable)  # a critic that says 0 of every picture
    with tensorflow.GradientTape() as tape:
        fake = game.generator([tensorflow.ones((2, 40)), tensorflow.constant(bits(0))], training=True)
        loss = game.g_loss(fake, None, text=tensorflow.constant(bits(0)))["g"]
    assert all(not np.any(value) for value in tape.gradient(loss, game.generator.trainable_variables))
    old = [value.copy() for value in game.generator.get_weights()]
    game.players["discriminator"].optimizer.learning_rate = 0.0
    game.train_step(batch(), tensorflow.constant(0, tensorflow.int64))
    for value, before in zip(game.generator.get_weights(), old, strict=True):
        np.testing.assert_array_equal(value, before)


def test_a_step_moves_every_weight_of_both_players(wgan, tensorflow):
    game = wgan(d_steps=2)
    networks = game.generator, game.discriminator
    before = [network.get_weights() for network in networks]
    game.train_step(batch(), tensorflow.constant(0, tensorflow.int64))
    for network, old in zip(networks, before, strict=True):
        for variable, value in zip(network.weights, old, strict=True):
            # the objective does not change with the score's bias: true - fake / 2 - wrong / 2
            assert np.array_equal(value, variable.numpy()) == (variable.path == "score/bias"), variable.path


def test_the_penalty_is_float32_under_bfloat16(model, tensorflow):
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        game = model.WGANGP(0, player(model.generator()), player(model.critic()))
    finally:
        keras.config.set_dtype_policy("float32")
    assert game.discriminator.layers[1].compute_dtype == "bfloat16"
    tape_inputs = tensorflow.constant(pictures(1)), tensorflow.constant(pictures(2))
    terms = game.d_loss(*tape_inputs, Quarter(), tensorflow.constant(bits(1)), tensorflow.constant(bits(2)))
    assert {name: value.dtype.name for name, value in terms.items()} == dict.fromkeys(terms, "float32")
    # bfloat16 has no number between 1 and 1.0078: a joint gradient 1.001 long is only told from 1 in float32
    long = 1.001 / math.sqrt(64 * 64 * 3)
    game.discriminator = lambda pair, training: long * tensorflow.reduce_sum(pair[0], (1, 2, 3))[:, None]
    game.scores = lambda *_: [tensorflow.zeros((2, 1))] * 3
    terms = game.d_loss(*tape_inputs, Quarter(), tensorflow.constant(bits(1)), tensorflow.constant(bits(2)))
    assert float(terms["d_penalty"]) == pytest.approx(10 * 0.001**2, rel=0.01)


# ---- the text ----


def test_the_text_is_every_matching_tag_behind_an_empty_column(tmp_path):
    csv = tmp_path / "tags.csv"
    csv.write_text("0,red hair:3\tblue eyes:1\tpink hair:2\t\n1,long hair:2\t\n")
    found = tags.multi_hot(tags.read(csv), 24)
    assert found.shape == (2, 24)
    assert np.flatnonzero(found[0]).tolist() == [1 + 5, 1 + 7, 1 + 12 + 10]
    assert not found[1].any()


# ---- the grid pattern ----


@pytest.fixture
def smooth():
    """40 pictures as smooth as photographs: noise with power falling by the square of the frequency."""
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64) * 64] * 2))
    spectrum = np.fft.fft2(random.standard_normal((40, 64, 64))) / (1 + frequency)
    values = np.fft.ifft2(spectrum).real
    values = 128 + 40 * (values - values.mean()) / values.std()
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_no_grid_is_about_1(smooth, period):
    from wgan_gp_text.measures import grid_power

    assert 0.6 < grid_power(smooth, period) < 1.3


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_is_found_at_its_own_period(smooth, period):
    from wgan_gp_text.measures import PERIODS, grid_power

    y, x = np.mgrid[:64, :64]
    lines = 20 * ((x % period == 0) | (y % period == 0)).astype(np.uint8)
    gridded = np.clip(smooth, 0, 230) + lines[None, ..., None]
    rise = {one: grid_power(gridded, one) / grid_power(smooth, one) for one in PERIODS}
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
    assert {field.name for field in dataclasses.fields(Config) if field.metadata["assumed"]} == \
        {"epochs", "seed", "batch_size", "penalty", "d_steps"}


@pytest.mark.parametrize(("words", "variant"), [
    ("", "dense"), ("--start conv", "conv"), ("--alpha-dropout 0", "dense_no_dropout")])
def test_each_comparison_has_its_own_run_folder(words, variant):
    from wgan_gp_text.train import Config

    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize("words", ["--alpha-dropout 1", "--penalty -1", "--d-steps 0", "--z 0"])
def test_values_that_cannot_be_meant(words):
    from wgan_gp_text.train import Config

    with pytest.raises(UserError, match="must be from"):
        parse(Config, words.split())


def test_smoke_from_another_folder_then_samples(script, few_faces, tmp_path):
    run = tmp_path / "run"
    done = script("wgan_gp_text/train.py", "--preset", "smoke", "--data", few_faces, "--out", run, "--steps", 4,
                  "--start", "conv", "--alpha-dropout", "0", "--d-steps", "2", "--batch-size", "4")
    assert "left out by the filter all" in done.stdout
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["data"]["filter"], metrics["condition_accuracy"]["n"]) == (4, "all", 1320)
    assert metrics["grid_pattern"].keys() == {"2", "4", "8", "16"}
    assert metrics["grid_pattern"]["2"].keys() == {"fake", "real", "n"}
    script("wgan_gp_text/sample.py", "--run", run, "--hair", "green", "--eyes", "gray", "--count", 2, "--chart")
    assert sorted(path.name for path in (run / "sampled").iterdir()) == \
        ["chart.png", "sample_1_1.jpg", "sample_1_2.jpg"]


def test_killed_and_run_again_is_the_same_to_the_bit(few_faces, killed):
    killed("wgan_gp_text/train.py", "wgan_gp_text/dense", "--data", few_faces, measured=False)
