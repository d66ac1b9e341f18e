"""common/game.py: a step moves each player by its own loss, and nothing else."""

import numpy as np
import pytest


@pytest.fixture
def game(tensorflow):
    """A game so small that a step can be worked out by hand: pictures of one pixel, networks of one weight each.

    G(z) = g * 1, D(x) = d * mean(x), both by SGD with rate 1. D's loss is D(fake) - D(real), G's is -D(fake).
    """
    import keras

    from common.game import Game, Player

    class Line(Game):
        def generate(self, noise, count):
            return self.generator(tensorflow.ones((count, 1)))

        def d_loss(self, real, fake, noise):
            real_score = self.discriminator(tensorflow.reshape(real, (-1, 3))[:, :1])
            return {"d_fake": tensorflow.reduce_mean(self.discriminator(fake)),
                    "d_real": -tensorflow.reduce_mean(real_score)}

        def g_loss(self, fake, noise):
            return {"g": -tensorflow.reduce_mean(self.discriminator(fake))}

    def player(value):
        network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        network.set_weights([np.array([[value]], np.float32)])
        return Player(network, keras.optimizers.SGD(1.0))

    def make(d_steps=1, g_steps=1):
        return Line(0, d_steps=d_steps, g_steps=g_steps, generator=player(0.5), discriminator=player(2.0))

    return make


def white(count):
    return {"image": np.full((count, 1, 1, 3), 255, np.uint8)}  # 1.0 in the networks


def weights(game):
    return game.generator.get_weights()[0].item(), game.discriminator.get_weights()[0].item()


def test_one_step_by_hand(game, tensorflow):
    one = game()
    terms = one.train_step(white(2), tensorflow.constant(0, tensorflow.int64))
    # D first: slope of d * 0.5 - d * 1 is -0.5, so d = 2.5; then G through the new D: slope of -2.5 g is -2.5.
    assert weights(one) == (3.0, 2.5)
    assert {name: float(value) for name, value in terms.items()} == {"d_fake": 1.0, "d_real": -2.0, "g": -1.25}


def test_the_fake_is_made_once_a_step(game, tensorflow):
    one, calls = game(), []
    generate = one.generate
    one.generate = lambda noise, count: calls.append(count) or generate(noise, count)
    one.train_step(white(2), tensorflow.constant(0, tensorflow.int64))
    assert calls == [2]


def test_several_d_steps_take_parts_of_the_batch(game, tensorflow):
    three, calls = game(d_steps=3), []
    generate = three.generate
    three.generate = lambda noise, count: calls.append(count) or generate(noise, count)
    three.train_step(white(6), tensorflow.constant(0, tensorflow.int64))
    assert calls == [2, 2, 2]
    assert weights(three) == (0.5 + 3.5, 2.0 + 3 * 0.5)


def test_several_g_steps_go_through_the_new_d_with_the_same_noise(game, tensorflow):
    two, noises = game(g_steps=2), []
    generate = two.generate
    two.generate = lambda noise, count: noises.append(noise.normal((2,)).numpy().tolist()) or generate(noise, count)
    two.train_step(white(2), tensorflow.constant(0, tensorflow.int64))
    assert weights(two) == (0.5 + 2 * 2.5, 2.5)
    assert len(noises) == 2 and noises[0] == noises[1]


def test_noise_is_a_function_of_seed_step_and_order(tensorflow):
    from common.game import Noise

    def two(seed, step):
        noise = Noise(seed, tensorflow.constant(step, tensorflow.int64))
        return np.stack([noise.normal((5,)), noise.normal((5,))])

    first = two(0, 7)
    np.testing.assert_array_equal(first, two(0, 7))
    assert not np.allclose(first[0], first[1])
    assert not np.allclose(first, two(0, 8))
    assert not np.allclose(first, two(1, 7))


def test_uniform_noise_stays_in_range_and_fill_it(tensorflow):
    from common.game import Noise

    values = Noise(0, tensorflow.constant(0, tensorflow.int64)).uniform((10_000,), 0.7, 1.2).numpy()
    assert 0.7 <= values.min() < 0.71
    assert 1.19 < values.max() < 1.2


def test_ranges_there_and_back(tensorflow):
    from common.game import to_range, to_uint8

    levels = np.arange(256, dtype=np.uint8)
    for low, high in ((-1.0, 1.0), (0.0, 1.0)):
        image = to_range(tensorflow.constant(levels), low, high)
        assert (float(image[0]), float(image[-1])) == pytest.approx((low, high))
        np.testing.assert_array_equal(to_uint8(image, low, high), levels)
    assert to_uint8(tensorflow.constant([-9.0, 9.0]), -1.0, 1.0).numpy().tolist() == [0, 255]


def test_the_rate_rises_and_falls(tensorflow):
    from common.game import Rate

    rate = Rate(1.0, warm_up=3, cool_down=4, total=12)
    found = [float(rate(step)) for step in range(12)]
    assert found == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    constant = Rate(1e-3, warm_up=0, cool_down=0, total=3)
    assert [float(constant(step)) for step in range(3)] == pytest.approx([1e-3] * 3)


def test_a_network_is_cut_where_picture_and_condition_join(tensorflow):
    import keras

    from common.game import cut

    picture, condition = keras.Input((2,), name="picture"), keras.Input((1,), name="condition")
    joined = keras.layers.Concatenate(name="join")([keras.layers.Dense(3)(picture), condition])
    network = keras.Model([picture, condition], keras.layers.Dense(1)(joined))
    trunk, head = cut(network, "join")
    pair = [tensorflow.ones((4, 2)), tensorflow.fill((4, 1), 2.0)]
    np.testing.assert_array_equal(head([trunk(pair[0]), pair[1]]), network(pair))
    assert {id(v) for v in trunk.weights + head.weights} == {id(v) for v in network.weights}
