"""What a report shows, out of folders that `maskpose evaluate` wrote: one JSON-able dict for maskpose.report.page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskpose import __version__
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.protocols import Settings
from maskpose.io.files import read_json
from maskpose.io.paths import split_label
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES

ALL = "mean"  # the selection of all keypoints
ENDS = {1: " (base)", 4: " (tip)"}
SELECTIONS = {  # {name: keypoints} for which curves, errors and heatmaps can be shown
    ALL: tuple(range(len(KEYPOINT_NAMES))),
    **FINGERS,
    "fingertips": tuple(joints[-1] for joints in FINGERS.values()),
    **{name: (keypoint,) for keypoint, name in enumerate(KEYPOINT_NAMES)},
}
KEYS = (
    "db", "db_sha256", "origins", "by", "annotations", "variant", "weights", "weights_sha256", "ways", "settings",
    "scores",
)  # fmt: skip
NOT_SCORED = {"value": None, "low": None, "high": None}
LATER = {"found": NOT_SCORED, "claimed": NOT_SCORED}  # scores of a row that earlier versions did not write


@dataclass
class Run:
    """A folder that `maskpose evaluate` wrote, and its name in the report."""

    name: str
    folder: Path
    document: dict[str, Any]  # its scores.json

    @property
    def settings(self) -> Settings:
        """The settings that its scores depend on."""
        return Settings(**self.document["settings"])


def read_runs(arguments: Sequence[str]) -> list[Run]:
    """Return the run of each "FOLDER" or "NAME=FOLDER"; without a name it is called as the folder.

    Raises InputError if a folder has no scores.json, if that lacks what a report needs, or if two runs have one name.
    """
    runs = {}
    for argument in arguments:
        name, folder = split_label(argument)
        name = name or folder.resolve().name
        if name in runs:
            raise InputError(f"{folder}: there are two runs called {name}: name one of them, as other={folder}")
        runs[name] = Run(name, folder, _document(folder))
    return list(runs.values())


def collect(runs: Sequence[Run], galleries: Sequence[Any]) -> dict[str, Any]:
    """Return the report of ``runs``.

    Args:
        runs: what to show.
        galleries: for each run, what maskpose.report.gallery.gallery_of returned, or {"absent": why there is none}.

    Returns:
        {"version", "warnings": [text], "parts_are": heading, "parts": [name], "at": threshold of PCK, or None if the
        runs' differ, "selections": {key: keypoints}, "runs": [about each], "series": [{"run", "way", "label",
        "colour", "dash", "rows": {part: scores}, "curves": {part: {"value", "low", "high": lists,
        "by_selection": {key: list}}}}]}.
    """
    series = [_series(runs, run, way) for run in runs for way in run.document["scores"]]
    by = {run.document["by"] for run in runs}
    at = {run.settings.at for run in runs}
    return {
        "version": __version__,
        "warnings": _warnings(runs),
        "parts_are": {("origin",): "Origin", ("size",): "Hand size"}.get(tuple(by), "Part"),
        "parts": list(dict.fromkeys(part for one in series for part in one["rows"])),
        "at": at.pop() if len(at) == 1 else None,
        "selections": SELECTIONS,
        "runs": [_about(run, gallery) for run, gallery in zip(runs, galleries)],
        "series": series,
    }


def label_of(selection: str) -> str:
    """Return a selection's name for people."""
    if selection == ALL:
        return "mean of the 21"
    finger, _, number = selection.partition("_")
    return f"{finger} {number}{ENDS.get(int(number), '')}" if number else selection


def _document(folder):
    path = folder / "scores.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; `make evaluate ARGS='--out {folder}'` writes it")
    document = read_json(path)
    missing = [key for key in KEYS if key not in document] if isinstance(document, dict) else KEYS
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}: score again with `maskpose evaluate`")
    run = Run("", folder, document)
    try:
        collect([run], [None])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        why = f"{type(error).__name__} {error}"
        raise InputError(f"{path} is damaged ({why}): score again with `maskpose evaluate`") from None
    return document


def _series(runs, run, way):
    number, ways = runs.index(run), list(run.document["scores"])
    rows = {part: LATER | row for part, row in run.document["scores"][way].items()}
    several = len(runs) > 1
    return {
        "run": run.name,
        "way": way,
        "label": way if not several else run.name if len(ways) == 1 else f"{run.name}, {way}",
        "colour": number if several else ways.index(way),
        "dash": ways.index(way),
        "rows": rows,
        "curves": {part: _curves(row["curve"]) for part, row in rows.items() if row["pck"]["value"] is not None},
    }


def _curves(curve):
    """The curves of a part: of all keypoints with its interval, as scored, and of every other selection."""
    per_keypoint = np.array([curve["per_joint"][name] for name in KEYPOINT_NAMES], float).T  # None: NaN
    others = {
        key: [None if np.isnan(value) else round(float(value), 4) for value in metrics.mean_over_keypoints(values)]
        for key, values in ((key, per_keypoint[:, list(joints)]) for key, joints in SELECTIONS.items() if key != ALL)
    }
    bounds = {"low": curve["low"], "high": curve["high"]}
    return {"thresholds": curve["thresholds"], **bounds, "by_selection": {ALL: curve["value"], **others}}


def _about(run, gallery):
    document, first = run.document, next(iter(run.document["scores"].values()))
    return {
        "name": run.name,
        "folder": str(run.folder),
        "variant": document["variant"],
        "weights": document["weights"],
        "weights_sha256": document["weights_sha256"],
        "db": document["db"],
        "images": first["all"]["images"],
        "settings": str(run.settings),
        "notes": document.get("notes", []),  # earlier versions did not write them
        "gallery": gallery,
    }


def _warnings(runs):
    """Why the numbers of runs beside each other cannot be compared."""
    warnings = []
    if len({str(run.document["settings"]) for run in runs}) > 1:
        warnings.append("These runs were scored with different settings: their numbers cannot be compared.")
    if len({(run.document["db_sha256"], str(run.document.get("origins"))) for run in runs}) > 1:
        warnings.append("These runs were scored on different images: their numbers cannot be compared.")
    return warnings
