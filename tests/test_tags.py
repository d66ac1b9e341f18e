"""common/anime/tags.py: both CSV formats, the filters, and rows as numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_pipe

from common.anime import tags
from common.errors import UserError
from common.files import ROOT

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


def test_extra_data(tmp_path):
    table = tags.read(write(tmp_path, "1,aqua hair aqua eyes\n18888,pink hair black eyes\n"))
    hair, eyes = tags.labels(table)
    assert table["id"].tolist() == [1, 18888]
    assert (hair.tolist(), eyes.tolist()) == ([2, 7], [5, 1])


def test_the_format_is_known_by_content_even_after_a_row_without_tags(tmp_path):
    assert tags.read(write(tmp_path, "1,\n2,red hair:1\t\n"))["red hair"].tolist() == [False, True]


@pytest.mark.parametrize("content", [b"1,red hair:1\t\r\n\r\n2,\r\n", b"\xef\xbb\xbf\n1,red hair:1\t\n  \n2,",
                                     b"1,red hair:1\t\r2,\r"])
def test_line_ends_byte_order_mark_and_blank_lines(tmp_path, content):
    table = tags.read(write(tmp_path, content))
    assert (table["id"].tolist(), table["red hair"].tolist()) == ([1, 2], [True, False])


@pytest.mark.parametrize("content, line, words", [
    ("1,a:1\t\n\n2\n", 3, "no comma"),
    ("id,tags\n", 1, "'id' is not a whole number"),
    ("1,a:1\t\n-2,a:1\t\n", 2, "'-2' is not a whole number"),
    ("1,a:1\t\n../2,a:1\t\n", 2, "'../2' is not a whole number"),
    ("1,a:1\t\n2.5,a:1\t\n", 2, "'2.5' is not a whole number"),
    ("1,a:1\t\n99999999999999999999,a:1\t\n", 2, "is not a whole number"),
    ("1,a:1\tb\t\n", 1, "'b' is not 'tag:count', the line is cut off or damaged; mend it"),
    ("1,a:1\tre:zero\t\n", 1, "'re:zero' is not 'tag:count'"),
    ("1,a:1\t2,b:1\t\n", 1, "a second comma"),
    ("1,a:1\t\n\n\n2,a:1\t\n1,b:1\t\n", 5, "id 1 stands in line 1 already"),
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


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_an_error(tmp_path, content):
    with pytest.raises(UserError, match="holds no rows"):
        tags.read(write(tmp_path, content))


def test_a_pipe_is_an_error(tmp_path):
    make_pipe(tmp_path / "tags.csv")
    with pytest.raises(UserError, match="tags.csv: cannot be read .is no file.; check the path"):
        tags.read(tmp_path / "tags.csv")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        tags.read(tmp_path / "tags.csv")


# ---- rows ----


def test_filters(table):
    assert {name: rows(table)["id"].tolist() for name, rows in tags.FILTERS.items()} == {
        "exactly_one": [2, 7, 11], "one_or_two": [2, 7, 11], "all": [2, 5, 7, 9, 11],
    }


def test_one_or_two_takes_any_two_flags(tmp_path):
    rows = "1,red hair:1\t\n2,red hair:1\tblue hair:1\t\n3,red hair:1\tblue hair:1\tred eyes:1\t\n4,hatsune miku:1\t\n"
    assert tags.one_or_two(tags.read(write(tmp_path, rows)))["id"].tolist() == [1, 2]


def test_match_counts_what_has_no_partner(table):
    kept, without_picture, without_row = tags.match(table, np.array([100, 2, 9, 101, 102]))
    assert (kept["id"].tolist(), without_picture, without_row) == ([2, 9], 3, 3)


def test_domains_leave_out_what_is_in_both(table):
    ids = table["id"].to_numpy()
    red, blonde = tags.domains(table, "red", "blonde")
    assert (ids[red].tolist(), ids[blonde].tolist()) == ([11], [2])


def test_a_domain_of_every_row_leaves_nothing_out(table):
    everything, miku = tags.domains(table, None, "miku")
    assert (everything.sum(), miku.sum()) == (5, 1)


def test_domain_sizes_name_those_that_are_there(table):
    assert tags.domain_sizes(table) == {"red": 2, "blonde": 2, "aqua": 1, "gray-eyes": 2, "pink-eyes": 1,
                                        "blue-eyes": 1, "miku": 1}


# ---- numbers ----


def test_labels_are_indices_into_the_vocabularies(table):
    hair, eyes = tags.labels(tags.exactly_one(table))
    assert (hair.tolist(), eyes.tolist(), hair.dtype, eyes.dtype) == ([11, 2, 5], [3, 10, 0], np.int32, np.int32)


def test_labels_refuse_other_rows(table):
    with pytest.raises(UserError, match=r"2 of 5 rows .* first is id 5"):
        tags.labels(table)


@pytest.mark.parametrize("columns, ones", [(23, [[11, 15], [2, 22]]), (22, [[11, 14], [2, 21]]),
                                           (24, [[12, 16], [3, 23]])])
def test_one_hot_and_multi_hot_agree_where_both_are_defined(table, columns, ones):
    rows = table[table["id"].isin([2, 7])]
    for vector in (tags.one_hot(rows, columns), tags.multi_hot(rows, columns)):
        assert (vector.shape, vector.dtype) == ((2, columns), np.float32)
        assert [np.flatnonzero(row).tolist() for row in vector] == ones
        assert vector.sum() == 4


def test_multi_hot_sets_every_flag_and_none(table):
    assert [np.flatnonzero(row).tolist() for row in tags.multi_hot(table, 23)][1::2] == [[5, 11, 12], []]


def test_pairs_are_the_multi_hot_rows_of_such_faces():
    red_blue, aqua_gray = (tags.HAIR.index("red"), tags.EYES.index("blue")), (tags.HAIR.index("aqua"), 0)
    hair, eyes = np.transpose([red_blue, aqua_gray])
    assert [np.flatnonzero(row).tolist() for row in tags.pair_hot(hair, eyes, 23)] == [[5, 22], [2, 12]]
    assert [np.flatnonzero(row).tolist() for row in tags.pair_hot(hair, eyes, 24)] == [[6, 23], [3, 13]]
    assert np.flatnonzero(tags.pair_hot(hair[:1], eyes[:1], 22)).tolist() == [5, 21]


def test_one_hot_refuses_several_colours(table):
    with pytest.raises(UserError, match="exactly one"):
        tags.one_hot(table, 23)


def test_22_columns_refuse_gray_eyes_until_they_are_dropped(table):
    rows = tags.exactly_one(table)
    with pytest.raises(UserError, match="1 rows have gray eyes"):
        tags.one_hot(rows, 22)
    kept, dropped = tags.without_gray_eyes(rows)
    assert (kept["id"].tolist(), dropped, tags.one_hot(kept, 22).shape) == ([2, 7], 1, (2, 22))


def test_another_number_of_columns_is_a_mistake_in_the_code(table):
    with pytest.raises(ValueError, match="22, 23 or 24, not 21"):
        tags.multi_hot(table, 21)


# ---- where the files are ----


def data_folder(folder: Path, csv: str, pictures: str) -> Path:
    (folder / pictures).mkdir(parents=True)
    (folder / csv).write_text("1,\n")
    return folder


@pytest.mark.parametrize("csv, pictures", [("tags_clean.csv", "faces"), ("tags.csv", "images"), ("mine.csv", "images")])
def test_find_knows_the_layouts(tmp_path, csv, pictures):
    assert tags.find(data_folder(tmp_path, csv, pictures)) == (tmp_path / csv, tmp_path / pictures)


def test_find_prefers_the_known_names(tmp_path):
    data_folder(tmp_path, "a.csv", "faces")
    (tmp_path / "tags_clean.csv").write_text("1,\n")
    assert tags.find(tmp_path).csv.name == "tags_clean.csv"


def test_find_does_not_guess_between_two_unknown_csv_files(tmp_path):
    data_folder(tmp_path, "a.csv", "faces")
    (tmp_path / "b.csv").write_text("1,\n")
    with pytest.raises(UserError, match="there is no tag file; looked for tags_clean.csv"):
        tags.find(tmp_path)


def test_find_names_the_sub_folder_to_pass_instead(tmp_path):
    data_folder(tmp_path / "extra_data", "tags.csv", "images")
    with pytest.raises(UserError, match=f"pass {tmp_path}/extra_data instead"):
        tags.find(tmp_path)


def test_find_names_the_parent_to_pass_instead(tmp_path):
    data_folder(tmp_path, "tags_clean.csv", "faces")
    with pytest.raises(UserError, match=f"pass {tmp_path} instead"):
        tags.find(tmp_path / "faces")


def test_find_says_that_the_pictures_are_missing(tmp_path):
    write(tmp_path, "1,\n")
    with pytest.raises(UserError, match="the tags are in tags.csv, but there is no picture folder"):
        tags.find(tmp_path)


def test_find_needs_a_folder(tmp_path):
    with pytest.raises(UserError, match="No such file or directory; pass a folder"):
        tags.find(tmp_path / "missing")


def test_find_refuses_a_link_that_leads_out(tmp_path):
    data_folder(tmp_path / "elsewhere", "tags.csv", "images")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/tags.csv").write_text("1,\n")
    (tmp_path / "set/images").symlink_to(tmp_path / "elsewhere/images")
    with pytest.raises(UserError, match="a link that leads out"):
        tags.find(tmp_path / "set")


def test_importing_tags_does_not_import_pandas():
    code = "import sys, common.anime.tags; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ---- real files ----


def test_the_course_files_of_the_mini_set(mini):
    layout = tags.find(mini / "anime")
    table = tags.read(layout.csv)
    ids = np.array([int(path.stem) for path in layout.pictures.glob("*.jpg")])
    kept, without_picture, without_row = tags.match(table, ids)
    assert (len(table), len(kept), without_picture, without_row) == (176, 168, 8, 0)
    assert (len(tags.exactly_one(table)), len(tags.exactly_one(kept))) == (164, 160)


def test_extra_data_of_the_mini_set(mini):
    layout = tags.find(mini / "extra_data")
    table = tags.read(layout.csv)
    assert (layout.pictures.name, len(table), len(tags.exactly_one(table))) == ("images", 60, 60)
