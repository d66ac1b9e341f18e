"""cyclegan_style/classifier.py and what it measures: translations of known quality are told apart."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import one_at_a_time

from common import metrics
from common.anime import tags
from common.runs import Origin
from cyclegan_style.domains import Domain, Domains

TINTS = {"warm": (255, 120, 60), "cold": (60, 120, 255)}


def tinted(grey, name):
    """Grey images [N, 36, 36] in [0, 1] in the colours of a domain, uint8 [N, 36, 36, 3]."""
    return (grey[..., None] * TINTS[name]).round().astype(np.uint8)


def domain(seed, name, count=160, held_out=40):
    blocks = np.random.default_rng(seed).uniform(0.3, 1, (count, 9, 9))
    rows = np.arange(count)
    return Domain(f"{name}/", tinted(np.kron(blocks, np.ones((4, 4))), name), rows[held_out:], rows[:held_out])


@pytest.fixture(scope="module")
def measure(tensorflow, shared):
    """The measurements of two translations, functions of uint8 images."""
    from cyclegan_style import classifier, measures

    data = Domains(domain(0, "warm"), domain(1, "cold"), None, 32, Origin({"domains": {}, "data": {}}, "tints"))
    with pytest.MonkeyPatch.context() as patch, one_at_a_time(shared):
        patch.setattr(classifier, "CACHE", shared / "classifier")
        patch.setattr(measures, "translate", lambda network, images: network(images))
        classifier.load(data)

        def measured(a_to_b, b_to_a):
            game = SimpleNamespace(generator_AtoB=a_to_b, generator_BtoA=b_to_a)
            return measures.Translation(game, data, 32).measure()

        yield measured


def nothing(images):
    return images


def swapped(images):
    return images[..., ::-1].copy()  # the one tint is the other with red and blue exchanged


def test_the_classifier_knows_unseen_images(measure):
    info = measure(nothing, nothing)[0]["classifier"]
    assert info["accuracy"] == {"A": 1.0, "B": 1.0} and info["n"] == {"A": 40, "B": 40}


def test_under_smoke_it_is_another_one_that_is_kept_apart(measure, tmp_path, monkeypatch):
    from cyclegan_style import classifier

    monkeypatch.setattr(classifier, "CACHE", tmp_path)
    monkeypatch.setattr(classifier, "STEPS", 1)
    monkeypatch.setattr(classifier, "BRIEF", 2)
    data = Domains(domain(0, "warm"), domain(1, "cold"), None, 32, Origin({"domains": {}, "data": {}}, "tints"))
    brief, usual = classifier.load(data, brief=True), classifier.load(data)
    assert brief.info["sha256"] != usual.info["sha256"]
    assert len(list((tmp_path / "judges").iterdir())) == 2


def test_a_network_that_changes_nothing_wins_no_longer(measure):
    measured, verdict = measure(nothing, nothing)
    assert measured["cycle_error"] == {"A": 0.0, "B": 0.0, "n": 80}
    assert measured["taken_for"]["AtoB"] == {"as_asked": 0.0, "before": 0.0, "real_as_asked": 1.0, "n": 40}
    assert measured["domain_frechet"]["AtoB"]["closed"] == 0.0
    assert measured["content"]["AtoB"]["ssim"] == pytest.approx(1.0)
    assert verdict.startswith("warm/ to cold/ 0%, content 1.00; cold/ to warm/ 0%, content 1.00; cycle error 0.000")


def test_a_right_translation_goes_the_way_and_keeps_the_content(measure):
    measured = measure(swapped, swapped)[0]
    for way in ("AtoB", "BtoA"):
        assert measured["taken_for"][way]["as_asked"] == 1.0
        assert measured["domain_frechet"][way]["closed"] > 0.8
        assert measured["content"][way]["ssim"] > 0.7 > 0.3 > measured["content"][way]["unrelated"]


def test_one_image_for_everything_is_taken_for_the_other_domain_but_keeps_nothing(measure):
    one = domain(1, "cold").shown(32, 1)
    measured = measure(lambda images: np.repeat(one, len(images), axis=0), swapped)[0]
    right = measure(swapped, swapped)[0]
    assert measured["taken_for"]["AtoB"]["as_asked"] == 1.0
    assert measured["content"]["AtoB"]["ssim"] < 0.3
    assert measured["domain_frechet"]["AtoB"]["closed"] < right["domain_frechet"]["AtoB"]["closed"]


def test_a_translation_of_hair_may_change_the_eyes_and_that_is_counted():
    """A judge that reads hair from the red and eyes from the green of the first pixel, in steps of ten."""
    from cyclegan_style import measures

    def predict(pictures):
        return pictures[:, 0, 0, 0] // 10, pictures[:, 0, 0, 1] // 10, None

    red, blonde = (tags.HAIR.index(name) for name in ("red", "blonde"))
    before = np.zeros((4, 8, 8, 3), np.uint8)
    before[..., 0], before[..., 1] = 10 * red, 30
    after = before.copy()
    after[:3, ..., 0], after[0, ..., 1] = 10 * blonde, 50
    data = SimpleNamespace(a=SimpleNamespace(name="red"), b=SimpleNamespace(name="blonde"), small=lambda images: images,
                           judged=SimpleNamespace(hair=np.array([blonde, red]), eyes=np.array([3, 3])))
    translation = measures.Translation(None, data, 8)
    translation.judge = SimpleNamespace(predict=predict, unseen=np.array([0, 1]),
                                        predict_samples=lambda _, rows: (data.judged.hair[rows], None, None))
    assert translation._judged_as("blonde", after, before) == {
        "as_asked": 0.75, "before": 0.0, "eyes_kept": 0.75, "n": 4, "real_as_asked": 1.0, "real_n": 1}


def test_likeness_by_hand():
    black, white = np.zeros((3, 8, 8, 3), np.uint8), np.full((2, 8, 8, 3), 255, np.uint8)
    assert metrics.likeness(black, black) == 1.0
    assert metrics.likeness(black, white) == pytest.approx(1e-4 / (1 + 1e-4))  # no variance: c / (1 + c), c = 0.01^2
