"""common/sums.py: sums in a fixed order, with TensorFlow's own AddN in no graph.

That AddN's order is not fixed shows only under load and now and then, so these look at the graphs.
"""

import pytest


@pytest.fixture
def sums(tensorflow):
    from common import sums

    return sums


def kinds(function, *words) -> set[str]:
    """The kinds of ops in the graph of a function, and of those that it calls."""
    graph = function.get_concrete_function(*words).graph.as_graph_def()
    return {node.op for node in [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]}


@pytest.mark.parametrize("terms, expected", [([1e8, 1.0, -1e8], 0.0), ([1e8, -1e8, 1.0], 1.0), ([-1e8, 1.0, 1e8], 0.0)])
def test_total_adds_from_left_to_right(sums, tensorflow, terms, expected):
    # float32 has 24 bits: 1e8 + 1 is 1e8
    function = tensorflow.function(sums.total, autograph=False)
    assert float(function([tensorflow.constant(term) for term in terms])) == expected


def test_gradients_over_three_ways_are_added_without_addn(tensorflow):
    @tensorflow.function(autograph=False)
    def gradient(weight):
        with tensorflow.GradientTape() as tape:
            tape.watch(weight)
            loss = 2.0 * weight + 3.0 * weight + 4.0 * weight
        return tape.gradient(loss, weight)

    assert "AddN" not in kinds(gradient, tensorflow.constant(0.0))
    assert float(gradient(tensorflow.constant(1.0))) == 9.0


def test_rows_of_an_embedding_stay_rows(tensorflow):
    table = tensorflow.Variable([[1.0], [2.0], [3.0]])
    with tensorflow.GradientTape() as tape:
        loss = sum(tensorflow.reduce_sum((5.0 + row) * tensorflow.gather(table, [row])) for row in range(3))
    gradient = tape.gradient(loss, table)
    assert isinstance(gradient, tensorflow.IndexedSlices)
    assert tensorflow.convert_to_tensor(gradient).numpy().tolist() == [[5.0], [6.0], [7.0]]


def test_rows_and_a_whole_gradient_are_added(tensorflow):
    table = tensorflow.Variable([[1.0], [2.0]])
    with tensorflow.GradientTape() as tape:
        loss = sum(tensorflow.reduce_sum(5.0 * tensorflow.gather(table, [row])) for row in (0, 1))
        loss += tensorflow.reduce_sum(table * [[1.0], [3.0]])
    assert tensorflow.convert_to_tensor(tape.gradient(loss, table)).numpy().tolist() == [[6.0], [8.0]]


def test_what_addn_alone_can_add_is_left_to_it(tensorflow):
    # the gradient of a tf.TensorArray, which is one by itself
    with tensorflow.GradientTape() as tape:
        number = tensorflow.constant(2.0)
        tape.watch(number)
        array = tensorflow.TensorArray(tensorflow.float32, size=1, clear_after_read=False).write(0, number * number)
        loss = array.read(0) + 3.0 * array.read(0) + 5.0 * array.read(0)
    assert float(tape.gradient(loss, number)) == 36.0  # 9 * 2 * 2


@pytest.mark.parametrize("name", ["lab5_acgan", *(pytest.param(name, marks=pytest.mark.slow) for name in (
    "wgan_gp", "cyclegan_64")), *(pytest.param(name, marks=pytest.mark.long) for name in (
        "acgan", "dcgan", "text2image", "lab5_cgan"))])
def test_the_step_of_a_report_is_without_addn(tensorflow, name):
    from benchmarks import ours
    from benchmarks.cases import CASES, batch
    from common import trainer

    case = CASES[name]
    _, game = ours.build(case, "float32")
    step = trainer.compiled(game, jit=False)
    assert "AddN" not in kinds(step, batch(case), tensorflow.constant(0, tensorflow.int64))
