"""Keypoints that some predictor found, so that others' can be scored beside ours.

``prediction_readers`` reads them from files of many kinds. Those that are written here: ``.json``, one object
``{"predictor": "MediaPipe 0.10.21", "hands": {"12.jpg": [[x, y, confidence], … 21], …}}``, and ``.h5`` with the
datasets names (N,), keypoints (N, 21, 2) and confidences (N, 21), which suits many, and may have scores (N,) and
claimed (N,). Pixels of the photograph, in OpenPose's order. A photograph that a ``.json`` does not name had no hand
found in it, and a keypoint of null, null was not found.
"""

import json
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import NamedTuple

import h5py
import numpy as np

from maskpose import geometry
from maskpose.errors import InputError
from maskpose.io.files import read_json, write_text
from maskpose.io.hdf5 import write_hdf5
from maskpose.io.left_out import STRICT
from maskpose.io.name_index import NameIndex
from maskpose.io.values import field, json_members, json_object, numbers, text
from maskpose.model.variants import KEYPOINTS


class FoundHand(NamedTuple):
    """A hand as some predictor found it in a photograph."""

    keypoints: np.ndarray  # (21, 2) pixels; NaN where one was not found
    confidences: np.ndarray  # (21,)
    claimed: bool = True  # False: the predictor says that it is no hand
    score: float = np.nan  # how sure it is of that, 0 to 1; NaN: it does not say


@dataclass
class Predictions:
    """One hand in each of N photographs."""

    predictor: str  # whose, for people
    names: list  # of the photographs
    keypoints: np.ndarray  # (N, 21, 2) float64 pixels; NaN where one was not found
    confidences: np.ndarray  # (N, 21) float64
    names_all: bool = True  # False: a photograph that is not named was looked at, and no hand found in it
    where: str = ""  # the file, for messages
    claimed: np.ndarray = None  # (N,) bool: whether there is a hand, as the predictor says; None: where one was found
    scores: np.ndarray = None  # (N,) float64, how sure it is of that, 0 to 1; NaN, or None: it does not say

    def __post_init__(self):
        self.claimed = self.found if self.claimed is None else self.claimed
        self.scores = np.full(len(self.names), np.nan) if self.scores is None else self.scores

    @classmethod
    def of_hands(cls, predictor, hands, names_all=True, where=""):
        """Of {name: a FoundHand, or the first of its fields; or None where no hand was found}."""
        nothing = FoundHand(np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS), claimed=False)
        found = [nothing if hand is None else FoundHand(*hand) for hand in hands.values()]
        keypoints = np.array([hand.keypoints for hand in found], float).reshape(-1, KEYPOINTS, 2)
        confidences = np.array([hand.confidences for hand in found], float).reshape(-1, KEYPOINTS)
        claimed = np.array([hand.claimed for hand in found], bool) & ~np.isnan(keypoints).all(axis=(1, 2))
        scores = np.array([hand.score for hand in found], float)
        return cls(predictor, list(hands), keypoints, confidences, names_all, where, claimed, scores)

    @property
    def found(self):
        """(N,) bool: the photographs in which a keypoint was found."""
        return ~np.isnan(self.keypoints).all(axis=(1, 2))

    def of(self, names, lenient=False, left_out=STRICT):
        """The same of the photographs ``names``, in their order.

        Names are matched whole, else without their folders, else without their suffix. Problems are a name here that is
        none of ``names``, or of which the choice is not clear, a second one of the same photograph, and one of
        ``names`` that should be here and is not. left_out: takes the problems; where it is not strict, as it is by
        default, those names are left out, and no hand is found in the photographs that are missing. lenient: names that
        are none of ``names``, and missing ones, are no problems. Raises InputError if no name fits.
        """
        where, known, rows = self.where or self.predictor, NameIndex(names), np.full(len(names), -1)
        before = len(left_out.problems)
        for row, name in enumerate(self.names):
            with left_out.entry():
                index = known.find(name, where)
                if index is None and lenient:
                    continue
                if index is None:
                    first = f"its first is {names[0]}; --lenient passes over such names"
                    raise InputError(f"{where}: no photograph of the database is called {name} ({first})")
                if rows[index] >= 0:
                    raise InputError(f"{where}: {self.names[rows[index]]} and {name} are both {names[index]}")
                rows[index] = row
        there = rows >= 0
        if not there.any() and len(left_out.problems) > before:
            raise InputError(left_out.problems[before])
        if self.names_all and not lenient and not there.all():
            missing = f"{where}: nothing of {names[there.argmin()]}, nor of {(~there).sum() - 1} more photographs"
            left_out.add(InputError(f"{missing} (--lenient counts them as photographs where no hand was found)"))
        keypoints, confidences = np.full((len(names), KEYPOINTS, 2), np.nan), np.zeros((len(names), KEYPOINTS))
        found = Predictions(self.predictor, list(names), keypoints, confidences, self.names_all, self.where)
        for name in ("keypoints", "confidences", "claimed", "scores"):
            getattr(found, name)[there] = getattr(self, name)[rows[there]]
        return found

    def on_photographs(self, maps, left_out=STRICT):
        """The same in the photographs' pixels and by their names, where it was predicted on crops of them.

        maps: {name of the crop: (name of the photograph, 2x3 map from photograph to crop)}, as ``read_maps`` gives
        them; left_out: takes crops that are not there. Raises InputError for the first of them if it is strict.
        """
        crops, photographs, names, rows = NameIndex(list(maps)), list(maps.values()), [], []
        keypoints = self.keypoints.copy()
        for row, name in enumerate(self.names):
            with left_out.entry():
                index = crops.find(name, self.where)
                if index is None:
                    raise InputError(f"{self.where}: there is no crop {name}")
                photograph, to_crop = photographs[index]
                keypoints[row] = geometry.apply(geometry.invert(to_crop), keypoints[row])
                names.append(photograph)
                rows.append(row)
        return replace(self, names=names, keypoints=keypoints[rows], confidences=self.confidences[rows],
                       claimed=self.claimed[rows], scores=self.scores[rows])  # fmt: skip

    def write(self, path):
        """Write the file: ``.h5``, or JSON with numbers to three places and the photographs with a hand alone."""
        if PurePath(path).suffix == ".h5":
            return self._write_hdf5(path)
        rows = np.round(np.concatenate([self.keypoints, self.confidences[..., None]], axis=2), 3)
        rows = np.where(np.isnan(rows), None, rows)  # JSON has no NaN
        hands = {name: row.tolist() for name, row, found in zip(self.names, rows, self.found) if found}
        write_text(path, json.dumps({"predictor": self.predictor, "hands": hands}) + "\n")

    def _write_hdf5(self, path):
        with write_hdf5(path) as file:
            file.attrs["predictor"] = self.predictor
            file["names"] = np.array(self.names, h5py.string_dtype())
            for name in ("keypoints", "confidences", "scores"):
                values = getattr(self, name).astype(np.float32)
                file.create_dataset(name, data=values, compression="gzip", shuffle=True)
            file["claimed"] = self.claimed


def read_maps(path, left_out=STRICT):
    """{crop: (photograph, 2x3 map from photograph to crop)} of data_prep/crop_pictures.py's file.

    left_out: takes crops that are broken. Raises InputError if it is no such file, or no crop can be read, and for the
    first that is broken if ``left_out`` is strict, as by default.
    """
    document, maps, before = read_json(path), {}, len(left_out.problems)
    if not isinstance(document, dict) or not isinstance(json_object(document, path).get("crops"), dict):
        expected = '{"crops": {name: {"photograph": …, "to_crop": …}}}'
        raise InputError(f"{path} is no file of maps: expected {expected}")
    for name, one in json_members(document["crops"], f"{path}, crops"):
        with left_out.entry():
            if isinstance(one, InputError):
                raise one
            where = f"{path}, {name}"
            to_crop = numbers(field(one, "to_crop", where), (2, 3), f"{where}, to_crop")
            with np.errstate(all="ignore"):
                determinant = abs(np.linalg.det(to_crop[:, :2]))
            if not 1e-9 < determinant < np.inf:
                raise InputError(f"{where}: to_crop has no inverse")
            photograph = text(field(one, "photograph", where), f"{where}, photograph")
            maps[text(name, f"{path}, a crop's name")] = photograph, to_crop
    if not maps and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return maps
