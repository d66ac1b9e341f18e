"""common/anime/judge.py and common/anime/evaluation.py: the split, the cache, and scores that mean what they say."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from conftest import one_at_a_time

from common import datasets
from common.anime import data, faces
from common.anime.data import Faces
from common.errors import UserError


@pytest.fixture(scope="module")
def tagged(shared):
    """1,000 embedded faces and the folder of their caches."""
    home = shared / "judge"
    with one_at_a_time(shared), pytest.MonkeyPatch.context() as patch:
        faces.make(home / "faces", count=1000)
        patch.setattr(datasets, "CACHE", home / "cache")
        return SimpleNamespace(faces=data.load([home / "faces"], 64, "exactly_one"), cache=home / "cache")


@pytest.fixture(scope="module")
def judge(tagged, tensorflow, shared):
    from common.anime import judge

    with pytest.MonkeyPatch.context() as patch, one_at_a_time(shared):
        patch.setattr(judge, "CACHE", tagged.cache)
        return judge.load(tagged.faces, 0)


def random_image(seed):
    return np.kron(np.random.default_rng(seed).integers(0, 256, (16, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)


def test_mirror_images_and_near_copies_are_one_drawing(tensorflow):
    from common.anime.judge import drawings

    near = np.clip(random_image(1).astype(int) + 1, 0, 255).astype(np.uint8)
    images = np.stack([random_image(0), random_image(1), random_image(0)[:, ::-1], near, random_image(2)])
    groups = drawings(images, np.arange(5))
    assert groups[0] == groups[2] and groups[1] == groups[3]
    assert len(set(groups.tolist())) == 3
    assert drawings(images, np.array([4, 0]))[0] != drawings(images, np.array([4, 0]))[1]


def test_the_split_is_fixed_and_keeps_twins_together(tensorflow):
    from common.anime.judge import split

    images = np.stack([random_image(k) for k in range(100)])
    tagged = Faces(np.concatenate([images, images[:, :, ::-1]]), np.arange(200), None, {})
    train, unseen = split(tagged, 0)
    assert sorted([*train, *unseen]) == list(range(200))
    assert len(unseen) == 60
    assert set(train % 100).isdisjoint(set(unseen % 100))
    np.testing.assert_array_equal(unseen, split(tagged, 0)[1])
    assert not np.array_equal(unseen, split(tagged, 1)[1])


def test_the_judge_is_cached_and_a_damaged_one_is_trained_anew(tagged, judge, tmp_path, monkeypatch, capsys):
    from common.anime import judge as module

    shutil.copytree(tagged.cache / "judges", tmp_path / "judges")
    monkeypatch.setattr(module, "CACHE", tmp_path)
    monkeypatch.setattr(module, "EPOCHS", 1)  # the training itself is not the point here
    again = module.load(tagged.faces, 0)
    assert (again.sha256, again.ceiling) == (judge.sha256, judge.ceiling)
    file = next((tmp_path / "judges").glob("*/judge.keras"))
    file.write_bytes(file.read_bytes()[:-100])
    assert module.load(tagged.faces, 0).sha256 != judge.sha256
    assert "is damaged; the judge is trained anew" in capsys.readouterr().out


def test_under_smoke_another_judge_is_trained_for_20_steps_and_kept_apart(tagged, judge, tmp_path, monkeypatch, capsys):
    from common.anime import judge as module

    shutil.copytree(tagged.cache / "judges", tmp_path / "judges")
    monkeypatch.setattr(module, "CACHE", tmp_path)
    brief = module.load(tagged.faces, 0, brief=True)
    assert re.search(r"training the judge on \d+ images, 20 steps, once for this data set", capsys.readouterr().out)
    assert len(list((tmp_path / "judges").iterdir())) == 2
    assert module.load(tagged.faces, 0, brief=True).sha256 == brief.sha256 != judge.sha256
    assert module.load(tagged.faces, 0).sha256 == judge.sha256


def test_the_ceiling_is_high_on_embedded_faces(judge):
    assert judge.ceiling["n"] == pytest.approx(0.3 * 930, rel=0.05)
    assert judge.ceiling["hair"] > 0.95
    assert judge.ceiling["eyes"] > 0.6  # with 6,000 faces it is above 0.9


@pytest.mark.long
def test_the_ceiling_of_the_whole_embedded_set(tmp_path, monkeypatch, tensorflow):
    from common.anime import judge

    for module in (datasets, judge):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(data, "EMBEDDED", tmp_path / "faces")
    ceiling = judge.load(data.load([], 64, "exactly_one"), 0).ceiling
    assert ceiling["hair"] >= 0.97
    assert ceiling["eyes"] >= 0.90


@pytest.mark.parametrize("count", [8, 0])
def test_too_few_images_for_a_judge(tmp_path, monkeypatch, tensorflow, count):
    from common.anime import judge

    monkeypatch.setattr(judge, "CACHE", tmp_path)
    tagged = Faces(np.repeat(random_image(0)[None], 8, axis=0), np.arange(count),
                   pandas.DataFrame({"id": np.arange(count)}),
                   {"pictures_sha256": "a", "tags_sha256": "b", "filter": "exactly_one"})
    with pytest.raises(UserError, match=f"{count} images with one hair and one eye colour are too few"):
        judge.load(tagged, 0)


def test_a_weak_judge_says_so_in_the_verdict(tensorflow):
    from common.anime.evaluation import verdict

    measured = {"condition_accuracy": {"hair": 0.08, "eyes": 0.09}, "diversity": None,
                "condition_effect": {"verdict": "followed"}}
    assert verdict(measured, {"hair": 0.1, "eyes": 0.9}) == \
        "the judge itself is weak on real images (hair 10%): hair as asked 8%, eyes 9%"


# ---- generators of known quality ----


@pytest.fixture(scope="module")
def measure(tagged, judge):
    """Measurements and verdict of a generator."""
    from common.anime.evaluation import Evaluation

    def measured(generate):
        evaluation = Evaluation(tagged.faces, generate, 4)
        evaluation.judge, evaluation.face_test = judge, None  # data/ may have the cascade
        return evaluation.measure()

    return measured


@pytest.fixture(scope="module")
def perfect(tagged):
    """A perfect generator: for each condition a real image of it."""
    pair = tagged.faces.hair * 11 + tagged.faces.eyes

    def generate(z, hair, eyes):
        samples = [np.flatnonzero(pair == key) for key in hair * 11 + eyes]
        chosen = [of_pair[int(abs(noise) * 1e6) % len(of_pair)]
                  for of_pair, noise in zip(samples, z[:, 0], strict=True)]
        return tagged.faces.images[tagged.faces.rows[chosen]]

    return generate


@pytest.fixture(scope="module")
def perfect_score(measure, perfect):
    return measure(perfect)


def test_real_images_of_the_right_condition_score_like_the_ceiling(perfect_score):
    measured, verdict = perfect_score
    assert measured["condition_accuracy"]["hair"] > 0.95
    assert measured["condition_effect"]["verdict"] == "followed"
    assert measured["diversity"]["verdict"] == "diverse" and verdict.endswith(", diverse")
    assert measured["frechet"]["fake"] < 3 * measured["frechet"]["real"]
    assert measured["density_coverage"]["coverage"] > 0.8


def test_a_generator_with_swapped_labels_scores_near_chance(measure, perfect):
    measured, verdict = measure(lambda z, hair, eyes: perfect(z, (hair + 5) % 12, (eyes + 5) % 11))
    accuracy = measured["condition_accuracy"]
    assert measured["condition_effect"]["verdict"] == "not followed" and "condition not followed" in verdict
    assert accuracy["hair"] < 1.5 / 12
    assert accuracy["eyes"] < 2 / 11


def test_a_generator_that_ignores_its_condition_is_found_out(measure, tagged):
    def generate(z, hair, eyes):
        return tagged.faces.images[tagged.faces.rows[(np.abs(z[:, 0]) * 1e6).astype(int) % len(tagged.faces.rows)]]

    measured, verdict = measure(generate)
    assert measured["condition_effect"]["verdict"] == "ignored"
    assert "condition ignored" in verdict
    assert measured["condition_accuracy"]["hair"] < 0.2


def test_a_generator_of_one_image_is_found_out(measure, tagged):
    measured, verdict = measure(lambda z, hair, eyes: np.repeat(tagged.faces.images[:1], len(z), axis=0))
    assert measured["condition_effect"]["verdict"] == "one image for everything"
    assert "one image for everything" in verdict and "condition" not in verdict


def test_a_generator_that_follows_the_hair_alone_follows_in_part(measure, perfect):
    random = np.random.default_rng(0)
    measured = measure(lambda z, hair, eyes: perfect(z, hair, random.integers(0, 11, len(eyes))))[0]
    assert measured["condition_effect"]["verdict"] == "followed in part"


def test_a_collapsed_generator_is_found_out(measure, perfect):
    measured, verdict = measure(lambda z, hair, eyes: perfect(np.zeros_like(z), hair, eyes))
    assert measured["diversity"]["verdict"] == "collapsed"
    assert "collapsed" in verdict


def test_grey_images_and_noise_are_further_from_real_than_real(measure, perfect, perfect_score):
    random = np.random.default_rng(0)
    real = perfect_score[0]["frechet"]["fake"]
    grey = measure(lambda *asked: np.repeat(perfect(*asked).mean(axis=3, keepdims=True), 3, 3).astype(np.uint8))[0]
    noise = measure(lambda z, hair, eyes: random.integers(0, 256, (len(z), 64, 64, 3), np.uint8))[0]
    assert real < grey["frechet"]["fake"]
    assert real < noise["frechet"]["fake"]
    assert grey["condition_accuracy"]["hair"] < 0.6
    assert noise["density_coverage"]["coverage"] < 0.1
