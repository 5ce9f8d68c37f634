"""Keypoints that some predictor found, so that others' can be scored beside ours.

maskpose.prediction_files reads them from files of many kinds. Those that are written here: ``.json``, one object
``{"predictor": "MediaPipe 0.10.21", "hands": {"12.jpg": [[x, y, confidence], … 21], …}}``, and ``.h5`` with the
datasets names (N,), keypoints (N, 21, 2) and confidences (N, 21), which suits many, and may have scores (N,) and
claimed (N,). Pixels of the photograph, in OpenPose's order. A photograph that a ``.json`` does not name had no hand
found in it, and a keypoint of null, null was not found.
"""

import json
from dataclasses import dataclass, replace
from pathlib import PurePath

import h5py
import numpy as np

from maskpose import geometry
from maskpose.errors import InputError
from maskpose.files import read_json, write_text, written_beside
from maskpose.variants import KEYPOINTS


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
        """Of {name: (keypoints (21, 2), confidences (21,)), or None where no hand was found}."""
        nothing = np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS)
        found = [hand or nothing for hand in hands.values()]
        keypoints = np.array([points for points, _ in found], float).reshape(-1, KEYPOINTS, 2)
        confidences = np.array([values for _, values in found], float).reshape(-1, KEYPOINTS)
        return cls(predictor, list(hands), keypoints, confidences, names_all, where)

    @property
    def found(self):
        """(N,) bool: the photographs in which a keypoint was found."""
        return ~np.isnan(self.keypoints).all(axis=(1, 2))

    def of(self, names, lenient=False):
        """The same of the photographs ``names``, in their order.

        Names are matched whole, else without their folders, else without their suffix. Raises InputError for a name
        here that is none of ``names``, for one of ``names`` that should be here and is not, and where the choice is not
        clear. ``lenient``: the first are passed over, in the second nothing was found.
        """
        where, known, rows = self.where or self.predictor, Names(names), np.full(len(names), -1)
        for row, name in enumerate(self.names):
            index = known.find(name, where)
            if index is None:
                if not lenient:
                    first = f"its first is {names[0]}; --lenient passes over such names"
                    raise InputError(f"{where}: no photograph of the database is called {name} ({first})")
                continue
            if rows[index] >= 0:
                raise InputError(f"{where}: {self.names[rows[index]]} and {name} are both {names[index]}")
            rows[index] = row
        there = rows >= 0
        if self.names_all and not lenient and not there.all():
            missing = f"{where}: nothing of {names[there.argmin()]}, nor of {(~there).sum() - 1} more photographs"
            raise InputError(f"{missing} (--lenient counts them as photographs where no hand was found)")
        keypoints, confidences = np.full((len(names), KEYPOINTS, 2), np.nan), np.zeros((len(names), KEYPOINTS))
        found = Predictions(self.predictor, list(names), keypoints, confidences, self.names_all, self.where)
        for name in ("keypoints", "confidences", "claimed", "scores"):
            getattr(found, name)[there] = getattr(self, name)[rows[there]]
        return found

    def on_photographs(self, maps):
        """The same in the photographs' pixels and by their names, where it was predicted on crops of them.

        maps: {name of the crop: (name of the photograph, 2x3 map from photograph to crop)}, as ``read_maps`` gives
        them. Raises InputError for a crop that is not there.
        """
        crops, photographs, names, keypoints = Names(list(maps)), list(maps.values()), [], []
        for name, points in zip(self.names, self.keypoints):
            index = crops.find(name, self.where)
            if index is None:
                raise InputError(f"{self.where}: there is no crop {name}")
            photograph, to_crop = photographs[index]
            names.append(photograph)
            keypoints.append(geometry.apply(geometry.invert(to_crop), points))
        return replace(self, names=names, keypoints=np.array(keypoints).reshape(-1, KEYPOINTS, 2))

    def write(self, path):
        """Write the file: ``.h5``, or JSON with numbers to three places and the photographs with a hand alone."""
        if PurePath(path).suffix == ".h5":
            return self._write_hdf5(path)
        rows = np.round(np.concatenate([self.keypoints, self.confidences[..., None]], axis=2), 3)
        rows = np.where(np.isnan(rows), None, rows)  # JSON has no NaN
        hands = {name: row.tolist() for name, row, found in zip(self.names, rows, self.found) if found}
        write_text(path, json.dumps({"predictor": self.predictor, "hands": hands}) + "\n")

    def _write_hdf5(self, path):
        with written_beside(path) as partial, h5py.File(partial, "w") as file:
            file.attrs["predictor"] = self.predictor
            file["names"] = np.array(self.names, h5py.string_dtype())
            for name in ("keypoints", "confidences", "scores"):
                values = getattr(self, name).astype(np.float32)
                file.create_dataset(name, data=values, compression="gzip", shuffle=True)
            file["claimed"] = self.claimed


class Names:
    """Photographs to be found by their names, with or without folders and suffix."""

    def __init__(self, names):
        self._names = names
        self._whole, self._bare, self._stems = {}, {}, {}
        for index, name in enumerate(names):
            path = PurePath(name)
            for indices, key in ((self._whole, name), (self._bare, path.name), (self._stems, path.stem)):
                indices.setdefault(key, []).append(index)

    def find(self, name, where=""):
        """The index of the photograph called ``name``, or None. Raises InputError, of ``where``, if several are."""
        bare = PurePath(name).name
        tries = (self._whole, name), (self._bare, bare), (self._stems, bare), (self._stems, PurePath(name).stem)
        found = next((indices[key] for indices, key in tries if key in indices), [None])
        if len(found) > 1:
            raise InputError(f"{where}: {name} may be {self._names[found[0]]} or {self._names[found[1]]}")
        return found[0]


def read_maps(path):
    """{crop: (photograph, 2x3 map from photograph to crop)} of data_prep/crop_pictures.py's file. Raises InputError."""
    try:
        crops = read_json(path)["crops"]
        return {name: (one["photograph"], np.array(one["to_crop"], float).reshape(2, 3)) for name, one in crops.items()}
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        expected = '{"crops": {name: {"photograph": …, "to_crop": …}}}'
        raise InputError(f"{path} is no file of maps: expected {expected}") from None
