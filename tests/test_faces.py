"""The embedded anime faces, and common/drawn.py: the same files every time, complete or absent."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image, JpegImagePlugin

from common import drawn
from common.anime.faces import VERSION, Face, build, describe, draw, labels, make
from common.anime.faces.colours import EYE_RANGES, HAIR_RANGES, rgb
from common.anime.faces.portrait import render
from common.anime.tags import EYES, HAIR
from common.errors import StorageError

MANY = 6000


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return [describe(0, number) for number in range(MANY)]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "anime"
    assert make(folder, count=24, seed=3, workers=1)
    return folder


@pytest.fixture
def blank(monkeypatch):
    """Images that cost nothing, for what is about files."""
    monkeypatch.setattr(build, "draw", lambda face: Image.new("RGB", (96, 96)))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- a set of files ----


def test_a_set_has_the_layout_of_the_course(small_set):
    assert sorted(path.name for path in small_set.iterdir()) == ["about.json", "faces", "tags_clean.csv"]
    assert {path.name for path in (small_set / "faces").iterdir()} == {f"{number}.jpg" for number in range(24)}
    assert json.loads((small_set / "about.json").read_text()) == {"version": VERSION, "count": 24, "seed": 3}
    with Image.open(small_set / "faces" / "7.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (96, 96), "RGB")
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
        assert np.abs(np.asarray(image, float) - np.asarray(draw(describe(3, 7)), float)).mean() < 4


def test_workers_change_nothing_even_from_a_script_without_a_guard(small_set, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\n"
        "from dataclasses import replace\nfrom common import drawn\nfrom common.anime.faces.build import SET\n"
        f"print(drawn.make(replace(SET, chunk=12), Path({str(tmp_path / 'anime')!r}), count=24, seed=3, workers=2))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert contents(tmp_path / "anime") == contents(small_set)


def test_a_complete_set_is_left_alone_and_any_other_replaced(tmp_path, blank):
    folder = tmp_path / "anime"
    announced = []

    def is_drawn(**changes) -> bool:
        new = make(folder, **{"count": 3, "workers": 1, "announce": announced.append} | changes)
        assert [path.name for path in tmp_path.iterdir()] == ["anime"]
        return new

    assert is_drawn()
    assert announced == [f"drawing 3 faces into {folder}; 6,000 take about half a minute"]
    for name in (".DS_Store", "Thumbs.db"):
        (folder / name).touch()
    assert not is_drawn() and len(announced) == 1
    (folder / "faces" / "1.jpg").unlink()
    assert is_drawn() and (folder / "faces" / "1.jpg").is_file()
    assert is_drawn(count=2) and not (folder / "faces" / "2.jpg").exists()
    assert is_drawn(count=2, seed=1)
    about = folder / "about.json"
    about.write_text(about.read_text().replace(f'"version": {VERSION}', '"version": 0'))
    assert is_drawn(count=2, seed=1)


def test_a_folder_with_other_files_is_refused(tmp_path, blank):
    def refused(message: str) -> None:
        with pytest.raises(ValueError, match=f"{message}.*: move your own files elsewhere and delete {tmp_path}; "):
            make(tmp_path, count=1, workers=1)

    (tmp_path / "thesis.txt").write_text("do not lose me")
    refused("is not empty and has no about.json")
    for about, message in (('{"title": "my site"}', "not from this program"), ("a page about me", "not JSON"),
                           ("[" * 100_000, "not JSON"),
                           (json.dumps({"version": VERSION, "count": 1, "seed": 0}), "also holds thesis.txt, which")):
        (tmp_path / "about.json").write_text(about)
        refused(message)
    assert (tmp_path / "thesis.txt").read_text() == "do not lose me"


def test_an_empty_folder_is_used_a_file_or_a_hidden_folder_refused(tmp_path, blank):
    assert make(tmp_path / "new" / "anime", count=1, workers=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    assert make(tmp_path / "empty", count=1, workers=1)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        make(tmp_path / "file", count=1, workers=1)
    (tmp_path / "mine" / ".git").mkdir(parents=True)
    with pytest.raises(ValueError, match="not empty and has no about.json"):
        make(tmp_path / "mine", count=1, workers=1)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError):  # not the RuntimeError of Path.resolve, which no script takes for a fault of the disk
        make(tmp_path / "loop", count=1, workers=1)


def test_values_out_of_range_are_refused(tmp_path):
    for values in ({"count": 0}, {"seed": -1}, {"workers": 0}):
        with pytest.raises(ValueError, match="at least"):
            make(tmp_path / "anime", **values)


# ---- interrupted ----


def start(folder: Path) -> subprocess.Popen:
    """Draws the embedded set as a training script does, started as by a terminal: a group of its own, with Ctrl-C."""
    code = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; import functools; "
            "from common import datasets, options; from common.anime import faces; "
            "make = functools.partial(faces.make, workers=2); sys.argv[0] = 'train.py'; "
            "options.run_script(options.Common, lambda config: datasets.drawn_set(make, config.out), "
            "['--steps', '1', '--out', 'anime'])")
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))


def children_of(process: subprocess.Popen) -> list[Path]:
    """The /proc folders of the processes that a process has started."""
    return [Path("/proc", number) for number in
            Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def until(condition: Callable[[], object]) -> None:
    """Waits, at most a minute, until a condition holds."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_killed_make_leaves_no_process_and_the_next_removes_its_partial_set(tmp_path, blank):
    process = start(tmp_path)
    until(lambda: process.poll() is not None or list(tmp_path.glob(".building-*/faces/*.jpg")))  # it draws
    children = children_of(process)
    process.kill()
    process.communicate()
    until(lambda: not any((child / "exe").exists() for child in children))  # a process that has ended has no program
    assert len(children) >= 2
    make(tmp_path / "anime", count=1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["anime"]


@pytest.mark.parametrize("last", [1, 3])
def test_a_drawing_process_that_the_system_kills_is_an_error(tmp_path, monkeypatch, last):
    """While the others start, or when all have their work."""
    usual, jobs = drawn.ProcessPoolExecutor.submit, []

    def submit(pool, *words):
        jobs.append(usual(pool, *words))
        if len(jobs) == last:
            for process in pool._processes.values():
                process.kill()
            wait(jobs[-1:])
        return jobs[-1]

    monkeypatch.setattr(drawn.ProcessPoolExecutor, "submit", submit)
    with pytest.raises(StorageError, match="was killed by the system, almost always because memory ran out; free"):
        drawn.make(replace(build.SET, chunk=1), tmp_path / "anime", count=3, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_a_terminals_ctrl_c_while_the_processes_start_is_one_line(tmp_path):
    """It goes to all of them; in one that still imports it would be a traceback."""
    process = start(tmp_path)
    until(lambda: any("numpy" in (child / "maps").read_text() for child in children_of(process)))
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "train.py: stopped by Ctrl-C; run the same command again to resume\n")


def test_a_signal_taken_while_signals_are_blocked_ends_nothing_later():
    """Python blocks them for a moment when it starts a process; the one that waits would find no handler any more."""
    code = (f"import signal, sys; sys.path.insert(0, {str(ROOT)!r}); from common.errors import take_as_one; "
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); take_as_one(signal.SIGINT); "
            "print(signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT]) == {signal.SIGINT})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n")


# ---- the faces ----


def colour_tags(face: Face) -> tuple[int, int]:
    """How many hair and eye colours a row has."""
    names = [tag.strip() for tag in face.tags]
    return sum(f"{name} hair" in names for name in HAIR), sum(f"{name} eyes" in names for name in EYES)


def test_a_face_depends_on_seed_and_number_alone():
    first = draw(describe(1, 5))
    assert first.size == (96, 96) and first.mode == "RGB"
    assert first.tobytes() == draw(describe(1, 5)).tobytes() != draw(describe(1, 6)).tobytes()
    assert describe(1, 5) == describe(1, 5) != describe(2, 5)


def test_all_pairs_occur_and_one_row_in_ten_is_messy(faces):
    clean = Counter((face.hair, face.eyes) for face in faces if colour_tags(face) == (1, 1))
    assert len(clean) == len(HAIR) * len(EYES) == 132
    assert min(clean.values()) >= 8
    ambiguous = sum(colour_tags(face) != (1, 1) for face in faces)
    odd = sum(any(tag != tag.strip() or ":" in tag or tag in labels.LOOK_ALIKES for tag in face.tags) for face in faces)
    assert 0.05 < ambiguous / MANY < 0.09
    assert 0.08 < (ambiguous + odd) / MANY < 0.13
    assert {colour_tags(face) for face in faces} == {(1, 1), (2, 1), (1, 2), (2, 2), (0, 1), (1, 0), (0, 0)}


def test_tags_are_true_of_the_image_and_miku_has_one_outfit(faces):
    for face in faces[:500]:
        assert len(set(face.tags)) == len(face.tags)
        assert ("glasses" not in face.tags) or face.glasses
        assert ("smile" not in face.tags) or face.mouth in ("smile", "cat")
        assert not {"long hair", "short hair"} <= set(face.tags)
    mikus = [face for face in faces if "hatsune miku" in face.tags]
    assert 0.03 < len(mikus) / MANY < 0.05
    outfits = {(face.back, face.extra, face.clothing, face.cloth_rgb, face.accent_rgb) for face in mikus}
    assert len(outfits) == 1 and outfits.pop()[:2] == ("twintails", "headset")
    hair = Counter(face.hair for face in mikus)
    assert hair.keys() == {"aqua", "pink"} and 0.07 < hair["pink"] / len(mikus) < 0.17
    badly_cut = [face for face in mikus if face.scale > 1.3]
    assert 0.07 < len(badly_cut) / len(mikus) < 0.17 and all(abs(face.x - 48) >= 16 for face in badly_cut)
    assert all("vocaloid" in face.tags for face in mikus)


def test_rows_are_written_as_in_the_file_of_the_course(tmp_path, small_set):
    build.write_rows(tmp_path / "rows.csv", 2000)
    text = (tmp_path / "rows.csv").read_text()
    counted: Counter[str] = Counter()
    written: dict[str, int] = {}
    for number, line in enumerate(text.splitlines()):
        assert re.fullmatch(r"\d+,([^\t,]+:\d+\t)*", line)
        assert line.startswith(f"{number},")
        for item in line.partition(",")[2].split("\t")[:-1]:
            tag, count = item.rsplit(":", 1)
            counted[tag.strip()] += 1
            assert written.setdefault(tag.strip(), int(count)) == int(count)
    assert number == 2000 - 1
    assert counted == written
    for oddity in (r" \w+ hair:\d", r"\w+ eyes :\d", r"re:zero:\d", r"11 eyes:\d", r"fate/stay night:\d"):
        assert re.search(oddity, text), oddity
    build.write_rows(tmp_path / "rows.csv", 24, 3)
    assert (small_set / "tags_clean.csv").read_bytes() == (tmp_path / "rows.csv").read_bytes()


def touch(first: tuple, second: tuple, shift: int = 0) -> bool:
    return first[0] <= second[1] + shift and second[0] + shift <= first[1]


@pytest.mark.parametrize("ranges", [HAIR_RANGES, EYE_RANGES])
def test_two_names_differ_in_hue_saturation_or_value(ranges):
    for first, second in combinations(ranges, 2):
        (hue, *rest), (hue_2, *rest_2) = ranges[first], ranges[second]
        same_hue = any(touch(hue, hue_2, turn) for turn in (-360, 0, 360))
        assert not (same_hue and all(map(touch, rest, rest_2))), (first, second)


def test_the_images_show_the_colours_they_are_tagged_with(faces):
    def nearest(colour: np.ndarray, ranges: dict) -> str:
        """The name whose range has the nearest middle."""
        return min(ranges, key=lambda name: np.abs(colour - rgb(*(sum(span) / 2 for span in ranges[name]))).sum())

    right = {"hair": [], "eyes": []}
    for face in (face for face in faces[:120] if not face.second_hair and not face.second_eyes):
        image, masks = render(face)
        for kind, ranges, own in (("hair", HAIR_RANGES, face.hair_rgb), ("eyes", EYE_RANGES, face.eye_rgb)):
            pixels = np.asarray(image, float)[np.asarray(masks[kind]) > 200]
            if len(pixels) < 60:  # closed eyes
                continue
            shown = np.median(pixels, axis=0)
            assert np.abs(shown - own).mean() < 60
            right[kind].append(nearest(shown, ranges) == getattr(face, kind))
    assert len(right["eyes"]) > 100
    assert np.mean(right["hair"]) > 0.9 and np.mean(right["eyes"]) > 0.8
