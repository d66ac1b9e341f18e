"""cyclegan_style: dropout that stays on when a network translates, as in the cited notebook."""

import numpy as np
import pytest


@pytest.fixture
def model(tensorflow):
    from cyclegan_style import model

    return model


def test_what_is_dropped_is_always_the_same_and_the_rest_doubled(model):
    layer, ones = model.TranslationDropout(0.5, stays=True, mask=8), np.ones((2, 8, 8, 64), np.float32)
    first, again = layer(ones).numpy(), layer(ones, training=False).numpy()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[0], first[1])
    assert set(np.unique(first)) == {0.0, 2.0} and first.mean() == pytest.approx(1, abs=0.05)
    assert (model.TranslationDropout(0.5, stays=True, mask=4)(ones).numpy() != first).any()
    assert (layer(ones, training=True).numpy() != layer(ones, training=True).numpy()).any()
    np.testing.assert_array_equal(model.TranslationDropout(0.5)(ones), ones)


def test_a_generator_keeps_it_in_its_file(model, tmp_path):
    import keras

    from cyclegan_style import train
    from cyclegan_style.train import Config

    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    on, off = (train.build(Config(image_size=32, translate_dropout=stays), 1).generator_AtoB for stays in (True, False))
    on.set_weights(off.get_weights())
    assert (model.translate(on, images) != model.translate(off, images)).any()
    np.testing.assert_array_equal(model.translate(on, images), model.translate(on, images))
    on.save(tmp_path / "on.keras")
    loaded = keras.saving.load_model(tmp_path / "on.keras", compile=False)
    np.testing.assert_array_equal(model.translate(loaded, images), model.translate(on, images))
    assert [layer.mask for layer in on.layers if isinstance(layer, model.TranslationDropout)] == [2, 4, 8]


def test_the_training_is_the_same_with_and_without_it(model, tensorflow):
    from cyclegan_style import train
    from cyclegan_style.train import Config

    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    batch = {"image": tensorflow.constant(images), "image_b": tensorflow.constant(images[::-1].copy())}
    terms = []
    for stays in (True, False):
        tensorflow.keras.utils.set_random_seed(0)
        game = train.build(Config(image_size=32, translate_dropout=stays), 1)
        terms.append({name: float(value) for name, value in
                      game.train_step(batch, tensorflow.constant(0, tensorflow.int64)).items()})
    assert terms[0] == terms[1]
