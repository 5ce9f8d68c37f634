"""From light to a photograph: blur of motion and lens, exposure, white balance, noise, sharpening, JPEG."""

import cv2
import numpy as np

from maskpose.synth.arrays import Floats, Image, Rng
from maskpose.synth.colour import shown


def photographed(rng: Rng, scene: Floats) -> Image:
    """(h, w, 3) uint8 BGR of a ``scene`` (h, w, 3) float32 in linear light."""
    side = max(scene.shape[:2])
    scene = _motion(rng, scene, side) if rng.random() < 0.12 else scene
    if rng.random() < 0.35:
        scene = cv2.GaussianBlur(scene, (0, 0), side * rng.uniform(0.001, 0.006))  # pyright: ignore[reportAssignmentType]
    scene = scene * (_exposure(rng, scene) * np.exp(rng.normal(0, 0.06, 3))).astype(np.float32)
    if rng.random() < 0.4:
        scene = scene * _vignette(rng, scene.shape)
    level = rng.uniform(0.001, 0.03) ** 1.3 if rng.random() < 0.8 else rng.uniform(0.01, 0.05)
    grain = rng.standard_normal(scene.shape, np.float32)
    if rng.random() < 0.5:
        grain = 1.8 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    scene = scene + level * grain * np.sqrt(np.maximum(scene, 0) + 0.02)
    picture = shown(scene)
    picture = 128 + (picture - 128) * rng.uniform(0.92, 1.25)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * (rng.uniform(0.8, 1.3) if rng.random() > 0.04 else 0.0)
    if rng.random() < 0.4:
        picture = picture + rng.uniform(0.2, 1.0) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def jpeg(rng: Rng, picture: Image) -> bytes:
    """The bytes of a JPEG of random quality."""
    quality = int(rng.integers(45, 97))
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if rng.random() < 0.7 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    _, data = cv2.imencode(
        ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    )
    return data.tobytes()


def _exposure(rng, scene):
    """The factor that brings the picture's mean to a middle grey, but half-heartedly, and not always well."""
    mean = max(float(scene.mean()), 0.01)
    return (0.21 / mean) ** rng.uniform(0.3, 0.9) * np.exp(rng.normal(0, 0.3))


def _vignette(rng, shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = x / shape[1] - 0.5, y / shape[0] - 0.5
    return (1 - rng.uniform(0.1, 0.8) * (x * x + y * y))[..., None]


def _motion(rng, scene, side):
    """Blur along a line, alike to both sides, so that keypoints stay in its middle."""
    length = max(3, int(side * rng.uniform(0.01, 0.04)) | 1)
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    half = length // 2
    away = np.array([np.cos(angle), np.sin(angle)]) * half
    start, end = (tuple(np.rint(half + sign * away).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, (1.0,))
    return cv2.filter2D(scene, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
