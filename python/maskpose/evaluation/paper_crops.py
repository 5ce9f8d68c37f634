"""Crops of one shape about the hands of a database, for predictors that need such, and the maps back.

The paper cropped its test images to 4:3 and resized them to 320 x 240 for the method of its [10] (section 4.2,
Comparison to state-of-the-art). It does not say where the crops lay.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs.preprocessing import FILL
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.files import fresh_folder, write_text
from maskpose.io.images import write_image
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.paths import PathLike, path_below
from maskpose.io.progress import progress_bar

SIZE = (320, 240)  # width, height in pixels
MARGIN = 1.1  # sides of the hand's box that a crop has at least
Maps: TypeAlias = dict[str, dict[str, Any]]  # {crop: {"photograph": name, "to_crop": rows of a 2x3 map}}


def crop_map(sample: Sample, size: tuple[int, int] = SIZE) -> npt.NDArray[np.float64]:
    """Return the 2x3 map from a sample's image to its crop of ``size`` (width, height) pixels.

    The crop is the largest region of the image of that shape, as near to the middle of the hand's box as it can lie. If
    that is too small for the hand, it is a region of that shape about the hand, grey beside the image.
    """
    points = sample.keypoints[sample.visible]
    image = np.array([sample.width, sample.height], float)
    shape = np.array(size, float)
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else [(image - 1) / 2] * 2
    largest = (image / shape).min()  # pixels of the image that become one of the crop
    needed = (MARGIN * (high - low) / shape).max()
    extent = max(largest, needed) * shape
    start = (low + high) / 2 - extent / 2
    if needed <= largest:
        start = np.clip(start, -0.5, image - extent - 0.5)
    scale = shape[0] / extent[0]
    return geometry.compose(geometry.scale_affine(scale), geometry.translation(*(-0.5 - start)))


def write_crops(
    samples: Iterable[Sample], folder: PathLike, size: tuple[int, int] = SIZE, left_out: LeftOut = STRICT
) -> Maps:
    """Write each sample's crop as PNG, and maps.json for predictions.read_maps; return what maps.json holds.

    Args:
        samples: of a database.
        folder: to write into. If an earlier call made it, it is emptied.
        size: of the crops, width and height in pixels.
        left_out: takes samples that are broken, whose names lead out of ``folder``, or whose crops would overwrite
            another sample's.

    Raises:
        InputError: ``folder`` holds other files; no sample is left; or for the first sample that is left out if
            ``left_out`` is strict.
    """
    with fresh_folder(folder) as emptied:
        return _write_into(samples, emptied, size, left_out)


def _write_into(samples: Iterable[Sample], folder: Path, size: tuple[int, int], left_out: LeftOut) -> Maps:
    """``write_crops`` into an empty folder."""
    maps: Maps = {}
    for number, sample in enumerate(progress_bar(samples, desc=str(folder), unit="image")):
        crop = None
        with left_out.entry():
            path = path_below(folder, sample.name, f"sample {number}").with_suffix(".png")
            name = str(path.relative_to(folder))
            if name in maps:
                raise InputError(f"{maps[name]['photograph']} and {sample.name} would both be {path}")
            affine = crop_map(sample, size)
            crop = geometry.warp(sample.decode_image(), affine, max(size), FILL)[: size[1], : size[0]]
        if crop is not None:  # written out here: a full disk is no broken sample
            write_image(path, crop)
            maps[name] = {"photograph": sample.name, "to_crop": affine.tolist()}
    if not maps and left_out.problems:
        raise InputError(left_out.problems[0])
    write_text(folder / "maps.json", json.dumps({"size": list(size), "crops": maps}, indent=1) + "\n")
    return maps
