"""FreiHAND: ``training/rgb/%08d.jpg``, ``training/mask/%08d.jpg``, ``training_K.json``, ``training_xyz.json``.

The keypoints are projected: uv = K xyz, divided by its third component; all 21 are labelled, seen or not. Each of the
32560 unique pictures comes in four versions, with other backgrounds; version v of picture n is rgb n + 32560 v, and all
share one mask.
"""

from pathlib import Path

import numpy as np

from maskpose.data.datasets.reading import json_file, mask_if_there, read_entries, sample_from_file
from maskpose.errors import InputError
from maskpose.io.values import json_list, numbers
from maskpose.model.variants import KEYPOINTS

NAME = "FreiHAND"
VERSIONS = range(4)


def items(root, versions=(0,), part="training"):
    """[(root, part, unique number, version, rgb number, 21 (u, v))] of the pictures that are labelled.

    In the place of a picture whose labels are broken there is an InputError, once for all versions.
    """
    root = Path(root)
    files = [root / f"{part}_{name}.json" for name in ("K", "xyz")]
    cameras, points = (json_list(json_file(file), file) for file in files)
    if len(cameras) != len(points) or not points:
        raise InputError(f"{root}: {part}_K.json has {len(cameras)} entries, {part}_xyz.json {len(points)}")
    projected = read_entries(zip(cameras, points), lambda n, pair: [project(*pair, f"{root}, {part}, entry {n}")])
    return [uv for uv in projected if isinstance(uv, InputError)] + [
        (str(root), part, n, version, n + len(points) * version, tuple(map(tuple, uv.tolist())))
        for version in sorted(set(versions))
        for n, uv in enumerate(projected)
        if not isinstance(uv, InputError)
    ]


def project(camera, points, where=""):
    """(21, 2) pixels of (21, 3) points in metres by a (3, 3) camera matrix.

    Raises InputError that names ``where`` for other shapes, and for a point that is not before the camera.
    """
    camera = numbers(camera, (3, 3), f"{where}: its camera")
    points = numbers(points, (KEYPOINTS, 3), f"{where}: its points")
    with np.errstate(all="ignore"):
        uvw = points @ camera.T
        projected = uvw[:, :2] / uvw[:, 2:]
    if not (before := uvw[:, 2] > 0).all():
        raise InputError(f"{where}: keypoint {before.argmin()} is not before the camera")
    return projected


def read(item):
    """The sample of an item; its group is the unique picture."""
    root, part, unique, _, number, uv = item
    folder = Path(root) / part
    mask = mask_if_there(folder / "mask" / f"{unique:08d}.jpg")
    path = folder / "rgb" / f"{number:08d}.jpg"
    seen = np.ones(KEYPOINTS, bool)
    return [sample_from_file(path, path.name, uv, seen, mask, origin="freihand", side="right", group=f"{unique:08d}")]
