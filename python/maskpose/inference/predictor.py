"""From a photograph to its hand: mask, keypoints, confidences, heatmaps (section 3.3, Inference)."""

import itertools
import operator
import os
import threading
from collections import deque

import numpy as np

from maskpose import boxes, geometry
from maskpose.codecs import heatmaps
from maskpose.codecs.masks import mask_from_probability
from maskpose.codecs.preprocessing import clip_crop, crop_affine, crop_to_input
from maskpose.errors import InputError
from maskpose.inference import pyramid
from maskpose.inference import search as searching
from maskpose.inference.arguments import share_of_one, whole_number, yes_or_no
from maskpose.inference.engines import open_engine, refuse_overflow
from maskpose.inference.hand import MIN_DETECTED_KEYPOINTS, THRESHOLD, Hand
from maskpose.io import images
from maskpose.io.files import REPOSITORY
from maskpose.model.variants import DEFAULT_VARIANT, KEYPOINTS, STRIDE, get_variant

BATCH = 8  # pictures that go through the network at once
END = object()  # after the last photograph
ENLARGED = 2  # times at most that a second look enlarges the photograph: what is blurred says little


class Predictor:
    """A variant of the cascade with its weights, ready for photographs.

    >>> hand = Predictor().predict("photo.jpg")
    >>> hand.keypoints.shape, hand.mask.shape, hand.score > 0.5
    ((21, 2), (480, 640), True)
    """

    def __init__(
        self, variant=DEFAULT_VARIANT, weights_path=None, use_pyramid=None, seed=1, engine="auto", *,
        precision=None, levels=None, centred=False, mirror=False, refine=None, batch=BATCH, search=None,
        score_threshold=None,
    ):  # fmt: skip
        """variant: a name in ``maskpose.model.variants``.
        weights_path: a caffemodel, an HDF5 file, or what tools/export.py wrote; None: the repository's own.
        use_pyramid: the paper's test time (True), one pass (False), or as the variant says (None).
        seed, levels, centred: the pyramid's alone: of its random crops, 0 or more; how many levels at most, None for
        all; crops in the middle rather than at random.
        engine: a name in ``engines.ENGINES``; "auto", the fastest there is; or an engine, which then has the weights.
        precision: one of ``PRECISIONS``, OpenVINO's alone; None: fp32, or an exported file's own.
        mirror: average with the maps of the mirrored picture. refine: look again, at a mirrored square about the hand
        that the first look found; None: as the variant says, where use_pyramid is None too. batch: how many pictures
        go through the network at once, which changes no result but by rounding.
        search: where the first look is not sure of a hand, look at overlapping tiles too, and go on from the surest;
        None: as the variant says, where use_pyramid is None too. score_threshold: Hand.score, 0 to 1, below which no
        hand was found; None: the variant's.

        Threads may share a predictor: they take turns at the network.
        Raises InputError for weights that are missing or of another variant, for an engine that is not there, and for
        an argument that is not as said here.
        """
        self.variant = get_variant(variant)
        pyramid_asked, refine_asked = yes_or_no("use_pyramid", use_pyramid), yes_or_no("refine", refine)
        self.use_pyramid = self.variant.pyramid if pyramid_asked is None else pyramid_asked
        self.seed, self.centred = whole_number("seed", seed, 0), yes_or_no("centred", centred)
        self.levels = None if levels is None else whole_number("levels", levels, 1)
        self.mirror, self.batch = yes_or_no("mirror", mirror), whole_number("batch", batch, 1)
        self.refine = self.variant.refine and pyramid_asked is None if refine_asked is None else refine_asked
        search_asked = yes_or_no("search", search)
        self.search = self.variant.search and pyramid_asked is None if search_asked is None else search_asked
        threshold = self.variant.score_threshold if score_threshold is None else score_threshold
        self.score_threshold = share_of_one("score_threshold", threshold)
        self.weights_path = weights_path
        if isinstance(engine, str):
            self.weights_path = weights_path or default_weights(self.variant)
            engine = open_engine(engine, self.variant, self.weights_path, precision)
        elif not callable(engine):
            raise InputError(f"engine: expected a name or a function, not {engine!r}")
        self.engine = engine
        self._turn = threading.Lock()

    def predict(self, image):
        """The hand in ``image``, (h, w, 3) uint8 BGR or a photograph's path, as a Hand.

        Raises InputError for a file that cannot be read, and for an array of another shape or type.
        """
        return next(self.predict_many([image]))

    def predict_many(self, photographs):
        """Yield the Hand of each of ``photographs``, as ``predict`` takes them, in order.

        They share batches, which is faster than one at a time, and are read no further ahead than a batch.
        Raises InputError for one photograph in the place of several.
        """
        if isinstance(photographs, (str, os.PathLike)) or getattr(photographs, "ndim", 4) != 4:
            raise InputError("expected several photographs, such as a list: predict takes one")
        waiting, inputs, outputs = deque(), [], []
        for photograph in itertools.chain(photographs, [END]):
            if photograph is not END:
                image = images.as_image(photograph)
                crops = self.crops(0, 0, *image.shape[1::-1])
                waiting.append((image, crops))
                inputs += [crop_to_input(image, crop, self.variant.input_size) for crop in crops]
            while len(inputs) >= self.batch or (photograph is END and inputs):
                outputs += self._forward(np.stack(inputs[: self.batch]))
                inputs = inputs[self.batch :]
            while waiting and len(outputs) >= len(waiting[0][1]):
                image, crops = waiting.popleft()
                yield self._found(image, crops, outputs[: len(crops)], self.search)
                outputs = outputs[len(crops) :]

    def predict_hands(self, image, count=2):
        """Up to ``count`` Hands in ``image``, the one with the largest mask first.

        One pass over the whole photograph gives a mask, which is divided into its connected parts; each part's region
        is looked at by itself, as this predictor looks at a photograph. A part without a third of the keypoints is no
        hand beside others. With ``search`` the tiles that show a hand are looked at more closely, too; of hands that
        lie on one another the surest stays. There is always one: where no part has as many, that of the largest part;
        where the mask shows nothing, as ``predict`` sees the whole photograph. Hands that touch in the mask are taken
        for one.
        Raises InputError as ``predict`` does, for a ``count`` below 1, and for a variant without a mask stage.
        """
        if not self.variant.mask:
            raise InputError(f"{self.variant.name} has no mask stage to tell hands apart by")
        count = whole_number("count", count, 1)
        image = images.as_image(image)
        height, width = image.shape[:2]
        whole = [(0, 0, width, height)]
        found = boxes.parts(self._hand(image, whole, self._look(image, whole)).mask, count)
        hands = []
        for part in found:
            hand = self.predict_region(image, boxes.around(boxes.corners(part), width, height))
            others = np.logical_or.reduce([other for other in found if other is not part] or [np.zeros_like(part)])
            hand.mask &= ~others
            hands.append(hand)
        if self.search:
            hands = boxes.apart([*hands, *self._in_tiles(image, count)])
            hands.sort(key=lambda hand: -np.count_nonzero(hand.mask))
        sure = [hand for hand in hands if hand.present and hand.detected() >= MIN_DETECTED_KEYPOINTS]
        return sure[:count] or hands[:1] or [self.predict(image)]

    def _in_tiles(self, image, count):
        """The Hands about which tiles are surest, up to ``count`` and two more, each from a look of its own."""
        tiles = searching.tiles(*image.shape[1::-1])
        seen = self._look(image, tiles)
        scores = [self._score([output]) for output in seen]
        best = [n for n in np.argsort(-np.array(scores), kind="stable") if scores[n] >= self.variant.sure_of_tile]
        return [self._found(image, [tiles[n]], [seen[n]]) for n in best[: count + 2]]

    def predict_region(self, image, region):
        """The Hand in the region (x, y, w, h) of ``image`` alone, in the whole photograph's pixels.

        The region may reach beyond the photograph. Raises InputError as ``predict`` does, and for one outside it.
        """
        image = images.as_image(image)
        try:
            x, y, w, h = map(operator.index, region)
        except (TypeError, ValueError):
            raise InputError(f"expected a region (x, y, w, h) of whole pixels, not {region!r}") from None
        crops = self._crops_in(image, (x, y, w, h)) if min(w, h) > 0 else []
        if not crops:
            raise InputError(f"the region {region} lies outside the picture of {image.shape[1]} x {image.shape[0]}")
        return self._found(image, crops, self._look(image, crops))

    def _crops_in(self, image, region):
        """The ``crops`` of a region of whole pixels that show some of ``image``."""
        height, width = image.shape[:2]
        return [crop for crop in self.crops(*region) if min(clip_crop(crop, width, height)[2:]) > 0]

    def _look(self, image, crops, mirrored=False):
        """What the network says, {blob: (C, m/8, m/8)}, to each of ``crops``, seen in a mirror if so."""
        inputs = np.stack([crop_to_input(image, crop, self.variant.input_size) for crop in crops])
        if not mirrored:
            return self._forward(inputs)
        return [flipped(one) for one in self._forward(np.ascontiguousarray(inputs[..., ::-1]))]

    def _found(self, image, crops, outputs, search=False):
        """The Hand of a first look's ``outputs``, or of that and those that this predictor takes besides."""
        if search and self._score(outputs) < self.variant.sure:
            crops, outputs = self._surest(image, crops, outputs)
        hand = self._hand(image, crops, outputs)
        region = boxes.of_hand(hand, THRESHOLD, self.variant.input_size // ENLARGED) if self.refine else None
        if region is None:
            return hand
        crops_again = self._crops_in(image, region)
        again = self._look(image, crops_again, mirrored=not self.mirror)
        if not self.use_pyramid:
            again = [self._blended(again[0], crops_again[0], outputs[0], crops[0], image.shape)]
        return self._hand(image, crops_again, again)

    def _surest(self, image, crops, outputs):
        """(crops, outputs) of the tile of ``image`` that is surest of a hand, or as given, where no tile is sure."""
        tiles = searching.tiles(*image.shape[1::-1])
        seen = self._look(image, tiles)
        best = max(range(len(tiles)), key=lambda n: self._score(seen[n : n + 1]))
        if self._score(seen[best : best + 1]) < self.variant.sure_of_tile:
            return crops, outputs
        return [tiles[best]], seen[best : best + 1]

    def _score(self, outputs):
        """Hand.score of a look's ``outputs``, {blob: (C, m/8, m/8)} a crop, by their cells, without decoding them."""
        if self.variant.pose:
            maps = np.stack([output[self.variant.heatmap_blob][:KEYPOINTS] for output in outputs])
            return searching.score(maps.max(axis=(0, 2, 3)))
        return searching.score(np.stack([output["mask_prob"][1] for output in outputs]).max())

    def _blended(self, second, region, first, crop, shape):
        """The mean of what two looks say, {blob: (C, m/8, m/8)}, on the second one's grid.

        In the parts of the photograph of ``shape`` (h, w, …) that the first look did not see, the second's alone.
        """
        grid, size = geometry.grid_affine(STRIDE), self.variant.input_size
        views = [crop_affine(one, size) for one in (region, crop)]
        affine = geometry.compose(grid, views[0], geometry.invert(views[1]), geometry.invert(grid))
        side = size // STRIDE
        cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1)
        points = geometry.apply(geometry.invert(geometry.compose(grid, views[0])), cells)
        x, y, w, h = crop
        unseen = geometry.inside(points, shape[1], shape[0]) & ~geometry.inside(points - (x, y), w, h)
        share = np.where(unseen, 0, 0.5).astype(np.float32)
        return {
            name: np.stack([
                one + share * (heatmaps.resample_map(other, affine, side) - one)
                for one, other in zip(maps, first[name])
            ])
            for name, maps in second.items()
        }  # fmt: skip

    def crops(self, x, y, width, height):
        """[(x, y, w, h)]: the parts of a region that are looked at, the whole of it first."""
        if not self.use_pyramid:
            return [(x, y, width, height)]
        levels = pyramid.crops(width, height, self.seed, self.levels, self.centred)
        return [(x + left, y + top, *size) for left, top, *size in levels]

    def _hand(self, image, crops, outputs):
        """The Hand of what the network says, {blob: (C, m/8, m/8)}, to each crop."""
        height, width = image.shape[:2]
        views = [crop_affine(crop, self.variant.input_size) for crop in crops]
        to_image = geometry.invert(geometry.compose(geometry.grid_affine(STRIDE), views[0]))
        hand = Hand(np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS, np.float32), None, None, to_image)
        if self.variant.pose:
            maps = [output[self.variant.heatmap_blob] for output in outputs]
            decoded = [
                heatmaps.decode_keypoints(level, view, clip_crop(crop, width, height))
                for level, view, crop in zip(maps, views, crops)
            ]
            hand.keypoints, hand.confidences = pyramid.most_confident_level(*map(np.stack, zip(*decoded)))
            hand.heatmaps = heatmaps.merge_heatmaps(maps, views)
        if self.variant.mask:
            x, y, w, h = clip_crop(crops[0], width, height)
            hand.mask = np.zeros((height, width), bool)
            to_crop = geometry.compose(geometry.translation(-x, -y), to_image)
            hand.mask[y : y + h, x : x + w] = mask_from_probability(outputs[0]["mask_prob"][1], to_crop, w, h)
        hand.score = searching.score(hand.confidences) if self.variant.pose else self._score(outputs[:1])
        hand.present = hand.score >= self.score_threshold
        return hand

    def _forward(self, inputs):
        """[{blob: (C, m/8, m/8)}] of inputs (N, 3, m, m), a few at a time; with ``mirror``, means of both sides."""
        results = []
        for start in range(0, len(inputs), self.batch):
            now = inputs[start : start + self.batch]
            with self._turn:  # most engines keep what they compute in themselves
                outputs = self._run_network(now)
                mirrored = flipped(self._run_network(np.ascontiguousarray(now[..., ::-1]))) if self.mirror else None
            if self.mirror:
                outputs = {name: (maps + mirrored[name]) / 2 for name, maps in outputs.items()}
            results += [{name: maps[n] for name, maps in outputs.items()} for n in range(len(now))]
        return results

    def _run_network(self, inputs):
        """{blob: (N, C, m/8, m/8)} of inputs (N, 3, m, m). Raises InputError where one is missing or not finite."""
        outputs = self.engine(inputs)
        if self.variant.pose and self.variant.heatmap_blob not in outputs:
            # an engine of another number of sub-stages: the heatmaps are its last one's
            stages = [name for name in outputs if name.startswith("Mconv7_stage")]
            if stages:
                last = max(stages, key=lambda name: (len(name), name))
                outputs = {**outputs, self.variant.heatmap_blob: outputs[last]}
        if missing := [name for name in self.variant.blobs if name not in outputs]:
            raise InputError(f"the engine gives no {missing[0]}, which {self.variant.name} has")
        refuse_overflow(outputs, self.variant, self.weights_path)
        return outputs


def default_weights(variant):
    """The repository's weights of a variant; InputError where it has none."""
    path = REPOSITORY / "weights" / f"{variant.name.replace('/', '_')}.caffemodel"
    if not path.is_file():
        raise InputError(f"the repository has no weights for {variant.name}: give some with --weights")
    return path


def flipped(outputs):
    """{blob: maps}, each mirrored: keypoints keep their numbers, as left and right hands are not distinguished."""
    return {name: maps[..., ::-1] for name, maps in outputs.items()}
