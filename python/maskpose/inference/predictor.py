"""From an image to its hand: mask, keypoints, confidences, heatmaps (section 3.3, Inference)."""

import operator
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.boxes import Box
from maskpose.codecs.preprocessing import clip_crop, crop_to_input
from maskpose.errors import InputError
from maskpose.inference import pyramid
from maskpose.inference import search as searching
from maskpose.inference.arguments import share_of_one, whole_number, yes_or_no
from maskpose.inference.decoding import decode_hand, score_outputs
from maskpose.inference.duplicates import without_duplicates
from maskpose.inference.engines import open_engine
from maskpose.inference.hand import MIN_DETECTED_KEYPOINTS, THRESHOLD, Hand
from maskpose.inference.outputs import Engine, Outputs
from maskpose.inference.passes import PassRunner, in_batches
from maskpose.inference.refinement import average_passes, refinement_square
from maskpose.io.files import shipped
from maskpose.io.images import as_image
from maskpose.io.paths import PathLike
from maskpose.model.variants import DEFAULT_VARIANT, Variant, get_variant

BATCH = 8  # inputs that go through the network at once
MAX_ENLARGEMENT = 2  # of a refinement pass: enlarging a blurred hand further adds nothing
EXTRA_TILES = 2  # tiles beyond the number of hands asked for that are decoded: several may show the same hand
Value = TypeVar("Value")


class Predictor:
    """Finds hands in images, by one variant of the cascade with its weights.

    Threads may share a predictor: they take turns at the network.

    >>> predictor = Predictor()
    >>> hand = predictor.predict("photo.jpg")
    >>> hand.keypoints.shape, hand.mask.shape, hand.score > 0.5
    ((21, 2), (480, 640), True)
    >>> [hand.present for hand in predictor.predict_many(["photo.jpg", "examples/rendered_scenes/Test/source/70.jpg"])]
    [True, False]
    """

    def __init__(
        self,
        variant: str = DEFAULT_VARIANT,
        weights_path: PathLike | None = None,
        use_pyramid: bool | None = None,
        seed: int = 1,
        engine: str | Engine = "auto",
        *,
        precision: str | None = None,
        levels: int | None = None,
        centred: bool | None = False,
        mirror: bool | None = False,
        refine: bool | None = None,
        batch: int = BATCH,
        search: bool | None = None,
        score_threshold: float | None = None,
    ):
        """Load the weights.

        If ``use_pyramid`` is None, the variant chooses the mode: pyramid, refinement and search. Otherwise refinement
        and search are only done if asked for.

        Args:
            variant: a name as maskpose.model.variants.get_variant takes it.
            weights_path: a caffemodel, an HDF5 file, or a file that ``maskpose export`` wrote. None: the repository's
                own weights for the variant.
            use_pyramid: True for the paper's pyramid of crops, False for one pass over the image.
            seed: of the pyramid's random crops, 0 or more.
            engine: a name in maskpose.inference.engines.ENGINES; or "auto", the fastest that is installed; or a
                function from inputs to outputs, which then has the weights.
            precision: one of maskpose.inference.engines.PRECISIONS, for OpenVINO alone. None: fp32, or an exported
                file's own.
            levels: how many levels the pyramid has at most. None: all.
            centred: the pyramid's crops lie in the middle of the image, not at random.
            mirror: average with the maps of the mirrored image.
            refine: make a refinement pass over a square about the hand of the first pass, and over its mirror image.
            batch: how many inputs go through the network at once. It changes results by rounding at most.
            search: if the score of the first pass is low, pass overlapping tiles too and continue from the best one.
            score_threshold: Hand.score, 0 to 1, below which no hand is found. None: the variant's.

        Raises:
            InputError: weights are missing or of another variant, an engine is not installed, or an argument is not
                one of those above.
        """
        self.variant = get_variant(variant)
        chosen_pyramid = yes_or_no("use_pyramid", use_pyramid)
        mode_of_variant = chosen_pyramid is None
        self.use_pyramid = _or_default(chosen_pyramid, self.variant.pyramid)
        self.refine = _or_default(yes_or_no("refine", refine), mode_of_variant and self.variant.refine)
        self.seed, self.centred = whole_number("seed", seed, 0), yes_or_no("centred", centred)
        self.levels = None if levels is None else whole_number("levels", levels, 1)
        self.mirror, self.batch = yes_or_no("mirror", mirror), whole_number("batch", batch, 1)
        self.search = _or_default(yes_or_no("search", search), mode_of_variant and self.variant.search)
        self.score_threshold = self.variant.score_threshold
        if score_threshold is not None:
            self.score_threshold = share_of_one("score_threshold", score_threshold)
        self.weights_path = weights_path
        if isinstance(engine, str):
            self.weights_path = weights_path or default_weights(self.variant)
            engine = open_engine(engine, self.variant, self.weights_path, precision)
        elif not callable(engine):
            raise InputError(f"engine: expected a name or a function, not {engine!r}")
        self.engine = engine
        self._passes = PassRunner(engine, self.variant, self.batch, bool(self.mirror), str(self.weights_path or ""))

    def predict(self, image: npt.NDArray[np.uint8] | PathLike) -> Hand:
        """Return the hand in an image, (h, w, 3) BGR or a file's path.

        Raises:
            InputError: the file cannot be read, or the array has another shape or type.
        """
        return next(self.predict_many([image]))

    def predict_many(self, images: Iterable[npt.NDArray[np.uint8] | PathLike]) -> Iterator[Hand]:
        """Yield the hand of each of several images, in order.

        The images share batches, which is faster than one at a time. They are read at most a batch ahead.

        Args:
            images: each as ``predict`` takes it.

        Raises:
            InputError: as ``predict`` does, and if a single image is given.
        """
        if isinstance(images, (str, os.PathLike)) or getattr(images, "ndim", 4) != 4:
            raise InputError("expected several images, such as a list: predict takes one")
        waiting: deque[tuple[npt.NDArray[np.uint8], list[Box]]] = deque()  # images and their crops
        outputs: list[Outputs] = []  # of the crops of the images that wait, as far as they are computed

        def inputs() -> Iterator[npt.NDArray[np.float32]]:
            for given in images:
                image = as_image(given)
                crops = self.crops(0, 0, *image.shape[1::-1])
                waiting.append((image, crops))
                yield from (crop_to_input(image, crop, self.variant.input_size) for crop in crops)

        for batch in in_batches(inputs(), self.batch):
            outputs += self._passes.run(np.stack(batch))
            while waiting and len(outputs) >= len(waiting[0][1]):
                image, crops = waiting.popleft()
                yield self._complete(image, crops, outputs[: len(crops)], self.search)
                outputs = outputs[len(crops) :]

    def predict_hands(self, image: npt.NDArray[np.uint8] | PathLike, count: int = 2) -> list[Hand]:
        """Return the hands in an image, the one with the largest mask first.

        One pass over the whole image gives a mask. Each of its connected regions is predicted by itself, as
        ``predict_region`` does. With ``search`` the tiles with the highest scores are predicted too, and of hands that
        lie on one another the one with the highest score stays. Hands that touch in the mask are taken for one.

        A hand counts if its score reaches the threshold and a third of its keypoints are detected. If none counts, the
        hand of the largest region is returned; if the mask is empty, what ``predict`` returns.

        Args:
            image: as ``predict`` takes it.
            count: how many hands are returned at most, 1 or more.

        Returns:
            One to ``count`` hands.

        Raises:
            InputError: as ``predict`` does, and if ``count`` is below 1 or the variant has no mask stage.
        """
        if not self.variant.mask:
            raise InputError(f"{self.variant.name} has no mask stage to tell hands apart by")
        count = whole_number("count", count, 1)
        image = as_image(image)
        hands = self._hands_of_mask(image, count)
        if self.search:
            hands = without_duplicates([*hands, *self._hands_in_tiles(image, count)])
            hands.sort(key=_mask_area, reverse=True)
        certain = [hand for hand in hands if hand.present and hand.detected() >= MIN_DETECTED_KEYPOINTS]
        return certain[:count] or hands[:1] or [self.predict(image)]

    def predict_region(self, image: npt.NDArray[np.uint8] | PathLike, region: Sequence[int]) -> Hand:
        """Return the hand in a region of an image, in the pixels of the whole image.

        Args:
            image: as ``predict`` takes it.
            region: (x, y, w, h) in whole pixels; it may reach beyond the image.

        Raises:
            InputError: as ``predict`` does, and if the region is none or lies outside the image.
        """
        image = as_image(image)
        try:
            x, y, w, h = map(operator.index, region)
        except (TypeError, ValueError):
            raise InputError(f"expected a region (x, y, w, h) of whole pixels, not {region!r}") from None
        crops = self._crops_on_image(image, (x, y, w, h)) if min(w, h) > 0 else []
        if not crops:
            raise InputError(f"the region {region} lies outside the image of {image.shape[1]} x {image.shape[0]}")
        return self._complete(image, crops, self._passes.run_crops(image, crops))

    def crops(self, x: int, y: int, width: int, height: int) -> list[Box]:
        """Return the crops of a region that the network sees: the region itself, and the pyramid's further levels."""
        if not self.use_pyramid:
            return [(x, y, width, height)]
        levels = pyramid.crops(width, height, self.seed, self.levels, bool(self.centred))
        return [(x + left, y + top, w, h) for left, top, w, h in levels]

    def _crops_on_image(self, image: npt.NDArray[np.uint8], region: Box) -> list[Box]:
        """Return those of the ``crops`` of a region that show a pixel of the image."""
        height, width = image.shape[:2]
        return [crop for crop in self.crops(*region) if min(clip_crop(crop, width, height)[2:]) > 0]

    def _complete(
        self, image: npt.NDArray[np.uint8], crops: Sequence[Box], outputs: Sequence[Outputs], search: bool = False
    ) -> Hand:
        """Return the hand of a first pass's outputs, after the search and refinement that this predictor makes."""
        if search and score_outputs(outputs, self.variant) < self.variant.sure:
            crops, outputs = self._best_tile(image, crops, outputs)
        hand = self._decode(image, crops, outputs)
        square = None
        if self.refine:
            square = refinement_square(hand, THRESHOLD, self.variant.input_size // MAX_ENLARGEMENT)
        if square is None:
            return hand
        refined_crops = self._crops_on_image(image, square)
        refined = self._passes.run_crops(image, refined_crops, mirror=True)
        if not self.use_pyramid:
            size = image.shape[1], image.shape[0]
            weight = 1 / 2 if self.mirror else 1 / 3  # every run of the network counts the same
            refined = [
                average_passes(
                    refined[0], refined_crops[0], outputs[0], crops[0], size, self.variant.input_size, weight
                )
            ]
        return self._decode(image, refined_crops, refined)

    def _best_tile(
        self, image: npt.NDArray[np.uint8], crops: Sequence[Box], outputs: Sequence[Outputs]
    ) -> tuple[Sequence[Box], Sequence[Outputs]]:
        """Return (crops, outputs) of the tile with the highest score; those given if no tile's score is high enough."""
        tiles, tile_outputs, scores = self._pass_tiles(image)
        best = int(np.argmax(scores))
        if scores[best] < self.variant.sure_of_tile:
            return crops, outputs
        return [tiles[best]], [tile_outputs[best]]

    def _hands_in_tiles(self, image: npt.NDArray[np.uint8], count: int) -> list[Hand]:
        """Return a hand from each of the tiles with the highest scores, ``count`` and EXTRA_TILES of them at most."""
        tiles, outputs, scores = self._pass_tiles(image)
        best = [n for n in np.argsort(-np.array(scores), kind="stable") if scores[n] >= self.variant.sure_of_tile]
        return [self._complete(image, [tiles[n]], [outputs[n]]) for n in best[: count + EXTRA_TILES]]

    def _pass_tiles(self, image: npt.NDArray[np.uint8]) -> tuple[list[Box], list[Outputs], list[float]]:
        """Return the image's tiles, the network's outputs for each, and their scores."""
        tiles = searching.tiles(*image.shape[1::-1])
        outputs = self._passes.run_crops(image, tiles)
        return tiles, outputs, [score_outputs([one], self.variant) for one in outputs]

    def _hands_of_mask(self, image: npt.NDArray[np.uint8], count: int) -> list[Hand]:
        """Return a hand from each of the largest regions of the mask of one pass over the image."""
        height, width = image.shape[:2]
        whole: list[Box] = [(0, 0, width, height)]
        mask = self._decode(image, whole, self._passes.run_crops(image, whole)).mask
        regions = boxes.connected_regions(mask, count) if mask is not None else []
        hands = []
        for region in regions:
            hand = self.predict_region(image, boxes.around(boxes.corners(region), width, height))
            for other in regions:
                if other is not region and hand.mask is not None:
                    hand.mask &= ~other
            hands.append(hand)
        return hands

    def _decode(self, image: npt.NDArray[np.uint8], crops: Sequence[Box], outputs: Sequence[Outputs]) -> Hand:
        size = image.shape[1], image.shape[0]
        return decode_hand(outputs, crops, size, self.variant, self.score_threshold)


def default_weights(variant: Variant) -> Path:
    """Return the repository's weights of a variant. Raises InputError if it has none."""
    path = shipped(f"weights/{variant.name.replace('/', '_')}.caffemodel")
    if not path.is_file():
        raise InputError(f"the repository has no weights for {variant.name}: give some with --weights")
    return path


def _mask_area(hand: Hand) -> int:
    return 0 if hand.mask is None else int(np.count_nonzero(hand.mask))


def _or_default(value: Value | None, default: Value) -> Value:
    return default if value is None else value
