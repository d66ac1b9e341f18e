"""Checks and decodes a folder of images once, and keeps them as one uint8 array in a memory-mapped cache file.

Memory use does not grow with the number of images: they are decoded one by one into the cache file, and mini-batches
read from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.decoding import BadPicture, Cut, decode, strict_pillow, suffixes
from common.errors import StorageError, UserError
from common.files import atomic_folder, packed, remove

VERSION = 2  # increase when the same files would give other pixels or another index
LEVELS = 2  # of folders below the given one, in which its images may lie
MAX_LEFT_OUT = 0.05  # share of bad files above which the folder is probably the wrong one

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a folder, resized to one size.

    Attributes:
        images: uint8 [N, size, size, 3] RGB, 0 to 255, a read-only memory map.
        names: the N file names, in numerical order; names that are not numbers come last.
        left_out: file name -> why it was left out.
        cached: whether the images came from the cache.
        digest: identifies names and pixels, independent of the location and date of the folder.
        rebuilt: why an existing cache was replaced; empty if none was.
    """

    images: np.ndarray
    names: list[str]
    left_out: dict[str, str]
    cached: bool
    digest: str
    rebuilt: str = ""

    @property
    def ids(self) -> np.ndarray:
        """The numbers in the file names, int64 [N]; -1 for another name. Raises `UserError` for a repeated number."""
        numbers = [-1 if (number := _number(name)) is None else number for name in self.names]
        name_of: dict[int, str] = {}
        for number, name in zip(numbers, self.names, strict=True):
            if number in name_of and number != -1:
                raise UserError(f"{name_of[number]} and {name} are both image {number}; remove one of them")
            name_of[number] = name
        return np.array(numbers, np.int64)


def load(folder: Path, size: int, cache: Path, progress: Progress | None = None, cut: Cut = "whole") -> Images:
    """Loads the images in `folder`, see `find`, resized to `size` x `size`, see `decode`. Links are followed.

    The first call decodes all of them into a folder in `cache`; later calls map that, unless a file has changed since.
    `progress(done, total)` is called after each decoded image.

    Raises:
        UserError: there is no image, or more than 5% of them are bad.
        StorageError: the cache cannot be written.
    """
    folder = find(folder)
    files, left_out = _list(folder)
    home = cache / _cache_name(folder.resolve(), size, cut, files, left_out)
    rebuilt = ""
    if os.path.lexists(home):
        try:
            return _open(home, size, cached=True)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            rebuilt = f"the image cache {home} is damaged ({error})"
    try:
        return _build(folder, size, cut, home, list(files), left_out, progress or (lambda done, total: None), rebuilt)
    except OSError as error:
        raise StorageError(f"{cache}: cannot write the image cache ({error.strerror or error}); "
                           "free space or set GAN_REPORTS_CACHE to another folder") from error


# ---- the files of a folder ----


def find(folder: Path) -> Path:
    """The folder itself if it has images, else the only one in it, or in those, that has: archives often unpack so.

    Raises `UserError` if there is none, or more than one.
    """
    found = {os.path.realpath(path): path for path in _with_images(folder, LEVELS)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        names = [str(path) for path in found.values()]
        raise UserError(f"{folder}: its images are in {len(names)} folders: {', '.join(names[:3])}"
                        f"{', ...' if len(names) > 3 else ''}; give one of them, or move them into one")
    archives = packed(folder)
    if archives:
        raise UserError(f"{folder}: {archives[0]} is still packed; unpack it there, then run the same command again")
    files = {kind: names for kind, names in others(folder).items() if kind != "folder"}
    if files:
        raise UserError(f"{folder}: no images of a known kind, but {described(files)}; if they are images, "
                        "convert them to PNG or JPEG, else give another folder")
    raise UserError(f"{folder}: no images; give the folder that contains them")


def _with_images(folder: Path, levels: int) -> list[Path]:
    """The folder itself if it has images, else those below it that have."""
    names = _names(folder)
    if any(map(_is_image, names)):
        return [folder]
    inside = [folder / name for name in sorted(names) if os.path.isdir(folder / name)] if levels else []
    return [found for path in inside for found in _with_images(path, levels - 1)]


def _names(folder: Path) -> list[str]:
    """What is in a folder, but for hidden files. Raises UserError."""
    try:
        with os.scandir(folder) as entries:  # only names are stored: an entry takes ten times the memory
            return [entry.name for entry in entries if entry.name[0] != "."]
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; give a folder of images") from None


def _is_image(name: str) -> bool:
    return name.lower().endswith(suffixes())


def others(folder: Path) -> dict[str, list[str]]:
    """What is in a folder beside images and hidden files: a suffix, or "folder" -> names, the most frequent first."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(_names(folder)):
        if not _is_image(name):
            kind = "folder" if os.path.isdir(folder / name) else Path(name).suffix.lower() or "file without a suffix"
            kinds.setdefault(kind, []).append(name)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def described(kinds: dict[str, list[str]]) -> str:
    """What `others` found, in words: `2 .heic (1.heic, 2.heic), 1 folder (more)`; of more than five kinds the first."""
    words = [f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
             for kind, names in kinds.items()]
    return ", ".join(words[:5]) + (f" and {len(words) - 5} kinds more" if len(words) > 5 else "")


def names(folder: Path) -> list[str]:
    """The names of the images in a folder, in numerical order; names that are not numbers come last."""
    return sorted(filter(_is_image, _names(folder)), key=_order)


def _list(folder: Path) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """File name -> (bytes, mtime in ns) in a stable order, and file name -> why it cannot be used."""
    files, left_out = {}, {}
    for name in names(folder):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):  # opening a pipe would block
            left_out[name] = "not a file, or a link to none"
        else:
            status = os.stat(path)
            files[name] = (status.st_size, status.st_mtime_ns)
    return files, left_out


def _number(name: str) -> int | None:
    stem = Path(name).stem
    return int(stem) if stem.isascii() and stem.isdigit() and len(stem) <= 18 else None


def _order(name: str) -> tuple[bool, int, str]:
    number = _number(name)
    return (number is None, number or 0, name)


# ---- the cache ----


def _cache_name(folder: Path, size: int, cut: Cut, files: dict, left_out: dict) -> str:
    """`faces-64-` + a hash of folder and cut + `-` + one of the files: a stale cache differs only in the last part."""
    source = str(folder) if cut == "whole" else [str(folder), cut]
    source_hash, files_hash = (
        hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16]
        for part in (source, [VERSION, list(files.items()), left_out])
    )
    return f"{folder.name[:40]}-{size}-{source_hash}-{files_hash}"


def _open(home: Path, size: int, cached: bool, rebuilt: str = "") -> Images:
    """Maps a cache. Raises OSError, ValueError, KeyError, TypeError or RecursionError if it is damaged."""
    index = json.loads((home / "index.json").read_text("utf-8"))
    names, left_out = index["names"], index["left_out"]
    if index["version"] != VERSION:
        raise ValueError(f"version {index['version']}, not {VERSION}")
    if index["checksum"] != _checksum(home / "images.npy", names, left_out):
        raise ValueError("wrong checksum")
    images = np.load(home / "images.npy", mmap_mode="r", allow_pickle=False)
    if images.shape != (len(names), size, size, 3) or images.dtype != np.uint8:
        raise ValueError(f"holds {images.dtype} {images.shape}")
    return Images(images, names, left_out, cached, index["digest"], rebuilt)


def _checksum(images: Path, names: list[str], left_out: dict[str, str]) -> int:
    checksum = zlib.crc32(json.dumps([names, left_out]).encode())
    with images.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _build(folder: Path, size: int, cut: Cut, home: Path, names: list[str], left_out: dict[str, str],
           progress: Progress, rebuilt: str) -> Images:
    """Builds the cache, which appears only when complete, and deletes older ones of the same folder and size."""
    with atomic_folder(home, replace=bool(rebuilt)) as building:
        decoded, digest = _write_images(building / "images.npy", folder, size, cut, names, left_out, progress)
        index = {"version": VERSION, "folder": str(folder), "size": size, "digest": digest, "names": decoded,
                 "left_out": left_out, "checksum": _checksum(building / "images.npy", decoded, left_out)}
        (building / "index.json").write_text(json.dumps(index), "utf-8")
        # Opened before it is moved: the mapping stays valid even if another process removes or replaces the cache.
        images = _open(building, size, cached=False, rebuilt=rebuilt)
    same_folder = home.name.rpartition("-")[0] + "-"
    for other in home.parent.iterdir():
        if other.name.startswith(same_folder) and other != home:
            with contextlib.suppress(OSError):  # a leftover cache does no harm
                remove(other)
    return images


def _write_images(path: Path, folder: Path, size: int, cut: Cut, names: list[str], left_out: dict[str, str],
                  progress: Progress) -> tuple[list[str], str]:
    """Writes the .npy file image by image; adds bad files to `left_out`; returns the other names and the digest.

    It uses plain writes, no memory map: on a full disk a write raises OSError, but a map ends the process with SIGBUS.
    """
    written: list[str] = []
    digest = hashlib.sha256()
    with path.open("wb") as file, strict_pillow():
        _write_header(file, (len(names), size, size, 3))
        for done, (name, future) in enumerate(_decode_all(folder, names, size, cut), 1):
            try:
                pixels = future.result().tobytes()
            except BadPicture as error:
                left_out[name] = str(error)
            else:
                file.write(pixels)
                digest.update(pixels)
                written.append(name)
            progress(done, len(names))
        _check_enough(folder, written, left_out)
        file.seek(0)
        _write_header(file, (len(written), size, size, 3))
    digest.update(json.dumps(written).encode())
    return written, digest.hexdigest()


def _write_header(file, shape: tuple[int, ...]) -> None:
    """NumPy pads the header to the same length for any shape[0], so it can be overwritten at the end."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _decode_all(folder: Path, names: list[str], size: int, cut: Cut) -> Iterator[tuple[str, Future]]:
    """Decodes in threads (Pillow releases the GIL) a few images ahead; yields in the order of the names."""
    workers = os.cpu_count() or 1
    ahead: deque[tuple[str, Future]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for name in names:
            ahead.append((name, pool.submit(decode, folder / name, size, cut)))
            if len(ahead) == 8 * workers:
                yield ahead.popleft()
        yield from ahead


def _check_enough(folder: Path, written: list[str], left_out: dict[str, str]) -> None:
    total = len(written) + len(left_out)
    if not written or len(left_out) > MAX_LEFT_OUT * total:
        first = ", ".join(f"{name} ({reason})" for name, reason in list(left_out.items())[:3])
        raise UserError(f"{folder}: {len(left_out)} of {total} images are bad: {first}"
                        f"{', ...' if len(left_out) > 3 else ''}; repair or remove them")
