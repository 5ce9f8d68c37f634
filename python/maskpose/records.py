"""A sample as Python holds it, and as the LMDB holds it (``record.proto``)."""

from dataclasses import dataclass

import cv2
import numpy as np

from maskpose import images, messages, record_pb2
from maskpose.errors import InputError
from maskpose.variants import KEYPOINTS


@dataclass
class Sample:
    """One photograph with one hand. ``image`` and ``mask`` are encoded files, untouched."""

    name: str
    image: bytes
    width: int  # pixels, EXIF orientation applied
    height: int
    keypoints: np.ndarray  # (21, 2) float32, pixels
    visible: np.ndarray  # (21,) bool
    mask: bytes = b""  # empty: no mask is known
    source: str = ""

    def decode_image(self, reduction=1):
        """(height, width, 3) uint8 BGR, or a ``reduction`` of it; InputError where the file is broken."""
        return images.decode_color(self.image, self.name, reduction)

    def decode_mask(self):
        """(height, width) uint8, 255 on the hand and 0 elsewhere, or None; InputError where it is broken."""
        if not self.mask:
            return None
        gray = images.decode_gray(self.mask, f"mask of {self.name}")
        if gray.shape != (self.height, self.width):
            raise InputError(
                f"mask of {self.name} is {gray.shape[1]}x{gray.shape[0]}, its image {self.width}x{self.height}"
            )
        return cv2.threshold(gray, 127, 255, cv2.THRESH_BINARY)[1]

    def serialize(self):
        """The record's bytes."""
        return record_pb2.Record(
            name=self.name,
            source=self.source,
            image=self.image,
            mask=self.mask,
            width=self.width,
            height=self.height,
            keypoints=np.asarray(self.keypoints, np.float32).ravel().tolist(),
            visible=np.asarray(self.visible, bool).tolist(),
        ).SerializeToString(deterministic=True)

    @classmethod
    def parse(cls, data, where):
        """The sample in a record's bytes; InputError names ``where`` if they are not a whole record."""
        record = messages.parse(record_pb2.Record(), data, f"{where} is not a maskpose record")
        if len(record.keypoints) != 2 * KEYPOINTS or len(record.visible) != KEYPOINTS:
            raise InputError(f"{where} is not a whole maskpose record: expected {KEYPOINTS} keypoints")
        return cls(
            name=record.name,
            source=record.source,
            image=record.image,
            mask=record.mask,
            width=record.width,
            height=record.height,
            keypoints=np.array(record.keypoints, np.float32).reshape(KEYPOINTS, 2),
            visible=np.array(record.visible, bool),
        )
