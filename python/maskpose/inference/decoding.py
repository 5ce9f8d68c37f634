"""From the network's outputs to a hand: keypoints, heatmaps, mask and score (section 3.3, Inference)."""

from collections.abc import Sequence

import numpy as np

from maskpose import geometry
from maskpose.boxes import Box
from maskpose.codecs import heatmaps
from maskpose.codecs.masks import mask_from_probability
from maskpose.codecs.preprocessing import clip_crop, crop_affine
from maskpose.inference import pyramid, search
from maskpose.inference.hand import Hand
from maskpose.inference.outputs import Outputs
from maskpose.model.variants import NUM_KEYPOINTS, STRIDE, Variant


def decode_hand(
    outputs: Sequence[Outputs], crops: Sequence[Box], image_size: tuple[int, int], variant: Variant, threshold: float
) -> Hand:
    """Return the hand in an image, from one pass or from the levels of a pyramid.

    Each keypoint comes from its most confident crop, the mask from the first crop.

    Args:
        outputs: {blob: (C, m/8, m/8)} per crop.
        crops: in the image's pixels, each with a pixel of the image in it.
        image_size: width and height of the image.
        variant: what the network is.
        threshold: the score from which on there is a hand.
    """
    width, height = image_size
    to_inputs = [crop_affine(crop, variant.input_size) for crop in crops]
    to_image = geometry.invert(geometry.compose(geometry.grid_affine(STRIDE), to_inputs[0]))
    hand = Hand(np.full((NUM_KEYPOINTS, 2), np.nan), np.zeros(NUM_KEYPOINTS, np.float32), None, None, to_image)
    if variant.pose:
        maps = [output[variant.heatmap_blob] for output in outputs]
        decoded = [
            heatmaps.decode_keypoints(level, to_input, clip_crop(crop, width, height))
            for level, to_input, crop in zip(maps, to_inputs, crops)
        ]
        points, confidences = (np.stack(values) for values in zip(*decoded))
        hand.keypoints, hand.confidences = pyramid.most_confident_level(points, confidences)
        hand.heatmaps = heatmaps.merge_heatmaps(maps, to_inputs)
    if variant.mask:
        x, y, w, h = clip_crop(crops[0], width, height)
        hand.mask = np.zeros((height, width), bool)
        to_crop = geometry.compose(geometry.translation(-x, -y), to_image)
        hand.mask[y : y + h, x : x + w] = mask_from_probability(outputs[0]["mask_prob"][1], to_crop, w, h)
    mask_probability = outputs[0]["mask_prob"][1] if variant.mask else 1.0
    hand.score = search.score(hand.confidences if variant.pose else 1.0, mask_probability)
    hand.present = hand.score >= threshold
    return hand


def score_outputs(outputs: Sequence[Outputs], variant: Variant) -> float:
    """Return how certain passes are of a hand, 0 to 1, from the cells of their maps: what decides about a search.

    It is the mean of the heatmaps' largest cells over all of ``outputs``, each clipped to 0 to 1. The mask counts only
    for a variant without a pose stage.
    """
    if variant.pose:
        maps = np.stack([output[variant.heatmap_blob][:NUM_KEYPOINTS] for output in outputs])
        return search.score(maps.max(axis=(0, 2, 3)))
    return search.score(np.stack([output["mask_prob"][1] for output in outputs]).max())
