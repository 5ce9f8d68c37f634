"""Cartoon hands with exact masks and keypoints, for demonstrations and tests that need no photographs.

A hand is a palm and five fingers in hand units (wrist to middle knuckle = 1), fingers pointing up. Fingers bend out of
the image's plane and are projected straight on to it, so a bent finger looks short or folds back. Every part has a
height over the image, and light on these heights shades it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.codecs.masks import more_than_half
from maskpose.errors import InputError
from maskpose.io.images import write_image
from maskpose.io.paths import PathLike
from maskpose.keypoints import FINGERS

SIZES = ((256, 256), (238, 358), (226, 346), (346, 226), (320, 240))  # (w, h), pixels, as in OneHand10K


class Finger(NamedTuple):
    """A finger at rest of a hand whose thumb is on the left, in hand units."""

    base: tuple[float, float]  # (x, y)
    direction: float  # degrees from up, positive to the right
    lengths: tuple[float, float, float]  # of its bones
    radii: tuple[float, float]  # at base and tip


ANATOMY = {
    "thumb": Finger((-0.30, -0.18), -48, (0.44, 0.36, 0.27), (0.165, 0.105)),
    "index": Finger((-0.36, -0.96), -9, (0.46, 0.29, 0.21), (0.125, 0.088)),
    "middle": Finger((-0.11, -1.00), -1, (0.52, 0.33, 0.23), (0.128, 0.090)),
    "ring": Finger((0.14, -0.95), 7, (0.47, 0.30, 0.22), (0.122, 0.086)),
    "little": Finger((0.36, -0.84), 16, (0.37, 0.22, 0.19), (0.108, 0.074)),
}
PALM = np.array([
    (-0.27, 0.18), (-0.28, 0.05), (-0.35, -0.10), (-0.44, -0.35), (-0.48, -0.70), (-0.46, -0.95),
    (-0.30, -1.07), (-0.11, -1.12), (0.14, -1.06), (0.36, -0.94), (0.46, -0.78), (0.45, -0.45),
    (0.37, -0.15), (0.29, 0.05), (0.27, 0.18),
])  # fmt: skip
PALM_CREASES = np.array([
    [(-0.46, -0.62), (-0.15, -0.58), (-0.02, -0.35), (-0.08, -0.02)],
    [(-0.46, -0.66), (-0.15, -0.66), (0.15, -0.55), (0.30, -0.35)],
    [(-0.20, -0.92), (-0.10, -0.78), (0.15, -0.70), (0.45, -0.68)],
])  # control points of cubic curves  # fmt: skip
FOREARM = np.array([(-0.27, 0.18), (0.27, 0.18), (0.42, 5.0), (-0.42, 5.0)])
SKIN_DEPTH = 0.13  # height of a part's ridge over its edge, hand units
ON_TOP = 0.12  # hand units that a bent finger lies above the palm, or below it in a view of the back
FOLDED = np.cos(np.deg2rad(75))  # a bone is bent away if its share of length in the image's plane is smaller
NOTHING, PALM_PART, ARM_PART = -1, 0, 50  # numbers of parts; a bone has the number of its far keypoint
SKINS = np.array([
    (200, 216, 246), (165, 195, 238), (125, 165, 215), (85, 125, 182), (58, 88, 138), (38, 56, 92),
])  # BGR, light to dark  # fmt: skip


def draw_hand(
    rng: np.random.Generator, size: tuple[int, int] = (256, 256)
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Draw a random hand.

    Args:
        rng: decides everything about it.
        size: (w, h) of the image, pixels.

    Returns:
        (image, mask, keypoints, visible): (h, w, 3) BGR; (h, w), 255 on the hand down to just below the wrist, 0
        elsewhere; (21, 2) pixels, pixel centres at integers; (21,). A keypoint is not visible if it lies outside the
        image or if another part of the hand covers it.
    """
    fingers, from_back = _random_pose(rng)
    keypoints = np.vstack([[0.0, 0.0], *(joints for joints, _ in fingers.values())])
    to_image = _random_placement(rng, keypoints, size)
    # the canvas has twice the size: the pixel centre x is at 2x + 0.5 there
    to_canvas = 2 * to_image + [[0, 0, 0.5], [0, 0, 0.5]]
    canvas_size = (2 * size[0], 2 * size[1])
    part, height = _draw_parts(rng, fingers, from_back, to_canvas, canvas_size)
    skin = _skin(rng, part, fingers, from_back, to_canvas)
    lit = skin * _shading(rng, height, to_canvas)[..., None]
    behind = _background(rng, canvas_size) * _shadow(rng, part)[..., None]
    large = np.where((part == NOTHING)[..., None], behind, lit).astype(np.float32)
    image = _camera(rng, cv2.resize(large, size, interpolation=cv2.INTER_AREA))
    hand = np.where((part == NOTHING) | (part == ARM_PART), 0, 255).astype(np.uint8)
    mask = cv2.resize(hand, size, interpolation=cv2.INTER_AREA)
    placed = _move(keypoints, to_image)
    return image, np.where(more_than_half(mask), 255, 0).astype(np.uint8), placed, _visible(part, placed, size)


def write_onehand10k(
    folder: PathLike, count: int, seed: int, split: str, sizes: Sequence[tuple[int, int]] = SIZES
) -> None:
    """Write drawn hands as a split of a data set in OneHand10K's layout.

    It consists of ``folder``/``split``/source/<n>.jpg, mask/<n>.png and label_joint.txt. The same seed gives the same
    files, and a smaller count the first of them.

    Args:
        folder: of the data set.
        count: number of hands.
        seed: of the hands.
        split: "Train" or "Test".
        sizes: (w, h) in pixels; one is sampled for each image.

    Raises:
        InputError: the split has another name, or the folder cannot be written.
    """
    if split not in ("Train", "Test"):
        raise InputError(f'the split must be "Train" or "Test", not {split!r}')
    root = Path(folder) / split
    try:
        for part in ("source", "mask"):
            (root / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{root} cannot be made: {error.strerror}") from error
    lines = []
    for number in range(count):
        rng = np.random.default_rng([seed, split == "Test", number])
        size = sizes[int(rng.integers(len(sizes)))]
        image, mask, keypoints, visible = draw_hand(rng, size)
        write_image(root / "source" / f"{number}.jpg", image)
        write_image(root / "mask" / f"{number}.png", mask)
        written = np.where(visible[:, None], np.rint(keypoints), -1).astype(int)
        lines.append(",".join(map(str, [f"{number}.jpg", *size, 1, *written.ravel()])))
    (root / "label_joint.txt").write_text("".join(f"{line}\n" for line in lines))


def _random_pose(rng):
    """({finger: ((4, 2) joints, (3,) bool which bones are bent away)}, from_back), in hand units."""
    from_back = bool(rng.random() < 0.5)
    spread = rng.uniform(0.4, 1.5)
    gesture = rng.choice(["open", "mixed", "fist"], p=[0.4, 0.45, 0.15])
    fingers = {}
    for finger, (base, rest, lengths, _) in ANATOMY.items():
        folded = gesture == "fist" or (gesture == "mixed" and rng.random() < 0.5)
        if finger == "thumb":
            inward = rng.uniform(55, 75) if gesture == "fist" else rng.uniform(-12, 35)
            direction = rest + inward + np.array([0, 14, 28]) * rng.uniform(0, 1.2)
            bend = rng.uniform(30, 50) if gesture == "fist" else rng.uniform(0, 25)
            in_plane = np.cos(np.deg2rad(bend)) * np.ones(3)
            away = (direction > 5) & [False, True, True]
        else:
            direction = (rest * spread + rng.normal(0, 3)) * np.ones(3)
            curl = rng.uniform(0.75, 1) if folded else rng.uniform(0, 0.25)
            in_plane = np.cos(np.deg2rad(np.cumsum([78, 85, 40]) * curl))
            away = np.logical_or.accumulate(in_plane < FOLDED)
        up = np.deg2rad(direction)
        bones = np.column_stack([np.sin(up), -np.cos(up)]) * (in_plane * lengths)[:, None]
        fingers[finger] = np.vstack([base, base + np.cumsum(bones, axis=0)]), away
    return fingers, from_back


def _random_placement(rng, keypoints, size):
    """2×3 affine from hand units to pixels: any rotation, either hand, 35–85 % of the shorter side."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn * [rng.choice([-1.0, 1.0]), 1.0]
    turned = keypoints @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = rng.uniform(0.35, 0.85) * min(size) / (high - low).max()
    room = np.array(size) / scale - (high - low)
    margin = -0.4 if rng.random() < 0.2 else 0.05  # at times the border cuts the hand
    corner = rng.uniform(np.minimum(margin, room / 2), np.maximum(room - margin, room / 2))
    return np.column_stack([scale * turn, scale * (corner - low)])


def _draw_parts(rng, fingers, from_back, to_canvas, size):
    """Number and height of the topmost part at each canvas pixel: (h, w) int, and (h, w) float32 pixels."""
    width, tall = size
    unit = _unit(to_canvas)
    part = np.full((tall, width), NOTHING)
    height = np.zeros((tall, width), np.float32)
    arm = _filled(_move(FOREARM, to_canvas), size)
    palm = _filled(_move(PALM, to_canvas), size)
    runs = {finger: _finger_runs(finger, joints, away, to_canvas, size) for finger, (joints, away) in fingers.items()}
    thumb_root = [mask for _, mask in runs["thumb"][0]]
    plate = np.maximum.reduce([arm, palm, *thumb_root])

    def draw(pieces, around, level):
        if not pieces:
            return
        ridge = SKIN_DEPTH * unit
        inside = np.maximum.reduce([around, *(mask for _, mask in pieces)])
        near = np.clip(cv2.distanceTransform(inside, cv2.DIST_L2, 5) / ridge, 0, 1)
        rounded = ridge * (1 - (1 - near) ** 2) + level * unit
        for number, mask in pieces:
            here = mask > 0
            part[here] = number
            height[here] = rounded[here]

    nowhere = np.zeros_like(palm)
    others = list(rng.permutation(["index", "middle", "ring", "little"]))
    level = -ON_TOP if from_back else ON_TOP
    bent = [(runs[finger][1], nowhere, level) for finger in (*others, "thumb")]
    straight = [(runs[finger][0], plate, 0) for finger in others]
    root = [(runs["thumb"][0], plate, 0)]
    body = [([(ARM_PART, arm), (PALM_PART, palm)], plate, 0)]
    *bent_fingers, bent_thumb = bent
    from_palm = [*body, *straight, *bent_fingers, *root, bent_thumb]
    for layer in [*bent, *root, *body, *straight] if from_back else from_palm:
        draw(*layer)
    return part, height


def _finger_runs(finger, joints, away, to_canvas, size):
    """(bones in the palm's plane, bones bent away), each a list of (part number, (h, w) uint8 mask)."""
    placed = _move(joints, to_canvas)
    radii = np.linspace(*ANATOMY[finger].radii, 4) * _unit(to_canvas)
    runs = [], []
    for bone in range(3):
        capsule = _capsule(placed[bone : bone + 2], radii[bone : bone + 2])
        runs[int(away[bone])].append((FINGERS[finger][bone + 1], _filled(capsule, size)))
    return runs


def _skin(rng, part, fingers, from_back, to_canvas):
    """(h, w, 3) float32 colours before lighting: skin with creases and nails, and at times a sleeve."""
    tone = rng.uniform(0, len(SKINS) - 1)
    colour = np.array([np.interp(tone, range(len(SKINS)), channel) for channel in SKINS.T])
    colour = np.clip(colour * rng.uniform(0.96, 1.04, 3), 10, 250)
    canvas = np.empty((*part.shape, 3), np.float32)
    canvas[:] = colour
    size, unit = part.shape[::-1], _unit(to_canvas)
    if rng.random() < 0.6:
        sleeve = FOREARM + np.outer([1, 1, 0, 0], [0, rng.uniform(0.1, 1.2)])
        cloth = _filled(_move(sleeve, to_canvas), size) > 0
        canvas[cloth & (part == ARM_PART)] = rng.uniform(20, 235, 3)
    thickness = max(1, round(0.022 * unit))
    lines = np.zeros(part.shape, np.uint8)
    if not from_back:
        for controls in PALM_CREASES:
            _line(lines, _move(_cubic(controls), to_canvas), thickness, part == PALM_PART)
    for finger, (joints, away) in fingers.items():
        radii = np.linspace(*ANATOMY[finger].radii, 4)
        numbers = FINGERS[finger]
        for joint in (1, 2):
            if not away[joint] and not away[joint - 1]:
                along = joints[joint] - joints[joint - 1]
                along = along / (np.linalg.norm(along) + 1e-9)
                across = along[::-1] * [-1, 1] * radii[joint]
                for shift in (-0.035, 0.035) if from_back else (0.0,):
                    centre = joints[joint] + shift * along
                    ends = [centre - 0.6 * across, centre + 0.02 * along, centre + 0.6 * across]
                    bone = (part == numbers[joint]) | (part == numbers[joint + 1])
                    _line(lines, _move(np.array(ends), to_canvas), thickness, bone)
        if bool(away[2]) != from_back:
            nail = _filled(_nail(_move(joints[2:], to_canvas), radii[3] * unit), size) > 0
            canvas[nail & (part == numbers[3])] = 0.55 * colour + 0.45 * np.array([205, 205, 240])
    soft = cv2.GaussianBlur(lines.astype(np.float32), (0, 0), max(0.6, 0.012 * unit)) / 255
    mottle = cv2.resize(rng.normal(0, 1, (24, 24)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return canvas * (1 - 0.4 * soft + 0.025 * mottle)[..., None]


def _shading(rng, height, to_canvas):
    """(h, w) float32 factor on the skin's colour: light from one side, darker on steep slopes."""
    smooth = cv2.GaussianBlur(height, (0, 0), max(0.8, 0.018 * _unit(to_canvas)))
    slope_x, slope_y = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    upright = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    angle, lift = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.2)
    towards = np.array([np.cos(lift) * np.cos(angle), np.cos(lift) * np.sin(angle), np.sin(lift)])
    lambert = upright * (towards[2] - towards[0] * slope_x - towards[1] * slope_y)
    ambient = rng.uniform(0.45, 0.65)
    light = ambient + (1 - ambient) * np.maximum(lambert, 0) / towards[2]
    return (np.minimum(light, 1.35) * (0.35 + 0.65 * upright)).astype(np.float32)


def _shadow(rng, part):
    """(h, w) float32 factor on the background: the hand's soft shadow, at times none."""
    strength = rng.uniform(0.15, 0.5) if rng.random() < 0.6 else 0.0
    reach = 0.05 * min(part.shape)
    away = np.column_stack([np.eye(2), rng.uniform(-reach, reach, 2)])
    cast = cv2.warpAffine((part != NOTHING).astype(np.float32), away, part.shape[::-1])
    return 1 - strength * cv2.GaussianBlur(cast, (0, 0), 0.4 * reach + 1)


def _background(rng, size):
    """(h, w, 3) float32 image of a random kind: gradient, blobs, stripes or shapes."""
    width, tall = size
    y, x = np.mgrid[:tall, :width].astype(np.float32) / min(size)
    first, second = rng.uniform(10, 245, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * x + np.sin(angle) * y
    kind = rng.choice(["gradient", "blobs", "stripes", "shapes"])
    if kind == "blobs":
        blend = np.zeros((tall, width), np.float32)
        for cells in (3, 7, 15, 40):
            noise = rng.normal(0, 1.5 / cells**0.5, (cells, cells)).astype(np.float32)
            blend += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
        blend = 1 / (1 + np.exp(-2 * blend))
    elif kind == "stripes":
        blend = np.clip(0.5 + rng.uniform(0.5, 4) * np.sin(rng.uniform(8, 60) * ramp), 0, 1)
    else:
        blend = (ramp - ramp.min()) / np.ptp(ramp)
    canvas = np.ascontiguousarray(first + (second - first) * blend[..., None], np.float32)
    if kind == "shapes":
        for _ in range(rng.integers(6, 25)):
            centre = rng.uniform(0, size)
            corners = centre + rng.normal(0, rng.uniform(0.05, 0.25) * min(size), (rng.integers(3, 7), 2))
            outline = cv2.convexHull(corners.astype(np.int32))
            cv2.fillConvexPoly(canvas, outline, rng.uniform(10, 245, 3).tolist(), cv2.LINE_AA)
    return cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 4))


def _camera(rng, image):
    """(h, w, 3) uint8 of a float image: exposure and white balance, slight blur, noise."""
    image = image * (rng.uniform(0.75, 1.15) * rng.uniform(0.96, 1.04, 3))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    image = image + rng.normal(0, rng.uniform(0.5, 5), image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _visible(part, keypoints, size):
    """(21,) bool: whether it lies in the image, and the topmost part there is one that it belongs to."""
    inside = ((keypoints >= 0) & (keypoints <= np.array(size) - 1)).all(axis=1)
    own = {0: (PALM_PART,)}
    for base, second, third, tip in FINGERS.values():
        own |= {base: (PALM_PART, second), second: (second, third), third: (third, tip), tip: (tip,)}
    columns, rows = np.rint(2 * keypoints + 0.5).astype(int).T
    return np.array([inside[k] and part[rows[k], columns[k]] in own[k] for k in range(len(keypoints))])


def _unit(affine):
    """Pixels in a hand unit under a 2×3 similarity."""
    return float(np.hypot(*affine[:, 1]))


def _move(points, affine):
    """(n, 2) points under a 2×3 affine."""
    return np.asarray(points) @ affine[:, :2].T + affine[:, 2]


def _filled(polygon, size):
    """(h, w) uint8, 1 inside an (n, 2) polygon in pixels."""
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 1, shift=4)
    return mask


def _circle(centre, radius):
    """(48, 2) points of a circle."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _capsule(ends, radii):
    """(n, 2) outline of two discs and all between them."""
    discs = np.vstack([_circle(end, radius) for end, radius in zip(ends, radii)])
    return cv2.convexHull(discs.astype(np.float32))[:, 0].astype(float)


def _nail(ends, radius):
    """(48, 2) outline of the nail on a last bone with (2, 2) ends, in pixels."""
    along = (ends[1] - ends[0]) / (np.linalg.norm(ends[1] - ends[0]) + 1e-9)
    axes = np.column_stack([0.62 * along, 0.5 * along[::-1] * [-1, 1]])
    return ends[1] + 0.25 * radius * along + radius * _circle([0.0, 0.0], 1.0) @ axes.T


def _cubic(controls):
    """(24, 2) points of the cubic Bézier curve with (4, 2) control points."""
    t = np.linspace(0, 1, 24)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return weights @ controls


def _line(canvas, points, thickness, where):
    """Draw an (n, 2) polyline in 255 on an (h, w) uint8 canvas, only at pixels whose (h, w) bool is true."""
    drawn = np.zeros_like(canvas)
    cv2.polylines(drawn, [np.rint(points).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    canvas[where] = np.maximum(canvas, drawn)[where]
