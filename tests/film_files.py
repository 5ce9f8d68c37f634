"""Films byte by byte, as browsers and telephones write them: OpenCV's writer makes only films of a constant rate."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIZE = 64, 48  # width, height
UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # the matrix of a film that is not turned


def grey_jpegs(count, step=10):
    """JPEGs of plain frames, each ``step`` brighter than the one before."""
    return [cv2.imencode(".jpg", np.full((*SIZE[::-1], 3), step * n, np.uint8))[1].tobytes() for n in range(count)]


def greys(frames):
    """The mean brightness of each of some frames."""
    return [frame.image.mean() for frame in frames]


def write_matroska(path, jpegs, times, length=None):
    """A live recording: each frame with its own time in ms, no rate; ``length`` of the whole in ms, or none stated."""
    head = _element("1A45DFA3", _number("4286", 1), _number("42F7", 1), _number("42F2", 4), _number("42F3", 8),
                    _element("4282", b"webm"), _number("4287", 4), _number("4285", 2))  # fmt: skip
    duration = [_element("4489", struct.pack(">d", length))] if length is not None else []
    info = _element("1549A966", _number("2AD7B1", 1000000), _element("4D80", b"x"), _element("5741", b"x"), *duration)
    video = _element("E0", _number("B0", SIZE[0]), _number("BA", SIZE[1]))
    entry = _element("AE", _number("D7", 1), _number("73C5", 1), _number("83", 1), _element("86", b"V_MJPEG"), video)
    clusters = [
        _element("1F43B675", _number("E7", time), _element("A3", b"\x81\0\0\x80" + jpeg))
        for time, jpeg in zip(times, jpegs)
    ]
    unknown_size = b"\x01" + b"\xff" * 7
    body = b"".join([info, _element("1654AE6B", entry), *clusters])
    Path(path).write_bytes(head + bytes.fromhex("18538067") + unknown_size + body)


def write_mp4(path, jpegs, durations):
    """A telephone's film: frames that stand for any numbers of ms."""
    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    ends = len(head) + 8 + np.cumsum([0, *map(len, jpegs)])
    total, (width, height) = sum(durations), SIZE
    entry = _box(b"jpeg", bytes(6), _words(1, bits=16), bytes(16), _words(width, height, bits=16),
                 _words(0x480000, 0x480000, 0), _words(1, bits=16), bytes(32), struct.pack(">Hh", 24, -1))  # fmt: skip
    table = _box(
        b"stbl", _table(b"stsd", _words(1), entry),
        _table(b"stts", _words(len(durations)), *(_words(1, duration) for duration in durations)),
        _table(b"stsc", _words(1, 1, 1, 1)),
        _table(b"stsz", _words(0, len(jpegs), *map(len, jpegs))),
        _table(b"stco", _words(len(jpegs), *ends[:-1].tolist())),
    )  # fmt: skip
    here = _box(b"dinf", _table(b"dref", _words(1), _box(b"url ", _words(1))))
    media = _box(b"minf", _box(b"vmhd", _words(1), bytes(8)), here, table)
    kind = _table(b"hdlr", bytes(4), b"vide", bytes(12), b"v\0")
    mdia = _box(b"mdia", _table(b"mdhd", _words(0, 0, 1000, total), struct.pack(">HH", 0x55C4, 0)), kind, media)
    tkhd = _box(b"tkhd", _words(7, 0, 0, 1, 0, total), bytes(16), UNITY, _words(width << 16, height << 16))
    mvhd = _table(b"mvhd", _words(0, 0, 1000, total, 0x10000), _words(0x100, bits=16), bytes(10), UNITY, bytes(24),
                  _words(2))  # fmt: skip
    Path(path).write_bytes(head + _box(b"mdat", *jpegs) + _box(b"moov", mvhd, _box(b"trak", tkhd, mdia)))


def _element(code, *parts):
    data = b"".join(parts)
    return bytes.fromhex(code) + struct.pack(">Q", (1 << 56) | len(data)) + data


def _number(code, value):
    return _element(code, value.to_bytes(8, "big"))


def _box(kind, *parts):
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def _table(kind, *parts):
    return _box(kind, bytes(4), *parts)


def _words(*values, bits=32):
    return struct.pack(f">{len(values)}{'I' if bits == 32 else 'H'}", *values)
