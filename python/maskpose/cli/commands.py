"""The sub-commands of ``maskpose``: their names, their modules, and the repository's scripts that do the same."""

import difflib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "maskpose"
DATA = "data"  # the first word of the sub-commands of DATA_GROUPS


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        name: what follows ``maskpose`` on the command line, such as "data merge".
        module: the module below ``maskpose.cli`` that has its ``main``.
        script: the repository's script that does the same.
        summary: a line for ``maskpose --help``.
    """

    name: str
    module: str
    script: str
    summary: str


GROUPS = {
    "Find hands": (
        Command("predict", "predict", "tools/predict.py", "find the hand in images: keypoints, mask, heatmaps"),
        Command("webcam", "webcam", "tools/webcam.py", "find the hand in a camera's images or in a film"),
        Command("page", "page", "tools/page.py", "write or serve a page that finds hands in a browser"),
        Command("export", "export", "tools/export.py", "write the network as ONNX or OpenVINO, int8 too"),
        Command("demo", "demo", "tools/demo.py", "predict, score and train a little on the repository's examples"),
    ),
    "Score": (
        Command("evaluate", "evaluate", "tools/evaluate.py", "score weights, and other programs' predictions"),
        Command("report", "report", "tools/report.py", "write one HTML page of what `evaluate` wrote"),
        Command("reproduce", "reproduce", "tools/reproduce.py", "make the paper's table and figures"),
        Command("mediapipe-predict", "mediapipe_predict", "tools/mediapipe_predict.py",
                "predict with MediaPipe, for `evaluate --predictions`"),
        Command("benchmark", "benchmark", "tools/benchmark.py", "measure speed beside another library's"),
    ),
    "Train": (
        Command("train", "train", "tools/train.py", "train a variant of the cascade on a database"),
        Command("overfit", "overfit", "tools/overfit.py", "learn 16 images by heart: data, loss and decoding agree"),
        Command("time", "time_iteration", "tools/time_iteration.py", "measure the parts of a training iteration"),
        Command("gpu-drill", "gpu_drill", "tools/gpu_drill.py", "try and time everything on a GPU, unattended"),
        Command("plot-losses", "plot_losses", "tools/plot_losses.py", "plot the curves of training runs"),
        Command("average-weights", "average_weights", "tools/average_weights.py", "write the mean of several weights"),
    ),
    "Data": (
        Command("browse", "browse", "tools/browse_db.py", "draw a database's samples and statistics"),
        Command("verify", "verify", "tools/verify_db.py", "check a database's checksum and every sample"),
        Command("annotate", "annotate", "data_prep/annotate.py", "label images with several people, as the paper did"),
    ),
}  # fmt: skip
DATA_GROUPS = {
    "Read a data set into a database": (
        Command("data onehand10k", "data.onehand10k", "data_prep/onehand10k.py", "OneHand10K, as its authors ship it"),
        Command("data mmpose", "data.mmpose", "data_prep/mmpose_onehand10k.py", "OneHand10K, by mmpose's JSON"),
        Command("data freihand", "data.freihand", "data_prep/freihand.py", "FreiHAND"),
        Command("data rhd", "data.rhd", "data_prep/rhd.py", "the Rendered Handpose Dataset"),
        Command("data cmu", "data.cmu", "data_prep/cmu_hands.py", "CMU Panoptic's hands"),
        Command("data coco-wholebody", "data.coco_wholebody", "data_prep/coco_wholebody.py",
                "the hands of COCO-WholeBody"),
        Command("data labelme", "data.labelme", "data_prep/labelme.py", "images labelled in LabelMe"),
        Command("data csv", "data.csv_table", "data_prep/csv_table.py", "a CSV file of keypoints, and its images"),
    ),
    "Make a database of others": (
        Command("data merge", "data.merge", "data_prep/merge.py", "several databases as one"),
        Command("data split", "data.split", "data_prep/split.py", "parts of a database, at random or by a list"),
        Command("data crop", "data.crop", "data_prep/crop.py", "squares about the hands: larger hands"),
        Command(
            "data backgrounds", "data.backgrounds", "data_prep/backgrounds.py", "windows of images that show no hand"
        ),
        Command("data shrink", "data.shrink", "data_prep/shrink.py", "shrunk images on grey: smaller hands"),
        Command("data paste", "data.paste", "data_prep/paste.py", "hands pasted onto other backgrounds"),
    ),
    "Write images": (
        Command("data synth", "data.synth", "data_prep/synth_hands.py", "rendered hands with labels"),
        Command("data crop-images", "data.crop_images", "data_prep/crop_pictures.py",
                "4:3 crops of a database's images, for another program"),
    ),
}  # fmt: skip
COMMANDS = {command.name: command for group in (GROUPS, DATA_GROUPS) for some in group.values() for command in some}


def started_script(command: Command | None) -> str | None:
    """The path of the repository's script that this process was started as; None if it was started as ``maskpose``."""
    path = sys.argv[0]
    return path if command is None or Path(path).name == Path(command.script).name else None


def as_started(text: str, command: Command | None) -> str:
    """``text`` with its commands as one types them: if this process is the script of ``command``, as scripts.

    "maskpose predict photo.jpg" becomes ".venv/bin/python tools/predict.py photo.jpg".
    """
    if command is None or started_script(command) is None:
        return text
    names = "|".join(map(re.escape, sorted(COMMANDS, key=len, reverse=True)))
    return re.sub(
        rf"(?P<folder>[\w./-]+/)?\b{PROGRAM} (?P<name>{names})\b",
        lambda found: f"{found['folder'] or '.venv/bin/'}python {COMMANDS[found['name']].script}",
        text,
    )


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that is most like ``word``; None if none is."""
    return next(iter(difflib.get_close_matches(word, list(names), n=1, cutoff=0.5)), None)


def listing(groups: dict[str, tuple[Command, ...]], drop: str = "") -> str:
    """A list of commands, grouped, a line each; ``drop`` is left out at the beginning of their names."""
    names = [command.name.removeprefix(drop) for some in groups.values() for command in some]
    width = max(map(len, names))
    return "\n\n".join(
        "\n".join([f"{title}:", *(f"  {one.name.removeprefix(drop):<{width}}  {one.summary}" for one in some)])
        for title, some in groups.items()
    )
