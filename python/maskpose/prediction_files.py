"""Files of predictions, ours and others', as maskpose.predictions.Predictions.

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

Of several hands in a photograph the one with the highest mean confidence counts.
"""

import csv
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from maskpose import pickles
from maskpose.datasets.reading import existing, field, json_file
from maskpose.errors import InputError
from maskpose.predictions import Predictions
from maskpose.skeleton import KEYPOINT_NAMES
from maskpose.variants import KEYPOINTS


def read_all(paths, cropped=(), annotations=None):
    """{label: Predictions} of files, each "FILE" or "LABEL=FILE"; without a label, by their predictors' names.

    cropped: [(file, maps)] of predictions on crops, of which ``maps`` are what maskpose.predictions.read_maps gives;
    annotations: maskpose.datasets.mmpose.Annotations, for files that say image ids alone. Raises InputError as ``read``
    does, and for two of one label.
    """
    found = {}
    for given, maps in [*((path, None) for path in paths), *cropped]:
        label, path = labelled(given)
        predictions = read(path, annotations)
        if maps is not None:
            predictions = predictions.on_photographs(maps)
        label = label or predictions.predictor
        if label in found:
            raise InputError(f"{path}: there are two of {label}: give one a name, as other={path}")
        found[label] = predictions
    return found


def read(path, annotations=None):
    """The Predictions of a file or folder. Raises InputError that names it, and the photograph at fault."""
    path = existing(path)
    if path.is_dir():
        return _folder(path)
    readers = {".json": _json, ".h5": _hdf5, ".hdf5": _hdf5, ".csv": _csv, ".pkl": _dump, ".pickle": _dump}
    if path.suffix not in readers:
        raise InputError(f"{path}: expected a folder, or one of {', '.join(readers)}")
    return readers[path.suffix](path, annotations)


def labelled(given):
    """(label or "", path) of "LABEL=FILE" or "FILE"."""
    label, equals, path = str(given).partition("=")
    return (label, Path(path)) if equals and not Path(given).exists() else ("", Path(given))


def _json(path, annotations):
    document = json_file(path)
    if isinstance(document, list):
        return _results(path, document, annotations)
    try:
        predictor, hands = document["predictor"], document["hands"].items()
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f'{path} is no file of predictions: expected {{"predictor": …, "hands": {{…}}}} or a list of results; of '
            "results that are a file a photograph, give the folder"
        ) from None
    return Predictions.of_hands(
        predictor, {name: _triples(rows, f"{path}: {name}") for name, rows in hands}, names_all=False, where=str(path)
    )


def _results(path, results, annotations):
    """COCO's list of keypoint results."""
    hands = {}
    for number, one in enumerate(results):
        where = f"{path}, result {number}"
        name = one.get("file_name") if isinstance(one, dict) else None
        if name is None:
            image = field(one, "image_id", where)
            if annotations is None:
                raise InputError(f"{where}: which photograph is image {image}? Give the data set's --annotations")
            name = field(annotations.names, image, f"{where}: {annotations.path} has no image")
        hands.setdefault(name, []).append(_triples(field(one, "keypoints", where), f"{where}, {name}"))
    return _of_several(path, hands, names_all=False)


def _hdf5(path, annotations):
    try:
        with h5py.File(path) as file:
            if "names" not in file:
                name, hands = _ours_hdf5(path)
                return _of_several(path, {name: hands})
            names = [name.decode() for name in file["names"][:]]
            keypoints, confidences = file["keypoints"][:].astype(float), file["confidences"][:].astype(float)
            claimed = file["claimed"][:].astype(bool) if "claimed" in file else None
            scores = file["scores"][:].astype(float) if "scores" in file else None
            predictor = str(file.attrs["predictor"])
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no HDF5 file of predictions: {error}") from None
    if keypoints.shape != (len(names), KEYPOINTS, 2) or confidences.shape != (len(names), KEYPOINTS):
        raise InputError(f"{path}: expected keypoints (N, 21, 2) and confidences (N, 21) of N names")
    if any(values is not None and values.shape != (len(names),) for values in (claimed, scores)):
        raise InputError(f"{path}: expected scores and claimed (N,) of {len(names)} names")
    return Predictions(predictor, names, keypoints, confidences, where=str(path), claimed=claimed, scores=scores)


def _csv(path, annotations):
    hands = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        heading = next(reader, [])
        columns = {name: index for index, name in enumerate(heading)}
        needed = ["image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y"))]
        if missing := [name for name in needed if name not in columns]:
            raise InputError(f"{path}: the column {missing[0]} is missing ({len(missing)} in all)")
        places = [[columns.get(f"{name}_{part}") for part in ("x", "y", "confidence")] for name in KEYPOINT_NAMES]
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if len(row) != len(heading):
                raise InputError(f"{where}: {len(row)} columns, the heading has {len(heading)}")
            cells = [["1" if place is None else row[place] for place in joint] for joint in places]
            rows = [[cell.strip() or "nan" for cell in joint] for joint in cells]
            found = hands.setdefault(row[columns["image"]], [])
            points, confidences = _triples(rows, where)
            if not np.isnan(points).all():
                found.append((points, np.nan_to_num(confidences)))
    return _of_several(path, hands)


def _dump(path, annotations):
    samples = pickles.load(path, refuse=False)
    if not isinstance(samples, list):
        raise InputError(f"{path} is no pickle of mmpose's: expected a list of samples")
    hands = {}
    for number, sample in enumerate(samples):
        where = f"{path}, sample {number}"
        name, found = field(sample, "img_path", where), field(sample, "pred_instances", where)
        instances = zip(field(found, "keypoints", where), field(found, "keypoint_scores", where))
        hands.setdefault(name, []).extend(_instance(*one, f"{where}, {name}") for one in instances)
    return _of_several(path, hands)


def _folder(path):
    """The first kind of JSON that there is, of KINDS, else our HDF5."""
    documents = {}
    for file in tqdm(sorted(path.rglob("*.json")), desc=str(path), unit="file", dynamic_ncols=True):
        if not file.name.startswith("."):
            document = json_file(file)
            for name, (known, _) in KINDS.items():
                if known(document):
                    documents.setdefault(name, {})[file] = document
                    break
    hands = {}
    for kind, (_, of) in KINDS.items():
        for file, document in documents.get(kind, {}).items():
            name, found = of(str(file.relative_to(path).with_suffix("")), document, file)
            hands.setdefault(name, []).extend(found)
        if hands:
            return _of_several(path, hands)
    for file in sorted(path.rglob("*.h5")):
        name, found = _ours_hdf5(file)
        hands.setdefault(name, []).extend(found)
    if not hands:
        raise InputError(f"{path} holds no predictions: neither ours, nor OpenPose's, nor mmpose's")
    return _of_several(path, hands)


def _ours(stem, document, file):
    """(name, hands) of tools/predict.py's JSON of a photograph."""
    several = [document, *document.get("more_hands", [])]
    return document["image"], [_triples(one["keypoints"], str(file)) for one in several if one["keypoints"]]


def _openpose(stem, document, file):
    """(name, hands) of OpenPose's JSON of a photograph: of every person, both hands."""
    flat = [person.get(f"hand_{side}_keypoints_2d") for person in document["people"] for side in ("left", "right")]
    hands = [_triples(numbers, str(file)) for numbers in flat if numbers]
    for points, confidences in hands:
        points[confidences == 0] = np.nan
    return stem.removesuffix("_keypoints"), [hand for hand in hands if hand[1].any()]


def _mmpose(stem, document, file):
    """(name, hands) of mmpose's JSON of a photograph."""
    return stem, [
        _instance(field(one, "keypoints", file), field(one, "keypoint_scores", file), str(file)) for one in document
    ]


KINDS = {  # of the JSON files that are one a photograph: which documents are, and how they are read
    "ours": (lambda one: isinstance(one, dict) and {"image", "keypoints"} <= one.keys(), _ours),
    "openpose": (lambda one: isinstance(one, dict) and "people" in one, _openpose),
    "mmpose": (lambda one: isinstance(one, list) and all("keypoint_scores" in each for each in one), _mmpose),
}


def _ours_hdf5(path):
    """(name, hands) of tools/predict.py's HDF5 of a photograph."""
    try:
        with h5py.File(path) as file:
            return str(file.attrs["image"]), list(zip(file["keypoints"][:].astype(float), file["confidences"][:]))
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no HDF5 file of tools/predict.py: {error}") from None


def _of_several(path, hands, names_all=True):
    """The Predictions of {name: [(keypoints, confidences), … of each hand found]}."""
    surest = {name: max(found, key=lambda hand: np.mean(hand[1]), default=None) for name, found in hands.items()}
    return Predictions.of_hands(Path(path).stem, surest, names_all, str(path))


def _triples(numbers, where):
    """(keypoints (21, 2), confidences (21,)) of x, y, confidence, flat or not."""
    try:
        table = np.array(numbers, float).reshape(KEYPOINTS, 3)
    except (TypeError, ValueError):
        raise InputError(f"{where} must have {KEYPOINTS} keypoints [x, y, confidence]") from None
    return table[:, :2], table[:, 2]


def _instance(keypoints, scores, where):
    """The same of mmpose's keypoints and scores, which it keeps apart."""
    try:
        return np.array(keypoints, float).reshape(KEYPOINTS, 2), np.array(scores, float).reshape(KEYPOINTS)
    except (TypeError, ValueError):
        raise InputError(f"{where} must have {KEYPOINTS} keypoints [x, y], and as many scores") from None
