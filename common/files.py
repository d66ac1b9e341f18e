"""Files that are whole or absent, also after a power failure. No TensorFlow here."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import platform
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import StorageError, UserError

if TYPE_CHECKING:
    from PIL import Image

ROOT = Path(__file__).resolve().parents[1]  # of the repository
HALF = ".half-"  # prefix of the names of incomplete files
BUILDING = ".building-"  # prefix of the names of incomplete folders
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
DRAWN = (".png", ".jpg", ".jpeg", ".webp")  # suffixes of images that a user may ask for


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a temporary path with the same suffix; when the block ends well, that file takes the place of `path`.

    A reader sees the old file or the new one, never a part.

    Raises:
        StorageError: the file cannot be written; what was there before stays.
    """
    temporary = path.with_name(f"{HALF}{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_halves(folder: Path) -> None:
    """Removes the incomplete files that killed processes left in a folder and its subfolders, see `atomic`.

    The caller holds the folder's lock: nobody writes there now.
    """
    for half in folder.rglob(f"{HALF}*"):
        if half.is_file():
            half.unlink()


def append(path: Path, text: str) -> None:
    """Adds lines to a file, all or none of them. Raises StorageError if they cannot be written."""
    data = text.encode()
    try:
        with open(path, "ab", buffering=0) as file:
            before = file.tell()
            try:
                while data:
                    data = data[file.write(data):]
            except OSError:
                file.truncate(before)
                raise
    except OSError as error:
        raise _unwritten(path, error) from error


def write_picture(picture: Image.Image, path: Path, **options: Any) -> None:
    """Writes an image; the suffix names the format, `options` go to Pillow.

    It is encoded in memory: Pillow does not notice that a full disk took only a part of a JPEG.
    """
    encoded = io.BytesIO()
    encoded.name = path.name
    picture.save(encoded, **options)
    path.write_bytes(encoded.getvalue())


def regular(path: Path) -> Path:
    """The path itself. Raises OSError if it is not a regular file: reading a pipe would block for ever."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is not a file", str(path))
    return path


def not_a_file(path: Path) -> str:
    """What is wrong with a path that should lead to a file, in words for the user."""
    return "is a folder; give a file in it" if path.is_dir() else "no such file"


def make_folder(path: Path, option: str) -> Path:
    """Makes the folder that an option names, if it is missing. Raises StorageError if it is not writable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StorageError(f"{option} {path}: cannot write into this folder ({error.strerror}); give another "
                           f"{option}") from None
    return path


def remove(path: Path) -> None:
    """Removes a file, a folder with its content, or a link but not its target. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); free space or make the folder "
                        "writable, then run the same command again")


@contextlib.contextmanager
def atomic_folder(path: Path, *, replace: bool) -> Iterator[Path]:
    """Gives an empty folder beside `path`; when the block ends well, it takes the place of `path`, whole.

    Folders left by processes of this machine that were killed in such a block are removed.

    Args:
        path: the folder to be.
        replace: whether a folder that is there at the end is deleted; else it stays, and the new one is deleted.

    Raises:
        OSError: something cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_folders_of_the_dead(path.parent)
    prefix = f"{BUILDING}{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}-"
    new, old = path.with_name(f"{prefix}new"), path.with_name(f"{prefix}old")
    new.mkdir()
    try:
        yield new
        os.sync()  # one call for thousands of files
        if replace:
            with contextlib.suppress(FileNotFoundError):  # there is none, or another process replaces it too
                path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if not path.is_dir():  # else another process was first
                raise
        sync(path.parent)
    finally:
        for folder in (new, old):
            if os.path.lexists(folder):
                remove(folder)


def _remove_folders_of_the_dead(parent: Path) -> None:
    for folder in parent.glob(f"{BUILDING}{platform.node()}-*"):
        process = folder.name.split("-")[-3]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def targets(images: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Each image -> the PNG file of its name in a folder. Raises UserError if that is the image itself."""
    found = {path: folder / f"{path.stem}.png" for path in images}
    for path, target in found.items():
        if os.path.realpath(target) == os.path.realpath(path):  # Path.resolve raises where a link leads to itself
            raise UserError(f"{path} would be overwritten; give another --out")
    return found


def packed(folder: Path) -> list[str]:
    """The names of the archives in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in ARCHIVES and path.name[0] != ".")


def demand_folder(path: Path, option: str) -> None:
    """Raises UserError if what an option names is not a folder."""
    if path.is_file() and path.suffix.lower() in ARCHIVES:
        raise UserError(f"{option} {path}: is an archive; unpack it, and give the folder")
    if path.is_file():
        raise UserError(f"{option} {path}: is a file; give a folder")
    if not path.is_dir():
        raise UserError(f"{option} {path}: no such folder")


def sync(path: Path) -> None:
    """Flushes a file, or the entries of a folder, to the disk, where the file system can."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # folders on CIFS, sshfs or WSL's shares
            raise
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all."""
    with atomic(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # for file names that are not text
