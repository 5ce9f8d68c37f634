"""Photographs are decoded as Pillow decodes them, cut files are refused, and writing is all or nothing."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import exif_rotated
from maskpose.errors import InputError
from maskpose.io import images, jpeg

OPENCV_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
                  8: cv2.IMREAD_REDUCED_COLOR_8}  # fmt: skip


@pytest.fixture
def photograph():
    """(90, 120, 3) uint8 RGB, smooth, so that JPEG keeps it within a few levels."""
    y, x = np.mgrid[:90, :120]
    return np.dstack([2 * x, 2 * y, 255 - x - y]).astype(np.uint8)


def encode(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    return exif.tobytes()


def jpeg_with_thumbnail(photograph):
    """A JPEG whose EXIF segment ends with a whole small JPEG, and the offset just after that one."""
    thumbnail = encode(Image.fromarray(photograph[:16, :16]), "JPEG")
    payload = b"Exif\0\0" + oriented(1)[6:] + thumbnail
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    whole = encode(Image.fromarray(photograph), "JPEG", quality=95)
    return whole[:2] + segment + whole[2:], 2 + len(segment)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM"])
def test_ordinary_pictures(photograph, kind):
    data = encode(Image.fromarray(photograph), kind)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]
    decoded = images.decode_color(data, "a")
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - expected).max() <= 3
    assert decoded.shape == (90, 120, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_unusual_modes(photograph, mode):
    picture = Image.fromarray(photograph).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(photograph[..., 0]))
    expected = np.asarray(picture.convert("RGB")).astype(int)
    data = encode(picture, "PNG")
    assert np.array_equal(images.decode_color(data, "a"), expected[..., ::-1])
    gray = images.decode_gray(data, "a")
    assert gray.shape == (90, 120) and gray.dtype == np.uint8
    assert np.abs(gray - expected @ [0.299, 0.587, 0.114]).max() <= 1.5


def test_sixteen_bits_are_scaled(photograph):
    encoded = cv2.imencode(".png", photograph.astype(np.uint16) * 257)[1].tobytes()
    assert np.array_equal(images.decode_color(encoded, "a"), photograph)
    gray = encode(Image.fromarray(photograph[..., 0].astype(np.uint16) * 257), "PNG")
    assert np.array_equal(images.decode_gray(gray, "a"), photograph[..., 0])


@pytest.mark.parametrize("kind,message", [(np.float32, "floating-point numbers"), (np.int32, "numbers of 32 bits")])
@pytest.mark.parametrize("read", [images.decode_color, images.decode_gray])
def test_numbers_without_a_white_are_refused(photograph, read, kind, message):
    """A picture of values from 0 to 1 would come out black."""
    grey, colour = photograph[..., 0].astype(kind), photograph.astype(kind)
    with pytest.raises(InputError, match=f"a holds {message}: expected 8 or 16 bits"):
        read(encode(Image.fromarray(grey), "TIFF"), "a")
    with pytest.raises(InputError, match="or has channels of more than 16 bits"):
        read(cv2.imencode(".tif", colour)[1].tobytes(), "a")


def test_cmyk_jpeg(photograph):
    data = encode(Image.fromarray(photograph).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(images.decode_color(data, "a").astype(int) - photograph[..., ::-1]).mean() < 4


def test_first_frame_of_a_gif(photograph):
    first, second = Image.fromarray(photograph).quantize(), Image.fromarray(photograph[::-1]).quantize()
    data = encode(first, "GIF", save_all=True, append_images=[second])
    expected = np.asarray(first.convert("RGB")).astype(int)[..., ::-1]
    assert np.abs(images.decode_color(data, "a") - expected).max() <= 2


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}])
def test_jpegs_are_what_opencv_makes_of_them(photograph, options, reduction):
    for picture in (Image.fromarray(photograph), Image.fromarray(photograph).convert("L")):
        data = encode(picture, "JPEG", exif=oriented(1), **options)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), OPENCV_REDUCED[reduction])
        assert np.abs(images.decode_reduced(data, "a", reduction).image.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_exif_orientation(photograph, kind, tag):
    data = encode(Image.fromarray(photograph), kind, exif=oriented(tag))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))[..., ::-1]
    decoded = images.decode_color(data, "a")
    assert decoded.shape == upright.shape
    assert np.abs(decoded.astype(int) - upright).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("kept", [0.6, 0.95])
def test_cut_files_are_refused(photograph, kind, kept):
    data = encode(Image.fromarray(photograph), kind)
    with pytest.raises(InputError, match=r"hands/7\.x .*is truncated"):
        images.decode_color(data[: int(len(data) * kept)], "hands/7.x")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_every_cut_of_a_jpeg_with_a_thumbnail_is_refused(photograph, options):
    data, header = jpeg_with_thumbnail(photograph)
    assert images.decode_color(data, "a").shape == photograph.shape
    assert data[:header].endswith(b"\xff\xd9")
    for end in [header, header + 4, *range(header + 50, len(data), 97), len(data) - 1]:
        assert not jpeg.is_whole(data[:end])
    plain = encode(Image.fromarray(photograph), "JPEG", **options)
    assert not any(jpeg.is_whole(plain[:end]) for end in range(len(plain)))
    assert jpeg.is_whole(plain)


@pytest.mark.parametrize("trailer", [b"\0" * 5000, b"camera notes", b"\xff\xd8\xff\xe0 second picture, cut"])
def test_bytes_after_the_end_do_not_matter(photograph, trailer):
    for kind in ("JPEG", "PNG"):
        data = encode(Image.fromarray(photograph), kind)
        decoded = images.decode_color(data + trailer, "a")
        assert np.array_equal(decoded, images.decode_color(data, "a"))


def test_a_cut_jpeg_padded_with_zeros_is_refused(photograph):
    data = encode(Image.fromarray(photograph), "JPEG")
    with pytest.raises(InputError, match="truncated"):
        images.decode_color(data[: len(data) // 2] + bytes(len(data) // 2), "a")


@pytest.mark.parametrize("read", [images.decode_color, images.decode_gray])
@pytest.mark.parametrize("data", [b"", b"a,b\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9"])
def test_what_is_no_image(read, data):
    with pytest.raises(InputError, match=r"notes\.jpg"):
        read(data, "notes.jpg")


def test_reading_files(tmp_path, photograph):
    path = tmp_path / "hand é.png"
    Image.fromarray(photograph).save(path)
    assert np.array_equal(images.read_color(path), photograph[..., ::-1])
    (tmp_path / "empty.jpg").touch()
    for name, reason in {"none.jpg": "No such file", "": "directory", "empty.jpg": "empty"}.items():
        with pytest.raises(InputError, match=reason) as error:
            images.read_color(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)


def test_writing(tmp_path, photograph):
    path = tmp_path / "out.png"
    images.write_image(path, photograph)
    assert np.array_equal(np.asarray(Image.open(path)), photograph[..., ::-1])
    images.write_image(str(path), photograph[..., 0])
    assert np.array_equal(np.asarray(Image.open(path)), photograph[..., 0])
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("name", ["out", "out.xyz", "file/out.png", "folder.png"])
def test_writing_where_it_cannot_be(tmp_path, photograph, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=name):
        images.write_image(tmp_path / name, photograph)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_a_reduced_photograph_is_the_photographs_block_averages(reduction):
    height, width = 90, 133  # of which no reduction is a divisor
    y, x = np.mgrid[:height, :width]
    image = np.stack([128 + 100 * np.sin(x / 9 + i) * np.cos(y / 11) for i in range(3)], axis=2).astype(np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111])[1]
    found = images.decode_reduced(data.tobytes(), "x.jpg", reduction).image
    assert found.shape == (-(-height // reduction), -(-width // reduction), 3)
    h, w = height // reduction, width // reduction
    blocks = image[: h * reduction, : w * reduction].reshape(h, reduction, w, reduction, 3).mean(axis=(1, 3))
    assert np.abs(found[:h, :w] - blocks).max() < 6


def test_a_reduced_photograph_is_upright_too(tmp_path):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, :16] = 255
    data = exif_rotated(cv2.imencode(".jpg", image)[1].tobytes())
    whole, half = (images.decode_reduced(data, "x.jpg", reduction).image for reduction in (1, 2))
    assert whole.shape == (64, 32, 3) and half.shape == (32, 16, 3)
    assert np.abs(half.astype(int) - whole[::2, ::2]).max() < 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_the_decoded_pictures(orientation):
    data = turned(cv2.imencode(".jpg", np.zeros((30, 50, 3), np.uint8))[1].tobytes(), orientation)
    height, width = images.decode_color(data, "a").shape[:2]
    assert images.image_size(data, "a") == (width, height) == ((30, 50) if orientation > 4 else (50, 30))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".jpg"])
def test_the_size_of_every_kind(suffix):
    data = cv2.imencode(suffix, np.zeros((7, 9, 3), np.uint8))[1].tobytes()
    assert images.image_size(data, "a") == (9, 7)
    with pytest.raises(InputError, match=r"^a "):
        images.image_size(data[: len(data) // 2], "a")
    with pytest.raises(InputError):
        images.image_size(b"", "a")


def turned(jpeg, orientation):
    """The JPEG with an EXIF header of an orientation."""
    entries = (struct.pack(">HHIHH", 0x0112, 3, 1, number, 0) for number in (6, orientation))
    return exif_rotated(jpeg).replace(*entries)
