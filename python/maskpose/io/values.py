"""Values of documents from outside, each checked: what comes out is what the document says, or an InputError.

The argument ``where`` is what the user knows a value by: a file, and perhaps a line or key. Messages begin with it.
"""

import contextlib
import math
import os
import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError, short_repr
from maskpose.io.text import RepeatedKey, is_text

Where: TypeAlias = str | os.PathLike[str]
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
TRUE, FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")


def field(document: Any, key: str | int, where: Where) -> Any:
    """Return ``document[key]`` of a dict or a list. Raises InputError if it is missing."""
    if isinstance(document, RepeatedKey):
        json_object(document, where)  # raises
    try:
        return document[key]
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{where}: {key!r} is missing") from None


def json_object(value: object, where: Where) -> dict[str, Any]:
    """Return ``value``, a JSON object. Raises InputError if it is none, or has a key twice."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object, not {short_repr(value)}")
    if isinstance(value, RepeatedKey):
        raise InputError(f"{where}: the key {short_repr(value.repeated[0])} appears twice")
    return value


def json_members(value: object, where: Where) -> list[tuple[str, Any]]:
    """Return the members of a JSON object whose keys name entries: (key, value), or (key, InputError) for a key twice.

    Raises:
        InputError: the value is not an object.
    """
    if not isinstance(value, RepeatedKey):
        return list(json_object(value, where).items())
    twice = {key: InputError(f"{where}: {short_repr(key)} appears twice") for key in value.repeated}
    return [(key, twice.get(key, member)) for key, member in value.items()]


def json_list(value: object, where: Where) -> list[Any]:
    """Return ``value``, a JSON list. Raises InputError if it is none."""
    if not isinstance(value, list):
        raise InputError(f"{where}: expected a list, not {short_repr(value)}")
    return value


def list_field(document: Any, key: str | int, where: Where) -> list[Any]:
    """Return ``document[key]``, a JSON list. Raises InputError if it is missing, or not a list."""
    return json_list(field(document, key, where), f"{where}, {key}")


def text(value: object, where: Where) -> str:
    """Return ``value``, a string. Raises InputError if it is empty, holds a zero, or cannot be written as UTF-8."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InputError(f"{where}: expected a text, not {short_repr(value)}")
    if not is_text(value):
        raise InputError(f"{where}: {short_repr(value)} is not text in UTF-8")
    return value


def identifier(value: object, where: Where) -> int | str:
    """Return ``value``, a text or a whole number, by which entries name one another; 7.0, as pandas writes it, is 7.

    Raises:
        InputError: the value is something else.
    """
    if isinstance(value, str):
        return text(value, where)
    exact = number(value, where)
    if exact % 1:
        raise InputError(f"{where}: expected a whole number or a text, not {short_repr(value)}")
    return value if isinstance(value, int) else int(exact)  # as a float, a large integer would lose digits


def number(value: object, where: Where) -> float:
    """Return ``value``, a finite number. Raises InputError for all else: texts of digits and truth values too."""
    if isinstance(value, (int, float)) and type(value) in (int, float):
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    raise InputError(f"{where}: expected a number, not {short_repr(value)}")


def parse_number(cell: str, where: Where) -> float:
    """Return the finite number in a table's cell, written with digits and a point: 12, -1.5, 1e3. Raises InputError."""
    if NUMBER.fullmatch(cell.strip()) and math.isfinite(parsed := float(cell)):
        return parsed
    raise InputError(f"{where}: expected a number, not {short_repr(cell)}")


def size(value: object, where: Where) -> int:
    """Return ``value``, a positive whole number of pixels; 320.0 is 320. Raises InputError for all else."""
    pixels = number(value, where)
    if pixels < 1 or pixels % 1:
        raise InputError(f"{where}: expected a positive whole number, not {short_repr(value)}")
    return int(pixels)


def numbers(value: object, shape: tuple[int, ...], where: Where, missing: bool = False) -> npt.NDArray[np.float64]:
    """Return finite numbers as an array.

    Args:
        value: the numbers, in lists of ``shape``, in one flat list or in an array.
        shape: of the result.
        where: for messages.
        missing: whether null and NaN stand for unknown numbers; these become NaN.

    Returns:
        A float64 array of ``shape``.

    Raises:
        InputError: there are more or fewer values, or some are not finite numbers.
    """
    convert = _number_or_nan if missing else number
    flat = [convert(entry, where) for entry in flattened(value, shape, where)]
    return np.array(flat, float).reshape(shape)


def flattened(value: object, shape: tuple[int, ...], where: Where) -> list[Any]:
    """Return the values in lists of ``shape``, in one flat list or in an array, as one list. They may be anything.

    Raises:
        InputError: there are more or fewer values.
    """
    flat: list[Any] = [value]
    count = math.prod(shape)
    if isinstance(value, np.ndarray):
        flat = value.ravel().tolist() if value.size == count else []
    for _ in shape:
        if all(isinstance(row, (list, tuple)) for row in flat):
            flat = [entry for row in flat for entry in row]
    if len(flat) != count:
        expected = " of ".join(map(str, shape))
        raise InputError(f"{where}: expected {expected} numbers, not {short_repr(value)}")
    return flat


def _number_or_nan(value: object, where: Where) -> float:
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return math.nan if is_missing else number(value, where)


def flag(value: object, where: Where) -> bool:
    """Return what a truth value of JSON, a spreadsheet, pandas or R says: 1, 1.0, true, TRUE, yes, y, t; 0 and so on.

    Raises:
        InputError: the value is something else. No value and numbers such as 2 are errors too: their meaning would be
            a guess.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    truth = value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
        with contextlib.suppress(ValueError):
            truth = float(word)
    if isinstance(truth, (int, float)) and truth in (0, 1):
        return bool(truth)
    raise InputError(f"{where}: expected yes or no (1 or 0, true or false), not {short_repr(value)}")


def flag_field(document: dict[str, Any], key: str, where: Where, default: bool = False) -> bool:
    """Return the ``flag`` that a JSON object has at ``key``; ``default`` if it has none, or null."""
    value = document.get(key)
    return default if value is None else flag(value, f"{where}, {key}")
