"""common/sampling.py: options, text files, generators from disk."""

import importlib
import json

import numpy as np
import pytest
from conftest import ROOT

from common import sampling
from common.anime import tags
from common.anime.sampling import Options, read_text, table
from common.errors import StorageError, UserError
from common.options import parse

INPUTS = {"z": (sampling.ANY,), "hair": (), "eyes": ()}


@pytest.mark.parametrize(("words", "message"), [
    ("", "nothing to draw"), ("--hair blue", "give both"), ("--text a.txt --hair blue --eyes red", "exclude each"),
    ("--chart --count 0", "--count 0: must be from 1 to 10000"),
    (f"--chart --count {10**20}", f"--count {10**20}: must be"), ("--chart --seed -1", "--seed -1: must be from 0 to")])
def test_what_makes_no_sense_is_said(words, message):
    with pytest.raises(UserError, match=message):
        parse(Options, words.split())


def test_unknown_colour_on_the_command_line(capsys):
    with pytest.raises(SystemExit) as end:
        parse(Options, ["--hair", "yellow", "--eyes", "red"])
    assert end.value.code == 2


def test_text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("1,blue hair red eyes\n\n12,orange hair gray eyes\r\n")
    assert read_text(path) == [(1, 8, 9), (12, 0, 0)]


@pytest.mark.parametrize("row", ["2,yellow hair red eyes", "x,blue hair red eyes", "2,blue hair", "blue hair red eyes",
                                 "1,blue hair red eyes", "2,"])
def test_a_bad_line_is_named(tmp_path, row):
    path = tmp_path / "text.txt"
    path.write_text(f"1,blue hair red eyes\n{row}\n")
    with pytest.raises(UserError, match=r"text\.txt:2: "):
        read_text(path)


def test_a_line_that_asks_for_less_than_a_pair_is_named(tmp_path):
    (tmp_path / "text.txt").write_text("7,blue hair:3\tred eyes:1\t\n\n5,blue hair:3\t\n1,long hair:3\t\n")
    with pytest.raises(UserError, match=r"text\.txt:4: id 1 does not ask for one hair and one eye colour; write it as"):
        read_text(tmp_path / "text.txt")


def test_text_files_of_the_course(mini):
    assert read_text(mini / "text" / "sample_testing_text.txt")[0] == (1, 8, 10)
    assert len(read_text(mini / "text" / "testing_tags.txt")) == 25


SAMPLERS = {"hw4_acgan/sample.py": "--hair red --eyes blue", "wgan_gp_text/sample.py": "--chart",
            "text2image_cdcgan/sample.py": "--chart", "hw3_dcgan_lsgan/sample.py": "--count 3",
            "lab5_cgan/sample.py": "--objects RED", "cyclegan_style/translate.py": "--pictures a.png",
            "hw3_dcgan_lsgan/stylize.py": "--photos a.png"}


def sampled(sampler, run):
    """What a sampler says of a run that is not for it."""
    script = importlib.import_module(sampler[:-3].replace("/", "."))
    words = [word.replace("RED", "red cube") for word in SAMPLERS[sampler].split()]
    with pytest.raises(UserError) as error:
        script.main(parse(script.Options, [*words, "--run", str(run)]))
    return str(error.value)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_wrong_sampler_for_a_run_names_the_right_one(tmp_path, sampler):
    run = tmp_path / "a run"
    right = "lab5_cgan/sample.py" if sampler == "hw4_acgan/sample.py" else "hw4_acgan/sample.py"
    run.mkdir()
    info = {"report": {"folder": right.split("/")[0], "variant": "v"}, "settings": {}}
    for named in ({"sampler": right}, {}):  # the older runs do not name theirs
        (run / "config.json").write_text(json.dumps(info | named))
        assert sampled(sampler, run) == f"--run {run}: is a run for another sampler; use: python {right} --run '{run}'"


def test_a_run_of_the_same_report_for_another_sampler(tmp_path):
    info = {"report": {"folder": "hw3_dcgan_lsgan", "variant": "msgnet"}, "settings": {}}
    (tmp_path / "config.json").write_text(json.dumps(info | {"sampler": "hw3_dcgan_lsgan/stylize.py"}))
    assert sampled("hw3_dcgan_lsgan/sample.py", tmp_path).endswith(
        f"; use: python hw3_dcgan_lsgan/stylize.py --run {tmp_path}")
    info["report"]["variant"] = "text2image_best"
    (tmp_path / "config.json").write_text(json.dumps(info | {"sampler": "hw3_dcgan_lsgan/sample.py"}))
    assert sampled("hw3_dcgan_lsgan/sample.py", tmp_path) == \
        f"--run {tmp_path}: its images have a condition; give --text FILE, --hair COLOUR --eyes COLOUR, or --chart"


def test_every_training_names_a_sampler_that_there_is():
    found = set()
    for script in [path for folder in ROOT.glob("*/claims.json") for path in folder.parent.glob("train*.py")]:
        config = importlib.import_module(f"{script.parent.name}.{script.stem}").Config
        assert (ROOT / config.FOLDER / config.SAMPLER).is_file(), script
        found.add(f"{config.FOLDER}/{config.SAMPLER}")
    assert found == set(SAMPLERS)


def test_an_unfinished_run_is_trained_on_by_its_own_command(tmp_path):
    run = tmp_path / "lr=[1e-4] 2"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({
        "report": {"folder": "hw4_acgan", "variant": "acgan"}, "settings": {}, "sampler": "hw4_acgan/sample.py",
        "command": "python hw4_acgan/train.py --preset smoke --out runs/old --overwrite --lr 1e-3"}))
    assert sampled("hw4_acgan/sample.py", run) == \
        f"{run} is not finished; train it with: python hw4_acgan/train.py --preset smoke --lr 1e-3 --out '{run}'"


def test_noise_is_a_function_of_seed_and_condition():
    first = sampling.noise(0, 1, 3, 100)
    assert (first.dtype, first.shape) == (np.float32, (3, 100))
    np.testing.assert_array_equal(first, sampling.noise(0, 1, 3, 100))
    np.testing.assert_array_equal(first[:2], sampling.noise(0, 1, 2, 100))
    assert not np.array_equal(first, sampling.noise(0, 2, 3, 100))


def test_a_damaged_generator_is_named(tmp_path, tensorflow):
    (tmp_path / "generator.keras").write_bytes(b"not a zip")
    with pytest.raises(StorageError, match="generator.keras: cannot be loaded"):
        sampling.load_network(tmp_path / "generator.keras", "python train.py", INPUTS)


def test_a_flipped_byte_and_another_network_are_named(tmp_path, tensorflow):
    import keras

    path = tmp_path / "generator.keras"
    keras.Sequential([keras.Input((2,), name="image"), keras.layers.Dense(1)]).save(path)
    with pytest.raises(StorageError, match="takes image, not z, hair, eyes: it is another network; give another --run"):
        sampling.load_network(tmp_path / "generator.keras", "python train.py", INPUTS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(StorageError, match="cannot be loaded"):
        sampling.load_network(tmp_path / "generator.keras", "python train.py", INPUTS)


def test_a_generator_that_would_run_code_is_refused(tmp_path, tensorflow):
    import keras

    network = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    network.save(tmp_path / "generator.keras")
    with pytest.raises(StorageError, match="cannot be loaded"):
        sampling.load_network(tmp_path / "generator.keras", "python train.py", INPUTS)


def test_every_cell_of_a_table_is_its_condition():
    asked = []

    def draw(z, hair, eyes):
        asked.append((z, hair, eyes))
        return np.zeros((len(z), 64, 64, 3), np.uint8)

    page = table(draw, 100, tags.EYES)
    z, hair, eyes = asked[0]
    assert z.shape == (132, 100)
    assert hair[:13].tolist() == [*range(12), 0]
    assert eyes[:13].tolist() == [0] * 12 + [1]
    np.testing.assert_array_equal(z[0], z[11])
    assert not np.array_equal(z[0], z[12])
    assert page.width > 12 * 64
