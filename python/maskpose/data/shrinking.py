"""A database of the images of another, shrunk onto grey: small hands from the same images."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.codecs.preprocessing import FILL
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.paths import PathLike


def shrunk(sample: Sample, factor: float, place: tuple[float, float]) -> Sample:
    """Return the sample with its image shrunk, on grey of the image's own size.

    The image is encoded anew, as a JPEG of quality 95. Keypoints, mask and unknown pixels move with it.

    Args:
        sample: what is shrunk.
        factor: of its sides, above 0, at most 1.
        place: of the shrunk image in the room that it leaves, 0 (left, top) to 1 (right, bottom), in x and y.

    Raises:
        InputError: the image is damaged.
    """
    image = sample.decode_image()
    height, width = image.shape[:2]
    size = max(1, round(factor * width)), max(1, round(factor * height))
    x, y = (round(share * (whole - part)) for share, whole, part in zip(place, (width, height), size, strict=True))
    part = slice(y, y + size[1]), slice(x, x + size[0])

    def placed(pixels: npt.NDArray[np.uint8], fill: Any, interpolation: int) -> npt.NDArray[np.uint8]:
        whole = np.full_like(pixels, fill)
        whole[part] = cv2.resize(pixels, size, interpolation=interpolation)
        return whole

    scale = np.divide(size, (width, height))
    keypoints = (sample.keypoints + 0.5) * scale - 0.5 + (x, y)  # pixel i covers i - 0.5 to i + 0.5
    small = placed(image, FILL, cv2.INTER_AREA)
    return sample.with_image(small, keypoints, lambda pixels: placed(pixels, 0, cv2.INTER_NEAREST))


def shrink(
    reader: Reader,
    path: PathLike,
    factor: float,
    seed: int,
    about: dict[str, Any] | None = None,
    origin: str | None = None,
) -> dict[str, Any]:
    """Write every image of a database, shrunk, into the database ``path``; return its manifest.

    Args:
        reader: of the database with the images.
        path: of the new database.
        factor: of an image's sides.
        seed: of the places on the grey; each follows from it and the sample's number.
        about: what the manifest holds besides.
        origin: noted in every sample in place of its own; None: each keeps its own.

    Raises:
        InputError: the factor is not above 0 and at most 1, the database is damaged, or ``path`` exists.
    """
    if not 0 < factor <= 1:
        raise InputError(f"the factor must be above 0 and at most 1, not {factor:g}")
    reader.refuse_damaged()

    def read(index: int) -> list[Sample]:
        x, y = np.random.default_rng((seed, index)).uniform(size=2)
        return [shrunk(reader[index], factor, (x, y))]

    note = {"shrunk": str(reader.path), "factor": factor, "seed": seed, **(about or {})}
    manifest, _ = build_items(path, list(range(len(reader))), read, about=note, origin=origin)
    return manifest
