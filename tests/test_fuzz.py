"""What reads files from elsewhere gives a value or its own error, in one line, whatever the file holds.

A few hundred examples, always the same. For a longer hunt: FUZZ_EXAMPLES=100000 python -m pytest tests/test_fuzz.py
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from common import decoding, runs
from common.anime import sampling as anime_sampling
from common.anime import tags
from common.errors import Failure, StorageError, UserError
from lab5_cgan import labels

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 0))


def fuzz(count: int) -> settings:
    """The same examples each time, unless FUZZ_EXAMPLES asks for that many others."""
    return settings(max_examples=EXAMPLES or count, derandomize=not EXAMPLES, database=None, deadline=None,
                    suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file"


def reads(read: Callable[[Path], Any], file: Path, data: bytes, kind: type[Failure]) -> Any:
    """What a reader makes of a file; None if it refuses it in one line that names the file."""
    file.write_bytes(data)
    try:
        return read(file)
    except kind as error:
        assert str(error).startswith(str(file.parent))
        return None


IDS = st.one_of(st.integers(0, 30).map(str),
                st.sampled_from(["", "-1", "../1", "1.5", " 7", "\ufeff1", "\u0663", "9" * 30]))
TAGS = st.sampled_from([*tags.COLOURS[:14], "None", "NA", "nan", "11 eyes", "a:b", "", " ", "\u2028",
                        "red hair blue eyes"])
CELLS = st.one_of(TAGS, st.builds("{}:{}".format, TAGS, st.sampled_from(["1", "22", "", "x", "\u00b2", "-1"])))
ROWS = st.builds("{},{}".format, IDS, st.lists(CELLS, max_size=4).map("\t".join))
LINES = st.lists(st.one_of(ROWS, st.sampled_from(["", "  ", "1", ",", "\0"])), max_size=8)
CSV = st.one_of(st.binary(max_size=60), st.builds(lambda lines, end: end.join(lines).encode(), LINES,
                                                  st.sampled_from(["\n", "\r\n", "\r"])))


@fuzz(300)
@given(CSV)
def test_tag_files(file, data):
    table = reads(tags.read, file, data, UserError)
    if table is not None:
        assert len(table) == table["id"].nunique() > 0
        assert (table["id"] >= 0).all()
        assert len(tags.exactly_one(table)) <= len(tags.one_or_two(table)) + len(table)


@fuzz(200)
@given(CSV)
def test_text_files(file, data):
    for condition in reads(anime_sampling.read_text, file, data, UserError) or []:
        assert 0 <= condition.hair < 12 and 0 <= condition.eyes < 11 and condition.id >= 0


NAMES = st.one_of(st.text(max_size=4),
                  st.sampled_from([*labels.OBJECTS[:3], "pink cube", "../a.png", "/a.png", "a\nb", "\ud800"]))
VALUES = st.recursive(st.none() | st.booleans() | st.integers(-2, 30) | st.floats() | NAMES,
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
                      max_leaves=8)
JSON = st.one_of(st.binary(max_size=40), VALUES.map(lambda value: json.dumps(value).encode()),
                 st.lists(st.lists(NAMES, max_size=3), max_size=3).map(lambda value: json.dumps(value).encode()))


@fuzz(300)
@given(JSON)
@example(b"[" * 100_000)
@example(b"[[NaN]]")
@example(b'{"a.png": ["red cube"], "a.png": ["red cube"]}')
def test_label_files(file, data):
    for entry in reads(labels.read_conditions, file, data, UserError) or []:
        assert entry and all(0 <= label < 24 for label in entry)
    for name, entry in (reads(labels.read_train, file, data, UserError) or {}).items():
        assert entry and "/" not in name and "\\" not in name
    reads(labels.check_objects, file, data, UserError)


LOG = st.lists(st.lists(st.sampled_from(["0", "4", "1e9", "nan", "x", "", '"', "\r"]), max_size=3).map(",".join),
               max_size=4).map(lambda rows: "\n".join(["step,d", *rows, ""]).encode())


@fuzz(200)
@given(st.one_of(JSON, CSV, LOG))
@example(b"step,d\n1,2\n2")
@example(b"step,d\n\xb2,2\n")
@example("step,d\n\u00b2,2\n".encode())
@example(b"step,d\n1,\0\n")
@example(b"[" * 100_000)
def test_what_a_run_wrote(file, data):
    """A run's own files may come from elsewhere too."""
    facts = reads(runs.read_config, file, data, StorageError)
    assert facts is None or isinstance(facts["settings"], dict)
    for row in reads(lambda path: runs.read_log(path.parent, path.name), file, data, StorageError) or []:
        assert int(row["step"]) >= 0
        assert all(isinstance(float(value), float) for value in row.values())


def pictures() -> list[bytes]:
    """Small files of every kind that is taken, and some that is not."""
    found = []

    def add(picture: Image.Image, kind: str, **options: Any) -> None:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        found.append(file.getvalue())

    colours = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    picture, exif = Image.fromarray(colours), Image.Exif()
    exif[0x0112] = 6
    for options in ({"exif": exif}, {"progressive": True}, {"quality": 100, "subsampling": 0}):
        add(picture, "JPEG", **options)
    for mode in ("CMYK", "L"):
        add(picture.convert(mode), "JPEG")
    for mode in ("RGBA", "LA", "1", "P"):
        add(picture.convert(mode), "PNG", exif=exif)
    add(picture.convert("P"), "PNG", transparency=3)
    add(Image.fromarray(colours[..., 0].astype(np.uint16) * 200), "PNG")
    add(picture, "PNG", save_all=True, append_images=[picture.rotate(90)], default_image=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        add(picture, kind, icc_profile=profile)
    for kind in ("GIF", "BMP", "DIB", "JPEG2000", "PPM", "TGA", "PCX", "ICO", "QOI"):
        add(picture, kind)
    add(picture.convert("P"), "GIF", transparency=3)
    add(picture, "TIFF", compression="tiff_lzw")
    return found


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(["set", "cut", "add", "end"]),
                             st.binary(min_size=1, max_size=6)), max_size=5)


def changed(data: bytes, changes: list[tuple[float, str, bytes]], mend: bool) -> bytes:
    """Bytes set, cut out, put in or cut off at some places; `mend` makes a PNG's checksums right again."""
    found = bytearray(data)
    for share, how, new in changes:
        place = int(share * len(found))
        end = {"set": place + len(new), "cut": place + len(new), "add": place, "end": len(found)}[how]
        found[place:end] = b"" if how in ("cut", "end") else new
    return mended(found) if mend else bytes(found)


def mended(data: bytearray) -> bytes:
    start = 8
    while start + 12 <= len(data):
        end = start + 8 + struct.unpack_from(">I", data, start)[0]
        if end + 4 > len(data):
            break
        data[end:end + 4] = struct.pack(">I", zlib.crc32(data[start + 4:end]))
        start = end + 4
    return bytes(data)


@fuzz(400)
@given(st.sampled_from(pictures()), CHANGES, st.booleans())
def test_pictures(file, data, changes, mend):
    file.write_bytes(changed(data, changes, mend))
    try:
        with decoding.strict_pillow():
            picture = decoding.decode(file, 8, "middle")
    except decoding.BadPicture as error:
        assert "\n" not in str(error)
    else:
        assert (picture.shape, picture.dtype) == ((8, 8, 3), np.uint8)
