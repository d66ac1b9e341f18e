"""cyclegan_style: the printed table, the U-Net, BN mode, the terms and who they move, domains, figures, the scripts."""

import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import assumed, by_name, frozen, make_pipe, rates
from PIL import Image

from common import datasets
from common.anime import data as anime_data
from common.errors import UserError
from common.options import parse
from cyclegan_style import domains, translate
from cyclegan_style.portraits import FACE_BOX
from cyclegan_style.train import Config

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

    tensorflow.keras.utils.set_random_seed(0)  # initial weights do not depend on the tests before
    return model


# ---- networks ----


def kinds(network, kind):
    return [layer for layer in network.layers if type(layer).__name__ == kind]


def test_discriminator_is_the_printed_table(model):
    d = model.patch_discriminator()
    shape, table = (1, 128, 128, 3), {}
    for layer in d.layers:
        shape = layer.compute_output_shape(shape) if layer.name != "input_1" else shape
        table[layer.name] = (tuple(shape[1:]), layer.count_params())
    assert table == TABLE
    assert (d.count_params(), frozen(d)) == (2_767_425, 1_792)
    for size, patches in ((128, 14), (64, 6)):
        assert d(np.zeros((1, size, size, 3), np.float32)).shape == (1, patches, patches, 1)


@pytest.mark.parametrize(("size", "count"), [(128, 41_837_379), (64, 29_250_371)])
def test_unet_counts(model, size, count):
    g = model.unet_generator(size)
    assert g.count_params() == count
    assert g.output_shape == (None, size, size, 3)
    downs = [layer.output.shape[1:] for layer in kinds(g, "Conv2D")]
    assert downs[0] == (size // 2, size // 2, 64) and downs[-1] == (1, 1, 512)
    assert len(kinds(g, "TranslationDropout")) == 3  # at 8, 4 and 2


def test_skips_join_before_the_leaky_relu(model):
    """What a convolution gave, normalised but not yet through its leaky ReLU, stands beside the way back up."""
    joins = kinds(model.unet_generator(16), "Concatenate")
    assert [join.output.shape[1:] for join in joins] == [(2, 2, 512), (4, 4, 256), (8, 8, 128)]
    assert [type(join.input[0]._keras_history.operation).__name__ for join in joins] == \
        ["BatchStatistics", "BatchStatistics", "Conv2D"]


def test_batch_statistics_are_used_by_predict_and_by_the_file(model, tmp_path):
    import keras

    g = model.unet_generator(16, filters=4)
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    for layer in kinds(g, "BatchStatistics"):
        layer.moving_mean.assign(layer.moving_mean + 50.0)  # would show at once
    plain = g(pictures, training=False).numpy()
    assert np.abs(plain).max() < 0.9
    before = [value.copy() for value in g.get_weights()]
    g.save(tmp_path / "g.keras")
    loaded = keras.saving.load_model(tmp_path / "g.keras", compile=False)
    for image in (g.predict(pictures, verbose=0), loaded.predict(pictures, verbose=0), loaded(pictures).numpy()):
        np.testing.assert_allclose(image, plain, atol=1e-5)
    assert np.abs(g.predict(pictures[:1], verbose=0) - plain[:1]).max() > 1e-3  # its own statistics
    for value, old in zip(g.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)  # outside training the moving statistics stay


def test_training_normalises_by_the_batch_too_also_in_bfloat16(model, tensorflow):
    layer = model.BatchStatistics(momentum=0.5, epsilon=0.0)
    values = np.array([1.0, 3.0], np.float32).reshape(2, 1, 1, 1)
    for training in (True, False):
        assert layer(values, training=training).numpy().ravel() == pytest.approx([-1.0, 1.0])
    assert float(layer.moving_mean[0]) == pytest.approx(1.0)  # 0.5 * 0 + 0.5 * 2
    layer = model.BatchStatistics(epsilon=1e-3, dtype="mixed_bfloat16")
    values = tensorflow.random.stateless_normal((4, 5, 5, 3), (0, 0))
    trained, predicted = layer(values, training=True), layer(values, training=False)
    assert trained.dtype == predicted.dtype == tensorflow.bfloat16
    np.testing.assert_array_equal(trained.numpy(), predicted.numpy())


# ---- the game ----


@pytest.fixture
def game(model):
    import keras

    from common.game import Player

    def build(**changes):
        networks = [*(model.unet_generator(32, filters=4) for _ in "AB"), *(model.patch_discriminator(4) for _ in "AB")]
        return model.CycleGAN(0, *(Player(network, keras.optimizers.Adam(2e-4, 0.5)) for network in networks),
                              **changes)

    return build


def minibatch():
    random = np.random.default_rng(0)
    return {name: random.integers(0, 256, (2, 32, 32, 3), np.uint8) for name in ("image", "image_b")}


def test_terms_by_hand_of_as_few_passes_as_possible(game, tensorflow):
    """Every image of A is 0.5, of B -0.5; generators add 0.25 and 0.1; both judges say an image's mean."""
    built, passes = game(cycle=10.0, identity=0.5), []

    def player(name, network):
        return SimpleNamespace(network=lambda x, training: passes.append(name) or network(x))

    built.players = {
        "generator_AtoB": player("A to B", lambda x: x + 0.25), "generator_BtoA": player("B to A", lambda x: x + 0.1),
        **{f"discriminator_{domain}": player(domain, lambda x: tensorflow.reduce_mean(x, (1, 2, 3)))
           for domain in "AB"}}
    for name in ("generator_AtoB", "generator_BtoA"):
        setattr(built, name, built.players[name].network)
    a, b = tensorflow.fill((2, 32, 32, 3), 0.5), tensorflow.fill((2, 32, 32, 3), -0.5)
    assert by_name(built.terms(a, b, None)) == pytest.approx({
        "d_A_real": 0.25, "d_A_fake": 0.16, "g_BtoA": 1.96,      # (0.5 - 1)^2, 0.4^2, (-0.4 - 1)^2
        "d_B_real": 2.25, "d_B_fake": 0.5625, "g_AtoB": 0.0625,  # (-0.5 - 1)^2, 0.75^2, (0.75 - 1)^2
        "cycle_A": 3.5, "cycle_B": 3.5,                          # 10 * (0.25 + 0.1)
        "identity_A": 0.5, "identity_B": 1.25}, rel=1e-5)        # 0.5 * 10 * 0.1, 0.5 * 10 * 0.25
    # real, fake and, for the identity, real images of the own domain; D sees real and fake ones
    assert Counter(passes) == {"A to B": 3, "B to A": 3, "A": 2, "B": 2}


def test_each_player_is_moved_by_its_own_loss(game):
    """One backward pass moves two players: neither's own terms may have a gradient by the other's weights."""
    from common import sums

    built = game(identity=0.5)
    images = built.in_range(minibatch())
    own = {"generator_AtoB": ["g_AtoB", "cycle_A", "cycle_B", "identity_B"],
           "generator_BtoA": ["g_BtoA", "cycle_A", "cycle_B", "identity_A"],
           "discriminator_A": ["d_A_real", "d_A_fake"], "discriminator_B": ["d_B_real", "d_B_fake"]}
    with built.tape(*built.players) as tape:
        terms = built.terms(images["image"], images["image_b"], None)
        alone = {player: sums.total(terms[name] for name in names) for player, names in own.items()}
        together = [(players, sums.total(terms[name] for name in names))
                    for players, names in built.losses().items()]
    for players, loss in together:
        for player in players:
            weights = [variable.value for variable in built.players[player].network.trainable_variables]
            for single, both in zip(tape.gradient(alone[player], weights), tape.gradient(loss, weights), strict=True):
                np.testing.assert_allclose(both, single, rtol=1e-4, atol=1e-5 * np.abs(single).max())


def test_a_loss_moves_its_players_and_no_other(game, tensorflow):
    built = game()
    (players, names), _ = built.losses().items()
    built.losses = lambda: {players: names}

    def weights():
        return {name: [variable.numpy() for variable in player.network.trainable_variables]
                for name, player in built.players.items()}

    before = weights()
    built.train_step(minibatch(), tensorflow.constant(0, tensorflow.int64))
    after = weights()
    assert {name for name in before if any(map(np.any, map(np.subtract, before[name], after[name])))} == set(players)


def test_the_pool_fills_then_gives_earlier_images_half_the_time(model, game, tensorflow):
    from common.game import Noise

    pool, shown = model.Pool(3, (1, 1, 1)), []
    for step in range(24):
        fake = tensorflow.fill((1, 1, 1, 1), float(step))
        shown.append(float(pool.exchange(fake, Noise(0, tensorflow.constant(step, tensorflow.int64)))[0, 0, 0, 0]))
    assert shown[:3] == [0.0, 1.0, 2.0]
    earlier = [step for step, value in enumerate(shown) if value < step]
    assert 6 <= len(earlier) <= 15
    assert len({shown[step] for step in earlier}) == len(earlier)  # what was shown again has left the pool
    assert int(pool.count) == 3
    built = game(pool=4)
    states = {id(state) for state in built.other_states()}  # of the checkpoints
    assert len(built.pools) == 2 and all({id(pool.kept), id(pool.count)} <= states for pool in built.pools)


def test_translating_one_picture_does_not_depend_on_the_others(game, model):
    images = minibatch()["image"]
    network = game().generator_AtoB
    np.testing.assert_array_equal(model.translate(network, images)[1:], model.translate(network, images[1:]))


# ---- domains ----


@pytest.fixture(scope="session")
def reds_and_blondes(few_faces, tmp_path_factory):
    """A small set in the course's layout: 20 red, 18 blonde, 2 of both, 8 of neither; three of the red ones Miku."""
    folder = tmp_path_factory.mktemp("domains") / "set"
    shutil.copytree(few_faces, folder)
    rows = ["red hair:1\tblue eyes:1\t"] * 17 + ["red hair:1\thatsune miku:1\tred eyes:1\t"] * 3 + \
        ["blonde hair:1\tblue eyes:1\t"] * 18 + ["red hair:1\tblonde hair:1\t"] * 2 + ["long hair:1\t"] * 8
    (folder / "tags_clean.csv").write_text("".join(f"{number},{row}\n" for number, row in enumerate(rows)))
    return folder


@pytest.fixture
def celeba(tmp_path):
    """A folder as CelebA's: 178x218, 000001.jpg ...; the middle square is red above, blue below, the rest is green."""
    folder = tmp_path / "img_align_celeba"
    folder.mkdir()
    picture = np.zeros((218, 178, 3), np.uint8)
    picture[..., 1] = 255
    picture[20:109], picture[109:198] = (255, 0, 0), (0, 0, 255)
    for number in range(1, 21):
        Image.fromarray(picture).save(folder / f"{number:06d}.jpg", quality=95)
    return folder


@pytest.fixture
def load(reds_and_blondes, tmp_path, monkeypatch):
    """Loads two domains of the small set at 32 pixels."""
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")

    def load(a, b, **changes):
        domains.demand(reds_and_blondes, a, b)
        return domains.load(reds_and_blondes, a, b, 32, **changes)

    return load


def test_images_of_both_domains_are_in_neither_and_held_out_ones_are_never_trained_on(load):
    data = load("red", "blonde")
    parts = [set(domain.rows) | set(domain.held_out) for domain in (data.a, data.b)]
    assert parts == [set(range(20)), set(range(20, 38))]
    assert [len(domain.held_out) for domain in (data.a, data.b)] == [5, 4]  # a quarter
    assert not set(data.a.rows) & set(data.a.held_out)
    data = load("anime", "red")
    assert set(data.b.rows) <= set(range(20)) | {38, 39}
    assert not set(data.a.rows) & set(data.b.held_out) and not set(data.b.rows) & set(data.a.held_out)


def test_anime_takes_all_and_grayscale_has_no_colour(load):
    data = load("grayscale", "anime")
    assert len({*data.a.rows, *data.a.held_out, *data.b.held_out}) == 48
    assert np.ptp(data.a.shown(32, 8), axis=3).max() == 0
    assert np.ptp(data.b.shown(32, 8), axis=3).max() > 50


@pytest.mark.parametrize(("a", "b", "words"), [
    ("red", "red", "--domainA and --domainB are both 'red'"),
    ("red", "blond", "there is no domain 'blond', and no such folder"),
    ("miku", "blonde", "3 images are in domain 'miku' and not in the other one, 8 are needed"),
    ("green", "blonde", "0 images are in domain 'green'")])
def test_a_wrong_domain_is_answered_with_all_domains_and_their_sizes(reds_and_blondes, a, b, words):
    with pytest.raises(UserError, match=words) as error:
        domains.demand(reds_and_blondes, a, b)
    assert "anime 48, grayscale 48, portraits (drawn by code), a folder of images, red 22, blonde 20, red-eyes 3, " \
        "blue-eyes 35, miku 3" in str(error.value)


def test_the_embedded_sets_tags_are_known_without_drawing_it(tmp_path, monkeypatch):
    monkeypatch.setattr(anime_data, "EMBEDDED", tmp_path / "none")
    with pytest.raises(UserError, match="there is no domain 'rad'.*anime 6000"):
        domains.demand(None, "rad", "blonde")


def test_of_a_folder_the_middle_square_is_taken_or_the_face(load, celeba):
    data = load("anime", str(celeba))
    picture = data.b.shown(32, 1)[0].astype(int)
    assert (picture[:14, :, 0] > 200).all() and (picture[18:, :, 2] > 200).all()
    assert (picture[..., 1] < 120).all()  # nothing of what is above and below
    assert data.origin.other_pictures == [str(celeba)]  # so tools/results.py publishes no picture of it
    left, top, right, bottom = FACE_BOX
    assert (right - left) * 178 == pytest.approx((bottom - top) * 218, abs=1)  # a square
    assert not np.array_equal(load("anime", str(celeba), align=True).b.shown(32, 1)[0], picture)


def test_batches_are_cut_mirrored_and_the_same_again(load):
    data = load("red", "blonde")
    assert data.a.images.shape[1:] == (36, 36, 3)  # 32 * 143 / 128
    pairs, again = (domains.Pairs(data.a, data.b, 32, 4, seed=0) for _ in range(2))
    assert pairs.steps_per_epoch == 3  # 15 and 14 pictures, by four
    for step in (0, 7):
        minibatch = pairs.at(step)
        assert minibatch["image"].shape == minibatch["image_b"].shape == (4, 32, 32, 3)
        for name, value in minibatch.items():
            np.testing.assert_array_equal(value, again.at(step)[name])
    assert not np.array_equal(pairs.at(0)["image"], pairs.at(1)["image"])
    assert len(list(pairs.stream(5, 8))) == 3


# ---- measures ----


def test_hue_is_a_circles_mean_weighed_by_saturation(tensorflow):
    from cyclegan_style.measures import hue

    picture = np.array([[[[255, 0, 0], [255, 0, 64], [255, 64, 0], [128, 128, 128]]]], np.uint8)  # 0, 345, 15, grey
    everywhere = np.ones(picture.shape[:3], bool)
    assert abs((hue(picture, everywhere) + 180) % 360 - 180) < 0.5
    assert hue(picture, ~everywhere) is None
    assert hue(np.full_like(picture, 90), everywhere) is None


def test_hair_is_what_is_of_its_colour_in_the_upper_part(tensorflow):
    from cyclegan_style.measures import hair

    picture = np.full((1, 10, 10, 3), (200, 20, 20), np.uint8)
    picture[0, 0] = (60, 60, 200)
    picture[0, 1] = (200, 190, 185)  # pale
    region = hair(picture, "red")[0]
    assert region[2:4].all() and not region[:2].any() and not region[4:].any()


# ---- the scripts ----


def test_defaults_are_the_reports_or_marked_as_assumed():
    config = Config()
    assert (config.domainA, config.domainB, config.batch_size, config.image_size, config.lr, config.beta_1,
            config.cycle) == ("red", "blonde", 4, 128, 2e-4, 0.5, 10.0)
    assert (config.identity, config.pool, config.decay, config.align, config.epochs) == (0.0, 0, 0.0, False, 10)
    assert assumed(Config) == {"seed", "image_size", "epochs", "lr", "beta_1", "cycle"}


@pytest.mark.parametrize(("words", "variant"), [
    ("", "red_to_blonde"), ("--domainA blue-eyes --domainB miku", "blue_eyes_to_miku"),
    ("--domainA anime --domainB a/img_align_celeba --align", "anime_to_img_align_celeba_aligned")])
def test_each_pair_has_its_own_run_folder(words, variant):
    assert parse(Config, words.split()).variant == variant


@pytest.mark.parametrize(("words", "message"), [
    ("--image-size 96", "--image-size 96: the U-Net needs a power of 2"), ("--image-size 16", "must be from 32 to 512"),
    ("--align", "--align cuts portraits and folders, but neither domain is one"),
    ("--domainA portraits --domainB . --data .", "--data has the tagged faces, but neither domain uses them")])
def test_values_that_make_no_sense(words, message):
    with pytest.raises(UserError, match=message):
        parse(Config, words.split())


def test_a_folder_is_the_same_domain_however_it_is_spelled(celeba, monkeypatch):
    monkeypatch.chdir(celeba.parent)
    (celeba.parent / "red").mkdir()
    spelled = [parse(Config, ["--domainB", name]).domainB for name in
               ("img_align_celeba", "./img_align_celeba/", str(celeba))]
    assert spelled == [str(celeba)] * 3
    config = parse(Config, ["--domainA", "./red", "--domainB", "red"])
    assert (config.domainA, config.domainB, config.variant) == (str(celeba.parent / "red"), "red", "red_folder_to_red")
    with pytest.raises(UserError, match="red: no images; give the folder"):
        domains.demand(None, config.domainA, "anime")


def test_options_reach_the_game_and_a_run_is_measured(built, reds_and_blondes, monkeypatch, shared_cache):
    from common.anime import judge
    from cyclegan_style import train

    monkeypatch.setattr(judge, "CACHE", Path(shared_cache))
    made = built(train, "--preset", "smoke", "--data", reds_and_blondes, "--steps", 8, "--pool", 3, "--identity", 0.5,
                 "--cycle", 7, "--decay", 0.5, "--lr", 1e-3, "--beta-1", 0.25)
    game = made.game
    assert (game.identity, game.cycle, [pool.size for pool in game.pools]) == (0.5, 7.0, [3, 3])
    assert rates(game) == dict.fromkeys(game.players, ("Adam", 1e-3, 0.25, 0.999))
    assert game.players["discriminator_B"].optimizer._learning_rate.get_config() == {
        "rate": 1e-3, "warm_up": 0, "cool_down": 4, "total": 8}
    assert game.generator_AtoB.output_shape == (None, 32, 32, 3)
    measured, _ = made.evaluation.measure()
    assert measured["translation"].keys() == measured["hair_hue"].keys() == {"AtoB", "BtoA"}
    assert measured["domains"]["A"] == {"name": "red", "pictures": 15, "held_out": 5}


@pytest.mark.slow
def test_smoke_from_another_folder_then_translates(script, reds_and_blondes, celeba, tmp_path):
    run = tmp_path / "run"
    script("cyclegan_style/train.py", "--preset", "smoke", "--data", reds_and_blondes, "--out", run, "--steps", 1,
           "--no-evaluate")
    for number in range(7, 21):
        (celeba / f"{number:06d}.jpg").unlink()
    (celeba / "000003.jpg").write_bytes(b"no image")
    Image.new("RGBA", (40, 30), (0, 0, 255, 128)).save(celeba / "clear.png")
    done = script("cyclegan_style/translate.py", celeba, "--run", run, "--direction", "BtoA")
    assert "note: image 000003.jpg left out: not an image of a known kind" in done.stdout
    assert len(list((run / "translated" / "BtoA").iterdir())) == 6
    assert Image.open(run / "translated" / "BtoA" / "000001.png").size == (32, 32)
    make_pipe(celeba / "pipe.png")
    Image.new("RGB", (1, 1)).save(celeba / "pixel.png")
    for picture, more, message in ((celeba / "clear.png", ("--out", str(celeba)), "clear.png would be overwritten"),
                                   (celeba / "000003.jpg", (), "000003.jpg: not an image of a known kind; give ano"),
                                   (celeba / "pixel.png", (), "pixel.png: 1x1 pixels; no side may be shorter than 16"),
                                   (celeba / "pipe.png", (), "pipe.png: no such file or folder")):
        with pytest.raises(UserError, match=message):
            translate.main(parse(translate.Options, ["--pictures", str(picture), "--run", str(run), *more]))


@pytest.mark.long
def test_killed_and_run_again_is_the_same_to_the_bit(reds_and_blondes, killed):
    killed("cyclegan_style/train.py", "cyclegan_style/red_to_blonde", "--data", reds_and_blondes, "--pool", 3,
           measured=False)
