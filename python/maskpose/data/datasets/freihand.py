"""FreiHAND: ``training/rgb/%08d.jpg``, ``training/mask/%08d.jpg``, ``training_K.json``, ``training_xyz.json``.

The keypoints are projected: uv = K xyz, divided by its third component. All 21 are labelled, hidden or not. Each of the
32560 unique images comes in four versions, with other backgrounds. Version v of image n is rgb n + 32560 v; all
versions share one mask.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.data.datasets.reading import mask_if_there, read_entries, sample_from_file
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.files import read_json
from maskpose.io.paths import PathLike
from maskpose.io.values import Where, json_list, numbers
from maskpose.model.variants import NUM_KEYPOINTS

NAME = "FreiHAND"
VERSIONS = range(4)

Item = tuple[str, str, int, int, int, tuple[Any, ...]]


def items(root: PathLike, versions: Iterable[int] = (0,), part: str = "training") -> list[Item | InputError]:
    """List the labelled images.

    Args:
        root: folder of the data set.
        versions: of each unique image, of VERSIONS.
        part: of the data set, which begins the files' names.

    Returns:
        (root, part, unique number, version, rgb number, 21 (u, v)) for each image. An image with a broken label gives
        an InputError, once for all versions.

    Raises:
        InputError: the files of labels cannot be read, or do not fit each other.
    """
    root = Path(root)
    files = [root / f"{part}_{name}.json" for name in ("K", "xyz")]
    cameras, points = (json_list(read_json(file), file) for file in files)
    if len(cameras) != len(points) or not points:
        raise InputError(f"{root}: {part}_K.json has {len(cameras)} entries, {part}_xyz.json {len(points)}")
    labels = zip(cameras, points)
    projected = read_entries(labels, lambda n, label: [project(label[0], label[1], f"{root}, {part}, entry {n}")])
    return [uv for uv in projected if isinstance(uv, InputError)] + [
        (str(root), part, n, version, n + len(points) * version, tuple(map(tuple, uv.tolist())))
        for version in sorted(set(versions))
        for n, uv in enumerate(projected)
        if not isinstance(uv, InputError)
    ]


def project(camera: object, points: object, where: Where = "") -> npt.NDArray[np.float64]:
    """Project points into an image.

    Args:
        camera: (3, 3) numbers, the camera matrix.
        points: (21, 3) numbers, metres.
        where: for messages.

    Returns:
        (21, 2) pixels.

    Raises:
        InputError: the shapes are others, or a point is not before the camera.
    """
    matrix = numbers(camera, (3, 3), f"{where}: its camera")
    xyz = numbers(points, (NUM_KEYPOINTS, 3), f"{where}: its points")
    with np.errstate(all="ignore"):
        uvw = xyz @ matrix.T
        projected = uvw[:, :2] / uvw[:, 2:]
    if not (before := uvw[:, 2] > 0).all():
        raise InputError(f"{where}: keypoint {before.argmin()} is not before the camera")
    return projected


def read(item: Item) -> list[Sample]:
    """Return the sample of an item; its group is the unique image. Raises InputError if an image is damaged."""
    root, part, unique, _, number, uv = item
    folder = Path(root) / part
    mask = mask_if_there(folder / "mask" / f"{unique:08d}.jpg")
    path = folder / "rgb" / f"{number:08d}.jpg"
    all_visible = np.ones(NUM_KEYPOINTS, bool)
    group = f"{unique:08d}"
    return [sample_from_file(path, path.name, uv, all_visible, mask, origin="freihand", side="right", group=group)]
