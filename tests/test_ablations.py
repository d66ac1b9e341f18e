"""--ablation: the report's system but for one thing."""

import numpy as np
import pytest
from conftest import by_name, rows

from common.options import parse


def built(script, words, *more):
    import importlib

    module = importlib.import_module(script)
    return module.build(parse(module.Config, words.split()), *more)


def changes(one, other):
    """Kind -> how many more layers of it the other network has."""
    kinds = [type(layer).__name__ for layer in other.layers] + [type(layer).__name__ for layer in one.layers]
    count = {kind: sum(type(layer).__name__ == kind for layer in other.layers)
             - sum(type(layer).__name__ == kind for layer in one.layers) for kind in kinds}
    return {kind: more for kind, more in count.items() if more}


ONE_MORE = {"LeakyReLU": 1, "BatchNormalization": 1}


def test_one_more_layer(tensorflow):
    usual = built("hw4_acgan.train", "")
    g, d = (built("hw4_acgan.train", f"--ablation layer-{player}") for player in "gd")
    assert changes(usual.generator, g.generator) == {**ONE_MORE, "Conv2DTranspose": 1}
    assert changes(usual.discriminator, d.discriminator) == {**ONE_MORE, "Conv2D": 1}
    assert not changes(usual.discriminator, g.discriminator) and not changes(usual.generator, d.generator)
    assert rows(g.generator, "Conv2DTranspose")[-2:] == [((32, 32, 64), 64 * 9 * 64 + 64), ((64, 64, 3), 3_075)]
    assert rows(d.discriminator, "Conv2D")[3] == ((8, 8, 256), 256 * 9 * 256 + 256)


def test_unit_range_is_inside_the_networks_only(tensorflow):
    import keras

    usual, unit = built("hw4_acgan.train", ""), built("hw4_acgan.train", "--ablation unit-range")
    assert unit.generator.count_params() == usual.generator.count_params()
    assert [layer.activation for layer in unit.generator.layers if isinstance(layer, keras.layers.Activation)] == \
        [keras.activations.sigmoid]
    unit.generator.set_weights(usual.generator.get_weights())
    unit.discriminator.set_weights(usual.discriminator.get_weights())
    inputs = [np.random.default_rng(0).standard_normal((2, 100), np.float32), np.array([1, 2]), np.array([3, 4])]
    tanh, sigmoid = (np.asarray(game.generator(inputs)) for game in (usual, unit))
    # tanh(x) = 2 sigmoid(2x) - 1, so the same weights give 2 sigmoid(x) - 1 = tanh(x / 2)
    np.testing.assert_allclose(sigmoid, np.tanh(np.arctanh(tanh) / 2), atol=1e-5)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    for one, other in zip(unit.discriminator(image), usual.discriminator((image + 1) / 2), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_fakes_are_smoothed(tensorflow):
    game = built("hw4_acgan.train", "--ablation smooth-fakes")
    zeros = [tensorflow.zeros((2, units)) for units in (1, 12, 11)]
    game.discriminator = lambda image, training: [zeros[0] + 2.0, *zeros[1:]]
    label = tensorflow.constant([0, 1])
    # log(1 + e^2) - 0.1 * 2, and of real images - 0.9 * 2
    assert by_name(game.d_loss(None, None, None, label, label)) | {"d_class": 0} == pytest.approx(
        {"d_real": 2.126928 - 1.8, "d_fake": 2.126928 - 0.2, "d_class": 0}, rel=1e-5)


def test_the_half_sum_halves_ds_loss_alone(tensorflow):
    usual, half = built("hw3_dcgan_lsgan.train", ""), built("hw3_dcgan_lsgan.train", "--ablation half-sum")
    image = tensorflow.zeros((2, 64, 64, 3))
    for game in (usual, half):
        game.discriminator = lambda image, training: tensorflow.ones((2, 1))
    assert by_name(half.d_loss(image, image, None)) == \
        pytest.approx({name: value / 2 for name, value in by_name(usual.d_loss(image, image, None)).items()})
    assert by_name(half.g_loss(image, None)) == by_name(usual.g_loss(image, None))


def test_the_condition_is_raw_for_g_alone(tensorflow):
    game = built("hw3_dcgan_lsgan.train_text2image", "--recipe plain --ablation raw-generator", 1)
    names = [{layer.name for layer in network.layers} for network in (game.generator, game.discriminator)]
    assert ["condition_dense" in one for one in names] == [False, True]


def test_pooling_has_the_same_weights_and_sizes_without_strides(tensorflow):
    usual, pooled = built("text2image_cdcgan.train", ""), built("text2image_cdcgan.train", "--ablation pooling")
    assert changes(usual.generator, pooled.generator) == {"UpSampling2D": 4}
    assert changes(usual.discriminator, pooled.discriminator) == {"MaxPooling2D": 4}
    for one, other in ((usual.generator, pooled.generator), (usual.discriminator, pooled.discriminator)):
        assert [weight.shape for weight in one.weights] == [weight.shape for weight in other.weights]
        assert one.output_shape == other.output_shape
        assert {layer.strides for layer in other.layers if "conv2d" in layer.name} == {(1, 1)}
    assert pooled.trunk.output_shape == (None, 4, 4, 512)


def test_batch_normalisation_in_both(tensorflow):
    usual, both = built("text2image_cdcgan.train", ""), built("text2image_cdcgan.train", "--ablation bn-both")
    assert changes(usual.discriminator, both.discriminator) == {"BatchNormalization": 4}
    assert not changes(usual.generator, both.generator)


def test_a_plain_gan_of_the_same_networks(tensorflow):
    game = built("wgan_gp_text.train", "--ablation plain-gan")
    usual = built("wgan_gp_text.train", "")
    assert game.discriminator.count_params() == usual.discriminator.count_params()
    game.scores = lambda *_: [tensorflow.fill((3, 1), value) for value in (2.0, 2.0, 0.0)]
    game.discriminator = lambda pair, training: tensorflow.fill((3, 1), 2.0)
    assert by_name(game.d_loss(None, None, None, None, None)) == pytest.approx(
        {"d_real": 0.126928, "d_fake": 2.126928 / 2, "d_wrong_text": 0.693147 / 2}, rel=1e-5)
    assert by_name(game.g_loss(None, None, None)) == pytest.approx({"g": 0.126928}, rel=1e-5)


def test_glorot_changes_initial_weights_alone(tensorflow):
    usual, glorot = built("wgan_gp_text.train", ""), built("wgan_gp_text.train", "--ablation glorot")
    spread = [game.generator.get_layer(index=3).kernel.numpy().std() for game in (usual, glorot)]
    # the Dense layer of 64 to 65,536: lecun_normal sqrt(1 / 64), glorot_uniform sqrt(2 / 65,600)
    assert spread == pytest.approx([(1 / 64) ** 0.5, (2 / 65_600) ** 0.5], rel=0.01)
    assert [w.shape for w in usual.generator.weights] == [w.shape for w in glorot.generator.weights]


@pytest.mark.parametrize(("script", "words", "variant"), [
    ("hw4_acgan.train", "--ablation layer-g", "acgan_layer_g"), ("hw3_dcgan_lsgan.train", "", "dcgan"),
    ("hw3_dcgan_lsgan.train", "--ablation half-sum --optimizers sgd", "dcgan_sgd_half_sum"),
    ("hw3_dcgan_lsgan.train_text2image", "--recipe plain --ablation raw-generator", "text2image_plain_raw_generator"),
    ("text2image_cdcgan.train", "--ablation bn-both", "cdcgan_bn_both"),
    ("wgan_gp_text.train", "--ablation plain-gan", "dense_plain_gan")])
def test_an_ablation_has_its_own_run_folder(script, words, variant):
    import importlib

    assert parse(importlib.import_module(script).Config, words.split()).variant == variant
