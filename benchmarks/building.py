"""How fast photographs become a database, beside a plain copy of the same files, and in how much memory.

The set is generated: drawn hands in the sizes of OneHand10K's four public samples, each file with a comment of its own
so that all differ. Each build is a process of its own; rounds alternate. TMPDIR says on which disk.
"""

import json
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import ROUNDS, Row
from maskpose.data.datasets import onehand10k
from maskpose.errors import InputError
from maskpose.testing import drawn_hands
from maskpose.testing.databases import build_onehand10k

COUNT = 11_703  # the paper's
SIZES = (238, 358), (226, 346), (540, 960), (226, 339)
DRAWN = 64  # different pictures
QUALITY = 90


def run(count=COUNT):
    """Yield Rows of a set of ``count`` photographs.

    ``build``: images/s of JPEGs stored untouched, peer ``cp -r``, which does not wait for the disk as a build does in
    the end; ``build_masks``: the same with masks; ``build_memory``: MB at the peak, peer a tenth of the set.
    """
    with tempfile.TemporaryDirectory(prefix="maskpose-building-") as folder:
        folder = Path(folder)
        for name, masks in (("build", False), ("build_masks", True)):
            write_set(folder / name, count, masks)
            ours, peer = [], []
            for _ in range(ROUNDS):
                ours.append(count / build(folder / name)["seconds"])
                peer.append(count / copy(folder / name))
            yield Row(name, "images/s", statistics.median(ours), statistics.median(peer), "peer: cp -r")
        few = max(1, count // 10)
        write_set(folder / "few", few, masks=True)
        peaks = [build(folder / one)["peak"] for one in ("build_masks", "few")]
        yield Row("build_memory", "MB", *peaks, f"{count} images, peer: {few}")


def write_set(folder, count, masks):
    """Write ``count`` photographs, and ``masks`` if so, in OneHand10K's layout, all in Train."""
    rng = np.random.default_rng(1)
    drawn = []
    for n in range(min(DRAWN, count)):
        image, mask, keypoints, visible = drawn_hands.draw_hand(rng, SIZES[n % len(SIZES)])
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        points = np.where(visible[:, None], keypoints.round(), -1).astype(int)
        numbers = [*image.shape[1::-1], 1, *points.ravel()]
        png = cv2.imencode(".png", mask)[1].tobytes()
        drawn.append((jpeg, png, ",".join(map(str, numbers))))
    part = folder / "Train"
    for name in ("source", "mask"):
        (part / name).mkdir(parents=True)
    lines = []
    for n in range(count):
        jpeg, png, label = drawn[n % len(drawn)]
        (part / f"source/{n}.jpg").write_bytes(with_comment(jpeg, str(n)))
        if masks:
            (part / f"mask/{n}.png").write_bytes(png)
        lines.append(f"{n}.jpg,{label}\n")
    (part / "label_joint.txt").write_text("".join(lines))


def with_comment(jpeg, text):
    """The bytes of a JPEG with a comment segment."""
    data = text.encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


def build(folder):
    """{"seconds", "peak": MB} of a process that builds a database of a set, which is removed again."""
    db = folder / "db"
    command = [sys.executable, "-m", "benchmarks.building", str(folder), str(db)]
    result = subprocess.run(command, capture_output=True, text=True)
    shutil.rmtree(db, ignore_errors=True)
    if result.returncode:
        raise InputError(f"the set could not be built: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout.splitlines()[-1])


def copy(folder):
    """Seconds in which ``cp`` copies a set, which is removed again."""
    started = time.perf_counter()
    subprocess.run(["cp", "-r", str(folder / "Train"), str(folder / "copy")], check=True)
    seconds = time.perf_counter() - started
    shutil.rmtree(folder / "copy")
    return seconds


def measure(folder, db):
    """What ``build`` gives, of this process, whose packages are loaded."""
    started = time.perf_counter()
    build_onehand10k(folder, onehand10k.plan(folder)["train"], db)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak": peak_memory()}


def peak_memory():
    """MB that this process had in memory at most; ru_maxrss would count what its parent had, too."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
