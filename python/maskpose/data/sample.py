"""A sample as Python holds it, and as the LMDB holds it (``record.proto``)."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.codecs.masks import pack_mask
from maskpose.data import record_pb2
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.pixel_limit import check_pixels
from maskpose.io.text import is_text
from maskpose.io.values import Where
from maskpose.model import messages
from maskpose.model.variants import NUM_KEYPOINTS

FARTHEST = 1e9  # pixels from the image's corner that a keypoint may lie
JPEG_QUALITY = 95  # of images that must be encoded anew
_Record: Any = vars(record_pb2)["Record"]  # protobuf makes the class when the module is imported


@dataclass
class Sample:
    """One image with one hand, or with none, and its labels.

    Keypoints are (x, y) in the pixels of the upright image, pixel centres at integers, in the order of
    ``maskpose.keypoints``. An image without a hand has no visible keypoint, and a mask without a hand's pixel.

    >>> from maskpose.codecs.masks import pack_mask
    >>> image = cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    >>> hand = np.zeros((4, 6), bool)
    >>> hand[1:3, 2:5] = True
    >>> sample = Sample("a.png", image, 6, 4, np.full((21, 2), 2, np.float32), np.ones(21, bool), pack_mask(hand))
    >>> sample.decode_mask()
    array([[  0,   0,   0,   0,   0,   0],
           [  0,   0, 255, 255, 255,   0],
           [  0,   0, 255, 255, 255,   0],
           [  0,   0,   0,   0,   0,   0]], dtype=uint8)
    >>> Sample.parse(sample.serialize(), "a.png").without_hand
    False
    """

    name: str  # of the file within its data set
    image: bytes  # the encoded file, unchanged
    width: int  # pixels, of the upright image
    height: int
    keypoints: npt.NDArray[np.float32]  # (21, 2), pixels
    visible: npt.NDArray[np.bool_]  # (21,)
    mask: bytes = b""  # ``pack_mask`` of (height, width): the hand; empty: no mask is known
    origin: str = ""  # the data set, or where in it the image comes from
    side: str = ""  # "left" or "right"; "": not known
    group: str = ""  # samples of one person, film or original stay together when a set is split; "": not known
    unknown: bytes = b""  # ``pack_mask`` of (height, width): pixels that may be hand or not; empty: there are none

    @property
    def without_hand(self) -> bool:
        """Whether the image is known to show no hand. Raises InputError if the mask is damaged."""
        if self.visible.any() or (mask := self.decode_mask()) is None:
            return False
        return not mask.any()

    def decode_image(self) -> npt.NDArray[np.uint8]:
        """Decode the image to (height, width, 3) uint8 BGR. Raises InputError if it is damaged or of another size."""
        image = images.decode_color(self.image, self.name)
        height, width = image.shape[:2]
        if (width, height) != (self.width, self.height):
            raise InputError(f"{self.name} is {width}x{height}, its sample says {self.width}x{self.height}")
        return image

    def decode_reduced(self, reduction: int) -> images.ReducedImage:
        """Decode the image as maskpose.io.images.decode_reduced does. Raises InputError if it is damaged."""
        return images.decode_reduced(self.image, self.name, reduction)

    def decode_mask(self) -> npt.NDArray[np.uint8] | None:
        """Return the mask (height, width), 255 on the hand and 0 elsewhere, or None. Raises InputError for damage."""
        return self._unpack(self.mask, "mask")

    def decode_unknown(self) -> npt.NDArray[np.uint8] | None:
        """Return (height, width), 255 on pixels that may be hand or not, or None if all are known.

        Raises:
            InputError: the bytes are damaged.
        """
        return self._unpack(self.unknown, "mask of unknown pixels")

    def _unpack(self, packed: bytes, what: str) -> npt.NDArray[np.uint8] | None:
        """Return (height, width) of 0 and 255 from what ``pack_mask`` gave, or None from nothing.

        Args:
            packed: the bytes.
            what: they are, for messages.
        """
        if not packed:
            return None
        pixels = self.height * self.width
        check_pixels(self.width, self.height, f"the {what} of {self.name}")
        length, decompressor = -(-pixels // 8), zlib.decompressobj()
        try:
            bits = np.frombuffer(decompressor.decompress(packed, length + 1), np.uint8)
        except zlib.error as error:
            raise InputError(f"the {what} of {self.name} is damaged: {error}") from None
        if len(bits) <= length and not decompressor.eof:
            raise InputError(f"the {what} of {self.name} is damaged: its end is missing")
        if len(bits) != length:
            raise InputError(f"the {what} of {self.name} is not of its image's size, {self.width}x{self.height}")
        return np.unpackbits(bits, count=pixels).reshape(self.height, self.width) * np.uint8(255)

    def serialize(self) -> bytes:
        """Return the sample's bytes in the LMDB. Raises InputError if its name or another text is not UTF-8."""
        for text in (self.name, self.origin, self.side, self.group):
            if not is_text(text):
                raise InputError(f"{text!r} is not text in UTF-8: no sample can be made of it")
        return _Record(
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
    def parse(cls, data: bytes, where: Where) -> "Sample":
        """Return the sample that ``serialize`` made bytes of.

        Args:
            data: the bytes.
            where: what the user knows them by, for messages.

        Raises:
            InputError: the bytes are not a whole sample.
        """
        record = messages.parse(_Record(), data, f"{where} is not a maskpose sample")
        if len(record.keypoints) != 2 * NUM_KEYPOINTS or len(record.visible) != NUM_KEYPOINTS:
            raise InputError(f"{where} is not a whole maskpose sample: expected {NUM_KEYPOINTS} keypoints")
        keypoints = np.array(record.keypoints, np.float32).reshape(NUM_KEYPOINTS, 2)
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

    def cropped(self, factor: float) -> "Sample":
        """Return the sample of a square about the hand; the square ends at the image's border.

        The image is encoded anew, as a JPEG of JPEG_QUALITY.

        Args:
            factor: side of the square, in units of the larger side of the visible keypoints' box.

        Raises:
            InputError: fewer than two keypoints are visible, or the image is damaged.
        """
        if self.visible.sum() < 2:
            raise InputError(f"{self.name} has fewer than two visible keypoints: nothing to crop about")
        x, y, w, h = boxes.around(self.keypoints[self.visible], self.width, self.height, factor)
        image = self.decode_image()[y : y + h, x : x + w]
        if image.shape[:2] != (h, w) or not image.size:
            raise InputError(f"{self.name} is too small to be cropped")
        return self.with_image(image, self.keypoints - (x, y), lambda pixels: pixels[y : y + h, x : x + w])

    def with_image(
        self,
        image: npt.NDArray[np.uint8],
        keypoints: npt.NDArray[np.floating[Any]],
        move: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    ) -> "Sample":
        """Return the sample with another image, encoded as a JPEG of JPEG_QUALITY.

        Args:
            image: (h, w, 3) uint8 BGR.
            keypoints: (21, 2), in the pixels of ``image``.
            move: makes (h, w) of 0 and 255 of the mask, and of the unknown pixels.
        """
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        mask, unknown = (
            b"" if pixels is None else pack_mask(move(pixels) > 0)
            for pixels in (self.decode_mask(), self.decode_unknown())
        )
        height, width = image.shape[:2]
        keypoints = keypoints.astype(np.float32)
        return replace(self, image=data, width=width, height=height, keypoints=keypoints, mask=mask, unknown=unknown)
