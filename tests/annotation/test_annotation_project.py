"""Folders and files of a project, up to its LMDB."""

import contextlib
import json
import os
import shutil
import sqlite3

import cv2
import numpy as np
import pytest

from maskpose.annotation import labelme_files, prefill, project
from maskpose.annotation.project import Project
from maskpose.data.datasets import labelme
from maskpose.errors import InputError
from maskpose.inference import image_paths
from maskpose.inference.hand import Hand
from maskpose.keypoints import KEYPOINT_NAMES

POINTS = np.array([(30.25 + 2 * k, 25 + k) for k in range(21)])
LABEL = {name: POINTS[k].tolist() for k, name in enumerate(KEYPOINT_NAMES) if k != 6}
LABEL |= {"hand": [[[20.0, 20.0], [80.5, 20.0], [80.5, 60.0]]], "side": "right"}


def photographs(folder, count=5):
    """Write pictures 100 x 80, two of them in a folder below; return their ImageFiles."""
    (folder / "below").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for n in range(count):
        path = folder / ("below" if n < 2 else "") / f"{n}.jpg"
        cv2.imwrite(str(path), rng.integers(0, 256, (80, 100, 3), np.uint8))
    return image_paths.find_images([folder])


def annotate(folder, **changes):
    """Put LABEL, with ``changes``, beside every picture of a folder."""
    for path in folder.glob("*.jpg"):
        path.with_suffix(".json").write_text(labelme_files.document_text({**LABEL, **changes}, path.name, (100, 80)))


@pytest.fixture
def work(tmp_path):
    """A project of five photographs in two packages, both labelled and handed in by anna."""
    project.create_project(photographs(tmp_path / "photos"), tmp_path / "work", per_package=3)
    made = Project(tmp_path / "work")
    made.store.introduce(["anna", "ben", "carla", "dana", "emil"])
    made.store.assign(["anna"], 1)
    for name in ("p001", "p002"):
        annotate(made.package(name))
        made.submit(name, "anna")
    return made


def test_images_are_divided_into_packages_of_nearly_equal_size(tmp_path, capsys):
    found = photographs(tmp_path / "photos", 7)
    (tmp_path / "photos/3.jpg").write_bytes(b"no picture")
    packages = project.create_project(found, tmp_path / "work", per_package=2)
    assert packages == {"p001": ["2.jpg", "4.jpg"], "p002": ["5.jpg", "6.jpg"], "p003": ["below_0.jpg", "below_1.jpg"]}
    copy = tmp_path / "work/packages/p003/below_1.jpg"
    assert copy.read_bytes() == (tmp_path / "photos/below/1.jpg").read_bytes()
    assert "left out" in capsys.readouterr().err and not (tmp_path / "work.partial").exists()
    with pytest.raises(InputError, match="work exists already"):
        project.create_project(found, tmp_path / "work")
    shutil.copy(tmp_path / "photos/2.jpg", tmp_path / "photos/below_0.jpg")
    with pytest.raises(InputError, match=r"below_0\.json: rename one"):
        project.create_project(image_paths.find_images([tmp_path / "photos"]), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_labelmes_configuration_names_our_labels():
    lines = [line for line in labelme_files.configuration().splitlines() if not line.startswith("#")]
    config = dict(line.strip().split(": ", 1) for line in lines if not line.endswith(":"))  # YAML, as flat as it is
    assert json.loads(config["labels"]) == [*KEYPOINT_NAMES, "hand"]
    assert json.loads(config["flags"]) == ["left", "right", "unusable"]
    assert (config["auto_save"], config["store_data"], config["validate_label"]) == ("true", "false", "exact")
    colours = {name: json.loads(config[name]) for name in json.loads(config["labels"])}
    assert colours["thumb_1"] == [0, 60, 255] and colours["wrist"] == [255, 255, 255]  # RGB; the paper's thumb is blue


def test_a_label_written_for_labelme_is_read_back(tmp_path):
    (found, *_) = photographs(tmp_path)
    path = found.path.with_suffix(".json")
    path.write_text(labelme_files.document_text(LABEL, found.path.name, (100, 80)))
    assert labelme_files.read_label(path, found.path.name) == LABEL
    (sample,) = labelme.read(path)
    assert sample.side == "right" and sample.visible.tolist() == [k != 6 for k in range(21)]
    assert np.abs(sample.keypoints - POINTS)[sample.visible].max() < 1e-4
    shape = json.loads(path.read_text())["shapes"][0]
    assert shape["label"] == "wrist" and shape["points"] == [[30.75, 25.5]]  # corners at integers


def test_what_nobody_touched_is_no_correction(tmp_path):
    (found, *_) = photographs(tmp_path)
    path, rng = found.path.with_suffix(".json"), np.random.default_rng(5)
    for _ in range(30):
        label = {name: rng.uniform(0, 79, 2).round(2).tolist() for name in KEYPOINT_NAMES}
        label["hand"] = [rng.uniform(-0.5, 99.5, (9, 2)).round(2).tolist() for _ in range(2)]
        path.write_text(labelme_files.document_text(label, found.path.name, (100, 80)))
        assert labelme_files.read_label(path, found.path.name) == label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wrist": [130.0, 20.0]}, "wrist lies outside"), ({"hand": []}, "no polygon called hand"),
        ({"little_4": [50.0, -3.0]}, "little_4 lies outside"), ({"unusable": True, "hand": []}, None),
    ],
)  # fmt: skip
def test_labels_that_are_not_ready(tmp_path, changes, message):
    (found, *_) = photographs(tmp_path)
    path = found.path.with_suffix(".json")
    path.write_text(labelme_files.document_text({**LABEL, **changes}, found.path.name, (100, 80)))
    if message is None:
        assert labelme_files.read_label(path, found.path.name)["unusable"] is True
        return
    with pytest.raises(InputError, match=message):
        labelme_files.read_label(path, found.path.name)
    with pytest.raises(InputError):
        labelme_files.read_label(path, "other.jpg")


def test_nothing_is_handed_in_until_every_label_is_ready(tmp_path, capsys):
    project.create_project(photographs(tmp_path / "photos"), tmp_path / "work")
    work = Project(tmp_path / "work")
    work.store.assign(["anna"], 1)
    annotate(work.package("p001"))
    (work.package("p001") / "3.json").unlink()
    document = json.loads((work.package("p001") / "4.json").read_text())
    document["shapes"][0]["label"] = "elbow"
    (work.package("p001") / "4.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="2 of 5 labels are not ready"):
        work.submit("p001", "anna")
    said = capsys.readouterr().err
    assert "3.jpg is not labelled yet" in said and "point 'elbow' is neither" in said
    assert work.store.status()[0].annotated is None


def test_from_working_copies_to_the_reader(work, tmp_path):
    with pytest.raises(InputError, match=r"2 of 2 packages are not complete, p001"):
        work.export(tmp_path / "out")
    for number, who in enumerate(("ben", "carla", "dana", "emil")):
        folders = work.review(who)
        assert sorted(folder.name for folder in folders) == ["p001", "p002"]
        for folder in folders:
            if number == 0:
                annotate(folder, wrist=[31.5, 27.25])
            if number == 1 and folder.name == "p002":
                path = folder / "below_0.json"
                path.write_text(labelme_files.document_text({"unusable": True}, "below_0.jpg", (100, 80)))
            assert work.review(who) == work.review(who)  # lays nothing over what is there
            changed = work.validate(folder.name, who)
            parts = {0: {"p001": 2, "p002": 3}, 1: {"p001": 0, "p002": 23}}  # wrists; all of one photograph
            assert changed == parts.get(number, {}).get(folder.name, 0)
    assert work.export(tmp_path / "out") == 4
    samples = [labelme.read(path)[0] for path in labelme.items(tmp_path / "out")]
    assert [sample.name for sample in samples] == ["2.jpg", "3.jpg", "4.jpg", "below_1.jpg"]
    assert all(sample.keypoints[0].tolist() == [31.5, 27.25] and sample.mask for sample in samples)
    assert all(np.allclose(sample.keypoints[1], POINTS[1]) for sample in samples)
    edited = tmp_path / "out/2.json"
    edited.write_text("a person's")
    with pytest.raises(InputError, match="out exists already"):
        work.export(tmp_path / "out")
    assert edited.read_text() == "a person's"


def test_names_are_the_same_in_upper_and_lower_case_and_must_be_known(work):
    assert work.store.introduce(["Ben", "Fred", "fred"]) == ["ben", "Fred"]
    (folder, *_) = work.review("BEN")
    assert folder == work.working_copy(folder.name, "ben")
    for call in (work.submit, work.validate, work.release):
        with pytest.raises(InputError, match="knows nobody called ana, only Fred, anna, ben"):
            call("p001", "ana")
    with pytest.raises(InputError, match="knows nobody called ana"):
        work.review("ana")
    assert [one.checking for one in work.store.status()] == [("ben",), ("ben",)]
    assert work.validate("p001", "Ben") == 0
    with pytest.raises(InputError, match="being checked by ben"):
        work.submit("p001", "Anna")


def test_packages_are_given_back(work, tmp_path):
    (folder, _) = work.review("ben")
    annotate(folder, wrist=[31.5, 27.25])
    work.release(folder.name, "ben")
    assert not folder.exists() and work.package(folder.name).exists()
    work.submit(folder.name, "anna")  # nobody checks it any more
    work.review("ben")
    assert work.validate(folder.name, "ben") == 0  # laid out anew
    for who in ("ben", "anna"):  # handed in
        with pytest.raises(InputError, match=f"{who} has {folder.name} neither to label nor to check"):
            work.release(folder.name, who)
    project.create_project(image_paths.find_images([tmp_path / "photos"]), tmp_path / "other")
    other = Project(tmp_path / "other")
    other.store.assign(["anna"], 1)
    other.release("p001", "anna")
    assert other.store.assign(["emil"], 1) == {"emil": ["p001"]}


def test_labels_that_nobody_touched_are_not_handed_in_unless_asked_for(tmp_path):
    project.create_project(photographs(tmp_path / "photos"), tmp_path / "work")
    work = Project(tmp_path / "work")
    work.store.assign(["anna"], 1)
    folder = work.package("p001")
    prefill.prefill(Predicts(), image_paths.find_images([folder]))
    document = json.loads((folder / "2.json").read_text())
    document["shapes"][3]["points"][0][0] += 1
    (folder / "2.json").write_text(json.dumps(document))
    document = json.loads((folder / "3.json").read_text())
    (folder / "3.json").write_text(json.dumps({**document, "flags": {"left": False, "extra": False}}))
    with pytest.raises(InputError, match="p001: 4 of 5 labels are exactly what the network wrote"):
        work.submit("p001", "anna")
    assert work.store.status()[0].annotated is None
    work.submit("p001", "anna", as_is=True)
    assert work.store.status()[0].annotated


def test_whose_package_it_is_is_said_before_its_labels_are_read(tmp_path):
    project.create_project(photographs(tmp_path / "photos"), tmp_path / "work")
    work = Project(tmp_path / "work")
    work.store.introduce(["anna", "ben"])
    work.store.assign(["anna"], 1)
    with pytest.raises(InputError, match="p001 was given to anna, not to ben"):
        work.submit("p001", "ben")


def test_incomplete_packages_are_exported_when_asked_for(work, tmp_path):
    assert work.export(tmp_path / "out", incomplete=True) == 5
    versions = list(work.versions())
    assert len(versions) == 5 and all(one == {"anna": LABEL} for one in versions)


def test_working_copies_on_a_disk_without_links(work, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    for folder in work.review("ben"):
        for path in work.package(folder.name).glob("*.jpg"):
            assert (folder / path.name).read_bytes() == path.read_bytes()
        assert len(list(folder.iterdir())) == 2 * len(list(folder.glob("*.jpg"))) > 0


def test_names_that_are_no_folders(work):
    for name in ("", "../x", "a/b", ".hidden", "a b"):
        with pytest.raises(InputError, match="is not a name"):
            project.checked_person(name)
    assert project.checked_person("anna-2") == "anna-2" and project.checked_person("Jörg") == "Jörg"


@pytest.mark.parametrize("change", [
    "UPDATE photographs SET name = '../../elsewhere.jpg' WHERE name = '2.jpg'",
    "UPDATE photographs SET package = '../../photos' WHERE package = 'p001'; "
    "UPDATE packages SET name = '../../photos' WHERE name = 'p001'",
])  # fmt: skip
def test_names_of_a_project_from_elsewhere_lead_nowhere_else(work, tmp_path, change):
    with contextlib.closing(sqlite3.connect(work.store.path)) as state:
        state.executescript(f"PRAGMA foreign_keys = OFF; {change}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"is not the path of a file below"):
        work.export(tmp_path / "out/labelled", incomplete=True)
    assert sorted(path for path in tmp_path.rglob("*") if path != tmp_path / "out") == before


def test_photographs_whose_names_are_no_text_are_left_out(tmp_path, capsys):
    found = photographs(tmp_path / "photos", 3)
    odd = tmp_path / "photos" / os.fsdecode(b"gr\xfc\xdfe.jpg")
    shutil.copy(found[0].path, odd)
    packages = project.create_project(image_paths.find_images([tmp_path / "photos"]), tmp_path / "work")
    assert packages == {"p001": ["2.jpg", "below_0.jpg", "below_1.jpg"]}
    assert "gr\\udcfc\\udcdfe.jpg' is not text" in capsys.readouterr().err


def hand(mask, confidences):
    return Hand(POINTS.copy(), np.asarray(confidences, np.float32), mask, None, np.eye(2, 3))


def test_an_outline_gives_the_mask_again():
    rng = np.random.default_rng(4)
    for _ in range(20):
        blobs = cv2.GaussianBlur(rng.normal(size=(80, 100)), (0, 0), 8)
        mask = blobs > np.quantile(blobs, 0.7)
        mask[:3, :40] = True  # up to the border
        parts = [part for part in prefill.boxes.connected_regions(mask, prefill.MOST_POLYGONS)]
        filled = np.zeros((80, 100), np.uint8)
        for part in parts:
            contours, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
        again = labelme.polygon_mask([np.array(one) for one in prefill.outlines(mask)], (100, 80))
        assert (again & (filled > 0)).sum() / (again | (filled > 0)).sum() > 0.95


class Predicts:
    """A predictor that finds the same hand in every picture."""

    def __init__(self):
        self.seen = 0

    def predict_many(self, pictures):
        for picture in pictures:
            self.seen += 1
            mask = np.zeros(picture.shape[:2], bool)
            mask[20:60, 30:70] = True
            yield hand(mask, np.where(np.arange(21) == 6, 0.1, 0.75))


def test_prefilled_files_are_read_back_and_never_laid_over_a_persons(tmp_path, capsys):
    found = photographs(tmp_path)
    (tmp_path / "4.jpg").write_bytes(b"no picture")
    (tmp_path / "3.json").write_text("a person's")
    predictor = Predicts()
    assert prefill.prefill(predictor, found) == 3 and predictor.seen == 3
    assert (tmp_path / "3.json").read_text() == "a person's" and not (tmp_path / "4.json").exists()
    assert "left out" in capsys.readouterr().err
    label = labelme_files.read_label(tmp_path / "2.json", "2.jpg")
    assert set(label) == {*KEYPOINT_NAMES, "hand"} - {"index_2"}
    assert np.abs(np.array(label["wrist"]) - POINTS[0]).max() <= 0.01
    (sample,) = labelme.read(tmp_path / "2.json")
    expected = np.zeros((80, 100), bool)
    expected[20:60, 30:70] = True
    assert ((sample.decode_mask() > 0) != expected).sum() <= 4  # the corners
    shapes = json.loads((tmp_path / "2.json").read_text())["shapes"]
    assert {shape["description"] for shape in shapes if shape["shape_type"] == "point"} == {"0.75"}
    assert prefill.prefill(predictor, found) == 0 and predictor.seen == 3


def test_a_file_that_comes_while_its_label_is_made_stays(tmp_path):
    (one, *_) = photographs(tmp_path)

    class Slow(Predicts):
        def predict_many(self, pictures):
            for found in super().predict_many(pictures):
                one.path.with_suffix(".json").write_text("a person's")
                yield found

    assert prefill.prefill(Slow(), [one]) == 0
    with pytest.raises(InputError, match="no image that can be read"):
        prefill.prefill(Slow(), image_paths.find_images([tmp_path / "none.jpg"]))
    assert one.path.with_suffix(".json").read_text() == "a person's"
    assert not list(one.path.parent.glob(".partial*"))
