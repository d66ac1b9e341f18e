"""common/kernels.py: the faster ops against Keras's and TensorFlow's own, with their first and second gradients."""

import numpy as np
import pytest

GEOMETRIES = {  # name -> size, kernel, stride, padding; result, zeros before, blocks
    "4 to 2, odd kernel": (((4, 4), (3, 3), (2, 2), "SAME"), (2, 2), (0, 0), (3, 3)),
    "4 to 2, even kernel": (((4, 4), (4, 4), (2, 2), "SAME"), (2, 2), (1, 1), (3, 3)),
    "5 to 3, kernel of 5": (((5, 5), (5, 5), (2, 2), "SAME"), (3, 3), (2, 2), (5, 5)),
    "10 to 4, a row left over": (((10, 10), (3, 3), (2, 2), "VALID"), (4, 4), (0, 0), (5, 5)),
    "the whole picture at once": (((4, 4), (4, 4), (1, 1), "VALID"), (1, 1), (0, 0), (4, 4)),
    "rows and columns differ": (((4, 6), (3, 2), (1, 3), "SAME"), (4, 2), (1, 0), (6, 2)),
    "strides with gaps": (((6, 6), (1, 1), (3, 3), "VALID"), (2, 2), (0, 0), (2, 2)),
}


@pytest.fixture
def kernels(tensorflow):
    from common import kernels

    return kernels


def given(name, kernels, seed=0):
    """The geometry, and a picture, a kernel and a result with small whole numbers: their sums are exact."""
    geometry = kernels.Geometry(*GEOMETRIES[name][0])
    random = np.random.default_rng(seed)
    shapes = ((2, *geometry.size, 3), (*geometry.kernel, 3, 5), (2, *geometry.result, 5))
    return geometry, *(random.integers(-3, 4, shape).astype(np.float32) for shape in shapes)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_geometry_by_hand(kernels, name):
    geometry = kernels.Geometry(*GEOMETRIES[name][0])
    assert (geometry.result, geometry.before, geometry.blocks) == GEOMETRIES[name][1:]


@pytest.mark.parametrize(("result", "batch", "small"), [((2, 2), 1000, True), ((3, 3), 7, True), ((3, 3), 8, False),
                                                        ((2, 2), None, True), ((3, 3), None, False)])
def test_small_results_are_products(kernels, result, batch, small):
    assert kernels._is_small(kernels.Geometry(result, (1, 1), (1, 1), "SAME"), batch) == small


@pytest.fixture(params=[0, 100], ids=["the kernel's gradient alone", "every pass"])
def products(request, kernels, monkeypatch):
    """Which passes are made as products."""
    monkeypatch.setattr(kernels, "WHOLE", request.param)
    monkeypatch.setattr(kernels, "ROWS", 0)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("name", GEOMETRIES)
def test_products_are_the_convolution_with_its_gradients(tensorflow, kernels, name):
    tf = tensorflow
    geometry, *arrays = given(name, kernels)
    picture, kernel, weights = map(tf.constant, arrays)

    def passes(convolve):
        """Result, gradients, and the gradients of a function of those, as a gradient penalty has them."""
        with tf.GradientTape() as outer:
            outer.watch([picture, kernel])
            with tf.GradientTape() as inner:
                inner.watch([picture, kernel])
                result = convolve(picture, kernel)
                value = tf.reduce_sum(weights * result * result)
            first = inner.gradient(value, [picture, kernel])
            penalty = sum(tf.reduce_sum(gradient * gradient) for gradient in first)
        return [result, *first, *outer.gradient(penalty, [picture, kernel])]

    expected = passes(lambda p, k: tf.nn.conv2d(p, k, geometry.stride, geometry.padding))
    for one, other in zip(expected, passes(lambda p, k: kernels.convolve(p, k, geometry)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5 * np.abs(one).max())


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("name", GEOMETRIES)
def test_products_are_the_transposed_convolution_with_its_gradients(tensorflow, kernels, name):
    tf = tensorflow
    geometry, weights, kernel, small = given(name, kernels)
    kernel, small = tf.constant(kernel), tf.constant(small)

    def passes(transposed):
        with tf.GradientTape() as tape:
            tape.watch([small, kernel])
            picture = transposed(small, kernel)
            value = tf.reduce_sum(weights * picture)
        return [picture, *tape.gradient(value, [small, kernel])]

    expected = passes(lambda s, k: tf.nn.conv2d_transpose(s, k, weights.shape, geometry.stride, geometry.padding))
    for one, other in zip(expected, passes(lambda s, k: kernels.spread(s, k, geometry)), strict=True):
        np.testing.assert_array_equal(other, one)


def network():
    """Convolutions down to 2x2 and up again, batch normalisation on pictures and on vectors, an embedding."""
    import keras
    from keras import layers

    picture, label = keras.Input((8, 8, 3)), keras.Input((), dtype="int32")
    x = layers.Conv2D(8, 3, strides=2, padding="same")(picture)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Conv2D(16, 4, strides=2, padding="same", use_bias=False)(layers.LeakyReLU()(x))
    x = layers.Conv2DTranspose(8, 4, strides=2, padding="same", activation="relu")(x)
    x = layers.Flatten()(layers.Conv2DTranspose(4, 3, padding="valid", use_bias=False)(x))
    x = layers.BatchNormalization()(layers.Dense(6)(x))
    return keras.Model([picture, label], layers.Dense(1)(layers.Concatenate()([x, layers.Embedding(5, 4)(label)])))


def stepped(tf, quicken):
    """A small network after a step with plain gradient descent: the network, its gradients, all its weights."""
    import keras

    keras.utils.set_random_seed(3)
    model, optimizer = network(), keras.optimizers.SGD(0.1)
    if quicken:
        quicken(model, optimizer)
    random = np.random.default_rng(1)
    picture, label = random.normal(2, 3, (6, 8, 8, 3)).astype(np.float32), random.integers(0, 5, 6)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model([picture, label], training=True) - 1.0) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    return model, [value.numpy() for value in step()], model.get_weights()


def test_a_training_step_is_that_of_plain_keras(tensorflow, kernels):
    _, gradients, weights = stepped(tensorflow, None)
    _, quick_gradients, quick_weights = stepped(tensorflow, kernels.accelerate)
    for one, other in zip(gradients + weights, quick_gradients + quick_weights, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


def adam_after(tf, quicken, gradients):
    """A dense variable and an embedding's after some steps of Adam, and Adam's own state."""
    import keras

    dense, table = keras.Variable(np.linspace(-1, 1, 4, dtype=np.float32)), keras.Variable(np.ones((3, 2), np.float32))
    adam = keras.optimizers.Adam(0.01, 0.5, 0.9, epsilon=1e-3)
    adam.build([dense, table])
    if quicken:
        quicken(keras.Sequential([keras.Input((1,))]), adam)
    for gradient in gradients:
        rows = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), tf.constant([3, 2]))
        adam.apply([tf.constant(gradient), rows], [dense, table])
    return [np.array(value) for value in (dense, table, *adam.variables)]


def test_adam_is_that_of_plain_keras(tensorflow, kernels):
    gradients = np.random.default_rng(0).normal(0, 5, (4, 4)).astype(np.float32)
    expected, found = (adam_after(tensorflow, quicken, gradients) for quicken in (None, kernels.accelerate))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6)


def test_adams_first_step_by_hand(tensorflow, kernels):
    found, *_ = adam_after(tensorflow, kernels.accelerate, np.float32([[2, -2, 0.002, 0]]))
    # m and v without their bias are g and g squared: lr * g / (|g| + epsilon / sqrt(1 - 0.9)), epsilon 1e-3
    moved = [0.01 * g / (abs(g) + 1e-3 / 0.1**0.5) for g in (2, -2, 0.002, 0)]
    np.testing.assert_allclose(found, np.linspace(-1, 1, 4) - moved, rtol=1e-5)


def test_every_kind_of_layer_is_quickened(tensorflow, kernels, monkeypatch):
    """Else the comparison above would compare Keras with itself."""
    used = []

    def note(place, name):
        function = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *args, **words: used.append(name) or function(*args, **words))

    for place, name in ((tensorflow.raw_ops, "FusedBatchNormV3"), (tensorflow.raw_ops, "ResourceApplyAdam"),
                        (kernels, "convolve"), (kernels, "spread"), (kernels, "_dense")):
        note(place, name)
    adam_after(tensorflow, kernels.accelerate, np.ones((2, 4), np.float32))  # its other variable is an embedding's
    assert used == ["ResourceApplyAdam"] * 2
    used.clear()
    stepped(tensorflow, kernels.accelerate)
    # forward two convolutions and two transposed ones; backward each asks the other for the gradient by its input
    assert {name: used.count(name) for name in used} == {"FusedBatchNormV3": 1, "convolve": 4, "spread": 4, "_dense": 2}


def test_a_game_quickens_its_players(tensorflow):
    import keras

    from common.game import Game, Player

    class Two(Game):
        """A game that is never played."""

    pair = {name: Player(network(), keras.optimizers.Adam()) for name in ("generator", "discriminator")}
    Two(0, **pair)
    for player in pair.values():
        quick = [type(layer).__name__ for layer in player.network.layers if "call" in vars(layer)]
        assert sorted(quick) == ["BatchNormalization"] * 2 + ["Conv2D"] * 2 + ["Conv2DTranspose"] * 2 + ["Dense"] * 2
        assert "update_step" in vars(player.optimizer)


@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose", "Dense"])
def test_a_bias_gets_the_sum_of_what_comes_back_in_bfloat16(tensorflow, kernels, kind):
    """TensorFlow's BiasAddGrad gives 512: a sum of ones in bfloat16 does not grow any more."""
    import keras

    from common import runtime

    with runtime.policy("bfloat16"):
        layer = keras.layers.Dense(4) if kind == "Dense" else getattr(keras.layers, kind)(4, 1)
        model = keras.Sequential([keras.Input((32, 32, 2)), layer])
    kernels.accelerate(model, keras.optimizers.SGD())
    with tensorflow.GradientTape() as tape:
        total = tensorflow.reduce_sum(tensorflow.cast(model(np.zeros((64, 32, 32, 2), np.float32)), "float32"))
    np.testing.assert_array_equal(tape.gradient(total, layer.bias.value), [65_536.0] * 4)


def test_gradients_in_bfloat16_are_those_in_float32_but_for_roundings(tensorflow, kernels):
    from common import runtime

    _, expected, _ = stepped(tensorflow, None)
    with runtime.policy("bfloat16"):
        _, found, _ = stepped(tensorflow, kernels.accelerate)
    most = max(np.linalg.norm(one) for one in expected)  # a bias before a normalisation has none, but for roundings
    for one, other in zip(expected, found, strict=True):
        assert np.linalg.norm(other - one) <= 0.1 * np.linalg.norm(one) + 0.005 * most


def test_batch_normalisation_by_hand(tensorflow, kernels):
    import keras

    layer = keras.layers.BatchNormalization(momentum=0.5, epsilon=1.0)
    layer.build((None, 1, 2, 1))
    model = keras.Sequential([keras.Input((1, 2, 1)), layer])
    kernels.accelerate(model, keras.optimizers.SGD())
    found = model(np.float32([0, 4]).reshape(1, 1, 2, 1), training=True)  # mean 2, variance 4
    np.testing.assert_allclose(found.numpy().ravel(), np.float32([-2, 2]) / 5**0.5, rtol=1e-6)
    assert [layer.moving_mean.numpy()[0], layer.moving_variance.numpy()[0]] == [1.0, 2.5]  # half of 0 and 2, of 1 and 4
    found = model(np.float32([0, 4]).reshape(1, 1, 2, 1), training=False)
    np.testing.assert_allclose(found.numpy().ravel(), np.float32([-1, 3]) / 3.5**0.5, rtol=1e-6)


def test_what_is_saved_is_plain_keras(tensorflow, kernels, tmp_path):
    import keras

    model, *_ = stepped(tensorflow, kernels.accelerate)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    plain, *_ = stepped(tensorflow, None)
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in plain.layers]
    assert "call" not in vars(loaded.get_layer(index=2)) and "call" in vars(model.get_layer(index=2))
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
