"""The truth about a rendered hand: which pixels are hand, and which keypoints are seen.

Mask: visible skin of the hand, its wrist, and the forearm's beginning up to a third of the distance from wrist to
middle knuckle; that is where the masks of HGR1 end (median over 647 photographs 0.33, always below the wrist). A
sleeve, and what is held, is not hand.

Keypoints: one is seen where it lies in the picture and the first surface on its line of sight is skin no further
before it than its own flesh is thick.
"""

import numpy as np
import numpy.typing as npt

from maskpose.geometry import inside
from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Bools, Floats, Size
from maskpose.synth.camera import Camera

FOREARM_PART = 1 / 3  # of the distance from wrist to middle knuckle
ROOM = 1.35  # how much thicker flesh is along a slanting line of sight
BASES = [joints[0] for joints in FINGERS.values()]
MIDDLE_KNUCKLE = FINGERS["middle"][0]


def forearm_axis(keypoints: Floats, elbow: Floats) -> tuple[Floats, Floats]:
    """(wrist (3,), axis (3,)) such that (p - wrist) @ axis is how far a point lies below the wrist.

    The unit is the distance from wrist to middle knuckle, of posed ``keypoints`` (21, 3); ``elbow`` (3,).
    """
    wrist = keypoints[0]
    along = (elbow - wrist) / np.linalg.norm(elbow - wrist)
    return wrist, along / np.linalg.norm(keypoints[MIDDLE_KNUCKLE] - wrist)


def forearm_coordinate(vertices: Floats, arm_share: Floats, wrist: Floats, axis: Floats) -> Floats:
    """(n,) how far posed ``vertices`` (n, 3) lie below the wrist, by ``forearm_axis``.

    ``arm_share`` (n,) is how much of each vertex moves with the forearm or upper arm: what moves with the hand gets
    -1, however far the hand is bent.
    """
    below = (vertices - wrist) @ axis
    return np.where(arm_share > 0.3, below, np.minimum(below, -1.0))


def flesh(vertices: Floats, keypoints: Floats, finger_shares: Floats) -> Floats:
    """(21,) metres of flesh over each keypoint of a hand at rest, on its thicker side.

    ``vertices`` (n, 3) and ``keypoints`` (21, 3) are in hand coordinates; ``finger_shares`` (n, 5) is how much of
    each vertex moves with each finger. A finger is measured across its bone, the palm from the back or the inside.
    """
    thickness = np.empty(len(keypoints))
    palm = finger_shares[:, 1:].max(axis=1) < 0.7  # with the thumb, which is the palm's flesh at its base
    for joint, place in enumerate(keypoints):
        away = vertices - place
        if joint == 0 or joint in BASES:
            near = palm & (np.hypot(away[:, 0], away[:, 1]) < 0.007)
            across = np.abs(away[:, 2])
        else:
            bone = place - keypoints[joint - 1]
            bone = bone / np.linalg.norm(bone)
            along = away @ bone
            near = (finger_shares[:, (joint - 1) // 4] > 0.5) & (np.abs(along + 0.003) < 0.006)
            across = np.linalg.norm(away - along[:, None] * bone, axis=1)
        thickness[joint] = across[near].max(initial=0.005)
    return thickness


def seen(keypoints: Floats, camera: Camera, depth: Floats, is_skin: Bools, thickness: Floats) -> Bools:
    """(21,) bool: which keypoints are seen.

    ``keypoints`` (21, 3) in camera coordinates, ``depth`` (h, w) and ``is_skin`` (h, w) bool of the first surface
    at each pixel of the camera's picture, ``thickness`` (21,) metres of flesh.
    """
    pixels = camera.project(keypoints)
    visible = inside(pixels, *camera.size)
    columns, rows = np.rint(np.where(visible[:, None], pixels, 0)).astype(int).T
    slant = np.linalg.norm(np.append(keypoints[:, :2], keypoints[:, 2:], axis=1), axis=1) / keypoints[:, 2]
    before = (keypoints[:, 2] - depth[rows, columns]) * slant
    return visible & is_skin[rows, columns] & (before <= ROOM * thickness)


def hand_mask(is_hand: Bools, factor: int) -> npt.NDArray[np.uint8]:
    """(h, w) uint8, 255 where at least half of ``is_hand``'s (factor h, factor w) bool pixels are hand, else 0."""
    height, width = (side // factor for side in is_hand.shape)
    shares = is_hand.reshape(height, factor, width, factor).mean(axis=(1, 3))
    return np.where(shares >= 0.5, 255, 0).astype(np.uint8)


def label_line(name: str, size: Size, keypoints: Floats, visible: Bools) -> str:
    """OneHand10K's line of a picture of ``size`` (w, h): rounded pixels, -1,-1 for what is not seen.

    Where no keypoint is a number, there is no hand.
    """
    limit, hands = np.array(size) - 1, int(np.isfinite(keypoints).any())
    written = np.where(visible[:, None], np.clip(np.rint(keypoints), 0, limit), -1).astype(int)
    return ",".join(map(str, [name, *size, hands, *written.ravel()]))
