"""common/anime/facetest.py: the course's test of faces, as OpenCV counts them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, page
from PIL import Image

from common.anime import facetest
from common.anime.facetest import FaceTest, equalised, joined
from common.errors import UserError

COURSE = ROOT.parent / "shared" / "data" / "course" / "lbpcascade_animeface.xml"

# One LBP feature of 3 x 3 blocks of 8 pixels over the whole window: a "face" is a spot brighter than all around it.
SPOTS = """<opencv_storage><cascade><featureType>LBP</featureType><height>24</height><width>24</width>
<stageNum>1</stageNum><stages><_><maxWeakCount>1</maxWeakCount><stageThreshold>0.5</stageThreshold>
<weakClassifiers><_><internalNodes>0 -1 0 -2 -1 -1 -1 -1 -1 -1 -1</internalNodes><leafValues>-1 1</leafValues></_>
</weakClassifiers></_></stages><features><_><rect>0 0 8 8</rect></_></features></cascade></opencv_storage>"""


@pytest.fixture
def spots(tmp_path):
    """A cascade that finds bright spots: a stand-in for that of the course, which is not in the repository."""
    file = tmp_path / "spots.xml"
    file.write_text(SPOTS)
    return file


@pytest.fixture(scope="module")
def course():
    file = COURSE if COURSE.exists() else facetest.DEFAULT
    if not file.exists():
        pytest.skip(f"no cascade of the course in {COURSE} or {facetest.DEFAULT}")
    return FaceTest(file)


def add_spot(pictures, row, column, side):
    pictures[:, row:row + 2 * side, column:column + 2 * side] = 40
    pictures[:, row + side // 2:row + side * 3 // 2, column + side // 2:column + side * 3 // 2] = 255


def images(with_spot):
    pictures = np.full((25, 64, 64, 3), 255, np.uint8)
    add_spot(pictures[:with_spot], 16, 16, 16)
    return pictures


def test_images_with_a_face_are_counted(spots):
    test = FaceTest(spots)
    assert [test.found(images(count)) for count in (0, 13, 25)] == [0, 13, 25]
    assert test.measure(images(20), images(25)) == {
        "found": 20, "real_found": 25, "n": 25, "pass_from": 20, "passed": True, "cascade_sha256": test.sha256}
    few = test.measure(images(19), images(25)[:24])
    assert (few["passed"], few["real_found"]) == (False, None)


def test_two_faces_in_an_image_count_once(spots):
    pictures = images(0)
    add_spot(pictures[7:8], 2, 2, 14)
    add_spot(pictures[7:8], 34, 34, 14)
    assert len(FaceTest(spots).faces(facetest.figure(pictures)[0])) == 2
    assert FaceTest(spots).found(pictures) == 1


def test_the_figure_is_that_of_the_course():
    grey, cells = facetest.figure(images(25))
    assert grey.shape == (480, 640)
    # Matplotlib's margins: 0.125 and 0.9 of the width, 0.11 and 0.88 of the height; gaps of 0.2 of a cell
    side = 480 * 0.77 / (5 + 4 * 0.2)
    left = 640 * 0.125 + (640 * 0.775 / 5.8 - side) / 2
    assert cells[0] == pytest.approx((left, 480 * 0.12, left + side, 480 * 0.12 + side))
    assert cells[24][3] == pytest.approx(480 * 0.89)
    assert set(np.unique(grey)) >= {0, 255}


def test_equalised_histogram_by_hand():
    grey = np.array([[10, 10, 20, 30]], np.uint8)  # 1 of 2 pixels above the darkest is at most 20
    assert equalised(grey).tolist() == [[0, 0, 128, 255]]
    assert equalised(np.full((2, 2), 7, np.uint8)).tolist() == [[7, 7], [7, 7]]


def test_squares_at_one_place_are_one_face():
    # edges of a side of 10 may be 2 apart; six squares are more than five neighbours
    chain = [(0, 0, 10), (2, 0, 10), (4, 0, 10), (6, 0, 10), (8, 0, 10), (10, 0, 10)]
    assert joined(np.array(chain, float)).tolist() == [[5, 0, 10]]
    assert joined(np.array(chain[:5], float)).tolist() == []
    apart = [(3.0 * k, 0, 10) for k in range(6)]
    assert joined(np.array(apart)).tolist() == []
    assert joined(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("content", ["", "<a>", "<opencv_storage/>", SPOTS.replace("LBP", "HAAR"),
                                     SPOTS.replace("<width>24", "<width>20"), SPOTS.replace("stageThreshold", "gone")])
def test_a_file_that_is_no_cascade_is_refused(tmp_path, content):
    file = tmp_path / "cascade.xml"
    file.write_text(content)
    with pytest.raises(UserError, match="no LBP cascade with a window of 24 pixels; docs/data.md says where"):
        facetest.load(file)


def test_without_a_cascade_it_is_null_and_said_once(tmp_path, monkeypatch, capsys, tensorflow):
    from common.anime.evaluation import Evaluation

    monkeypatch.setattr(facetest, "DEFAULT", tmp_path / "none.xml")
    evaluation = Evaluation(SimpleNamespace(only=lambda _: None), None, 4)
    assert [evaluation._face_test(), evaluation._face_test()] == [None, None]
    assert capsys.readouterr().out == ("note: no cascade for the course's face test, so it is null in metrics.json; "
                                       "docs/data.md says where to get the file\n")


def test_the_cascade_in_the_data_folder_is_the_default(spots, monkeypatch):
    monkeypatch.setattr(facetest, "DEFAULT", spots)
    assert facetest.load(None).found(images(3)) == 3


@pytest.mark.slow
def test_a_run_writes_and_shows_it(spots, few_faces, script, tmp_path):
    spots.write_text(SPOTS.replace(">0.5<", ">2<"))  # one that finds nothing: the many spots of faces take long to join
    words = ("hw4_acgan/train.py", "--preset", "smoke", "--data", few_faces, "--out", tmp_path / "runs/hw4_acgan/acgan")
    metrics = tmp_path / "runs/hw4_acgan/acgan/metrics.json"
    assert "no such file" in script(*words, "--cascade", tmp_path / "none.xml", code=2).stderr
    note = "--preset smoke: what measures the run was trained for 20 steps only, so the measures mean nothing"
    assert f"note: {note}\n" in script(*words, "--cascade", spots).stdout
    assert note in json.loads((metrics.parent / "config.json").read_text())["substitutions"]
    measured = json.loads(metrics.read_text())
    assert [measured["face_test"][key] for key in ("found", "real_found", "n", "passed")] == [0, 0, 25, False]
    assert measured["verdict"].endswith(", face test 0 of 25")
    html = page(tmp_path / "runs")
    assert note in html and "faces found" in html and "passes from" in html


# ---- with the cascade of the course, which is not in the repository. The numbers are those of OpenCV 4.14 too ----


def test_real_faces_are_found(course, mini):
    files = sorted((mini / "anime" / "faces").iterdir())
    pictures = [Image.open(file).convert("RGB").resize((64, 64)) for file in files]
    found = [course.found(np.stack(pictures[start:start + 25])) for start in (0, 25, 50)]
    assert found == [25, 25, 25]


def test_embedded_faces_are_found_and_noise_is_not(course):
    from common.anime.faces import describe, draw

    pictures = np.stack([np.asarray(draw(describe(0, number)).resize((64, 64))) for number in range(25)])
    assert course.found(pictures) == 23  # one of them is badly cut on purpose
    assert course.found(np.random.default_rng(0).integers(0, 256, (25, 64, 64, 3), np.uint8)) == 0
