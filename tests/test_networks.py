"""common/networks.py: a network that measures is made once, and anew where what is kept is not whole."""

import json

import numpy as np
import pytest

from common.errors import StorageError


@pytest.fixture
def kept(tensorflow, tmp_path):
    """Asks for a tiny network, and counts how often it was made."""
    import keras

    from common import networks

    made = []

    def make():
        made.append(1)
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        network.set_weights([np.full((2, 1), len(made), np.float32), np.zeros(1, np.float32)])
        return network, {"ceiling": 0.5}

    def ask():
        network, card = networks.cached(tmp_path / "home", "judge", {"ceiling"}, make)
        return network.get_weights()[0][0, 0], card

    return ask, made, tmp_path / "home" / "judge.json"


def test_it_is_made_once(kept):
    ask, made, _ = kept
    first, again = ask(), ask()
    assert first == again and len(made) == 1
    assert first[1]["ceiling"] == 0.5 and len(first[1]["sha256"]) == 64


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_it_is_made_anew_where_its_file_is_damaged(kept, capsys, damage):
    ask, made, card = kept
    ask()
    file = card.with_name("judge.keras")
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 4, len(content) // 2):
        content[place] ^= 255
    file.write_bytes(file.read_bytes()[:-100] if damage == "cut" else bytes(content))
    assert ask()[0] == 2 and len(made) == 2
    assert "is damaged; the judge is trained anew" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"sha256": "0"}, {"ceiling": None}, {"ceiling": 0.75}, "no JSON", "[" * 100_000])
def test_it_is_made_anew_where_the_card_does_not_fit(kept, capsys, change):
    ask, made, card = kept
    ask()
    known = json.loads(card.read_text())
    if isinstance(change, dict):
        known = {name: value for name, value in (known | change).items() if value is not None}
    card.write_text(json.dumps(known) if isinstance(change, dict) else change)
    assert ask()[0] == 2 and len(made) == 2
    assert "is damaged; the judge is trained anew" in capsys.readouterr().out
    assert ask()[0] == 2 and len(made) == 2


def folder(path, elsewhere):
    path.mkdir()
    (path / "file").touch()


def file(path, elsewhere):
    path.touch()


def loop(path, elsewhere):
    path.symlink_to(path)


def dangling(path, elsewhere):
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("name", ["", "judge.json", "judge.keras"])
@pytest.mark.parametrize("put", [folder, file, loop, dangling])
def test_it_is_made_anew_whatever_stands_in_its_place(kept, tmp_path, name, put):
    ask, made, card = kept
    ask()
    place = card.with_name(name) if name else card.parent
    place.rename(tmp_path / "before")
    put(place, tmp_path / "nowhere")
    assert ask()[0] == 2 and ask()[0] == 2 and len(made) == 2
    assert not (tmp_path / "nowhere").exists()


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_made(tensorflow, tmp_path):
    from common import networks

    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="GAN_REPORTS_CACHE .*/file/judge: cannot write into this folder .*; give"):
        networks.cached(tmp_path / "file/judge", "judge", {"ceiling"}, lambda: pytest.fail("made"))


def test_what_another_process_is_about_to_put_there_stays(kept):
    ask, made, card = kept
    card.parent.mkdir(parents=True)
    half = card.with_name(".4711-judge.keras")
    half.touch()
    assert ask()[0] == 1 and len(made) == 1
    assert half.exists()
