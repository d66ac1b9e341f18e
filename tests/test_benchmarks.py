"""benchmarks/: the count of FLOPs, the ports, the statistics, the command line. No time is judged."""

import functools
import json
import math
import os

import numpy as np
import pytest

from benchmarks import data, memory, precision, scale, script, timing
from benchmarks import step as benchmark
from benchmarks.cases import CASES, batch
from common import options, runtime
from common.errors import BAD_INPUT, Failure, NumericalError, UserError

TRAINED = {  # report's printed counts without the moving statistics: generator, discriminator
    "text2image": (5_323_779, 4_589_185), "dcgan": (3_533_315, 393_409), "acgan": (3_696_758, 6_372_760),
    "wgan_gp": (4_471_459, 3_389_825), "lab5_cgan": (4_434_688, 7_487_616), "lab5_acgan": (3_674_368, 2_962_176)}


def trained(network):
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)


@pytest.fixture
def small(tensorflow):
    """A network of one convolution, one transposed convolution and one dense layer on pictures of 8 pixels."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(5, 3, strides=2, padding="same", name="conv")(image)                   # -> 4x4x5
    x = layers.Conv2DTranspose(7, 4, strides=2, padding="same", use_bias=False, name="up")(x)  # -> 8x8x7
    return keras.Model(image, layers.Dense(2, name="dense")(layers.Flatten(name="flatten")(x)))


# 2 x 3x3 kernel x 3 x 5 channels x 4x4 places; 2 x 4x4 x 5 x 7 x 4x4 places of the input; 2 x 448 x 2
CONV, UP, DENSE = 4_320, 17_920, 1_792


def test_flops_of_each_layer_by_hand(small):
    from benchmarks import flops

    assert {name: cost.flops for name, cost in flops.costs(small, 8).items()} == {
        "conv": CONV, "up": UP, "flatten": 0, "dense": DENSE}


def test_flops_of_a_pass_and_of_a_network_for_any_size(small):
    import keras

    from benchmarks import flops

    found = {back: flops.of_pass(flops.costs(small, 8), back) for back in flops.FACTORS}
    assert found == {
        "weights": 3 * (CONV + UP + DENSE) - CONV,  # nobody asks for the gradient by the image
        "image": 2 * (CONV + UP + DENSE), "both": 3 * (CONV + UP + DENSE), "each": 4 * (CONV + UP + DENSE) - CONV,
        "penalty": 4 * (CONV + UP + DENSE)}
    image = keras.Input((None, None, 3))
    network = keras.Model(image, keras.layers.Conv2D(5, 3, strides=2, padding="same", name="conv")(image))
    assert flops.costs(network, 8)["conv"].flops == CONV


def test_flops_of_a_step_with_a_shared_trunk(tensorflow):
    """The report's conditional DCGAN by hand, in FLOPs of a forward pass and a picture."""
    from benchmarks import flops

    case = CASES["text2image"].replace(batch_size=2)
    first_dense = 2 * 123 * 8192
    g = first_dense + 2 * 25 * (16 * 512 * 256 + 64 * 256 * 128 + 256 * 128 * 64 + 1024 * 64 * 3)
    first_conv = 2 * 25 * 1024 * 3 * 64
    trunk = first_conv + 2 * 25 * (256 * 64 * 128 + 64 * 128 * 256 + 16 * 256 * 512)
    head = 2 * (16 * 535 * 512 + 8192)
    expected = (3 * g - first_dense) + 3 * (3 * trunk - first_conv) + 4 * 3 * head + 2 * (trunk + head)
    assert flops.of_step(case, case.build(case.config)) == 2 * expected


@pytest.mark.parametrize("name", TRAINED)
def test_the_torch_port_has_the_parameters_of_the_report(tensorflow, name):
    game = CASES[name].build(CASES[name].config)
    assert tuple(trained(player.network) for player in game.players.values()) == TRAINED[name]
    pytest.importorskip("torch")
    from benchmarks import torch_networks

    assert tuple(sum(weight.numel() for weight in network.parameters()) for network in torch_networks.BUILD[name]()) \
        == TRAINED[name]


def test_a_plain_player_is_keras_own_with_the_rates_of_the_report_and_moves(tensorflow):
    from benchmarks import ours, plain

    case = CASES["lab5_cgan"].replace(batch_size=2)
    game = case.build(case.config)
    players = ours.plain_players(game)
    assert [float(player.optimizer.learning_rate) for player in players.values()] == pytest.approx([4e-4, 1e-4])
    for name, player in players.items():
        assert player.network.count_params() == game.players[name].network.count_params()
        assert not any("call" in vars(layer) for layer in player.network._flatten_layers())  # not accelerated
    before = [player.network.get_weights() for player in players.values()]
    terms = plain.step(case, players, batch(case))()
    assert set(terms) == {"d", "g"} and all(map(math.isfinite, terms.values()))
    for old, player in zip(before, players.values(), strict=True):
        assert any((a != b).any() for a, b in zip(old, player.network.get_weights(), strict=True))


@pytest.mark.parametrize("setting", ["torch", "torch cl", "torch bf16", "torch cl bf16"])
def test_a_step_of_the_pytorch_port(setting):
    pytest.importorskip("torch")
    from benchmarks import ours, pytorch

    case = CASES["dcgan"].replace(batch_size=2)
    terms = pytorch.step(case, batch(case), pytorch.SETTINGS[setting],
                         ours.plain_players(case.build(case.config)))()
    assert set(terms) == {"d", "g"}
    assert all(map(math.isfinite, terms.values()))


def test_ours_is_bfloat16_beside_a_float32_port_and_the_policy_comes_back(tensorflow):
    import keras

    from benchmarks import ours

    before = keras.config.dtype_policy().name
    _, game = ours.build(CASES["dcgan"], "bfloat16")
    with runtime.policy("float32"):
        plain = CASES["dcgan"].build(CASES["dcgan"].config)
    assert [built.generator.layers[1].compute_dtype for built in (game, plain)] == ["bfloat16", "float32"]
    assert keras.config.dtype_policy().name == before


def test_variants_take_turns_and_every_other_round_goes_backwards():
    order = []
    made = {name: functools.partial(order.append, name) for name in "abc"}
    ticks = iter(range(100))
    times = timing.interleave(made, 3, clock=lambda: next(ticks))
    assert "".join(order) == "abccbaabc"
    assert times == {name: [1, 1, 1] for name in "abc"}


def test_statistics_of_hand_made_times(monkeypatch):
    monkeypatch.setattr(benchmark, "PRODUCT", 500)
    monkeypatch.setattr(benchmark, "PRODUCTS", 16)  # 16 * 2 * 500^3 FLOPs are 4 billion
    times = {"ours": [1.0, 2.0, 1.0, 4.0, 2.0], "plain": [2.0, 6.0, 3.0, 4.0, 5.0]}
    rows = benchmark.summary(times, {"ours": "bfloat16", "plain": "float32"}, batch_size=64, gflop=8.0,
                             peaks={"float32": [0.5] * 5, "bfloat16": [0.25, 0.5, 0.25, 1.0, 0.5]})
    ours, plain = rows["ours"], rows["plain"]
    assert ours["s / step"] == {"q1": 1.0, "median": 2.0, "q3": 2.0}
    assert ours["images / s"] == {"q1": 32.0, "median": 32.0, "q3": 64.0}
    assert ours["GFLOP/s"] == {"q1": 4.0, "median": 4.0, "q3": 8.0}
    assert ours["of peak"] == {"q1": 0.5, "median": 0.5, "q3": 0.5}  # slow rounds slowed the peak as well
    assert ours["x plain"] == {"q1": 2.0, "median": 2.5, "q3": 3.0}  # 2, 3, 3, 1, 2.5
    assert plain["of peak"] == pytest.approx({"q1": 0.2, "median": 0.25, "q3": 1 / 3})
    assert plain["x ours"] == pytest.approx({"q1": 1 / 3, "median": 0.4, "q3": 0.5})
    assert (ours["x ours"], ours["precision"]) == ("-", "bfloat16")


def test_a_cell_has_three_digits_or_percents_and_quartiles_lie_between_two_values():
    assert script.cell({"q1": 0.012345, "median": 1.2345, "q3": 123456}) == "1.23\n0.0123-123,456"
    assert script.cell({"q1": 0.001, "median": 0.5, "q3": 1.0}, percent=True) == "50.00%\n0.10%-100.00%"
    assert timing.quartiles([1.0, 2.0]) == {"q1": 1.25, "median": 1.5, "q3": 1.75}
    assert timing.rates(12, [1.0, 2.0, 4.0]) == {"q1": 4.5, "median": 6.0, "q3": 9.0}


def test_waiting_is_from_asking_for_a_batch_to_having_it():
    ticks, seen = iter([0.0, 1.0, 4.0, 10.0, 10.0, 12.0]), []
    times = timing.fed(seen.append, iter("abc"), 2, clock=lambda: next(ticks))
    assert seen == ["a", "b"]
    assert times == {"waiting": [1.0, 0.0], "step": [4.0, 2.0]}


def test_losses_that_are_not_finite_are_not_timed():
    with pytest.raises(NumericalError, match="acgan: a loss is not finite"):
        timing.warm_up("acgan", [lambda: {"d": 1.0, "g": math.nan}])


@pytest.mark.parametrize("name", CASES)
def test_a_batch_is_the_same_every_time(name):
    assert CASES[name].stored_size == {"cyclegan_64": 72, "cyclegan_128": 143}.get(name, 64)  # it cuts from larger ones
    case = CASES[name].replace(batch_size=3)
    first, again = batch(case), batch(case)
    assert (first["image"].shape, first["image"].dtype) == ((3, case.size, case.size, 3), np.uint8)
    assert set(case.labels) <= set(first)
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])


def test_more_pictures_than_are_drawn_are_the_same_files_again(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DRAWN", 2)
    folder = data.draw(tmp_path / "drawn", 5)
    files = [(folder / f"{number}.jpg").read_bytes() for number in range(5)]
    assert len(list(folder.iterdir())) == 5
    assert files[0] != files[1]
    assert files == [files[0], files[1], files[0], files[1], files[0]]


def test_memory_is_read_from_the_status_of_the_process():
    status = "Name:\tpython\nVmHWM:\t    1500 kB\nVmRSS:\t     900 kB\nRssAnon:\t     250 kB\n"
    assert memory.field(status, "VmHWM") == 1_536_000
    assert memory.field(status, "RssAnon") == 256_000


def test_memory_is_measured_in_a_process_of_its_own(few_faces, tmp_path):
    folder, cache, case = few_faces / "faces", tmp_path / "cache", CASES["acgan"].replace(batch_size=4)
    for measure, words in ((memory.decode, (folder, 64, cache)), (memory.read, (folder, cache, case, 20))):
        peak, _ = memory.peak(measure, *words)
        assert 0 < peak["anonymous"] < peak["resident"]
    with pytest.raises(UserError, match="no such folder|No such file"):
        memory.peak(memory.decode, tmp_path / "none", 64, cache)
    with pytest.raises(Failure, match="a process was killed"):
        memory.peak(os._exit, 1)


@pytest.mark.parametrize("name", ["step", "data", "scale"])
def test_wrong_words_are_refused_in_one_line_before_tensorflow_is_there(script, name):
    done = script(f"benchmarks/{name}.py", "--reports", "dog", code=BAD_INPUT)
    assert len(done.stderr.splitlines()) == 1 and "--reports" in done.stderr and "tensorflow" not in done.stdout


@pytest.mark.parametrize(("module", "words"), [
    (benchmark, "--rounds 0"), (benchmark, "--out no/such/folder/x.json"), (data, "--data no/such/folder"),
    (data, "--pictures 63"), (data, "--steps 0"), (scale, "--sizes 96"), (scale, "--batch-sizes 0"),
    (scale, "--pictures 1000 10")])
def test_values_that_make_no_sense_are_refused(module, words):
    with pytest.raises(UserError, match=words.split()[0]):
        options.parse(module.Options, words.split())


@pytest.mark.slow
def test_the_table_and_the_numbers(tensorflow, tmp_path, monkeypatch, capsys):
    """The whole way of one small case, with products small enough for a test."""
    monkeypatch.setattr(benchmark, "PRODUCT", 64)
    monkeypatch.setattr(benchmark, "start", lambda options: {"precision": "float32", "versions": {}})
    out = tmp_path / "step.json"
    benchmark.main(options.parse(benchmark.Options, ["--reports", "dcgan", "--rounds", "2", "--batch-size", "2",
                                                     "--out", str(out)]))
    tensorflow.config.optimizer.set_experimental_options({"arithmetic_optimization": False})  # as the fixture had it
    found = json.loads(out.read_text())["reports"]["dcgan"]
    assert set(found["variants"]) == {"ours", "plain"}
    assert len(found["seconds"]["ours"]) == 2
    assert len(found["peak_seconds"]["float32"]) == 2
    assert found["variants"]["ours"]["x plain"]["median"] > 0
    assert "report 001, DCGAN, 2 images of 64 px" in capsys.readouterr().out


@pytest.fixture
def measured(tensorflow, tmp_path, monkeypatch, capsys):
    """Runs the main of a script in this process with small batches: its JSON and what it printed."""
    monkeypatch.setattr(script, "start", lambda threads: {"precision": "float32"})
    for name in ("dcgan", "text2image"):
        monkeypatch.setitem(CASES, name, CASES[name].replace(batch_size=2))

    def run(benchmark, words):
        out = tmp_path / "found.json"
        benchmark.main(options.parse(benchmark.Options, [*words.split(), "--out", str(out)]))
        return json.loads(out.read_text()), capsys.readouterr().out

    yield run
    tensorflow.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def test_the_way_of_the_data_is_measured(measured):
    found, printed = measured(data, "--pictures 64 --rounds 2 --steps 2 --reports dcgan")
    assert found["cache"]["open"]["images"] == "64"
    assert found["cache"]["open"]["images / s"]["median"] > 0
    assert set(found["batches"]) == {"plain", "mirrored", "wrong pairs"}
    row = found["reports"]["dcgan"]
    assert 0 <= row["waiting, ms"]["median"] < 1000 * row["s / step"]["median"]
    for text in ("images cached at 64 px", "batches of 64 images", "of all steps"):
        assert text in printed


@pytest.mark.slow
def test_batch_and_picture_sizes_are_measured(measured):
    found, printed = measured(scale, "--parts batch size --reports dcgan text2image --sizes 32 64 --rounds 1")
    assert {part: {name: list(sizes) for name, sizes in found[part].items()} for part in ("batch", "size")} == {
        "batch": {"dcgan": ["1", "2", "4"], "text2image": ["1", "2", "4"]}, "size": {"text2image": ["32", "64"]}}
    small, large = (float(found["size"]["text2image"][size]["GFLOP a step"]) for size in ("32", "64"))
    assert 3.7 < large / small < 4.3  # but for the dense layers, and rounding
    assert "text2image: side of the images in px" in printed


@pytest.mark.slow
def test_time_and_memory_are_measured_against_the_number_of_pictures(measured):
    found, printed = measured(scale, "--parts pictures --reports dcgan --pictures 64 128 --rounds 1")
    for count in ("64", "128"):
        assert set(found["pictures"]["dcgan"][count]) == {"s / step", "decoding, MB", "taking batches, MB",
                                                          "training, MB"}
    assert "dcgan: " + scale.TITLES["pictures"] in printed


def test_layers_are_timed_both_ways(tmp_path, monkeypatch, tensorflow, capsys):
    from benchmarks import kernels

    monkeypatch.setattr(kernels, "LAYERS", ((("normalisation",), (2, 4, 4, 3)),
                                            (("transposed", 4, 2, "same", 5), (2, 2, 2, 3))))
    monkeypatch.setattr(kernels, "WEIGHTS", ((2, 3), (4,)))
    monkeypatch.setattr(script, "start", lambda threads: {"precision": "float32"})
    kernels.main(options.parse(kernels.Options, ["--rounds", "3", "--out", str(tmp_path / "k.json")]))
    rows = json.loads((tmp_path / "k.json").read_text())["layers"]
    assert list(rows) == ["normalisation, 2x4x4x3", "transposed 4x4/2 same to 5, 2x2x2x3", "Adam, 13.4 million weights"]
    for row in rows.values():
        assert row["ours, ms"]["median"] > 0 and row["x Keras"]["median"] > 0
    assert "transposed 4x4/2 same to 5" in capsys.readouterr().out


def test_precisions_are_compared_by_hand():
    """0.5, 0.7 beside 0.2, 0.2: -0.4, and the standard error is sqrt(0.02 / 2) = 0.1, so four of them."""
    measured = {"float32": [{"condition_accuracy": {"hair": 0.5}, "frechet": {"fake": 0.1}},
                            {"condition_accuracy": {"hair": 0.7}, "frechet": {"fake": 0.3}}],
                "bfloat16": [{"condition_accuracy": {"hair": 0.2}, "frechet": {"fake": 0.2}},
                             {"condition_accuracy": {"hair": 0.2}, "frechet": {"fake": 0.4}}]}
    found = {name: (row["difference"], row["error"], row["hurts"]) for name, row in precision.compare(measured).items()}
    assert found == {"hair": (pytest.approx(-0.4), pytest.approx(0.1), True),
                     "Frechet distance": (pytest.approx(0.1), pytest.approx(0.02 ** 0.5), False)}  # of both


def test_the_later_half_of_the_checks():
    rows = [{"step": str(step), "frechet": value} for step, value in ((1, "9"), (2, "0.5"), (3, "0.25"))]
    assert precision.later_half(rows) == {"step": 2.5, "frechet": 0.375}
    assert precision.later_half([]) == {}
