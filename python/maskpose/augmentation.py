"""The paper's augmentation (section 3.3, Training) as one affine map, input pixels to input pixels."""

import numpy as np

from maskpose import geometry


def draw_affine(rng, settings):
    """A random map of the m x m input: scale, rotation about the centre, crop, flip.

    ``rng`` is a numpy Generator; ``settings`` a DataSettings. The resized and turned picture keeps all its
    content, and a window of m x m is placed over it at random: within the scaled square (``crop: scaled``),
    or within the larger square that holds the turned one (``crop: rotated``). Where the picture is the
    smaller of the two it is the picture that moves within the window.
    """
    size = settings.input_size
    scale = rng.uniform(*settings.scale)
    degrees = rng.uniform(-settings.rotation, settings.rotation)
    canvas = scale * size
    if settings.crop == "rotated":
        radians = np.deg2rad(degrees)
        canvas *= abs(np.cos(radians)) + abs(np.sin(radians))
    reach = abs(canvas - size) / 2
    dx, dy = rng.uniform(-reach, reach, size=2)
    flip = rng.random() < settings.flip
    return augmentation_affine(size, scale, degrees, dx, dy, flip)


def augmentation_affine(size, scale, degrees, dx, dy, flip):
    """The map for given parameters: scale and turn about the input's centre, move, perhaps mirror."""
    centre = ((size - 1) / 2, (size - 1) / 2)
    zoom = geometry.scale_affine(scale)
    recentre = geometry.translation(*(np.array(centre) - geometry.apply(zoom, centre)))
    affine = geometry.compose(geometry.translation(dx, dy), geometry.rotation(degrees, centre), recentre, zoom)
    if flip:
        affine = geometry.compose(geometry.horizontal_flip(size), affine)
    return affine
