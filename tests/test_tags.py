"""common/anime/tags.py: both CSV formats, the filters, and rows as numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_pipe

from common.anime import tags
from common.errors import UserError

ROWS = (
    "2,original:2980\tblonde hair:3735\tpink eyes:691\t\n"
    "5,red hair:3\tblonde hair:1\tgray eyes:9\t\n"
    "7,hatsune miku :2586\taqua hair:4\tblue eyes:5\t re:zero:12\t11 eyes:3\t\n"
    "9,\n"
    "11,red hair:1053\tgray eyes:105\t\n"
)


def write(tmp_path: Path, content: str | bytes) -> Path:
    csv = tmp_path / "tags.csv"
    csv.write_bytes(content if isinstance(content, bytes) else content.encode())
    return csv


@pytest.fixture
def table(tmp_path):
    return tags.read(write(tmp_path, ROWS))


def ones(vectors: np.ndarray) -> list[list[int]]:
    """The columns that are 1 in each row."""
    assert vectors.dtype == np.float32 and set(np.unique(vectors)) <= {0, 1}
    return [np.flatnonzero(row).tolist() for row in vectors]


# ---- reading ----


def test_tags_clean_becomes_flags_and_other_tags(table):
    assert list(table.columns) == ["id", *tags.COLOURS, "hatsune miku", "other"]
    assert table["id"].tolist() == [2, 5, 7, 9, 11]
    assert [[name for name in table.columns[1:-1] if row[name]] for _, row in table.iterrows()] == [
        ["blonde hair", "pink eyes"],
        ["red hair", "blonde hair", "gray eyes"],
        ["aqua hair", "blue eyes", "hatsune miku"],
        [],
        ["red hair", "gray eyes"],
    ]
    assert table["other"].tolist() == ["original", "", "re:zero\t11 eyes", "", ""]


def test_dtypes_do_not_depend_on_the_rows(tmp_path):
    table = tags.read(write(tmp_path, "1,None:3\t\n2,nan:1\t\n"))
    assert table["id"].dtype == np.int64
    assert {str(table[name].dtype) for name in table.columns[1:-1]} == {"bool"}
    assert table["other"].tolist() == ["None", "nan"]


@pytest.mark.parametrize("content", [b"1,red hair:1\t\r\n\r\n2,\r\n", b"\xef\xbb\xbf\n1,red hair:1\t\n  \n2,",
                                     b"1,red hair:1\t\r2,\r", b"2,\n1,red hair:1\t\n"])
def test_line_ends_byte_order_mark_blank_lines_and_rows_without_tags(tmp_path, content):
    table = tags.read(write(tmp_path, content)).sort_values("id")
    assert (table["id"].tolist(), table["red hair"].tolist()) == ([1, 2], [True, False])


@pytest.mark.parametrize("content", [
    "1,blue_hair:3\tred_eyes:2\thatsune_miku:1\tLong_Hair:1\t\n",
    "1,Blue Hair:3\tRED EYES:2\tHatsune Miku:1\tLong_Hair:1",
    "1,blue-hair :3\tRed_ Eyes:2\thatsune\u00a0miku:1\tLong_Hair:1\n"])
def test_colour_tags_in_the_spelling_of_image_boards(tmp_path, content):
    table = tags.read(write(tmp_path, content))
    assert [name for name in table.columns[1:-1] if table[name][0]] == ["blue hair", "red eyes", "hatsune miku"]
    assert table["other"].tolist() == ["Long_Hair"]  # other tags stay as they are
    assert tags.labels(tags.read(write(tmp_path, "1,Blue_Hair red eyes\n")))[0].tolist() == [tags.HAIR.index("blue")]


def test_near_misses_of_a_colour_tag_are_counted_and_others_are_not(tmp_path):
    near = ("grey hair", "light_blue hair", "hair: red", "blond hair", "bluehair", "yellow hair", "blakc hair",
            "Blue-haired", "brown hiar", "red/orange eyes", "aqua eye", "hair color: blue")
    far = ("long hair", "silver hair", "11 eyes", "closed eyes", "blank eyes", "tired eyes", "hair bow", "black hat",
           "blue eyes white dragon", "green hair girl", "red hair ornament", "hair over one eye", "\u30df\u30af", "!!")
    rows = [f"{number},{tag}:1\tred hair:1\t" for number, tag in enumerate((*near, *far, "grey hair:1\tbluehair"))]
    assert tags.near_misses(tags.read(write(tmp_path, "\n".join(rows)))) == (
        13, {tag: 2 if tag in ("grey hair", "bluehair") else 1 for tag in near})


def test_rows_without_a_colour(table):
    assert [rows.tolist() for rows in tags.without_colour(table)] == [[False] * 3 + [True, False]] * 2


@pytest.mark.parametrize("content, line, words", [
    ("1,a:1\t\n\n2\n", 3, "no comma"),
    ("id,tags\n", 1, "'id' is not a whole number"),
    ("1,a:1\t\n-2,a:1\t\n", 2, "'-2' is not a whole number"),
    ("1,a:1\t\n../2,a:1\t\n", 2, "'../2' is not a whole number"),
    ("1,a:1\t\n2.5,a:1\t\n", 2, "'2.5' is not a whole number"),
    ("1,a:1\t\n99999999999999999999,a:1\t\n", 2, "is not a whole number"),
    ("1,a:1\tb\t\n", 1, "'b' is not 'tag:count', the line is cut off or damaged; correct it"),
    ("1,a:1\tre:zero\t\n", 1, "'re:zero' is not 'tag:count'"),
    ("1,a:1\t2,b:1\t\n", 1, "a second comma"),
    ("1,a:1\t\n2,blue_hair:12 red_eyes:8\n", 2, "spaces between the tags, in 'blue_hair:12 red_eyes:8': separate them"),
    ("1,a:1\t\n\n\n2,a:1\t\n1,b:1\t\n", 5, "id 1 is already in line 1"),
    ("1,aqua hair aqua eyes\n2,mauve hair aqua eyes\n", 2, "'mauve hair aqua eyes' is neither"),
    ("1,aqua hair aqua eyes\n2,blonde hair blonde eyes\n", 2, "is neither"),
    ("1,aqua hair aqua eyes\n2,\n", 2, "is neither"),
    (b"1,a:1\t\n2,b\0:1\t\n", 2, "NUL"),
    (b"1,a:1\t\n2,caf\xe9:1\t\n", 2, "not UTF-8"),
])
def test_a_bad_row_is_named_by_file_and_line(tmp_path, content, line, words):
    with pytest.raises(UserError) as error:
        tags.read(write(tmp_path, content))
    assert str(error.value).startswith(f"{tmp_path}/tags.csv:{line}: ")
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("make, message", [
    (Path.touch, "holds no rows"), (lambda csv: csv.write_text("\n \n"), "holds no rows"),
    (make_pipe, "tags.csv: cannot be read .is not a file.; check the path"), (lambda csv: None, "No such file")])
def test_a_file_without_rows_is_an_error(tmp_path, make, message):
    make(tmp_path / "tags.csv")
    with pytest.raises(UserError, match=message):
        tags.read(tmp_path / "tags.csv")


# ---- rows ----


def test_filters(table, tmp_path):
    assert {name: keep(table)["id"].tolist() for name, keep in tags.FILTERS.items()} == {
        "exactly_one": [2, 7, 11], "one_or_two": [2, 7, 11], "all": [2, 5, 7, 9, 11],
    }
    rows = "1,red hair:1\t\n2,red hair:1\tblue hair:1\t\n3,red hair:1\tblue hair:1\tred eyes:1\t\n4,hatsune miku:1\t\n"
    assert tags.one_or_two(tags.read(write(tmp_path, rows)))["id"].tolist() == [1, 2]


def test_match_counts_what_has_no_partner(table):
    matched, without_image, without_row = tags.match(table, np.array([100, 2, 9, 101, 102]))
    assert (matched["id"].tolist(), without_image, without_row) == ([2, 9], 3, 3)


@pytest.mark.parametrize("a, b, ids", [("red", "blonde", ([11], [2])), (None, "miku", ([2, 5, 7, 9, 11], [7]))])
def test_a_row_in_two_domains_is_in_neither_but_all_rows_are_all(table, a, b, ids):
    assert tuple(table["id"][member].tolist() for member in tags.domains(table, a, b)) == ids


def test_domain_sizes_leave_out_empty_domains(table):
    assert tags.domain_sizes(table) == {"red": 2, "blonde": 2, "aqua": 1, "gray-eyes": 2, "pink-eyes": 1,
                                        "blue-eyes": 1, "miku": 1}


# ---- numbers ----


def test_labels_are_indices_into_the_vocabularies(table, tmp_path):
    extra = tags.read(write(tmp_path, "1,aqua hair aqua eyes\n18888,pink hair black eyes\n"))
    assert extra["id"].tolist() == [1, 18888]
    assert [labels.tolist() for labels in tags.labels(extra)] == [[2, 7], [5, 1]]
    hair, eyes = tags.labels(tags.exactly_one(table))
    assert (hair.tolist(), eyes.tolist(), hair.dtype, eyes.dtype) == ([11, 2, 5], [3, 10, 0], np.int32, np.int32)


@pytest.mark.parametrize("columns, expected", [(23, [[11, 15], [2, 22]]), (22, [[11, 14], [2, 21]]),
                                               (24, [[12, 16], [3, 23]])])
def test_vectors_of_one_hair_and_one_eye_colour(table, columns, expected):
    rows = table[table["id"].isin([2, 7])]
    for vectors in (tags.one_hot(rows, columns), tags.multi_hot(rows, columns),
                    tags.pair_hot(*tags.labels(rows), columns)):
        assert vectors.shape == (2, columns)
        assert ones(vectors) == expected


def test_multi_hot_sets_every_flag_and_none(table):
    assert ones(tags.multi_hot(table, 23))[1::2] == [[5, 11, 12], []]


@pytest.mark.parametrize(("columns", "first"), [(22, 0), (23, 0), (24, 1)])
def test_another_colour_takes_the_place_of_one_of_its_kind(columns, first):
    right = np.zeros((600, columns), np.float32)
    right[:400, [first + 3, first + 14]] = 1  # a hair and an eye colour; the last 200 rows have none
    before, wrong = right.copy(), tags.other_colour(right, np.random.default_rng(0))
    np.testing.assert_array_equal(right, before)
    assert (wrong[:, :first] == 0).all()
    hair, eyes = wrong[:400, first:first + 12], wrong[:400, first + 12:]
    assert (hair.sum(axis=1) == 1).all() and (eyes.sum(axis=1) == 1).all()
    new_hair, new_eyes = hair[:, 3] == 0, eyes[:, 2] == 0
    assert (new_hair ^ new_eyes).all() and 160 < new_hair.sum() < 240
    assert (hair[new_hair].sum(axis=0) > 0).sum() == 11
    assert (eyes[new_eyes].sum(axis=0) > 0).sum() == columns - first - 13
    assert (wrong[400:].sum(axis=1) == 1).all() and (wrong[400:, first:].sum(axis=0) > 0).all()


def test_vectors_refuse_what_they_cannot_express(table):
    for several in (tags.labels, lambda rows: tags.one_hot(rows, 23)):
        with pytest.raises(UserError, match=r"2 of 5 rows do not have exactly one .* first is id 5"):
            several(table)
    with pytest.raises(UserError, match="1 rows have gray eyes"):
        tags.one_hot(tags.exactly_one(table), 22)
    with pytest.raises(ValueError, match="22, 23 or 24, not 21"):
        tags.multi_hot(table, 21)


# ---- where the files are ----


def data_folder(folder: Path, csv: str, images: str) -> Path:
    (folder / images).mkdir(parents=True)
    (folder / csv).write_text("1,\n")
    return folder


@pytest.mark.parametrize("csv, images", [("tags_clean.csv", "faces"), ("tags.csv", "images"), ("mine.csv", "images")])
def test_find_knows_the_layouts(tmp_path, csv, images):
    assert tags.find(data_folder(tmp_path, csv, images)) == (tmp_path / csv, tmp_path / images)


def test_find_does_not_guess_between_two_unknown_csv_files(tmp_path):
    data_folder(tmp_path, "a.csv", "faces")
    (tmp_path / "b.csv").write_text("1,\n")
    with pytest.raises(UserError, match="there is no tag file; looked for tags_clean.csv"):
        tags.find(tmp_path)
    (tmp_path / "tags_clean.csv").write_text("1,\n")
    assert tags.find(tmp_path).csv.name == "tags_clean.csv"


@pytest.mark.parametrize("data, passed", [("set/sub", "set"), ("set", "set/faces")])
def test_find_names_the_folder_to_pass_instead(tmp_path, data, passed):
    data_folder(tmp_path / data, "tags_clean.csv", "faces")
    with pytest.raises(UserError, match=f"pass {tmp_path / data} instead"):
        tags.find(tmp_path / passed)


def test_find_says_what_is_missing(tmp_path):
    write(tmp_path, "1,\n")
    with pytest.raises(UserError, match="the tags are in tags.csv, but there is no image folder"):
        tags.find(tmp_path)
    (tmp_path / "1.webp").touch()
    with pytest.raises(UserError, match=f"; move the images into {tmp_path}/faces"):
        tags.find(tmp_path)
    (tmp_path / "faces.zip").touch()
    with pytest.raises(UserError, match=r"; faces\.zip is still packed: unpack it there"):
        tags.find(tmp_path)
    with pytest.raises(UserError, match="No such file or directory; pass a folder"):
        tags.find(tmp_path / "missing")


def test_find_follows_a_link_to_another_disk_but_not_to_nowhere(tmp_path):
    data_folder(tmp_path / "elsewhere", "tags.csv", "images")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/tags.csv").write_text("1,\n")
    for nowhere in ("gone", "images"):
        (tmp_path / "set/images").symlink_to(nowhere)
        with pytest.raises(UserError, match="the tags are in tags.csv, but there is no image folder"):
            tags.find(tmp_path / "set")
        (tmp_path / "set/images").unlink()
    (tmp_path / "set/images").symlink_to(tmp_path / "elsewhere/images")
    assert tags.find(tmp_path / "set").pictures == tmp_path / "set/images"


# ---- real files ----


def test_the_course_files_of_the_mini_set(mini):
    layout = tags.find(mini / "anime")
    table = tags.read(layout.csv)
    ids = np.array([int(path.stem) for path in layout.pictures.glob("*.jpg")])
    matched, without_image, without_row = tags.match(table, ids)
    assert (len(table), len(matched), without_image, without_row) == (176, 168, 8, 0)
    assert (len(tags.exactly_one(table)), len(tags.exactly_one(matched))) == (164, 160)


def test_extra_data_of_the_mini_set(mini):
    layout = tags.find(mini / "extra_data")
    table = tags.read(layout.csv)
    assert (layout.pictures.name, len(table), len(tags.exactly_one(table))) == ("images", 60, 60)
