"""Values of documents from outside: flags, numbers, text."""

import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.io import values
from maskpose.io.text import parse_json

YES = [True, np.True_, 1, 1.0, "1", "1.0", " TRUE", "True", "true", "yes", "Yes", "y", "t", "T"]
NO = [False, np.False_, 0, 0.0, -0.0, "0", "0.0", "0.00", "FALSE ", "False", "false", "no", "No", "n", "F"]
NEITHER = [None, "", " ", "nan", float("nan"), 2, "2", 0.5, "0.7", -1, "maybe", [], [1], {}, 10**400, "inf"]
NEITHER += ["1" * 10**4]


@pytest.mark.parametrize(("said", "means"), [*((one, True) for one in YES), *((one, False) for one in NO)])
def test_a_flag_means_the_same_whoever_wrote_it(said, means):
    assert values.flag(said, "wrist_visible") is means


@pytest.mark.parametrize("said", NEITHER)
def test_a_flag_that_says_neither_is_bad_input(said):
    with pytest.raises(InputError, match="wrist_visible: expected yes or no") as caught:
        values.flag(said, "wrist_visible")
    assert len(str(caught.value)) < 200


NO_NUMBERS = [None, True, "5", "", [], {}, float("nan"), float("inf"), -float("inf"), 10**400]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_bad_input(value):
    for read in (values.number, values.size):
        with pytest.raises(InputError, match=r"a\.json: expected a"):
            read(value, "a.json")
    with pytest.raises(InputError, match=r"a\.json: expected"):
        values.numbers([[1, 2], [value, 4]], (2, 2), "a.json")


def test_numbers_are_read_nested_or_flat():
    for rows in ([[1, 2], [3.5, 4]], [1, 2, 3.5, 4], ((1, 2), (3.5, 4))):
        assert values.numbers(rows, (2, 2), "").tolist() == [[1, 2], [3.5, 4]]
    for wrong in ([[1, 2], [3]], [1, 2, 3], [[1, 2, 3, 4]] * 2, [[[1], [2]], [[3], [4]]], 5, None, "abcd", {"0": 1}):
        with pytest.raises(InputError, match=r"a\.json: expected"):
            values.numbers(wrong, (2, 2), "a.json")


def test_a_size_is_a_positive_whole_number():
    assert values.size(320.0, "") == 320 and values.size(1, "") == 1
    for wrong in (0, -1, 0.5, 320.5):
        with pytest.raises(InputError, match="imageWidth: expected a positive whole number"):
            values.size(wrong, "imageWidth")


def test_a_text_can_be_written():
    assert values.text("a b", "") == "a b"
    for wrong in (None, 5, "", " ", [], "\ud800", "a\udcfc"):
        with pytest.raises(InputError, match="file_name: "):
            values.text(wrong, "file_name")


def test_an_identifier_is_a_whole_number_or_a_text():
    for said, means in ((7, 7), (7.0, 7), (-1, -1), (2**70, 2**70), ("a7", "a7")):
        assert values.identifier(said, "") == means and type(values.identifier(said, "")) is type(means)
    for wrong in (None, True, 7.5, "", [], {}, float("nan"), 10**400):
        with pytest.raises(InputError, match="id: expected a"):
            values.identifier(wrong, "id")


def test_a_number_in_a_cell_is_written_in_digits_and_a_point():
    for said, means in (("12", 12), (" -1.5 ", -1.5), ("+.5", 0.5), ("1e3", 1000), ("7.", 7)):
        assert values.parse_number(said, "") == means
    for wrong in ("", " ", "nan", "inf", "1e999", "1_000", "1,5", "0x10", "\u0663", "12 px", "--1", "1 2", "true"):
        with pytest.raises(InputError, match="wrist_x: expected a number, not"):
            values.parse_number(wrong, "wrist_x")


def test_a_flag_of_a_document_has_a_default_where_there_is_none():
    assert values.flag_field({"a": "0.0"}, "a", "", default=True) is False
    for nothing in ({}, {"a": None}):
        assert (
            values.flag_field(nothing, "a", "", default=True) is True and values.flag_field(nothing, "a", "") is False
        )
    with pytest.raises(InputError, match=r"x\.json, a: expected yes or no"):
        values.flag_field({"a": ""}, "a", "x.json")


def test_an_object_that_has_a_key_twice_is_none_but_its_other_members_are_read():
    found = parse_json('{"a": 1, "b": {"c": 1, "d": 2, "d": 3}, "a": 2}', "x.json")
    for read in (lambda: values.json_object(found, "x.json"), lambda: values.field(found, "b", "x.json")):
        with pytest.raises(InputError, match=r"x\.json: the key 'a' appears twice"):
            read()
    (a, problem), (b, inner) = values.json_members(found, "x.json")
    assert (a, b) == ("a", "b") and str(problem) == "x.json: 'a' appears twice"
    with pytest.raises(InputError, match=r"x\.json, b: the key 'd' appears twice"):
        values.json_object(inner, "x.json, b")
    assert values.json_members({"a": 1}, "") == [("a", 1)]
