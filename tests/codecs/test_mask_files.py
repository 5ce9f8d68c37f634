"""Mask files of every kind: which pixels are hand, or which label each has."""

import io

import numpy as np
import pytest
from PIL import Image

from maskpose.codecs.mask_files import decode_labels, decode_mask
from maskpose.errors import InputError

HAND = np.zeros((30, 40), bool)
HAND[5:20, 10:30] = True
COLOURS = [0, 0, 0, 128, 0, 0, 224, 224, 192]  # of a palette


def encoded(pixels, format="PNG", **options):
    """The file of (h, w[, c]) pixels, or of a Pillow image."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    with io.BytesIO() as file:
        picture.save(file, format, **options)
        return file.getvalue()


def palette(indices, colours):
    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette(colours)
    return picture


def layers(grey, alpha):
    return np.dstack([grey, alpha]).astype(np.uint8)


WHITE, BLACK = np.full(HAND.shape, 255), np.zeros(HAND.shape)
SHADES = np.where(HAND, 255, np.arange(40) * 3)  # bright on the hand, dark shades beside it
KINDS = {
    "8 bits": np.uint8(HAND * 255),
    "8 bits, soft": np.uint8(np.where(HAND, 140, 120)),
    "a label map of 0 and 1": np.uint8(HAND),
    "16 bits": np.uint16(HAND * 65535),
    "16 bits that hold 8": np.uint16(HAND * 255),
    "16 bits that hold labels": np.uint16(HAND),
    "1 bit": Image.fromarray(HAND),
    "RGB": np.repeat(np.uint8(HAND * 255)[..., None], 3, axis=2),
    "red": np.uint8(HAND[..., None] * [200, 0, 0]),
    "a palette, hand dark red": palette(HAND, COLOURS),
    "a palette of grey, the other way round": palette(~HAND, [255, 255, 255, 0, 0, 0]),
    "hand is what is opaque, all white": layers(WHITE, HAND * 255),
    "hand is what is opaque, all black": layers(BLACK, HAND * 255),
    "hand is bright and opaque": layers(HAND * 255, HAND * 255),
    "hand is bright, all is opaque": layers(HAND * 255, WHITE),
    "black and white where it is opaque": layers(np.where(HAND, 255, BLACK), np.where(np.arange(40) > 3, 255, BLACK)),
    "shades under transparent pixels": layers(SHADES, HAND * 255),
}


@pytest.mark.parametrize("kind", KINDS)
def test_hand_is_the_same_in_masks_of_every_kind(kind):
    mask = decode_mask(encoded(KINDS[kind]), "a.png")
    assert mask.dtype == bool and np.array_equal(mask, HAND)


@pytest.mark.parametrize("format", ["JPEG", "BMP", "TIFF", "GIF", "WEBP"])
def test_hand_is_the_same_in_every_file_format(format):
    for pixels in (KINDS["8 bits"], KINDS["RGB"]):
        assert np.array_equal(decode_mask(encoded(pixels, format), "a"), HAND)


def test_transparency_without_an_alpha_channel_counts(tmp_path):
    assert np.array_equal(decode_mask(encoded(palette(HAND, [9, 9, 9, 255, 255, 255]), transparency=0), "a"), HAND)
    assert np.array_equal(decode_mask(encoded(np.uint8(HAND * 77), transparency=0), "a"), HAND)


def test_black_masks_hold_no_hand():
    for black in (np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint16), palette(np.zeros((3, 4)), COLOURS)):
        assert not decode_mask(encoded(black), "a").any()
    noise = np.random.default_rng(1).integers(0, 4, (64, 64), np.uint8)
    assert not decode_mask(encoded(noise, "JPEG"), "a").any()


NOISE = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (palette(HAND + 2 * (np.arange(40) < 5), COLOURS), "coloured"), (NOISE, "coloured"),
        (np.uint8(HAND) + 2 * np.uint8(np.arange(40) < 5), "no pixel brighter than half"),
        (np.full((3, 4), 100, np.uint8), "no pixel brighter"), (np.uint16(NOISE[..., 0]), "no pixel brighter"),
        (np.dstack([NOISE, np.uint8(HAND * 255)]), "partly transparent"), (layers(WHITE, BLACK), "transparent every"),
        (palette(HAND, [255, 0, 0, 0, 0, 255]), "coloured"),
    ],
)  # fmt: skip
def test_masks_that_may_mean_several_things_are_bad_input(pixels, message):
    with pytest.raises(InputError, match=rf"a\.png .*{message}"):
        decode_mask(encoded(pixels), "a.png")


def test_masks_that_cannot_be_decoded_are_bad_input():
    whole = encoded(KINDS["a palette, hand dark red"])
    coloured_jpeg = encoded(NOISE, "JPEG")
    floats = encoded(Image.fromarray(HAND.astype(np.float32)), "TIFF")
    for data in (b"", b"no image", whole[:60], whole[:-30], coloured_jpeg, floats):
        with pytest.raises(InputError, match=r"a\.png"):
            decode_mask(data, "a.png")


def test_a_mask_is_turned_as_its_image_is():
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn clockwise
    for pixels in (KINDS["8 bits"], KINDS["a palette, hand dark red"], KINDS["16 bits"]):
        assert np.array_equal(decode_mask(encoded(pixels, exif=turned), "a"), np.rot90(HAND, -1))


LABELS = np.arange(30)[:, None].repeat(40, axis=1)
ANY_COLOURS = [value * 37 % 256 for value in range(768)]
PACKED = [29 - value // 3 for value in range(90)]  # of a packed grey image: index i is the level 29 - i


@pytest.mark.parametrize(
    "pixels",
    [
        np.uint8(LABELS), np.uint16(LABELS), palette(LABELS, ANY_COLOURS), palette(29 - LABELS, PACKED),
        np.repeat(np.uint8(LABELS)[..., None], 3, axis=2), layers(LABELS, WHITE),
    ],
)  # fmt: skip
def test_labels_are_as_stored_in_maps_of_every_kind(pixels):
    assert np.array_equal(decode_labels(encoded(pixels), "a.png"), LABELS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_labels_of_few_bits_are_not_stretched(bits):
    few = LABELS % 2**bits
    data = encoded(np.uint8(few), bits=bits)
    assert data[24] == bits and np.array_equal(decode_labels(data, "a.png"), few)


def test_labels_that_cannot_be_told_are_bad_input():
    for data in (
        encoded(NOISE), encoded(np.uint8(LABELS), "JPEG"), encoded(layers(LABELS, HAND * 255)), b"", b"no image",
        encoded(Image.fromarray(LABELS.astype(np.float32)), "TIFF"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"a\.png"):
            decode_labels(data, "a.png")
