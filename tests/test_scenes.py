"""The embedded i-CLEVR scenes: rays meet solids where geometry says, the rules of placement, the course's layout."""

import colorsys
import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from common import drawn as sets
from common import sheets
from lab5_cgan import labels, scenes
from lab5_cgan.layout import Object, describe, shown
from lab5_cgan.render import Camera, Lamp, Light, depths, picture, project, rays
from lab5_cgan.scenes import VERSION, draw, make, sheet
from lab5_cgan.solids import Solid, enter, normals

GREY = (0.5, 0.5, 0.5)
FILES = ["about.json", "images", "new_test.json", "objects.json", "test.json", "train.json"]
PICTURES = [f"CLEVR_train_00000{scene}_{place}.png" for scene in (0, 1) for place in (0, 1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two scenes of a set with seed 5, drawn here."""
    folder = tmp_path_factory.mktemp("scenes") / "set"
    assert make(folder, count=6, seed=5, workers=1)
    return folder


@pytest.fixture(scope="module")
def described():
    """The first 60 scenes."""
    return [describe(0, number) for number in range(60)]


def level(height: float) -> Camera:
    """A camera at x = y = 0 that looks along the y axis."""
    return Camera((0, 0, height), pitch=0, yaw=0)


def silhouette(solid: Solid, height: float) -> np.ndarray:
    """Where a level camera sees the solid, 8 rays to a pixel along each side; cut to its box."""
    seen = np.isfinite(depths(level(height), [solid], rays(level(height), 8))[0])
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return seen[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def meet(solid: Solid, origin: tuple, direction: tuple) -> float:
    """t at which one ray comes into the solid."""
    return float(enter(solid, np.array([origin], np.float32).T, np.array([direction], np.float32).T)[0])


def test_workers_change_nothing(tmp_path, folder):
    assert sets.make(replace(scenes.SET, chunk=2), tmp_path / "two", count=6, seed=5, workers=2)
    for name in FILES[2:] + [f"images/{name}" for name in PICTURES]:
        assert (folder / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_set_has_the_courses_layout(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert sorted(path.name for path in (folder / "images").iterdir()) == PICTURES
    assert json.loads((folder / "about.json").read_text()) == {"version": VERSION, "count": 6, "seed": 5}
    with Image.open(folder / "images" / PICTURES[5]) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (128, 96), "RGB")
        assert np.array_equal(image, draw(describe(5, 1), 3))


def test_a_complete_set_is_left_alone(folder):
    assert make(folder, count=6, seed=5, workers=1) is False


def test_the_label_files_are_what_labels_reads(folder):
    labels.check_objects(folder / "objects.json")
    train = labels.read_train(folder / "train.json")
    assert list(train) == PICTURES
    for scene in (0, 1):
        all_three = [thing.label for thing in describe(5, scene).objects]
        assert [train[name] for name in PICTURES[3 * scene:][:3]] == [all_three[:1], all_three[:2], all_three]
    assert labels.read_conditions(folder / "test.json") == scenes.conditions()
    assert labels.read_conditions(folder / "new_test.json") == scenes.hard_conditions()


def test_pictures_come_in_threes(tmp_path):
    with pytest.raises(ValueError, match="multiple of 3"):
        make(tmp_path / "set", count=4)


def test_conditions_have_every_object_twice_and_mixed_sizes():
    lists = scenes.conditions()
    sizes = [len(found) for found in lists]
    assert [sizes.count(size) for size in (1, 2, 3)] == [10, 11, 11]
    assert all(sum(found.count(label) for found in lists) >= 2 for label in range(24))


def test_most_hard_conditions_share_a_colour_or_a_shape():
    lists = scenes.hard_conditions()
    words = [[set(names) for names in zip(*(labels.OBJECTS[label].split() for label in found), strict=True)]
             for found in lists]
    assert len(lists) == 32 and {len(found) for found in lists} == {2, 3}
    assert {label for found in lists for label in found} == set(range(24))
    assert all(len(set(found)) == len(found) for found in lists)
    assert sum(len(colours) == 1 or len(shapes) == 1 for colours, shapes in words) >= 24


def test_objects_of_a_scene_differ(described):
    assert all(len({thing.label for thing in scene.objects}) == 3 for scene in described)


def test_every_object_occurs(described):
    assert len({thing.label for scene in described for thing in scene.objects}) == 24


def test_numbers_and_seeds_give_other_scenes(described):
    assert len({scene.objects for scene in described}) == 60
    assert describe(1, 5) != describe(0, 5)


def test_objects_stay_in_the_picture_and_apart(described):
    for scene in described:
        for thing in scene.objects:
            columns, rows = project(scene.camera, thing.solid.corners())
            assert columns.min() > 0 and columns.max() < 128 and rows.min() > 0 and rows.max() < 96
        a, b, c = [thing.place for thing in scene.objects]
        assert min(math.dist(a, b), math.dist(b, c), math.dist(a, c)) > 2 * 0.7 + 0.4


def test_enough_of_every_object_is_seen(described):
    shares = np.array([shown(scene.camera, [thing.solid for thing in scene.objects]) for scene in described])
    assert shares[..., 0].min() >= 0.4  # past the others
    assert shares[..., 1].min() >= 0.5  # inside the middle square
    assert 0.04 < (shares[..., 1] < 1).mean() < 0.2


def test_shares_that_are_seen():
    front, behind, aside = (Solid("sphere", place, 0, GREY) for place in ((0, 10), (0, 20), (4, 15)))
    shares = shown(level(0.82), [front, behind, aside])
    assert [seen for seen, _ in shares] == [1, 0, 1]


def test_the_middle_square_ends_16_pixels_from_the_sides():
    ball = Solid("sphere", (20 * (128 / 2 - 16) / 140, 20), 0, GREY)
    assert shown(level(0.82), [ball])[0][1] == pytest.approx(0.5, abs=0.04)


def test_a_point_looked_at_is_in_the_middle_of_the_picture():
    camera = Camera((0, -10, 5), pitch=math.atan(0.5), yaw=0)  # 11.18 from the origin
    seen = project(camera, np.array([[0, 1], [0, 0], [0, 0]], np.float32))
    assert np.allclose(seen, [[64, 64 + 140 / 11.18], [48, 48]], atol=0.01)


def test_rays_meet_a_sphere():
    ball = Solid("sphere", (0, 0), 0, GREY)  # of radius 0.82, its middle 0.82 high
    assert meet(ball, (0, -10, 0.82), (0, 1, 0)) == pytest.approx(9.18, abs=1e-4)
    assert meet(ball, (0.6, -10, 0.82), (0, 1, 0)) == pytest.approx(10 - math.sqrt(0.82**2 - 0.36), abs=1e-4)
    assert meet(ball, (0, -10, 1.7), (0, 1, 0)) == math.inf
    assert meet(ball, (0, -10, 0.82), (0, -1, 0)) == math.inf


def test_rays_meet_a_cube_nearer_at_its_edge_than_at_its_side():
    assert meet(Solid("cube", (0, 0), 0, GREY), (0, -10, 0.5), (0, 1, 0)) == pytest.approx(9.34, abs=1e-4)
    assert meet(Solid("cube", (0, 0), math.pi / 4, GREY), (0, -10, 0.5), (0, 1, 0)) == pytest.approx(9.0666, abs=1e-4)
    assert meet(Solid("cube", (0, 0), 0, GREY), (0.67, -10, 0.5), (0, 1, 0)) == math.inf


def test_rays_meet_a_cylinders_side_and_cap():
    can = Solid("cylinder", (0, 0), 0, GREY)  # of radius 0.7, 1.6 high
    assert meet(can, (0, -10, 0.8), (0, 1, 0)) == pytest.approx(9.3, abs=1e-4)
    assert meet(can, (0.5, 0.4, 10), (0, 0, -1)) == pytest.approx(8.4, abs=1e-4)
    assert meet(can, (0.5, 0.5, 10), (0, 0, -1)) == math.inf
    assert meet(can, (0, -10, 1.61), (0, 1, 0)) == math.inf


@pytest.mark.parametrize(("shape", "point", "normal"), [
    ("sphere", (0, -0.82, 0.82), (0, -1, 0)), ("cylinder", (-0.7, 0, 0.5), (-1, 0, 0)),
    ("cylinder", (0.1, 0.2, 1.6), (0, 0, 1)), ("cube", (0.66, 0.1, 0.3), (1, 0, 0))])
def test_normals(shape, point, normal):
    found = normals(Solid(shape, (0, 0), 0, GREY), np.array([point], np.float32).T)
    assert np.allclose(found.T, [normal], atol=1e-5)


def test_twice_as_far_is_half_as_large():
    near, far = (silhouette(Solid("sphere", (0, y), 0, GREY), 0.82) for y in (10, 20))
    assert near.shape[1] / 8 == pytest.approx(140 * 2 * 0.82 / 10, rel=0.02)
    assert near.sum() / far.sum() == pytest.approx(4, rel=0.03)


def test_a_sphere_is_round():
    seen = silhouette(Solid("sphere", (0, 10), 0, GREY), 0.82)
    assert seen.shape[0] == pytest.approx(seen.shape[1], abs=2)
    assert seen.mean() == pytest.approx(math.pi / 4, abs=0.01)
    assert not seen[0, 0]


def test_a_cylinder_seen_level_is_a_rectangle_higher_than_wide():
    seen = silhouette(Solid("cylinder", (0, 30), 0, GREY), 0.8)
    assert seen.mean() > 0.97
    assert seen.shape[0] / seen.shape[1] == pytest.approx(1.6 / 29.3 / (1.4 / 30), rel=0.03)  # its foot is nearer


@pytest.mark.parametrize(("angle", "wide"), [(0, 1), (math.pi / 4, math.sqrt(2))])
def test_a_cube_seen_level_is_a_square_or_turned_a_wider_rectangle(angle, wide):
    seen = silhouette(Solid("cube", (0, 30), angle, GREY), 0.66)
    assert seen.mean() > 0.96
    assert seen.shape[1] / seen.shape[0] == pytest.approx(wide, rel=0.05)


def test_objects_are_8_to_16_pixels_wide_at_64(described):
    wide = [np.isfinite(depths(scene.camera, [thing.solid], rays(scene.camera))[0]).any(0).sum() / 2
            for scene in described for thing in scene.objects]
    assert min(wide) >= 7 and max(wide) <= 17


def test_a_shadow_falls_away_from_the_lamp():
    camera = level(3)
    light = Light((Lamp((-10, 10, 10), 0.3, (60, 60, 60)),), around=0.1)
    ball = Solid("sphere", (0, 10), 0, GREY)  # at 45 degrees its shadow ends at x = 0.82 * 2.41 = 1.98
    bare, shaded = (picture(camera, light, solids, np.zeros((96, 128))).astype(int) for solids in ([], [ball]))
    (left, right), rows = project(camera, np.array([[-1.75, 1.75], [10, 10], [0, 0]], np.float32)).astype(int)
    assert (bare - shaded)[rows[0], left].max() == 0
    assert (bare - shaded)[rows[1], right].min() > 20


def test_one_more_object_changes_only_what_is_near_it(described):
    high = Light((Lamp((0, 0, 10), 0.5, (20, 20, 20)),), around=0.15)  # its shadows end within 3 of an object's place
    for scene in described[:6]:
        one, two = (np.asarray(draw(replace(scene, light=high), count)) for count in (1, 2))
        rows, columns = np.nonzero((one != two).any(2))
        x, y = scene.objects[1].place
        box = np.array([[x + a, y + b, z] for a in (-3, 3) for b in (-3, 3) for z in (0, 1.7)], np.float32)
        left, top = project(scene.camera, box.T).min(1)
        right, bottom = project(scene.camera, box.T).max(1)
        assert len(rows) > 100
        assert left < columns.min() and columns.max() < right and top < rows.min() and rows.max() < bottom


@pytest.mark.parametrize(("colour", "low", "high"), [
    ("red", -10, 10), ("brown", 24, 42), ("yellow", 48, 62), ("green", 90, 125), ("cyan", 170, 190),
    ("blue", 212, 232), ("purple", 275, 300)])
def test_a_colour_has_the_hue_its_name_says(described, colour, low, high):
    red, green, blue = _on_a_sphere(described[0], colour)
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    assert saturation > 0.35 and low <= (hue * 360 + 30) % 360 - 30 <= high


def test_gray_has_no_hue_and_is_darker_than_the_ground(described):
    gray = _on_a_sphere(described[0], "gray")
    ground = np.asarray(draw(described[0], 0), float)[40:60, 40:90].mean((0, 1))
    assert np.ptp(gray) < 12 and (ground - gray).min() > 25


def _on_a_sphere(scene, colour: str) -> np.ndarray:
    """Mean red, green and blue of a ball of this colour in the middle of a scene."""
    ball = Object(labels.OBJECTS.index(f"{colour} sphere"), (0, 0), 0)
    where = np.isfinite(depths(scene.camera, [ball.solid], rays(scene.camera))[0])
    return np.asarray(draw(replace(scene, objects=(ball,)), 1), float)[where].mean(0)


@pytest.mark.parametrize(("words", "code", "message"), [
    ("sheet.png --count 0", 2, "--count 0: must be from 1 to 4096"), ("sheet.xyz", 2, "sheet.xyz: give a picture"),
    ("--seed 1", 2, "no file: give a picture to write, its name ends in one of .png, .jpg, .jpeg, .webp"),
    ("sheet.png --count 65 --columns 1", 2, "--count 65: more than 64 rows; give more --columns"),
    ("file/sheet.png", 4, "'file'; check the path and the free space")])
@pytest.mark.parametrize("module", ["lab5_cgan.scenes", "cyclegan_style.portraits"])
def test_a_sheet_that_cannot_be_is_one_line(tmp_path, module, words, code, message):
    (tmp_path / "file").touch()
    done = subprocess.run([sys.executable, "-m", module, *words.split()], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == code, done.stderr
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_a_sheet_has_rows_and_columns(tmp_path):
    with pytest.raises(SystemExit) as end:
        sheets.run(sheet, "", [str(tmp_path / "sheet.png"), "--count", "3", "--columns", "2", "--seed", "1"])
    assert end.value.code == 0
    with Image.open(tmp_path / "sheet.png") as page:
        assert page.size == (256, 192)
        assert np.array_equal(page, sheet(count=3, columns=2, seed=1))
