"""common/anime/judge.py and common/evaluation.py: the split, the cache, and scores that mean what they say."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from conftest import one_at_a_time

from common import datasets
from common.anime import faces, tags
from common.anime.data import Faces
from common.errors import UserError
from common.options import Common
from common.runs import Run


@pytest.fixture(scope="module")
def data(shared, tmp_path_factory):
    """1,500 embedded faces."""
    home = shared / "judge"
    with one_at_a_time(shared), pytest.MonkeyPatch.context() as patch:
        faces.make(home / "faces", count=1500)
        patch.setattr(datasets, "CACHE", home / "cache")
        run = Run(Common(out=tmp_path_factory.mktemp("judge") / "run", steps=1))
        loaded = datasets.load(run, [home / "faces"], 64, "exactly_one")
    return SimpleNamespace(run=run, faces=loaded, home=home)


@pytest.fixture(scope="module")
def judge(data, tensorflow, shared):
    from common.anime import judge

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "CACHE", data.home / "cache")
        with one_at_a_time(shared):
            loaded = judge.load(data.faces, 0)
        yield loaded


def picture(seed):
    return np.kron(np.random.default_rng(seed).integers(0, 256, (16, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)


def test_mirrored_twins_and_near_copies_are_one_drawing(tensorflow):
    from common.anime.judge import drawings

    near = np.clip(picture(1).astype(int) + 1, 0, 255).astype(np.uint8)
    images = np.stack([picture(0), picture(1), picture(0)[:, ::-1], near, picture(2)])
    groups = drawings(images, np.arange(5))
    assert groups[0] == groups[2] and groups[1] == groups[3]
    assert len(set(groups.tolist())) == 3
    assert drawings(images, np.array([4, 0]))[0] != drawings(images, np.array([4, 0]))[1]


def test_the_split_is_fixed_and_keeps_twins_together(tensorflow):
    from common.anime.judge import split

    images = np.stack([picture(k) for k in range(100)])
    images = np.concatenate([images, images[:, :, ::-1]])
    data = Faces(images, np.arange(200), None, {})
    train, unseen = split(data, 0)
    assert sorted([*train, *unseen]) == list(range(200))
    assert len(unseen) == 60
    assert set(train % 100).isdisjoint(set(unseen % 100))
    np.testing.assert_array_equal(unseen, split(data, 0)[1])
    assert not np.array_equal(unseen, split(data, 1)[1])


def test_the_judge_is_kept_and_a_damaged_one_is_trained_anew(data, judge, tmp_path, monkeypatch, capsys):
    from common import judge as module

    shutil.copytree(data.home / "cache" / "judges", tmp_path / "judges")
    monkeypatch.setattr(module, "CACHE", tmp_path)
    capsys.readouterr()
    again = module.load(data.faces, 0)
    assert (again.sha256, again.ceiling) == (judge.sha256, judge.ceiling)
    assert "training the judge" not in capsys.readouterr().out
    file = next((tmp_path / "judges").glob("*/judge.keras"))
    file.write_bytes(file.read_bytes()[:-100])
    monkeypatch.setattr(module, "_fit", lambda *_: module._network(64))  # the training itself is not the point here
    module.load(data.faces, 0)
    assert "is damaged; the judge is trained anew" in capsys.readouterr().out


def pictures_of(data, shift=0):
    """A perfect generator: for each condition a real picture of it; `shift` makes it answer another condition."""
    hair, eyes = tags.labels(data.faces.table)
    pair = hair * 11 + eyes

    def draw(z, hair, eyes):
        wanted = (hair + shift) % 12 * 11 + (eyes + shift) % 11
        places = [np.flatnonzero(pair == key) for key in wanted]
        chosen = [place[int(abs(noise) * 1e6) % len(place)] for place, noise in zip(places, z[:, 0], strict=True)]
        return data.faces.images[data.faces.rows[chosen]]

    return draw


@pytest.fixture
def evaluate(data, judge, tensorflow):
    from common.anime.evaluation import Evaluation

    data.run.require_same("precision", {"precision": "float32"})

    def run(draw):
        measures = Evaluation(data.run, data.faces, draw, 4)
        measures.judge = judge
        measures.write(9)
        return json.loads((data.run.folder / "metrics.json").read_text())

    return run


def test_the_ceiling_is_high_on_embedded_faces(judge):
    assert judge.ceiling["n"] == pytest.approx(0.3 * 1400, rel=0.05)
    assert judge.ceiling["hair"] > 0.95
    assert judge.ceiling["eyes"] > 0.6  # with 6,000 faces it is above 0.9


@pytest.mark.slow
def test_the_ceiling_of_the_whole_embedded_set(tmp_path, monkeypatch, tensorflow):
    from common.anime import judge

    for module in (datasets, judge):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets, "EMBEDDED", tmp_path / "faces")
    data = datasets.load(Run(Common(out=tmp_path / "run", steps=1)), [], 64, "exactly_one")
    ceiling = judge.load(data, 0).ceiling
    assert ceiling["hair"] >= 0.97
    assert ceiling["eyes"] >= 0.90


def test_too_few_pictures_for_a_judge(tmp_path, monkeypatch, tensorflow):
    from common.anime import judge

    monkeypatch.setattr(judge, "CACHE", tmp_path)
    images = np.repeat(picture(0)[None], 8, axis=0)
    facts = {"pictures_sha256": "a", "tags_sha256": "b", "filter": "exactly_one"}
    for count in (8, 0):
        data = Faces(images, np.arange(count), pandas.DataFrame({"id": np.arange(count)}), facts)
        with pytest.raises(UserError, match=f"{count} pictures with one hair and one eye colour are too few"):
            judge.load(data, 0)


def test_a_weak_judge_says_so_in_the_verdict(tensorflow):
    from common.evaluation import verdict

    measured = {"condition_accuracy": {"hair": 0.08, "eyes": 0.09}, "diversity": None,
                "condition_effect": {"verdict": "used"}}
    assert verdict(measured, {"hair": 0.1, "eyes": 0.9}) == \
        "the judge itself is weak on real pictures (hair 10%): hair as asked 8%, eyes 9%"


def test_real_pictures_of_the_right_condition_score_like_the_ceiling(evaluate, data):
    measured = evaluate(pictures_of(data))
    assert measured["condition_accuracy"]["hair"] > 0.95
    assert measured["condition_effect"]["verdict"] == "used"
    assert measured["diversity"]["verdict"] == "diverse"
    assert measured["frechet"]["fake"] < 3 * measured["frechet"]["real"]
    assert measured["density_coverage"]["coverage"] > 0.8
    assert measured["step"] == 9


def test_a_generator_with_swapped_labels_scores_near_chance(evaluate, data):
    accuracy = evaluate(pictures_of(data, shift=5))["condition_accuracy"]
    assert accuracy["hair"] < 1.5 / 12
    assert accuracy["eyes"] < 2 / 11


def test_a_generator_that_ignores_its_condition_is_found_out(evaluate, data):
    def draw(z, hair, eyes):
        return data.faces.images[data.faces.rows[(np.abs(z[:, 0]) * 1e6).astype(int) % len(data.faces.rows)]]

    measured = evaluate(draw)
    assert measured["condition_effect"]["verdict"] == "ignored"
    assert "condition ignored" in measured["verdict"]
    assert measured["condition_accuracy"]["hair"] < 0.2


def test_a_collapsed_generator_is_found_out(evaluate, data):
    good = pictures_of(data)
    measured = evaluate(lambda z, hair, eyes: good(np.zeros_like(z), hair, eyes))
    assert measured["diversity"]["verdict"] == "collapsed"
    assert "collapsed" in measured["verdict"]


def test_grey_noise_and_repeated_pictures_are_further_from_real_than_real(evaluate, data):
    good, random = pictures_of(data), np.random.default_rng(0)
    real = evaluate(good)["frechet"]["fake"]
    grey = evaluate(lambda *asked: np.repeat(good(*asked).mean(axis=3, keepdims=True), 3, axis=3).astype(np.uint8))
    noise = evaluate(lambda z, hair, eyes: random.integers(0, 256, (len(z), 64, 64, 3), np.uint8))
    assert real < grey["frechet"]["fake"]
    assert real < noise["frechet"]["fake"]
    assert grey["condition_accuracy"]["hair"] < 0.6
    assert noise["density_coverage"]["coverage"] < 0.1
