"""The HTML of a report: template.html with report.css and report.js in it, so that it needs no other file.

Names come from outside, so they are made harmless. They are escaped for HTML and JSON. Hidden characters in them, such
as those that turn the direction of writing, are shown as escapes. And each name is isolated, so that an Arabic or
Hebrew one leaves the order of the words around it alone: report.css does it in elements of their own, ``isolated``
elsewhere.
"""

from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from maskpose.errors import printable
from maskpose.evaluation.protocols import PROTOCOLS
from maskpose.inference.hand import THRESHOLD
from maskpose.io.files import write_text
from maskpose.io.paths import PathLike
from maskpose.keypoints import BONES, FINGERS, KEYPOINT_NAMES
from maskpose.report.collect import ALL, SELECTIONS, label_of
from maskpose.visualization import drawing

FINGER_OF = ("wrist", *(finger for finger, joints in FINGERS.items() for _ in joints))  # of each keypoint
HANDS = (  # columns of the table: heading, meaning, path in a row of scores, decimals
    ("Found", "share of the images with a hand in which it is found", ("found",), 3),
    ("False hands", "share of the images without a hand in which one is reported", ("claimed",), 3),
)
SCORES = (  # as HANDS
    ("AUC", "area under the PCK curve", ("auc",), 3),
    ("px mean", "error in pixels of detected keypoints", ("epe_mean",), 1),
    ("px median", "error in pixels of detected keypoints", ("epe_median",), 1),
    ("Mask IoU", "mean over images with a mask that shows a hand", ("mask_iou",), 3),
    *(
        (name, "share of masks that reach this IoU", ("ap", name), 3) for name in ("AP50", "AP75", "AP80")
    ),
    ("AP50:95", "mean of AP50, AP55 … AP95", ("ap", "AP50:95"), 3),
)  # fmt: skip


def write(path: PathLike, report: Mapping[str, Any]) -> None:
    """Write the page of a report that maskpose.report.collect.collect returned. Raises InputError if that fails."""
    write_text(path, render(report))


def render(report: Mapping[str, Any]) -> str:
    """Return the HTML of a report that maskpose.report.collect.collect returned."""
    shown: Any = _printable(report)
    loader = jinja2.PackageLoader("maskpose", "report")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["label"] = label_of
    environment.filters["isolated"] = isolated
    environment.filters["part"] = lambda name: "all together" if name == "all" else name
    environment.globals["threshold"] = THRESHOLD
    css, js = (Markup(loader.get_source(environment, name)[0]) for name in ("report.css", "report.js"))
    return environment.get_template("template.html").render(
        report=shown, css=css, js=js, data=_for_script(shown), colours=_colours(),
        scores=SCORES, hands=HANDS, all=ALL, groups=_grouped_selections(), joint_rows=_joint_rows(), bones=BONES,
        finger_of=FINGER_OF, unknown=any(photograph["unknown_mask"] for photograph in _photographs(shown)),
    )  # fmt: skip


def isolated(name: str) -> str:
    """Return ``name`` between marks that keep its direction of writing from the text around it."""
    return name if name.isascii() else f"\u2068{name}\u2069"  # first strong isolate, pop directional isolate


def _printable(value):
    """A JSON-able value with the hidden characters of its texts escaped."""
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def _photographs(report):
    """All photographs that a report shows."""
    return [photograph for run in report["runs"] for photograph in run["gallery"].get("photographs", [])]


def _for_script(report):
    """The part of a report that report.js needs."""
    series = [{name: one[name] for name in ("label", "colour", "dash", "curves")} for one in report["series"]]
    galleries = [
        [{name: one[name] for name in ("errors", "part", "heatmaps")} for one in run["gallery"].get("photographs", [])]
        for run in report["runs"]
    ]
    labels = {key: label_of(key) for key in SELECTIONS}
    at = report["at"] or PROTOCOLS["paper"].at
    return {"selections": SELECTIONS, "labels": labels, "series": series, "galleries": galleries, "at": at}


def _colours():
    """{set of colours: {finger: CSS colour}}."""
    papers = {finger: f"#{r:02x}{g:02x}{b:02x}" for finger, (b, g, r) in drawing.FINGER_COLOURS.items()}
    return {"safe": drawing.OKABE_ITO, "paper": papers}


def _grouped_selections():
    """{heading: selections} of the list to choose from."""
    return {"Fingers": [*FINGERS, "fingertips"], **{
        finger.capitalize(): [name for name in KEYPOINT_NAMES if name.startswith(finger)]
        for finger in ("wrist", *FINGERS)
    }}  # fmt: skip


def _joint_rows():
    """(selection, path in a row of scores) of the keypoints' table, each finger before its keypoints."""
    rows = [(ALL, ("pck",)), ("wrist", ("pck_per_joint", "wrist"))]
    for finger, joints in FINGERS.items():
        rows.append((finger, ("pck_per_finger", finger)))
        rows += [(KEYPOINT_NAMES[joint], ("pck_per_joint", KEYPOINT_NAMES[joint])) for joint in joints]
    return rows
