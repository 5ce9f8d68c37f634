"""From a photograph to its hand: mask, keypoints, confidences, heatmaps (section 3.3, Inference)."""

from dataclasses import dataclass

import cv2
import numpy as np

from maskpose import geometry, heatmaps, pyramid
from maskpose.batches import FILL, network_input
from maskpose.engines import open_engine
from maskpose.errors import InputError
from maskpose.files import REPOSITORY
from maskpose.variants import DEFAULT_VARIANT, KEYPOINTS, STRIDE, get_variant

THRESHOLD = 0.2  # of a keypoint's confidence, the paper's
MASK_THRESHOLD = 0.5
BATCH = 8  # pyramid levels that go through the network at once


@dataclass
class Hand:
    """What the network found in one photograph, in the photograph's own pixels."""

    keypoints: np.ndarray  # (21, 2) float64, x and y of the best position; NaN without a pose stage
    confidences: np.ndarray  # (21,) float32, about 0 to 1
    mask: np.ndarray | None  # (h, w) bool; None without a mask stage
    heatmaps: np.ndarray | None  # (22, m/8, m/8) float32; over the pyramid: the levels' maximum
    grid_to_image: np.ndarray  # 2x3, heatmap cells to pixels


class Predictor:
    """A variant of the cascade with its weights, ready for photographs."""

    def __init__(self, variant=DEFAULT_VARIANT, weights_path=None, use_pyramid=None, seed=1, engine="auto"):
        """variant: a name in ``maskpose.variants``; weights_path: the repository's own where None;
        use_pyramid: the paper's test time, or one pass (False), or as the variant says (None); seed: of the
        pyramid's crops; engine: a name in ``maskpose.engines``, or "auto" for the fastest there is, or an engine.
        Raises InputError for weights that are missing or of another variant, and for an engine that is not there.
        """
        self.variant = get_variant(variant)
        self.use_pyramid = self.variant.pyramid if use_pyramid is None else use_pyramid
        self.seed = seed
        if isinstance(engine, str):
            engine = open_engine(engine, self.variant, weights_path or default_weights(self.variant))
        self.engine = engine

    def predict(self, image):
        """The hand in ``image`` (h, w, 3) uint8 BGR, as a Hand."""
        height, width = image.shape[:2]
        crops = pyramid.crops(width, height, self.seed) if self.use_pyramid else [(0, 0, width, height)]
        size = self.variant.input_size
        views = [crop_affine(crop, size) for crop in crops]
        inputs = [
            network_input(geometry.warp(image[y : y + h, x : x + w], geometry.fit_affine(w, h, size), size, FILL))
            for x, y, w, h in crops
        ]
        outputs = self._forward(np.stack(inputs))
        to_image = geometry.invert(geometry.compose(geometry.grid_affine(STRIDE), views[0]))
        hand = Hand(np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS, np.float32), None, None, to_image)
        if self.variant.pose:
            maps = outputs[self.variant.heatmap_blob]
            decoded = [decode(m, view, crop) for m, view, crop in zip(maps, views, crops)]
            hand.keypoints, hand.confidences = pyramid.winners(*map(np.stack, zip(*decoded)))
            hand.heatmaps = merge_heatmaps(maps, views)
        if self.variant.mask:
            hand.mask = decode_mask(outputs["mask_prob"][0, 1], to_image, width, height)
        return hand

    def _forward(self, inputs):
        """Network outputs {blob: (N, C, m/8, m/8)} of inputs (N, 3, m, m), a few at a time."""
        chunks = [self.engine(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def default_weights(variant):
    """The repository's weights of a variant; InputError where it has none."""
    path = REPOSITORY / "weights" / f"{variant.name.replace('/', '_')}.caffemodel"
    if not path.is_file():
        raise InputError(f"the repository has no weights for {variant.name}: give some with --weights")
    return path


def crop_affine(crop, size):
    """Photograph to network input for a crop (x, y, w, h): cut out, resize, put top left."""
    x, y, w, h = crop
    return geometry.compose(geometry.fit_affine(w, h, size), geometry.translation(-x, -y))


def decode(maps, view, crop):
    """Keypoints (21, 2) in the photograph's pixels and confidences (21,) from one level's (22, m', m') maps.

    view: photograph to input, 2x3; crop: (x, y, w, h) of the level. Only input pixels whose centre lies on
    the crop can be chosen.
    """
    x, y, w, h = crop
    tau = geometry.affine_scale(view)
    width, height = max(1, int(tau * w + 1e-6)), max(1, int(tau * h + 1e-6))
    points, confidences = heatmaps.upsampled_peaks(maps[:KEYPOINTS], width, height, STRIDE)
    points = geometry.apply(geometry.invert(view), points)
    return np.clip(points, (x, y), (x + w - 1, y + h - 1)), confidences


def decode_mask(probability, grid_to_image, width, height):
    """(height, width) bool mask from the (m', m') probability of hand."""
    full = cv2.warpAffine(
        probability, grid_to_image, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return full > MASK_THRESHOLD


def merge_heatmaps(maps, views):
    """One (22, m', m') set on the first level's grid: the levels' maximum, background their minimum."""
    grid = geometry.grid_affine(STRIDE)
    merged = maps[0].copy()
    side = merged.shape[-1]
    for level, view in zip(maps[1:], views[1:]):
        affine = geometry.compose(grid, views[0], geometry.invert(view), geometry.invert(grid))
        for channel, one in enumerate(level):
            empty = float(channel == KEYPOINTS)  # beyond the crop: no joint, all background
            moved = cv2.warpAffine(one, affine, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=empty)
            pick = np.minimum if empty else np.maximum
            merged[channel] = pick(merged[channel], moved)
    return merged
