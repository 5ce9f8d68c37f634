"""A hand cut out of its image and pasted onto another: light, blur, arm, things in front of it; and its mask.

Images are (h, w, 3) uint8 BGR, or float32 of the same values on the way. Affine maps and points are those of
maskpose.geometry: 2x3, and (x, y) with pixel centres at integers. Sizes are (width, height) in pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs.masks import more_than_half
from maskpose.data.augmentation import GREY
from maskpose.errors import InputError

MIN_INSIDE = 0.5  # share of the visible keypoints that the image must hold
MAX_ENLARGEMENT = 2.5  # of a hand or of a background: beyond, everything is blurred
NARROWEST = 0.56  # aspect of an image, that of 16:9
REACH = 20  # pixels of the image beyond a hand's box that the hand's colours are extended to, since blur reaches them
MAX_TRIES = 200  # after which a place of a hand or a window of a background counts as impossible
EDGE = 0.6  # pixels: standard deviation of the blur of every pasted edge
ARMS = ("forearm", "both", "sleeve")  # what continues a wrist
KNUCKLES = [5, 9, 13, 17]  # keypoints at the base of the four fingers

Image = npt.NDArray[Any]  # uint8 or float32
Affine = npt.NDArray[np.float64]
Points = npt.NDArray[np.floating[Any]]
BoolMask = npt.NDArray[np.bool_]
Alpha = npt.NDArray[Any]  # float32, 0 to 1
Size = tuple[int, int]


@dataclass(frozen=True)
class PasteSettings:
    """What pasted images are like. Ranges are (low, high)."""

    span: tuple[float, float] = (0.05, 0.9)  # larger side of the keypoints' box, in units of the image's larger side
    rotation: float = 180.0  # degrees, to either side
    size: tuple[int, int] = (240, 640)  # pixels of the image's larger side
    occlude: float = 0.2  # probability that something covers a part of the hand
    arm: float = 0.5  # probability that a forearm, a sleeve or both continue the wrist, if its direction is known
    light: float = 1.0  # strength of all changes of the hand's light and colours; 0: none
    blur: float = 1.0  # strength of all blur and noise; 0: none
    quality: tuple[int, int] = (60, 95)  # of the JPEG

    def __post_init__(self) -> None:
        """Raise InputError for values out of range."""
        if not 0 < self.span[0] <= self.span[1] <= 1:
            raise InputError(f"the span must be two shares above 0 and up to 1, the lower one first, not {self.span}")
        if not 64 <= self.size[0] <= self.size[1] <= 4096:
            raise InputError(f"the size must be two numbers from 64 to 4096, the lower one first, not {self.size}")
        if not 0 <= self.rotation <= 180:
            raise InputError(f"the rotation must be 0 to 180 degrees, not {self.rotation:g}")


@dataclass
class CutOut:
    """A hand apart from its image."""

    colours: npt.NDArray[np.uint8]  # (h, w, 3) BGR; beyond the hand, the colours of its border continue
    alpha: npt.NDArray[np.uint8]  # (h, w), 255 on the hand
    keypoints: npt.NDArray[np.float64]  # (21, 2), pixels
    visible: BoolMask  # (21,)


def cut_out(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[Any], keypoints: npt.NDArray[np.float64], visible: BoolMask
) -> CutOut:
    """Cut a hand out of its image.

    The outermost pixels of a mask mix the hand with what was behind it. They take the colours of those further in.

    Args:
        image: (h, w, 3) uint8 BGR.
        mask: (h, w), not 0 on the hand.
        keypoints: (21, 2), pixels.
        visible: (21,) bool.
    """
    hand = (mask > 0).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(hand)
    hand = cv2.copyMakeBorder(hand[y : y + h, x : x + w], 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    near = cv2.copyMakeBorder(image[y : y + h, x : x + w], 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    rim = 1 + max(w, h) // 400
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    alpha = cv2.erode(hand, cross) if min(w, h) > 20 else hand
    core = cv2.erode(alpha, cross, iterations=rim)
    if not core.any():
        core = hand
    shift = np.array([x - 2, y - 2])
    return CutOut(_extended(near, core > 0), alpha * np.uint8(255), keypoints - shift, visible)


def _extended(image: Image, core: BoolMask) -> npt.NDArray[np.uint8]:
    """Return ``image`` with each pixel outside ``core`` (h, w) in the colour of the nearest one inside."""
    outside = (~core).astype(np.uint8)
    labels = np.asarray(
        cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1], np.int32
    )
    table = np.zeros((labels.max() + 1, 3), np.uint8)
    table[labels[core]] = image[core]
    return table[labels]


def sample_shape(rng: np.random.Generator, hand: CutOut, settings: PasteSettings) -> tuple[float, tuple[int, int]]:
    """Return a random span of a hand, in units of the image's larger side, and a random size of the image.

    The image is no larger than the hand's own pixels allow, or has the smallest size of ``settings``.
    """
    share = float(np.exp(rng.uniform(*np.log(settings.span))))
    span = np.ptp(hand.keypoints[hand.visible], axis=0).max()
    side = rng.uniform(*settings.size)
    side = min(side, max(settings.size[0], MAX_ENLARGEMENT * span / share))
    aspect = np.exp(rng.uniform(np.log(NARROWEST), 0))
    width, height = max(round(side), 1), max(round(side * aspect), 1)
    return share, ((width, height) if rng.random() < 0.6 else (height, width))


def sample_placement(
    rng: np.random.Generator, hand: CutOut, share: float, size: Size, settings: PasteSettings
) -> Affine:
    """Return a random map from a CutOut's pixels to an image's.

    Args:
        rng: of all that is random.
        hand: what is placed.
        share: of the image's larger side that the hand spans.
        size: of the image.
        settings: the range of rotations.

    Raises:
        InputError: no place is found at which enough keypoints lie inside.
    """
    points = hand.keypoints[hand.visible]
    for _ in range(MAX_TRIES):
        affine = geometry.rotation(rng.uniform(-settings.rotation, settings.rotation), points.mean(axis=0))
        if rng.random() < 0.5:
            affine = geometry.compose(affine, geometry.horizontal_flip(hand.alpha.shape[1]))
        turned = np.ptp(geometry.apply(affine, points), axis=0).max()
        affine = geometry.compose(geometry.scale_affine(share * max(size) / turned), affine)
        wrist = geometry.apply(affine, hand.keypoints[0]) if hand.visible[0] else None
        shift = _sample_shift(rng, geometry.apply(affine, points), wrist, size)
        affine = geometry.compose(geometry.translation(*shift), affine)
        if geometry.inside(geometry.apply(affine, points), *size).mean() >= MIN_INSIDE:
            return affine
    raise InputError("no place for the hand was found")


def _sample_shift(rng: np.random.Generator, points: Points, wrist: Points | None, size: Size) -> Points:
    """Return how far the hand moves: mostly all of it into the image, at times anywhere, or its wrist to a border."""
    low, high = points.min(axis=0), points.max(axis=0)
    limits = np.array(size) - 1
    whole = np.sort([-low, limits - high], axis=0)  # if the hand is the larger, it covers the image
    centred = np.array([-(low + high) / 2, limits - (low + high) / 2])
    shift = rng.uniform(*(whole if rng.random() < 0.75 else centred))
    if wrist is not None and rng.random() < 0.35:  # the wrist's end, a plain cut, leaves the image
        away = wrist - points.mean(axis=0)
        axis = int(np.argmax(np.abs(away)))
        reach = rng.uniform(-0.05, 0.12) * (high - low).max()
        shift[axis] = (limits[axis] - reach if away[axis] > 0 else reach) - wrist[axis]
    return shift


def paste(
    rng: np.random.Generator,
    hand: CutOut,
    background: npt.NDArray[np.uint8],
    affine: Affine,
    settings: PasteSettings,
    texture: Callable[[], npt.NDArray[np.uint8]] | None = None,
) -> tuple[npt.NDArray[np.uint8], BoolMask]:
    """Paste a hand onto a background.

    Args:
        rng: of all that is random.
        hand: what is pasted.
        background: (h, w, 3) uint8 BGR, the image behind.
        affine: from the CutOut's pixels to the background's.
        settings: what the result is like.
        texture: gives images (h, w, 3) uint8 from which things in front of the hand, and sleeves, are cut; None: there
            are neither.

    Returns:
        The image (h, w, 3) uint8 BGR, and (h, w) bool: the hand's pixels without those that something covers.
    """
    size = background.shape[1::-1]
    alpha = geometry.warp(hand.alpha, affine, size, 0)
    mask = more_than_half(alpha)
    image = background.astype(np.float32)
    points = geometry.apply(affine, hand.keypoints)
    span = float(np.ptp(points[hand.visible], axis=0).max())
    colours = _lit(rng, _warped_colours(hand, affine, size), mask, image, settings.light)
    soft = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), EDGE)
    wrist = _wrist(points, hand.visible, mask) if rng.random() < settings.arm else None
    covers = []
    if wrist is not None:
        kind = rng.choice(ARMS if texture else ARMS[:1])
        if kind != "sleeve":
            colours, soft = _with_forearm(rng, wrist, colours, soft, mask)
        if texture and kind != "forearm":
            covers.append(_sleeve(rng, wrist, mask, texture(), bare=kind == "both"))
    if settings.blur:
        colours, soft = _blurred(rng, colours, soft, mask, image, span, settings.blur)
    if settings.light and rng.random() < 0.35:
        image *= _shadow(rng, soft, span)[..., None]
    image += soft[..., None] * (colours - image)
    if texture and rng.random() < settings.occlude:
        covers.append((_cover(rng, points[hand.visible], span, mask), texture()))
    for cover, cloth in covers:
        image += cover[..., None] * (cloth - image)
        mask &= cover < 0.5
    if settings.blur and rng.random() < 0.5:
        image += rng.normal(0, rng.uniform(1, 8) * settings.blur, image.shape).astype(np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def resize(image: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """Return an image (h, w, 3) in another size."""
    interpolation = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def _warped_colours(hand: CutOut, affine: Affine, size: Size) -> Image:
    """Return a CutOut's colours in an image of ``size``, (h, w, 3) float32; they extend REACH pixels about its box."""
    margin = int(np.ceil(REACH / geometry.affine_scale(affine)))
    wide = cv2.copyMakeBorder(hand.colours, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    shifted = geometry.compose(affine, geometry.translation(-margin, -margin))
    return geometry.warp(wide, shifted, size, 0).astype(np.float32)


def _lit(rng: np.random.Generator, colours: Image, mask: BoolMask, background: Image, strength: float) -> Image:
    """Return the hand's colours in a light more like the background's, and changed at random."""
    if not strength or not mask.any():
        return colours
    skin, scene = colours[mask].mean(axis=0) + 1, background.mean(axis=(0, 1)) + 1
    exposure = np.clip(np.log(scene @ GREY / (skin @ GREY)) * rng.uniform(0, 0.7), -1.0, 0.4) + rng.normal(0, 0.15)
    tint = np.clip(np.log(scene / (scene @ GREY)) * rng.uniform(0, 0.5), -0.15, 0.15) + rng.uniform(-0.05, 0.05, 3)
    contrast = np.exp(rng.uniform(-0.25, 0.2) * strength)
    height, width = mask.shape
    angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    rows, columns = np.nonzero(mask)
    x = (np.arange(width) - columns.mean()) / max(np.ptp(columns), 8)
    y = (np.arange(height) - rows.mean()) / max(np.ptp(rows), 8)
    slope = np.clip(np.cos(angle) * x[None] + np.sin(angle) * y[:, None], -1, 1) * amount
    gain = np.exp(strength * (exposure + tint)) * np.exp(strength * slope)[..., None]
    return (((colours - skin) * contrast + skin) * gain).astype(np.float32)


def _edge_width(gray: Image, where: Any) -> float:
    """Estimate the standard deviation, in pixels, of the blur of (h, w) float32 ``gray`` at its edges in ``where``."""
    dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.125)
    slope = (dx**2 + dy**2)[where]
    bend = (cv2.Laplacian(gray, cv2.CV_32F) ** 2)[where]
    if not len(slope) or bend.sum() <= 0:
        return 0.0
    strong = slope >= np.quantile(slope, 0.9)
    return float(np.sqrt(slope[strong].mean() / max(bend[strong].mean(), 1e-6)))


def _blurred(
    rng: np.random.Generator,
    colours: Image,
    soft: Alpha,
    mask: BoolMask,
    background: Image,
    span: float,
    strength: float,
) -> tuple[Image, Alpha]:
    """Return the hand's colours and alpha, no sharper than the background, and at times out of focus or moved."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    behind = _edge_width(cv2.cvtColor(background, cv2.COLOR_BGR2GRAY), np.s_[:])
    own = _edge_width(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY), inner)
    sigma = np.sqrt(max(behind**2 - own**2, 0)) * rng.uniform(0.3, 1)
    if rng.random() < 0.15:
        sigma += rng.uniform(0, 2)
    sigma = min(sigma, 2.5, 0.02 * span + 0.3) * strength
    both: npt.NDArray[Any] = np.dstack([colours, soft])
    if sigma > 0.3:
        both = cv2.GaussianBlur(both, (0, 0), sigma)
    if rng.random() < 0.1 and span > 40:
        length = rng.uniform(2, 0.05 * span + 2) * strength
        both = cv2.filter2D(both, -1, _streak(length, rng.uniform(0, np.pi)))
    return both[..., :3], both[..., 3]


def _streak(length: float, angle: float) -> Alpha:
    """Return the kernel of an image that moves by ``length`` pixels during its exposure, at ``angle`` radians."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    middle, reach = side // 2, length / 2 * np.array([np.cos(angle), np.sin(angle)])
    start, end = (np.rint((middle + sign * reach) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    kernel[middle, middle] = max(kernel[middle, middle], 1e-3)
    return kernel / kernel.sum()


def _shadow(rng: np.random.Generator, soft: Alpha, span: float) -> Image:
    """Return (h, w) factors of a soft shadow that the hand throws onto what is behind it."""
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.2) * span
    width = max(1, round(rng.uniform(0.04, 0.15) * span)) * 2 + 1
    moved = geometry.warp(soft, geometry.translation(far * np.cos(angle), far * np.sin(angle)), soft.shape[::-1], 0)
    return 1 - rng.uniform(0.1, 0.5) * cv2.blur(cv2.blur(moved, (width, width)), (width, width))


def _cover(rng: np.random.Generator, points: Points, span: float, mask: BoolMask) -> Alpha:
    """Return (h, w), 1 where a rod or a blob lies in front of the hand; half of the hand or more stays visible."""
    for _ in range(10):
        centre = points[rng.integers(len(points))] + rng.normal(0, 0.05, 2) * span
        if rng.random() < 0.5:
            outline = _rod(rng, centre, span)
        else:
            outline = _blob(rng, centre, span)
        cover = _filled(outline, mask.shape[::-1])
        if 0.02 <= (mask & (cover >= 0.5)).sum() / max(mask.sum(), 1) <= 0.5:
            return cover
    return np.zeros(mask.shape, np.float32)


def _rod(rng: np.random.Generator, centre: Points, span: float) -> Points:
    """Return the outline (n, 2) of a bar that is longer than the hand."""
    angle = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    half, taper = rng.uniform(0.04, 0.16) * span, rng.uniform(0.6, 1)
    before, behind = rng.uniform(0.3, 1.5, 2) * span
    return np.array([
        centre - before * along - half * across, centre + behind * along - half * taper * across,
        centre + behind * along + half * taper * across, centre - before * along + half * across,
    ])  # fmt: skip


def _blob(rng: np.random.Generator, centre: Points, span: float) -> Points:
    """Return the outline (n, 2) of a rounded thing."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones_like(turn)
    for order in (2, 3, 5):
        radius += rng.uniform(0, 0.35 / order) * np.cos(order * turn + rng.uniform(0, 2 * np.pi))
    radius *= rng.uniform(0.1, 0.35) * span
    stretch = rng.uniform(0.6, 1)
    ellipse = np.stack([radius * np.cos(turn), stretch * radius * np.sin(turn)], axis=1)
    return geometry.apply(geometry.rotation(rng.uniform(0, 180), (0, 0)), ellipse) + centre


@dataclass
class _Wrist:
    """The end of a hand's mask towards the arm."""

    end: Points  # (2,) the middle of that end, pixels
    along: Points  # (2,) unit vector from the fingers to the arm
    half: float  # half the width there, pixels
    span: float  # of the hand, pixels

    def coordinates(self, size: Size, along: Points) -> tuple[Alpha, Alpha]:
        """Return (h, w) distances from ``end``, pixels: along an arm of the direction ``along``, and across it."""
        x = np.arange(size[0], dtype=np.float32) - np.float32(self.end[0])
        y = (np.arange(size[1], dtype=np.float32) - np.float32(self.end[1]))[:, None]
        dx, dy = np.asarray(along, np.float32)
        return dx * x + dy * y, dx * y - dy * x


def _wrist(points: Points, visible: BoolMask, mask: BoolMask) -> _Wrist | None:
    """Return the _Wrist of a hand of (21, 2) points and (h, w) mask.

    None: the hand points into the image, fingers reach over the wrist, or the end of the mask lies outside the image.
    """
    if not visible[[0, *KNUCKLES]].all():
        return None
    span = np.ptp(points[visible], axis=0).max()
    away = points[0] - points[KNUCKLES].mean(axis=0)
    along = away / max(np.hypot(*away), 1e-6)
    if np.hypot(*away) < 0.25 * span or ((points[visible] - points[0]) @ along).max() > 0.15 * span:
        return None
    rows, columns = np.nonzero(mask)
    offsets = np.stack([columns, rows], axis=1) - points[0]
    far, aside = offsets @ along, along[0] * offsets[:, 1] - along[1] * offsets[:, 0]
    near = (far > -0.15 * span) & (np.abs(aside) < 0.6 * span)
    if near.sum() < 12:
        return None
    far, aside = far[near], aside[near]
    end = np.quantile(far, 0.97)
    low, high = np.quantile(aside[far > end - 0.1 * span], (0.02, 0.98))
    if high - low < 4:
        return None
    middle = points[0] + end * along + (low + high) / 2 * np.array([-along[1], along[0]])
    return _Wrist(middle, along, float(high - low) / 2, float(span))


def _turned(vector: Points, degrees: float) -> Points:
    return geometry.apply(geometry.rotation(degrees, (0, 0)), vector)


def _strip(
    wrist: _Wrist, along: Points, start: float, stop: float, halves: npt.NDArray[np.float64], size: Size
) -> Alpha:
    """Return the alpha (h, w) of a strip that continues a wrist.

    Args:
        wrist: where it begins.
        along: (2,) its direction.
        start: distance of its one end from the wrist's, pixels.
        stop: distance of its other end, pixels.
        halves: (2,) half its width at either end, pixels.
        size: of the image.
    """
    across = np.array([-along[1], along[0]])
    near, far = wrist.end + start * along, wrist.end + stop * along
    outline = [near - halves[0] * across, far - halves[1] * across, far + halves[1] * across, near + halves[0] * across]
    return _filled(np.array(outline), size)


def _filled(outline: Points, size: Size) -> Alpha:
    """Return the alpha (h, w) of a polygon (n, 2), with an edge as soft as the hand's."""
    area = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(area, [np.rint(np.clip(outline, -1e4, 1e4) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(area.astype(np.float32) / 255, (0, 0), EDGE))


def _with_forearm(
    rng: np.random.Generator, wrist: _Wrist, colours: Image, soft: Alpha, mask: BoolMask
) -> tuple[Image, Alpha]:
    """Return the colours and alpha of the hand with a forearm under it, in the skin's colours across the wrist."""
    size, span = mask.shape[::-1], wrist.span
    far, aside = wrist.coordinates(size, wrist.along)
    band = mask & (far > -0.12 * span) & (np.abs(aside) < wrist.half)
    if not band.any():
        return colours, soft
    skin = _across(colours[band], aside[band] / wrist.half)
    along = _turned(wrist.along, rng.uniform(-15, 15))
    length, widening = rng.uniform(0.6, 4) * span, rng.uniform(0, 0.2)
    arm = _strip(wrist, along, -0.12 * span, length, wrist.half * np.array([0.97, 1 + widening * length / span]), size)
    far, aside = wrist.coordinates(size, along)
    place = aside / (wrist.half * np.maximum(1 + widening * far / span, 0.5))
    lookup = np.clip((place + 1) / 2 * (len(skin) - 1), 0, len(skin) - 1).astype(np.float32)
    flesh = cv2.remap(skin[None], lookup, np.zeros_like(lookup), cv2.INTER_LINEAR)
    flesh *= np.exp(rng.normal(0, 0.1) * np.clip(far / span, 0, 2))[..., None]
    flesh *= 1 + 0.06 * _clouds(rng, size, span)[..., None]
    fade = np.clip(-wrist.coordinates(size, wrist.along)[0] / (0.08 * span), 0, 1)
    own = soft * (1 - arm * (1 - fade))
    both = own + arm * (1 - own)
    share = (own / np.maximum(both, 1e-3))[..., None]
    return np.where(arm[..., None] > 0, share * colours + (1 - share) * flesh, colours), both


def _across(colours: Image, places: npt.NDArray[Any], bins: int = 16) -> Image:
    """Return (bins, 3) float32: the means of (n, 3) colours in bins of their places, -1 to 1; smooth, without gaps."""
    index = np.clip((places + 1) / 2 * bins, 0, bins - 1).astype(int)
    counts = np.bincount(index, minlength=bins)
    sums = np.stack([np.bincount(index, colours[:, c], bins) for c in range(3)], axis=1)
    known = np.flatnonzero(counts)
    means = sums[known] / counts[known, None]
    table = np.stack([np.interp(np.arange(bins), known, means[:, c]) for c in range(3)], axis=1)
    return cv2.GaussianBlur(table[None].astype(np.float32), (5, 1), 1, borderType=cv2.BORDER_REPLICATE)[0]


def _clouds(rng: np.random.Generator, size: Size, span: float) -> Image:
    """Return (h, w) smooth noise of standard deviation about 1, with blobs of about a quarter of ``span``."""
    cells = [int(np.clip(4 * side / span, 2, 64)) for side in size]
    return cv2.resize(rng.standard_normal(cells[::-1], np.float32), size, interpolation=cv2.INTER_CUBIC)


def _sleeve(rng: np.random.Generator, wrist: _Wrist, mask: BoolMask, cloth: Image, bare: bool) -> tuple[Alpha, Image]:
    """Return the alpha (h, w) and colours (h, w, 3) of a sleeve, at the wrist or, on a ``bare`` forearm, beyond it."""
    size, span = mask.shape[::-1], wrist.span
    along = _turned(wrist.along, rng.uniform(-15, 15))
    start = rng.uniform(0.2, 1.2) * span if bare else rng.uniform(-0.12, 0.02) * span
    half = wrist.half * (rng.uniform(1.2, 1.8) if bare else rng.uniform(1.05, 1.6))
    alpha = _strip(wrist, along, start, 6 * span, half * np.array([1, rng.uniform(1, 2)]), size)
    _, aside = wrist.coordinates(size, along)
    shade = 1 - rng.uniform(0.1, 0.5) * np.clip(aside / half + rng.uniform(-0.4, 0.4), -1.2, 1.2) ** 2
    return alpha, cloth * shade[..., None]
