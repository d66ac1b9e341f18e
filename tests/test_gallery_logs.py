"""common/gallery/logs.py: trends, spreads and first steps of logs, by hand."""

import pytest

from common.gallery.logs import course, first_past, is_logged, label

ROWS = [{"step": str(10 * k), "g": str(value)} for k, value in enumerate([4, 2, 3, 1, 1, 0, 0, 2, 2, 2], 1)]
LONG = [{"step": str(k), "d": str(k % 2 * 2)} for k in range(1, 101)]  # 2, 0, 2, 0: the mean of two rows is 1
CHECKS = [{"step": "500", "hair": "0.4"}, {"step": "1000", "hair": "0.95"}, {"step": "1500", "hair": "0.8"}]


@pytest.mark.parametrize(("path", "words", "value"), [
    ("log.g", "loss `g`", "4 → 0 → 2"),
    ("log.d", "loss `d`", "1 → 1 → 1"),
    ("log.d spread", "spread of loss `d`", "1 → 1 → 1"),
    ("log.g < 2.5", "first step with loss `g` < 2.5", "20"),
    ("log.g > 4", "first step with loss `g` > 4", "never"),
    ("log.d > 1.5", "first step with loss `d` > 1.5", "never"),
    ("log.d > 0.5", "first step with loss `d` > 0.5", "2"),
    ("check.hair > 0.9", "first step with `hair` > 0.9", "1000"),
    ("check.eyes > 0.9", "first step with `eyes` > 0.9", "not logged"),
    ("log.h", "loss `h`", "not logged")])
def test_measures_of_the_logs(path, words, value):
    assert is_logged(path) and label(path) == words
    assert course(path, LONG if "d" in path[4:6] else ROWS, CHECKS) == value


@pytest.mark.parametrize("path", ["frechet.fake", "accuracy.test", "log.g variance", "log.g < x", "catalog.g"])
def test_other_paths_are_not_of_the_logs(path):
    assert not is_logged(path)


def test_first_past_takes_the_mean_of_a_window():
    values = [3.0, 0.0, 3.0, 1.0, 0.0]
    assert first_past(values, "<", 1.0, 1) == 1
    assert first_past(values, "<", 1.0, 2) == 4
    assert first_past(values, "<", 1.0, 6) is None
