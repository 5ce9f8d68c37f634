"""What an image lost is noticed by every reader, and what would take too much memory is refused undecoded."""

import io
import logging
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from maskpose.codecs.masks import pack_mask
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.image_kinds import kind_of
from maskpose.io.pixel_limit import DEFAULT, VARIABLE

READERS = {
    "color": images.decode_color,
    "gray": images.decode_gray,
    "size": images.image_size,
    "reduced": lambda data, name: images.decode_reduced(data, name, 8),
}
KINDS = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF"]


@pytest.fixture(scope="module")
def photograph():
    """A picture of Pillow's with as much detail as photographs have: (120, 160) pixels."""
    coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))


def encode(picture, kind="JPEG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lost_data_within_is_refused(photograph, read, options, mode):
    data = encode(photograph.convert(mode), quality=92, **options)
    scan = data.index(b"\xff\xda")
    third = (len(data) - scan) // 3
    for damaged in (
        data[: scan + third] + data[scan + 2 * third :],  # a hole
        data[: scan + third] + b"\xff\xd9",  # an end too early
        data[: scan + third] + bytes(third) + data[scan + 2 * third :],  # zeros
        data[:-2] + data[-200:],  # a piece that is there twice
    ):
        with pytest.raises(InputError, match="a is damaged"):
            read(damaged, "a")


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_oddities_outside_the_pixels_are_no_damage(photograph, read):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_profile = encode(photograph, icc_profile=profile)
    plain = encode(photograph)
    table = plain.index(b"\xff\xdb")
    for odd in (
        with_profile.replace(b"ICC_PROFILE\0\x01\x01", b"ICC_PROFILE\0\x05\x01"),
        plain.replace(b"JFIF\0\x01\x01", b"JFIF\0\x07\x01"),
        plain[:table] + b"\0\0\0" + plain[table:],
        plain + b"\xff\xd8\xff more of a camera's",
    ):
        assert odd != plain
        found, expected = read(odd, "a"), read(plain, "a")
        if isinstance(found, images.ReducedImage):
            found, expected = found.image, expected.image
        assert np.abs(np.subtract(found, expected, dtype=int)).mean() < 2


def test_damage_behind_an_oddity_is_noticed(photograph):
    """libjpeg reports its first warning alone."""
    data = encode(photograph).replace(b"JFIF\0\x01\x01", b"JFIF\0\x01\x01", 1)
    table, middle = data.index(b"\xff\xdb"), len(data) * 2 // 3
    data = data[:table] + b"\0\0\0" + data[table:middle] + b"\xff\xd9"
    with pytest.raises(InputError, match="is damaged"):
        images.decode_color(data, "a")


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT", b"tRNS", b"eXIf", b"IEND"])
def test_a_png_with_a_wrong_checksum_is_refused(photograph, read, chunk):
    exif = Image.Exif()
    exif[0x0112] = 1
    data = bytearray(encode(photograph, "PNG", exif=exif.tobytes(), transparency=(1, 2, 3)))
    start = data.index(chunk)
    end = start + 4 + int.from_bytes(data[start - 4 : start], "big")
    data[end + 1] ^= 1
    with pytest.raises(InputError, match=f"a is damaged: the checksum of its part {chunk.decode()}"):
        read(bytes(data), "a")


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_png_that_lost_a_whole_chunk_is_refused(photograph, lost):
    """The checksums of the others are right."""
    data = encode(photograph, "PNG")
    start = data.index(b"IDAT") + 4
    pixels = data[start : start + int.from_bytes(data[start - 8 : start - 4], "big")]
    third = len(pixels) // 3
    parts = [pixels[:third], pixels[third : 2 * third], pixels[2 * third :]]
    rest = data[start + len(pixels) + 4 :]
    chunks = [struct.pack(">I", len(p)) + b"IDAT" + p + struct.pack(">I", zlib.crc32(b"IDAT" + p)) for p in parts]
    assert np.array_equal(
        images.decode_color(data[: start - 8] + b"".join(chunks) + rest, "a"), images.decode_color(data, "a")
    )
    del chunks[lost]
    with pytest.raises(InputError, match="a is damaged: a part of its image is lost"):
        images.image_size(data[: start - 8] + b"".join(chunks) + rest, "a")


def test_a_png_of_too_few_rows_is_refused(photograph):
    """Its checksums are right: whoever wrote it had no more."""
    data = encode(photograph, "PNG")
    head = data[12:16] + struct.pack(">II", 160, 150) + data[24:29]
    with pytest.raises(InputError, match="a is damaged: a part of its image is lost"):
        images.image_size(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:], "a")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_is_refused(photograph, kind):
    data = encode(photograph, kind)
    assert kind_of(data) == kind
    for end in sorted({*range(0, len(data) - 30, len(data) // 20 + 1), len(data) - 30, len(data) - 13}):
        for read in (images.decode_color, images.image_size):
            with pytest.raises(InputError, match=r"^a "):
                read(data[:end], "a")


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_images_of_too_many_pixels_are_refused(monkeypatch, photograph, kind, read):
    data = encode(photograph, kind)
    monkeypatch.setenv(VARIABLE, str(160 * 120))
    read(data, "a")
    monkeypatch.setenv(VARIABLE, str(160 * 120 - 1))
    with pytest.raises(InputError, match=rf"a is 160x120: more than 19,199 pixels are not decoded \({VARIABLE}"):
        read(data, "a")


def bomb(kind, side):
    """A small file that says it is ``side`` pixels wide and high."""
    data, size = bytearray(encode(Image.new("RGB", (16, 16)), kind)), struct.pack(">HH", side, side)
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = size
    elif kind == "PNG":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", side, side)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    elif kind == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8  # Pillow writes a LONG
            data[at : at + 4] = struct.pack("<I", side)
    elif kind == "PPM":
        return f"P6\n{side} {side}\n255\n".encode() + bytes(100)
    return bytes(data)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM"])
def test_a_header_of_a_billion_pixels_is_refused_by_default(monkeypatch, kind, read):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match=f"a is 32000x32000: more than {DEFAULT:,} pixels"):
        read(bomb(kind, 32000), "a")


@pytest.mark.parametrize("text", ["0", "-5", "many", "1e9"])
def test_a_limit_that_is_none_is_named(monkeypatch, photograph, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match=f"{VARIABLE}={text}: expected a number of pixels above 0"):
        images.decode_color(encode(photograph), "a")


def record(mask, width=160, height=120):
    return Sample("a", b"", width, height, np.zeros((21, 2), np.float32), np.zeros(21, bool), mask)


def test_the_mask_of_a_record_is_limited_too(monkeypatch):
    whole = pack_mask(np.ones((120, 160), bool))
    assert record(whole).decode_mask().all()
    with pytest.raises(InputError, match="the mask of a is not of its image's size"):
        record(zlib.compress(bytes(10**7))).decode_mask()
    with pytest.raises(InputError, match="the mask of a is damaged"):
        record(whole[:-3]).decode_mask()
    with pytest.raises(InputError, match="the mask of a is 60000x60000: more than"):
        record(whole, 60000, 60000).decode_mask()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_of_several_frames_is_read_and_logged(caplog, photograph, kind):
    mirrored = photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    data = encode(photograph, kind, save_all=True, append_images=[mirrored])
    for read in (images.decode_color, images.decode_gray, images.image_size):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = read(data, "films/a")
        assert caplog.messages == ["films/a has several frames or pages: the first is read"]
        if read is images.decode_color:
            assert np.abs(found[..., ::-1].astype(int) - np.asarray(photograph)).mean() < 16
    caplog.clear()
    images.decode_reduced(data, "films/a", 2)
    images.decode_color(encode(photograph, kind), "a")
    assert not caplog.messages


def test_a_heic_without_its_reader_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    with pytest.raises(InputError, match=r"a is a HEIC image: .* \(pip install pillow-heif\)"):
        images.decode_color(data, "a")
