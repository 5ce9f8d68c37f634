"""Pickles from outside: what Python and NumPy write comes back, and nothing that a pickle names is called."""

import base64
import collections
import contextlib
import itertools
import os
import pickle
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.io import safe_pickle

SQUARE = np.arange(6).reshape(2, 3) + 0.5
# {"a": SQUARE in Fortran's order (Python 2: >f4, Python 3: f4), "s": np.float64(-1.5), "n": [True, False]}, compressed
OLD = {
    "Python 2.7, NumPy 1.16, protocol 0": (
        "eNp1Urtqw0AQ7Ocr0klNzO2drAeEJK0aFVFrSPSyMNjyIZ3Bgnx8dqOHHUyKhdPs7O7MIL+2CrlXeLCEqruc7Lipzn2zOV2O7lD0fTHis2+q"
        "cze4/lI5WA1/4qGrp7418FMFZwPeVPKmLb9DfNiIceLSSA1D8XwAtRttA5vAz719IKcVeAFznSXiQeIjPJJ7r9I0yLIsfSb8lhyiAGWqiAlv"
        "u6tSS71/LS+Gqxu8uya3j6c7uFxhuSOyKUQ55N4g39F/gQxVcSx6ZsTw28lFLAPJ6kIrdqFpdvHCTa0fXGiDMvfuDfytfcwK9zIbCHsrK0Ow"
        "uk6wCC2n1C7Z6xitGNAJ04xak3fWECaRJfGc0atIY4QazCK/pbl9EGlCiVr+ERZFc1Qmkk7MUW1+AB5GmBc="
    ),
    "Python 2.7, NumPy 1.16, protocol 2": (
        "eNp1T7lOw0AUfGtzhOW+wx1OubKEREGBCDUruVhpa/A6RkZKnIy9LiyBRJMEOj6FP4DPogPHposYad4r3mjmzYv1DHIU88GCOOv0cjfoJqHb"
        "ydrm0U8SP+d3SRh049QkWWA4rErF41Z1hS2ojwnFNCaHmJKYdgQTlrAHqP1JWybvhRwzynq4ABck2BCzEnOOsBW7xrznebc/BcohyGBBv6p6"
        "k4hu7omaX8V+L9go+EGERYMlrViK5X8eTgO/7SccK9Eo8hKrVeSaxHoZeYWNschNrWpU4vsT9QG2JLYVi7ETWVHZcDcq6u1J7Jf1+jgYmetz"
        "NCrzQ4mj0vwJx2PmJ/pNWYxwanCmM/cXw3h55Q=="
    ),
    "Python 3.8, NumPy 1.24, protocol 3": (
        "eNp1j7lOw0AQhtc2R1juO9zhklxZQqKgQCKSO1ZysVU68DpGRkqc/Ot1YQkkmlwdj8IbwGPRwWZjqoiRZqaYmf+b/815BXEbFiEkhBWlebtb"
        "eFFHxl47b6nnUMqwoA8yjjpppmQeKQp7skXT5mQKh5EeZnxLYHaAOY55l1nMZk4flXK1qYpuTLHQsDXn6Rp0NBxgkWPJZY5h32I5CIL7Hx2m"
        "MKKwIoZ+Vc/uCHmsE/Kl+7vuNZ0fdawqrAlzm2H9n7+zKGyFkmIjKck32ByTtzi2NTmZZu4Iv0JMfH9it48qx56BpNhP7MQ4PUi0zUOOI2Oz"
        "h+NSXVzhZKxe4zj98/WCsynGuRj5tkVwoXApcu8XhYF6bg=="
    ),
    "Python 3.8, NumPy 1.24, protocol 5": (
        "eNprYJ1qwsgABrVTNHoYE6f0COWV5hZU6iXnF6XqAZmpRZnJU3q449OK8nOTStPSUoumTJ6iMU2CAQ7sGRgSHBgYDgDpCUBaAYg3OEzpYQWb"
        "A6RTSioLUoGaepjSTKZ0drRPCZqi4c3cw2gzxc/Pz+s/EIAJb4aSKUneTN7MbVN6GN2mlACV9TAWT+kRRXJPbmlOSWZiUVEi0Fy24uTEnESQ"
        "azI4gEZbIIzO4ME02JkD4tgf+6e0gU3Om5LBojGNCeoHRgawKUmGyA6swerAVqBmZ7DzSvUAhmB4fA=="
    ),
}


def load(tmp_path, data, refuse=True):
    (tmp_path / "x.pickle").write_bytes(data)
    return safe_pickle.load(tmp_path / "x.pickle", refuse)


@pytest.mark.parametrize("writer", OLD)
def test_what_older_pythons_and_numpys_wrote_is_read(tmp_path, writer):
    found = load(tmp_path, zlib.decompress(base64.b64decode(OLD[writer])))
    np.testing.assert_array_equal(found["a"], SQUARE)
    assert found["s"] == -1.5 and found["n"].tolist() == [True, False]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_and_arrays_come_back_in_every_protocol(tmp_path, protocol):
    square, same = np.arange(24.0).reshape(2, 3, 4), [1]
    arrays = [square.astype(code) for code in ("?", "b", "B", "<i2", ">i4", "u8", "e", "<f4", ">f8")]
    arrays += [np.asfortranarray(square), square.transpose(1, 0, 2), square[:0], np.array(2.5)]
    plain = [None, True, 2, -7, 1 << 40, 1.5, "ü\n'\\", "", b"", b"\xff\0", [], {}, [1, [2]], {"a": {3: same}}, same]
    scalars = [np.float32(2.5), np.int64(-3), np.bool_(True)]
    ordered = collections.OrderedDict(a=1, b=2)
    found = load(tmp_path, pickle.dumps([arrays, plain, scalars, (4, (5,)), ordered], protocol))
    for array, read in zip(arrays, found[0], strict=True):
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
    assert found[1] == plain and [type(value) for value in found[1][:6]] == [type(value) for value in plain[:6]]
    assert found[2] == [2.5, -3, True] and found[3] == [4, [5]] and found[4] == {"a": 1, "b": 2}


class Calls:
    """Pickled as a call of a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_function_or_class_of_the_pickles_is_called(tmp_path, protocol):
    """What else it names is refused by name, or stands as OPAQUE, states and items included."""
    hostile = [Calls(os.mkdir, str(tmp_path / "made")), collections.Counter("ab"), Calls(pickle.loads, b"N."), {1, 2}]
    for one in hostile[:2]:
        with pytest.raises(InputError, match=r"x\.pickle: the pickle asks for \w+\.\w+: refused"):
            load(tmp_path, pickle.dumps(one, protocol))
    found = load(tmp_path, pickle.dumps({"hostile": hostile, "good": 1}, protocol), refuse=False)
    assert found["good"] == 1 and found["hostile"][:3] == [safe_pickle.OPAQUE] * 3
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "call",
    [
        Calls(np.ndarray, (126,), "O", struct.pack("<Q", 0x4141414141414141) * 126),
        Calls(np.ndarray, (1 << 40,), "f8"),
        Calls(np.dtype, "O"),
        np.array([None, "text"], object),
        np.zeros(3, [("a", "f8"), ("b", "O")]),
        np.array(["text"]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, "c16"),
    ],
)
def test_arrays_of_other_than_plain_numbers_stay_unread(tmp_path, call):
    found = load(tmp_path, pickle.dumps({"odd": call, "good": SQUARE}), refuse=False)
    assert not isinstance(found["odd"], np.ndarray)
    np.testing.assert_array_equal(found["good"], SQUARE)


@pytest.mark.parametrize("shape", [(3, 3), (2, 2), (1 << 62, 4), (-2, -3)])
def test_an_array_of_another_length_than_its_shape_stays_unread(tmp_path, shape):
    core = np.zeros(0).__reduce__()[0]
    data = pickle.dumps(Calls(core, np.ndarray, (0,), b"b"))[:-1]  # then its state, and BUILD
    data += pickle.dumps((1, shape, np.dtype("f8"), False, SQUARE.tobytes()), 2)[2:-1] + b"b."
    assert load(tmp_path, data) is safe_pickle.OPAQUE


def bomb(name):
    """A few bytes that would grow to gigabytes, or for ever, if they were followed."""
    encode, hexed = b"c_codecs\nencode\n", b"X\3\0\0\0hex\x86R"
    text = b"X\x80\x96\x98\0" + b"a" * 9_999_999 + b"aq\x01"
    return b"\x80\3" + {
        "doubling by hex": encode * 40 + b"B\1\0\0\0a" + hexed * 40,
        "one text made into bytes many times": b"]q\0" + (
            text + b"0" + b"h\0(" + (encode + b"h\1X\6\0\0\0latin1\x86R") * 300 + b"e"
        ),
        "a key of tuples doubled in one another": b"}K\1" + b"2\x86" * 60 + b"K\1s",
        "lists doubled in one another": b"]" + b"q\0(h\0h\0l" * 60,
        "lists in one another": b"]" * 100_000 + b"a" * 99_999,
        "a list that holds itself": b"]q\0h\0a",
        "a far place in the memo": b"Nr\xff\xff\xff\xff",
        "bytes of a length that is not there": b"\x8e" + struct.pack("<Q", 1 << 40) + b"a",
        "a number of many digits": b"L" + b"9" * 1_000_000 + b"L\n",
        "a long number": b"\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000,
        "a frame of a length that is not there": b"\x95" + struct.pack("<Q", 1 << 60) + b"N",
    }[name] + b"."  # fmt: skip


BOMBS = (
    "doubling by hex", "one text made into bytes many times", "a key of tuples doubled in one another",
    "lists doubled in one another", "lists in one another", "a list that holds itself", "a far place in the memo",
    "bytes of a length that is not there", "a number of many digits", "a long number",
    "a frame of a length that is not there",
)  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_pickle_does_not_grow(tmp_path, name):
    (tmp_path / "x.pickle").write_bytes(bomb(name))
    size = (tmp_path / "x.pickle").stat().st_size
    tracemalloc.start()
    try:
        with contextlib.suppress(InputError, TypeError):
            np.asarray(safe_pickle.load(tmp_path / "x.pickle"), float)
        assert tracemalloc.get_traced_memory()[1] < 8 * size + 20_000_000
    finally:
        tracemalloc.stop()


def test_limits_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_pickle, "MOST_BYTES", 100)
    with pytest.raises(InputError, match=r"x\.pickle: the pickle has 1\d\d bytes, at most 100"):
        load(tmp_path, pickle.dumps("a" * 120))
    monkeypatch.setattr(safe_pickle, "MOST_STEPS", 10)
    with pytest.raises(InputError, match="more than 10 instructions"):
        load(tmp_path, pickle.dumps(list(range(20))))
    monkeypatch.setattr(safe_pickle, "MOST_STEPS", 100)
    monkeypatch.setattr(safe_pickle, "DEEPEST", 8)
    with pytest.raises(InputError, match="more than 8 lists in one another"):
        load(tmp_path, b"]" * 10 + b"a" * 9 + b".")
    assert load(tmp_path, b"]" * 8 + b"a" * 7 + b".") == [[[[[[[[]]]]]]]]


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "ends too early"),
        (b"]", "ends too early"),
        (b"\x80\x09.", "protocol 9"),
        (b"\xf0.", "no instruction"),
        (b"h\7.", "is not a pickle, or damaged"),
        (b"e.", "is not a pickle, or damaged"),
        (b"S'open\n.", "a text without quotes"),
        (b"\x97.", "keeps arrays in other files"),
        (b"}(K\1u.", "a key without a value"),
    ],
)
def test_what_is_wrong_with_a_pickle_is_said(tmp_path, data, said):
    with pytest.raises(InputError, match=said):
        load(tmp_path, data)


def test_every_cut_of_a_pickle_is_refused_or_read(tmp_path):
    whole = pickle.dumps({"a": SQUARE, "b": [1, (2, 3)], "c": "text"}, 2)
    for end, refuse in itertools.product(range(len(whole)), (True, False)):
        with pytest.raises(InputError):
            load(tmp_path, whole[:end], refuse)
