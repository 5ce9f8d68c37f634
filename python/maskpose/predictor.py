"""From a photograph to its hand: mask, keypoints, confidences, heatmaps (section 3.3, Inference)."""

import itertools
import operator
import os
import threading
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from maskpose import drawing, geometry, heatmaps, images, pyramid, regions
from maskpose.batches import FILL, network_input
from maskpose.engines import open_engine, refuse_overflow
from maskpose.errors import InputError
from maskpose.files import REPOSITORY
from maskpose.inference import search as searching
from maskpose.variants import DEFAULT_VARIANT, KEYPOINTS, STRIDE, get_variant

THRESHOLD = 0.2  # of a keypoint's confidence, the paper's
MASK_THRESHOLD = 0.5
BATCH = 8  # pictures that go through the network at once
ENOUGH = KEYPOINTS // 3  # keypoints above THRESHOLD that make a part of the mask a hand among several
END = object()  # after the last photograph
BLEND = 0.5  # of the first look's larger side: a second look's square from which on both looks count alike


@dataclass(repr=False)
class Hand:
    """What the network found in one photograph, in the photograph's own pixels."""

    keypoints: np.ndarray  # (21, 2) float64, x and y of the best position; NaN without a pose stage
    confidences: np.ndarray  # (21,) float32, about 0 to 1
    mask: np.ndarray | None  # (h, w) bool; None without a mask stage
    heatmaps: np.ndarray | None  # (22, m/8, m/8) float32; over the pyramid: the levels' maximum
    grid_to_image: np.ndarray  # 2x3, heatmap cells to pixels
    score: float = 1.0  # 0 to 1: whether this is a hand at all, maskpose.inference.search.score
    present: bool = True  # whether ``score`` reaches the predictor's threshold; False: no hand was found

    def draw(self, image, threshold=THRESHOLD):
        """``image`` (h, w, 3) uint8 BGR with the mask and the keypoints above ``threshold`` drawn over it.

        Where no hand was found it is the image as it is.
        Raises InputError for an array of another shape or type, and for a picture of another size than the mask's.
        """
        image = as_picture(image)
        if self.mask is not None and self.mask.shape != image.shape[:2]:
            (height, width), (h, w) = self.mask.shape, image.shape[:2]
            raise InputError(f"expected the picture of {width} x {height} pixels that the hand is of, not {w} x {h}")
        if not self.present:
            return image.copy()
        return drawing.overlay(image, self.keypoints, self.confidences, threshold, self.mask)

    def summary(self, threshold=THRESHOLD):
        """In a few words: how many keypoints are above ``threshold``, and how much of the picture is hand."""
        if not self.present:
            return f"no hand found (score {self.score:.2f})"
        found = []
        if np.isfinite(self.keypoints).all():
            found.append(f"{(self.confidences > threshold).sum()} of {KEYPOINTS} keypoints")
        if self.mask is not None:
            found.append(f"hand mask {100 * self.mask.mean():.0f} % of the picture")
        return ", ".join(found)

    def __repr__(self):
        return f"<Hand: {self.summary()}>"


class Predictor:
    """A variant of the cascade with its weights, ready for photographs.

    >>> hand = Predictor().predict("photo.jpg")
    >>> hand.keypoints, hand.confidences, hand.mask, hand.heatmaps
    """

    def __init__(
        self, variant=DEFAULT_VARIANT, weights_path=None, use_pyramid=None, seed=1, engine="auto", *,
        precision=None, levels=None, centred=False, mirror=False, refine=None, batch=BATCH, search=None,
        score_threshold=None,
    ):  # fmt: skip
        """variant: a name in ``maskpose.variants``.
        weights_path: a caffemodel, an HDF5 file, or what tools/export.py wrote; None: the repository's own.
        use_pyramid: the paper's test time (True), one pass (False), or as the variant says (None).
        seed, levels, centred: the pyramid's alone: of its random crops, 0 or more; how many levels at most, None for
        all; crops in the middle rather than at random.
        engine: a name in ``maskpose.engines``; "auto", the fastest there is; or an engine, which then has the weights.
        precision: one of ``maskpose.engines.PRECISIONS``, OpenVINO's alone; None: fp32, or an exported file's own.
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
        self.score_threshold = self.variant.score_threshold if score_threshold is None else share_of_one(
            "score_threshold", score_threshold
        )
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
                image = as_picture(photograph)
                crops = self.crops(0, 0, *image.shape[1::-1])
                waiting.append((image, crops))
                inputs += [cut_out(image, crop, self.variant.input_size) for crop in crops]
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
        image = as_picture(image)
        height, width = image.shape[:2]
        whole = [(0, 0, width, height)]
        found = regions.parts(self._hand(image, whole, self._look(image, whole)).mask, count)
        hands = []
        for part in found:
            hand = self.predict_region(image, regions.around(regions.corners(part), width, height))
            others = np.logical_or.reduce([other for other in found if other is not part] or [np.zeros_like(part)])
            hand.mask &= ~others
            hands.append(hand)
        if self.search:
            hands = regions.apart([*hands, *self._in_tiles(image, count)])
            hands.sort(key=lambda hand: -np.count_nonzero(hand.mask))
        sure = [hand for hand in hands if hand.present and (hand.confidences > THRESHOLD).sum() >= ENOUGH]
        return sure[:count] or hands[:1] or [self.predict(image)]

    def _in_tiles(self, image, count):
        """The Hands about which tiles are surest, up to ``count`` and two more, each from a look of its own."""
        tiles = searching.tiles(*image.shape[1::-1])
        seen = self._look(image, tiles)
        scores = [self._score([output]) for output in seen]
        best = [n for n in np.argsort(-np.array(scores), kind="stable") if scores[n] >= self.score_threshold]
        return [self._found(image, [tiles[n]], [seen[n]]) for n in best[: count + 2]]

    def predict_region(self, image, region):
        """The Hand in the region (x, y, w, h) of ``image`` alone, in the whole photograph's pixels.

        The region may reach beyond the photograph. Raises InputError as ``predict`` does, and for one outside it.
        """
        image = as_picture(image)
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
        return [crop for crop in self.crops(*region) if min(inside(crop, width, height)[2:]) > 0]

    def _look(self, image, crops, mirrored=False):
        """What the network says, {blob: (C, m/8, m/8)}, to each of ``crops``, seen in a mirror if so."""
        inputs = np.stack([cut_out(image, crop, self.variant.input_size) for crop in crops])
        if not mirrored:
            return self._forward(inputs)
        return [flipped(one) for one in self._forward(np.ascontiguousarray(inputs[..., ::-1]))]

    def _found(self, image, crops, outputs, search=False):
        """The Hand of a first look's ``outputs``, or of that and those that this predictor takes besides."""
        if search and self._score(outputs) < self.variant.sure:
            crops, outputs = self._surest(image, crops, outputs)
        hand = self._hand(image, crops, outputs)
        region = regions.of_hand(hand, THRESHOLD) if self.refine else None
        if region is None:
            return hand
        crops_again = self._crops_in(image, region)
        again = self._look(image, crops_again, mirrored=not self.mirror)
        if not self.use_pyramid and region[2] >= BLEND * max(crops[0][2:]):
            again = [self._blended(again[0], crops_again[0], outputs[0], crops[0], image.shape)]
        return self._hand(image, crops_again, again)

    def _surest(self, image, crops, outputs):
        """(crops, outputs) of the tile of ``image`` that is surest of a hand, or as given, where no tile is surer."""
        tiles = searching.tiles(*image.shape[1::-1])
        seen = self._look(image, tiles)
        best = max(range(len(tiles)), key=lambda n: self._score(seen[n : n + 1]))
        if self._score(seen[best : best + 1]) <= self._score(outputs):
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
                one + share * (resample(other, affine, side) - one) for one, other in zip(maps, first[name])
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
            decoded = [decode(m, view, inside(crop, width, height)) for m, view, crop in zip(maps, views, crops)]
            hand.keypoints, hand.confidences = pyramid.winners(*map(np.stack, zip(*decoded)))
            hand.heatmaps = merge_heatmaps(maps, views)
        if self.variant.mask:
            x, y, w, h = inside(crops[0], width, height)
            hand.mask = np.zeros((height, width), bool)
            to_crop = geometry.compose(geometry.translation(-x, -y), to_image)
            hand.mask[y : y + h, x : x + w] = decode_mask(outputs[0]["mask_prob"][1], to_crop, w, h)
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
        if missing := [name for name in self.variant.blobs if name not in outputs]:
            raise InputError(f"the engine gives no {missing[0]}, which {self.variant.name} has")
        refuse_overflow(outputs, self.variant, self.weights_path)
        return outputs


def as_picture(image):
    """(h, w, 3) uint8 BGR of a picture or of a photograph's path. Raises InputError for anything else."""
    if isinstance(image, (str, os.PathLike)):
        return images.read_color(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"expected a path or a picture (h, w, 3) uint8 BGR, not {kind}")
    if not image.size:
        raise InputError("the picture has no pixels")
    return image


def whole_number(name, value, least):
    """``value`` as an int. Raises InputError, with the argument's name, where it is none, or less than ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name}: expected a whole number of {least} or more, not {value!r}")
    return number


def yes_or_no(name, value):
    """``value`` as a bool, or None. Raises InputError, with the argument's name, for anything else."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return value if value is None else bool(value)
    raise InputError(f"{name}: expected True, False or None, not {value!r}")


def share_of_one(name, value):
    """``value`` as a float. Raises InputError, with the argument's name, where it is no number from 0 to 1."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise InputError(f"{name}: expected a number from 0 to 1, not {value!r}")


def default_weights(variant):
    """The repository's weights of a variant; InputError where it has none."""
    path = REPOSITORY / "weights" / f"{variant.name.replace('/', '_')}.caffemodel"
    if not path.is_file():
        raise InputError(f"the repository has no weights for {variant.name}: give some with --weights")
    return path


def inside(crop, width, height):
    """The part (x, y, w, h) of a crop that lies in a photograph of that size."""
    x, y, w, h = crop
    left, top = max(x, 0), max(y, 0)
    return left, top, min(x + w, width) - left, min(y + h, height) - top


def cut_out(image, crop, size):
    """(3, size, size) float32: the network's input for a crop (x, y, w, h) of a picture, grey beyond the picture."""
    left, top, w, h = inside(crop, *image.shape[1::-1])
    affine = geometry.compose(crop_affine(crop, size), geometry.translation(left, top))
    return network_input(geometry.warp(image[top : top + h, left : left + w], affine, size, FILL))


def flipped(outputs):
    """{blob: maps}, each mirrored: keypoints keep their numbers, as left and right hands are not distinguished."""
    return {name: maps[..., ::-1] for name, maps in outputs.items()}


def resample(channel, affine, side):
    """(side, side) of a (m', m') map, moved by ``affine`` from cells to cells; beyond it, its border goes on."""
    return cv2.warpAffine(channel, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def crop_affine(crop, size):
    """Photograph to network input for a crop (x, y, w, h): cut out, resize, put top left."""
    x, y, w, h = crop
    return geometry.compose(geometry.fit_affine(w, h, size), geometry.translation(-x, -y))


def decode(maps, view, part):
    """Keypoints (21, 2) in the photograph's pixels and confidences (21,) from one level's (22, m', m') maps.

    view: photograph to input, 2x3; part: (x, y, w, h) of the photograph that the level shows. Only input pixels whose
    centre lies on that part can be chosen; of a part so small that there is none, the nearest one.
    """
    x, y, w, h = part
    edges = geometry.apply(view, np.array([[x, y], [x + w, y + h]]) - 0.5)
    (left, top), (width, height) = np.ceil(edges - 1e-6).astype(int)  # pixel k is one if first edge <= k < second edge
    left, top = np.minimum((left, top), maps.shape[-1] * STRIDE - 1)
    width, height = np.maximum((width, height), (left + 1, top + 1))
    points, confidences = heatmaps.upsampled_peaks(maps[:KEYPOINTS], width, height, STRIDE, left, top)
    points = geometry.apply(geometry.invert(view), points)
    return np.clip(points, (x, y), (x + w - 1, y + h - 1)), confidences


def decode_mask(probability, grid_to_image, width, height):
    """(height, width) bool mask from the (m', m') probability of hand."""
    full = cv2.warpAffine(
        probability, grid_to_image, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return full > MASK_THRESHOLD


def merge_heatmaps(maps, views):
    """One (22, m', m') set on the first level's grid: the levels' maximum, background their minimum.

    maps: each level's (22, m', m'); views: photograph to input, 2x3 each.
    """
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
