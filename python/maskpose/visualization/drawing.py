"""Drawings over an image: keypoints, masks and heatmaps.

Images are (h, w, 3) uint8 BGR. Coordinates are pixels with pixel centres at integers. Heatmaps come with
``grid_to_image``, the 2x3 map from heatmap cells to image pixels.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.geometry import compose, translation
from maskpose.keypoints import BONES, FINGERS, KEYPOINT_NAMES
from maskpose.visualization.sheets import contact_sheet, fitting_size

# The paper's Fig. 11, in BGR: thumb blue, index cyan, middle green, ring brown, little finger purple.
FINGER_COLOURS = {
    "thumb": (255, 60, 0),
    "index": (255, 255, 0),
    "middle": (0, 200, 0),
    "ring": (30, 80, 150),
    "little": (200, 0, 160),
}
OKABE_ITO = {  # blue, sky blue, bluish green, vermilion and reddish purple of their palette, nearest to the paper's
    "thumb": "#0072b2",
    "index": "#56b4e9",
    "middle": "#009e73",
    "ring": "#d55e00",
    "little": "#cc79a7",
}
WRIST_COLOUR = (255, 255, 255)
MASK_COLOUR = (255, 80, 0)
MASK_ALPHA = 0.45
UNKNOWN_COLOUR = (40, 40, 255)
UNKNOWN_ALPHA = 0.2  # between the lines of the hatching
HATCHES = 32  # lines along the image's larger side
HEAT_ALPHA = 0.55
HEAT_COLOURS = cv2.COLORMAP_INFERNO
PANEL_TILE = (160, 160)  # pixels
PANEL_COLUMNS = 7
SUBPIXEL_BITS = 4
FAR = 1e5  # pixels: keypoints further out are drawn there, as OpenCV's numbers end
MAX_BOXES = 2.5  # lines and dots are sized for an image of at most so many sides of the hand's box


class DrawableHand(Protocol):
    """What ``figure_panels`` needs of a maskpose.Hand."""

    keypoints: npt.NDArray[np.float64]
    confidences: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_] | None
    heatmaps: npt.NDArray[np.float32] | None
    grid_to_image: npt.NDArray[np.float64]
    present: bool


class DrawableSample(Protocol):
    """What ``draw_labels`` needs of a maskpose.data.sample.Sample."""

    keypoints: npt.NDArray[np.float32]
    visible: npt.NDArray[np.bool_]

    def decode_mask(self) -> npt.NDArray[np.uint8] | None:
        """Return the mask (h, w), or None."""
        ...

    def decode_unknown(self) -> npt.NDArray[np.uint8] | None:
        """Return the unknown pixels (h, w), or None."""
        ...


def overlay(
    image: npt.NDArray[np.uint8],
    keypoints: npt.ArrayLike,
    confidences: npt.ArrayLike,
    threshold: float,
    mask: npt.NDArray | None = None,
    unknown: npt.NDArray | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a copy of the image with the skeleton drawn over it, and the mask tinted and outlined.

    A bone is drawn if both its keypoints are. Lines and dots grow with the image; in an image of more than MAX_BOXES
    sides of the hand's box, they grow with the hand.

    Args:
        image: (h, w, 3).
        keypoints: (21, 2) pixels; those that are not finite are not drawn.
        confidences: (21,).
        threshold: only keypoints with a larger confidence are drawn (section 3.3).
        mask: (h, w) bool or uint8, true if not zero.
        unknown: (h, w) bool or uint8: pixels that may be hand or not, which are hatched.
    """
    canvas = image.copy() if unknown is None else hatch_unknown(image, unknown)
    canvas = canvas if mask is None else tint_mask(canvas, mask)
    keypoints = np.asarray(keypoints, float)
    shown = np.isfinite(keypoints).all(axis=1) & (np.asarray(confidences) > threshold)
    scale = 1 << SUBPIXEL_BITS
    points = np.rint(np.clip(np.nan_to_num(keypoints), -FAR, FAR) * scale).astype(int).tolist()
    size = max(image.shape[:2])
    if shown.sum() > 1:
        size = min(size, MAX_BOXES * np.ptp(keypoints[shown], axis=0).max())
    thickness = max(1, round(size / 200))
    radius = max(1.0, size / 130)
    colours = [WRIST_COLOUR] + [FINGER_COLOURS[finger] for finger in FINGERS for _ in range(4)]
    for start, end in BONES:
        if shown[start] and shown[end]:
            cv2.line(canvas, points[start], points[end], colours[end], thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for number in np.flatnonzero(shown):
        cv2.circle(canvas, points[number], round(radius * scale), colours[number], -1, cv2.LINE_AA, SUBPIXEL_BITS)
    return canvas


def draw_labels(image: npt.NDArray[np.uint8], sample: DrawableSample) -> npt.NDArray[np.uint8]:
    """Return a copy of the image with a sample's labels: visible keypoints, mask, unknown pixels."""
    mask, unknown = sample.decode_mask(), sample.decode_unknown()
    return overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, mask, unknown)


def tint_mask(image: npt.NDArray[np.uint8], mask: npt.NDArray) -> npt.NDArray[np.uint8]:
    """Return a copy of the image with the pixels of the mask (h, w), true if not zero, tinted and outlined."""
    inside = (np.asarray(mask) != 0).astype(np.uint8)
    tinted = cv2.addWeighted(image, 1 - MASK_ALPHA, np.full_like(image, MASK_COLOUR), MASK_ALPHA, 0)
    canvas = np.where(inside[..., None] > 0, tinted, image)
    outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(image.shape[:2]) / 300))
    return np.asarray(cv2.drawContours(canvas, outlines, -1, MASK_COLOUR, thickness, cv2.LINE_AA), np.uint8)


def hatch_unknown(image: npt.NDArray[np.uint8], unknown: npt.NDArray) -> npt.NDArray[np.uint8]:
    """Return a copy of the image with the unknown pixels (h, w), true if not zero, hatched in red."""
    height, width = image.shape[:2]
    period = max(6, max(height, width) // HATCHES)
    y, x = np.ogrid[:height, :width]
    on_line = (x + y) % period < max(2, period // 4)
    colour = np.array(UNKNOWN_COLOUR, np.uint8)
    tinted = cv2.addWeighted(image, 1 - UNKNOWN_ALPHA, np.full_like(image, UNKNOWN_COLOUR), UNKNOWN_ALPHA, 0)
    hatched = np.where(on_line[..., None], colour, tinted)
    return np.where((np.asarray(unknown) != 0)[..., None], hatched, image).astype(np.uint8, copy=False)


def heatmap_panel(
    image: npt.NDArray[np.uint8],
    heatmaps: npt.NDArray[np.floating],
    confidences: npt.ArrayLike,
    grid_to_image: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint8]:
    """Return a contact sheet of every heatmap over the image, with its keypoint's name and confidence.

    The sheet is at most 7 tiles of 160 pixels wide, whatever the image's size.

    Args:
        image: (h, w, 3).
        heatmaps: (21, h', w'), or (22, h', w') with the background map last. Colours span the values 0 to 1.
        confidences: (21,).
        grid_to_image: 2x3, from heatmap cells to image pixels.
    """
    height, width = image.shape[:2]
    size = fitting_size((width, height), PANEL_TILE)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    grid_to_tile = _resize_affine((width, height), size) @ np.vstack([grid_to_image, [0, 0, 1]])
    tiles = [_blend(small, _on_image(heatmap, grid_to_tile, small)) for heatmap in heatmaps]
    captions = [f"{name} {confidence:.2f}" for name, confidence in zip(KEYPOINT_NAMES, np.asarray(confidences))]
    return contact_sheet(tiles, PANEL_COLUMNS, size, [*captions, "background"][: len(tiles)])


def figure_panels(
    image: npt.NDArray[np.uint8], hands: Sequence[DrawableHand], threshold: float
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the panels of the paper's Fig. 5 and 8, each over the image: "mask", "pose" and "heatmaps".

    What a variant does not give leaves the image as it is.

    Args:
        image: (h, w, 3).
        hands: of the image; those that are not present are skipped. Of all their keypoints' heatmaps, the largest
            value shows.
        threshold: only keypoints with a larger confidence are drawn.
    """
    mask = pose = heat = image
    hands = [hand for hand in hands if hand.present]
    maps = []
    for hand in hands:
        pose = overlay(pose, hand.keypoints, hand.confidences, threshold)
        if hand.mask is not None:
            mask = tint_mask(mask, hand.mask)
        if hand.heatmaps is not None:
            maps.append(_on_image(hand.heatmaps[:-1].max(axis=0), hand.grid_to_image, image))
    if maps:
        heat = _blend(image, np.maximum.reduce(maps))
    return {"mask": mask, "pose": pose, "heatmaps": heat}


def _resize_affine(old: tuple[int, int], new: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the 2x3 map of a resize between sizes (width, height) that keeps the image's outer edges in place."""
    scale_x, scale_y = new[0] / old[0], new[1] / old[1]
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2]])


def _on_image(
    heatmap: npt.NDArray[np.floating], grid_to_image: npt.NDArray[np.float64], image: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Return a heatmap (h', w') laid over an image, (h, w); 0 further than a cell beyond it."""
    wider = np.pad(np.asarray(heatmap, np.float32), 1, mode="edge")
    affine = compose(grid_to_image, translation(-1, -1))
    return np.asarray(cv2.warpAffine(wider, affine, image.shape[1::-1], flags=cv2.INTER_LINEAR), np.float32)


def _blend(image: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the image blended with the colours of (h, w) values from 0 to 1."""
    colours = cv2.applyColorMap(np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8), HEAT_COLOURS)
    return np.asarray(cv2.addWeighted(image, 1 - HEAT_ALPHA, colours, HEAT_ALPHA, 0), np.uint8)
