"""A database of the images of another, shrunk onto grey: small hands, out of the same images."""

from pathlib import Path

import cv2
import numpy as np

from maskpose.codecs.preprocessing import FILL
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError


def shrunk(sample: Sample, factor: float, place: tuple[float, float]) -> Sample:
    """The sample with its image shrunk to ``factor`` of its sides, on grey of the image's own size.

    Args:
        factor: above 0, at most 1.
        place: of the shrunk image in the room that it leaves, 0 (left, top) to 1 (right, bottom), in x and y.

    The image is encoded anew, as a JPEG of quality 95; keypoints, mask and unknown pixels go with it. Raises InputError
    where the image is broken.
    """
    image = sample.decode_image()
    height, width = image.shape[:2]
    size = max(1, round(factor * width)), max(1, round(factor * height))
    x, y = (round(share * (whole - part)) for share, whole, part in zip(place, (width, height), size, strict=True))
    part = slice(y, y + size[1]), slice(x, x + size[0])

    def placed(pixels, fill, interpolation):
        whole = np.full_like(pixels, fill)
        whole[part] = cv2.resize(pixels, size, interpolation=interpolation)
        return whole

    scale = np.divide(size, (width, height))
    keypoints = (sample.keypoints + 0.5) * scale - 0.5 + (x, y)  # pixel i covers i - 0.5 to i + 0.5
    small = placed(image, FILL, cv2.INTER_AREA)
    return sample.with_image(small, keypoints, lambda pixels: placed(pixels, 0, cv2.INTER_NEAREST))


def shrink(reader: Reader, path: str | Path, factor: float, seed: int, about: dict | None = None) -> dict:
    """Write into the database ``path`` every image of ``reader``, shrunk; return its manifest.

    The place on the grey is drawn evenly by ``seed`` and the sample's number. Raises InputError for a factor that is
    not above 0 and at most 1, for a database that is damaged, and where ``path`` exists.
    """
    if not 0 < factor <= 1:
        raise InputError(f"the factor must be above 0 and at most 1, not {factor:g}")
    reader.refuse_damaged()

    def read(index):
        return [shrunk(reader[index], factor, tuple(np.random.default_rng((seed, index)).uniform(size=2)))]

    note = {"shrunk": str(reader.path), "factor": factor, "seed": seed, **(about or {})}
    manifest, _ = build_items(path, list(range(len(reader))), read, about=note)
    return manifest
