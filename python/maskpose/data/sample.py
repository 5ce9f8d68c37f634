"""A sample as Python holds it, and as the LMDB holds it (``record.proto``)."""

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskpose import boxes
from maskpose.codecs.masks import pack_mask
from maskpose.data import record_pb2
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.pixel_limit import check_pixels
from maskpose.io.text import is_text
from maskpose.model import messages
from maskpose.model.variants import KEYPOINTS

FARTHEST = 1e9  # pixels from the image's corner that a keypoint may lie
JPEG_QUALITY = 95  # of pictures that have to be encoded anew


@dataclass
class Sample:
    """One photograph with one hand, or with none.

    ``image`` is the encoded file, untouched. ``mask`` and ``unknown`` come from ``pack_mask``. A photograph without a
    hand has no visible keypoint and a mask without a hand pixel.
    """

    name: str
    image: bytes
    width: int  # pixels, of the upright image
    height: int
    keypoints: np.ndarray  # (21, 2) float32, pixels
    visible: np.ndarray  # (21,) bool
    mask: bytes = b""  # of (height, width); empty: no mask is known
    origin: str = ""
    side: str = ""  # "left" or "right"; "": not known
    group: str = ""  # of one person, film or original, which belong together when a set is split; "": not known
    unknown: bytes = b""  # of (height, width): pixels that may be hand or not; empty: there are none

    @property
    def without_hand(self) -> bool:
        """Whether the image is known to show no hand. Raises InputError where the mask is broken."""
        return not self.visible.any() and bool(self.mask) and not self.decode_mask().any()

    def decode_image(self):
        """(height, width, 3) uint8 BGR; InputError where the file is broken, or of another size."""
        image = images.decode_color(self.image, self.name)
        height, width = image.shape[:2]
        if (width, height) != (self.width, self.height):
            raise InputError(f"{self.name} is {width}x{height}, its record says {self.width}x{self.height}")
        return image

    def decode_reduced(self, reduction):
        """The image as maskpose.io.images.decode_reduced gives it; InputError where the file is broken."""
        return images.decode_reduced(self.image, self.name, reduction)

    def decode_mask(self):
        """(height, width) uint8, 255 on the hand and 0 elsewhere, or None; InputError where it is broken."""
        return self._unpack(self.mask, "mask")

    def decode_unknown(self):
        """(height, width) uint8, 255 where nobody knows whether the pixel is hand, or None where all are known.

        Raises InputError where it is broken.
        """
        return self._unpack(self.unknown, "mask of unknown pixels")

    def _unpack(self, packed, what):
        """(height, width) uint8 0/255 of what ``pack_mask`` gave, or None of nothing; ``what`` names it in errors."""
        if not packed:
            return None
        pixels = self.height * self.width
        check_pixels(self.width, self.height, f"the {what} of {self.name}")
        length, reader = -(-pixels // 8), zlib.decompressobj()
        try:
            bits = np.frombuffer(reader.decompress(packed, length + 1), np.uint8)
        except zlib.error as error:
            raise InputError(f"the {what} of {self.name} is damaged: {error}") from None
        if len(bits) <= length and not reader.eof:
            raise InputError(f"the {what} of {self.name} is damaged: its end is missing")
        if len(bits) != length:
            raise InputError(f"the {what} of {self.name} is not of its image's size, {self.width}x{self.height}")
        return np.unpackbits(bits, count=pixels).reshape(self.height, self.width) * np.uint8(255)

    def serialize(self):
        """The record's bytes. Raises InputError for a name, or other text, that is not UTF-8."""
        for text in (self.name, self.origin, self.side, self.group):
            if not is_text(text):
                raise InputError(f"{text!r} is not text in UTF-8: no record can be made of it")
        return record_pb2.Record(
            name=self.name,
            source=self.origin,
            image=self.image,
            mask=self.mask,
            unknown=self.unknown,
            width=self.width,
            height=self.height,
            keypoints=np.asarray(self.keypoints, np.float32).ravel().tolist(),
            visible=np.asarray(self.visible, bool).tolist(),
            side=self.side,
            group=self.group,
        ).SerializeToString(deterministic=True)

    @classmethod
    def parse(cls, data, where):
        """The sample in a record's bytes; InputError names ``where`` if they are not a whole record."""
        record = messages.parse(record_pb2.Record(), data, f"{where} is not a maskpose record")
        if len(record.keypoints) != 2 * KEYPOINTS or len(record.visible) != KEYPOINTS:
            raise InputError(f"{where} is not a whole maskpose record: expected {KEYPOINTS} keypoints")
        keypoints = np.array(record.keypoints, np.float32).reshape(KEYPOINTS, 2)
        visible = np.array(record.visible, bool)
        if not (np.abs(keypoints[visible]) < FARTHEST).all():
            raise InputError(f"{where} is damaged: a visible keypoint is not finite, or too far away")
        return cls(
            name=record.name,
            origin=record.source,
            image=record.image,
            mask=record.mask,
            unknown=record.unknown,
            width=record.width,
            height=record.height,
            keypoints=keypoints,
            visible=visible,
            side=record.side,
            group=record.group,
        )

    def cropped(self, factor):
        """The sample of a square about the hand, ``factor`` times the larger side of its visible keypoints' box.

        Where it reaches beyond the picture it ends there. The picture is encoded anew, as a JPEG of quality 95. Raises
        InputError where fewer than two keypoints are visible, or the picture is broken.
        """
        if self.visible.sum() < 2:
            raise InputError(f"{self.name} has fewer than two visible keypoints: nothing to crop about")
        x, y, w, h = boxes.around(self.keypoints[self.visible], self.width, self.height, factor)
        picture = self.decode_image()[y : y + h, x : x + w]
        if picture.shape[:2] != (h, w) or not picture.size:
            raise InputError(f"{self.name} is too small to be cropped")
        return self.with_image(picture, self.keypoints - (x, y), lambda pixels: pixels[y : y + h, x : x + w])

    def with_image(self, image, keypoints, moved):
        """The sample with another image, (h, w, 3) uint8 BGR, encoded as a JPEG of quality 95.

        keypoints: (21, 2), in its pixels; moved: makes (h, w) uint8 of the mask, and of the unknown pixels, 0 and 255.
        """
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        mask, unknown = (
            b"" if pixels is None else pack_mask(moved(pixels) > 0)
            for pixels in (self.decode_mask(), self.decode_unknown())
        )
        height, width = image.shape[:2]
        keypoints = keypoints.astype(np.float32)
        return replace(self, image=data, width=width, height=height, keypoints=keypoints, mask=mask, unknown=unknown)
