"""Bones in a tree, turned about their heads; and skin that follows them.

Bone b moves by G_b, a 3×4 matrix from rest to posed coordinates: its parent's motion after a turn about its own
head. A turn is given in the coordinates of the rest pose, so no bone needs a frame of its own.
"""

from collections.abc import Sequence

import numpy as np

from maskpose.synth.arrays import Floats, Ints


def turn(axis: Sequence[float] | Floats, degrees: float) -> Floats:
    """(3, 3) rotation about a unit ``axis`` (3,) by the right hand's rule."""
    x, y, z = axis
    angle = np.deg2rad(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def forward_kinematics(parents: Ints, heads: Floats, turns: Floats) -> Floats:
    """(b, 3, 4) motions of the bones.

    ``parents`` (b,) are the indices of the bones that carry each, -1 for none; parents come first. ``heads``
    (b, 3) are at rest; ``turns`` (b, 3, 3) rotations.
    """
    motions = np.empty((len(parents), 3, 4))
    for b, parent in enumerate(parents):
        if parent < 0:
            rotation, head = turns[b], heads[b]
        else:
            rotation, head = motions[parent, :, :3] @ turns[b], move(motions[parent], heads[b])
        motions[b, :, :3] = rotation
        motions[b, :, 3] = head - rotation @ heads[b]
    return motions


def move(motion: Floats, points: Floats) -> Floats:
    """``points`` (..., 3) moved by a 3×4 matrix."""
    return points @ motion[:, :3].T + motion[:, 3]


def skin(motions: Floats, weights: Floats, vertices: Floats) -> Floats:
    """Linear blend skinning: (n, 3) ``vertices`` at rest, each moved by the weighted mean of the motions.

    ``weights`` is (n, b), rows adding up to 1.
    """
    blended = (weights @ motions.reshape(len(motions), 12)).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", blended[:, :, :3], vertices) + blended[:, :, 3]
