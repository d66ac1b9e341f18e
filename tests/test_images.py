"""common/images.py and common/decoding.py: which files are taken, how they are decoded, and the cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import full_disk
from PIL import Image, ImageCms, ImageFile

from common import decoding, images
from common.errors import StorageError, UserError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
NAMES = [f"{number}.png" for number in range(20)]


def plain(path: Path, colour=RED, mode: str = "RGB", **options) -> Path:
    Image.new(mode, (8, 8), colour).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Twenty good images: one bad file beside them is still below the limit of 5%."""
    (tmp_path / "faces").mkdir()
    for number in range(20):
        plain(tmp_path / f"faces/{number}.png", (10 * number, 0, 0))
    return tmp_path / "faces"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def png_header(width: int, height: int) -> bytes:
    """An RGB image of this size without any pixels."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# ---- which files ----


def test_images_come_in_the_order_of_their_numbers(folder, cache):
    plain(folder / "a.PNG")
    (folder / "notes.txt").write_text("x")
    (folder / "._1.jpg").write_text("x")
    (folder / "more").mkdir()
    plain(folder / "more/99.png")
    loaded = images.load(folder, 4, cache)
    assert loaded.names == [*NAMES, "a.PNG"]
    assert loaded.images[:20, 0, 0].tolist() == [[10 * number, 0, 0] for number in range(20)]
    assert (loaded.images.shape, loaded.images.dtype, loaded.left_out) == ((21, 4, 4, 3), np.uint8, {})
    assert isinstance(loaded.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.images[0] = 0


def test_ids_are_the_numbers_in_the_names(folder, cache):
    ids = images.load(folder, 4, cache).ids
    assert (ids.tolist(), ids.dtype) == (list(range(20)), np.int64)
    plain(folder / "3 (1).png")
    plain(folder / "portrait.png")
    assert images.load(folder, 4, cache).ids.tolist() == [*range(20), -1, -1]
    plain(folder / "7.jpg")
    with pytest.raises(UserError, match=r"7\.jpg and 7\.png are both image 7; remove one of them"):
        _ = images.load(folder, 4, cache).ids


def test_a_folder_without_images(tmp_path, cache):
    with pytest.raises(UserError, match="No such file or directory; give a folder of images"):
        images.load(tmp_path / "none", 4, cache)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images; give the folder that contains them"):
        images.load(tmp_path / "empty", 4, cache)
    for name in ("0.heic", "1.HEIC", "notes.txt", "README"):
        (tmp_path / "empty" / name).write_text("x")
    (tmp_path / "empty/more").mkdir()
    with pytest.raises(UserError, match=r"known kind, but 2 \.heic \(0\.heic, 1\.HEIC\), 1 file without a suffix "
                                        r"\(README\), 1 \.txt \(notes\.txt\); if they are images, convert"):
        images.load(tmp_path / "empty", 4, cache)
    (tmp_path / "empty/faces.tar.gz").write_text("x")
    with pytest.raises(UserError, match=r"empty: faces\.tar\.gz is still packed; unpack it there"):
        images.load(tmp_path / "empty", 4, cache)


KINDS = {"webp": "WEBP", "bmp": "BMP", "gif": "GIF", "jfif": "JPEG", "jpe": "JPEG", "tif": "TIFF", "tiff": "TIFF",
         "avif": "AVIF", "JP2": "JPEG2000", "ppm": "PPM", "tga": "TGA", "apng": "PNG", "pcx": "PCX", "mpo": "MPO"}


def test_images_of_all_kinds_are_read_and_other_files_are_named(tmp_path, cache):
    (tmp_path / "faces").mkdir()
    for number, (suffix, kind) in enumerate(KINDS.items()):
        Image.new("RGB", (8, 8), (0, 0, 200)).save(tmp_path / f"faces/{number}.{suffix}", kind)
    Image.new("RGB", (8, 8), (0, 0, 200)).save(tmp_path / "faces/90.jpg", "GIF")  # the content tells the kind
    for name in ("91.heic", "92.heic", "a.psb", ".DS_Store"):
        (tmp_path / "faces" / name).write_text("x")
    (tmp_path / "faces/more").mkdir()
    loaded = images.load(tmp_path / "faces", 4, cache)
    assert loaded.names == [*(f"{number}.{suffix}" for number, suffix in enumerate(KINDS)), "90.jpg"]
    assert np.abs(loaded.images.astype(int) - (0, 0, 200)).max() <= 3  # some of them lose a little
    assert images.described(images.others(tmp_path / "faces")) == \
        "2 .heic (91.heic, 92.heic), 1 .psb (a.psb), 1 folder (more)"


@pytest.mark.parametrize("inside", ["faces", "faces/inner/faces", "__MACOSX"])
def test_images_that_were_unpacked_into_folders_below(folder, cache, tmp_path, inside):
    (tmp_path / "set").mkdir()
    shutil.copytree(folder, tmp_path / "set" / inside)
    (tmp_path / "set/empty").mkdir()
    (tmp_path / "set/loop").symlink_to(".")
    (tmp_path / "set/again").symlink_to(inside)
    loaded = images.load(tmp_path / "set", 4, cache)
    assert (loaded.names, loaded.images[3, 0, 0].tolist()) == (NAMES, [30, 0, 0])


def test_images_in_several_folders_are_not_chosen_from(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    with pytest.raises(UserError, match=rf"its images are in 2 folders: {tmp_path}/faces, {tmp_path}/other; give one"):
        images.find(tmp_path)
    plain(tmp_path / "a.png")
    assert images.find(tmp_path) == tmp_path


# ---- bad files ----


def truncated(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-500])


BAD = {
    "truncated": (truncated, "truncated"),
    "empty": (lambda path: path.write_bytes(b""), "an empty file"),
    "text": (lambda path: path.write_text("hello"), "not an image of a known kind"),
    "another format": (lambda path: Image.new("RGB", (8, 8)).save(path, "EPS"), "not an image of a known kind"),
    "floating point": (lambda path: Image.new("F", (8, 8), 0.5).save(path, "TIFF"), "floating-point grey levels"),
    "32 bits": (lambda path: Image.new("I", (8, 8), 70_000).save(path, "TIFF"), "32-bit grey levels"),
    "bomb": (lambda path: path.write_bytes(png_header(30_000, 30_000)), "too many pixels"),
    "small bomb": (lambda path: path.write_bytes(png_header(8_000, 8_000)), "8000x8000 pixels are too many"),
    "header only": (lambda path: path.write_bytes(png_header(8, 8)), "cannot be decoded"),
    "folder": (lambda path: path.mkdir(), "not a file"),
    "pipe": (os.mkfifo, "not a file"),
    "dangling link": (lambda path: path.symlink_to("gone.jpg"), "a link to none"),
    "link to itself": (lambda path: path.symlink_to(path.name), "a link to none"),
}


@pytest.mark.parametrize("make, reason", BAD.values(), ids=BAD)
def test_a_bad_file_is_left_out_with_its_reason(folder, cache, make, reason):
    make(folder / "5.jpg")
    for loaded in (images.load(folder, 4, cache), images.load(folder, 4, cache)):
        assert list(loaded.left_out) == ["5.jpg"] and reason in loaded.left_out["5.jpg"]
        assert loaded.names == NAMES
        assert loaded.images[:, 3, 3, 0].tolist() == list(range(0, 200, 10))
    assert loaded.cached


def test_links_are_followed_and_a_change_of_their_target_is_seen(folder, cache, tmp_path):
    """The folder is one, and so are the files in it, into a store that names them by their content."""
    (tmp_path / "store").mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(tmp_path / f"store/{number:02d}c0ffee")
        path.symlink_to(tmp_path / f"store/{number:02d}c0ffee")
    (folder / "20.png").symlink_to("3.png")  # a link to a link
    (tmp_path / "link").symlink_to(folder)
    loaded = images.load(tmp_path / "link", 4, cache)
    assert (loaded.names, loaded.images[20, 0, 0].tolist()) == ([*NAMES, "20.png"], [30, 0, 0])
    plain(tmp_path / "new.png", GREEN).rename((folder / "3.png").resolve())
    assert images.load(tmp_path / "link", 4, cache).images[20, 0, 0].tolist() == [0, 255, 0]


def test_truncated_files_are_bad_even_if_pillow_was_told_otherwise(folder, cache, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    truncated(folder / "20.jpg")
    assert "truncated" in images.load(folder, 4, cache).left_out["20.jpg"]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_more_than_five_percent_bad_files_are_an_error(folder, cache):
    (folder / "20.jpg").write_text("hello")
    (folder / "21.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"2 of 22 images are bad: 20\.jpg \(not an image.*\), 21\.jpg \(an empty"):
        images.load(folder, 4, cache)
    assert list(cache.iterdir()) == []


# ---- decoding ----


def decoded(path: Path, size: int = 8) -> np.ndarray:
    image = decoding.decode(path, size)
    assert (image.shape, image.dtype) == ((size, size, 3), np.uint8)
    return image


@pytest.mark.parametrize("name, mode, colour, expected", [
    ("a.png", "L", 90, (90, 90, 90)), ("a.png", "1", 1, WHITE), ("a.png", "RGBA", (255, 0, 0, 0), WHITE),
    ("a.png", "RGBA", (0, 0, 255, 255), BLUE), ("a.png", "LA", (0, 0), WHITE), ("a.png", "LA", (40, 255), (40, 40, 40)),
    ("a.png", "I;16", 65535, WHITE), ("a.png", "I;16", 25700, (100, 100, 100)), ("a.png", "I;16", 0, (0, 0, 0)),
    ("a.jpg", "CMYK", (0, 0, 0, 255), (0, 0, 0)), ("a.jpg", "L", 90, (90, 90, 90)),
])
def test_modes(tmp_path, name, mode, colour, expected):
    assert (decoded(plain(tmp_path / name, colour, mode)) == expected).all()


@pytest.mark.parametrize("options, expected", [({}, BLUE), ({"transparency": 1}, WHITE)])
def test_palette(tmp_path, options, expected):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*GREEN, *BLUE])
    image.save(tmp_path / "a.png", **options)
    assert (decoded(tmp_path / "a.png") == expected).all()


NOISE = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
WITHOUT_PROFILE = {  # as they were before profiles were read
    "rgb.png": (Image.fromarray(NOISE[..., :3]), [125, 126, 121, 134, 151, 117, 124, 107, 157, 130, 159, 165]),
    "rgba.png": (Image.fromarray(NOISE), [198, 193, 204, 189, 208, 182, 182, 178, 206, 180, 214, 201]),
    "l.png": (Image.fromarray(NOISE[..., 0]), [125] * 3 + [134] * 3 + [124] * 3 + [130] * 3),
    "la.png": (Image.merge("LA", Image.fromarray(NOISE).split()[:2]), [184] * 3 + [183] * 3 + [200] * 3 + [174] * 3),
    "rgb.jpg": (Image.fromarray(NOISE[..., :3]), [131, 125, 116, 140, 147, 127, 104, 122, 132, 125, 160, 161]),
    "cmyk.jpg": (Image.merge("CMYK", Image.fromarray(NOISE).split()), [74, 67, 84, 56, 56, 66, 56, 70, 49, 49, 54, 39])}


@pytest.mark.parametrize("name", WITHOUT_PROFILE)
def test_without_a_profile_colours_are_not_changed(tmp_path, name):
    image, expected = WITHOUT_PROFILE[name]
    image.save(tmp_path / name)
    assert decoded(tmp_path / name, 2).reshape(-1).tolist() == expected


def icc(space: bytes, **tags: bytes) -> bytes:
    """A colour profile: the colour space and its tags."""
    table, data, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(data), len(tag))
        data += tag.ljust(-len(tag) % 4 + len(tag), b"\0")
    head = struct.pack(">I4xI4s4s4s12x4s", start + len(data), 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    return head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061) + bytes(48) + table + data


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(65536 * value) for value in values))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * value))


WHITE_POINT, SRGB = xyz(0.9642, 1, 0.8249), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = icc(b"RGB ", wtpt=WHITE_POINT, rXYZ=xyz(0.5151, 0.2412, -0.0011), gXYZ=xyz(0.2920, 0.6922, 0.0419),
         bXYZ=xyz(0.1571, 0.0666, 0.7841), **dict.fromkeys(("rTRC", "gTRC", "bTRC"), gamma(2.2)))
GREY = icc(b"GRAY", wtpt=WHITE_POINT, kTRC=gamma(1.0))


@pytest.mark.parametrize("name, mode, colour, profile, expected", [
    ("a.jpg", "RGB", (200, 60, 59), P3, (219, 37, 48)), ("a.png", "RGB", (200, 60, 59), P3, (219, 37, 48)),
    ("a.webp", "RGB", (200, 60, 59), P3, (219, 37, 48)), ("a.tif", "RGB", (200, 60, 59), P3, (219, 37, 48)),
    ("a.avif", "RGB", (200, 60, 59), P3, (219, 37, 48)), ("a.png", "RGBA", (200, 60, 59, 255), P3, (219, 37, 48)),
    ("a.png", "RGBA", (200, 60, 59, 0), P3, WHITE), ("a.png", "L", 128, GREY, (188, 188, 188)),
    ("a.png", "LA", (128, 255), GREY, (188, 188, 188)), ("a.png", "I;16", 128 * 257, GREY, (188, 188, 188)),
    ("a.png", "RGB", (200, 60, 59), SRGB, (200, 60, 59)), ("a.png", "L", 128, P3, (128, 128, 128)),
    ("a.png", "RGB", (200, 60, 59), b"damaged", (200, 60, 59)),
    ("a.png", "RGB", (200, 60, 59), P3[:200], (200, 60, 59))])
def test_colours_are_converted_by_the_profile(tmp_path, name, mode, colour, profile, expected):
    with_profile = decoded(plain(tmp_path / name, colour, mode, icc_profile=profile))
    assert np.abs(with_profile.astype(int) - expected).max() <= (2 if name[2:] in ("jpg", "webp", "avif") else 1)


def test_exif_rotation_is_applied(tmp_path):
    image = Image.new("RGB", (8, 8), RED)
    image.paste(BLUE, (0, 0, 8, 4))  # blue above red
    exif = Image.Exif()
    exif[0x0112] = 6  # show it a quarter turn clockwise
    image.save(tmp_path / "a.png", exif=exif)
    turned = decoded(tmp_path / "a.png")
    assert turned[4, 0].tolist() == list(RED) and turned[4, 7].tolist() == list(BLUE)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (GREEN, RED)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert (decoded(tmp_path / "a.png") == GREEN).all()


def test_a_wide_image_is_squashed_not_cropped(tmp_path):
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    image.save(tmp_path / "a.png")
    squashed = decoded(tmp_path / "a.png", 10)
    assert (squashed[:, 0] == RED).all() and (squashed[:, 9] == BLUE).all()


# ---- the cache ----


def test_the_second_load_comes_from_the_cache(folder, cache):
    steps = []
    first = images.load(folder, 4, cache, lambda done, total: steps.append((done, total)))
    second = images.load(folder, 4, cache, lambda done, total: pytest.fail("decoded again"))
    assert (first.cached, second.cached) == (False, True)
    assert steps == [(done, 20) for done in range(1, 21)]
    assert (first.digest, first.names) == (second.digest, second.names)
    np.testing.assert_array_equal(first.images, second.images)
    assert [path.name.startswith("faces-4-") for path in cache.iterdir()] == [True]


def test_the_digest_follows_names_and_pixels_not_place_and_time(folder, cache, tmp_path):
    first = images.load(folder, 4, cache).digest
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert images.load(tmp_path / "copy", 4, cache).digest == first
    (folder / "19.png").rename(folder / "30.png")
    plain(tmp_path / "copy/3.png", WHITE)
    assert len({first, *(images.load(path, 4, cache).digest for path in (folder, tmp_path / "copy"))}) == 3


def test_a_changed_folder_replaces_its_own_stale_cache_only(folder, cache, tmp_path):
    shutil.copytree(folder, tmp_path / "other/faces")
    images.load(tmp_path / "other/faces", 4, cache)
    images.load(folder, 5, cache)
    images.load(folder, 4, cache)
    plain(folder / "20.png")
    assert not images.load(folder, 4, cache).cached
    assert len(list(cache.iterdir())) == 3
    assert images.load(tmp_path / "other/faces", 4, cache).cached


def flip_last_byte(home: Path) -> None:
    data = bytearray((home / "images.npy").read_bytes())
    data[-1] ^= 1
    (home / "images.npy").write_bytes(data)


def change_index(home: Path, **values) -> None:
    index = json.loads((home / "index.json").read_text())
    (home / "index.json").write_text(json.dumps(index | values))


def replace(home: Path, make) -> None:
    shutil.rmtree(home)
    make(home)


DAMAGE = {
    "flipped bit": (flip_last_byte, "wrong checksum"),
    "short file": (lambda home: os.truncate(home / "images.npy", 500), "wrong checksum"),
    "no pixels": (lambda home: (home / "images.npy").unlink(), "No such file"),
    "half an index": (lambda home: os.truncate(home / "index.json", 40), "Unterminated string|Expecting"),
    "list as index": (lambda home: (home / "index.json").write_text("[]"), "list indices"),
    "missing key": (lambda home: (home / "index.json").write_text("{}"), "names"),
    "lost name": (lambda home: change_index(home, names=["0.png"]), "wrong checksum"),
    "deep index": (lambda home: (home / "index.json").write_text("[" * 100_000), "recursion"),
    "other version": (lambda home: change_index(home, version=0), "version 0, not 2"),
    "file": (lambda home: replace(home, Path.touch), r"\[Errno.*Not a directory"),
    "link to itself": (lambda home: replace(home, lambda path: path.symlink_to(path)), r"\[Errno.*symbolic links"),
    "dangling link": (lambda home: replace(home, lambda path: path.symlink_to("none")), r"\[Errno.*No such file"),
}


@pytest.mark.parametrize("damage, reason", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_built_again_and_says_why(folder, cache, damage, reason):
    good = images.load(folder, 4, cache)
    damage(next(cache.iterdir()))
    again = images.load(folder, 4, cache)
    assert not again.cached and again.digest == good.digest
    assert "is damaged" in again.rebuilt and re.search(reason, again.rebuilt)
    assert images.load(folder, 4, cache).cached


def test_a_damaged_cache_that_another_process_removed_first(folder, cache):
    good = images.load(folder, 4, cache)
    home = next(cache.iterdir())
    (home / "index.json").write_text("[]")
    again = images.load(folder, 4, cache, lambda done, total: shutil.rmtree(home, ignore_errors=True))
    assert again.digest == good.digest
    assert list(cache.iterdir()) == [home]


def test_builds_of_dead_processes_are_removed_and_of_living_ones_kept(folder, cache):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (cache / f".building-{os.uname().nodename}-{pid}-0000-new").mkdir(parents=True)
    images.load(folder, 4, cache)
    assert [path.name.split("-")[-3] for path in cache.glob(".building-*")] == [str(os.getpid())]


def test_another_build_that_was_first_does_no_harm(folder, cache):
    """The other one finishes while this one is at its last image."""
    loaded = images.load(folder, 4, cache, lambda done, total: done == total and images.load(folder, 4, cache))
    assert loaded.images[19, 0, 0].tolist() == [190, 0, 0]
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written(folder, cache, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the image cache"):
        images.load(folder, 4, tmp_path / "file")
    with full_disk(5000), pytest.raises(StorageError, match="cannot write the image cache .File too large"):
        images.load(folder, 64, cache)
    assert list(cache.iterdir()) == []
