"""What a report says, out of folders that tools/evaluate.py wrote, as one JSON-able dict for maskpose.report.page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose import __version__
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.prediction_readers import labelled
from maskpose.evaluation.scoring import Settings
from maskpose.io.files import read_json
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES

ALL = "mean"  # the selection of all joints
ENDS = {1: " (base)", 4: " (tip)"}
SELECTIONS = {  # of joints: what curves, errors and heatmaps can be of
    ALL: tuple(range(len(KEYPOINT_NAMES))),
    **FINGERS,
    "fingertips": tuple(joints[-1] for joints in FINGERS.values()),
    **{name: (joint,) for joint, name in enumerate(KEYPOINT_NAMES)},
}
KEYS = (
    "db", "db_sha256", "origins", "by", "annotations", "variant", "weights", "weights_sha256", "ways", "settings",
    "scores",
)  # fmt: skip
NOT_SCORED = {"value": None, "low": None, "high": None}
LATER = {"found": NOT_SCORED, "claimed": NOT_SCORED}  # of a row of scores, which earlier versions did not write


@dataclass
class Run:
    """A folder that tools/evaluate.py wrote, and the name that the report gives it."""

    name: str
    folder: Path
    document: dict  # its scores.json

    @property
    def settings(self):
        """The maskpose.evaluation.scoring.Settings that its numbers depend on."""
        return Settings(**self.document["settings"])


def read_runs(given):
    """The Run of each "FOLDER" or "NAME=FOLDER"; without a name, the folder's own.

    Raises InputError for a folder without a scores.json, one that lacks what a report needs, and two of one name.
    """
    runs = {}
    for one in given:
        name, folder = labelled(one)
        name = name or folder.resolve().name
        if name in runs:
            raise InputError(f"{folder}: there are two runs called {name}: give one a name, as other={folder}")
        runs[name] = Run(name, folder, _document(folder))
    return list(runs.values())


def collect(runs, galleries):
    """The report of ``runs`` and, for each, what maskpose.report.photographs.gallery gave, or {"absent": why}.

    {"version", "warnings": [text], "parts_are": heading, "parts": [name], "at": threshold of PCK or None where runs
    differ, "selections": {key: joints}, "runs": [about each], "series": [{"run", "way", "label", "colour", "dash",
    "rows": {part: scoring.scores}, "curves": {part: {"value", "low", "high": lists; by_selection: {key:
    list}}}}]}.
    """
    series = [_series(runs, run, way) for run in runs for way in run.document["scores"]]
    by = {run.document["by"] for run in runs}
    at = {run.settings.at for run in runs}
    return {
        "version": __version__,
        "warnings": _warnings(runs),
        "parts_are": {("origin",): "Source", ("size",): "Hand size"}.get(tuple(by), "Part"),
        "parts": list(dict.fromkeys(part for one in series for part in one["rows"])),
        "at": at.pop() if len(at) == 1 else None,
        "selections": SELECTIONS,
        "runs": [_about(run, gallery) for run, gallery in zip(runs, galleries)],
        "series": series,
    }


def label_of(selection):
    """What people call a selection."""
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
        raise InputError(f"{path} lacks {', '.join(missing)}: score again with tools/evaluate.py")
    run = Run("", folder, document)
    try:
        collect([run], [None])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        why = f"{type(error).__name__} {error}"
        raise InputError(f"{path} is damaged ({why}): score again with tools/evaluate.py") from None
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
    """A part's curves: of all joints with its interval, as scored, and of every other selection."""
    per_joint = np.array([curve["per_joint"][name] for name in KEYPOINT_NAMES], float).T  # None: NaN
    others = {
        key: [None if np.isnan(value) else round(float(value), 4) for value in metrics.mean_over_joints(values)]
        for key, values in ((key, per_joint[:, list(joints)]) for key, joints in SELECTIONS.items() if key != ALL)
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
        "notes": document.get("notes", []),  # earlier versions wrote none
        "gallery": gallery,
    }


def _warnings(runs):
    """What makes runs beside each other hard to compare."""
    warnings = []
    if len({str(run.document["settings"]) for run in runs}) > 1:
        warnings.append("These runs were scored with different settings: their numbers do not compare.")
    if len({(run.document["db_sha256"], str(run.document.get("origins"))) for run in runs}) > 1:
        warnings.append("These runs were scored on different photographs: their numbers do not compare.")
    return warnings
