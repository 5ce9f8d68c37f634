"""A person's arm in a pose before a camera, and its sleeve: geometry and truth, not yet light."""

from typing import NamedTuple

import numpy as np

from maskpose.keypoints import FINGERS
from maskpose.synth import labels
from maskpose.synth.arm_model import FINGER_BONES, FOREARM, UPPER_ARM, ArmModel, RestArm, shape_amounts, shaped
from maskpose.synth.arrays import Floats, Rng, Size, Span
from maskpose.synth.camera import Camera
from maskpose.synth.creases import joint_frames, palm_lines
from maskpose.synth.kinematics import move, skin
from maskpose.synth.materials import CLOTH, HAIR, OTHER_SKIN, SKIN, THING, WORN
from maskpose.synth.meshes import Mesh, halved, vertex_normals
from maskpose.synth.overlap import deepest
from maskpose.synth.person import Figure, person_mesh, random_stance
from maskpose.synth.placement import TURNED, place, random_box, random_camera, random_orientation
from maskpose.synth.poses import bone_motions, posed_keypoints, random_pose
from maskpose.synth.skin import SkinMap, skin_map
from maskpose.synth.things import random_held, random_obstacle, random_pen, random_ring

OVERLAP = 0.006  # metres that fingers may be pushed into each other: flesh gives way


class Arm(NamedTuple):
    """An arm in camera coordinates, with what it was like at rest."""

    mesh: Mesh  # its texture coordinates are those at rest, in hand coordinates
    keypoints: np.ndarray  # (21, 3)
    forearm_axis: tuple[Floats, Floats]  # see labels.forearm_axis
    below_wrist: np.ndarray  # (n,) see labels.forearm_coordinate
    corner_nails: np.ndarray  # (m, 3) float32 of the triangles' corners
    skin_map: SkinMap
    crease_frames: np.ndarray
    palm_lines: np.ndarray
    flesh: np.ndarray  # (21,) metres
    shoulder: np.ndarray  # (3,)
    camera: Camera
    age: float


class Body:
    """What all arms share: the model's topology and weights, prepared for speed."""

    def __init__(self, model: ArmModel):
        self.model = model
        self.triangles = halved(model.subdivision.quads)
        self.nails = np.concatenate([model.nails[:, [0, 1, 2]], model.nails[:, [0, 2, 3]]])
        share = model.weights[:, [FOREARM, UPPER_ARM]].sum(axis=1, keepdims=True)
        bones = [list(FINGER_BONES[finger]) for finger in FINGERS]
        self.finger_shares = np.stack([model.weights[:, three].sum(axis=1) for three in bones], axis=1)
        self.arm_share = model.subdivision.apply(share)[:, 0]


def random_shape(rng: Rng) -> tuple[dict[str, float], float]:
    """(amounts for ``shaped``, age from 0 to 1): women and men of all origins, from children to the old."""
    gender = rng.uniform(0, 1)
    kind = rng.random()
    young = rng.uniform(0, 1)
    age = (1 - young, young, 0) if kind < 0.12 else (0, young, 1 - young)
    origin = rng.dirichlet((0.7, 0.7, 0.7))
    muscle, weight = rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 0.9)
    details = {
        "finger_thickness": rng.uniform(-0.5, 0.5), "finger_length": rng.uniform(-0.5, 0.6),
        "finger_distance": rng.uniform(-0.3, 0.3), "wrist_girth": rng.uniform(-0.3, 0.5),
        "arm_fat": rng.uniform(-0.4, 0.5), "arm_muscle": rng.uniform(-0.4, 0.5),
    }  # fmt: skip
    amounts = shape_amounts((gender, 1 - gender), age, origin, _three(muscle), _three(weight), details)
    return amounts, float((0.0, 0.4, 1.0) @ np.array(age))


def random_arm(rng: Rng, body: Body, size: Size, turned: float = TURNED, span: Span | None = None) -> Arm:
    """An Arm of a random person, posed and placed before a random camera for pictures of ``size`` (w, h).

    turned, span: as of maskpose.synth.placement's ``random_orientation`` and ``random_box``.
    """
    amounts, age = random_shape(rng)
    rest = shaped(body.model, amounts)
    stretch = np.exp(rng.normal(0, 0.04, 3))
    rest = RestArm(*(points * stretch for points in rest))
    camera = random_camera(rng, size)
    orientation = random_orientation(rng, turned)
    motions = orientation @ _random_motions(rng, rest)
    centre, extent = random_box(rng, size, span)
    shift = place(posed_keypoints(rest, motions), camera, centre, extent)
    motions[:, :, 3] += shift
    return pose_arm(body, rest, motions, camera, age)


def _random_motions(rng, rest):
    """The bones' motions by a random pose; of several that push fingers into each other, the one that does least."""
    tried = []
    for _ in range(6):
        motions = bone_motions(rest, random_pose(rng))
        tried.append((deepest(posed_keypoints(rest, motions)), len(tried), motions))
        if tried[-1][0] < OVERLAP:
            break
    return min(tried)[2]


def pose_arm(body: Body, rest: RestArm, motions: Floats, camera: Camera, age: float) -> Arm:
    """The Arm of a RestArm whose bones move into camera coordinates by ``motions`` (22, 3, 4)."""
    model = body.model
    coarse = halved(model.quads)
    marks = skin_map(rest.vertices, vertex_normals(rest.vertices, coarse), rest.keypoints)
    posed = skin(motions, model.weights, rest.vertices)
    fine = model.subdivision.apply(np.column_stack([posed, rest.vertices, *marks]))
    vertices, at_rest = np.ascontiguousarray(fine[:, :3]), fine[:, 3:6]
    keypoints = posed_keypoints(rest, motions)
    elbow = move(motions[FOREARM], rest.heads[UPPER_ARM])
    axis = labels.forearm_axis(keypoints, elbow)
    mesh = Mesh(
        vertices, body.triangles, vertex_normals(vertices, body.triangles), at_rest,
        np.full(len(body.triangles), SKIN),
    )  # fmt: skip
    return Arm(
        mesh, keypoints, axis, labels.forearm_coordinate(vertices, body.arm_share, *axis), body.nails,
        SkinMap(*fine[:, 6:].T), joint_frames(rest.keypoints), palm_lines(rest.keypoints),
        labels.flesh(rest.vertices, rest.keypoints, body.finger_shares), move(motions[UPPER_ARM], rest.shoulder),
        camera, age,
    )  # fmt: skip


def random_sleeve(rng: Rng, body: Body, arm: Arm) -> Mesh | None:
    """A Mesh of cloth over the arm from somewhere below the wrist, or None."""
    if rng.random() < 0.35:
        return None
    begin = rng.uniform(0.08, 0.5) if rng.random() < 0.55 else rng.uniform(0.5, 3.5)
    thick = rng.uniform(0.002, 0.014)
    mesh = arm.mesh
    covered = (arm.below_wrist > begin)[mesh.triangles].all(axis=1)
    if not covered.any():
        return None
    triangles = mesh.triangles[covered]
    phase = rng.uniform(0, 6.3, 2)
    folds = np.sin(arm.below_wrist * rng.uniform(6, 20) + phase[0]) + np.sin(
        mesh.texture @ rng.normal(0, 120, 3) + phase[1]
    )
    flare = np.exp(-(arm.below_wrist - begin) / 0.3) * rng.uniform(-0.001, 0.006)
    out = mesh.vertices + mesh.normals * (thick * (1 + 0.25 * folds) + flare)[:, None]
    return Mesh(out, triangles, vertex_normals(out, triangles), mesh.texture, np.full(len(triangles), CLOTH))


def random_watch(rng: Rng, arm: Arm) -> Mesh | None:
    """A Mesh of a band round the wrist, above the skin."""
    mesh = arm.mesh
    begin, wide = rng.uniform(0.08, 0.35), rng.uniform(0.25, 0.4)
    within = (arm.below_wrist > begin) & (arm.below_wrist < begin + wide)
    triangles = mesh.triangles[within[mesh.triangles].all(axis=1)]
    if not len(triangles):
        return None
    out = mesh.vertices + mesh.normals * rng.uniform(0.0015, 0.004)
    return Mesh(out, triangles, mesh.normals, mesh.texture, np.full(len(triangles), WORN))


def random_others(rng: Rng, arm: Arm) -> list[Mesh]:
    """Meshes of what is held, worn or in the way; often none."""
    others = []
    if rng.random() < 0.1:
        others.append(random_ring(rng, arm.keypoints, WORN))
    if rng.random() < 0.1:
        others.append(random_watch(rng, arm))
    kind = rng.random()
    if kind < 0.16:
        others.append(random_held(rng, arm.keypoints, THING))
    elif kind < 0.22:
        others.append(random_pen(rng, arm.keypoints, THING))
    elif kind < 0.3:
        others.append(random_obstacle(rng, arm.keypoints, THING))
    return [mesh for mesh in others if mesh is not None]


def random_person(rng: Rng, figure: Figure, arm: Arm) -> Mesh | None:
    """A Mesh of the arm's owner, or of somebody further off, or None; nothing of it is before the hand.

    The owner is there whenever the shoulder is to be seen, unless the body would hide the hand.
    """
    hand = arm.keypoints[:, 2].mean()
    stance = random_stance(rng)
    shoulder, kind = None, rng.random()
    if kind < 0.3 or shoulder_shows(arm):
        shoulder = arm.shoulder
    elif kind > 0.85:
        away = hand + rng.uniform(0.3, 1.5)
        shoulder = arm.camera.ray(rng.uniform(0, 1, 2) * arm.camera.size) * away + [0, 0.2, 0]
    if shoulder is None:
        return None
    mesh = person_mesh(rng, figure, stance, shoulder, (OTHER_SKIN, HAIR, CLOTH))
    return None if mesh.vertices[:, 2].min() < 0.2 or _hides(mesh, arm) else mesh


def shoulder_shows(arm: Arm) -> bool:
    """Whether the arm's end is in the picture, or not far out of it."""
    if arm.shoulder[2] < 0.1:
        return False
    x, y = arm.camera.project(arm.shoulder) / arm.camera.size
    return -0.15 < x < 1.15 and -0.15 < y < 1.15


def _hides(mesh, arm):
    """Whether a part of ``mesh`` is before the hand's keypoints, or among them."""
    pixels = arm.camera.project(arm.keypoints)
    margin = 0.1 * np.ptp(pixels, axis=0).max()
    low, high = pixels.min(axis=0) - margin, pixels.max(axis=0) + margin
    seen = arm.camera.project(mesh.vertices)
    over = ((seen > low) & (seen < high)).all(axis=1)
    return bool((mesh.vertices[over, 2] < arm.keypoints[:, 2].max() + 0.02).any())


def _three(x):
    """Shares of low, middle and high for -1 <= x <= 1."""
    return max(-x, 0), 1 - abs(x), max(x, 0)
