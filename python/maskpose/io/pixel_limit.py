"""How many pixels an image may have: a file of a few hundred bytes can claim billions."""

import os

from maskpose.errors import InputError

VARIABLE = "MASKPOSE_MAX_PIXELS"  # in the environment, so that it reaches every tool, worker and rank
DEFAULT = 200_000_000  # 600 MB in colour


def max_pixels() -> int:
    """Return the most pixels that an image may have. Raises InputError if VARIABLE does not hold a number above 0."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT
    if not text.isdecimal() or int(text) == 0:
        raise InputError(f"{VARIABLE}={text}: expected a number of pixels above 0")
    return int(text)


def check_pixels(width: int, height: int, name: str) -> None:
    """Raise InputError that names ``name`` if an image of ``width`` x ``height`` pixels exceeds ``max_pixels``."""
    if width * height > (limit := max_pixels()):
        raise InputError(
            f"{name} is {width}x{height}: more than {limit:,} pixels are not decoded ({VARIABLE} sets the limit)"
        )
