"""Poses of a hand as joint angles: what a human hand can do, and what it usually does.

A pose is {angle's name: degrees} with the names of LIMITS. Flexion of a knuckle is counted from the plane of the
palm, that of other finger joints from the bone before straightened out; spread is counted from the bones'
direction at rest, positive towards the thumb. The thumb's and the wrist's angles are turns from rest, but for the
thumb's last joint, which is counted as the fingers' are.
"""

from collections.abc import Mapping

import numpy as np

from maskpose.keypoints import FINGERS
from maskpose.synth.arm_model import FINGER_BONES, FOREARM, METACARPALS, PALM, PARENTS, UPPER_ARM, RestArm
from maskpose.synth.arrays import Floats, Rng
from maskpose.synth.kinematics import forward_kinematics, turn

LONG_FINGERS = tuple(METACARPALS)
LIMITS = {
    **{f"{finger}_{angle}": limits for finger in LONG_FINGERS for angle, limits in {
        "spread": (-22, 22), "knuckle": (-25, 92), "middle": (-4, 108), "last": (-8, 80)}.items()},
    "thumb_flexion": (-28, 48),  # of the metacarpal, in the palm's plane towards the index finger
    "thumb_abduction": (-20, 45),  # of the metacarpal, across the palm
    "thumb_twist": (-10, 50),  # about the metacarpal: opposition
    "thumb_middle": (-15, 60),
    "thumb_last": (-25, 85),
    "wrist_flexion": (-65, 75),
    "wrist_deviation": (-20, 35),  # towards the little finger
    "forearm_twist": (-70, 70),  # pronation
    "elbow": (-30, 95),
    "elbow_turn": (-90, 90),
}  # fmt: skip


def _fingers(index, middle, ring, little):
    """Angles of four fingers, each (curl at the knuckle, at the middle joint[, spread])."""
    pose = {}
    for finger, (knuckle, bend, *spread) in zip(LONG_FINGERS, (index, middle, ring, little)):
        pose[f"{finger}_knuckle"], pose[f"{finger}_middle"] = knuckle, bend
        pose[f"{finger}_last"] = bend * 2 / 3
        pose[f"{finger}_spread"] = spread[0] if spread else 0
    return pose


def _thumb(flexion, abduction, twist, middle, last):
    names = ("flexion", "abduction", "twist", "middle", "last")
    return {f"thumb_{name}": value for name, value in zip(names, (flexion, abduction, twist, middle, last))}


UP, FOLDED = (0, 4), (82, 100)
THUMB_OUT, THUMB_IN, THUMB_OVER = _thumb(-8, -5, 0, -5, -5), _thumb(-5, 30, 42, 27, 33), _thumb(0, 40, 50, 26, 31)
POSES = {
    "flat": _fingers((0, 3, -10), (0, 3, 1), (0, 3, 8), (0, 3, 13)) | _thumb(25, -2, 5, 5, 5),
    "spread": _fingers((-5, 3, 6), (-3, 3), (-3, 3, -5), (-5, 3, -10)) | _thumb(-5, -3, 0, -3, -3),
    "relaxed": _fingers((15, 22), (22, 28), (26, 32), (28, 32)) | _thumb(15, 5, 10, 10, 18),
    "fist": _fingers(FOLDED, FOLDED, FOLDED, FOLDED) | _thumb(-6, 27, 42, 28, 34),
    "thumb_up": _fingers(FOLDED, FOLDED, FOLDED, FOLDED) | _thumb(0, -10, 0, -5, -12),
    "pointing": _fingers(UP, FOLDED, FOLDED, FOLDED) | THUMB_IN,
    "gun": _fingers(UP, FOLDED, FOLDED, FOLDED) | THUMB_OUT,
    "two": _fingers((0, 4, 8), (0, 4, -6), FOLDED, FOLDED) | THUMB_OVER,
    "two_closed": _fingers((0, 4, -10), (0, 4, 1), FOLDED, FOLDED) | THUMB_OVER,
    "three": _fingers((0, 4, 6), (0, 4), (0, 5, -6), (75, 90)) | _thumb(9, 45, 50, 31, 12),
    "three_with_thumb": _fingers((0, 4, 6), (0, 4, -4), FOLDED, FOLDED) | THUMB_OUT,
    "four": _fingers((0, 4, 4), (0, 4), (0, 4, -3), (0, 4, -8)) | _thumb(35, 25, 30, 30, 40),
    "pinch": _fingers((45, 48), (25, 30), (18, 22, -4), (12, 16, -8)) | _thumb(4, 17, 22, 12, 19),
    "ring": _fingers((48, 62), (5, 12), (0, 8, -4), (-5, 6, -8)) | _thumb(1, 16, 22, 10, 18),
    "pinch_all": _fingers((48, 40), (50, 42), (50, 42), (45, 45)) | _thumb(31, 30, 19, -15, 0),
    "c": _fingers((25, 45), (25, 45), (25, 45), (25, 45)) | _thumb(-5, 15, 20, 8, 15),
    "grasp": _fingers((40, 50), (45, 55), (50, 58), (52, 58)) | _thumb(0, 25, 25, 15, 20),
    "hook": _fingers((10, 76), (10, 78), (10, 78), (10, 76)) | _thumb(20, 10, 15, 20, 30),
    "claw": _fingers((0, 60, 6), (0, 62), (0, 62, -4), (-5, 60, -8)) | _thumb(0, 10, 10, 20, 40),
    "horns": _fingers(UP, FOLDED, FOLDED, (0, 5, -4)) | THUMB_OVER,
    "shaka": _fingers(FOLDED, FOLDED, (75, 95), (-5, 5, -10)) | THUMB_OUT,
    "i": _fingers(FOLDED, FOLDED, FOLDED, (0, 6)) | THUMB_IN,
    "l_middle": _fingers(FOLDED, UP, FOLDED, FOLDED) | _thumb(-15, 15, 34, 33, 41),
    "crossed": _fingers((6, 10, -14), (0, 6, 10), FOLDED, FOLDED) | THUMB_OVER,
    "bent_flat": _fingers((70, 10, -8), (72, 10), (72, 10, 5), (70, 12, 8)) | _thumb(10, 20, 25, 10, 10),
    "x": _fingers((20, 85), FOLDED, FOLDED, FOLDED) | THUMB_IN,
    "o": _fingers((45, 58), (45, 60), (45, 60), (42, 58)) | _thumb(10, 28, 26, 18, 20),
    "pen": _fingers((42, 52), (48, 60), (60, 75), (65, 80)) | _thumb(5, 15, 21, 12, 19),
    "spock": _fingers((0, 3, -8), (0, 3, 6), (0, 3, -8), (0, 3, 2)) | _thumb(-5, -5, 0, -5, 0),
    "side_fist": _fingers((75, 95), FOLDED, FOLDED, FOLDED) | _thumb(28, 0, 10, 10, 20),
}  # fmt: skip
OFTEN = {
    "flat": 3.0, "spread": 4.0, "relaxed": 4.0, "fist": 2.0, "four": 1.5, "pointing": 2.5, "two": 2.5, "c": 1.5,
    "grasp": 2.5,
}  # how many times as likely as the others  # fmt: skip


def random_pose(rng: Rng) -> dict[str, float]:
    """A pose within LIMITS: one of POSES or a blend of two, fingers partly exchanged or random, and noise."""
    names = list(POSES)
    odds = np.array([OFTEN.get(name, 1.0) for name in names])
    first, second = (POSES[name] for name in rng.choice(names, 2, p=odds / odds.sum()))
    pose = dict(first)
    kind = rng.random()
    if kind < 0.35:
        blend = rng.random()
        pose = {name: (1 - blend) * first[name] + blend * second[name] for name in first}
    elif kind < 0.5:
        for finger in FINGERS:
            if rng.random() < 0.4:
                pose |= {name: value for name, value in second.items() if name.startswith(finger)}
    elif kind < 0.65:
        pose |= _random_curls(rng)
    elif kind < 0.85:
        pose |= _random_sign(rng)
    loose = rng.uniform(0.2, 1.0)
    together, spread = rng.normal(0, 7, 2) * loose, rng.normal(0, 3) * loose
    for n, finger in enumerate(LONG_FINGERS):
        pose[f"{finger}_knuckle"] += together[0] + rng.normal(0, 6) * loose
        bend = pose[f"{finger}_middle"] + together[1] + rng.normal(0, 6) * loose
        pose[f"{finger}_middle"] = bend
        pose[f"{finger}_last"] = 2 / 3 * bend + rng.normal(0, 6) * loose
        pose[f"{finger}_spread"] += spread * (1.5 - n) + rng.normal(0, 2.5) * loose
    for name in ("flexion", "abduction", "twist", "middle", "last"):
        pose[f"thumb_{name}"] += rng.normal(0, 7) * loose
    pose |= {
        "wrist_flexion": rng.normal(-5, 22), "wrist_deviation": rng.normal(5, 10),
        "forearm_twist": rng.normal(0, 30), "elbow": rng.uniform(-30, 95), "elbow_turn": rng.uniform(-90, 90),
    }  # fmt: skip
    return limited(pose)


def limited(pose: Mapping[str, float]) -> dict[str, float]:
    """The pose with every angle within LIMITS, angles left out at 0, and a bent finger spread less."""
    pose = {name: float(np.clip(pose.get(name, 0.0), *limits)) for name, limits in LIMITS.items()}
    for finger in LONG_FINGERS:
        room = np.clip(1 - pose[f"{finger}_knuckle"] / 90, 0.1, 1)
        low, high = LIMITS[f"{finger}_spread"]
        pose[f"{finger}_spread"] = float(np.clip(pose[f"{finger}_spread"], low * room, high * room))
    return pose


def _random_curls(rng):
    """Four fingers bent at random, neighbours alike."""
    curl = np.clip(np.cumsum(rng.normal(0, 0.35, 4)) + rng.uniform(-0.1, 1.0), -0.05, 1)
    return _fingers(*((85 * c * rng.uniform(0.5, 1.1), 100 * c) for c in curl))


def _random_sign(rng):
    """Each finger up, folded or half bent whatever its neighbours are, as in counting and signing; a usual thumb."""
    kinds = rng.choice(3, 4, p=(0.42, 0.42, 0.16))
    states = [(UP, FOLDED, (rng.uniform(0, 70), rng.uniform(20, 90)))[kind] for kind in kinds]
    thumb = POSES[str(rng.choice(("gun", "pointing", "two", "thumb_up", "side_fist", "spread")))]
    return _fingers(*states) | {name: value for name, value in thumb.items() if name.startswith("thumb")}


def bone_motions(rest: RestArm, pose: Mapping[str, float]) -> Floats:
    """(22, 3, 4) motions of a RestArm's bones by a pose, the palm at rest."""
    turns = np.repeat(np.eye(3)[None], len(PARENTS), axis=0)
    for finger in LONG_FINGERS:
        first, second, third = FINGER_BONES[finger]
        start, middle, last, tip = rest.keypoints[list(FINGERS[finger])]
        turns[first] = _knuckle(middle - start, pose[f"{finger}_spread"], pose[f"{finger}_knuckle"])
        hinge = _hinge(middle - start)
        for bone, before, after, angle in (
            (second, middle - start, last - middle, pose[f"{finger}_middle"]),
            (third, last - middle, tip - last, pose[f"{finger}_last"]),
        ):
            turns[bone] = turn(hinge, angle - _bend(before, after, hinge))
    _turn_thumb(turns, rest, pose)
    cup = 0.12 * np.clip([pose["ring_knuckle"], pose["little_knuckle"]], 0, 60)
    turns[METACARPALS["ring"]] = turn((0, 1, 0), 0.5 * cup[0])
    turns[METACARPALS["little"]] = turn((0, 1, 0), cup[1])
    turns[FOREARM] = (
        turn((0, 1, 0), -pose["wrist_flexion"]) @ turn((0, 0, 1), pose["wrist_deviation"])
    )  # fmt: skip
    forearm = rest.heads[UPPER_ARM] / np.linalg.norm(rest.heads[UPPER_ARM])
    turns[FOREARM] = turns[FOREARM] @ turn(forearm, 0.35 * pose["forearm_twist"])
    across = np.cross(forearm, (0, 0, 1))
    across = turn(forearm, pose["elbow_turn"]) @ (across / np.linalg.norm(across))
    turns[UPPER_ARM] = turn(across, pose["elbow"])
    turns[PALM] = np.eye(3)
    return forward_kinematics(PARENTS, rest.heads, turns)


def posed_keypoints(rest: RestArm, motions: Floats) -> Floats:
    """(21, 3) keypoints of a RestArm under its bones' motions."""
    carrier = [PALM, *(bone for finger in FINGERS for bone in _carriers(finger))]
    return np.array([motions[b, :, :3] @ k + motions[b, :, 3] for b, k in zip(carrier, rest.keypoints)])


def _carriers(finger):
    first, second, third = FINGER_BONES[finger]
    return first, second, third, third


def _hinge(bone):
    """The axis that bends a finger towards the palm, across its bone."""
    axis = np.cross(bone, (0, 0, -1.0))
    return axis / np.linalg.norm(axis)


def _bend(before, after, hinge):
    """Degrees by which one bone is bent from the one before it, about the hinge."""
    return np.rad2deg(np.arctan2(np.cross(before, after) @ hinge, before @ after))


def _knuckle(bone, spread, flexion):
    """From rest into the plane of the palm, spread there, and flexed."""
    hinge = _hinge(bone)
    rest = np.rad2deg(np.arctan2(-bone[2], np.hypot(bone[0], bone[1])))
    sideways = turn((0, 0, 1), spread)
    return turn(sideways @ hinge, flexion) @ sideways @ turn(hinge, -rest)


def _turn_thumb(turns, rest, pose):
    first, second, third = FINGER_BONES["thumb"]
    base, middle, last, tip = rest.keypoints[list(FINGERS["thumb"])]
    bone = (middle - base) / np.linalg.norm(middle - base)
    outward = np.cross(bone, (1.0, 0, 0))  # out of the palm's plane, towards the viewer of a palm
    outward = outward / np.linalg.norm(outward)
    sideways = np.cross(bone, outward)
    turns[first] = (
        turn(outward, pose["thumb_flexion"]) @ turn(sideways, pose["thumb_abduction"]) @ turn(bone, pose["thumb_twist"])  # pyright: ignore[reportArgumentType]
    )
    hinge = np.cross(bone, last - middle)
    hinge = np.cross(middle - base, tip - middle) if np.linalg.norm(hinge) < 1e-4 else hinge
    hinge = hinge / np.linalg.norm(hinge)
    for b, before, after, angle in (
        (second, middle - base, last - middle, pose["thumb_middle"]),
        (third, last - middle, tip - last, pose["thumb_last"]),
    ):
        turns[b] = turn(hinge, angle - (_bend(before, after, hinge) if b == third else 0))
