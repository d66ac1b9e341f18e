"""cyclegan_style: the printed table, the U-Net, BN mode, the terms and who they move, domains, figures, the scripts."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import frozen
from PIL import Image

from common.cli import UserError, parse

TABLE = {  # the report's table of the discriminator at 128 pixels: layer -> (output shape, parameters)
    "input_1": ((128, 128, 3), 0), "conv2d_1": ((64, 64, 64), 3_136), "leaky_re_lu_1": ((64, 64, 64), 0),
    "conv2d_2": ((32, 32, 128), 131_072), "batch_normalization_1": ((32, 32, 128), 512),
    "leaky_re_lu_2": ((32, 32, 128), 0), "conv2d_3": ((16, 16, 256), 524_288),
    "batch_normalization_2": ((16, 16, 256), 1_024), "leaky_re_lu_3": ((16, 16, 256), 0),
    "zero_padding2d_1": ((18, 18, 256), 0), "conv2d_4": ((15, 15, 512), 2_097_152),
    "batch_normalization_3": ((15, 15, 512), 2_048), "leaky_re_lu_4": ((15, 15, 512), 0),
    "zero_padding2d_2": ((17, 17, 512), 0), "final": ((14, 14, 1), 8_193)}


@pytest.fixture
def model(tensorflow):
    from cyclegan_style import model

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not hang on the tests before
    return model


# ---- networks ----


def test_discriminator_is_the_printed_table(model, tensorflow):
    d = model.patch_discriminator()
    shape, found = (1, 128, 128, 3), {}
    for layer in d.layers:
        shape = layer.compute_output_shape(shape) if layer.name != "input_1" else shape
        found[layer.name] = (tuple(shape[1:]), layer.count_params())
    assert found == TABLE
    assert (d.count_params(), frozen(d)) == (2_767_425, 1_792)


@pytest.mark.parametrize(("size", "patches"), [(128, 14), (64, 6)])
def test_scores_are_a_map_of_patches(model, size, patches):
    assert model.patch_discriminator()(np.zeros((1, size, size, 3), np.float32)).shape == (1, patches, patches, 1)


@pytest.mark.parametrize(("size", "count"), [(128, 41_837_379), (64, 29_250_371)])
def test_unet_counts(model, size, count):
    g = model.unet_generator(size)
    assert g.count_params() == count
    assert g.output_shape == (None, size, size, 3)
    downs = [layer.output.shape[1:] for layer in g.layers if type(layer).__name__ == "Conv2D"]
    assert downs[0] == (size // 2, size // 2, 64) and downs[-1] == (1, 1, 512)
    assert len([layer for layer in g.layers if type(layer).__name__ == "Dropout"]) == 3  # 8, 4 and 2


def test_skips_join_before_the_leaky_relu(model):
    """What a convolution gave, normalised but not yet through its leaky ReLU, stands beside the way back up."""
    g = model.unet_generator(16)
    joins = [layer for layer in g.layers if type(layer).__name__ == "Concatenate"]
    assert [join.output.shape[1:] for join in joins] == [(2, 2, 512), (4, 4, 256), (8, 8, 128)]
    kinds = [type(join.input[0]._keras_history.operation).__name__ for join in joins]
    assert kinds == ["BatchStatistics", "BatchStatistics", "Conv2D"]


def test_unet_sizes_are_powers_of_two(model):
    with pytest.raises(ValueError, match="power of 2"):
        model.unet_generator(96)


def test_batch_statistics_are_kept_by_predict_and_by_the_file(model, tmp_path, tensorflow):
    import keras

    g = model.unet_generator(16, filters=4)
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    for layer in g.layers:
        if isinstance(layer, model.BatchStatistics):
            layer.moving_mean.assign(layer.moving_mean + 50.0)  # would show at once
    plain = g(pictures, training=False).numpy()
    assert np.abs(plain).max() < 0.9
    moving = [value.copy() for value in g.get_weights()]
    g.save(tmp_path / "g.keras")
    loaded = keras.saving.load_model(tmp_path / "g.keras", compile=False)
    for found in (g.predict(pictures, verbose=0), loaded.predict(pictures, verbose=0), loaded(pictures).numpy()):
        np.testing.assert_allclose(found, plain, atol=1e-5)
    assert np.abs(g.predict(pictures[:1], verbose=0) - plain[:1]).max() > 1e-3  # its own statistics
    for value, before in zip(g.get_weights(), moving, strict=True):
        np.testing.assert_array_equal(value, before)  # looking does not move anything


def test_training_normalises_by_the_batch_too(model):
    layer = model.BatchStatistics(momentum=0.5, epsilon=0.0)
    values = np.array([1.0, 3.0], np.float32).reshape(2, 1, 1, 1)
    assert layer(values, training=True).numpy().ravel() == pytest.approx([-1.0, 1.0])
    assert layer(values, training=False).numpy().ravel() == pytest.approx([-1.0, 1.0])
    assert float(layer.moving_mean[0]) == pytest.approx(1.0)  # 0.5 * 0 + 0.5 * 2


# ---- the game ----


@pytest.fixture
def game(model):
    import keras

    from common.game import Player

    def player(network):
        return Player(network, keras.optimizers.Adam(2e-4, 0.5))

    def build(**changes):
        return model.CycleGAN(0, *(player(model.unet_generator(32, filters=4)) for _ in "AB"),
                              *(player(model.patch_discriminator(4)) for _ in "AB"), **changes)

    return build


def batch(count=2):
    random = np.random.default_rng(0)
    return {name: random.integers(0, 256, (count, 32, 32, 3), np.uint8) for name in ("image", "image_b")}


def test_terms_by_hand(game, tensorflow):
    """Every picture of A is 0.5, of B -0.5; generators add 0.25 and 0.1; both judges say a picture's mean."""
    built = game(cycle=10.0, identity=0.5)
    built.generator_AtoB, built.generator_BtoA = ((lambda x, training, by=by: x + by) for by in (0.25, 0.1))
    built.players = {
        "generator_AtoB": Stub(built.generator_AtoB), "generator_BtoA": Stub(built.generator_BtoA),
        "discriminator_A": Stub(lambda x, training: tensorflow.reduce_mean(x, (1, 2, 3))),
        "discriminator_B": Stub(lambda x, training: tensorflow.reduce_mean(x, (1, 2, 3)))}
    a, b = tensorflow.fill((2, 32, 32, 3), 0.5), tensorflow.fill((2, 32, 32, 3), -0.5)
    found = {name: float(value) for name, value in built.terms(a, b, None).items()}
    assert found == pytest.approx({
        "d_A_real": 0.25, "d_A_fake": 0.16, "g_BtoA": 1.96,      # (0.5 - 1)^2, 0.4^2, (-0.4 - 1)^2
        "d_B_real": 2.25, "d_B_fake": 0.5625, "g_AtoB": 0.0625,  # (-0.5 - 1)^2, 0.75^2, (0.75 - 1)^2
        "cycle_A": 3.5, "cycle_B": 3.5,                          # 10 * (0.25 + 0.1)
        "identity_A": 0.5, "identity_B": 1.25}, rel=1e-5)        # 0.5 * 10 * 0.1, 0.5 * 10 * 0.25


class Stub:
    def __init__(self, network):
        self.network = network


def test_each_player_is_moved_by_its_own_loss(game):
    losses = game(identity=0.5).losses()
    assert losses == {
        "generator_AtoB": ["g_AtoB", "cycle_A", "cycle_B", "identity_B"],
        "generator_BtoA": ["g_BtoA", "cycle_A", "cycle_B", "identity_A"],
        "discriminator_A": ["d_A_real", "d_A_fake"], "discriminator_B": ["d_B_real", "d_B_fake"]}
    assert game().losses()["generator_AtoB"] == ["g_AtoB", "cycle_A", "cycle_B"]


@pytest.mark.parametrize("player", ["generator_AtoB", "generator_BtoA", "discriminator_A", "discriminator_B"])
def test_a_loss_moves_its_player_and_no_other(game, tensorflow, player):
    """The other three have their losses set to nothing: only this player moves."""
    built = game()
    own = {name: (names if name == player else []) for name, names in built.losses().items()}
    built.losses = lambda: {name: names for name, names in own.items() if names}
    before = {name: one.network.get_weights() for name, one in built.players.items()}
    built.step(batch(), tensorflow.constant(0, tensorflow.int64))
    moved = {name: any(not np.array_equal(v.numpy(), old) for v, old in zip(
        one.network.trainable_variables, trainable(one.network, before[name]), strict=True))
        for name, one in built.players.items()}
    assert moved == {name: name == player for name in built.players}


def trainable(network, values):
    kept = {id(v) for v in network.trainable_variables}
    return [value for v, value in zip(network.weights, values, strict=True) if id(v) in kept]


def test_each_picture_passes_each_network_once(game, tensorflow):
    built, seen = game(), []
    for name, player in built.players.items():
        network = player.network
        stub = Stub(lambda x, training, name=name, network=network: seen.append(name) or network(x, training=training))
        stub.optimizer = player.optimizer
        built.players[name] = stub
        setattr(built, name, stub.network)
    white = tensorflow.ones((2, 32, 32, 3))
    built.terms(white, white, None)
    assert sorted(seen) == ["discriminator_A"] * 2 + ["discriminator_B"] * 2 + ["generator_AtoB"] * 2 + \
        ["generator_BtoA"] * 2


def test_the_pool_fills_then_gives_earlier_pictures_half_the_time(model, tensorflow):
    from common.game import Draws

    pool = model.Pool(3, (1, 1, 1))
    shown = []
    for step in range(40):
        made = tensorflow.fill((1, 1, 1, 1), float(step))
        shown.append(float(pool.exchange(made, Draws(0, tensorflow.constant(step, tensorflow.int64)))[0, 0, 0, 0]))
    assert shown[:3] == [0.0, 1.0, 2.0]
    earlier = [step for step, value in enumerate(shown) if value < step]
    assert 10 <= len(earlier) <= 28
    assert len({shown[step] for step in earlier}) == len(earlier)  # what was shown again has left the pool
    assert int(pool.count) == 3


def test_a_games_pool_is_part_of_its_state(game):
    assert len(game(pool=4).other_states()) == len(game().other_states()) + 4
