"""Files of predictions, ours and others', as maskpose.evaluation.predictions.Predictions.

========================================  ==============================================================================
``.json``, ``.h5`` of Predictions.write   also tools/mediapipe_predict.py's, and what tools/evaluate.py leaves
folder of tools/predict.py                its ``<stem>.json``, else its ``<stem>.h5``
``.csv``                                  tools/predict.py's keypoints.csv, or fewer of its columns
folder of OpenPose's ``--write_json``     ``<stem>_keypoints.json``, of the hands; joints of confidence 0 were not found
``.json``, a list                         COCO's keypoint results, of tools/predict.py and mmpose; photographs by
                                          ``file_name``, or by ``image_id`` and the data set's annotations
folder of mmpose's ``pred_out_dir``       ``<stem>.json``, lists of {"keypoints", "keypoint_scores"}
``.pkl``                                  what mmpose's tools/test.py --dump writes
========================================  ==============================================================================

Of several hands in a photograph the one with the highest mean confidence counts. tools/predict.py also says whether
each is a hand at all: those that are come first. An entry that is broken (a hand, a row or a file of a folder) may be
left out, so that others are read: see maskpose.io.left_out. In its photograph, if that is known, no hand was found.
"""

from pathlib import Path

import numpy as np

from maskpose.data.datasets.reading import existing_path
from maskpose.errors import InputError
from maskpose.evaluation.predictions import FoundHand, Predictions
from maskpose.io import safe_pickle
from maskpose.io.files import read_json
from maskpose.io.hdf5 import open_hdf5, read_numbers, read_text_attribute, read_texts
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.printable import short_repr
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
from maskpose.model.variants import KEYPOINTS

FARTHEST = 1e9  # pixels from the photograph's corner that a keypoint may lie


def read_all(paths, cropped=(), annotations=None, left_out=STRICT):
    """{label: Predictions} of files, each "FILE" or "LABEL=FILE"; without a label, by their predictors' names.

    cropped: [(file, maps)] of predictions on crops, of which ``maps`` are what ``predictions.read_maps`` gives;
    annotations, left_out: as ``read`` takes them. Raises InputError as ``read`` does, and for two of one label.
    """
    found = {}
    for given, maps in [*((path, None) for path in paths), *cropped]:
        label, path = labelled(given)
        predictions = read(path, annotations, left_out)
        if maps is not None:
            predictions = predictions.on_photographs(maps, left_out)
        label = label or predictions.predictor
        if label in found:
            raise InputError(f"{path}: there are two of {label}: give one a name, as other={path}")
        found[label] = predictions
    return found


def read(path: str | Path, annotations=None, left_out: LeftOut = STRICT) -> Predictions:
    """The Predictions of a file or folder.

    annotations: Annotations, for files that say image ids alone; left_out: takes the problems
    of entries that are broken, of which the first is raised if it is strict, as by default. Raises InputError, which
    names the file, if it is of no known kind, or nothing of it can be read.
    """
    path, before = existing_path(path), len(left_out.problems)
    if path.is_dir():
        found = _folder(path, left_out)
    else:
        readers = {".json": _json, ".h5": _hdf5, ".hdf5": _hdf5, ".csv": _csv, ".pkl": _dump, ".pickle": _dump}
        if path.suffix.lower() not in readers:
            raise InputError(f"{path}: expected a folder, or one of {', '.join(readers)}")
        found = readers[path.suffix.lower()](path, annotations, left_out)
    if not found.found.any() and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return found


def labelled(given):
    """(label or "", path) of "LABEL=FILE" or "FILE"."""
    label, equals, path = str(given).partition("=")
    return (label, Path(path)) if equals and not Path(given).exists() else ("", Path(given))


def _json(path, annotations, left_out):
    document = read_json(path)
    if isinstance(document, list):
        return _results(path, document, annotations, left_out)
    if not isinstance(document, dict) or not {"predictor", "hands"} <= document.keys():
        raise InputError(
            f'{path} is no file of predictions: expected {{"predictor": …, "hands": {{…}}}} or a list of results; of '
            "results that are a file a photograph, give the folder"
        )
    hands = {}
    for name, rows in json_members(field(document, "hands", path), f"{path}, hands"):
        with left_out.entry():
            hands[text(name, f"{path}, a photograph's name")] = None
            if isinstance(rows, InputError):
                raise rows
            hands[name] = _triples(rows, f"{path}: {name}")
    predictor = text(document["predictor"], f"{path}, predictor")
    return Predictions.of_hands(predictor, hands, names_all=False, where=str(path))


def _results(path, results, annotations, left_out):
    """COCO's list of keypoint results."""
    hands = {}
    for number, one in enumerate(results):
        where = f"{path}, result {number}"
        with left_out.entry():
            name = one.get("file_name") if isinstance(one, dict) else None
            if name is None:
                image = identifier(field(one, "image_id", where), f"{where}, image_id")
                if annotations is None:
                    raise InputError(
                        f"{where}: which photograph is image {short_repr(image)}? Give the data set's --annotations"
                    )
                name = field(annotations.names, image, f"{where}: {annotations.path} has no image")
            found = hands.setdefault(text(name, f"{where}, file_name"), [])
            found.append(_triples(field(one, "keypoints", where), f"{where}, {name}"))
    return _of_several(path, hands, names_all=False)


def _hdf5(path, annotations, left_out):
    with open_hdf5(path) as file:
        if "names" not in file:
            return _of_several(path, dict([_photograph_of_hdf5(file, path)]))
        names = read_texts(file, "names")
        count = len(names)
        keypoints = read_numbers(file, "keypoints", (count, KEYPOINTS, 2))
        confidences = read_numbers(file, "confidences", (count, KEYPOINTS))
        claimed = read_numbers(file, "claimed", (count,)) > 0 if "claimed" in file else None
        scores = read_numbers(file, "scores", (count,)) if "scores" in file else None
        predictor = read_text_attribute(file, "predictor")
    for n, name in enumerate(names):
        try:
            keypoints[n], confidences[n], *_ = _hand(keypoints[n], confidences[n], f"{path}: {name}")
        except InputError as problem:
            left_out.add(problem)
            keypoints[n], confidences[n] = np.nan, 0
            if claimed is not None:
                claimed[n] = False
    return Predictions(predictor, names, keypoints, confidences, where=str(path), claimed=claimed, scores=scores)


def _csv(path, annotations, left_out):
    hands = {}
    for row in read_table(path, ["image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y"))]):
        with left_out.entry():
            if isinstance(row, InputError):
                raise row
            number, cells = row
            where = f"{path}, line {number}"
            found = hands.setdefault(text(cells["image"], f"{where}, image"), [])
            columns = [f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y", "confidence")]
            flat = [_cell(cells.get(column, "1"), f"{where}, {column}") for column in columns]
            hand = _triples(flat, where)
            if not np.isnan(hand.keypoints).all():
                said = {key: cells[key] for key in ("found", "score") if cells.get(key, "").strip()}
                score = _cell(said["score"], f"{where}, score") if "score" in said else None
                found.append(_said(hand, said.get("found", True), score, where))
    return _of_several(path, hands)


def _cell(cell, where):
    """The number in a cell; None if it is empty, or nan."""
    return None if cell.strip().lower() in ("", "nan") else parse_number(cell, where)


def _dump(path, annotations, left_out):
    samples = safe_pickle.load(path, refuse=False)
    if not isinstance(samples, list):
        raise InputError(f"{path} is no pickle of mmpose's: expected a list of samples")
    hands = {}
    for number, sample in enumerate(samples):
        where = f"{path}, sample {number}"
        with left_out.entry():
            name = text(field(sample, "img_path", where), f"{where}, img_path")
            found, where = hands.setdefault(name, []), f"{where}, {name}"
            instances = field(sample, "pred_instances", where)
            keypoints, scores = (field(instances, key, where) for key in ("keypoints", "keypoint_scores"))
            if not all(isinstance(one, list) or np.ndim(one) for one in (keypoints, scores)):
                raise InputError(f"{where}: keypoints and keypoint_scores are no arrays of plain numbers")
            if len(keypoints) != len(scores):
                raise InputError(f"{where}: keypoints of {len(keypoints)} hands, keypoint_scores of {len(scores)}")
            found += [_instance(*one, where) for one in zip(keypoints, scores)]
    return _of_several(path, hands)


def _folder(path, left_out):
    """The kind of JSON, of KINDS, that most files are of, the first of those if they are several; else our HDF5."""
    documents = {}
    files = [file for file in sorted(path.rglob("*.json")) if file.is_file() and not file.name.startswith(".")]
    for file in progress_bar(files, desc=str(path), unit="file"):
        with left_out.entry():
            document = read_json(file)
            kind = next((name for name, (known, _) in KINDS.items() if known(document)), None)
            documents.setdefault(kind, {})[file] = document
    kind = max(KINDS, key=lambda name: len(documents.get(name, ())))
    if kind not in documents:
        return _folder_of_hdf5(path, left_out)
    hands, files = {}, {}
    for file, document in documents[kind].items():
        with left_out.entry():
            name, found = KINDS[kind][1](str(file.relative_to(path).with_suffix("")), document, file)
            _add_photograph(hands, files, name, found, file)
    return _of_several(path, hands)


def _folder_of_hdf5(path, left_out):
    hands, files = {}, {}
    for file in sorted(path.rglob("*.h5")):
        with left_out.entry(), open_hdf5(file) as document:
            _add_photograph(hands, files, *_photograph_of_hdf5(document, file), file)
    if not hands and not left_out.problems:
        raise InputError(f"{path} holds no predictions: neither ours, nor OpenPose's, nor mmpose's")
    return _of_several(path, hands)


def _add_photograph(hands, files, name, found, file):
    """Note the hands found in a photograph, of which a folder has one file. Raises InputError for a second one."""
    if name in files:
        raise InputError(f"{file} is of {name}, as {files[name]} is")
    hands[text(name, file)], files[name] = found, file


def _ours(stem, document, file):
    """(name, hands) of tools/predict.py's JSON of a photograph."""
    several = [document, *json_list(document.get("more_hands", []), f"{file}, more_hands")]
    found = [
        _said(_triples(rows, str(file)), one.get("hand", True), one.get("score"), file)
        for one in several if (rows := field(one, "keypoints", file))
    ]  # fmt: skip
    return text(field(document, "image", file), f"{file}, image"), found


def _said(hand, claimed, score, where):
    """A FoundHand with what tools/predict.py says of it: whether it is a hand, and its score or None."""
    claimed = flag(claimed, f"{where}, whether it is a hand")
    return hand._replace(claimed=claimed, score=float(numbers(score, (), f"{where}, score", missing=True)))


def _openpose(stem, document, file):
    """(name, hands) of OpenPose's JSON of a photograph: of every person, both hands."""
    people = [json_object(person, f"{file}, people") for person in json_list(document["people"], f"{file}, people")]
    flat = [person.get(f"hand_{side}_keypoints_2d") for person in people for side in ("left", "right")]
    hands = [_triples(numbers, str(file)) for numbers in flat if numbers]
    for hand in hands:
        hand.keypoints[hand.confidences == 0] = np.nan
    return stem.removesuffix("_keypoints"), [hand for hand in hands if hand.confidences.any()]


def _mmpose(stem, document, file):
    """(name, hands) of mmpose's JSON of a photograph."""
    return stem, [
        _instance(field(one, "keypoints", file), field(one, "keypoint_scores", file), str(file)) for one in document
    ]


def _has(document, *keys):
    return isinstance(document, dict) and any(key in document for key in keys)


KINDS = {  # of the JSON files that are one a photograph: which documents are, and how they are read
    "ours": (lambda one: _has(one, "keypoints", "more_hands") or (_has(one, "image") and _has(one, "detected")), _ours),
    "openpose": (lambda one: _has(one, "people"), _openpose),
    "mmpose": (lambda one: isinstance(one, list) and (not one or any(_has(each, "keypoint_scores") for each in one)),
               _mmpose),
}  # fmt: skip


def _photograph_of_hdf5(file, path):
    """(name, hands) of tools/predict.py's open HDF5 file of a photograph."""
    name = text(read_text_attribute(file, "image"), f"{path}, image")
    keypoints = read_numbers(file, "keypoints", (None, KEYPOINTS, 2))
    confidences = read_numbers(file, "confidences", (len(keypoints), KEYPOINTS))
    claimed, scores = (
        read_numbers(file, key, (len(keypoints),)) if key in file else np.full(len(keypoints), default)
        for key, default in (("hand", 1), ("score", np.nan))
    )
    found = [_hand(*one, f"{path}: {name}") for one in zip(keypoints, confidences)]
    return name, [hand._replace(claimed=is_one > 0, score=score) for hand, is_one, score in zip(found, claimed, scores)]


def _of_several(path, hands, names_all=True):
    """The Predictions of {name: [FoundHand … of each hand found]}."""
    surest = {
        name: max(found, key=lambda hand: (hand.claimed, np.mean(hand.confidences)), default=None)
        for name, found in hands.items()
    }
    return Predictions.of_hands(Path(path).stem, surest, names_all, str(path))


def _triples(rows, where):
    """The FoundHand of x, y, confidence, flat or not; null and NaN: not known."""
    try:
        table = numbers(rows, (KEYPOINTS, 3), where, missing=True)
    except InputError as error:
        expected = f"{KEYPOINTS} keypoints [x, y, confidence]"
        raise InputError(f"{where} must have {expected} ({_reason(error, where)})") from None
    return _hand(table[:, :2], table[:, 2], where)


def _instance(keypoints, scores, where):
    """The same of mmpose's keypoints and scores, which it keeps apart."""
    try:
        points = numbers(keypoints, (KEYPOINTS, 2), where, missing=True)
        return _hand(points, numbers(scores, (KEYPOINTS,), where, missing=True), where)
    except InputError as error:
        raise InputError(
            f"{where} must have {KEYPOINTS} keypoints [x, y], and as many scores ({_reason(error, where)})"
        ) from None


def _reason(error, where):
    return str(error).removeprefix(f"{where}: ")


def _hand(points, confidences, where):
    """The FoundHand of (21, 2) and (21,), where one without x or y has neither, and an unknown confidence is 0.

    Raises InputError for numbers that are infinite, or too far away to measure.
    """
    unknown = np.isnan(points).any(axis=1)
    points = np.where(unknown[:, None], np.nan, points)
    confidences = np.where(np.isnan(confidences), 0, confidences)
    if (np.abs(points[~unknown]) > FARTHEST).any() or np.isinf(confidences).any():
        raise InputError(f"{where}: a keypoint or confidence is infinite, or more than {FARTHEST:g} pixels away")
    return FoundHand(points, confidences)
