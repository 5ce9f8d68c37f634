"""Pictures of what the network sees and says: keypoints, masks and heatmaps over a photograph.

Pictures are (h, w, 3) uint8 BGR. Coordinates are pixels with pixel centres at integers. Heatmaps come
with `grid_to_image`, the 2×3 affine from heatmap cell coordinates to image pixel coordinates.
"""

import cv2
import numpy as np

from maskpose.geometry import compose, translation
from maskpose.keypoints import BONES, FINGERS, KEYPOINT_NAMES

# The paper's Fig. 11, in BGR: thumb blue, index cyan, middle green, ring brown, little finger purple.
FINGER_COLOURS = {
    "thumb": (255, 60, 0),
    "index": (255, 255, 0),
    "middle": (0, 200, 0),
    "ring": (30, 80, 150),
    "little": (200, 0, 160),
}
WRIST_COLOUR = (255, 255, 255)
MASK_COLOUR = (255, 80, 0)
MASK_ALPHA = 0.45
UNKNOWN_COLOUR = (40, 40, 255)
UNKNOWN_ALPHA = 0.2  # between the lines of the hatching
HATCHES = 32  # lines along the image's larger side
HEAT_ALPHA = 0.55
HEAT_COLOURS = cv2.COLORMAP_INFERNO
PANEL_TILE = (160, 160)
PANEL_COLUMNS = 7
SHEET_GREY = 32
CAPTION_HEIGHT = 18
CAPTION_FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.4
CAPTION_MARGIN = 3
GROUP_GAP = 10
GROUP_GREY = 230
SUBPIXEL_BITS = 4
FAR = 1e5
ROOM = 2.5  # sides of a hand's box that a picture is taken to have for the size of lines and dots, if it has more


def overlay(image, keypoints, confidences, threshold, mask=None, unknown=None):
    """A copy of `image` with the mask tinted and outlined and the skeleton drawn over it.

    `keypoints` is (21, 2) pixels, `confidences` (21,). A keypoint shows when it is finite and its
    confidence is larger than `threshold` (Sec. 3.3), a bone when both its ends show. `mask` and `unknown`, the pixels
    that may be hand or not, are (h, w) bool or uint8, true where not zero. Lines and dots grow with the image, on a
    small hand in it with the hand.
    """
    canvas = image.copy() if unknown is None else hatch_unknown(image, unknown)
    canvas = canvas if mask is None else tint_mask(canvas, mask)
    keypoints = np.asarray(keypoints, float)
    shown = np.isfinite(keypoints).all(axis=1) & (np.asarray(confidences) > threshold)
    scale = 1 << SUBPIXEL_BITS
    at = np.rint(np.clip(np.nan_to_num(keypoints), -FAR, FAR) * scale).astype(int).tolist()
    size = max(image.shape[:2])
    if shown.sum() > 1:
        size = min(size, ROOM * np.ptp(keypoints[shown], axis=0).max())
    thickness = max(1, round(size / 200))
    radius = max(1.0, size / 130)
    colours = [WRIST_COLOUR] + [FINGER_COLOURS[finger] for finger in FINGERS for _ in range(4)]
    for start, end in BONES:
        if shown[start] and shown[end]:
            cv2.line(canvas, at[start], at[end], colours[end], thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for joint in np.flatnonzero(shown):
        cv2.circle(canvas, at[joint], round(radius * scale), colours[joint], -1, cv2.LINE_AA, SUBPIXEL_BITS)
    return canvas


def labelled(image, sample):
    """A copy of `image` with the labels of a maskpose.data.sample.Sample: visible keypoints, mask, unknown pixels."""
    mask, unknown = sample.decode_mask(), sample.decode_unknown()
    return overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, mask, unknown)


def tint_mask(image, mask):
    """A copy of `image` with the (h, w) mask's pixels (bool, or uint8 not zero) tinted and outlined."""
    inside = (np.asarray(mask) != 0).astype(np.uint8)
    tinted = cv2.addWeighted(image, 1 - MASK_ALPHA, np.full_like(image, MASK_COLOUR), MASK_ALPHA, 0)
    canvas = np.where(inside[..., None] > 0, tinted, image)
    outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(image.shape[:2]) / 300))
    return cv2.drawContours(canvas, outlines, -1, MASK_COLOUR, thickness, cv2.LINE_AA)


def hatch_unknown(image, unknown):
    """A copy of `image` with the (h, w) unknown pixels (bool, or uint8 not zero) hatched in red."""
    height, width = image.shape[:2]
    period = max(6, max(height, width) // HATCHES)
    y, x = np.ogrid[:height, :width]
    on_line = (x + y) % period < max(2, period // 4)
    tinted = cv2.addWeighted(image, 1 - UNKNOWN_ALPHA, np.full_like(image, UNKNOWN_COLOUR), UNKNOWN_ALPHA, 0)
    hatched = np.where(on_line[..., None], np.uint8(UNKNOWN_COLOUR), tinted)
    return np.where((np.asarray(unknown) != 0)[..., None], hatched, image)


def heatmap_panel(image, heatmaps, confidences, grid_to_image):
    """A contact sheet of every heatmap over the image, each with its keypoint's name and confidence.

    `heatmaps` is (K, h', w') or, with the background map last, (K + 1, h', w'), K = 21; `confidences` is
    (K,), and the background has none. Colours span the values 0..1. The sheet is at most 7 tiles of 160 pixels
    wide, whatever the image's size.
    """
    height, width = image.shape[:2]
    scale = min(PANEL_TILE[0] / width, PANEL_TILE[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grid_to_tile = _resize_affine((width, height), size) @ np.vstack([grid_to_image, [0, 0, 1]])
    tiles = [_blend_heat(small, heatmap, grid_to_tile) for heatmap in heatmaps]
    captions = [f"{name} {confidence:.2f}" for name, confidence in zip(KEYPOINT_NAMES, confidences)]
    return contact_sheet(tiles, PANEL_COLUMNS, size, [*captions, "background"][: len(tiles)])


def figure_parts(image, hands, threshold):
    """{"mask", "pose", "heatmaps"}: pictures of the paper's Fig. 5 and 8, each over the image.

    `hands` are maskpose.Hand; keypoints show above `threshold`; of all keypoints' heatmaps and all hands, the
    largest value shows. What a variant does not give leaves the image as it is.
    """
    mask = pose = heat = image
    hands = [hand for hand in hands if hand.present]
    for hand in hands:
        pose = overlay(pose, hand.keypoints, hand.confidences, threshold)
        if hand.mask is not None:
            mask = tint_mask(mask, hand.mask)
    maps = [_on_image(hand.heatmaps[:-1].max(axis=0), hand.grid_to_image, image) for hand in hands if _posed(hand)]
    if maps:
        heat = _blend(image, np.maximum.reduce(maps))
    return {"mask": mask, "pose": pose, "heatmaps": heat}


def contact_sheet(images, columns, tile, captions=None, group=None):
    """Pictures in rows of `columns`, each fitted into a `tile` of (width, height) pixels and centred.

    `images` are (h, w, 3) or (h, w) uint8, at least one; `captions` are strings written right below them,
    for which tiles are made as wide as the widest needs. A light line parts every `group` columns from the
    next. Raises ValueError when there is no picture.
    """
    if not len(images):
        raise ValueError("a contact sheet needs at least one picture")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    width, tile_height = tile
    height = tile_height + (CAPTION_HEIGHT if captions is not None else 0)
    width = max([width, *map(_caption_width, captions or ())])
    group = group or columns
    lines = (columns - 1) // group
    sheet = np.full((rows * height, columns * width + lines * GROUP_GAP, 3), GROUP_GREY, np.uint8)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        at = column * width + column // group * GROUP_GAP
        cell = sheet[row * height : (row + 1) * height, at : at + width]
        cell[:] = SHEET_GREY
        if number >= len(images):
            continue
        fitted = _fit(images[number], tile)
        top, left = (tile_height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
        cell[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
        if captions is not None:
            origin = (CAPTION_MARGIN, top + fitted.shape[0] + 13)
            strip = np.full_like(cell, SHEET_GREY)
            cv2.putText(strip, captions[number], origin, *CAPTION_FONT, (255, 255, 255), 1, cv2.LINE_AA)
            cell[top + fitted.shape[0] :] = strip[top + fitted.shape[0] :]
    return sheet


def _caption_width(text):
    """Pixels that a caption needs, margins included."""
    return cv2.getTextSize(text, *CAPTION_FONT, 1)[0][0] + 2 * CAPTION_MARGIN


def _fit(image, tile):
    """The picture in BGR, resized to the largest size of its shape that a (width, height) tile holds."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    height, width = image.shape[:2]
    scale = min(tile[0] / width, tile[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _resize_affine(old, new):
    """2×3 affine of a resize between (w, h) sizes that keeps the picture's outer edges in place."""
    scale_x, scale_y = new[0] / old[0], new[1] / old[1]
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2]])


def _posed(hand):
    return hand.heatmaps is not None


def _blend_heat(image, heatmap, grid_to_image):
    """The image blended with the colours of an (h', w') heatmap, laid over it by a 2×3 affine."""
    return _blend(image, _on_image(heatmap, grid_to_image, image))


def _on_image(heatmap, grid_to_image, image):
    """(h, w) float32: an (h', w') heatmap laid over an image by a 2×3 affine; 0 further than a cell beyond it."""
    wider = np.pad(np.asarray(heatmap, np.float32), 1, mode="edge")
    affine = compose(grid_to_image, translation(-1, -1))
    return cv2.warpAffine(wider, affine, image.shape[1::-1], flags=cv2.INTER_LINEAR)


def _blend(image, heat):
    """The image blended with the colours of (h, w) values from 0 to 1."""
    colours = cv2.applyColorMap(np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8), HEAT_COLOURS)
    return cv2.addWeighted(image, 1 - HEAT_ALPHA, colours, HEAT_ALPHA, 0)
