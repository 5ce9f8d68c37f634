"""Paths made of names from outside stay below their folder."""

from pathlib import Path

import pytest

from maskpose.errors import InputError
from maskpose.io.paths import path_below


@pytest.mark.parametrize(
    "name", ["a.jpg", "b/a.jpg", "./a.jpg", "..a.jpg", "a..jpg", "Ö ü.jpg", "gr\udcfc.jpg", "C:\\a.jpg"]
)
def test_a_name_is_found_below_its_folder(name):
    assert path_below("out", name) == Path("out") / name


OUTSIDE = ("..", "../a.jpg", "b/../../a.jpg", "b/../a.jpg", "/a.jpg", "//a.jpg")
NO_FILE = ("", " ", ".", "./", "a\0b", "\ud800", None, 5)


@pytest.mark.parametrize("name", OUTSIDE + NO_FILE)
def test_a_name_that_leads_out_of_its_folder_or_is_none_is_bad_input(name):
    with pytest.raises(InputError, match=r"^a\.csv, line 2: .* is not the path of a file below out$"):
        path_below("out", name, "a.csv, line 2")
