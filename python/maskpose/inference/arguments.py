"""Checks of the arguments that a Predictor takes. An InputError names the argument and what was expected."""

import operator
from typing import Any

import numpy as np

from maskpose.errors import InputError


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as an int. Raises InputError if it is no whole number, or below ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name}: expected a whole number of {least} or more, not {value!r}")
    return number


def yes_or_no(name: str, value: Any) -> bool | None:
    """``value`` as a bool, or None. Raises InputError if it is neither."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return value if value is None else bool(value)
    raise InputError(f"{name}: expected True, False or None, not {value!r}")


def share_of_one(name: str, value: Any) -> float:
    """``value`` as a float. Raises InputError if it is no number from 0 to 1."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise InputError(f"{name}: expected a number from 0 to 1, not {value!r}")
