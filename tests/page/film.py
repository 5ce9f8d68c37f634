"""A film for Chromium's fake camera: a rendered hand that moves, and in each frame its number."""

import functools

import cv2
import numpy as np

from maskpose import geometry
from maskpose.page import build

WIDTH, HEIGHT, RATE = 640, 480, 30
BITS, BLOCK = 8, 16  # of a frame's number, as black and white blocks of so many pixels along the upper border
RANGE = (50, 30)  # pixels that the hand moves to each side: never out of the square in which it is followed


@functools.cache
def picture():
    """(h, w, 3) uint8 BGR of a rendered hand."""
    return cv2.imread(str(build.SITE / build.EXAMPLES / "hand_2.jpg"))


def affine(number, frames):
    """2x3, from the hand's picture to frame ``number`` of a film that begins again after ``frames``."""
    hand, angle = picture(), 2 * np.pi * number / frames
    scale = HEIGHT / hand.shape[0]
    left = (WIDTH - scale * hand.shape[1]) / 2
    x, y = (half * np.sin(times * angle) for half, times in zip(RANGE, (1, 2)))
    return geometry.compose(geometry.translation(left + x, y), geometry.scale_affine(scale))


def frame(number, frames):
    """(HEIGHT, WIDTH, 3) uint8 BGR."""
    image = cv2.warpAffine(
        picture(), affine(number, frames), (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    for bit in range(BITS):
        image[:BLOCK, BLOCK * bit : BLOCK * (bit + 1)] = 255 * (number >> bit & 1)
    return image


def write(path, frames):
    """Write a y4m file of so many frames."""
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            file.write(b"FRAME\n" + cv2.cvtColor(frame(number, frames), cv2.COLOR_BGR2YUV_I420).tobytes())
