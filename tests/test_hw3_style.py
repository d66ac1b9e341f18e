"""hw3_dcgan_lsgan, style transfer: MSG-Net's layers, the perceptual loss, the pictures, train_style.py, stylize.py."""

import json

import numpy as np
import pytest
from conftest import assumed, by_name, frozen, rows
from PIL import Image

from common import datasets
from common.errors import StorageError, UserError
from common.files import targets
from common.options import Common, parse, words_first
from common.runs import Run
from hw3_dcgan_lsgan import pencil, pictures, stylize, train_style


@pytest.fixture
def msgnet(tensorflow):
    from hw3_dcgan_lsgan import msgnet

    tensorflow.keras.utils.set_random_seed(0)
    return msgnet


@pytest.fixture
def transfer(tensorflow):
    from hw3_dcgan_lsgan import transfer

    return transfer


# ---- the network ----

PLACES = np.array([[[[1.0, 2.0], [3.0, 4.0]]]], np.float32)  # a 1x2 picture of two channels


def test_gram_by_hand_and_in_float32_under_bfloat16(msgnet, tensorflow):
    from common import runtime

    np.testing.assert_allclose(msgnet.gram(PLACES)[0], [[10 / 4, 14 / 4], [14 / 4, 20 / 4]])
    with runtime.policy("bfloat16"):
        gram = msgnet.Gram(dtype="float32")(tensorflow.ones((1, 40, 40, 2), "bfloat16"))
    assert gram.dtype == "float32"
    np.testing.assert_array_equal(gram[0], np.full((2, 2), 0.5))  # bfloat16 sums stop at 256


def test_comatch_by_hand(msgnet):
    layer = msgnet.CoMatch()
    target = np.array([[[1.0, 1.0], [1.0, 2.0]]], np.float32)
    layer([PLACES, target])
    layer.w.assign([[1.0, 2.0], [0.0, 1.0]])  # W G = [[3, 5], [1, 2]]
    np.testing.assert_allclose(layer([PLACES, target]), [[[[5.0, 9.0], [13.0, 23.0]]]])


def test_instance_norm_by_hand(msgnet, tensorflow):
    layer, images = msgnet.InstanceNormalization(), np.concatenate([PLACES, 10 * PLACES])
    unknown_batch = tensorflow.function(layer, input_signature=[tensorflow.TensorSpec((None, 1, 2, 2))])
    for normalise in (layer, unknown_batch):
        np.testing.assert_allclose(normalise(images), [[[[-1.0, -1.0], [1.0, 1.0]]]] * 2, atol=1e-4)


def test_reflection_does_not_repeat_the_edge(msgnet):
    picture = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)[None, ..., None]
    np.testing.assert_array_equal(msgnet.ReflectionPadding2D(1)(picture)[0, ..., 0],
                                  [[4, 3, 4, 3], [2, 1, 2, 1], [4, 3, 4, 3], [2, 1, 2, 1]])


BLOCK = [65_664, 147_584, 66_048]  # 512 -> 128 (1x1), 3x3, 128 -> 512 (1x1)


def test_parameters_of_every_layer(msgnet):
    network = msgnet.msgnet()
    assert (network.count_params(), frozen(network)) == (2_386_147, 0)
    shared = network.get_layer("encoder")
    assert sorted(count for _, count in rows(shared, "Conv2D")) == sorted([
        9_472, 8_320, 2_080, 9_248, 4_224, 66_048, 16_512, 147_584, 66_048])
    assert network.get_layer("comatch").count_params() == 262_144
    assert sorted(count for _, count in rows(network, "Conv2D")) == sorted([
        *BLOCK * 6, 65_664, 16_416, 9_248, 4_224, 8_256, 2_064, 2_320, 1_088, 9_411])
    assert sum(count for _, count in rows(network, "InstanceNormalization")) == 0


def test_an_image_keeps_its_size_and_the_saved_network_gives_the_same(msgnet, tensorflow, tmp_path):
    network = msgnet.msgnet(filters=8, blocks=1)
    for height, width in ((5, 5), (6, 9), (37, 50)):
        image = network([tensorflow.zeros((2, height, width, 3)), tensorflow.zeros((1, 9, 7, 3))])
        assert (image.shape, image.dtype) == ((2, height, width, 3), "float32")
    photo, style = tensorflow.constant(np.random.default_rng(0).uniform(-1, 1, (2, 1, 21, 18, 3)), "float32")
    network.save(tmp_path / "transfer.keras")
    again = stylize.load(tmp_path / "transfer.keras")([photo, style])  # in safe mode
    np.testing.assert_array_equal(again, network([photo, style]))
    assert np.abs(network([photo, -style]) - again).max() > 1e-4  # the style counts


# ---- the loss ----


class Identity:
    """A feature network whose features are the picture itself."""

    def __call__(self, picture):
        return [picture] * 4

    def content(self, picture):
        return picture


@pytest.fixture
def game(transfer, msgnet):
    import keras

    from common.game import Player

    def build(levels=(255,), **changes):
        styles, white = (np.stack([np.full((8, 8, 3), level, np.uint8) for level in group])
                         for group in (levels, (255, 255)))
        player = Player(msgnet.msgnet(filters=4, blocks=1), keras.optimizers.Adam(1e-3))
        return transfer.StyleTransfer(0, player, Identity(), styles, white, **changes)

    return build


def test_the_terms_by_hand(game):
    # white has the Gram matrix 1/3 everywhere, half of it a quarter of that: (1 - 1/4)^2 = 0.5625
    plain, weighted = game(), game(content_weight=3.0, style_weight=7.0)
    for level, content, style in ((1.0, 0.0, 0.0), (0.0, 1.0, 5.0), (0.5, 0.25, 5 * 0.5625)):
        photo, image = (np.full((1, 8, 8, 3), value, np.float32) for value in (1.0, level))
        for built, expected in ((plain, (content, style)), (weighted, (3 * content, 7 * style / 5))):
            terms = by_name(built.terms(photo, image, 0))
            assert (terms["content"], terms["style"]) == pytest.approx(expected, abs=1e-5)


def test_a_step_moves_every_weight_and_each_step_takes_the_next_style(game, tensorflow):
    built, seen = game(levels=(200, 128)), []
    own_terms, before = built.terms, built.transfer.get_weights()
    built.terms = lambda photo, image, number: seen.append(int(number)) or own_terms(photo, image, number)
    photo = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    for step in range(3):
        terms = built.train_step({"image": photo}, tensorflow.constant(step, tensorflow.int64))
    assert seen == [0, 1, 0] and set(terms) == {"content", "style"}
    for variable, old in zip(built.transfer.weights, before, strict=True):
        # a bias before an instance normalisation has no effect, hence no gradient
        assert not np.array_equal(variable.numpy(), old) or variable.path.endswith("bias"), variable.path


def test_recoloured_has_the_styles_colours(transfer):
    random = np.random.default_rng(0)
    photo, style = (random.normal(0, 0.1, (1, 32, 32, 3)) @ random.normal(0, 0.7, (3, 3)) for _ in range(2))
    photo, style = np.float32(photo + 0.2), np.float32(style - 0.3)
    result = transfer.colours(transfer.recoloured(photo, style))
    for expected, value in zip(transfer.colours(style)[1:], result[1:], strict=True):
        np.testing.assert_allclose(value, expected, atol=2e-3)


def test_a_grey_style_makes_grey_and_a_colourful_one_leaves_all_hues(transfer):
    random = np.random.default_rng(0)
    grey = np.float32(np.repeat(random.uniform(-0.2, 0.6, (1, 16, 16, 1)), 3, axis=3))
    level = random.uniform(-0.5, 0.5, (1, 16, 16, 1))
    photo = np.float32(level * [1.0, 0.8, 0.6] + random.normal(0, 0.02, (1, 16, 16, 3)))
    result = transfer.recoloured(photo, grey).numpy()
    assert np.ptp(result, axis=3).max() < 0.01
    assert np.corrcoef(result.mean(3).ravel(), level.ravel())[0, 1] > 0.95  # dark stays dark
    image, colourful = np.float32(random.uniform(-1, 1, (2, 2, 9, 9, 3)))
    np.testing.assert_allclose(transfer.without_other_hues(image, grey),
                               np.repeat(image.mean(3, keepdims=True), 3, axis=3), atol=1e-5)
    np.testing.assert_allclose(transfer.without_other_hues(image, colourful[:1]), image, atol=1e-5)


def test_drawings_are_measured_beside_grey_and_untouched_photos(game):
    from hw3_dcgan_lsgan import measures

    built = game()
    built.stylize = lambda photos, number: np.full_like(photos, 255)
    photos = np.zeros((2, 8, 8, 3), np.uint8)
    photos[..., 0] = 255  # red, the grey of which is 76
    sections, verdict = measures.StyleMeasures(built, photos, {"kind": "random"}).measure()
    grey = 2 * 76 / 255 - 1
    assert sections["style"] == pytest.approx({
        "drawing": 0.0, "photo": 5 * (4 / 9) * 4, "grey": 5 * (1 - grey**2) ** 2,  # 4 of 9 pairs of channels: 1 and -1
        "n": 2}, rel=1e-3, abs=1e-6)
    assert sections["content"] == pytest.approx({
        "drawing": 8 / 3, "photo": 0.0, "grey": ((1 - grey) ** 2 + 2 * (-1 - grey) ** 2) / 3, "n": 2}, rel=1e-3,
        abs=1e-6)
    assert sections["features"] == {"kind": "random"}
    assert verdict.endswith("nearer to the style than a grey photo")


# ---- the feature network ----


@pytest.fixture
def run(tmp_path):
    return Run(Common(out=tmp_path / "run", steps=1))


@pytest.fixture
def features(tensorflow, tmp_path, monkeypatch):
    from hw3_dcgan_lsgan import features

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return features


NOISE = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)


def test_prepared_as_vgg_was_trained(features):
    white, red = (features.prepared(np.array([[[colour]]], np.float32))[0, 0, 0]
                  for colour in ([1.0, 1.0, 1.0], [1.0, -1.0, -1.0]))
    np.testing.assert_allclose(white, [255 - 103.939, 255 - 116.779, 255 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(red, [-103.939, -116.779, 255 - 123.68], rtol=1e-6)


def test_auto_without_weights_is_random_with_activations_of_mean_1(features, run, monkeypatch, capsys):
    monkeypatch.setattr(features, "_download", lambda: pytest.fail("asks the network"))
    judge = features.load(run, "auto", NOISE)
    assert run.info["features"] == {"kind": "random", "seed": 0, "scaled_by": 2}
    assert "random filters" in run.info["substitutions"][0] and "note: --features auto" in capsys.readouterr().out
    values = judge(np.float32(NOISE) / 127.5 - 1)
    assert [value.shape[-1] for value in values] == [64, 128, 256, 512]
    assert [float(np.mean(value)) for value in values] == pytest.approx([1.0] * 4, rel=1e-3)
    np.testing.assert_array_equal(judge.content(np.float32(NOISE) / 127.5 - 1), values[1])
    assert judge.random and not judge.network.trainable_variables


def test_a_file_of_weights(features, run, tmp_path):
    import keras

    vgg = keras.applications.VGG16(weights=None, include_top=False)
    vgg.save_weights(tmp_path / "vgg.weights.h5")
    judge = features.load(run, str(tmp_path / "vgg.weights.h5"), NOISE)
    assert run.info["features"]["kind"] == "file" and len(run.info["features"]["sha256"]) == 64
    np.testing.assert_array_equal(judge.network.get_layer("block4_conv3").kernel, vgg.get_layer("block4_conv3").kernel)
    with pytest.raises(UserError, match="is not a file; give VGG16's weights"):
        features.load(run, str(tmp_path / "none.h5"), NOISE)


@pytest.mark.parametrize("asked", ["file", "auto"])
def test_weights_of_another_network_are_one_line(features, run, tmp_path, recwarn, asked):
    import keras

    path = tmp_path / "other.keras" if asked == "file" else features.cache()  # what Keras has downloaded before
    path.parent.mkdir(parents=True, exist_ok=True)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save(tmp_path / "other.keras")
    other.save_weights(tmp_path / "other.weights.h5")
    if asked == "auto":
        (tmp_path / "other.weights.h5").rename(path)
    with pytest.raises(UserError, match=f"{path} cannot be loaded .*; give VGG16's weights without its top") as error:
        features.load(run, str(path) if asked == "file" else "auto", NOISE)
    assert len(str(error.value).splitlines()) == 1
    assert not [str(warning.message) for warning in recwarn if warning.category is UserWarning]


def test_imagenet_without_internet_is_one_line(features, run, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="--features imagenet: Keras cannot fetch the weights") as error:
        features.load(run, "imagenet", NOISE)
    assert len(str(error.value).splitlines()) == 1


# ---- the pictures ----


def test_the_drawing_is_grey_light_and_always_the_same():
    drawing = pencil.draw(128)
    assert (drawing.shape, drawing.dtype) == ((128, 128, 3), np.uint8)
    assert (drawing == drawing[..., :1]).all()
    assert 120 < drawing.mean() < 210 and np.percentile(drawing, 1) < 110 and np.percentile(drawing, 99) > 225
    np.testing.assert_array_equal(drawing, pencil.draw(128))


def test_embedded_photos_are_local_and_others_than_those_held_out(tmp_path):
    material = pictures.load(None, (), (), 32, 40)
    assert (material.photos.shape, material.held_out.shape, material.styles.shape) == (
        (240, 32, 32, 3), (4, 256, 256, 3), (1, 40, 40, 3))
    assert not set(pictures.TRAINED) & {name for name, _ in pictures.HELD_OUT}
    assert [text.split(":")[0] for text in material.origin.substitutions] == ["no --content", "no --style"]
    assert material.origin.identity["data"].keys() >= {"photos_sha256", "styles_sha256"}
    material.save_styles(tmp_path)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "1.png")), material.styles[0])


def test_given_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    folder, pencil_file = tmp_path / "data" / "photos", tmp_path / "data" / "style" / "pencil.jpg"
    folder.mkdir(parents=True)
    pencil_file.parent.mkdir()
    for level in range(9):
        Image.new("RGB", (30, 20), (level, 0, 0)).save(folder / f"{level}.png")
    Image.new("L", (30, 20), 77).save(pencil_file)
    material = pictures.load(folder, (), [tmp_path / "data"], 16, 24)
    assert material.photos[material.rows][:, 0, 0, 0].tolist() == [1, 3, 4, 6, 7]
    assert material.held_out[:, 0, 0, 0].tolist() == [0, 2, 5, 8]
    assert (material.styles == 77).all() and material.styles.shape == (1, 24, 24, 3)
    assert (material.origin.substitutions, material.origin.other_pictures) == ((), [str(pencil_file)])
    Image.new("RGB", (24, 24), "red").save(tmp_path / "red.png")
    other = pictures.load(folder, [tmp_path / "red.png"], (), 16, 24).origin.identity["data"]
    assert {key for key, value in material.origin.identity["data"].items() if other[key] != value} == \
        {"styles", "styles_sha256"}


def test_bad_images_and_links_to_themselves_are_named_and_a_square_is_cut_from_the_middle(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, words in (("text.jpg", "not an image of a known kind; give another"), ("none.jpg", "no such file"),
                        ("loop.png", "no such file"), (".", "is a folder; give a file in it")):
        with pytest.raises(UserError, match=f"{tmp_path / name}: {words}"):
            pictures.read(tmp_path / name)
    assert targets([tmp_path / "loop.png"], tmp_path / "out") == {tmp_path / "loop.png": tmp_path / "out" / "loop.png"}
    with pytest.raises(UserError, match="loop.png would be overwritten"):
        targets([tmp_path / "loop.png"], tmp_path)
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste((0, 0, 0), (8, 0, 32, 20))
    assert (pictures.square(picture, 10) <= 1).all()  # cut from the middle


# ---- the scripts ----


def test_defaults_are_the_papers_or_marked_as_assumed(tmp_path):
    config = train_style.Config()
    assert (config.lr, config.batch_size, config.size, config.content_weight, config.style_weight, config.variant) == \
        (1e-3, 4, 256, 1.0, 5.0, "msgnet")
    assert assumed(config) == \
        {"steps", "seed", "style_size", "features", "recolour", "warm_up", "clip", "cool_down"}
    with pytest.raises(UserError, match="--content not/there: no such folder"):
        parse(train_style.Config, ["--content", "not/there"])
    (tmp_path / "photos.zip").touch()
    with pytest.raises(UserError, match=r"--content .*photos\.zip: is an archive; unpack it, and give the folder"):
        parse(train_style.Config, ["--content", str(tmp_path / "photos.zip")])


def test_stylize_says_what_makes_no_sense(tmp_path):
    for argv, message in (("", "no photo"), ("a/x.jpg b/x.png", "two photos are named x"),
                          ("x.jpg --longest 3", "must be 16 or more")):
        with pytest.raises(UserError, match=message):
            parse(stylize.Options, words_first("--photos", argv.split()))
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "1.png").touch()
    assert stylize.style_file(tmp_path, "1") == tmp_path / "styles" / "1.png"
    for style in ("2", "01", "9" * 5000):
        with pytest.raises(UserError, match=f"--style {style}: must be from 1 to 1"):
            stylize.style_file(tmp_path, style)


def test_photos_fit_the_memory_or_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(stylize, "free_memory", lambda: stylize.BYTES_A_PIXEL * 100 * 100)
    for size, longest, fitted in (((100, 100), None, (100, 100)), ((400, 100), 200, (200, 50))):
        assert stylize.fit(tmp_path, Image.new("RGB", size), longest).size == fitted
    for size, words in (((400, 100), "400x100 pixels need .* give --longest 200"),
                        ((100, 9), "no side may be shorter than 16")):
        with pytest.raises(UserError, match=words):
            stylize.fit(tmp_path, Image.new("RGB", size), None)


V1 = "4:memory:/docker/a1\n1:cpu:/docker/a1\n0::/\n"
USED_1 = {"memory.usage_in_bytes": "1000000000", "memory.stat": "inactive_file 7\ntotal_inactive_file 200000000\n"}
USED_2 = {"memory.current": "1000000000", "memory.stat": "anon 5\ninactive_file 200000000\n"}


@pytest.mark.parametrize(("groups", "folder", "files", "free"), [
    (V1, "memory", USED_1 | {"memory.limit_in_bytes": "3000000000"}, 1.3),  # a container sees its group as the root
    (V1, "memory/docker/a1", USED_1 | {"memory.limit_in_bytes": "3000000000"}, 1.3),
    (V1, "memory", USED_1 | {"memory.limit_in_bytes": "9223372036854771712"}, 9.34),
    ("0::/\n", "", USED_2 | {"memory.max": "3000000000"}, 1.3),
    ("0::/user/job.scope\n", "user", USED_2 | {"memory.max": "3000000000"}, 1.3),  # a limit of an outer group
    ("0::/\n", "", USED_2 | {"memory.max": "max"}, 9.34),
    ("0::/\n", "", USED_2 | {"memory.max": "1300000000"}, 0),  # less than TensorFlow itself takes
    (None, "", {}, 9.34)])
def test_a_containers_limit_counts(tmp_path, groups, folder, files, free):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 20000000 kB\nMemAvailable: 10000000 kB\n")
    if groups:
        (tmp_path / "proc/self/cgroup").write_text(groups)
    (tmp_path / "sys/fs/cgroup" / folder).mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "sys/fs/cgroup" / folder / name).write_text(content)
    assert stylize.free_memory(tmp_path) == free * 1e9


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 200), (8, 3), (300, 15)])
def test_a_style_that_is_too_small_is_named(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "style.png")
    with pytest.raises(UserError, match=rf"style.png: {size[0]}x{size[1]} pixels; no side may be shorter than 16$"):
        pictures.style(tmp_path / "style.png", 512)
    with pytest.raises(UserError, match="no side may be shorter than 16$"):
        pictures.load(None, [tmp_path / "style.png"], (), 32, 40)


def test_a_style_of_any_size_is_as_in_training(tmp_path):
    Image.effect_noise((3000, 2000), 90).save(tmp_path / "style.png")
    trained_on = pictures.load(None, [tmp_path / "style.png"], (), 32, 40).styles[0]
    assert trained_on.shape == (40, 40, 3)
    np.testing.assert_array_equal(pictures.style(tmp_path / "style.png", 40), trained_on)


def test_no_run_an_unfinished_one_and_a_damaged_one(tmp_path, tensorflow):
    with pytest.raises(UserError, match="holds no trained run; train it with: python hw3_dcgan_lsgan/train_style.py"):
        stylize.find(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="is not finished"):
        stylize.find(tmp_path)
    (tmp_path / "transfer.keras").write_bytes(b"no zip")
    with pytest.raises(StorageError, match="transfer.keras: cannot be loaded"):
        stylize.load(stylize.find(tmp_path))


@pytest.mark.slow
def test_smoke_then_photos_of_odd_sizes(script, tmp_path):
    run, grey = tmp_path / "run", tmp_path / "grey.jpg"
    Image.new("L", (60, 50), 90).save(grey)
    words = "hw3_dcgan_lsgan/train_style.py", "--preset", "smoke", "--out", run, "--features", "random", "--style"
    script(*words, grey, grey)
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["step"], metrics["variant"], metrics["style"]["n"]) == (4, "msgnet", 4)
    assert min(metrics["style"].values()) > 0 and metrics["verdict"].startswith("style loss ")
    assert Image.open(run / "progress.webp").n_frames == 3
    config = json.loads((run / "config.json").read_text())
    assert any("in the style's colours" in text for text in config["substitutions"])
    assert config["data"]["styles"] == ["grey.jpg", "grey.jpg"]
    quarter_turn = Image.Exif()
    quarter_turn[0x0112] = 6
    Image.new("RGB", (41, 22), "red").save(tmp_path / "turned.jpg", exif=quarter_turn)
    Image.new("RGBA", (33, 50), (0, 0, 255, 128)).save(tmp_path / "clear.png")
    script("hw3_dcgan_lsgan/stylize.py", tmp_path / "turned.jpg", tmp_path / "clear.png", "--run", run, "--style", "2")
    sizes = {path.name: Image.open(path).size for path in (run / "stylized").iterdir()}
    assert sizes == {"turned.png": (22, 41), "clear.png": (33, 50)}
    assert np.ptp(np.asarray(Image.open(run / "stylized" / "clear.png")), axis=2).max() <= 1  # as grey as the style
    script(*words, grey, grey)  # measures it again
    assert json.loads((run / "metrics.json").read_text()) == metrics


@pytest.mark.long
def test_killed_and_run_again_is_the_same_to_the_bit(killed):
    killed("hw3_dcgan_lsgan/train_style.py", "hw3_dcgan_lsgan/msgnet", measured=False)
