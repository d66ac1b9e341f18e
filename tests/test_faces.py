"""The embedded anime faces: the same picture every time, the course's layout, colours that can be told apart."""

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
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from common import drawn
from common.anime.faces import VERSION, Face, build, describe, draw, labels, make
from common.anime.faces.colours import EYE_RANGES, HAIR_RANGES, rgb
from common.anime.faces.portrait import render
from common.anime.tags import EYES, HAIR
from common.errors import StorageError

ROOT = Path(__file__).resolve().parent.parent
MANY = 6000


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return [describe(0, number) for number in range(MANY)]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "anime"
    assert make(folder, count=24, seed=3, workers=1)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kinds(face: Face) -> tuple[int, int]:
    """How many hair and eye tags a row has."""
    names = [tag.strip() for tag in face.tags]
    return sum(f"{name} hair" in names for name in HAIR), sum(f"{name} eyes" in names for name in EYES)


def test_a_face_depends_on_seed_and_number_alone():
    first, again = draw(describe(1, 5)), draw(describe(1, 5))
    assert first.size == (96, 96) and first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert describe(1, 5) == describe(1, 5)
    assert first.tobytes() != draw(describe(1, 6)).tobytes()
    assert describe(2, 5) != describe(1, 5)


def test_a_set_has_the_layout_of_the_course(small_set):
    assert sorted(path.name for path in small_set.iterdir()) == ["about.json", "faces", "tags_clean.csv"]
    assert {path.name for path in (small_set / "faces").iterdir()} == {f"{number}.jpg" for number in range(24)}
    assert json.loads((small_set / "about.json").read_text()) == {"version": VERSION, "count": 24, "seed": 3}
    with Image.open(small_set / "faces" / "7.jpg") as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (96, 96), "RGB")
        assert JpegImagePlugin.get_sampling(picture) == 0  # 4:4:4
        difference = np.asarray(picture, float) - np.asarray(draw(describe(3, 7)), float)
    assert np.abs(difference).mean() < 4


def test_a_second_make_draws_nothing(small_set, monkeypatch):
    before = contents(small_set)
    monkeypatch.setattr(drawn, "_draw_all", lambda *_: pytest.fail("drew again"))
    assert make(small_set, count=24, seed=3) is False
    assert contents(small_set) == before


def test_other_values_replace_the_set(tmp_path):
    folder = tmp_path / "anime"
    make(folder, count=3, workers=1)
    assert make(folder, count=2, workers=1)
    assert sorted(path.name for path in (folder / "faces").iterdir()) == ["0.jpg", "1.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["anime"]


def test_a_set_with_a_missing_picture_is_drawn_again(tmp_path):
    make(tmp_path / "anime", count=3, workers=1)
    (tmp_path / "anime" / "faces" / "1.jpg").unlink()
    assert make(tmp_path / "anime", count=3, workers=1)
    assert (tmp_path / "anime" / "faces" / "1.jpg").is_file()


def test_workers_change_nothing_even_from_a_script_without_a_guard(small_set, tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\n"
        "from dataclasses import replace\nfrom common import drawn\nfrom common.anime.faces.build import SET\n"
        f"print(drawn.make(replace(SET, chunk=12), Path({str(tmp_path / 'anime')!r}), count=24, seed=3, workers=2))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert contents(tmp_path / "anime") == contents(small_set)


def test_somebody_elses_folder_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose me")
    with pytest.raises(ValueError, match="not empty and has no about.json"):
        make(tmp_path, count=2, workers=1)
    (tmp_path / "about.json").write_text('{"title": "my site"}')
    with pytest.raises(ValueError, match="not from this program"):
        make(tmp_path, count=2, workers=1)
    (tmp_path / "about.json").write_text("a page about me")
    with pytest.raises(ValueError, match="no JSON"):
        make(tmp_path, count=2, workers=1)
    (tmp_path / "about.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=f"no JSON: keep what is yours elsewhere and delete {tmp_path}; the faces are "
                                         "drawn anew"):
        make(tmp_path, count=2, workers=1)
    assert (tmp_path / "thesis.txt").read_text() == "do not lose me"


def test_what_systems_leave_in_a_folder_is_not_somebodys(tmp_path):
    assert make(tmp_path / "set", count=1, workers=1)
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / "set" / name).touch()
    assert not make(tmp_path / "set", count=1, workers=1)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".DS_Store").touch()
    assert make(tmp_path / "new", count=1, workers=1)
    (tmp_path / "mine" / ".git").mkdir(parents=True)
    with pytest.raises(ValueError, match="not empty and has no about.json"):
        make(tmp_path / "mine", count=1, workers=1)


def test_an_empty_folder_is_used_and_a_file_refused(tmp_path):
    assert make(tmp_path / "new" / "anime", count=1, workers=1)
    (tmp_path / "empty").mkdir()
    assert make(tmp_path / "empty", count=1, workers=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        make(tmp_path / "file", count=1, workers=1)


@pytest.mark.parametrize("values", [{"count": 0}, {"seed": -1}, {"workers": 0}])
def test_senseless_values_are_refused(tmp_path, values):
    with pytest.raises(ValueError, match="at least"):
        make(tmp_path / "anime", **values)


def test_a_stopped_make_leaves_nothing(tmp_path, monkeypatch):
    def stop(face):
        if face.number == 2:
            raise KeyboardInterrupt
        return Image.new("RGB", (96, 96))

    monkeypatch.setattr(build, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "anime", count=5, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_make_leaves_no_process_and_its_half_set_goes_with_the_next(tmp_path):
    code = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; from common.anime.faces import make; "
            "make(Path(sys.argv[1]), count=6000, workers=2)")
    drawing = subprocess.Popen([sys.executable, "-c", code, tmp_path / "anime"])
    until_true(lambda: list(tmp_path.glob(".anime-*/new/faces/*.jpg")), drawing)
    children = children_of(drawing)
    drawing.kill()
    drawing.wait()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{child}/exe").exists() for child in children):  # one that has ended has no program
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(children) >= 2
    make(tmp_path / "anime", count=1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["anime"]


def test_a_drawing_process_that_the_system_ends_is_one_line(tmp_path):
    drawing = start(tmp_path, "anime", "--workers", "2")
    until_true(lambda: list(tmp_path.glob(".anime-*/new/faces/*.jpg")), drawing)
    draws = [int(child) for child in children_of(drawing) if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
    os.kill(draws[0], signal.SIGKILL)
    out, error = drawing.communicate(timeout=60)
    assert (drawing.returncode, out) == (4, "")
    assert error == ("faces: a process that draws pictures was ended by the system, nearly always for want of memory; "
                     "free some, then run the same command again\n")
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_process_that_ends_while_the_others_start(tmp_path, monkeypatch):
    usual = drawn.ProcessPoolExecutor.submit

    def submit(pool, *words):
        job = usual(pool, *words)
        for process in pool._processes.values():
            process.kill()
        wait([job])
        return job

    monkeypatch.setattr(drawn.ProcessPoolExecutor, "submit", submit)
    with pytest.raises(StorageError, match="was ended by the system"):
        make(tmp_path / "anime", count=300, workers=2)


def test_a_terminals_ctrl_c_while_the_processes_start_is_one_line(tmp_path):
    """It goes to all of them; in one that still imports it would be a traceback."""
    def importing() -> bool:
        return any("numpy" in Path(f"/proc/{child}/maps").read_text() for child in children_of(drawing))

    drawing = start(tmp_path, "anime", "--count", "6000", "--workers", "2")
    until_true(importing, drawing)
    os.killpg(drawing.pid, signal.SIGINT)
    out, error = drawing.communicate(timeout=60)
    assert (drawing.returncode, out) == (130, "")
    assert error == "faces: stopped by Ctrl-C; run the same command again to go on\n"


def test_a_folder_that_is_a_link_to_itself(tmp_path):
    (tmp_path / "anime").symlink_to("anime")
    with pytest.raises(OSError):  # not Path.resolve's RuntimeError, which no script takes for a fault of the disk
        make(tmp_path / "anime", count=1, workers=1)


@pytest.mark.parametrize(("words", "code", "message"), [
    ("", 2, "no folder: give one"), ("anime --count 0", 2, "--count 0: must be from 1"),
    ("anime --sheet sheet.txt", 2, "--sheet sheet.txt: its name must end in"),
    ("file --count 1", 2, "file is a file: keep what is yours elsewhere"),
    ("file/anime --count 1", 4, "check the path and the free space")])
def test_a_set_that_cannot_be_is_one_line(tmp_path, words, code, message):
    (tmp_path / "file").touch()
    done = command(tmp_path, *words.split())
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("faces: ") and message in done.stderr and done.stderr.count("\n") == 1


def test_the_command_draws_a_set_once_and_a_sheet(tmp_path):
    assert command(tmp_path, "anime", "--count", "2", "--sheet", "sheet.png").stdout == "anime: 2 faces drawn\n"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (12 * 96, 6 * 96)
    assert command(tmp_path, "anime", "--count", "2").stdout == "anime: 2 faces were there already\n"


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """What `start` starts, at its end."""
    process = start(folder, *words)
    out, error = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, out, error)


def start(folder: Path, *words: str) -> subprocess.Popen:
    """`python -m common.anime.faces` in a folder, as a terminal starts it: in a group of its own, and it hears Ctrl-C."""
    return subprocess.Popen([sys.executable, "-m", "common.anime.faces", *words], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
                            start_new_session=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))


def children_of(process: subprocess.Popen) -> list[str]:
    """The numbers of the processes that a process has started."""
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def until_true(found: Callable[[], object], process: subprocess.Popen) -> None:
    """Waits, at most a minute, for something to happen while a process runs."""
    until = time.monotonic() + 60
    while not found():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)


def test_all_pairs_occur_and_one_row_in_ten_is_messy(faces):
    clean = Counter((face.hair, face.eyes) for face in faces if kinds(face) == (1, 1))
    assert len(clean) == len(HAIR) * len(EYES) == 132
    assert min(clean.values()) >= 8
    ambiguous = sum(kinds(face) != (1, 1) for face in faces)
    odd = sum(any(tag != tag.strip() or ":" in tag or tag in labels.LOOK_ALIKES for tag in face.tags) for face in faces)
    assert 0.05 < ambiguous / MANY < 0.09
    assert 0.08 < (ambiguous + odd) / MANY < 0.13
    assert {kinds(face) for face in faces} == {(1, 1), (2, 1), (1, 2), (2, 2), (0, 1), (1, 0), (0, 0)}


def test_miku_has_one_outfit(faces):
    mikus = [face for face in faces if "hatsune miku" in face.tags]
    assert 0.03 < len(mikus) / MANY < 0.05
    outfits = {(face.hair, face.back, face.extra, face.clothing, face.cloth_rgb, face.accent_rgb) for face in mikus}
    assert len(outfits) == 1 and outfits.pop()[:3] == ("aqua", "twintails", "headset")
    assert all("vocaloid" in face.tags for face in mikus)


def test_tags_are_true_of_the_picture(faces):
    for face in faces[:500]:
        assert len(set(face.tags)) == len(face.tags)
        assert ("glasses" not in face.tags) or face.glasses
        assert ("smile" not in face.tags) or face.mouth in ("smile", "cat")
        assert not {"long hair", "short hair"} <= set(face.tags)


def test_rows_are_written_as_in_the_course_file(faces):
    found = labels.counts(face.tags for face in faces)
    lines = [labels.line(face.number, face.tags, found) for face in faces]
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines):
        assert re.fullmatch(r"\d+,([^\t,]+:\d+\t)*", line)
        assert line.startswith(f"{number},") and line.count(",") == 1
        for item in line.partition(",")[2].split("\t")[:-1]:
            tag, count = item.rsplit(":", 1)
            seen[tag.strip()] += 1
            assert int(count) == found[tag.strip()]
    assert seen == found
    text = "\n".join(lines)
    for oddity in (r" \w+ hair:\d", r"\w+ eyes :\d", r"re:zero:\d", r"11 eyes:\d", r"fate/stay night:\d"):
        assert re.search(oddity, text), oddity


def test_the_file_holds_these_rows(small_set):
    faces = [describe(3, number) for number in range(24)]
    found = labels.counts(face.tags for face in faces)
    text = "".join(labels.line(face.number, face.tags, found) + "\n" for face in faces)
    assert (small_set / "tags_clean.csv").read_bytes() == text.encode()


def middle(ranges) -> np.ndarray:
    """The middle of a colour's range, RGB 0 to 255."""
    return np.array(rgb(*(sum(span) / 2 for span in ranges)), float)


def touch(first: tuple, second: tuple, shift: int = 0) -> bool:
    return first[0] <= second[1] + shift and second[0] + shift <= first[1]


@pytest.mark.parametrize("ranges", [HAIR_RANGES, EYE_RANGES])
def test_two_names_differ_in_hue_saturation_or_value(ranges):
    for first, second in combinations(ranges, 2):
        (hue, *rest), (hue_2, *rest_2) = ranges[first], ranges[second]
        same_hue = any(touch(hue, hue_2, turn) for turn in (-360, 0, 360))
        assert not (same_hue and all(map(touch, rest, rest_2))), (first, second)


def test_the_pictures_show_the_colours_they_are_tagged_with(faces):
    right = {"hair": [], "eyes": []}
    names = {"hair": (HAIR, HAIR_RANGES), "eyes": (EYES, EYE_RANGES)}
    for face in (face for face in faces[:200] if not face.second_hair and not face.second_eyes):
        picture, masks = render(face)
        pixels = np.asarray(picture, float)
        for kind, (choices, ranges) in names.items():
            place = np.asarray(masks[kind]) > 200
            if place.sum() < 60:  # closed eyes
                continue
            shades = pixels[place]
            own = np.array(face.hair_rgb if kind == "hair" else face.eye_rgb, float)
            assert np.abs(np.median(shades, axis=0) - own).mean() < 60
            nearest = min(choices, key=lambda name, s=shades, r=ranges: np.abs(np.median(s, 0) - middle(r[name])).sum())
            right[kind].append(nearest == (face.hair if kind == "hair" else face.eyes))
    assert len(right["eyes"]) > 170
    assert np.mean(right["hair"]) > 0.9 and np.mean(right["eyes"]) > 0.8
