"""What is behind the hand: photographs of packages, and walls, desks, cloth and blurred clutter made up here."""

from collections.abc import Sequence

import cv2
import numpy as np

from maskpose.synth.arrays import Floats, Image, Rng, Size
from maskpose.synth.colour import linear, random_colour
from maskpose.synth.noise import in_picture
from maskpose.synth.skin import random_tone

SKIN_COLOURED = 0.25  # of the colours of what is made up, where some are to be skin's
STREWN = 0.35  # of all such pictures, with things of skin's colour before the background


def random_background(rng: Rng, size: Size, pictures: Sequence[Image] = (), skin_coloured: bool = False) -> Floats:
    """(h, w, 3) float32 linear BGR of ``size`` (w, h); of ``pictures`` ((h, w, 3) uint8 BGR) in part, if any.

    skin_coloured: some of what is made up has a colour of skin, and some such things lie about before photographs, too.
    """
    colour = _colour_or_skin if skin_coloured else random_colour
    if len(pictures) and rng.random() < 0.65:
        canvas = _of_photograph(rng, pictures[int(rng.integers(len(pictures)))], size)
    else:
        kind = rng.choice([_wall, _desk, _clutter, _stripes, _page, _blocks])  # pyright: ignore
        canvas = np.ascontiguousarray(kind(rng, size, colour), np.float32)
    if skin_coloured and rng.random() < STREWN:
        canvas = _strewn(rng, canvas)
    if rng.random() < 0.5:
        canvas = cv2.GaussianBlur(canvas, (0, 0), max(0.3, max(size) * rng.uniform(0.0, 0.02)))
    light = 1 + rng.uniform(0, 0.35) * ramp(rng, size)
    return np.clip(canvas * light[..., None] * np.exp(rng.normal(0, 0.35)), 0, 1.2).astype(np.float32)


def ramp(rng: Rng, size: Size) -> Floats:
    """(h, w) float32 from -1 to 1 in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    along = np.cos(angle) * x + np.sin(angle) * y
    return 2 * (along - along.min()) / max(float(np.ptp(along)), 1) - 1


def skin_colour(rng: Rng) -> Floats:
    """(3,) linear BGR: of some person's skin in some light."""
    return random_tone(rng)[0] * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.05, 3))


def _colour_or_skin(rng):
    return skin_colour(rng) if rng.random() < SKIN_COLOURED else random_colour(rng)


def _strewn(rng, canvas):
    """The picture with a few shaded things of skin's colour before it, one above the other."""
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(1, 7)):
        share = np.zeros((height, width), np.float32)
        reach = max(height, width) * rng.uniform(0.04, 0.25)
        draw_shape(rng, share, rng.uniform(0, 1, 2) * (width, height), reach, (1,))
        share = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.4, 3))
        light = np.exp(rng.uniform(0, 0.5) * ramp(rng, (width, height)))[..., None]
        canvas = canvas + share[..., None] * (skin_colour(rng) * light - canvas)
    return canvas.astype(np.float32)


def _of_photograph(rng, picture, size):
    """A random part of a photograph, mirrored at random, its colours shifted."""
    height, width = picture.shape[:2]
    largest = min(width / size[0], height / size[1])
    scale = largest * rng.uniform(0.25, 1)
    w, h = int(size[0] * scale), int(size[1] * scale)
    x, y = rng.integers(width - w + 1), rng.integers(height - h + 1)
    part = picture[y : y + h, x : x + w]
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    canvas = linear(part) * np.exp(rng.normal(0, 0.1, 3)).astype(np.float32)
    return np.ascontiguousarray(canvas)


def _wall(rng, size, colour):
    """One colour, a little uneven."""
    rough = in_picture(rng, size, rng.integers(2, 40), rng.uniform(0.3, 0.9))
    return colour(rng) * np.exp(rng.uniform(0.005, 0.12) * rough)[..., None]


def _desk(rng, size, colour):
    """Wood's grain or brushed cloth: noise drawn out in one direction."""
    long = max(size) * 2
    rough = in_picture(rng, (long, long // 8), rng.integers(8, 60), 0.7)
    grain = cv2.resize(rough, (long, long), interpolation=cv2.INTER_LINEAR)
    turned = cv2.getRotationMatrix2D((long / 2, long / 2), rng.uniform(0, 360), rng.uniform(0.75, 2.0))
    turned[:, 2] += np.array(size) / 2 - long / 2
    grain = cv2.warpAffine(grain, turned, size, borderMode=cv2.BORDER_REFLECT)
    first, second = colour(rng), colour(rng)
    second = first + 0.4 * (second - first)
    share = 1 / (1 + np.exp(-rng.uniform(0.5, 3) * grain))
    return first + share[..., None] * (second - first)


def _stripes(rng, size, colour):
    """Stripes, checks or tiles."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32) / max(size)
    angle, count = rng.uniform(0, np.pi), rng.uniform(3, 25)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    sharp = rng.uniform(1, 12)
    share = 0.5 + 0.5 * np.tanh(sharp * np.sin(2 * np.pi * count * along))
    if rng.random() < 0.5:
        other = 0.5 + 0.5 * np.tanh(sharp * np.sin(2 * np.pi * count * across))
        share = np.abs(share - other) if rng.random() < 0.5 else np.maximum(share, other)
    first, second = colour(rng), colour(rng)
    canvas = first + share[..., None] * (second - first)
    return canvas * np.exp(0.1 * in_picture(rng, size, 5))[..., None]


def _clutter(rng, size, colour):
    """Things of all sizes before a wall, out of focus."""
    canvas = np.ascontiguousarray(_wall(rng, size, colour), np.float32)
    for _ in range(rng.integers(4, 30)):
        draw_shape(rng, canvas, rng.uniform(0, 1, 2) * size, max(size) * rng.uniform(0.03, 0.35), colour(rng))
    return cv2.GaussianBlur(canvas, (0, 0), max(size) * rng.uniform(0.001, 0.03))


def _page(rng, size, colour):
    """Printed paper lying on something."""
    canvas = np.ascontiguousarray(_desk(rng, size, colour), np.float32)
    side = max(size)
    page = np.full((side, side, 3), linear(rng.uniform(170, 250, 3) if rng.random() < 0.8 else 230), np.float32)
    height, ink = side * rng.uniform(0.015, 0.06), linear(rng.uniform(10, 90))
    y = height * 2
    while y < side - height:
        x = height * 2
        while x < side - 2 * height and rng.random() > 0.06:
            word = height * rng.uniform(0.6, 3.5)
            page[int(y) : int(y + 0.45 * height) + 1, int(x) : int(x + word)] = ink
            x += word + 0.5 * height
        y += height * (1 if rng.random() > 0.1 else 3)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
    placed = corners + rng.normal(0, 0.15, (4, 2)).astype(np.float32) * side
    warp = cv2.getPerspectiveTransform(corners, placed.astype(np.float32))
    warp = np.vstack([cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(0, 360), rng.uniform(0.6, 1.6)),
                      [0, 0, 1]]) @ warp  # fmt: skip
    share = cv2.warpPerspective(np.ones((side, side), np.float32), warp, size, flags=cv2.INTER_AREA)
    return canvas * (1 - share[..., None]) + cv2.warpPerspective(page, warp, size, flags=cv2.INTER_LINEAR)


def _blocks(rng, size, colour):
    """Upright and lying boxes as of furniture, shelves and windows."""
    canvas = np.ascontiguousarray(_wall(rng, size, colour), np.float32)
    shades = [colour(rng) for _ in range(rng.integers(3, 7))]
    for _ in range(rng.integers(8, 60)):
        x, y = (rng.uniform(-0.2, 1, 2) * size).astype(int)
        w, h = (np.exp(rng.uniform(np.log(0.02), np.log(0.5), 2)) * max(size)).astype(int) + 1
        shade = shades[rng.integers(len(shades))] * rng.uniform(0.7, 1.2)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(map(float, shade)), -1)
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(map(float, 0.5 * shade)), 1, cv2.LINE_AA)
    turned = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), rng.normal(0, 10), 1.1)
    return cv2.warpAffine(canvas, turned, size, borderMode=cv2.BORDER_REFLECT)


def draw_shape(rng: Rng, canvas: Floats, centre: Floats, reach: float, colour: Sequence[float] | Floats) -> None:
    """Draw an ellipse, a bar or a polygon into an (h, w, 3) float32 picture, about ``reach`` pixels large."""
    shade = tuple(float(c) for c in colour)
    kind = rng.integers(3)
    if kind == 0:
        axes = (max(1.0, reach * rng.uniform(0.3, 1)), max(1.0, reach * rng.uniform(0.3, 1)))
        box = (tuple(map(float, centre)), (2 * axes[0], 2 * axes[1]), float(rng.uniform(0, 180)))
        cv2.ellipse(canvas, box, shade, -1, cv2.LINE_AA)
    elif kind == 1:
        away = rng.normal(0, reach, 2)
        start, end = tuple(map(int, centre - away)), tuple(map(int, centre + away))
        cv2.line(canvas, start, end, shade, max(1, int(reach * rng.uniform(0.1, 0.5))), cv2.LINE_AA)
    else:
        corners = centre + rng.normal(0, reach, (rng.integers(3, 7), 2))
        cv2.fillConvexPoly(canvas, cv2.convexHull(corners.astype(np.int32)), shade, cv2.LINE_AA)
