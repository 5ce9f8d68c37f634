"""Files of results: images and numbers for each image, and tables of all of them.

Every format is one of FORMATS. The files of an image lie beside one another, as <key>_overlay.png. Its JSON is written
last and holds a fingerprint of the image and the settings that it was made from. Tables are made from these JSONs in
the end.
"""

import json
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError, printable
from maskpose.inference.hand import Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.io import images
from maskpose.io.files import MOST_BYTES_OF_NAME, read_json, remove, write_text
from maskpose.io.paths import PathLike
from maskpose.io.tables import csv_text
from maskpose.io.values import field, json_list, json_object
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import NUM_KEYPOINTS, Variant
from maskpose.visualization import drawing

ALWAYS = ("json",)
DEFAULT_FORMATS = ("json", "overlay", "mask", "heatmaps")
SIDES = ("right", "left")

Document: TypeAlias = dict[str, Any]  # what ``describe_hands`` makes, and a JSON file holds


def write_hands(
    folder: PathLike,
    file: ImageFile,
    image: npt.NDArray[np.uint8],
    hands: Sequence[Hand],
    threshold: float,
    formats: Collection[str] = DEFAULT_FORMATS,
    side: str = "right",
    fingerprint: str = "",
) -> None:
    """Write the files of one image.

    Args:
        folder: to write into.
        file: the image's.
        image: (h, w, 3) BGR.
        hands: of the image, one or more.
        threshold: confidence above which a keypoint is drawn and called detected.
        formats: names in FORMATS; those of tables are skipped.
        side: which hand OpenPose's files call it, one of SIDES.
        fingerprint: what ``is_done`` compares; "" for none.

    Raises:
        InputError: a file cannot be written.
    """
    document = describe_hands(file.name, image, hands, threshold, fingerprint)
    for name in [*(name for name in formats if name != "json"), *ALWAYS]:
        if name in PER_IMAGE:
            suffix, write = PER_IMAGE[name]
            write(Path(folder) / f"{file.key}{suffix}", image, hands, document, side)


def write_tables(folder: PathLike, files: Sequence[ImageFile], formats: Collection[str]) -> list[str]:
    """Write the tables among ``formats`` from the JSONs of ``files`` in ``folder``, and return the tables' names."""
    names = table_names(formats)
    documents = [read_json(Path(folder) / f"{file.key}.json") for file in files] if names else []
    for name, text in TABLES.values():
        if name in names:
            write_text(Path(folder) / name, text(documents))
    return names


def table_names(formats: Collection[str]) -> list[str]:
    """Return the files that the tables among ``formats`` are written to."""
    return [name for table, (name, _) in TABLES.items() if table in formats]


def file_names(key: str, formats: Collection[str], hands: int = 1) -> list[str]:
    """Return the files of an image with that key and number of hands in ``formats``, below the results' folder."""
    suffixes = [suffix for name, (suffix, _) in PER_IMAGE.items() if name in (*formats, *ALWAYS)]
    if "heatmaps" in formats:
        suffixes += [f"_heatmaps_{number}.png" for number in range(2, hands + 1)]
    return [key + suffix for suffix in suffixes]


def check_names(file: ImageFile, formats: Collection[str], hands: int = 1) -> None:
    """Raise InputError if the names of an image's results would be too long for a disk."""
    for name in file_names(file.key, formats, hands):
        if len(os.fsencode(Path(name).name)) > MOST_BYTES_OF_NAME:
            raise InputError(f"{file.path}: the name of its result {Path(name).name} would be too long for a disk")


def available_formats(variant: Variant, formats: Collection[str]) -> list[str]:
    """Return those of ``formats`` that a variant can give: some need a stage that it may not have."""
    missing = [name for name, stage in (("mask", "mask"), ("heatmaps", "pose")) if not getattr(variant, stage)]
    return [name for name in formats if name not in missing]


def is_done(folder: PathLike, key: str, formats: Collection[str], fingerprint: str) -> bool:
    """Return whether an image's files in ``formats`` all exist, made from the image and settings of ``fingerprint``."""
    document = _read_document(folder, key)
    if document.get("fingerprint") != fingerprint:
        return False
    return all((Path(folder) / name).is_file() for name in file_names(key, formats, len(all_hands(document))))


def remove_stale(folder: PathLike, key: str, fingerprint: str, ours: Collection[str]) -> None:
    """Remove the files of an image that were made from another image or other settings.

    Args:
        folder: the results'.
        key: the image's.
        fingerprint: of the image and settings now.
        ours: names of files below ``folder`` that may be removed.
    """
    document = _read_document(folder, key)
    if document.get("fingerprint", fingerprint) != fingerprint:
        for name in file_names(key, FORMATS, len(all_hands(document))):
            if name in ours:
                remove(Path(folder) / name)


def _read_document(folder: PathLike, key: str) -> Document:
    """Return the JSON of an image in ``folder``; {} if there is none, or none that ``describe_hands`` made."""
    path = Path(folder) / f"{key}.json"
    try:
        document = json_object(read_json(path), path) if path.is_file() else {}
        for hand in all_hands(document) if document else ():
            for name in ("keypoints", "detected"):
                json_list(field(hand, name, path), path)
            for name in ("hand", "score"):
                field(hand, name, path)
        for name in ("image", "width", "height", "threshold") if document else ():
            field(document, name, path)
    except InputError:
        return {}
    return document


def describe_hands(
    name: str, image: npt.NDArray[np.uint8], hands: Sequence[Hand], threshold: float, fingerprint: str = ""
) -> Document:
    """Return a JSON-able dict of an image's hands; docs/prediction.md describes its keys.

    Args:
        name: of the image. Bytes that are not UTF-8 become escapes, because JSON, CSV and HDF5 hold text.
        image: (h, w, 3).
        hands: one or more; those after the first come under ``more_hands``.
        threshold: confidence above which a keypoint is detected. If no hand was found, no keypoint is.
        fingerprint: is kept if it is not "".
    """
    described = [
        {
            "hand": bool(hand.present),
            "score": round(float(hand.score), 4),
            "keypoints": rounded_keypoints(hand) if hand.heatmaps is not None else [],
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


def rounded_keypoints(hand: Hand) -> list[list[float]]:
    """[x, y, confidence] of each keypoint, pixels to two places and confidences to four."""
    return [
        [round(float(x), 2), round(float(y), 2), round(float(confidence), 4)]
        for (x, y), confidence in zip(hand.keypoints, hand.confidences)
    ]


def json_text(document: Document) -> str:
    """Return JSON with a line per key, and a line per element of lists of lists or of dicts."""
    lines = []
    for key, value in document.items():
        text = json.dumps(value)
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def summary_line(name: str, hands: Sequence[Hand], threshold: float) -> str:
    """Return a line for people: the image's name, and Hand.summary of each hand."""
    return f"{printable(name)}: {'; '.join(hand.summary(threshold) for hand in hands)}"


def all_hands(document: Document) -> list[Document]:
    """Return the hands of an image's document, each {"keypoints": …, "detected": …}."""
    return [document, *json_list(document.get("more_hands", []), "more_hands")]


def detected_hands(document: Document) -> list[Document]:
    """Return the hands with a detected keypoint: the formats of other programs hold no others."""
    return [hand for hand in all_hands(document) if any(hand["detected"])]


def _json(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    write_text(path, json_text(document))


def _overlay(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    for hand in hands:
        image = hand.draw(image, document["threshold"])
    images.write_image(path, image)


def _mask(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    masks = [hand.mask & hand.present for hand in hands if hand.mask is not None]
    if masks:
        images.write_image(path, np.where(np.logical_or.reduce(masks), 255, 0).astype(np.uint8))


def _heatmaps(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    for number, hand in enumerate(hands, start=1):
        if hand.heatmaps is not None:
            panel = drawing.heatmap_panel(image, hand.heatmaps, hand.confidences, hand.grid_to_image)
            images.write_image(path if number == 1 else path.with_stem(f"{path.stem}_{number}"), panel)


def _figure5(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    parts = drawing.figure_panels(image, hands, document["threshold"])
    images.write_image(path, np.hstack([parts[name] for name in ("mask", "pose", "heatmaps")]))


def _figure8(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    parts = drawing.figure_panels(image, hands, document["threshold"])
    images.write_image(path, np.hstack([parts[name] for name in ("pose", "heatmaps")]))


def _openpose(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    """OpenPose's --write_json: a person for each detected hand, whose other hand, face and body are empty."""
    people = []
    for hand in detected_hands(document):
        flat = [number for keypoint in hand["keypoints"] for number in keypoint]
        person = {"person_id": [-1], "score": hand["score"]}
        for dimensions in ("2d", "3d"):
            for part in ("pose", "face", "hand_left", "hand_right"):
                is_ours = dimensions == "2d" and part == f"hand_{side}"
                person[f"{part}_keypoints_{dimensions}"] = flat if is_ours else []
        people.append(person)
    write_text(path, json.dumps({"version": 1.3, "people": people}) + "\n")


def _hdf5(path: Path, image: npt.NDArray[np.uint8], hands: Sequence[Hand], document: Document, side: str) -> None:
    """Write arrays with the hands as first axis; heatmaps and masks in compressed chunks of one each."""
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


def _csv_text(documents: Sequence[Document]) -> str:
    """One row per hand: image, number, x, y and confidence of every keypoint, whether it is a hand (1 or 0), score."""
    columns = [f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y", "confidence")]
    rows: list[list[Any]] = [["image", "width", "height", "hand", *columns, "found", "score"]]
    for document in documents:
        for number, hand in enumerate(all_hands(document), start=1):
            flat = [value for keypoint in hand["keypoints"] for value in keypoint] or [""] * (3 * NUM_KEYPOINTS)
            about = document["image"], document["width"], document["height"], number
            rows.append([*about, *flat, int(hand["hand"]), hand["score"]])
    return csv_text(rows)


def _coco_text(documents: Sequence[Document]) -> str:
    """COCO's keypoint results of the detected hands; image_id counts images from 1, file_name is the image's name."""
    results = []
    for number, document in enumerate(documents, start=1):
        for hand in detected_hands(document):
            points = np.array(hand["keypoints"])
            low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
            results.append({
                "image_id": number, "file_name": document["image"], "category_id": 1,
                "keypoints": [value for keypoint in hand["keypoints"] for value in keypoint],
                "bbox": [round(float(value), 2) for value in (*low, *(high - low))],
                "score": hand["score"],
            })  # fmt: skip
    return "[" + ",\n ".join(map(json.dumps, results)) + "]\n"


PER_IMAGE: dict[str, tuple[str, Callable[[Path, npt.NDArray[np.uint8], Sequence[Hand], Document, str], None]]] = {
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
FORMATS = (*PER_IMAGE, *TABLES)
