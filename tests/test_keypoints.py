"""The keypoint order is OpenPose's, as OneHand10K and the paper's Fig. 2 have it."""

from maskpose.keypoints import BONES, FINGERS, KEYPOINT_NAMES

OPENPOSE_PAIRS = [0, 1, 1, 2, 2, 3, 3, 4, 0, 5, 5, 6, 6, 7, 7, 8, 0, 9, 9, 10, 10, 11, 11, 12,
                  0, 13, 13, 14, 14, 15, 15, 16, 0, 17, 17, 18, 18, 19, 19, 20]  # fmt: skip


def test_order():
    assert [joint for joints in FINGERS.values() for joint in joints] == list(range(1, 21))
    assert list(FINGERS) == ["thumb", "index", "middle", "ring", "little"]
    assert len(KEYPOINT_NAMES) == len(set(KEYPOINT_NAMES)) == 21
    assert (KEYPOINT_NAMES[0], KEYPOINT_NAMES[4], KEYPOINT_NAMES[5]) == ("wrist", "thumb_4", "index_1")
    assert KEYPOINT_NAMES[20] == "little_4"


def test_bones():
    assert [joint for bone in BONES for joint in bone] == OPENPOSE_PAIRS
