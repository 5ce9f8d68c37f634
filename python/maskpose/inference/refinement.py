"""The refinement pass: the square about the hand of the first pass, and the mean of both passes' maps."""

import numpy as np
import numpy.typing as npt

from maskpose import boxes, geometry
from maskpose.boxes import Box
from maskpose.codecs import heatmaps
from maskpose.codecs.preprocessing import crop_affine
from maskpose.inference.hand import Hand
from maskpose.model.variants import STRIDE

MARGIN = 1.8  # side of the square in sides of the box of keypoints and mask (docs/prediction.md)
MIN_KEYPOINTS = 3  # detected keypoints that make a square without a mask


def refinement_square(hand: Hand, threshold: float, min_side: int = 0) -> Box | None:
    """Return the square for the refinement pass: about the hand's detected keypoints and the region of its mask there.

    Args:
        hand: of the first pass.
        threshold: of confidence, above which a keypoint is detected.
        min_side: pixels that the side has at least.

    Returns:
        The square, which reaches beyond the image if the hand is near the border. None if the hand has neither
        MIN_KEYPOINTS detected keypoints nor a mask region.
    """
    points = hand.keypoints[hand.confidences > threshold]
    region = boxes.region_with_most(hand.mask, points)
    if region is not None:
        points = np.concatenate([points, boxes.corners(region)])
    elif len(points) < MIN_KEYPOINTS:
        return None
    return boxes.square(points, MARGIN, min_side)


def average_passes(
    refined: dict[str, npt.NDArray[np.float32]],
    square: Box,
    first: dict[str, npt.NDArray[np.float32]],
    crop: Box,
    image_size: tuple[int, int],
    input_size: int,
    first_weight: float,
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weighted mean of first and refinement pass's maps, on the grid of the refinement pass.

    Cells on the image that lie outside the first pass's crop keep the refinement pass's values.

    Args:
        refined: the refinement pass's outputs, {blob: (C, m/8, m/8)}.
        square: what the refinement pass saw, in the image's pixels.
        first: the first pass's outputs, {blob: (C, m/8, m/8)}.
        crop: what the first pass saw, in the image's pixels.
        image_size: width and height of the image.
        input_size: m, the side of the network's input in pixels.
        first_weight: of the first pass, 0 to 1; the refinement pass has the rest.
    """
    grid, side = geometry.grid_affine(STRIDE), input_size // STRIDE
    image_to_cells = geometry.compose(grid, crop_affine(square, input_size))
    first_to_refined = geometry.compose(
        image_to_cells, geometry.invert(crop_affine(crop, input_size)), geometry.invert(grid)
    )
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1)
    points = geometry.apply(geometry.invert(image_to_cells), cells)
    x, y, w, h = crop
    only_refined = geometry.inside(points, *image_size) & ~geometry.inside(points - (x, y), w, h)
    weight = np.where(only_refined, 0, first_weight).astype(np.float32)  # of the first pass
    return {
        blob: np.stack(
            [
                one + weight * (heatmaps.resample_map(other, first_to_refined, side) - one)
                for one, other in zip(maps, first[blob])
            ]
        )
        for blob, maps in refined.items()
    }
