"""Things in front of the hand: held ones, ones that only stand in the way, rings and watches."""

from collections.abc import Sequence

import numpy as np

from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Floats, Rng
from maskpose.synth.meshes import Mesh, vertex_normals
from maskpose.synth.placement import uniform_rotation

GRIP = 0.008  # metres of flesh between a finger's bones and what it holds


def solid(rng: Rng, kind: str, half: Floats, place: Floats, axes: Floats, material: int) -> Mesh:
    """A Mesh of a "box", "cylinder" or "ball" of half sizes ``half`` (3,) metres.

    ``place`` (3,) is its middle and ``axes`` (3, 3) its axes as rows; a cylinder stands along the first.
    """
    vertices, triangles = {"box": _box, "cylinder": _cylinder, "ball": _ball}[kind]()
    scaled = vertices * half
    placed = place + scaled @ axes
    normals = vertex_normals(placed, triangles)
    return Mesh(placed, triangles, normals, scaled + rng.uniform(0, 1, 3), np.full(len(triangles), material))


def random_held(rng: Rng, keypoints: Floats, material: int) -> Mesh | None:
    """A Mesh of something in a half-closed hand with ``keypoints`` (21, 3), or None where it has no room."""
    knuckles = keypoints[[FINGERS[f][0] for f in ("index", "middle", "ring", "little")]]
    tips = keypoints[[FINGERS[f][3] for f in FINGERS]]
    middles = keypoints[[FINGERS[f][n] for f in FINGERS for n in (1, 2)]]
    place = (knuckles.mean(axis=0) + 1.5 * tips.mean(axis=0) + 0.5 * middles.mean(axis=0)) / 3
    around = np.concatenate([knuckles, tips, middles, keypoints[:1]])
    across = knuckles[0] - knuckles[-1] + rng.normal(0, 0.01, 3)
    axes = frame(across, keypoints[9] - keypoints[0])
    beside = (around - place) @ axes[1:].T
    room = np.hypot(*beside.T).min() - GRIP
    if room < 0.003:
        return None
    radius = min(room, 0.045) * rng.uniform(0.8, 1.15)
    length = rng.uniform(0.05, 0.13)
    kind = rng.choice(["cylinder", "box", "ball"], p=[0.6, 0.25, 0.15])
    half = {
        "cylinder": (length, radius, radius), "ball": (radius, radius, radius),
        "box": (length, radius, radius * rng.uniform(0.2, 1)),
    }[kind]  # fmt: skip
    return solid(rng, kind, np.array(half), place + axes[0] * rng.uniform(-0.5, 0.5) * length, axes, material)


def random_pen(rng: Rng, keypoints: Floats, material: int) -> Mesh:
    """A Mesh of a thin rod between the tips of thumb and index finger, over the web between them."""
    tip = (keypoints[4] + keypoints[8]) / 2
    web = (keypoints[2] + keypoints[5]) / 2
    along = web - tip + rng.normal(0, 0.006, 3)
    along = along / np.linalg.norm(along)
    length = rng.uniform(0.05, 0.09)
    axes = frame(along, (0, 0, 1.0))
    thick = rng.uniform(0.0025, 0.006)
    return solid(rng, "cylinder", np.array([length, thick, thick]), tip + along * (length - 0.03), axes, material)


def random_obstacle(rng: Rng, keypoints: Floats, material: int) -> Mesh:
    """A Mesh between the camera and one of the ``keypoints`` (21, 3), turned anyhow."""
    span = np.ptp(keypoints, axis=0).max()
    target = keypoints[rng.integers(len(keypoints))]
    place = target * rng.uniform(0.6, 0.92) + rng.normal(0, 0.15, 3) * span
    half = span * rng.uniform(0.04, 0.3, 3) * place[2] / target[2]
    kind = rng.choice(["box", "cylinder", "ball"])
    if kind == "cylinder":
        half = half * [3, 0.5, 0.5]
    return solid(rng, kind, half, place, uniform_rotation(rng), material)


def random_ring(rng: Rng, keypoints: Floats, material: int) -> Mesh:
    """A Mesh of a ring round the first bone of a finger."""
    finger = rng.choice(["index", "middle", "ring", "little", "thumb"], p=[0.15, 0.2, 0.45, 0.1, 0.1])
    base, middle = keypoints[list(FINGERS[finger][:2])]
    along = (middle - base) / np.linalg.norm(middle - base)
    thick = {"thumb": 0.0115, "little": 0.0088}.get(finger, 0.0102) * np.linalg.norm(middle - base) / 0.04
    vertices, triangles = _cylinder()
    half = np.array([rng.uniform(0.001, 0.003), thick, thick])
    placed = base + 0.62 * (middle - base) + (vertices * half) @ frame(along, (0, 0, 1.0))
    side = triangles[: len(triangles) // 2]
    return Mesh(placed, side, vertex_normals(placed, side), vertices * half, np.full(len(side), material))


def frame(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> Floats:
    """(3, 3), rows right-handed unit axes: along ``first``, and in the plane with ``second``."""
    x = np.asarray(first) / np.linalg.norm(first)
    z = np.cross(x, second)
    z = np.cross(x, (0.31, 0.87, 0.39)) if np.linalg.norm(z) < 1e-6 else z
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z])


def _box():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    # Each side has corners of its own, so that edges stay sharp.
    triangles = np.array([[4 * n, 4 * n + i, 4 * n + i + 1] for n in range(6) for i in (1, 2)])
    return corners[np.array(quads).ravel()], triangles


def _cylinder(sides=28):
    """Along the first axis; the mantle's triangles come first and are half of all."""
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    mantle = np.concatenate([np.column_stack([np.full(sides, x), circle]) for x in (-1.0, 1.0)])
    caps = np.concatenate([mantle, [[-1, 0, 0], [1, 0, 0]]])
    ahead = (np.arange(sides) + 1) % sides
    here = np.arange(sides)
    first = np.stack([here, ahead, ahead + sides], axis=1)
    second = np.stack([here, ahead + sides, here + sides], axis=1)
    start = 2 * sides
    low = np.stack([start + ahead, start + here, np.full(sides, start + 2 * sides)], axis=1)
    high = np.stack([start + sides + here, start + sides + ahead, np.full(sides, start + 2 * sides + 1)], axis=1)
    return np.concatenate([mantle, caps]), np.concatenate([first, second, low, high])


def _ball(rows=14, columns=24):
    theta = np.linspace(0, np.pi, rows)[:, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    vertices = np.stack(
        [np.cos(theta) + 0 * phi, np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)], axis=-1
    ).reshape(-1, 3)
    row, column = np.mgrid[: rows - 1, :columns]
    a, b = row * columns + column, row * columns + (column + 1) % columns
    quads = np.stack([a, a + columns, b + columns, b], axis=-1).reshape(-1, 4)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
