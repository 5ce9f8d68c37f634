"""Each reader on a fixture made in its data set's own format, values known by construction."""

import base64
import json
import math
import pickle
import re

import cv2
import numpy as np
import pytest

from maskpose.data.datasets import cmu, coco_wholebody, freihand, labelme, mmpose, reading, rhd, table
from maskpose.errors import InputError
from maskpose.keypoints import KEYPOINT_NAMES

POINTS = np.array([(30 + 2 * k, 25 + k) for k in range(21)], float)  # a box of 40 x 20 about (50, 35)


def picture(path, width=100, height=80, seed=1):
    """Write a picture of noise; give it as it will be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(noise, (0, 0), 2))
    return cv2.imread(str(path))


def mask(path, width=100, height=80, value=255):
    """Write a mask whose right half is hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.zeros((height, width), np.uint8)
    grey[:, width // 2 :] = value
    cv2.imwrite(str(path), grey)


def flat(points=POINTS, flags=1):
    return np.column_stack([points, np.broadcast_to(flags, 21)]).ravel().tolist()


def one(items, read, **options):
    """The only sample of the only item."""
    (item,) = items
    (sample,) = read(item, **options)
    return sample


def read_all(items, read, **options):
    """(samples, problems) of items, as a build takes them: broken ones are left out."""
    samples, problems = [], []
    for item in items:
        try:
            if isinstance(item, InputError):
                raise item
            samples += read(item, **options)
        except InputError as problem:
            problems.append(str(problem))
    return samples, problems


def test_mmposes_json_with_the_originals_masks(tmp_path):
    flags = np.ones(21)
    flags[3] = 0
    points = POINTS.copy()
    points[3] = 0
    document = {
        "images": [{"file_name": "Train/source/7.jpg", "width": 100, "height": 80, "id": 5}],
        "annotations": [{"image_id": 5, "id": 9, "keypoints": flat(points, flags), "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / "train.json").write_text(json.dumps(document))
    picture(tmp_path / "Train/source/7.jpg")
    mask(tmp_path / "Train/mask/7.png", value=200)
    items = mmpose.items(tmp_path / "train.json")
    sample = one(items, mmpose.read, images=tmp_path)
    assert sample.visible.tolist() == (flags == 1).tolist() and np.allclose(sample.keypoints[4], POINTS[4])
    assert sample.image == (tmp_path / "Train/source/7.jpg").read_bytes()
    assert (sample.decode_mask()[:, 50:] == 255).all() and (sample.decode_mask()[:, :50] == 0).all()
    assert not one(items, mmpose.read, images=tmp_path, masks=tmp_path).mask  # no such mask there
    document["annotations"][0]["image_id"] = 6
    (tmp_path / "train.json").write_text(json.dumps(document))
    (problem,) = mmpose.items(tmp_path / "train.json")
    assert isinstance(problem, InputError) and str(problem).endswith("annotation 9: no image has the id 6")


def test_cmus_folders_are_cropped_about_the_hand(tmp_path):
    whole = picture(tmp_path / "manual_test/a_l.jpg", 200, 150)
    flags = np.ones(21)
    flags[[2, 5]] = 0, 2
    label = {"hand_pts": np.column_stack([POINTS, flags]).tolist(), "is_left": 1}
    (tmp_path / "manual_test/a_l.json").write_text(json.dumps(label))
    items = cmu.items(tmp_path / "manual_test")
    sample = one(items, cmu.read)
    assert sample.side == "left" and sample.origin == "manual_test" and sample.name == "a_l.jpg"
    assert sample.visible.tolist() == (flags == 1).tolist()
    # seen points: 40 x 20 pixels about (50, 35); the square is 88, cut off above: from (6, 0)
    assert sample.width == pytest.approx(89, abs=1) and np.allclose(POINTS - sample.keypoints, (6, 0))
    difference = np.abs(sample.decode_image().astype(int) - whole[: sample.height, 6 : 6 + sample.width])
    assert difference.mean() < 2
    uncropped = one(items, cmu.read, crop=0)
    assert (uncropped.width, uncropped.height) == (200, 150) and np.allclose(uncropped.keypoints, POINTS)


def test_cmus_sides_by_name_and_panoptic_frames(tmp_path):
    picture(tmp_path / "imgs/0_webcam.jpg", 200, 150)
    entry = {"joint_self": [*np.column_stack([POINTS, np.ones(21)]).tolist()], "img_paths": "imgs/0_webcam.jpg"}
    (tmp_path / "hands_v143.json").write_text(json.dumps({"root": [entry, {**entry, "img_paths": "imgs/none_r.jpg"}]}))
    first, second = cmu.items(tmp_path / "hands_v143.json")
    (sample,) = cmu.read(first, crop=0)
    assert sample.origin == "panoptic" and sample.side == "" and np.allclose(sample.keypoints, POINTS)
    with pytest.raises(InputError, match=r"none_r\.jpg"):
        cmu.read(second)
    (tmp_path / "hands_v143.json").write_text(json.dumps({"root": [{"img_paths": "a.jpg"}]}))
    with pytest.raises(InputError, match="entry 0: 'joint_self' is missing"):
        cmu.read(cmu.items(tmp_path / "hands_v143.json")[0])


def rhd_set(root, annotations):
    (root / "training").mkdir(parents=True, exist_ok=True)
    with (root / "training/anno_training.pickle").open("wb") as file:
        pickle.dump(annotations, file, protocol=2)


def test_rhd_in_the_usual_order_the_larger_hand_or_both(tmp_path):
    # each keypoint's x is its own number in RHD's order: wrist, then every finger from tip to base
    left, right = np.zeros((21, 3)), np.zeros((21, 3))
    left[:] = np.column_stack([10 + np.arange(21), np.full(21, 30), np.ones(21)])
    right[:] = np.column_stack([40 + 2 * np.arange(21), np.full(21, 50), np.arange(21) != 4])
    rhd_set(tmp_path, {3: {"uv_vis": np.vstack([left, right]), "K": np.eye(3)}})
    picture(tmp_path / "training/color/00003.png")
    ids = np.zeros((80, 100), np.uint8)
    ids[:10], ids[10:20], ids[20:30], ids[30:40] = 1, 2, 17, 18
    cv2.imwrite(str(tmp_path / "training/mask/00003.png"), ids) or (tmp_path / "training/mask").mkdir()
    cv2.imwrite(str(tmp_path / "training/mask/00003.png"), ids)
    larger = one(rhd.items(tmp_path, "training"), rhd.read)
    assert larger.side == "right" and larger.origin == "rhd"
    order = [0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17]
    assert larger.keypoints[:, 0].tolist() == [40 + 2 * k for k in order]
    assert larger.visible.tolist() == [k != 4 for k in order]
    assert np.array_equal(larger.decode_mask() > 0, ids >= 18)
    both = [rhd.read(item)[0] for item in rhd.items(tmp_path, "training", "both")]
    assert [sample.side for sample in both] == ["right", "left"] and both[0].group == both[1].group
    assert np.array_equal(both[1].decode_mask() > 0, (ids >= 2) & (ids <= 17))
    assert both[1].keypoints[:, 0].tolist() == [10 + k for k in order]


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("echo run by the pickle",)


def test_a_pickle_that_runs_code_is_refused(tmp_path, capfd):
    rhd_set(tmp_path, {0: Evil()})
    with pytest.raises(InputError, match=r"anno_training\.pickle: the pickle asks for posix\.system: refused"):
        rhd.items(tmp_path, "training")
    assert "run by" not in capfd.readouterr().out
    (tmp_path / "training/anno_training.pickle").write_bytes(b"no pickle")
    with pytest.raises(InputError, match="is not a pickle"):
        rhd.items(tmp_path, "training")
    with pytest.raises(InputError, match="no such file"):
        rhd.items(tmp_path, "evaluation")


def test_rhd_pictures_with_broken_annotations_are_left_out_alone(tmp_path):
    """An array of object pointers (126 addresses), numbers that are not finite, a wrong shape, a name for a number."""

    class Pointers:
        def __reduce__(self):
            return np.ndarray, ((126,), "O", b"AAAAAAAA" * 126)

    good = np.column_stack([np.arange(42), np.arange(42), np.ones(42)])
    rhd_set(tmp_path, {10: {"uv_vis": good}, 2: {"uv_vis": good}, 3: {"uv_vis": Pointers()}, "4": {"uv_vis": good},
                       5: {"uv_vis": good[:41]}, 6: {"uv_vis": good * np.nan}, 7: None})  # fmt: skip
    *items, named = rhd.items(tmp_path, "training")
    assert [item[2] for item in items if not isinstance(item, InputError)] == [2, 10]
    broken = [str(item) for item in items if isinstance(item, InputError)]
    for said, problem in zip((r"3, uv_vis: expected 42 of 3 numbers, not", "5, uv_vis: expected 42 of 3",
                              "6, uv_vis: expected a number, not nan", "7: 'uv_vis' is missing"), broken):  # fmt: skip
        assert re.search(f"anno_training.pickle, image {said}", problem)
    assert len(broken) == 4 and "image '4': expected a number" in str(named)


def test_freihand_is_projected(tmp_path):
    camera = [[100.0, 0, 50], [0, 100, 40], [0, 0, 1]]
    xyz = np.column_stack([(POINTS - (50, 40)) / 100, np.ones(21)]) * np.linspace(1, 2, 21)[:, None]
    for name, values in (("K", [camera] * 2), ("xyz", [xyz.tolist()] * 2)):
        (tmp_path / f"training_{name}.json").write_text(json.dumps(values))
    for number in range(8):
        picture(tmp_path / f"training/rgb/{number:08d}.jpg", seed=number)
    mask(tmp_path / "training/mask/00000000.jpg")
    items = freihand.items(tmp_path, versions=(0, 3, 0))
    assert len(items) == 4
    samples = [freihand.read(item)[0] for item in items]
    assert [sample.name for sample in samples] == [f"{n:08d}.jpg" for n in (0, 1, 6, 7)]  # id + 2 x version
    assert all(np.abs(sample.keypoints - POINTS).max() < 1e-4 and sample.visible.all() for sample in samples)
    assert [bool(sample.mask) for sample in samples] == [True, False, True, False]  # of the unique picture
    assert [sample.group for sample in samples] == ["00000000", "00000001"] * 2
    (tmp_path / "training_K.json").write_text(json.dumps([camera]))
    with pytest.raises(InputError, match=r"1 entries, training_xyz\.json 2"):
        freihand.items(tmp_path)


def test_coco_wholebodys_valid_hands(tmp_path):
    flags = np.arange(21) % 3 > 0
    annotation = {
        "id": 77, "image_id": 12, "lefthand_valid": True, "lefthand_kpts": flat(POINTS, flags * 0.7),
        "righthand_valid": False, "righthand_kpts": flat(),
    }  # fmt: skip
    empty = {**annotation, "id": 78, "lefthand_kpts": [0] * 63}
    images = [{"id": 12, "file_name": "000012.jpg"}]
    (tmp_path / "val.json").write_text(json.dumps({"images": images, "annotations": [annotation, empty]}))
    picture(tmp_path / "val2017/000012.jpg", 300, 200)
    sample = one(coco_wholebody.items(tmp_path / "val.json"), coco_wholebody.read, images=tmp_path / "val2017")
    assert sample.side == "left" and sample.name == "000012_77_left.jpg" and sample.group == "000012"
    assert sample.visible.tolist() == flags.tolist() and max(sample.width, sample.height) < 100
    whole = one(coco_wholebody.items(tmp_path / "val.json"), coco_wholebody.read, images=tmp_path / "val2017", crop=0)
    assert whole.width == 300 and np.allclose(whole.keypoints, POINTS)
    broken = [{**annotation, "id": 79, "image_id": 5}, {**annotation, "id": 80, "lefthand_kpts": [1]}, {"image_id": 12}]
    (tmp_path / "val.json").write_text(json.dumps({"images": images, "annotations": [*broken, annotation]}))
    *wrong, good = coco_wholebody.items(tmp_path / "val.json")
    assert good[1] == 77
    for problem, said in zip(wrong, ("79: no image has the id 5", "80: expected 21", "annotations[2]: 'id'")):
        assert isinstance(problem, InputError) and said in str(problem)


def labelme_document(**changes):
    shapes = [
        {"label": name if k % 2 else str(k), "shape_type": "point", "points": [(POINTS[k] + 0.5).tolist()]}
        for k, name in enumerate(KEYPOINT_NAMES)
        if k != 6
    ]
    shapes.append({"label": "hand", "shape_type": "polygon", "points": [[10, 20], [30, 20], [30, 40], [10, 40]]})
    shapes.append({"label": "hand", "shape_type": "polygon", "points": [[50, 50], [60, 50], [60, 60], [50, 60]]})
    document = {"imagePath": "a.jpg", "imageWidth": 100, "imageHeight": 80, "shapes": shapes, "flags": {"left": True}}
    return {**document, **changes}


def polygon(*points):
    return [{"label": "hand", "shape_type": "polygon", "points": list(map(list, points))}]


def test_labelme_points_and_polygons(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.json").write_text(json.dumps(labelme_document()))
    sample = one(labelme.items(tmp_path), labelme.read)
    assert sample.visible.tolist() == [k != 6 for k in range(21)] and sample.side == "left"
    assert np.allclose(sample.keypoints[sample.visible], POINTS[sample.visible])
    expected = np.zeros((80, 100), bool)
    expected[20:40, 10:30] = expected[50:60, 50:60] = True
    assert np.array_equal(sample.decode_mask() > 0, expected)


def test_labelme_with_the_picture_inside_and_what_is_wrong(tmp_path):
    picture(tmp_path / "elsewhere.jpg")
    data = (tmp_path / "elsewhere.jpg").read_bytes()
    path = tmp_path / "labels/a.json"
    path.parent.mkdir()
    path.write_text(json.dumps(labelme_document(imageData=base64.b64encode(data).decode())))
    (sample,) = labelme.read(path)
    assert sample.image == data and sample.mask
    data = base64.b64encode(data).decode()
    twice = labelme_document()
    twice["shapes"].append(twice["shapes"][0])
    odd = labelme_document(shapes=[{"label": "elbow", "shape_type": "point", "points": [[1, 2]]}])
    far = labelme_document(shapes=[{"label": "wrist", "shape_type": "point", "points": [[10, 161]]}])
    for document, message in (
        (labelme_document(), r"a\.jpg"), (twice, "the keypoint 0 appears twice"), (odd, "point 'elbow' is neither"),
        ({"shapes": []}, "nothing is labelled"), (far, "further outside its 100x80 image than that"),
        (labelme_document(flags={"left": True, "right": True}), "left and right"),
        (labelme_document(imageData=data, shapes=polygon((-30, -30), (-5, -30), (-5, -5))), "no pixel of the image"),
        (labelme_document(imageData=data, shapes=polygon((9, 9), (20, 9), (15, 9))), "no pixel of the image"),
        (labelme_document(shapes=polygon((9, 9), (20, 9), (15, math.nan))), "shape 0, points: expected a number"),
        (labelme_document(shapes=polygon((9, 9), (20, 9))), "polygon 'hand' is neither"),
        (labelme_document(imageWidth=90), r"a\.jpg"),
    ):  # fmt: skip
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match=message):
            labelme.read(path)


def write_table(path, **changes):
    row = {"image": "a.jpg", "side": "right", "source": "mine", "mask": "a.png"}
    for name, (x, y) in zip(KEYPOINT_NAMES, POINTS):
        row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_confidence": 0.5}
    row |= changes
    path.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    return table.items(path)


def test_a_csv(tmp_path):
    picture(tmp_path / "photos/a.jpg")
    mask(tmp_path / "masks/a.png")
    path = tmp_path / "keypoints.csv"
    options = {"path": path, "images": tmp_path / "photos", "masks": tmp_path / "masks"}
    changes = {"wrist_x": "", "thumb_1_x": -1, "thumb_1_y": -1, "index_1_visible": 0, "index_2_visible": 1}
    sample = one(write_table(path, **changes), table.read, **options)
    assert sample.visible.tolist() == [k not in (0, 1, 5) for k in range(21)]
    assert np.allclose(sample.keypoints[2:], POINTS[2:]) and sample.mask
    assert (sample.name, sample.side, sample.origin) == ("a.jpg", "right", "mine")
    for wrong, message in (
        ({"wrist_x": "left"}, "line 2: wrist is 'left'"), ({"side": "both"}, "side is 'both'"),
        ({"wrist_x": "nan"}, "wrist is 'nan'"), ({"image": "../photos/a.jpg"}, "line 2: .* not the path of a file"),
        ({"image": tmp_path / "photos/a.jpg"}, "not the path of a file below"), ({"mask": "../masks/a.png"}, "below"),
        ({name: "" for name in table.NEEDED[1:]}, "line 2: no keypoint has coordinates"),
        ({"image": "b.jpg"}, r"b\.jpg"), ({"width": 50, "height": 40}, "is 100x80, its label says 50x40"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            one(write_table(path, **wrong), table.read, **options)
    path.write_text("image,wrist_x\na.jpg,5\n")
    with pytest.raises(InputError, match=r"the column wrist_y is missing \(41 in all\)"):
        table.items(path)
    path.write_text(";".join(table.NEEDED) + "\n")
    with pytest.raises(InputError, match=r"image is missing \(43 in all\); columns are divided by commas"):
        table.items(path)
    path.write_bytes("image,größe\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"keypoints\.csv is not a text file in UTF-8"):
        table.items(path)


def test_rows_of_a_csv_that_are_not_whole_or_there_twice(tmp_path):
    picture(tmp_path / "photos/a.jpg")
    path = tmp_path / "keypoints.csv"
    write_table(path, mask="")
    header, row = path.read_text().splitlines()
    short, long, twice = row.rpartition(",")[0], f"{row},1", row.replace("a.jpg", "./a.jpg", 1)
    path.write_text("\n".join([header, row, "", short, long, twice]) + "\n")
    first, *wrong = table.items(path)
    assert len(table.read(first, path=path, images=tmp_path / "photos")) == 1
    for problem, said in zip(wrong, ("line 4 has fewer", "line 5 has more", "line 6: ./a.jpg is in line 2 already")):
        assert isinstance(problem, InputError) and said in str(problem)


def test_keypoints_outside_the_picture_are_not_visible(tmp_path):
    picture(tmp_path / "a.jpg")
    points = POINTS.copy()
    points[0], points[1], points[2] = (-0.4, 3), (-0.6, 3), (99.6, 3)
    sample = reading.sample_from_file(tmp_path / "a.jpg", "a", points, np.ones(21))
    assert sample.visible[:3].tolist() == [True, False, False]


def test_broken_json_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match=r"x\.json is not JSON"):
        coco_wholebody.items(tmp_path / "x.json")
    with pytest.raises(InputError, match=r"^\S*y\.json cannot be read: No such file"):
        coco_wholebody.items(tmp_path / "y.json")
    with pytest.raises(InputError, match="absent: no such file or folder"):
        labelme.items(tmp_path / "absent")
    with pytest.raises(InputError, match="expected 21 keypoints"):
        reading.triples([1, 2, 3], "here")
