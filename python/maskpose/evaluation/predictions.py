"""Keypoints that some predictor found, so that other programs' can be scored beside ours.

maskpose.evaluation.prediction_readers reads them from files of many kinds. Two kinds are written here:

- ``.json``, an object ``{"predictor": "MediaPipe 0.10.21", "hands": {"12.jpg": [[x, y, confidence], … 21], …}}``. In an
  image that it does not name, no hand was found. A keypoint of null, null was not found.
- ``.h5``, which suits many images, with the datasets names (N,), keypoints (N, 21, 2), confidences (N, 21), scores (N,)
  and claimed (N,). The last two may be missing.

Keypoints are in the image's pixels and in OpenPose's order.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.errors import InputError
from maskpose.io.files import read_json, write_text
from maskpose.io.hdf5 import write_hdf5
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.name_index import NameIndex
from maskpose.io.paths import PathLike
from maskpose.io.values import field, json_members, json_object, numbers, text
from maskpose.model.variants import NUM_KEYPOINTS

CropMaps: TypeAlias = Mapping[str, tuple[str, npt.NDArray[np.float64]]]  # of a crop: its image, 2x3 from image to crop
TO_FILL: Any = None  # default of a field that __post_init__ fills


class PredictedHand(NamedTuple):
    """A hand as some predictor found it in an image."""

    keypoints: npt.NDArray[np.float64]  # (21, 2) pixels; NaN for a missed one
    confidences: npt.NDArray[np.floating]  # (21,)
    claimed: bool = True  # False: the predictor says that it is no hand
    score: float = np.nan  # how certain it is, 0 to 1; NaN: it does not say


@dataclass
class Predictions:
    """One hand in each of N images."""

    predictor: str  # its name, for people
    names: list[str]  # of the images
    keypoints: npt.NDArray[np.float64]  # (N, 21, 2) pixels; NaN for a missed one
    confidences: npt.NDArray[np.floating]  # (N, 21)
    names_all: bool = True  # False: in an image that is not named, no hand was found
    where: str = ""  # the file, for messages
    claimed: npt.NDArray[np.bool_] = TO_FILL  # (N,): whether there is a hand; None: if a keypoint was found
    scores: npt.NDArray[np.float64] = TO_FILL  # (N,): how certain that is, 0 to 1; NaN, or None for all: not known

    def __post_init__(self) -> None:
        """Fill the fields that were not given."""
        self.claimed = self.found if self.claimed is None else self.claimed
        self.scores = np.full(len(self.names), np.nan) if self.scores is None else self.scores

    @classmethod
    def from_hands(
        cls, predictor: str, hands: Mapping[str, tuple | None], names_all: bool = True, where: str = ""
    ) -> "Predictions":
        """Return the predictions of one hand per image.

        Args:
            predictor: its name.
            hands: a PredictedHand, or the first of its fields, by the image's name. None: no hand was found.
            names_all: as the field.
            where: as the field.
        """
        missed = PredictedHand(np.full((NUM_KEYPOINTS, 2), np.nan), np.zeros(NUM_KEYPOINTS), claimed=False)
        found = [missed if hand is None else PredictedHand(*hand) for hand in hands.values()]
        keypoints = np.array([hand.keypoints for hand in found], float).reshape(-1, NUM_KEYPOINTS, 2)
        confidences = np.array([hand.confidences for hand in found], float).reshape(-1, NUM_KEYPOINTS)
        claimed = np.array([hand.claimed for hand in found], bool) & ~np.isnan(keypoints).all(axis=(1, 2))
        scores = np.array([hand.score for hand in found], float)
        return cls(predictor, list(hands), keypoints, confidences, names_all, where, claimed, scores)

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(N,): the images in which a keypoint was found."""
        return np.logical_not(np.isnan(self.keypoints).all(axis=(1, 2)))

    def match(self, names: Sequence[str], lenient: bool = False, left_out: LeftOut = STRICT) -> "Predictions":
        """Return the predictions on the images ``names``, in their order.

        Names match whole, else without their folders, else without their suffix. These are problems: a name here that
        is none of ``names``, or matches several; two names here that match the same; and one of ``names`` that should
        be here and is not.

        Args:
            names: of images.
            lenient: names here that are none of ``names``, and missing ones, are no problems.
            left_out: takes the problems. If it is not strict, these names are left out, and in missing images no hand
                is found.

        Raises:
            InputError: for the first problem if ``left_out`` is strict; if no name matches.
        """
        where, known, rows = self.where or self.predictor, NameIndex(names), np.full(len(names), -1)
        before = len(left_out.problems)
        for row, name in enumerate(self.names):
            with left_out.entry():
                index = known.find(name, where)
                if index is None and lenient:
                    continue
                if index is None:
                    first = f"its first is {names[0]}; --lenient skips such names"
                    raise InputError(f"{where}: no image of the database is called {name} ({first})")
                if rows[index] >= 0:
                    raise InputError(f"{where}: {self.names[rows[index]]} and {name} are both {names[index]}")
                rows[index] = row
        is_matched = rows >= 0
        if not is_matched.any() and len(left_out.problems) > before:
            raise InputError(left_out.problems[before])
        if self.names_all and not lenient and not is_matched.all():
            more = (~is_matched).sum() - 1
            missing = f"{where}: nothing of {names[int(is_matched.argmin())]}, nor of {more} more images"
            left_out.add(InputError(f"{missing} (--lenient counts them as images in which no hand was found)"))
        keypoints, confidences = np.full((len(names), NUM_KEYPOINTS, 2), np.nan), np.zeros((len(names), NUM_KEYPOINTS))
        matched = Predictions(self.predictor, list(names), keypoints, confidences, self.names_all, self.where)
        for name in ("keypoints", "confidences", "claimed", "scores"):
            getattr(matched, name)[is_matched] = getattr(self, name)[rows[is_matched]]
        return matched

    def on_images(self, maps: CropMaps, left_out: LeftOut = STRICT) -> "Predictions":
        """Return predictions on crops as predictions on the whole images, in their pixels and by their names.

        Args:
            maps: what ``read_maps`` returned.
            left_out: takes crops that are not in ``maps``.

        Raises:
            InputError: for the first such crop if ``left_out`` is strict.
        """
        crops, images = NameIndex(list(maps)), list(maps.values())
        names: list[str] = []
        rows: list[int] = []
        keypoints = self.keypoints.copy()
        for row, name in enumerate(self.names):
            with left_out.entry():
                index = crops.find(name, self.where)
                if index is None:
                    raise InputError(f"{self.where}: there is no crop {name}")
                image, to_crop = images[index]
                keypoints[row] = geometry.apply(geometry.invert(to_crop), keypoints[row])
                names.append(image)
                rows.append(row)
        return replace(
            self,
            names=names,
            keypoints=keypoints[rows],
            confidences=self.confidences[rows],
            claimed=self.claimed[rows],
            scores=self.scores[rows],
        )

    def write(self, path: PathLike) -> None:
        """Write ``.h5``; or JSON, with numbers to three places and only the images in which a hand was found."""
        if PurePath(path).suffix == ".h5":
            return self._write_hdf5(path)
        rows = np.round(np.concatenate([self.keypoints, self.confidences[..., None]], axis=2), 3)
        values = rows.astype(object)
        values[np.isnan(rows)] = None  # JSON has no NaN
        hands = {name: row.tolist() for name, row, found in zip(self.names, values, self.found) if found}
        write_text(path, json.dumps({"predictor": self.predictor, "hands": hands}) + "\n")

    def _write_hdf5(self, path: PathLike) -> None:
        with write_hdf5(path) as file:
            file.attrs["predictor"] = self.predictor
            file["names"] = np.array(self.names, h5py.string_dtype())
            for name in ("keypoints", "confidences", "scores"):
                values = getattr(self, name).astype(np.float32)
                file.create_dataset(name, data=values, compression="gzip", shuffle=True)
            file["claimed"] = self.claimed


def read_maps(path: PathLike, left_out: LeftOut = STRICT) -> CropMaps:
    """Return what ``maskpose data crop-images`` wrote as maps.json: each crop's image, and the 2x3 map to the crop.

    Args:
        path: of the file.
        left_out: takes crops that are broken.

    Raises:
        InputError: it is no such file; no crop can be read; or for the first broken crop if ``left_out`` is strict.
    """
    document, before = read_json(path), len(left_out.problems)
    maps: dict[str, tuple[str, npt.NDArray[np.float64]]] = {}
    if not isinstance(document, dict) or not isinstance(json_object(document, path).get("crops"), dict):
        expected = '{"crops": {name: {"photograph": …, "to_crop": …}}}'
        raise InputError(f"{path} is no file of maps: expected {expected}")
    for name, crop in json_members(document["crops"], f"{path}, crops"):
        with left_out.entry():
            if isinstance(crop, InputError):
                raise crop
            where = f"{path}, {name}"
            to_crop = numbers(field(crop, "to_crop", where), (2, 3), f"{where}, to_crop")
            with np.errstate(all="ignore"):
                determinant = abs(np.linalg.det(to_crop[:, :2]))
            if not 1e-9 < determinant < np.inf:
                raise InputError(f"{where}: to_crop has no inverse")
            image = text(field(crop, "photograph", where), f"{where}, photograph")
            maps[text(name, f"{path}, a crop's name")] = image, to_crop
    if not maps and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return maps
