"""Crops of one shape about the hands of a database, for predictors that want such, and the maps back.

The paper cropped its test photographs to 4:3 and resized them to 320 x 240 for the method of its [10] (Sec. 4.2,
Comparison to state-of-the-art), and does not say where.
"""

import json

import numpy as np

from maskpose import geometry
from maskpose.codecs.preprocessing import FILL
from maskpose.errors import InputError
from maskpose.io.files import fresh_folder, write_text
from maskpose.io.images import write_image
from maskpose.io.left_out import STRICT
from maskpose.io.paths import path_below
from maskpose.io.progress import progress_bar

SIZE = (320, 240)  # width, height
MARGIN = 1.1  # sides of the hand's box that a crop has at least


def to_crop(sample, size=SIZE):
    """The 2x3 map from a sample's photograph to its crop of ``size`` (width, height) pixels.

    The largest part of the photograph of that shape, as near to the hand's box's middle as it can lie. Where that is
    too small for the hand, the part of that shape about the hand, with grey beside the photograph.
    """
    points = sample.keypoints[sample.visible]
    picture = np.array([sample.width, sample.height], float)
    shape = np.array(size, float)
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else [(picture - 1) / 2] * 2
    largest = (picture / shape).min()  # pixels of the photograph that become one of the crop
    needed = (MARGIN * (high - low) / shape).max()
    extent = max(largest, needed) * shape
    start = (low + high) / 2 - extent / 2
    if needed <= largest:
        start = np.clip(start, -0.5, picture - extent - 0.5)
    scale = shape[0] / extent[0]
    return geometry.compose(geometry.scale_affine(scale), geometry.translation(*(-0.5 - start)))


def write(samples, folder, size=SIZE, left_out=STRICT):
    """Write each sample's crop as PNG into ``folder``, and maps.json for ``predictions.read_maps``; give the maps.

    ``folder`` is emptied if an earlier call made it. left_out: takes samples that are broken, whose names lead out of
    ``folder``, or whose crops would be other samples' files. Raises InputError where ``folder`` holds other files,
    for the first of these samples if ``left_out`` is strict, as by default, and if none is left.
    """
    with fresh_folder(folder) as folder:
        return _write(samples, folder, size, left_out)


def _write(samples, folder, size, left_out):
    """As ``write``, into an empty folder."""
    maps = {}
    for number, sample in enumerate(progress_bar(samples, desc=str(folder), unit="image")):
        crop = None
        with left_out.entry():
            path = path_below(folder, sample.name, f"sample {number}").with_suffix(".png")
            name = str(path.relative_to(folder))
            if name in maps:
                raise InputError(f"{maps[name]['photograph']} and {sample.name} would both be {path}")
            affine = to_crop(sample, size)
            crop = geometry.warp(sample.decode_image(), affine, max(size), FILL)[: size[1], : size[0]]
        if crop is not None:
            write_image(path, crop)
            maps[name] = {"photograph": sample.name, "to_crop": affine.tolist()}
    if not maps and left_out.problems:
        raise InputError(left_out.problems[0])
    write_text(folder / "maps.json", json.dumps({"size": list(size), "crops": maps}, indent=1) + "\n")
    return maps
