"""CSV tables, written and read: rows by the names of columns. A broken row costs itself alone.

A spreadsheet runs a text cell that begins like a formula. ``csv_text`` puts an apostrophe before such a cell, as OWASP
advises, and ``read_table`` removes it: names such as =1+1.jpg and -1.jpg come back as they were.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from maskpose.errors import InputError
from maskpose.io.files import read_text
from maskpose.io.paths import PathLike
from maskpose.io.text import is_text, split_lines
from maskpose.io.values import NUMBER

FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # how one begins, apostrophes before it or not
OTHER_SEPARATORS = ";\t\r"  # by which some programs divide cells or rows


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return the CSV of ``rows`` of texts and numbers, the header first. No cell is a formula in any spreadsheet."""
    out = io.StringIO()
    usual = csv.writer(out, lineterminator="\n")
    quoted = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for row in rows:
        cells = [f"'{cell}" if _is_formula(cell) else cell for cell in row]
        divided = any(isinstance(cell, str) and any(mark in cell for mark in OTHER_SEPARATORS) for cell in cells)
        (quoted if divided else usual).writerow(cells)
    return out.getvalue()


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and FORMULA.match(cell) is not None and not NUMBER.fullmatch(cell)


def _without_apostrophe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def read_table(path: PathLike, needed: Sequence[str] = ()) -> list[tuple[int, dict[str, str]] | InputError]:
    """Return the rows of a CSV file, without those of empty cells alone.

    Args:
        path: of the file.
        needed: columns that the table must have.

    Returns:
        (number of the row's first line, {column: cell}) for each row. A broken row gives an InputError that names its
        line instead. Broken are rows of more or fewer cells than the header, rows with a quotation mark that nothing
        closes, and rows with bytes that are not UTF-8.

    Raises:
        InputError: the file cannot be read, or a needed column is missing or appears twice.
    """
    lines = split_lines(read_text(path, odd_lines=True))
    rows = _rows(lines, path)
    _, header = next(rows, (1, []))
    if isinstance(header, InputError):
        raise header
    header = [_without_apostrophe(cell.strip()) for cell in header]
    _check_header(header, needed, path)
    table: list[tuple[int, dict[str, str]] | InputError] = []
    for number, cells in rows:
        if isinstance(cells, InputError):
            table.append(cells)
        elif any(cell.strip() for cell in cells):
            table.append((number, dict(zip(header, map(_without_apostrophe, cells)))))
    return table


def _check_header(header: Sequence[str], needed: Sequence[str], path: PathLike) -> None:
    """Raise InputError if a column of ``needed`` is missing or appears twice."""
    if missing := [name for name in needed if name not in header]:
        used = [what for mark, what in ((";", "semicolons"), ("\t", "tabs")) if any(mark in name for name in header)]
        hint = f"; columns are divided by commas, not {used[0]}" if used else ""
        raise InputError(f"{path}: the column {missing[0]} is missing ({len(missing)} in all){hint}")
    if twice := [name for name in needed if header.count(name) > 1]:
        raise InputError(f"{path}: the column {twice[0]} appears twice")


def _rows(lines: list[str], path: PathLike) -> Iterator[tuple[int, list[str] | InputError]]:
    """Yield (number of its first line, cells or InputError) of each row; the first row says how many cells there are.

    A broken row ends with its first line, so that a quotation mark too many does not swallow the rows after it.
    """
    width, begin = None, 0
    while begin < len(lines):
        reader, offset = csv.reader(itertools.islice(lines, begin, None), strict=True), begin
        while begin < len(lines):
            number, where = begin + 1, f"{path}, line {begin + 1}"
            try:
                cells, problem = next(reader), None
                if cells and width is not None and len(cells) != width:
                    problem = f"{where} has {'more' if len(cells) > width else 'fewer'} columns than the header"
                if not is_text("".join(cells)):
                    problem = f"{where} is not text in UTF-8: save the file as UTF-8"
            except csv.Error as error:
                cells, problem = [], f"{where} is not CSV: {error}"
            begin = offset + reader.line_num
            if problem and begin > number:
                yield number, InputError(f"{where} opens a quotation mark that it does not close")
                begin = number
                break
            if problem:
                yield number, InputError(problem)
            elif cells:
                width = width or len(cells)
                yield number, cells
