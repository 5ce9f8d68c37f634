"""FreiHAND: ``training/rgb/%08d.jpg``, ``training/mask/%08d.jpg``, ``training_K.json``, ``training_xyz.json``.

The keypoints are projected: uv = K xyz, divided by its third component; all 21 are labelled, seen or not. Each of the
32560 unique pictures comes in four versions, with other backgrounds; version v of picture n is rgb n + 32560 v, and all
share one mask.
"""

from pathlib import Path

import numpy as np

from maskpose.datasets.reading import json_file, mask_file, sample
from maskpose.errors import InputError
from maskpose.variants import KEYPOINTS

NAME = "FreiHAND"
VERSIONS = range(4)


def items(root, versions=(0,), part="training"):
    """[(root, part, unique number, version, rgb number, 21 (u, v))] of the pictures that are labelled."""
    root = Path(root)
    cameras, points = (json_file(root / f"{part}_{name}.json") for name in ("K", "xyz"))
    if len(cameras) != len(points) or not points:
        raise InputError(f"{root}: {part}_K.json has {len(cameras)} entries, {part}_xyz.json {len(points)}")
    projected = [project(*pair, f"{root}, {part}, entry {n}") for n, pair in enumerate(zip(cameras, points))]
    return [
        (str(root), part, n, version, n + len(points) * version, tuple(map(tuple, uv.tolist())))
        for version in sorted(set(versions))
        for n, uv in enumerate(projected)
    ]


def project(camera, points, where=""):
    """(21, 2) pixels of (21, 3) points in metres by a (3, 3) camera matrix. Raises InputError that names ``where``."""
    camera, points = np.array(camera, float), np.array(points, float)
    if camera.shape != (3, 3) or points.shape != (KEYPOINTS, 3):
        raise InputError(f"{where}: expected a 3x3 camera and {KEYPOINTS} points, not {camera.shape}, {points.shape}")
    uvw = points @ camera.T
    return uvw[:, :2] / uvw[:, 2:]


def read(item):
    """The sample of an item; its group is the unique picture."""
    root, part, unique, _, number, uv = item
    folder = Path(root) / part
    mask_path = folder / "mask" / f"{unique:08d}.jpg"
    mask = mask_file(mask_path) if mask_path.is_file() else None
    path = folder / "rgb" / f"{number:08d}.jpg"
    seen = np.ones(KEYPOINTS, bool)
    return [sample(path, path.name, uv, seen, mask, source="freihand", side="right", group=f"{unique:08d}")]
