"""Compiled functions, whose machine code is kept in the user's cache folder and never in the checkout."""

import functools
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

from maskpose.errors import InputError
from maskpose.io.files import cache_folder, check_writable

P = ParamSpec("P")
R = TypeVar("R")


def compiled(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function: numba compiles it when it is first called; options: numba.njit's.

    The code is kept for later calls if the cache folder can be written, or the folder of NUMBA_CACHE_DIR.
    """
    return numba.njit(cache=_has_cache(), **options)  # pyright: ignore


@functools.cache
def _has_cache():
    if os.environ.get("NUMBA_CACHE_DIR"):
        return True
    try:
        folder = cache_folder("numba")
        check_writable(folder)
    except (InputError, OSError):
        return False
    numba.config.CACHE_DIR = str(folder)  # pyright: ignore
    return True
