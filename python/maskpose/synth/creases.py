"""Lines in the skin where it folds: across the joints of fingers, and those of the palm."""

import numpy as np
import numpy.typing as npt

from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Floats
from maskpose.synth.compiling import compiled


def joint_frames(keypoints: Floats) -> npt.NDArray[np.float32]:
    """(j, 8) float32 of the joints that crease: place (3), bone's direction (3), reach and strength, at rest."""
    rows = []
    for finger, (base, middle, last, tip) in FINGERS.items():
        for joint, ahead, reach in ((base, middle, 0.016), (middle, last, 0.013), (last, tip, 0.011)):
            along = keypoints[ahead] - keypoints[joint]
            place = keypoints[joint]
            if joint == base:
                if finger == "thumb":
                    continue
                place = place + 0.45 * along  # the fold of the palm's side lies at the web
            along = along / np.linalg.norm(along)
            rows.append([*place, *along, reach, 0.7 if joint == base else 1.0])
    return np.array(rows, np.float32)


PALM_LINES = (
    ((0.91, 0.41), (0.65, 0.25), (0.35, 0.14), (0.04, 0.11)),  # round the ball of the thumb
    ((0.89, 0.41), (0.72, 0.14), (0.54, -0.14), (0.40, -0.34)),
    ((0.97, 0.20), (0.83, 0.07), (0.79, -0.16), (0.74, -0.41)),
)  # control points in distances from wrist to middle knuckle: along the palm, across it


def palm_lines(keypoints: Floats) -> npt.NDArray[np.float32]:
    """(s, 4) float32 metres: short straight pieces (along, across, along, across) of the palm's lines at rest."""
    span = keypoints[FINGERS["middle"][0], 0]
    t = np.linspace(0, 1, 11)[:, None, None]
    a, b, c, d = np.array(PALM_LINES).transpose(1, 0, 2) * span
    curves = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    return np.concatenate([curves[:-1], curves[1:]], axis=2).reshape(-1, 4).astype(np.float32)


@compiled()
def lines(points: Floats, palm: Floats, frames: Floats, pieces: Floats, wobble: Floats) -> Floats:
    """(k,) float32 depth of the creases, 0 to 1, at ``points`` (k, 3) at rest.

    ``palm`` (k,) from 0 on the back to 1; ``frames`` and ``pieces`` of ``joint_frames`` and ``palm_lines``;
    ``wobble`` (k,) noise that bends the lines.
    """
    result = np.zeros(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        deepest = 0.0
        for j in range(frames.shape[0]):
            dx = points[i, 0] - frames[j, 0]
            dy = points[i, 1] - frames[j, 1]
            dz = points[i, 2] - frames[j, 2]
            reach = frames[j, 6]
            if dx * dx + dy * dy + dz * dz > reach * reach:
                continue
            along = dx * frames[j, 3] + dy * frames[j, 4] + dz * frames[j, 5] + 0.0004 * wobble[i]
            inner = np.exp(-((along / 0.0007) ** 2)) + 0.6 * np.exp(-(((along - 0.0024) / 0.0006) ** 2))
            ridges = 0.5 + 0.5 * np.cos(along * 2 * np.pi / 0.0019)
            outer = 0.55 * ridges * ridges * np.exp(-((along / 0.0042) ** 2))
            if frames[j, 7] < 1:
                outer = 0.0
            deepest = max(deepest, frames[j, 7] * (palm[i] * inner + (1 - palm[i]) * outer))
        if palm[i] > 0.4:
            x, y = points[i, 0] + 0.0008 * wobble[i], points[i, 1] + 0.0008 * wobble[i]
            nearest = 1e-4
            for j in range(pieces.shape[0]):
                ux, uy = pieces[j, 2] - pieces[j, 0], pieces[j, 3] - pieces[j, 1]
                px, py = x - pieces[j, 0], y - pieces[j, 1]
                t = min(max((px * ux + py * uy) / (ux * ux + uy * uy), 0.0), 1.0)
                nearest = min(nearest, (px - t * ux) ** 2 + (py - t * uy) ** 2)
            deepest = max(deepest, palm[i] * np.exp(-nearest / 6e-7))
        result[i] = min(deepest, 1.0)
    return result
