"""common/sampling.py: options, text files, generators from disk."""

import numpy as np
import pytest

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
