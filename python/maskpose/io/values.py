"""Values of documents from outside, each checked: what comes out is what the document says, or an InputError.

``where`` is what the user knows the value by, a file and its line or key; errors begin with it.
"""

import contextlib
import math
import reprlib

import numpy as np

from maskpose.errors import InputError

MOST_SHOWN = 80  # characters of a value in a message
TRUE, FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")


def shown(value) -> str:
    """A value for a message, however large or deep it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = MOST_SHOWN
    return short.repr(value)


def field(document, key, where):
    """``document[key]``, of a dict or a list. Raises InputError that names ``where`` and the key."""
    try:
        return document[key]
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{where}: {key!r} is missing") from None


def record(value, where) -> dict:
    """``value``, a JSON object."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object, not {shown(value)}")
    return value


def listing(value, where) -> list:
    """``value``, a JSON list."""
    if not isinstance(value, list):
        raise InputError(f"{where}: expected a list, not {shown(value)}")
    return value


def text(value, where) -> str:
    """``value``, a string that is not empty, and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: expected a text, not {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: {shown(value)} is not text") from None
    return value


def number(value, where) -> float:
    """``value``, a finite number; no text that reads as one, and no truth value."""
    if type(value) in (int, float):
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
    raise InputError(f"{where}: expected a number, not {shown(value)}")


def size(value, where) -> int:
    """``value``, a positive whole number of pixels, as an int or as a float such as 320.0."""
    found = number(value, where)
    if found < 1 or found % 1:
        raise InputError(f"{where}: expected a positive whole number, not {shown(value)}")
    return int(found)


def numbers(value, shape: tuple[int, ...], where, missing: bool = False) -> np.ndarray:
    """Finite numbers, in lists of ``shape``, in one flat list or in an array, as a float64 array of ``shape``.

    missing: null and NaN stand for numbers that are not known, and come out as NaN; else they are an InputError.
    """
    flat, count = [value], math.prod(shape)
    if isinstance(value, np.ndarray):
        flat = value.ravel().tolist() if value.size == count else []
    for _ in shape:
        if all(isinstance(one, (list, tuple)) for one in flat):
            flat = [one for row in flat for one in row]
    if len(flat) != count:
        expected = " of ".join(map(str, shape))
        raise InputError(f"{where}: expected {expected} numbers, not {shown(value)}")
    return np.array([_number_or_nan(one, where) if missing else number(one, where) for one in flat]).reshape(shape)


def _number_or_nan(value, where):
    return math.nan if value is None or value != value else number(value, where)


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
    raise InputError(f"{where}: expected yes or no (1 or 0, true or false), not {shown(value)}")
