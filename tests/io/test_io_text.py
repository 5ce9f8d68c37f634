"""Text, JSON and CSV from outside: encodings, depth, digits, broken rows."""

import csv
import json

import pytest

from maskpose.errors import InputError
from maskpose.io.files import read_bytes, read_json, read_lines, read_text, write_text
from maskpose.io.tables import csv_text, read_table
from maskpose.io.text import MAX_DEPTH, parse_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_is_the_same_in_every_unicode_encoding(tmp_path, encoding):
    path = tmp_path / "names.txt"
    path.write_bytes("Hand Ö.jpg\r\n\nb\u2028c.jpg\r".encode(encoding))
    assert read_text(path) == "Hand Ö.jpg\r\n\nb\u2028c.jpg\r"
    assert read_lines(path) == ["Hand Ö.jpg", "b\u2028c.jpg"]
    path.write_bytes(json.dumps({"a": "Ö"}, ensure_ascii=False).encode(encoding))
    assert read_json(path) == {"a": "Ö"}


def test_other_encodings_and_binary_files_are_refused_with_the_line(tmp_path):
    path = tmp_path / "names.txt"
    for data, message in (
        ("a\nHände".encode("latin-1"), r"names\.txt is not a text file in UTF-8 \(line 2\)"),
        (b"\x89PNG\r\n\x1a\n", "is not a text file in UTF-8"), (b"abc\0def", "is not a text file"),
        (b"\xff\xfea", "is not a text file in UTF-8"), (bytes(8), "is not a text file"),
    ):  # fmt: skip
        path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            read_text(path)


def test_text_is_written_as_utf8_and_names_that_are_none_are_refused(tmp_path):
    write_text(tmp_path / "a.txt", "Ö")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\x96"
    with pytest.raises(InputError, match=r"a\.txt cannot be written: 'gr.udcfc' is not text"):
        write_text(tmp_path / "a.txt", "gr\udcfcn.jpg")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\x96"


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_no_file_can_have_are_bad_input(name):
    with pytest.raises(InputError, match="is not the name of a file"):
        read_bytes(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 10**6, "deep"), ('{"a":' * 10**6, "deep"), ("[" * 900 + "]" * 900, "deep"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "deep"), ("1" * 10**5, "an integer of too many digits"),
        ("", "not JSON"), ("{'a': 1}", "line 1 column 2"), (b"\xe4", "UTF-8"),
    ],
)  # fmt: skip
def test_json_that_cannot_be_read_is_bad_input(text, message):
    with pytest.raises(InputError, match=f"a file.*{message}"):
        parse_json(text, "a file")


def test_json_of_many_brackets_side_by_side_is_read():
    assert parse_json(json.dumps([[1], "[[["] * 100), "a file") == [[1], "[[["] * 100
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse_json(deepest, "a file")) == deepest


def test_a_table_gives_rows_by_column_and_the_lines_they_begin_in(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('\ufeffname, x ,note\r\na,1,"two\r\nlines"\r\n\r\n,,\r\nb,2,"a ""b"""\r\n')
    rows = read_table(path, ["name", "x"])
    assert rows == [(2, {"name": "a", "x": "1", "note": "two\r\nlines"}), (6, {"name": "b", "x": "2", "note": 'a "b"'})]


def test_a_broken_row_of_a_table_costs_itself_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('name,x\na,1\n"b,2\nc,3\nd\ne,5,6\nf,"7"8\n"' + "g" * 200_000 + '",1\nh,8\n"i,9\n')
    rows = read_table(path)
    assert [row for row in rows if not isinstance(row, InputError)] == [
        (n, {"name": name, "x": x}) for n, name, x in ((2, "a", "1"), (4, "c", "3"), (9, "h", "8"))
    ]
    problems = [str(row).partition("t.csv, ")[2] for row in rows if isinstance(row, InputError)]
    assert [problem[:20] for problem in problems] == [
        "line 3 opens a quota", "line 5 has fewer col", "line 6 has more colu", "line 7 is not CSV: '",
        "line 8 is not CSV: f", "line 10 is not CSV: ",
    ]  # fmt: skip


def test_a_table_without_its_columns_is_bad_input(tmp_path):
    path = tmp_path / "t.csv"
    for text, message in (
        ("", r"the column name is missing \(2 in all\)"), ("name;x\n", "commas, not semicolons"),
        ("name\tx\n", "commas, not tabs"), ("name,x,x\n", "the column x appears twice"), ('"name,x\n', "line 1"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_table(path, ["name", "x"])


FORMULAS = ["=1+1.jpg", "@SUM(1).jpg", "+a", "-a.jpg", "-1+1", "\t=1", "\r=1", "'=1", "''@x", "\uff1d1", "=c|'d'!A1"]
PLAIN = ["a=1.jpg", "1.jpg", "'a'", "a;=1", "a\t=1", 'a"b', "a,b", "", "-1.5", "+2", "-1e-5", "it's"]


def test_a_written_table_has_no_formulas_and_is_read_as_it_was(tmp_path):
    rows = [["name", "x", "=odd"], *([cell, -1.5, 2] for cell in FORMULAS + PLAIN)]
    (tmp_path / "t.csv").write_bytes(csv_text(rows).encode())
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))
    assert not [cell for row in cells for cell in row if cell.startswith(tuple("=+@\t\r\uff1d")) and cell != "+2"]
    assert [row[0] for row in cells if row[0].startswith("-")] == ["-1.5", "-1e-5"]  # numbers are no formulas
    assert [row[1] for row in cells[1:]] == ["-1.5"] * len(FORMULAS + PLAIN)
    rows = read_table(tmp_path / "t.csv", ["name", "=odd"])
    assert [row["name"] for _, row in rows] == FORMULAS + PLAIN


def test_a_cell_with_another_separator_is_quoted_so_that_no_formula_begins_after_it():
    assert csv_text([["name"], ["a;=1"], ["b"]]) == 'name\n"a;=1"\nb\n'
