"""The 21 hand keypoints: their order (the paper's Fig. 2), their names, and the bones between them.

Keypoint 0 is the wrist. Then come four keypoints per finger from base to tip, thumb first.
"""

FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "little": (17, 18, 19, 20),
}
KEYPOINT_NAMES = ("wrist", *(f"{finger}_{number}" for finger in FINGERS for number in range(1, 5)))
BONES = tuple(bone for numbers in FINGERS.values() for bone in zip((0, *numbers[:-1]), numbers))
