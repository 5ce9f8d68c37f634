"""Hands with masks set onto other backgrounds: new samples whose masks and keypoints are exact.

A sample depends on its seed, its number, the databases and the settings alone.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import drawing, geometry, images
from maskpose.augmentation import GREY
from maskpose.building import build_items
from maskpose.database import Reader
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.inputs import photographs
from maskpose.records import Sample, pack_mask

ORIGIN = "pasted"
MIN_VISIBLE = 8  # keypoints of a hand: with fewer, the box says little about the hand's size
MIN_INSIDE = 0.5  # of the visible keypoints, which the picture must hold
MAX_ENLARGEMENT = 2.0  # of a hand or of a background: beyond, everything is blurred
MIN_SIDE = 160  # pixels of the larger side of a picture that is shrunk to keep to MAX_ENLARGEMENT
REACH = 20  # pixels of the picture that a hand's colours are carried on for beyond its box, as blur takes them in
DRAWS = 200  # after which a hand, its place or a window counts as not to be had
MARGIN = 0.35  # of a hand's box, within which a background window must not come near it
FORBIDDEN_SIDE = 96  # cells of the larger side of the map of what a window must not hold
SHEET_SAMPLES, SHEET_COLUMNS, SHEET_TILE = 40, 10, (224, 224)


@dataclass(frozen=True)
class PasteSettings:
    """What pasted pictures are like. Ranges are (low, high)."""

    span: tuple[float, float] = (0.05, 0.9)  # larger side of the keypoints' box, shares of the picture's larger side
    rotation: float = 180.0  # degrees, to either side
    size: tuple[int, int] = (240, 640)  # pixels of the picture's larger side
    occlude: float = 0.2  # probability that something covers a part of the hand
    light: float = 1.0  # strength of all changes of the hand's light and colours; 0: none
    blur: float = 1.0  # strength of all blur and noise; 0: none
    quality: tuple[int, int] = (60, 95)  # of the JPEG

    def __post_init__(self):
        """Raises InputError for values that cannot be."""
        if not 0 < self.span[0] <= self.span[1] <= 1:
            raise InputError(f"the span must be two shares above 0 and up to 1, the lower one first, not {self.span}")
        if not 64 <= self.size[0] <= self.size[1] <= 4096:
            raise InputError(f"the size must be two numbers from 64 to 4096, the lower one first, not {self.size}")
        if not 0 <= self.rotation <= 180:
            raise InputError(f"the rotation must be 0 to 180 degrees, not {self.rotation:g}")


class Hands:
    """The hands of some databases that can be cut out: those of a whole mask and enough visible keypoints."""

    def __init__(self, readers: Sequence[Reader]):
        """Raises InputError where a database is damaged, and where none has such a hand."""
        self.readers = readers
        self.places, self.left_out = [], Counter()
        for number, reader in enumerate(readers):
            for index, sample in enumerate(_samples(reader)):
                if problem := _not_to_be_cut_out(sample):
                    self.left_out[problem] += 1
                else:
                    self.places.append((number, index))
        if not self.places:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"{', '.join(str(r.path) for r in readers)}: no hand that can be cut out ({why})")

    def draw(self, rng: np.random.Generator) -> Sample:
        """A random one."""
        number, index = self.places[rng.integers(len(self.places))]
        return self.readers[number][index]


class Backgrounds:
    """Windows of photographs in which there is no hand.

    Of a database, samples without a hand serve whole, and of the others whatever lies apart from the hand, if their
    masks say where that is. Of a folder, all pictures serve whole.
    """

    def __init__(self, sources: Sequence[Reader | Path]):
        """sources: databases and folders of pictures. Raises InputError where nothing of them can serve."""
        self.whole, self.scenes, self.left_out = [], [], Counter()
        for source in sources:
            if isinstance(source, Reader):
                self._take_database(source)
            else:
                self._take_folder(source)
        if not self.whole and not self.scenes:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"no photograph can serve as a background ({why or 'there is none'})")

    def _take_database(self, reader):
        for index, sample in enumerate(_samples(reader)):
            read = functools.partial(reader.__getitem__, index)
            mask = sample.decode_mask()
            if sample.visible.any():
                if mask is None:
                    self.left_out["with a hand and no mask"] += 1
                else:
                    self.scenes.append(read)
            elif mask is not None and mask.any():
                self.left_out["with a mask and no keypoints"] += 1
            else:
                self.whole.append(read)

    def _take_folder(self, folder):
        for photograph in photographs([folder]):
            try:
                self.whole.append(functools.partial(_picture, photograph.path))
                _picture(photograph.path)
            except InputError as error:
                self.whole.pop()
                self.left_out["that cannot be read"] += 1
                tqdm.write(f"left out: {error}")

    def window(self, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        """(height, width, 3) uint8 BGR of a random window, resized to ``size`` (width, height) and at times mirrored.

        Half of them are of photographs without a hand, where there are both kinds. Raises InputError where a picture is
        broken, and where no window is large enough.
        """
        for _ in range(DRAWS):
            kinds = [kind for kind in (self.whole, self.scenes) if kind]
            kind = kinds[rng.integers(len(kinds))]
            sample = kind[rng.integers(len(kind))]()
            box = _free_window(rng, sample, size)
            if box is not None:
                x, y, w, h = box
                window = sample.decode_image()[y : y + h, x : x + w]
                way = cv2.INTER_AREA if w > size[0] else cv2.INTER_LINEAR
                window = cv2.resize(window, size, interpolation=way)
                return window[:, ::-1] if rng.random() < 0.5 else window
        raise InputError(f"no background holds a window without a hand that is large enough for {size[0]}x{size[1]}")


@dataclass
class CutOut:
    """A hand apart from its photograph."""

    colours: np.ndarray  # (h, w, 3) uint8 BGR, those of the hand's border carried on beyond it
    alpha: np.ndarray  # (h, w) uint8, 255 on the hand
    keypoints: np.ndarray  # (21, 2) float64, pixels
    visible: np.ndarray  # (21,) bool


def cut_out(image: np.ndarray, mask: np.ndarray, keypoints: np.ndarray, visible: np.ndarray) -> CutOut:
    """The hand of ``image`` (h, w, 3) where ``mask`` (h, w) is not 0, with a pixel's margin about it.

    The outermost pixels of a mask mix the hand with what was behind it. They take the colours of those further in.
    """
    hand = (mask > 0).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(hand)
    hand = cv2.copyMakeBorder(hand[y : y + h, x : x + w], 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    image = cv2.copyMakeBorder(image[y : y + h, x : x + w], 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    rim = 1 + max(w, h) // 400
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    alpha = cv2.erode(hand, cross) if min(w, h) > 20 else hand
    core = cv2.erode(alpha, cross, iterations=rim)
    if not core.any():
        core = hand
    shift = np.array([x - 2, y - 2])
    return CutOut(_carried_on(image, core > 0), alpha * np.uint8(255), keypoints - shift, visible)


def _carried_on(image, core):
    """``image`` with each pixel outside ``core`` (h, w) bool in the colour of the nearest one inside."""
    outside = (~core).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((labels.max() + 1, 3), np.uint8)
    table[labels[core]] = image[core]
    return table[labels]


def draw_placement(rng, hand: CutOut, settings: PasteSettings):
    """A random (width, height) of a picture, and the map from a CutOut's pixels to that picture's.

    Raises InputError where no place is found at which enough keypoints lie inside.
    """
    share = np.exp(rng.uniform(*np.log(settings.span)))
    points = hand.keypoints[hand.visible]
    for _ in range(DRAWS):
        affine = geometry.rotation(rng.uniform(-settings.rotation, settings.rotation), points.mean(axis=0))
        if rng.random() < 0.5:
            affine = geometry.compose(affine, geometry.horizontal_flip(hand.alpha.shape[1]))
        turned = np.ptp(geometry.apply(affine, points), axis=0).max()
        side = rng.uniform(*settings.size)
        side = min(side, max(settings.size[0], MAX_ENLARGEMENT * turned / share))
        aspect = np.exp(rng.uniform(np.log(0.56), 0))
        width, height = max(round(side), 1), max(round(side * aspect), 1)
        if rng.random() < 0.4:
            width, height = height, width
        affine = geometry.compose(geometry.scale_affine(share * max(width, height) / turned), affine)
        affine = geometry.compose(geometry.translation(*_draw_shift(rng, affine, points, width, height)), affine)
        if geometry.inside(geometry.apply(affine, points), width, height).mean() >= MIN_INSIDE:
            return (width, height), affine
    raise InputError("no place for the hand was found")


def _draw_shift(rng, affine, points, width, height):
    """How far the hand is moved: mostly all of it into the picture, at times anywhere, or its wrist to a border."""
    placed = geometry.apply(affine, points)
    low, high = placed.min(axis=0), placed.max(axis=0)
    limits = np.array([width - 1, height - 1])
    whole = np.sort([-low, limits - high], axis=0)  # where the hand is the larger, it covers the picture
    half = np.array([-(low + high) / 2, limits - (low + high) / 2])
    shift = rng.uniform(*(whole if rng.random() < 0.75 else half))
    if rng.random() < 0.35:  # the wrist end, a plain cut, leaves the picture
        away = placed[0] - placed.mean(axis=0)
        axis = int(np.argmax(np.abs(away)))
        reach = rng.uniform(-0.05, 0.12) * (high - low).max()
        shift[axis] = (limits[axis] - reach if away[axis] > 0 else reach) - placed[0, axis]
    return shift


def paste(rng, hand: CutOut, background: np.ndarray, affine: np.ndarray, settings: PasteSettings, texture=None):
    """Set a CutOut onto ``background`` (h, w, 3) uint8 by ``affine``; give (image, mask (h, w) bool).

    texture: (h, w, 3) uint8, what something that covers a part of the hand looks like; None: nothing covers it.
    """
    height, width = background.shape[:2]
    size = (width, height)
    alpha = geometry.warp(hand.alpha, affine, size, 0)
    mask = alpha > 127
    margin = int(np.ceil(REACH / geometry.affine_scale(affine)))
    colours = cv2.copyMakeBorder(hand.colours, *[margin] * 4, cv2.BORDER_REPLICATE)
    colours = geometry.warp(colours, geometry.compose(affine, geometry.translation(-margin, -margin)), size, 0)
    image = background.astype(np.float32)
    points = geometry.apply(affine, hand.keypoints[hand.visible])
    span = np.ptp(points, axis=0).max()
    colours = _lit(rng, colours.astype(np.float32), mask, image, settings.light)
    soft = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), 0.6)
    if settings.blur:
        colours, soft = _blurred(rng, colours, soft, mask, image, span, settings.blur)
    if settings.light and rng.random() < 0.35:
        image *= _shadow(rng, soft, span)[..., None]
    image += soft[..., None] * (colours - image)
    if texture is not None:
        cover = _cover(rng, points, span, mask)
        image += cover[..., None] * (texture - image)
        mask &= cover < 0.5
    if settings.blur and rng.random() < 0.5:
        image += rng.normal(0, rng.uniform(1, 8) * settings.blur, image.shape).astype(np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def _lit(rng, colours, mask, background, strength):
    """The hand's ``colours`` in a light more like the background's, and changed at random."""
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


def _edge_width(gray, where):
    """About the deviation, in pixels, of the blur of (h, w) float32 ``gray`` at its edges within ``where``."""
    dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.125)
    slope = (dx**2 + dy**2)[where]
    bend = (cv2.Laplacian(gray, cv2.CV_32F) ** 2)[where]
    if not len(slope) or bend.sum() <= 0:
        return 0.0
    strong = slope >= np.quantile(slope, 0.9)
    return float(np.sqrt(slope[strong].mean() / max(bend[strong].mean(), 1e-6)))


def _blurred(rng, colours, soft, mask, background, span, strength):
    """The hand's colours and alpha, no sharper than the background, and at times out of focus or moved."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    behind = _edge_width(cv2.cvtColor(background, cv2.COLOR_BGR2GRAY), np.s_[:])
    own = _edge_width(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY), inner)
    sigma = np.sqrt(max(behind**2 - own**2, 0)) * rng.uniform(0.3, 1)
    if rng.random() < 0.15:
        sigma += rng.uniform(0, 2)
    sigma = min(sigma, 2.5, 0.02 * span + 0.3) * strength
    both = np.dstack([colours, soft])
    if sigma > 0.3:
        both = cv2.GaussianBlur(both, (0, 0), sigma)
    if rng.random() < 0.1 and span > 40:
        length = rng.uniform(2, 0.05 * span + 2) * strength
        both = cv2.filter2D(both, -1, _streak(length, rng.uniform(0, np.pi)))
    return both[..., :3], both[..., 3]


def _streak(length, angle):
    """A kernel that moves a picture by ``length`` pixels during its exposure."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    middle, reach = side // 2, length / 2 * np.array([np.cos(angle), np.sin(angle)])
    start, end = (np.rint((middle + sign * reach) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    kernel[middle, middle] = max(kernel[middle, middle], 1e-3)
    return kernel / kernel.sum()


def _shadow(rng, soft, span):
    """(h, w) factors of a soft shadow that the hand throws onto what is behind it."""
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.2) * span
    width = max(1, round(rng.uniform(0.04, 0.15) * span)) * 2 + 1
    moved = geometry.warp(soft, geometry.translation(far * np.cos(angle), far * np.sin(angle)), soft.shape[::-1], 0)
    return 1 - rng.uniform(0.1, 0.5) * cv2.blur(cv2.blur(moved, (width, width)), (width, width))


def _cover(rng, points, span, mask):
    """(h, w) float32, 1 where a thing, a rod or a blob, is in front of the hand; it leaves a good part to be seen."""
    empty = np.zeros(mask.shape, np.float32)
    for _ in range(10):
        centre = points[rng.integers(len(points))] + rng.normal(0, 0.05, 2) * span
        if rng.random() < 0.5:
            outline = _rod(rng, centre, span)
        else:
            outline = _blob(rng, centre, span)
        cover = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(cover, [np.rint(np.clip(outline, -1e4, 1e4) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        hidden = (mask & (cover > 127)).sum() / max(mask.sum(), 1)
        if 0.02 <= hidden <= 0.5:
            return cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.6)
    return empty


def _rod(rng, centre, span):
    """(n, 2) outline of a bar that is longer than the hand."""
    angle = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    half, taper = rng.uniform(0.04, 0.16) * span, rng.uniform(0.6, 1)
    before, behind = rng.uniform(0.3, 1.5, 2) * span
    return np.array([
        centre - before * along - half * across, centre + behind * along - half * taper * across,
        centre + behind * along + half * taper * across, centre - before * along + half * across,
    ])  # fmt: skip


def _blob(rng, centre, span):
    """(n, 2) outline of a rounded thing."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones_like(turn)
    for order in (2, 3, 5):
        radius += rng.uniform(0, 0.35 / order) * np.cos(order * turn + rng.uniform(0, 2 * np.pi))
    radius *= rng.uniform(0.1, 0.35) * span
    stretch = rng.uniform(0.6, 1)
    ellipse = np.stack([radius * np.cos(turn), stretch * radius * np.sin(turn)], axis=1)
    return geometry.apply(geometry.rotation(rng.uniform(0, 180), (0, 0)), ellipse) + centre


def paste_sample(hands: Hands, backgrounds: Backgrounds, seed: int, index: int, settings: PasteSettings, origin=ORIGIN):
    """Sample number ``index`` of ``seed``. Raises InputError where a picture is broken or nothing fits."""
    rng = np.random.default_rng((seed, index))
    sample = hands.draw(rng)
    hand = cut_out(sample.decode_image(), sample.decode_mask(), sample.keypoints.astype(np.float64), sample.visible)
    size, affine = draw_placement(rng, hand, settings)
    background = backgrounds.window(rng, size)
    texture = backgrounds.window(rng, size) if rng.random() < settings.occlude else None
    image, mask = paste(rng, hand, background, affine, settings, texture)
    quality = int(rng.integers(settings.quality[0], settings.quality[1] + 1))
    keypoints = geometry.apply(affine, hand.keypoints)
    mirrored = affine[0, 0] * affine[1, 1] < affine[0, 1] * affine[1, 0]
    return Sample(
        name=f"{Path(sample.name).stem}_{seed}_{index:06d}.jpg",
        image=cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes(),
        width=size[0],
        height=size[1],
        keypoints=keypoints.astype(np.float32),
        visible=hand.visible & geometry.inside(keypoints, *size),
        mask=pack_mask(mask),
        source=origin,
        side={"left": "right", "right": "left"}.get(sample.side, "") if mirrored else sample.side,
        group=sample.group or sample.name,
    )


def build_pasted(
    path, hands: Hands, backgrounds: Backgrounds, count: int, seed: int, settings: PasteSettings, origin: str = ORIGIN,
    about: dict | None = None, workers: int | None = None, strict: bool = False,
):  # fmt: skip
    """Write ``count`` pasted samples into the database ``path``; give (manifest, problems) as ``build_items`` does."""
    databases = [reader.path for reader in hands.readers]
    digests = [reader.about.get("sha256") for reader in hands.readers]
    note = {"pasted": list(map(str, databases)), "sha256_of_hands": digests, "seed": seed}
    note |= {"backgrounds": len(backgrounds.whole) + len(backgrounds.scenes), **asdict(settings), **(about or {})}

    def read(index):
        return [paste_sample(hands, backgrounds, seed, index, settings, origin)]

    return build_items(path, list(range(count)), read, strict, note, workers)


def sheet(reader: Reader, count: int = SHEET_SAMPLES) -> np.ndarray:
    """A contact sheet of a database's first samples, each as it is and with its mask and keypoints drawn over it."""
    tiles = []
    for index in range(min(count, len(reader))):
        sample = reader[index]
        image, mask = sample.decode_image(), sample.decode_mask()
        tiles += [image, drawing.overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, mask)]
    return drawing.contact_sheet(tiles, SHEET_COLUMNS, SHEET_TILE, group=2)


def _samples(reader):
    """The samples of a whole database, with a progress bar. Raises InputError where it is damaged."""
    reader.refuse_damaged()
    return tqdm(reader, desc=f"reading {reader.path}", total=len(reader), unit="sample", dynamic_ncols=True)


def _not_to_be_cut_out(sample):
    """Why a sample's hand cannot be cut out, or ""."""
    if not sample.visible.any():
        return "without a hand"
    if not sample.mask:
        return "without a mask"
    if getattr(sample, "unknown", b""):
        return "with pixels that are perhaps hand"
    if sample.visible.sum() < MIN_VISIBLE:
        return f"with fewer than {MIN_VISIBLE} visible keypoints"
    mask = sample.decode_mask()
    points = sample.keypoints[sample.visible]
    if np.ptp(points, axis=0).max() < 16 or mask.sum() < 255 * 64:
        return "of fewer than 16 pixels"
    return ""


def _picture(path):
    """A picture file as a Sample without a hand."""
    data = read_bytes(path)
    width, height = images.picture_size(data, str(path))
    nothing = np.full((21, 2), -1, np.float32)
    return Sample(path.name, data, width, height, nothing, np.zeros(21, bool))


def _forbidden(sample):
    """What a background window must not hold, as (cells, pixels a cell): (rows, columns) bool.

    That is the mask, what is perhaps hand, the visible keypoints, and MARGIN of the hand's box about them all.
    """
    cell = max(sample.width, sample.height) / FORBIDDEN_SIDE
    taken = np.zeros((sample.height, sample.width), np.uint8)
    if sample.visible.any():
        points = sample.keypoints[sample.visible]
        for x, y in np.rint(np.clip(points, 0, (sample.width - 1, sample.height - 1))).astype(int):
            taken[y, x] = 255
        taken |= sample.decode_mask()
        if getattr(sample, "unknown", b""):
            taken |= sample.decode_unknown()
        reach = int(np.ceil(MARGIN * max(np.ptp(points, axis=0).max(), 8) / cell))
    else:
        reach = 0
    rows, columns = (max(1, int(np.ceil(side / cell))) for side in taken.shape)
    ys, xs = np.nonzero(taken)
    cells = np.zeros((rows, columns), np.uint8)
    cells[np.minimum(ys / cell, rows - 1).astype(int), np.minimum(xs / cell, columns - 1).astype(int)] = 1
    if reach:
        cells = cv2.dilate(cells, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return cells > 0, cell


def _free_window(rng, sample, size):
    """(x, y, w, h) of a random window of ``size``'s shape that holds no hand; None where none is found quickly.

    It has at least a MAX_ENLARGEMENT-th of ``size``'s pixels along a side, and a good part of the photograph.
    """
    width, height = size
    largest = min(sample.width / width, sample.height / height)
    if largest < 1 / MAX_ENLARGEMENT:
        return None
    cells, cell = _forbidden(sample)
    total = cv2.integral(cells.astype(np.uint8))
    smallest = max(1 / MAX_ENLARGEMENT, 0.3 * largest)
    for _ in range(20):
        scale = rng.uniform(min(smallest, largest), largest)
        w, h = min(sample.width, round(width * scale)), min(sample.height, round(height * scale))
        x, y = int(rng.integers(sample.width - w + 1)), int(rng.integers(sample.height - h + 1))
        x0, y0 = int(x / cell), int(y / cell)
        x1 = min(int(np.ceil((x + w) / cell)), cells.shape[1])
        y1 = min(int(np.ceil((y + h) / cell)), cells.shape[0])
        if total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0] == 0:
            return x, y, w, h
    return None
