"""The embedded i-CLEVR scenes: their files, the rules of placement, the geometry, light and colours."""

import colorsys
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common import drawn
from lab5_cgan import labels, scenes
from lab5_cgan.layout import Object, describe, visible_shares
from lab5_cgan.render import Camera, Lamp, Light, depths, picture, project, rays
from lab5_cgan.scenes import VERSION, draw, make
from lab5_cgan.solids import Solid, enter, normals

GREY = (0.5, 0.5, 0.5)
FILES = ["about.json", "images", "new_test.json", "objects.json", "test.json", "train.json"]
NAMES = [f"CLEVR_train_00000{scene}_{place}.png" for scene in (0, 1) for place in (0, 1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two scenes of a set with seed 5, drawn by two processes."""
    folder = tmp_path_factory.mktemp("scenes") / "set"
    assert drawn.make(replace(scenes.SET, chunk=3), folder, count=6, seed=5, workers=2)
    return folder


@pytest.fixture(scope="module")
def described():
    """The first 60 scenes."""
    return [describe(0, number) for number in range(60)]


def level(height: float) -> Camera:
    """A camera at x = y = 0 that looks along the y axis."""
    return Camera((0, 0, height), pitch=0, yaw=0)


def solid(shape: str, x: float = 0, y: float = 0, angle: float = 0) -> Solid:
    return Solid(shape, (x, y), angle, GREY)


def silhouette(thing: Solid, height: float) -> np.ndarray:
    """Where a level camera sees the solid, 8 rays per pixel along each side; cropped to its bounding box."""
    visible = np.isfinite(depths(level(height), [thing], rays(level(height), 8))[0])
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    return visible[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


# ---- the set ----


def test_a_set_has_the_layout_of_the_course(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert sorted(path.name for path in (folder / "images").iterdir()) == NAMES
    assert json.loads((folder / "about.json").read_text()) == {"version": VERSION, "count": 6, "seed": 5}
    assert make(folder, count=6, seed=5, workers=1) is False
    with pytest.raises(ValueError, match="multiple of 3"):
        make(folder, count=4)
    with Image.open(folder / "images" / NAMES[4]) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (128, 96), "RGB")
        assert np.array_equal(image, draw(describe(5, 1), 2))


def test_the_label_files_are_what_labels_reads(folder):
    labels.check_objects(folder / "objects.json")
    train = labels.read_train(folder / "train.json")
    assert list(train) == NAMES
    for scene in (0, 1):
        all_three = [thing.label for thing in describe(5, scene).objects]
        assert [train[name] for name in NAMES[3 * scene:][:3]] == [all_three[:1], all_three[:2], all_three]
    assert labels.read_conditions(folder / "test.json") == scenes.conditions()
    assert labels.read_conditions(folder / "new_test.json") == scenes.hard_conditions()


def test_conditions_have_every_object_twice_and_most_hard_ones_share_a_colour_or_a_shape():
    lists = scenes.conditions()
    sizes = [len(condition) for condition in lists]
    assert [sizes.count(size) for size in (1, 2, 3)] == [10, 11, 11]
    assert all(sum(condition.count(label) for condition in lists) >= 2 for label in range(24))
    lists = scenes.hard_conditions()
    words = [[set(names) for names in zip(*(labels.OBJECTS[label].split() for label in condition), strict=True)]
             for condition in lists]
    assert len(lists) == 32 and {len(condition) for condition in lists} == {2, 3}
    assert {label for condition in lists for label in condition} == set(range(24))
    assert all(len(set(condition)) == len(condition) for condition in lists)
    assert sum(len(colours) == 1 or len(shapes) == 1 for colours, shapes in words) >= 24


# ---- the rules of placement ----


def test_every_object_occurs_and_those_of_a_scene_differ_and_stay_apart(described):
    assert all(len({thing.label for thing in scene.objects}) == 3 for scene in described)
    assert len({thing.label for scene in described for thing in scene.objects}) == 24
    assert len({scene.objects for scene in described}) == 60
    assert describe(1, 5) != describe(0, 5)
    for scene in described:
        a, b, c = [thing.place for thing in scene.objects]
        assert min(math.dist(a, b), math.dist(b, c), math.dist(a, c)) > 2 * 0.7 + 0.4


def test_objects_are_in_the_image_visible_and_8_to_16_pixels_wide_at_64(described):
    shares, wide = [], []
    for scene in described:
        solids = [thing.solid for thing in scene.objects]
        shares.append(visible_shares(scene.camera, solids))
        for thing in solids:
            columns, rows = project(scene.camera, thing.corners())
            assert columns.min() > 0 and columns.max() < 128 and rows.min() > 0 and rows.max() < 96
            wide.append(np.isfinite(depths(scene.camera, [thing], rays(scene.camera))[0]).any(0).sum() / 2)
    shares = np.array(shares)
    assert shares[..., 0].min() >= 0.4  # not hidden by others
    square = shares[..., 1]  # inside the middle square, to which the report crops
    assert 0.25 <= square.min() < 0.5
    assert [round(float((square < part).mean()), 2) for part in (1, 0.75)] == [0.27, 0.15]
    assert min(wide) >= 7 and max(wide) <= 17


def test_visible_shares():
    spheres = [solid("sphere", 0, 10), solid("sphere", 0, 20), solid("sphere", 4, 15)]  # the first hides the second
    assert [share for share, _ in visible_shares(level(0.82), spheres)] == [1, 0, 1]
    at_the_edge = solid("sphere", 20 * (128 / 2 - 16) / 140, 20)  # the middle square ends 16 pixels from the sides
    assert visible_shares(level(0.82), [at_the_edge])[0][1] == pytest.approx(0.5, abs=0.04)


# ---- geometry ----


def test_a_point_looked_at_is_in_the_middle_of_the_image():
    camera = Camera((0, -10, 5), pitch=math.atan(0.5), yaw=0)  # 11.18 from the origin
    pixels = project(camera, np.array([[0, 1], [0, 0], [0, 0]], np.float32))
    assert np.allclose(pixels, [[64, 64 + 140 / 11.18], [48, 48]], atol=0.01)


@pytest.mark.parametrize(("thing", "origin", "direction", "t"), [
    (solid("sphere"), (0, -10, 0.82), (0, 1, 0), 9.18),  # radius 0.82, centre 0.82 high
    (solid("sphere"), (0.6, -10, 0.82), (0, 1, 0), 10 - math.sqrt(0.82**2 - 0.36)),
    (solid("sphere"), (0, -10, 1.7), (0, 1, 0), math.inf), (solid("sphere"), (0, -10, 0.82), (0, -1, 0), math.inf),
    (solid("cube"), (0, -10, 0.5), (0, 1, 0), 9.34), (solid("cube"), (0.67, -10, 0.5), (0, 1, 0), math.inf),
    (solid("cube", angle=math.pi / 4), (0, -10, 0.5), (0, 1, 0), 9.0666),  # nearer at its edge than at its side
    (solid("cylinder"), (0, -10, 0.8), (0, 1, 0), 9.3),  # radius 0.7, 1.6 high
    (solid("cylinder"), (0.5, 0.4, 10), (0, 0, -1), 8.4), (solid("cylinder"), (0.5, 0.5, 10), (0, 0, -1), math.inf),
    (solid("cylinder"), (0, -10, 1.61), (0, 1, 0), math.inf)])
def test_where_a_ray_enters_a_solid(thing, origin, direction, t):
    entered = enter(thing, np.array([origin], np.float32).T, np.array([direction], np.float32).T)
    assert entered[0] == pytest.approx(t, abs=1e-4)


@pytest.mark.parametrize(("shape", "point", "normal"), [
    ("sphere", (0, -0.82, 0.82), (0, -1, 0)), ("cylinder", (-0.7, 0, 0.5), (-1, 0, 0)),
    ("cylinder", (0.1, 0.2, 1.6), (0, 0, 1)), ("cube", (0.66, 0.1, 0.3), (1, 0, 0))])
def test_normals(shape, point, normal):
    assert np.allclose(normals(solid(shape), np.array([point], np.float32).T).T, [normal], atol=1e-5)


def test_a_sphere_is_round_and_half_as_large_twice_as_far():
    near, far = (silhouette(solid("sphere", 0, y), 0.82) for y in (10, 20))
    assert near.shape[1] / 8 == pytest.approx(140 * 2 * 0.82 / 10, rel=0.02)
    assert near.sum() / far.sum() == pytest.approx(4, rel=0.03)
    assert near.shape[0] == pytest.approx(near.shape[1], abs=2)
    assert near.mean() == pytest.approx(math.pi / 4, abs=0.01)
    assert not near[0, 0]


@pytest.mark.parametrize(("shape", "angle", "height", "ratio"), [
    ("cylinder", 0, 0.8, 1.4 / 30 / (1.6 / 29.3)),  # its foot is nearer
    ("cube", 0, 0.66, 1), ("cube", math.pi / 4, 0.66, math.sqrt(2))])
def test_cylinders_and_cubes_seen_level_are_rectangles(shape, angle, height, ratio):
    visible = silhouette(solid(shape, 0, 30, angle), height)
    assert visible.mean() > 0.96
    assert visible.shape[1] / visible.shape[0] == pytest.approx(ratio, rel=0.05)


# ---- light and colour ----


def test_a_shadow_falls_away_from_the_lamp():
    light = Light((Lamp((-10, 10, 10), 0.3, (60, 60, 60)),), around=0.1)
    ball = solid("sphere", 0, 10)  # at 45 degrees its shadow ends at x = 0.82 * 2.41 = 1.98
    bare, shaded = (picture(level(3), light, things, np.zeros((96, 128))).astype(int) for things in ([], [ball]))
    (left, right), rows = project(level(3), np.array([[-1.75, 1.75], [10, 10], [0, 0]], np.float32)).astype(int)
    assert (bare - shaded)[rows[0], left].max() == 0
    assert (bare - shaded)[rows[1], right].min() > 20


def test_one_more_object_changes_only_what_is_near_it(described):
    high = Light((Lamp((0, 0, 10), 0.5, (20, 20, 20)),), around=0.15)  # shadows end within 3 units of an object
    for scene in described[:6]:
        one, two = (np.asarray(draw(replace(scene, light=high), count)) for count in (1, 2))
        rows, columns = np.nonzero((one != two).any(2))
        x, y = scene.objects[1].place
        box = np.array([[x + a, y + b, z] for a in (-3, 3) for b in (-3, 3) for z in (0, 1.7)], np.float32)
        left, top = project(scene.camera, box.T).min(1)
        right, bottom = project(scene.camera, box.T).max(1)
        assert len(rows) > 100
        assert left < columns.min() and columns.max() < right and top < rows.min() and rows.max() < bottom


def sphere_colour(scene, colour: str) -> np.ndarray:
    """Mean red, green and blue of a sphere of this colour in the middle of a scene."""
    ball = Object(labels.OBJECTS.index(f"{colour} sphere"), (0, 0), 0)
    visible = np.isfinite(depths(scene.camera, [ball.solid], rays(scene.camera))[0])
    return np.asarray(draw(replace(scene, objects=(ball,)), 1), float)[visible].mean(0)


@pytest.mark.parametrize(("colour", "low", "high"), [
    ("red", -10, 10), ("brown", 24, 42), ("yellow", 48, 62), ("green", 90, 125), ("cyan", 170, 190),
    ("blue", 212, 232), ("purple", 275, 300)])
def test_a_colour_has_the_hue_its_name_says(described, colour, low, high):
    hue, saturation, _ = colorsys.rgb_to_hsv(*sphere_colour(described[0], colour) / 255)
    assert saturation > 0.35 and low <= (hue * 360 + 30) % 360 - 30 <= high


def test_gray_has_no_hue_and_is_darker_than_the_ground(described):
    gray = sphere_colour(described[0], "gray")
    ground = np.asarray(draw(described[0], 0), float)[40:60, 40:90].mean((0, 1))
    assert np.ptp(gray) < 12 and (ground - gray).min() > 25
