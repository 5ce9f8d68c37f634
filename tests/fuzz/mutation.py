"""Seeded mutations of files: of their bytes, and of what stands in them, so that a format's first checks pass them.

Each mutator is a function (rng, data, other) of a random.Random, the bytes to change, and bytes of the same kind that
parts are taken from; it returns bytes. Bytes that are not of the mutator's format are changed as any bytes are.
"""

import csv
import io
import json
import pickle
import pickletools
import struct
import zlib
from collections.abc import Callable
from random import Random

import h5py
import numpy as np

Mutator = Callable[[Random, bytes, bytes], bytes]

LARGEST = 1 << 18  # bytes of a mutated file
INTEGERS = (0, 1, 2, 3, 7, 21, 63, 64, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 1 << 20, (1 << 31) - 1,
            1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip
PIECES = (
    b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b"\r\n", b",", b";", b'"', b"'", b"=", b"+", b"-1",
    b"NaN", b"1e999", b"-Infinity", b"null", b"true", b"0x10", b"1_0", b"{", b"}", b"[", b"]", b"../", b"/etc/passwd",
    b"%s%n", b"\x1b[2J", "\u202e".encode(), "\u0664".encode(), b"\xed\xa0\x80", b"\xc3(", b"A" * 300, b"9" * 5000,
)  # fmt: skip
TEXTS = (
    "", " ", "x", "0", "1", "-1", "1e5", "1e999", "NaN", "nan", "inf", "true", "no", "0.0", "1.0", "2", "\x00", "\n",
    "a\r\nb", "../x", "/etc/passwd", "..\\x", "\ud800", "\u202ex", "é" * 40, "A" * 300, "=1+1", "'", '"', "a,b", "٣",
    "²", "1_000", "0x1F", "wrist", "hand", "left", "12.jpg", "None", "{}", "[]", "data/x.lmdb", ".", "..",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 21, 42, 63, 64, 255, 1 << 31, 1 << 53, 1 << 63, -(1 << 63), 1 << 64, 10**30, 10**400, 0.0, -0.0,
    0.5, -0.5, 1.5, 1e-320, 1e9, 1e38, 1e39, 1e300, -1e300, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
KEYS = (
    "keypoints", "image", "images", "hands", "people", "image_id", "file_name", "id", "annotations", "width", "height",
    "shapes", "points", "label", "visible", "more_hands", "detected", "hand", "score", "mix", "db", "flags", "bbox",
)  # fmt: skip
MOST_VALUES = 10_000  # of a document
DIGITS, NESTED = "@digits@", "@nested@"  # stand for what json.dumps cannot write


def change_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """Bits, bytes, integers and pieces of the bytes changed, repeated, exchanged or lost, a few times."""
    made = bytearray(data)
    for _ in range(_few(rng)):
        rng.choice(CHANGES)(rng, made, other)
    return bytes(made[:LARGEST])


def _few(rng):
    """A number of changes: 1 mostly, at times more."""
    return 1 if rng.random() < 0.5 else rng.randint(2, 4) if rng.random() < 0.8 else rng.randint(5, 20)


def _piece(rng, made):
    """(start, end) of a random part, short mostly."""
    start = rng.randrange(len(made) + 1)
    return start, min(len(made), start + int(2 ** rng.uniform(0, 10)))


def _flip(rng, made, other):
    if made:
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)


def _set(rng, made, other):
    if made:
        made[rng.randrange(len(made))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _integer(rng, made, other):
    size = rng.choice((2, 4, 4, 8))
    value = (rng.choice(INTEGERS) + rng.choice((0, 0, 0, -1, 1))) % (1 << 8 * size)
    start = rng.randrange(len(made) + 1)
    made[start : start + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _insert(rng, made, other):
    start = rng.randrange(len(made) + 1)
    made[start:start] = rng.choice(PIECES)


def _replace(rng, made, other):
    start, end = _piece(rng, made)
    made[start:end] = rng.choice(PIECES)


def _delete(rng, made, other):
    start, end = _piece(rng, made)
    del made[start:end]


def _repeat(rng, made, other):
    start, end = _piece(rng, made)
    made[end:end] = made[start:end] * (1 if rng.random() < 0.9 else rng.randint(2, 50))


def _move(rng, made, other):
    start, end = _piece(rng, made)
    piece = made[start:end]
    at = rng.randrange(len(made) + 1)
    made[at : at + len(piece)] = piece


def _blank(rng, made, other):
    start, end = _piece(rng, made)
    made[start:end] = bytes([rng.choice((0, 255))]) * (end - start)


def _truncate(rng, made, other):
    del made[rng.randrange(len(made) + 1) :]


def _splice(rng, made, other):
    start, end = _piece(rng, other)
    at = rng.randrange(len(made) + 1)
    made[at : at + (end - start if rng.random() < 0.5 else 0)] = other[start:end]


def _join(rng, made, other):
    made[rng.randrange(len(made) + 1) :] = other[rng.randrange(len(other) + 1) :]


CHANGES = (_flip, _flip, _set, _set, _integer, _integer, _insert, _replace, _delete, _repeat, _move, _blank, _truncate,
           _splice, _join)  # fmt: skip


def sometimes_bytes(mutator: Mutator) -> Mutator:
    """A mutator that changes bytes in a quarter of the cases, and after the format's own change in another tenth."""

    def mutate(rng, data, other):
        if rng.random() < 0.25:
            return change_bytes(rng, data, other)
        try:
            made = mutator(rng, data, other)
        except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError, RecursionError, csv.Error):
            made = b""  # mutated inputs are mutated further: what stands in them need not make sense
        if not made or len(made) > LARGEST:
            return change_bytes(rng, data, other)
        return change_bytes(rng, made, other) if rng.random() < 0.1 else made

    return mutate


def change_tree(rng: Random, document, other=None):
    """A copy of nested dicts and lists in which values have other types, are missing, odd, or there twice."""
    document = _copy(document)
    for _ in range(_few(rng)):
        places = _places(document)
        if not places:
            return _odd(rng, document)
        if _is_large(document):
            raise ValueError("it would grow without end")
        container, key = rng.choice(places)
        change = rng.random()
        if change < 0.55:
            container[key] = _odd(rng, container[key])
        elif change < 0.7:
            del container[key]
        elif change < 0.8 and isinstance(container, list):
            container.insert(key, _copy(rng.choice(container)))
        elif change < 0.9 and isinstance(container, dict):
            container[rng.choice((*KEYS, *TEXTS[:12], key + "x"))] = container.pop(key)
        elif (theirs := _places(other)) and rng.random() < 0.7:
            source, place = rng.choice(theirs)
            container[key] = _copy(source[place])
        else:
            container[key] = _copy(document)
    if _is_large(document):
        raise ValueError("it is too large")
    return document


def _copy(value, depth=0):
    if isinstance(value, dict):
        return {key: _copy(one, depth + 1) for key, one in value.items()}
    return [_copy(one, depth + 1) for one in value] if isinstance(value, (list, tuple)) else value


def _is_large(document):
    """Whether a document has more than MOST_VALUES values, each as often as it stands there."""
    left, count = [document], 0
    while left and count < MOST_VALUES:
        one = left.pop()
        count += 1
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return bool(left)


def _places(document):
    """[(container, key)] of everything in a document; of long lists the ends and some between."""
    places, left = [], [document]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            keys = [key for key in one if isinstance(key, str)]
        elif isinstance(one, list):
            keys = list(range(len(one))) if len(one) <= 8 else [0, 1, len(one) // 2, len(one) - 1]
        else:
            continue
        places += [(one, key) for key in keys]
        left += [one[key] for key in keys]
    return places


def _odd(rng, value):
    """Another value in the place of one."""
    kind = rng.randrange(11)
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind < 5:
        return rng.choice(TEXTS)
    if kind == 5:
        return rng.choice((None, True, False))
    if kind == 6:
        return rng.choice(([], {}, [[]], {"x": 1}, [None] * 21, [[1, 2, 3]] * 21, [0] * 63, [1e9] * 63, [[0, 0]] * 21))
    if kind == 7:
        return rng.choice(([value], {"x": value}, [value, value], [value] * 100))
    if kind == 8:
        return rng.choice((DIGITS, NESTED))
    if kind == 9 and isinstance(value, (int, float)):
        return rng.choice((-value, value + 0.5, value * 1000, str(value), bool(value), -value - 1))
    if kind == 10 and isinstance(value, str):
        return rng.choice((value * 2, value[:-1], value.upper(), f" {value}", f"../{value}", [value], value + "\x00"))
    return rng.choice(NUMBERS)


@sometimes_bytes
def change_json(rng: Random, data: bytes, other: bytes) -> bytes:
    """JSON with other values in it, at times very deep, with integers of many digits, a key twice, in UTF-16."""
    try:
        document, theirs = json.loads(data), json.loads(other)
    except (ValueError, RecursionError):
        return change_bytes(rng, data, other)
    text = json.dumps(change_tree(rng, document, theirs), ensure_ascii=rng.random() < 0.9)
    text = text.replace(f'"{DIGITS}"', rng.choice("19") * rng.choice((20, 400, 5000)))
    if f'"{NESTED}"' in text:
        depth, brackets = rng.choice((30, 70, 1200, 20_000)), rng.choice(("[]", '{"a":}'))
        text = text.replace(f'"{NESTED}"', brackets[:-1] * depth + "0" + brackets[-1] * depth, 1)
    if rng.random() < 0.03:
        text = text.replace("{", '{"id": 1, "id": null, ', 1)
    encoding = rng.choices(("utf-8", "utf-16", "utf-32-le", "latin-1", "utf-8-sig"), (95, 2, 1, 1, 1))[0]
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


@sometimes_bytes
def change_csv(rng: Random, data: bytes, other: bytes) -> bytes:
    """CSV with other cells, rows and columns more or fewer, other separators."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"))))
    rows = [row for row in rows if row]
    if not rows:
        return change_bytes(rng, data, other)
    for _ in range(_few(rng)):
        row = rng.choice(rows)
        if not row:
            continue
        cell, change = rng.randrange(len(row)), rng.random()
        if change < 0.6:
            row[cell] = rng.choice((rng.choice(TEXTS), str(rng.choice(NUMBERS)), row[cell] + "0"))
        elif change < 0.7:
            del row[cell]
        elif change < 0.8:
            row.insert(cell, rng.choice(TEXTS))
        elif change < 0.9:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        elif len(rows) > 1:
            rows.remove(row)
        else:
            rng.shuffle(row)
    out = io.StringIO()
    separator = rng.choices(",;\t", (96, 2, 2))[0]
    writer = csv.writer(out, delimiter=separator, lineterminator=rng.choice(("\n", "\n", "\r\n", "\r")))
    writer.writerows(rows)
    encoding = rng.choices(("utf-8", "utf-8-sig", "utf-16", "latin-1"), (94, 2, 2, 2))[0]
    return out.getvalue().encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


@sometimes_bytes
def change_settings(rng: Random, data: bytes, other: bytes) -> bytes:
    """A text of parts that + and = divide, with other parts."""
    parts = [part.partition("=") for part in data.decode("utf-8", "replace").split("+")]
    values = [*TEXTS, *map(str, NUMBERS), "1/2", "1e5", "8", "64", "0.25", " 3"]
    for _ in range(_few(rng)):
        n = rng.randrange(len(parts))
        key, equals, value = parts[n]
        change = rng.random()
        if change < 0.5:
            parts[n] = (key, "=", rng.choice(values))
        elif change < 0.7:
            parts[n] = (rng.choice((*KEYS, key.upper(), key + " ", "")), equals, value)
        elif change < 0.85:
            parts.append(rng.choice(parts))
        elif len(parts) > 1:
            del parts[n]
    return "+".join("".join(part) for part in parts).encode("utf-8", "surrogatepass")


def _varint(value):
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _fields(data):
    """[[number, wire type, value]] of a message of protocol buffers. Raises ValueError if it is none."""
    fields, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise ValueError
            value |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return value

    while at < len(data):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value = varint()
        elif wire in (1, 5, 2):
            size = {1: 8, 5: 4}[wire] if wire != 2 else varint()
            if at + size > len(data):
                raise ValueError
            value = data[at : at + size]
            at += size
        else:
            raise ValueError
        if not number:
            raise ValueError
        fields.append([number, wire, value])
    return fields


def _message(fields):
    made = bytearray()
    for number, wire, value in fields:
        made += _varint(number << 3 | wire)
        made += _varint(value) if wire == 0 else (_varint(len(value)) if wire == 2 else b"") + value
    return bytes(made)


@sometimes_bytes
def change_protobuf(rng: Random, data: bytes, other: bytes) -> bytes:
    """A message with fields of it, or of messages in it, changed, missing, repeated, or of other types."""
    return _changed_message(rng, data, other, 0)


def _changed_message(rng, data, other, depth):
    try:
        fields = _fields(data)
    except ValueError:
        return change_bytes(rng, data, other or b"x")
    if not fields:
        return change_bytes(rng, data, other or b"x")
    for _ in range(1 if depth else _few(rng)):
        n = rng.randrange(len(fields))
        number, wire, value = fields[n]
        change = rng.random()
        if wire == 2 and change < 0.65 and depth < 6:
            fields[n][2] = _changed_message(rng, value, other, depth + 1)
        elif change < 0.75:
            fields[n] = _odd_field(rng, number, wire, value)
        elif change < 0.85 and len(fields) > 1:
            del fields[n]
        elif change < 0.93:
            fields.insert(rng.randrange(len(fields) + 1), list(fields[n]))
        else:
            fields[n][0] = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, number + 1, (1 << 29) - 1))
        if not fields:
            break
    return _message(fields)


def _odd_field(rng, number, wire, value):
    if wire == 0:
        return [number, 0, rng.choice(INTEGERS) % (1 << 64)]
    if wire in (1, 5):
        size = 8 if wire == 1 else 4
        odd = rng.choice((bytes(size), b"\xff" * size, struct.pack("<d" if wire == 1 else "<f", float("inf"))))
        return [number, wire, odd]
    kind = rng.randrange(4)
    if kind == 0:
        return [number, 2, value[: rng.randrange(len(value) + 1)]]
    if kind == 1:
        return [number, 2, value + value]
    if kind == 2:
        return [number, 0, rng.choice(INTEGERS) % (1 << 64)]
    return [number, 2, b"".join(_varint(rng.choice(INTEGERS) % (1 << 64)) for _ in range(rng.randrange(40)))]


@sometimes_bytes
def change_png(rng: Random, data: bytes, other: bytes) -> bytes:
    """A PNG with parts changed, missing or repeated, mostly with the right checksums."""
    parts, theirs = _png_parts(data), _png_parts(other)
    if not parts:
        return change_bytes(rng, data, other)
    for _ in range(_few(rng)):
        n = rng.randrange(len(parts))
        kind, value = parts[n]
        change = rng.random()
        if kind == b"IDAT" and change < 0.3:
            try:
                value = zlib.compress(change_bytes(rng, zlib.decompress(value), b"x"))
            except zlib.error:
                value = change_bytes(rng, value, b"x")
            parts[n] = (kind, value)
        elif change < 0.6:
            parts[n] = (kind, change_bytes(rng, value, b"x"))
        elif change < 0.7:
            parts[n] = (rng.choice((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"tEXt", b"acTL")), value)
        elif change < 0.8 and len(parts) > 1:
            del parts[n]
        elif change < 0.9 or not theirs:
            parts.insert(rng.randrange(len(parts) + 1), parts[n])
        else:
            parts.insert(rng.randrange(len(parts) + 1), rng.choice(theirs))
    made = bytearray(data[:8])
    for kind, value in parts:
        checksum = zlib.crc32(kind + value) if rng.random() < 0.98 else 0
        made += struct.pack(">I", len(value)) + kind + value + struct.pack(">I", checksum)
    return bytes(made)


def _png_parts(data):
    parts, at = [], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        parts.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


@sometimes_bytes
def change_jpeg(rng: Random, data: bytes, other: bytes) -> bytes:
    """A JPEG with segments changed, missing or repeated, of right lengths mostly, or with damage in its scan."""
    segments, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segments.append((data[at + 1], data[at + 4 : end]))
        at = end
    scan = data[at:]
    if not segments or rng.random() < 0.3:
        return data[:at] + change_bytes(rng, scan, other)
    for _ in range(_few(rng)):
        n = rng.randrange(len(segments))
        marker, value = segments[n]
        change = rng.random()
        if change < 0.6:
            segments[n] = (marker, change_bytes(rng, value, b"x")[:60_000])
        elif change < 0.7:
            segments[n] = (rng.randrange(0xC0, 0x100), value)
        elif change < 0.8 and len(segments) > 1:
            del segments[n]
        else:
            segments.insert(rng.randrange(len(segments) + 1), segments[n])
    parts = (bytes([0xFF, marker]) + (len(value) + 2).to_bytes(2, "big") + value for marker, value in segments)
    return data[:2] + b"".join(parts) + scan


@sometimes_bytes
def change_pages(rng: Random, data: bytes, other: bytes) -> bytes:
    """A file of pages of 4096 bytes, such as LMDB's and SQLite's, with changes where pages begin, or of pages."""
    made, count = bytearray(data), max(1, len(data) // 4096)
    for _ in range(_few(rng)):
        page, change = rng.randrange(count) * 4096, rng.random()
        if change < 0.75:
            head = bytearray(made[page : page + rng.choice((40, 160))])
            rng.choice((_flip, _set, _integer, _integer))(rng, head, other)
            made[page : page + len(head)] = head
        elif change < 0.85:
            source = rng.randrange(count) * 4096
            made[page : page + 4096] = made[source : source + 4096]
        elif change < 0.92:
            made[page : page + 4096] = bytes(4096)
        else:
            del made[page + rng.choice((0, 17)) :]
    return bytes(made)


def change_pickle(documents: list) -> Mutator:
    """A mutator of pickles: of ``documents`` with other values in them, of any protocol, and of their instructions."""

    @sometimes_bytes
    def mutate(rng, data, other):
        if rng.random() < 0.5:
            return _changed_instructions(rng, data, other)
        document = _with_arrays(rng, change_tree(rng, rng.choice(documents), rng.choice(documents)))
        try:
            return pickle.dumps(document, rng.randrange(pickle.HIGHEST_PROTOCOL + 1))
        except (pickle.PicklingError, UnicodeEncodeError):
            return change_bytes(rng, data, other)

    return mutate


def _with_arrays(rng, value):
    """A document with arrays, of one type or another, in the place of some of its lists."""
    if isinstance(value, dict):
        value = {key: _with_arrays(rng, one) for key, one in value.items()}
        if rng.random() < 0.01:
            return {rng.choice((*NUMBERS, None, b"k", (1, 2))): one for one in value.values()}
        return value
    if isinstance(value, list):
        if rng.random() < 0.5:
            kind = rng.choice(("f8", "f4", ">f8", "i8", "u1", "b1", "f2", "c16", "O", "U3", "M8[s]", "S4"))
            try:
                return np.array(value, kind)
            except (TypeError, ValueError, OverflowError, UnicodeError):
                return value
        return [_with_arrays(rng, one) for one in value]
    return np.float64(value) if isinstance(value, float) and rng.random() < 0.3 else value


def _changed_instructions(rng, data, other):
    parts = []
    for one in (data, other):
        starts = []
        try:
            starts.extend(at for _, _, at in pickletools.genops(one))
        except Exception:  # whatever genops says of bytes that are no pickle: those before are
            starts.append(len(one))
        parts.append([one[start:end] for start, end in zip(starts, [*starts[1:], len(one)])])
    ours, theirs = parts
    if len(ours) < 2 or not theirs:
        return change_bytes(rng, data, other)
    for _ in range(_few(rng)):
        n, change = rng.randrange(len(ours)), rng.random()
        if change < 0.3:
            ours[n] = change_bytes(rng, ours[n], b"x")
        elif change < 0.45 and len(ours) > 1:
            del ours[n]
        elif change < 0.6:
            ours.insert(n, rng.choice(ours))
        elif change < 0.75:
            ours.insert(n, rng.choice(theirs))
        else:
            m = rng.randrange(len(ours))
            ours[n], ours[m] = ours[m], ours[n]
    return b"".join(ours)


HDF5_TYPES = ("f2", "f4", ">f8", "i1", "u8", "b1", "c8", "S3", "V4", h5py.string_dtype(), h5py.vlen_dtype("i4"),
              h5py.ref_dtype, np.dtype([("a", "i4")]))  # fmt: skip


@sometimes_bytes
def change_hdf5(rng: Random, data: bytes, other: bytes) -> bytes:
    """An HDF5 file in which a dataset or attribute has another type, shape, storage or place, or is missing."""
    made = io.BytesIO(data)
    try:
        with h5py.File(made, "r+") as file:
            for _ in range(1 if rng.random() < 0.7 else 2):
                _change_hdf5_object(rng, file)
    except Exception:  # of the many that h5py has for damaged files, and for what a file cannot hold
        return change_bytes(rng, data, other)
    return made.getvalue()


def _change_hdf5_object(rng, file):
    names = []
    file.visit(names.append)
    if file.attrs and rng.random() < 0.2:
        name = rng.choice(list(file.attrs))
        odd = rng.choice((None, 5, 1.5, [1, 2], "", "\u202e", b"\xff\xfe", ["a", "b"], b"x", h5py.Empty("f")))
        del file.attrs[name]
        if odd is not None:
            file.attrs[name] = odd
        return
    if not names:
        return
    name, change = rng.choice(names), rng.random()
    values = np.array(file[name][()]) if isinstance(file[name], h5py.Dataset) else np.zeros(3)
    del file[name]
    if change < 0.3:
        file.create_dataset(name, values.shape, rng.choice(HDF5_TYPES))
    elif change < 0.6:
        shape = list(values.shape)
        size = rng.choice((0, 1, 2, 20, 22, 1000, 1 << 20, 1 << 34, 1 << 62))
        rng.choice((lambda: shape.append(size), lambda: shape and shape.pop(), lambda: shape.__setitem__(0, size),
                    lambda: shape.insert(0, size)))()  # fmt: skip
        chunks = rng.choice((None, True)) if shape else None
        file.create_dataset(name, shape, rng.choice(("f4", "f8", "u1", h5py.string_dtype())), chunks=chunks)
    elif change < 0.7:
        odd = values.astype(float) if values.dtype.kind in "fiub" else np.zeros(values.shape)
        odd.flat[: max(1, odd.size // 3)] = rng.choice([one for one in NUMBERS if isinstance(one, float)])
        file[name] = odd
    elif change < 0.78:
        rng.choice((lambda: file.create_group(name), lambda: file.__setitem__(name, h5py.Empty("f"))))()
    elif change < 0.86:
        links = (h5py.SoftLink("/nowhere"), h5py.SoftLink("/"), h5py.ExternalLink("/etc/passwd", "/x"), file["/"])
        file[name] = rng.choice(links)
    elif change < 0.92:
        layout = h5py.VirtualLayout((max(1, len(values.shape)),), "f4")
        layout[:] = h5py.VirtualSource("/tmp/none.h5", "x", shape=layout.shape)
        file.create_virtual_dataset(name, layout)
    elif change < 0.95:
        file.create_dataset(name, (5,), "f4", external=[("/etc/passwd", 0, 20)])
