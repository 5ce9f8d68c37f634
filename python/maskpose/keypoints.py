"""The 21 hand keypoints: their order (paper's Fig. 2), their names, and the bones between them.

0 is the wrist; then four keypoints a finger from base to tip, thumb first.
"""

FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "little": (17, 18, 19, 20),
}
KEYPOINT_NAMES = ("wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in range(1, 5)))
BONES = tuple(bone for joints in FINGERS.values() for bone in zip((0, *joints[:-1]), joints))
