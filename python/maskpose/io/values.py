"""Values of documents from outside, each checked: what comes out is what the document says, or an InputError.

``where`` is what the user knows the value by, a file and its line or key; errors begin with it.
"""

import contextlib
import math
import re
import reprlib

import numpy as np

from maskpose.errors import InputError
from maskpose.io.text import RepeatedKey, is_text

MOST_SHOWN = 80  # characters of a value in a message
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
TRUE, FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")


def short_repr(value) -> str:
    """A value for a message, however large or deep it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = MOST_SHOWN
    return short.repr(value)


def field(document, key, where):
    """``document[key]``, of a dict or a list. Raises InputError that names ``where`` and the key."""
    if isinstance(document, RepeatedKey):
        json_object(document, where)  # raises
    try:
        return document[key]
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{where}: {key!r} is missing") from None


def json_object(value, where) -> dict:
    """``value``, a JSON object that has no key twice."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object, not {short_repr(value)}")
    if isinstance(value, RepeatedKey):
        raise InputError(f"{where}: the key {short_repr(value.repeated[0])} is there twice")
    return value


def json_members(value, where) -> list[tuple[str, object]]:
    """[(key, value)] of a JSON object whose keys name entries.

    In the place of a key's value that is there twice there is an InputError. Raises InputError if it is no object.
    """
    if not isinstance(value, RepeatedKey):
        return list(json_object(value, where).items())
    twice = {key: InputError(f"{where}: {short_repr(key)} is there twice") for key in value.repeated}
    return [(key, twice.get(key, one)) for key, one in value.items()]


def json_list(value, where) -> list:
    """``value``, a JSON list."""
    if not isinstance(value, list):
        raise InputError(f"{where}: expected a list, not {short_repr(value)}")
    return value


def list_field(document, key, where) -> list:
    """``document[key]``, a JSON list. Raises InputError that names ``where`` and the key."""
    return json_list(field(document, key, where), f"{where}, {key}")


def text(value, where) -> str:
    """``value``, a string that is not empty, holds no zero characters, and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InputError(f"{where}: expected a text, not {short_repr(value)}")
    if not is_text(value):
        raise InputError(f"{where}: {short_repr(value)} is not text in UTF-8")
    return value


def identifier(value, where) -> int | str:
    """``value``, a text or a whole number, by which entries name one another; 7.0, as pandas writes it, is 7."""
    if isinstance(value, str):
        return text(value, where)
    found = number(value, where)
    if found % 1:
        raise InputError(f"{where}: expected a whole number or a text, not {short_repr(value)}")
    return int(value)


def number(value, where) -> float:
    """``value``, a finite number; no text that reads as one, and no truth value."""
    if type(value) in (int, float):
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    raise InputError(f"{where}: expected a number, not {short_repr(value)}")


def parse_number(cell: str, where) -> float:
    """The finite number that a table's cell says in digits, with a point: 12, -1.5, 1e3."""
    if NUMBER.fullmatch(cell.strip()) and math.isfinite(found := float(cell)):
        return found
    raise InputError(f"{where}: expected a number, not {short_repr(cell)}")


def size(value, where) -> int:
    """``value``, a positive whole number of pixels, as an int or as a float such as 320.0."""
    found = number(value, where)
    if found < 1 or found % 1:
        raise InputError(f"{where}: expected a positive whole number, not {short_repr(value)}")
    return int(found)


def numbers(value, shape: tuple[int, ...], where, missing: bool = False) -> np.ndarray:
    """Finite numbers, in lists of ``shape``, in one flat list or in an array, as a float64 array of ``shape``.

    missing: null and NaN stand for numbers that are not known, and come out as NaN; else they are an InputError.
    """
    found = [_number_or_nan(one, where) if missing else number(one, where) for one in flattened(value, shape, where)]
    return np.array(found, float).reshape(shape)


def flattened(value, shape: tuple[int, ...], where) -> list:
    """The values in lists of ``shape``, in one flat list of them or in an array, as one list, whatever they are."""
    flat, count = [value], math.prod(shape)
    if isinstance(value, np.ndarray):
        flat = value.ravel().tolist() if value.size == count else []
    for _ in shape:
        if all(isinstance(one, (list, tuple)) for one in flat):
            flat = [one for row in flat for one in row]
    if len(flat) != count:
        expected = " of ".join(map(str, shape))
        raise InputError(f"{where}: expected {expected} numbers, not {short_repr(value)}")
    return flat


def _number_or_nan(value, where):
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return math.nan if is_missing else number(value, where)


def flag(value, where) -> bool:
    """What a truth value says that JSON, a spreadsheet, pandas or R wrote: 1, 1.0, true, TRUE, yes, y, t; 0 and so on.

    Raises InputError for anything else, no value at all and numbers such as 2 included: their meaning would be a guess.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
        with contextlib.suppress(ValueError):
            value = float(word)
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    raise InputError(f"{where}: expected yes or no (1 or 0, true or false), not {short_repr(value)}")


def flag_field(document: dict, key: str, where, default: bool = False) -> bool:
    """The ``flag`` that a JSON object has of ``key``; ``default`` if it has none, or null."""
    value = document.get(key)
    return default if value is None else flag(value, f"{where}, {key}")
