"""Where the hand is in front of the camera: turned anyhow, of any size in the picture, anywhere in it."""

import numpy as np

from maskpose.synth.arrays import Floats, Rng, Size, Span
from maskpose.synth.camera import Camera
from maskpose.synth.kinematics import turn

PALM_TO_CAMERA = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # fingers up, the palm seen
TURNED = 0.3  # share of the hands whose orientation is any
NEAREST = 0.1  # metres that the hand keeps from the camera


def random_camera(rng: Rng, size: Size) -> Camera:
    """A Camera for pictures of ``size`` (w, h), from a phone's wide angle to a short telephoto lens."""
    return Camera(max(size) * float(np.exp(rng.uniform(np.log(0.8), np.log(2.6)))), size)


def random_orientation(rng: Rng, turned: float = TURNED) -> Floats:
    """(3, 3) rotation of hand to camera coordinates: palm or back seen, fingers up; ``turned``, a share: anyhow."""
    if rng.random() < turned:
        return uniform_rotation(rng)
    facing = 180 * rng.integers(2) + rng.normal(0, 32)
    roll = rng.uniform(-180, 180) if rng.random() < 0.25 else rng.normal(0, 35)
    upright = turn((0, 1, 0), facing) @ PALM_TO_CAMERA
    return turn((0, 0, 1), roll) @ turn((1, 0, 0), rng.normal(0, 28)) @ upright


def uniform_rotation(rng: Rng) -> Floats:
    """(3, 3) rotation, all equally likely."""
    x, y, z, w = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def random_box(rng: Rng, size: Size, span: Span | None = None) -> tuple[Floats, float]:
    """(centre (x, y), larger side) in pixels that the keypoints' box is to have in a picture of ``size`` (w, h).

    It takes 10 to 90 % of the picture's longer side, or shares from one to the other of ``span`` (low, high), all
    scales equally likely. It lies within the picture but for one case in six, where the border may cut up to some 40 %
    of it off.
    """
    share = rng.triangular(0.1, 0.42, 0.9) if span is None else np.exp(rng.uniform(*np.log(span)))
    extent = max(size) * share
    beyond = 0.4 * extent if rng.random() < 1 / 6 else -0.04 * max(size)
    low = np.minimum(extent / 2 - beyond, np.array(size) / 2)
    return rng.uniform(low, np.array(size) - low), extent


def place(points: Floats, camera: Camera, centre: Floats, extent: float) -> Floats:
    """(3,) to add to ``points`` (n, 3) in camera orientation so that their projections fill a box.

    The box of the projected points gets its middle at ``centre`` and ``extent`` pixels as its larger side, as
    nearly as the distance that the hand keeps from the camera allows.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    span = np.ptp(points[:, :2], axis=0).max()
    shift = camera.ray(centre) * (camera.focal * max(span, 0.02) / extent) - middle
    for _ in range(6):
        shift[2] = max(shift[2], NEAREST - points[:, 2].min())
        seen = camera.project(points + shift)
        low, high = seen.min(axis=0), seen.max(axis=0)
        depth = middle[2] + shift[2]
        shift[:2] += (centre - (low + high) / 2) * depth / camera.focal
        closer = np.clip((high - low).max() / extent, 0.5, 2)
        shift = (middle + shift) * closer - middle
    shift[2] = max(shift[2], NEAREST - points[:, 2].min())
    return shift
