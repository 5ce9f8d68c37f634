"""Every script that writes, on a disk that takes no more and below a folder that cannot be: one line that names the
file, status 2, and no file that is not whole. The scripts run in this process, for the imports' time.
"""

import shutil

import cv2
import numpy as np
import pytest
from in_process import run_script

from conftest import ROOT, files_of_at_most
from maskpose.data.database import Reader
from maskpose.errors import printable

HAND = "examples/rendered_hands/Test/source/0.jpg"
TINY = "compact/mask_pose+input_size=32+sub_stages=1+width=0.03125"


@pytest.fixture(scope="module")
def inputs(drawn_folder, drawn_db, report_runs, tmp_path_factory):
    """{name: path} of what the scripts read."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "losses.csv").write_text("iteration,total,mask_loss\n" + "".join(f"{n},{n},{n}\n" for n in range(1, 50)))
    film = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    noise = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), np.uint8)
    for n in range(40):
        film.write(noise[n % 2])
    film.release()
    backgrounds = folder / "backgrounds"
    backgrounds.mkdir()
    cv2.imwrite(str(backgrounds / "a.jpg"), noise[0])
    keypoints = [f"{name}_{axis}" for name in ["wrist", *(f"{f}_{n}" for f in (
        "thumb", "index", "middle", "ring", "little") for n in range(1, 5))] for axis in "xy"]  # fmt: skip
    rows = [["image", *keypoints], *([path.name, *map(str, range(50, 92))] for path in photographs(drawn_folder))]
    (folder / "table.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return {
        "set": drawn_folder, "photographs": drawn_folder / "Train/source", "db": drawn_db,
        "scores": report_runs["plain"], "weights": ROOT / "weights/compact_mask_pose.caffemodel",
        "losses": folder / "losses.csv", "film": folder / "film.avi",
        "backgrounds": backgrounds, "table": folder / "table.csv",
    }  # fmt: skip


def photographs(drawn_folder):
    return sorted((drawn_folder / "Train/source").iterdir())


# {script and what it is given; OUT: the folder to write into}: (bytes that a file may have, what the message names)
SCRIPTS = {
    "tools/average_weights.py --out OUT/mean.caffemodel {weights} {weights}": (1 << 20, "mean.caffemodel"),
    "tools/export.py --out OUT/hand.onnx": (1 << 20, "hand.onnx"),
    "tools/export.py --out OUT/hand.xml": (1 << 20, "hand.xml"),
    "tools/browse_db.py {db} --out OUT --quick": (10_000, "train_raw.png"),
    "tools/evaluate.py --db {db} --ways single --out OUT": (20_000, "scores.json"),
    "tools/make_prototxt.py --out OUT": (1000, "train.prototxt"),
    "tools/plot_losses.py {losses} --out OUT/losses.png": (10_000, "losses.png"),
    f"tools/predict.py {HAND} --out OUT": (20_000, "0_overlay.png"),
    "tools/report.py {scores} --out OUT/page.html --photographs 0": (10_000, "page.html"),
    f"tools/train.py --variant {TINY} --db {{db}} --out OUT --iterations 1 --data workers=0": (80_000, "no snapshot"),
    "tools/webcam.py --source {film} --every 20 --json OUT/hands.jsonl": (20_000, "hands.jsonl"),
    "tools/webcam.py --source {film} --every 20 --out OUT/film.avi": (100_000, "film.avi"),
    "data_prep/annotate.py packages {photographs} OUT/work": (1000, "work"),
    "data_prep/crop.py {db} OUT/crops.lmdb": (20_000, "crops.lmdb"),
    "data_prep/crop_pictures.py {db} OUT": (1000, ".png"),
    "data_prep/csv_table.py {table} {photographs} OUT/table.lmdb": (20_000, "table.lmdb"),
    "data_prep/merge.py OUT/all.lmdb {db}": (20_000, "all.lmdb"),
    "data_prep/onehand10k.py {set} OUT": (20_000, "train.lmdb"),
    "data_prep/paste.py OUT/pasted.lmdb --hands {db} --backgrounds {backgrounds} --count 4": (20_000, "pasted.lmdb"),
    "data_prep/split.py {db} OUT --shares 0.5 0.5": (20_000, "part1.lmdb"),
}  # fmt: skip
WHOLE = {  # what may be left: it was whole before the disk was full
    "tools/evaluate.py": {"predictions_single.h5", "mask_iou_single.csv"},
    "tools/predict.py": {".maskpose-files.json"},
    "tools/train.py": {"train.prototxt", "solver.prototxt", "losses.csv"},
    "tools/webcam.py": {"hands.jsonl"},  # of whole lines
    "data_prep/crop_pictures.py": {".made-by-maskpose"},
}


@pytest.fixture
def run(capsys, monkeypatch, inputs):
    """A function that runs a script; it gives its status and its lines of error."""

    def run(line, out):
        script, *given = [part.format(**inputs).replace("OUT", str(out)) for part in line.split()]
        status = run_script(script, given, monkeypatch)
        return status, [text for text in capsys.readouterr().err.splitlines() if text.startswith("error: ")]

    return run


@pytest.mark.parametrize("line", SCRIPTS, ids=lambda line: " ".join(line.split()[0:2]))
def test_one_line_names_the_file_and_nothing_half_written_stays(line, run, tmp_path):
    size, named = SCRIPTS[line]
    out = tmp_path / "out"
    with files_of_at_most(size):
        status, errors = run(line, out)
    assert status == 2 and len(errors) == 1 and named in errors[0] and printable(str(out)) in errors[0], errors
    left = {path.relative_to(out).parts[0] for path in out.rglob("*") if path.is_file()}
    kept = {f"{named}.partial"} if "keeps what is written" in errors[0] else set()  # the next call goes on with it
    assert left <= WHOLE.get(line.split()[0], set()) | kept
    shutil.rmtree(out, ignore_errors=True)
    out.write_text("a file")  # in the place of the folder
    status, errors = run(line, out)
    assert status == 2 and len(errors) == 1 and str(out) in errors[0], errors
    assert out.read_text() == "a file" and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_scripts_write_where_they_can(run, inputs, tmp_path):
    """So that it is the disk, and nothing else, that ends them above."""
    for number, line in enumerate(SCRIPTS):
        status, errors = run(line, tmp_path / str(number))
        assert (status, errors) == (0, []), line
    assert len(Reader(tmp_path / str([*SCRIPTS].index("data_prep/merge.py OUT/all.lmdb {db}")) / "all.lmdb")) == 10
