"""What a prediction leaves on disk: pictures and numbers a photograph, and tables of all of them.

Every format is one of FORMATS. Those of a photograph are files beside one another, <key>_overlay.png and so on; the
JSON is written last, and says by a fingerprint which picture and settings it was made from. Tables are made from those
JSONs in the end.
"""

import json
import os
from pathlib import Path

import numpy as np

from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.files import MOST_BYTES_OF_NAME, read_json, remove, write_text
from maskpose.io.printable import printable
from maskpose.io.tables import csv_text
from maskpose.io.values import field, json_list, json_object
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import KEYPOINTS
from maskpose.visualization import drawing

ALWAYS = ("json",)
USUAL = ("json", "overlay", "mask", "heatmaps")
SIDES = ("right", "left")


def write_hands(folder, photograph, image, hands, threshold, formats=USUAL, side="right", fingerprint=""):
    """Write one photograph's files into ``folder``.

    photograph: a Photograph; image: (h, w, 3) uint8 BGR; hands: what was found, a list of
    maskpose.Hand, the first the surest; threshold: of confidence, for a keypoint to be drawn and called
    detected; formats: of PER_PHOTOGRAPH, others are passed over; side: which hand OpenPose's files call it;
    fingerprint: as ``is_done`` takes it. Raises InputError where a file cannot be written.
    """
    document = describe(photograph.name, image, hands, threshold, fingerprint)
    for name in [*(name for name in formats if name != "json"), *ALWAYS]:
        if name in PER_PHOTOGRAPH:
            suffix, write = PER_PHOTOGRAPH[name]
            write(Path(folder) / f"{photograph.key}{suffix}", image, hands, document, side)


def write_tables(folder, photographs, formats):
    """Write the formats of TABLES, from the JSONs of ``photographs``, which are there; give the files' names."""
    names = table_names(formats)
    if names:
        documents = [read_json(Path(folder) / f"{one.key}.json") for one in photographs]
    for name, text in TABLES.values():
        if name in names:
            write_text(Path(folder) / name, text(documents))
    return names


def table_names(formats):
    """The files of the formats of TABLES among ``formats``."""
    return [name for table, (name, _) in TABLES.items() if table in formats]


def names(key, formats, hands=1):
    """The files, below the results' folder, of a photograph's key in ``formats`` and with so many hands."""
    suffixes = [suffix for name, (suffix, _) in PER_PHOTOGRAPH.items() if name in (*formats, *ALWAYS)]
    if "heatmaps" in formats:
        suffixes += [f"_heatmaps_{number}.png" for number in range(2, hands + 1)]
    return [key + suffix for suffix in suffixes]


def check_names(photograph, formats, hands=1):
    """Raise InputError if the names of a photograph's files would be too long for a disk."""
    for name in names(photograph.key, formats, hands):
        if len(os.fsencode(Path(name).name)) > MOST_BYTES_OF_NAME:
            raise InputError(f"{photograph.path}: the name of {Path(name).name} would be too long to be written")


def given_by(variant, formats):
    """Those of ``formats`` that a maskpose.model.variants.Variant gives: some need a stage that it may not have."""
    missing = [name for name, stage in (("mask", "mask"), ("heatmaps", "pose")) if not getattr(variant, stage)]
    return [name for name in formats if name not in missing]


def is_done(folder, key, formats, fingerprint):
    """Whether a photograph's files in ``formats`` are all there, made from what ``fingerprint`` (str) stands for."""
    document = _earlier(folder, key)
    if document.get("fingerprint") != fingerprint:
        return False
    return all((Path(folder) / name).is_file() for name in names(key, formats, len(every_hand(document))))


def remove_stale(folder, key, fingerprint, ours):
    """Remove the files of a photograph's key that were made from something else than ``fingerprint`` stands for.

    ours: names that may be removed, of files below ``folder``.
    """
    document = _earlier(folder, key)
    if document.get("fingerprint", fingerprint) != fingerprint:
        for name in names(key, FORMATS, len(every_hand(document))):
            if name in ours:
                remove(Path(folder) / name)


def _earlier(folder, key):
    """The JSON of a photograph's key that is in ``folder``, or {} if there is none that ``describe`` made."""
    path = Path(folder) / f"{key}.json"
    try:
        document = json_object(read_json(path), path) if path.is_file() else {}
        for hand in every_hand(document) if document else ():
            for name in ("keypoints", "detected"):
                json_list(field(hand, name, path), path)
            for name in ("hand", "score"):
                field(hand, name, path)
        for name in ("image", "width", "height", "threshold") if document else ():
            field(document, name, path)
    except InputError:
        return {}
    return document


def describe(name, image, hands, threshold, fingerprint=""):
    """The prediction as a JSON-able dict; keypoints is empty where the variant has no pose stage.

    ``image`` is the name; bytes of it that are not UTF-8 stand as escapes, since JSON, CSV and HDF5 hold text alone.
    ``hand`` is whether a hand was found at all, ``score`` how sure that is; where none was, no keypoint is detected.
    ``more_hands`` is there where there are more than one, and holds the others; ``fingerprint`` where it is given.
    """
    described = [
        {
            "hand": bool(hand.present),
            "score": round(float(hand.score), 4),
            "keypoints": [
                [round(float(x), 2), round(float(y), 2), round(float(confidence), 4)]
                for (x, y), confidence in zip(hand.keypoints, hand.confidences)
                if hand.heatmaps is not None
            ],
            "detected": [bool(hand.present and c > threshold) for c in hand.confidences if hand.heatmaps is not None],
        }
        for hand in hands
    ]
    height, width = image.shape[:2]
    name = name.encode(errors="backslashreplace").decode()
    document = {"image": name, "width": width, "height": height, "threshold": threshold, **described[0]}
    if len(hands) > 1:
        document["more_hands"] = described[1:]
    return document | ({"fingerprint": fingerprint} if fingerprint else {})


def json_text(document):
    """JSON of a dict with a line a key, and a line an element where a value is a list of lists or of dicts."""
    lines = []
    for key, value in document.items():
        text = json.dumps(value)
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def summary(name, hands, threshold):
    """One line for people: how many keypoints pass the threshold, and how much of the picture is hand."""
    return f"{printable(name)}: {'; '.join(hand.summary(threshold) for hand in hands)}"


def every_hand(document):
    """The hands of a photograph's document, each {"keypoints": …, "detected": …}."""
    return [document, *json_list(document.get("more_hands", []), "more_hands")]


def found_hands(document):
    """Those of ``every_hand`` with a keypoint that passes the threshold: others formats hold only what was found."""
    return [hand for hand in every_hand(document) if any(hand["detected"])]


def _json(path, image, hands, document, side):
    write_text(path, json_text(document))


def _overlay(path, image, hands, document, side):
    for hand in hands:
        image = hand.draw(image, document["threshold"])
    images.write_image(path, image)


def _mask(path, image, hands, document, side):
    if hands[0].mask is not None:
        masks = [hand.mask & hand.present for hand in hands]
        images.write_image(path, np.where(np.logical_or.reduce(masks), 255, 0).astype(np.uint8))


def _heatmaps(path, image, hands, document, side):
    for number, hand in enumerate(hands, start=1):
        if hand.heatmaps is not None:
            panel = drawing.heatmap_panel(image, hand.heatmaps, hand.confidences, hand.grid_to_image)
            images.write_image(path if number == 1 else path.with_stem(f"{path.stem}_{number}"), panel)


def _figure5(path, image, hands, document, side):
    parts = drawing.figure_parts(image, hands, document["threshold"])
    images.write_image(path, np.hstack([parts[name] for name in ("mask", "pose", "heatmaps")]))


def _figure8(path, image, hands, document, side):
    parts = drawing.figure_parts(image, hands, document["threshold"])
    images.write_image(path, np.hstack([parts[name] for name in ("pose", "heatmaps")]))


def _openpose(path, image, hands, document, side):
    """OpenPose's --write_json: a person for each hand found, whose other hand, face and body are empty."""
    people = []
    for hand in found_hands(document):
        flat = [number for keypoint in hand["keypoints"] for number in keypoint]
        person = {"person_id": [-1], "score": hand["score"]}
        for dimensions in ("2d", "3d"):
            for part in ("pose", "face", "hand_left", "hand_right"):
                is_ours = dimensions == "2d" and part == f"hand_{side}"
                person[f"{part}_keypoints_{dimensions}"] = flat if is_ours else []
        people.append(person)
    write_text(path, json.dumps({"version": 1.3, "people": people}) + "\n")


def _hdf5(path, image, hands, document, side):
    """Arrays with the hands as first axis; heatmaps and masks in compressed chunks of one each."""
    from maskpose.io.hdf5 import write_hdf5

    with write_hdf5(path) as file:
        file.attrs.update({key: document[key] for key in ("image", "width", "height", "threshold")})
        for name in ("keypoints", "confidences", "grid_to_image"):
            file[name] = np.stack([getattr(hand, name) for hand in hands])
        file["score"] = np.array([hand.score for hand in hands], np.float32)
        file["hand"] = np.array([hand.present for hand in hands], bool)
        for name in ("heatmaps", "mask"):
            arrays = [getattr(hand, name) for hand in hands]
            if arrays[0] is not None:
                stack = np.stack(arrays).astype(np.float32 if name == "heatmaps" else np.uint8)
                chunk = (1, 1, *stack.shape[2:]) if name == "heatmaps" else (1, *stack.shape[1:])
                file.create_dataset(name, data=stack, chunks=chunk, compression="gzip", shuffle=True)


def _csv_text(documents):
    """One row per hand: image, number, x, y and confidence of every keypoint, whether it is a hand (1 or 0), score."""
    names = [f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y", "confidence")]
    rows = [["image", "width", "height", "hand", *names, "found", "score"]]
    for document in documents:
        for number, hand in enumerate(every_hand(document), start=1):
            flat = [value for keypoint in hand["keypoints"] for value in keypoint] or [""] * (3 * KEYPOINTS)
            about = document["image"], document["width"], document["height"], number
            rows.append([*about, *flat, int(hand["hand"]), hand["score"]])
    return csv_text(rows)


def _coco_text(documents):
    """COCO's keypoint results of the hands found; image_id counts photographs from 1, file_name says which it is."""
    results = []
    for number, document in enumerate(documents, start=1):
        for hand in found_hands(document):
            points = np.array(hand["keypoints"])
            low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
            results.append({
                "image_id": number, "file_name": document["image"], "category_id": 1,
                "keypoints": [value for keypoint in hand["keypoints"] for value in keypoint],
                "bbox": [round(float(value), 2) for value in (*low, *(high - low))],
                "score": hand["score"],
            })  # fmt: skip
    return "[" + ",\n ".join(map(json.dumps, results)) + "]\n"


PER_PHOTOGRAPH = {
    "json": (".json", _json),
    "overlay": ("_overlay.png", _overlay),
    "mask": ("_mask.png", _mask),
    "heatmaps": ("_heatmaps.png", _heatmaps),
    "figure5": ("_figure5.png", _figure5),
    "figure8": ("_figure8.png", _figure8),
    "openpose": ("_keypoints.json", _openpose),
    "hdf5": (".h5", _hdf5),
}
TABLES = {"csv": ("keypoints.csv", _csv_text), "coco": ("coco_results.json", _coco_text)}
FORMATS = (*PER_PHOTOGRAPH, *TABLES)
