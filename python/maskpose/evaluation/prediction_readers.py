"""Files of predictions, ours and other programs', as maskpose.evaluation.predictions.Predictions.

=========================================  ============================================================================
``.json``, ``.h5`` of Predictions.write    also of ``maskpose mediapipe-predict`` and ``maskpose evaluate``
folder of ``maskpose predict``             its ``<stem>.json``, else its ``<stem>.h5``
``.csv``                                   keypoints.csv of ``maskpose predict``, or fewer of its columns
folder of OpenPose's ``--write_json``      ``<stem>_keypoints.json``, its hands; keypoints of confidence 0 are missed
``.json``, a list                          COCO's keypoint results, of ``maskpose predict`` and mmpose; images by
                                           ``file_name``, or by ``image_id`` and the data set's annotations
folder of mmpose's ``pred_out_dir``        ``<stem>.json``, lists of {"keypoints", "keypoint_scores"}
``.pkl``                                   what mmpose's tools/test.py --dump writes
=========================================  ============================================================================

Of several hands in an image, the one with the highest mean confidence counts. ``maskpose predict`` also says whether
each is a hand at all: those that are come first. A broken entry (a hand, a row or a file of a folder) may be left out,
so that others are read: see maskpose.io.left_out. In its image, if that is known, no hand was found.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError, short_repr
from maskpose.evaluation.predictions import CropMaps, PredictedHand, Predictions
from maskpose.io import safe_pickle
from maskpose.io.files import existing_path, read_json
from maskpose.io.hdf5 import open_hdf5, read_numbers, read_text_attribute, read_texts
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.paths import PathLike, split_label
from maskpose.io.progress import progress_bar
from maskpose.io.tables import read_table
from maskpose.io.values import (
    field,
    flag,
    identifier,
    json_list,
    json_members,
    json_object,
    numbers,
    parse_number,
    text,
)
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import NUM_KEYPOINTS

if TYPE_CHECKING:
    from maskpose.data.datasets.mmpose import Annotations

FARTHEST = 1e9  # pixels from the image's corner that a keypoint may lie
COORDINATES = [f"{name}_{axis}" for name in KEYPOINT_NAMES for axis in ("x", "y")]  # columns that a table needs
COLUMNS = [f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y", "confidence")]
Hands: TypeAlias = dict[str, list[PredictedHand]]  # by the image's name


def read_all_predictions(
    paths: Iterable[PathLike],
    cropped: Iterable[tuple[PathLike, CropMaps]] = (),
    annotations: "Annotations | None" = None,
    left_out: LeftOut = STRICT,
) -> dict[str, Predictions]:
    """Read several files or folders, each given as "FILE" or "LABEL=FILE".

    Args:
        paths: of predictions.
        cropped: of predictions on crops, each with what ``predictions.read_maps`` returned.
        annotations: as ``read_predictions`` takes them.
        left_out: as ``read_predictions`` takes it.

    Returns:
        The predictions by their labels; without a label, by their predictors' names.

    Raises:
        InputError: as ``read_predictions`` does, and if two have one label.
    """
    found: dict[str, Predictions] = {}
    for given, maps in [*((path, None) for path in paths), *cropped]:
        label, path = split_label(given)
        predictions = read_predictions(path, annotations, left_out)
        if maps is not None:
            predictions = predictions.on_images(maps, left_out)
        label = label or predictions.predictor
        if label in found:
            raise InputError(f"{path}: there are two of {label}: give one a name, as other={path}")
        found[label] = predictions
    return found


def read_predictions(
    path: PathLike, annotations: "Annotations | None" = None, left_out: LeftOut = STRICT
) -> Predictions:
    """Read the predictions of a file or folder.

    Args:
        path: of one of the kinds above.
        annotations: of the data set, for files with image ids instead of names.
        left_out: takes the problems of broken entries.

    Raises:
        InputError: the file is of no known kind; nothing of it can be read; or for the first broken entry if
            ``left_out`` is strict.
    """
    path, before = existing_path(path), len(left_out.problems)
    if path.is_dir():
        predictions = _read_folder(path, left_out)
    else:
        readers = {
            ".json": _read_json,
            ".h5": _read_hdf5,
            ".hdf5": _read_hdf5,
            ".csv": _read_csv,
            ".pkl": _read_dump,
            ".pickle": _read_dump,
        }
        if path.suffix.lower() not in readers:
            raise InputError(f"{path}: expected a folder, or one of {', '.join(readers)}")
        predictions = readers[path.suffix.lower()](path, annotations, left_out)
    if not predictions.found.any() and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return predictions


def _read_json(path: Path, annotations: "Annotations | None", left_out: LeftOut) -> Predictions:
    document = read_json(path)
    if isinstance(document, list):
        return _coco_predictions(path, document, annotations, left_out)
    if not isinstance(document, dict) or not {"predictor", "hands"} <= document.keys():
        raise InputError(
            f'{path} is no file of predictions: expected {{"predictor": …, "hands": {{…}}}} or a list of results. If '
            "each image has a file of its own, give the folder"
        )
    hands: dict[str, PredictedHand | None] = {}
    for name, rows in json_members(field(document, "hands", path), f"{path}, hands"):
        with left_out.entry():
            hands[text(name, f"{path}, an image's name")] = None
            if isinstance(rows, InputError):
                raise rows
            hands[name] = _hand_of_triples(rows, f"{path}: {name}")
    predictor = text(document["predictor"], f"{path}, predictor")
    return Predictions.from_hands(predictor, hands, names_all=False, where=str(path))


def _coco_predictions(
    path: Path, results: list[Any], annotations: "Annotations | None", left_out: LeftOut
) -> Predictions:
    """Return the predictions of COCO's list of keypoint results."""
    hands: Hands = {}
    for number, result in enumerate(results):
        where = f"{path}, result {number}"
        with left_out.entry():
            name = result.get("file_name") if isinstance(result, dict) else None
            if name is None:
                image = identifier(field(result, "image_id", where), f"{where}, image_id")
                if annotations is None:
                    raise InputError(
                        f"{where}: which file is image {short_repr(image)}? Give the data set's --annotations"
                    )
                name = field(annotations.names, image, f"{where}: {annotations.path} has no image")
            found = hands.setdefault(text(name, f"{where}, file_name"), [])
            found.append(_hand_of_triples(field(result, "keypoints", where), f"{where}, {name}"))
    return _best_hands(path, hands, names_all=False)


def _read_hdf5(path: Path, annotations: "Annotations | None", left_out: LeftOut) -> Predictions:
    with open_hdf5(path) as file:
        if "names" not in file:
            return _best_hands(path, dict([_hands_of_hdf5(file, path)]))
        names = read_texts(file, "names")
        count = len(names)
        keypoints = read_numbers(file, "keypoints", (count, NUM_KEYPOINTS, 2))
        confidences = read_numbers(file, "confidences", (count, NUM_KEYPOINTS))
        claimed = np.greater(read_numbers(file, "claimed", (count,)), 0) if "claimed" in file else None
        scores = read_numbers(file, "scores", (count,)) if "scores" in file else np.full(count, np.nan)
        predictor = read_text_attribute(file, "predictor")
    for n, name in enumerate(names):
        try:
            keypoints[n], confidences[n], *_ = _checked_hand(keypoints[n], confidences[n], f"{path}: {name}")
        except InputError as problem:
            left_out.add(problem)
            keypoints[n], confidences[n] = np.nan, 0
            if claimed is not None:
                claimed[n] = False
    if claimed is None:
        return Predictions(predictor, names, keypoints, confidences, where=str(path), scores=scores)
    return Predictions(predictor, names, keypoints, confidences, where=str(path), claimed=claimed, scores=scores)


def _read_csv(path: Path, annotations: "Annotations | None", left_out: LeftOut) -> Predictions:
    hands: Hands = {}
    for row in read_table(path, ["image", *COORDINATES]):
        with left_out.entry():
            if isinstance(row, InputError):
                raise row
            number, cells = row
            where = f"{path}, line {number}"
            found = hands.setdefault(text(cells["image"], f"{where}, image"), [])
            flat = [_number_in_cell(cells.get(column, "1"), f"{where}, {column}") for column in COLUMNS]
            hand = _hand_of_triples(flat, where)
            if not np.isnan(hand.keypoints).all():
                given = {key: cells[key] for key in ("found", "score") if cells.get(key, "").strip()}
                score = _number_in_cell(given["score"], f"{where}, score") if "score" in given else None
                found.append(_with_claim(hand, given.get("found", True), score, where))
    return _best_hands(path, hands)


def _number_in_cell(cell: str, where: str) -> float | None:
    """Return the number in a cell; None if it is empty, or nan."""
    return None if cell.strip().lower() in ("", "nan") else parse_number(cell, where)


def _read_dump(path: Path, annotations: "Annotations | None", left_out: LeftOut) -> Predictions:
    samples = safe_pickle.load(path, refuse=False)
    if not isinstance(samples, list):
        raise InputError(f"{path} is no pickle of mmpose's: expected a list of samples")
    hands: Hands = {}
    for number, sample in enumerate(samples):
        where = f"{path}, sample {number}"
        with left_out.entry():
            name = text(field(sample, "img_path", where), f"{where}, img_path")
            found, where = hands.setdefault(name, []), f"{where}, {name}"
            instances = field(sample, "pred_instances", where)
            keypoints, scores = (field(instances, key, where) for key in ("keypoints", "keypoint_scores"))
            if not all(isinstance(values, list) or np.ndim(values) for values in (keypoints, scores)):
                raise InputError(f"{where}: keypoints and keypoint_scores are no arrays of plain numbers")
            if len(keypoints) != len(scores):
                raise InputError(f"{where}: keypoints of {len(keypoints)} hands, keypoint_scores of {len(scores)}")
            found += [_hand_of_instance(*instance, where) for instance in zip(keypoints, scores)]
    return _best_hands(path, hands)


def _read_folder(path: Path, left_out: LeftOut) -> Predictions:
    """Read the JSON of one of KINDS: that of most files, the first of several such; without any JSON, our HDF5."""
    documents: dict[str | None, dict[Path, Any]] = {}
    files = [file for file in sorted(path.rglob("*.json")) if file.is_file() and not file.name.startswith(".")]
    for file in progress_bar(files, desc=str(path), unit="file"):
        with left_out.entry():
            document = read_json(file)
            kind = next((name for name, (is_kind, _) in KINDS.items() if is_kind(document)), None)
            documents.setdefault(kind, {})[file] = document
    kind = max(KINDS, key=lambda name: len(documents.get(name, ())))
    if kind not in documents:
        return _read_folder_of_hdf5(path, left_out)
    hands: Hands = {}
    file_of: dict[str, Path] = {}
    for file, document in documents[kind].items():
        with left_out.entry():
            name, found = KINDS[kind][1](str(file.relative_to(path).with_suffix("")), document, file)
            _add_image(hands, file_of, name, found, file)
    return _best_hands(path, hands)


def _read_folder_of_hdf5(path: Path, left_out: LeftOut) -> Predictions:
    hands: Hands = {}
    file_of: dict[str, Path] = {}
    for file in sorted(path.rglob("*.h5")):
        with left_out.entry(), open_hdf5(file) as document:
            _add_image(hands, file_of, *_hands_of_hdf5(document, file), file)
    if not hands and not left_out.problems:
        raise InputError(f"{path} holds no predictions: neither ours, nor OpenPose's, nor mmpose's")
    return _best_hands(path, hands)


def _add_image(hands: Hands, file_of: dict[str, Path], name: str, found: list[PredictedHand], file: Path) -> None:
    """Add the hands of an image, of which a folder has one file. Raises InputError for a second one."""
    if name in file_of:
        raise InputError(f"{file} is of {name}, as {file_of[name]} is")
    hands[text(name, file)], file_of[name] = found, file


def _hands_of_ours(stem: str, document: Any, file: Path) -> tuple[str, list[PredictedHand]]:
    """Return name and hands of an image's JSON of ``maskpose predict``."""
    several = [document, *json_list(document.get("more_hands", []), f"{file}, more_hands")]
    found = []
    for hand in several:
        if rows := field(hand, "keypoints", file):
            found.append(
                _with_claim(_hand_of_triples(rows, str(file)), hand.get("hand", True), hand.get("score"), str(file))
            )
    return text(field(document, "image", file), f"{file}, image"), found


def _with_claim(hand: PredictedHand, claimed: object, score: object, where: str) -> PredictedHand:
    """Return a hand with what ``maskpose predict`` says of it: whether it is a hand, and its score or None."""
    is_claimed = flag(claimed, f"{where}, whether it is a hand")
    return hand._replace(claimed=is_claimed, score=float(numbers(score, (), f"{where}, score", missing=True)))


def _hands_of_openpose(stem: str, document: Any, file: Path) -> tuple[str, list[PredictedHand]]:
    """Return name and hands of an image's JSON of OpenPose: both hands of every person."""
    people = [json_object(person, f"{file}, people") for person in json_list(document["people"], f"{file}, people")]
    flat = [person.get(f"hand_{side}_keypoints_2d") for person in people for side in ("left", "right")]
    hands = [_hand_of_triples(values, str(file)) for values in flat if values]
    for hand in hands:
        hand.keypoints[hand.confidences == 0] = np.nan
    return stem.removesuffix("_keypoints"), [hand for hand in hands if hand.confidences.any()]


def _hands_of_mmpose(stem: str, document: Any, file: Path) -> tuple[str, list[PredictedHand]]:
    """Return name and hands of an image's JSON of mmpose."""
    return stem, [
        _hand_of_instance(field(one, "keypoints", file), field(one, "keypoint_scores", file), str(file))
        for one in document
    ]


def _has(document: Any, *keys: str) -> bool:
    return isinstance(document, dict) and any(key in document for key in keys)


def _is_ours(document: Any) -> bool:
    return _has(document, "keypoints", "more_hands") or (_has(document, "image") and _has(document, "detected"))


def _is_openpose(document: Any) -> bool:
    return _has(document, "people")


def _is_mmpose(document: Any) -> bool:
    return isinstance(document, list) and (not document or any(_has(one, "keypoint_scores") for one in document))


KINDS = {  # of JSON files of one image each: which documents they are, and how they are read
    "ours": (_is_ours, _hands_of_ours),
    "openpose": (_is_openpose, _hands_of_openpose),
    "mmpose": (_is_mmpose, _hands_of_mmpose),
}


def _hands_of_hdf5(file: h5py.File, path: Path) -> tuple[str, list[PredictedHand]]:
    """Return name and hands of an image's open HDF5 file of ``maskpose predict``."""
    name = text(read_text_attribute(file, "image"), f"{path}, image")
    keypoints = read_numbers(file, "keypoints", (None, NUM_KEYPOINTS, 2))
    confidences = read_numbers(file, "confidences", (len(keypoints), NUM_KEYPOINTS))
    claimed, scores = (
        read_numbers(file, key, (len(keypoints),)) if key in file else np.full(len(keypoints), default)
        for key, default in (("hand", 1), ("score", np.nan))
    )
    hands = [_checked_hand(*rows, f"{path}: {name}") for rows in zip(keypoints, confidences)]
    return name, [
        hand._replace(claimed=is_claimed > 0, score=score) for hand, is_claimed, score in zip(hands, claimed, scores)
    ]


def _best_hands(path: Path, hands: Hands, names_all: bool = True) -> Predictions:
    """Return the predictions of each image's best hand: a claimed one, with the highest mean confidence."""
    best = {
        name: max(found, key=lambda hand: (hand.claimed, np.mean(hand.confidences)), default=None)
        for name, found in hands.items()
    }
    return Predictions.from_hands(path.stem, best, names_all, str(path))


def _hand_of_triples(rows: object, where: str) -> PredictedHand:
    """Return a hand of x, y, confidence per keypoint, flat or not; null and NaN are unknown."""
    try:
        table = numbers(rows, (NUM_KEYPOINTS, 3), where, missing=True)
    except InputError as error:
        expected = f"{NUM_KEYPOINTS} keypoints [x, y, confidence]"
        raise InputError(f"{where} must have {expected} ({_without_where(error, where)})") from None
    return _checked_hand(table[:, :2], table[:, 2], where)


def _hand_of_instance(keypoints: object, scores: object, where: str) -> PredictedHand:
    """Return a hand of mmpose's keypoints [x, y] and scores, which are apart."""
    try:
        points = numbers(keypoints, (NUM_KEYPOINTS, 2), where, missing=True)
        return _checked_hand(points, numbers(scores, (NUM_KEYPOINTS,), where, missing=True), where)
    except InputError as error:
        raise InputError(
            f"{where} must have {NUM_KEYPOINTS} keypoints [x, y], and as many scores ({_without_where(error, where)})"
        ) from None


def _without_where(error: InputError, where: str) -> str:
    return str(error).removeprefix(f"{where}: ")


def _checked_hand(points: npt.NDArray[np.float64], confidences: npt.NDArray[np.float64], where: str) -> PredictedHand:
    """Return a hand of (21, 2) points and (21,) confidences.

    A keypoint without x or y has neither. An unknown confidence is 0. Raises InputError for numbers that are infinite,
    or too far away to measure.
    """
    unknown = np.asarray(np.isnan(points).any(axis=1))
    points = np.where(unknown[:, None], np.nan, points)
    confidences = np.where(np.isnan(confidences), 0, confidences)
    if (np.abs(points[~unknown]) > FARTHEST).any() or np.isinf(confidences).any():
        raise InputError(f"{where}: a keypoint or confidence is infinite, or more than {FARTHEST:g} pixels away")
    return PredictedHand(points, confidences)
