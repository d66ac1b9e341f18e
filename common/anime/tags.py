"""Reads the two tag CSV formats of the course into a table, and turns its rows into labels, vectors and domains.

A table is a `pandas.DataFrame` with one row per image: `id` (int64); 23 bool columns, `orange hair` ... `blonde hair`
and `gray eyes` ... `blue eyes`; `hatsune miku` (bool); `other`, the remaining tags joined by tabs (str). These 24 tags
are also read as image boards write them, `blue_hair` or `Blue Hair`.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from common.errors import UserError, uninterrupted
from common.files import packed, regular

if TYPE_CHECKING:  # pandas takes half a second to import, and --help imports this module
    import pandas

HAIR = ("orange", "white", "aqua", "gray", "green", "red", "purple", "pink", "blue", "black", "brown", "blonde")
EYES = ("gray", "black", "orange", "pink", "yellow", "aqua", "purple", "green", "brown", "red", "blue")
COLOURS = (*(f"{colour} hair" for colour in HAIR), *(f"{colour} eyes" for colour in EYES))
MIKU = "hatsune miku"
DOMAINS = {  # name of a domain -> the tag of its images
    **{colour: f"{colour} hair" for colour in HAIR}, **{f"{colour}-eyes": f"{colour} eyes" for colour in EYES},
    "miku": MIKU}
WHOLE = "anime", "grayscale"  # domains of all faces, whatever their tags

_FLAGS = (*COLOURS, MIKU)
_COLUMN = {name: column for column, name in enumerate(_FLAGS)}
_LAYOUTS = "tags_clean.csv + faces/ (the course's folder) or tags.csv + images/ (extra_data)"
_PHRASE = re.compile(r"(\w+ hair) (\w+ eyes)")
_PARTS = "hair", "hairs", "haired", "eye", "eyes", "eyed"
_WORDS = (*dict.fromkeys(HAIR + EYES), "grey")
_JOINED = tuple(name.replace(" ", "") for name in COLOURS)
_ALIKE = 0.81  # of 1; at 0.8 `blank eyes` would resemble `black eyes`


# ---- where the files are ----


class Layout(NamedTuple):
    """The tag file and the image folder of a data folder."""

    csv: Path
    pictures: Path


def find(folder: Path) -> Layout:
    """Finds the tag file and the images in `folder`.

    Raises `UserError` if one is missing, naming a parent folder or subfolder that has both, or what is to be done.
    """
    from common import images  # takes a quarter of a second to import, and --help imports this module

    inside = _layouts_inside(folder)
    csv, pictures = _csv(folder), _picture_folder(folder)
    if csv is None or pictures is None:
        problem = f"the tags are in {csv.name}, but there is no image folder" if csv else "there is no tag file"
        around = folder.resolve().parent
        better = [str(path) for path in ([around] if _is_layout(around) else []) + inside]
        archives = packed(folder)
        instead = f"; pass {' or '.join(better)} instead" if better else \
            f"; {archives[0]} is still packed: unpack it there" if archives else \
            f"; move the images into {folder / 'faces'}" if csv and images.names(folder) else ""
        raise UserError(f"{folder}: {problem}; looked for {_LAYOUTS}{instead}")
    return Layout(csv, pictures)


def has_tags(folder: Path) -> bool:
    """Whether a folder, or one inside it, has a tag file. Raises `UserError` if it cannot be read."""
    return _csv(folder) is not None or bool(_layouts_inside(folder))


def _layouts_inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if os.path.isdir(path) and _is_layout(path))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; pass a folder with {_LAYOUTS}") from None


def _is_layout(folder: Path) -> bool:
    return _csv(folder) is not None and _picture_folder(folder) is not None


def _csv(folder: Path) -> Path | None:
    for name in ("tags_clean.csv", "tags.csv"):
        if os.path.isfile(folder / name):
            return folder / name
    others = [path for path in folder.glob("[!.]*.csv") if os.path.isfile(path)]
    return others[0] if len(others) == 1 else None


def _picture_folder(folder: Path) -> Path | None:
    return next((folder / name for name in ("faces", "images") if os.path.isdir(folder / name)), None)


# ---- reading ----


def read(csv: Path) -> pandas.DataFrame:
    """Reads `id,tag:count<TAB>...` (tags_clean.csv) or `id,COLOUR hair COLOUR eyes` (extra_data's tags.csv).

    The first row with tags decides which format it is. Blank lines are skipped. Raises `UserError`, with the line
    number, for anything else: otherwise a damaged tag file would only show in the quality of the training.
    """
    lines = _lines(csv)
    with_tags = (tags for _, _, tags in (line.partition(",") for line in lines) if tags.strip())
    first = next(with_tags, ":")
    return _table(*_rows(csv, lines, _tagged if ":" in first or "\t" in first else _phrase))


def blank(count: int) -> pandas.DataFrame:
    """A table of `count` rows without any tag."""
    return _table(list(range(count)), [], [""] * count)


def _table(ids: list[int], cells: list[int], other: list[str]) -> pandas.DataFrame:
    with uninterrupted():
        import pandas

    flags = np.zeros((len(ids), len(_FLAGS)), bool)
    flags.reshape(-1)[cells] = True
    table = pandas.DataFrame(flags, columns=list(_FLAGS))
    table.insert(0, "id", np.array(ids, np.int64))
    table["other"] = other
    return table


def line_of(csv: Path, key: int) -> int:
    """The number of the line with an id, for messages about a file that `read` has accepted."""
    return next(number for number, line in enumerate(_lines(csv), 1)
                if line.strip() and _id(line.partition(",")[0]) == key)


def _lines(csv: Path) -> list[str]:
    try:
        data = regular(csv).read_bytes()
    except OSError as error:
        raise UserError(f"{csv}: cannot be read ({error.strerror}); check the path") from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise UserError(f"{csv}:{line}: holds a NUL byte, so it is damaged or not text; fetch the file again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{csv}:{line}: is not UTF-8 text; save the file as UTF-8") from None
    # Not str.splitlines, which also splits at characters that a tag may contain.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _rows(csv: Path, lines: list[str], parse) -> tuple[list[int], list[int], list[str]]:
    """The ids, the indices of the flags to set in the flattened [N, 24] array, and the other tags of each row."""
    line_of: dict[int, int] = {}
    cells: list[int] = []
    other: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        head, comma, rest = line.partition(",")
        try:
            if not comma:
                raise ValueError("no comma after the id; a row is 'id,tags'")
            key = _id(head)
            if key in line_of:
                raise ValueError(f"id {key} is already in line {line_of[key]}; remove one of the two rows")
            tags = parse(rest)
        except ValueError as error:
            raise UserError(f"{csv}:{number}: {error}") from None
        start = len(line_of) * len(_FLAGS)
        line_of[key] = number
        cells += [start + _COLUMN[tag] for tag in tags if tag in _COLUMN]
        other.append("\t".join([tag for tag in tags if tag not in _COLUMN]))
    if not line_of:
        raise UserError(f"{csv}: holds no rows; fetch the file again")
    return list(line_of), cells, other


def _id(text: str) -> int:
    text = text.strip()
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"id {text[:40]!r} is not a whole number from 0 up")
    return int(text)


def _tagged(rest: str) -> list[str]:
    return [_tag(item) for item in rest.split("\t") if item and not item.isspace()]


@functools.lru_cache(100_000)  # a file repeats a few items many times
def _tag(item: str) -> str:
    tag, _, count = item.rpartition(":")  # the last colon, since a tag may contain others
    tag, count = tag.strip(), count.strip()
    if not tag or not count.isdecimal():
        raise ValueError(f"{item[:40]!r} is not 'tag:count', the line is cut off or damaged; correct it, or fetch "
                         "the file again")
    if len(item.split()) > 1 and all(re.fullmatch(r"\S+:[0-9]+", part) for part in item.split()):
        raise ValueError(f"spaces between the tags, in {item[:40]!r}: separate them by tabs")
    if "," in tag:
        raise ValueError(f"a second comma, in {item[:40]!r}: is a line break missing before it?")
    folded = _folded(tag)
    return folded if folded in _COLUMN else tag


def _folded(text: str) -> str:
    """`Blue_Hair` -> `blue hair`."""
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


@functools.lru_cache(1000)
def _phrase(rest: str) -> tuple[str, ...]:
    match = _PHRASE.fullmatch(_folded(rest))
    if not match or not set(match.groups()) <= set(COLOURS):
        raise ValueError(f"{rest.strip()[:60]!r} is neither 'COLOUR hair COLOUR eyes' of known colours nor 'tag:count'")
    return match.groups()


# ---- tags that are nearly those of a colour ----


def near_misses(table: pandas.DataFrame) -> tuple[int, Counter[str]]:
    """The number of rows with other tags that resemble a colour tag, and in how many rows each of them is.

    Such as `grey hair`, `light blue hair`, `eyes: red` or `bluehair`: whoever wrote it meant a colour, but not one of
    COLOURS as it is written here. `long hair` and `silver hair` do not resemble any.
    """
    found = [{tag for tag in other.split("\t") if _resembles(tag)} for other in table["other"]]
    return sum(map(bool, found)), Counter(tag for tags in found for tag in tags)


@functools.lru_cache(100_000)
def _resembles(tag: str) -> bool:
    words = re.findall(r"[^\W\d_]+", tag.casefold())
    if len(words) == 1:
        return _alike(words[0], _JOINED)
    if not words:
        return False
    return _swapped(words[-1], _PARTS) and any(_alike(word, _WORDS) for word in words) or \
        _swapped(words[0], _PARTS) and any(word in _WORDS for word in words)


def _alike(word: str, names: tuple[str, ...]) -> bool:
    return bool(difflib.get_close_matches(word, names, 1, _ALIKE)) or _swapped(word, names)


def _swapped(word: str, names: tuple[str, ...]) -> bool:
    """Whether it is one of the names, or one with its letters in another order, the commonest slip."""
    return any(sorted(word) == sorted(name) for name in names)


# ---- which rows ----


def _bits(table: pandas.DataFrame) -> np.ndarray:
    """The colour flags of a table, bool [N, 23]."""
    return table[list(COLOURS)].to_numpy(dtype=bool)


def without_colour(table: pandas.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The rows without a hair colour, and those without an eye colour: bool [N] each."""
    hair, eyes = np.split(_bits(table), [len(HAIR)], axis=1)
    return ~hair.any(axis=1), ~eyes.any(axis=1)


def _is_exactly_one(table: pandas.DataFrame) -> np.ndarray:
    hair, eyes = np.split(_bits(table), [len(HAIR)], axis=1)
    return (hair.sum(axis=1) == 1) & (eyes.sum(axis=1) == 1)


def exactly_one(table: pandas.DataFrame) -> pandas.DataFrame:
    """Keeps the rows with one hair colour and one eye colour."""
    return table[_is_exactly_one(table)].reset_index(drop=True)


def one_or_two(table: pandas.DataFrame) -> pandas.DataFrame:
    """Keeps the rows with one or two of the 23 colour tags, of either kind (report 002)."""
    count = _bits(table).sum(axis=1)
    return table[(count == 1) | (count == 2)].reset_index(drop=True)


def everything(table: pandas.DataFrame) -> pandas.DataFrame:
    """Keeps all rows."""
    return table


FILTERS = {"exactly_one": exactly_one, "one_or_two": one_or_two, "all": everything}


def match(table: pandas.DataFrame, picture_ids: np.ndarray) -> tuple[pandas.DataFrame, int, int]:
    """Keeps the rows that have an image; also returns how many rows have no image and how many images no row."""
    has_picture = np.isin(table["id"].to_numpy(), picture_ids)
    has_row = np.isin(picture_ids, table["id"].to_numpy())
    return table[has_picture].reset_index(drop=True), int((~has_picture).sum()), int((~has_row).sum())


def is_domain(name: str) -> bool:
    """Whether a name is a domain of tagged faces: one of DOMAINS or WHOLE."""
    return name in DOMAINS or name in WHOLE


def domain_sizes(table: pandas.DataFrame) -> dict[str, int]:
    """The number of rows of each of DOMAINS that has any."""
    sizes = {name: int(table[tag].sum()) for name, tag in DOMAINS.items()}
    return {name: size for name, size in sizes.items() if size}


def domains(table: pandas.DataFrame, a: str | None, b: str | None) -> tuple[np.ndarray, np.ndarray]:
    """The rows of domain `a` and of domain `b`, bool [N] each, without the rows that are in both DOMAINS.

    None stands for all rows; then no row is left out.
    """
    in_a, in_b = (np.ones(len(table), bool) if name is None else table[DOMAINS[name]].to_numpy() for name in (a, b))
    both = in_a & in_b if a and b else np.zeros(len(table), bool)
    return in_a & ~both, in_b & ~both


# ---- rows as numbers ----


def labels(table: pandas.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Indices into HAIR and EYES, both int32 [N]. Raises `UserError` unless each row has exactly one of each."""
    _demand_exactly_one(table)
    hair, eyes = np.split(_bits(table), [len(HAIR)], axis=1)
    return hair.argmax(axis=1).astype(np.int32), eyes.argmax(axis=1).astype(np.int32)


def one_hot(table: pandas.DataFrame, columns: int) -> np.ndarray:
    """`multi_hot` for rows with exactly one hair and one eye colour. Raises `UserError` for any other row."""
    _demand_exactly_one(table)
    return multi_hot(table, columns)


def multi_hot(table: pandas.DataFrame, columns: int) -> np.ndarray:
    """All colour flags of each row, float32 [N, columns], 0 or 1.

    23 columns are 12 hair + 11 eyes; 22 lack gray eyes; 24 start with a column that is always zero. Raises
    `UserError` for 22 columns if a row has gray eyes.
    """
    return _columns(_bits(table).astype(np.float32), columns)


def pair_hot(hair: np.ndarray, eyes: np.ndarray, columns: int) -> np.ndarray:
    """The `multi_hot` rows of one hair and one eye colour each: indices into HAIR and EYES, [N] integers."""
    bits = np.zeros((len(hair), len(COLOURS)), np.float32)
    bits[np.arange(len(hair)), hair] = 1
    bits[np.arange(len(hair)), len(HAIR) + np.asarray(eyes)] = 1
    return _columns(bits, columns)


def other_colour(bits: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """`multi_hot` rows in which one colour is another of its kind: wrong labels that are as near as can be.

    Labels of other images nearly always differ in the hair, so that whoever tells them apart need not look at the eyes.

    Args:
        bits: [N, columns], 0 or 1. Which of a row's colours changes is random; a row without one gets a random colour.
        random: where the choices come from.
    """
    wrong, first = bits.copy(), bits.shape[1] == 24
    for row in wrong:
        colours = row[int(first):]
        hair, eyes = np.arange(len(HAIR)), np.arange(len(HAIR), len(colours))
        there = np.flatnonzero(colours)
        if len(there):
            old = random.choice(there)
            kind = hair if old < len(HAIR) else eyes
            new = random.choice(kind[colours[kind] == 0])
            colours[old] = 0
        else:
            new = random.integers(len(colours))
        colours[new] = 1
    return wrong


def colour_columns(columns: int) -> tuple[str, ...]:
    """The names of the columns of `multi_hot`."""
    return {23: COLOURS, 24: ("(nothing)", *COLOURS),
            22: tuple(name for name in COLOURS if name != "gray eyes")}[columns]


def _columns(bits: np.ndarray, columns: int) -> np.ndarray:
    gray = len(HAIR) + EYES.index("gray")
    if columns == 23:
        return bits
    if columns == 24:
        return np.pad(bits, ((0, 0), (1, 0)))
    if columns != 22:
        raise ValueError(f"columns must be 22, 23 or 24, not {columns}")
    if bits[:, gray].any():
        raise UserError(f"{int(bits[:, gray].sum())} rows have gray eyes, which 22 columns lack; drop them or use 23")
    return np.delete(bits, gray, axis=1)


def _demand_exactly_one(table: pandas.DataFrame) -> None:
    bad = ~_is_exactly_one(table)
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} of {len(table)} rows do not have exactly one hair and one eye colour "
            f"(the first is id {table['id'].to_numpy()[bad][0]}); use the filter exactly_one"
        )
