"""tools/soak.py: what it calls flat. A short soak is the last test."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

from tools import soak


def test_quarters_by_hand():
    assert soak.quarters([1, 1, 2, 2, 3, 3, 5, 7]) == [1, 2, 3, 6]
    assert soak.quarters([1, 2, 3, 4, 5]) == [1, 2, 3, 4.5]


@pytest.mark.parametrize(("last", "growth", "flat"), [(101.9e6, "+1.90%", True), (103e6, "+3.00%", False),
                                                      (50e6, "-50.00%", True)])
def test_flat_is_at_most_2_percent_from_the_second_quarter_to_the_last(last, growth, flat):
    text, found = soak.verdict([400e6, 100e6, 100e6, last])
    assert found is flat
    assert f"400.0, 100.0, 100.0, {last / 1e6:.1f} MB; the last is {growth} from the second" in text


@pytest.mark.long
def test_a_soak_of_some_seconds():
    command = [sys.executable, ROOT / "tools" / "soak.py", "--minutes", "0.03", "--every", "0.02", "--script",
               "tests/scaled.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert re.search(r"scaled\.py: [0-9]+ steps, [0-9]+ sample grids; anonymous memory by quarters: ", done.stdout)
    assert done.stderr in ("", "soak.py: the memory grew by more than 2%\n")
