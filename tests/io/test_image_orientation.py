"""Whatever states how an image is to be turned, it comes out upright, once, and a reduced one where its labels are."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from maskpose import geometry
from maskpose.io import images
from maskpose.io.orientation import stated_orientation

WIDTH, HEIGHT = 61, 43
STORED = {  # orientation: how an upright image is stored so that the orientation makes it upright again
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {}</rdf:Description></x:xmpmeta>'


@pytest.fixture
def upright():
    """A smooth picture of Pillow's whose corners all differ."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(np.dstack([4 * x, 5 * y, 250 - 2 * x - 2 * y]).astype(np.uint8))


def encode(picture, kind, **options):
    buffer = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 95, "subsampling": 0, **options}
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def stored(upright, orientation):
    how = STORED[orientation]
    return upright if how is None else upright.transpose(how)


def exif_bytes(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def expect_upright(data, upright, tolerance=8):
    found = images.decode_color(data, "a")
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(found[..., ::-1].astype(int) - np.asarray(upright)).mean() < tolerance
    assert images.decode_gray(data, "a").shape == (HEIGHT, WIDTH)
    assert images.image_size(data, "a") == (WIDTH, HEIGHT)
    reduced = images.decode_reduced(data, "a", 2)
    assert (reduced.width, reduced.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_by_exif(upright, kind, orientation):
    """An AVIF has its own turns (irot, imir): Pillow writes them for EXIF's."""
    expect_upright(encode(stored(upright, orientation), kind, exif=exif_bytes(orientation)), upright)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    "form", ['tiff:Orientation="{}">', "tiff:Orientation = '{}'>", "><tiff:Orientation>{}</tiff:Orientation>"]
)
@pytest.mark.parametrize("orientation", [2, 6, 7])
def test_images_are_turned_by_xmp(upright, kind, form, orientation):
    xmp, options = XMP.format(form.format(orientation)), {}
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp)
    elif kind == "TIFF":
        options["tiffinfo"] = {700: xmp.encode()}
    else:
        options["xmp"] = xmp.encode()
    expect_upright(encode(stored(upright, orientation), kind, **options), upright)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mark", ['"', "'"])
def test_exif_goes_before_xmp(upright, kind, mark):
    xmp = XMP.format(f"tiff:Orientation={mark}3{mark}>").encode()
    options = {"tiffinfo": {700: xmp, 274: 6}} if kind == "TIFF" else {"xmp": xmp, "exif": exif_bytes(6)}
    expect_upright(encode(stored(upright, 6), kind, **options), upright)
    assert stated_orientation({0x0112: 1}, xmp) == 1
    assert stated_orientation({0x0112: 0}, xmp) == 3  # no orientation at all


def test_exif_after_the_pixels_of_a_png(upright):
    data = encode(stored(upright, 6), "PNG", exif=exif_bytes(6))
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    last = data.index(b"IEND") - 4
    expect_upright(data[:start] + data[end:last] + data[start:end] + data[last:], upright, 0.1)


def exif_of(order, kind, count, value):
    """An EXIF block whose only entry is the orientation, as a value of a numbered type."""
    mark, start = {"little": ("<", b"II*\0"), "big": (">", b"MM\0*")}[order]
    head = start + struct.pack(mark + "IHHHI", 8, 1, 0x0112, kind, count)
    if len(value(mark)) <= 4:
        return b"Exif\0\0" + head + value(mark).ljust(4, b"\0") + bytes(4)
    return b"Exif\0\0" + head + struct.pack(mark + "II", 26, 0) + value(mark)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("name,kind,count,form,values", [
    ("SHORT", 3, 1, "H", [6]), ("LONG", 4, 1, "I", [6]), ("BYTE", 1, 1, "B", [6]), ("two BYTEs", 1, 2, "BB", [6, 0]),
    ("two SHORTs", 3, 2, "HH", [6, 1]), ("three SHORTs", 3, 3, "HHH", [6, 3, 1]), ("SBYTE", 6, 1, "b", [6]),
    ("SSHORT", 8, 1, "h", [6]), ("SLONG", 9, 1, "i", [6]), ("UNDEFINED", 7, 1, "B", [6]), ("ASCII", 2, 2, "2s", [b"6"]),
    ("RATIONAL", 5, 1, "II", [6, 1]), ("FLOAT", 11, 1, "f", [6.0]), ("DOUBLE", 12, 1, "d", [6.0]),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Metadata Warning")
def test_an_orientation_of_any_type_of_number(upright, order, name, kind, count, form, values):
    block = exif_of(order, kind, count, lambda mark: struct.pack(mark + form, *values))
    for image_kind in ("JPEG", "WEBP"):
        expect_upright(encode(stored(upright, 6), image_kind, exif=block), upright)


@pytest.mark.parametrize("kind,form,value", [(3, "H", 0), (3, "H", 9), (4, "I", 2**32 - 1), (9, "i", -6),
                                             (11, "f", 6.5), (11, "f", float("nan")), (5, "II", (6, 0))])  # fmt: skip
def test_what_is_no_orientation_turns_nothing(upright, kind, form, value):
    values = value if isinstance(value, tuple) else (value,)
    block = exif_of("big", kind, 1, lambda mark: struct.pack(mark + form, *values))
    for image_kind in ("JPEG", "PNG", "WEBP"):
        expect_upright(encode(upright, image_kind, exif=block), upright)


@pytest.mark.parametrize("block", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0no TIFF at all", b"Exif\0\0"
                                   b"MM\0*\0\0\0\x08\xff\xff"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File")
def test_damaged_exif_turns_nothing(upright, block):
    data = encode(upright, "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    expect_upright(data[:2] + segment + data[2:], upright)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(upright, orientation):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heif.register_heif_opener()
    data = encode(stored(upright, orientation), "HEIF", exif=exif_bytes(orientation), quality=90)
    expect_upright(data, upright)


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("width,height", [(96, 64), (99, 70), (103, 65)])
def test_reduced_pixels_are_where_their_map_says(orientation, reduction, width, height):
    """Of an image whose colours are its coordinates, each reduced pixel's colours say where it lies."""
    y, x = np.mgrid[:height, :width]
    upright = Image.fromarray(np.dstack([2 * x, 2 * y, x + y]).astype(np.uint8))
    data = encode(stored(upright, orientation), "JPEG", quality=100, exif=exif_bytes(orientation))
    reduced = images.decode_reduced(data, "a", reduction)
    h, w = reduced.image.shape[:2]
    assert (w, h) == (-(-width // reduction), -(-height // reduction))
    cells = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=2)
    places = geometry.apply(reduced.to_whole, cells)
    whole = ((places >= reduction / 2 - 0.5) & (places <= np.array([width, height]) - reduction / 2 - 0.5)).all(axis=2)
    assert whole.sum() >= (width // reduction) * (height // reduction)
    seen = reduced.image[..., 2:0:-1] / 2  # x and y
    assert np.abs(seen - places)[whole].max() < 1.5
    assert np.abs((seen - places)[whole].mean(axis=0)).max() < 0.25
