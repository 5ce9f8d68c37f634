"""Training as ``tools/time_iteration.py`` times it: from the data layer beside one batch in memory, and on two ranks.

Each measurement is a process of its own; rounds alternate.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import ROUNDS, Row
from maskpose.errors import InputError
from maskpose.io.files import REPOSITORY
from maskpose.testing.databases import drawn_database

ITERATIONS = {"compact/mask_pose": 15, "mask_pose": 2}
BATCHES = {"compact/mask_pose": 8, "mask_pose": 2}
CORES = 2


def run():
    """Yield Rows of images/s: from the data layer (peer: the same batch always); two ranks (peer: one, two threads).

    Raises InputError where a process fails, as where there is no mpirun.
    """
    with tempfile.TemporaryDirectory() as folder:
        db = drawn_database(folder)
        yield compare("train_compact_from_layer", "compact/mask_pose", db, [{}, {"one_batch": True}])
        for name, variant in (("scaling_compact", "compact/mask_pose"), ("scaling_full", "mask_pose")):
            yield compare(name, variant, db, [{"ranks": CORES}, {}])


def compare(name, variant, db, ways):
    """A Row of the medians of ``ways``, ours first: arguments of images_per_second."""
    seen = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, rates in zip(ways, seen):
            rates.append(images_per_second(variant, db, **way))
    return Row(name, "images/s", *map(statistics.median, seen))


def images_per_second(variant, db, ranks=1, one_batch=False):
    """Of a training process, or of ``ranks`` of them under mpirun, that share CORES threads."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "times.json"
        command = [sys.executable, REPOSITORY / "tools/time_iteration.py", "--variant", variant, "--db", db]
        command += ["--iterations", ITERATIONS[variant], "--data", f"batch_size={BATCHES[variant]}", "--json", report]
        command += ["--one-batch"] if one_batch else []
        if ranks > 1:
            command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", ranks, *command]
        environment = {**os.environ, "OMP_NUM_THREADS": str(CORES // ranks)}
        try:
            result = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        except FileNotFoundError:
            raise InputError("this benchmark needs mpirun, as of Debian's openmpi-bin") from None
        if result.returncode:
            raise InputError(f"a training process failed: {(result.stderr.strip() or 'silently').splitlines()[-1]}")
        times = json.loads(report.read_text())
    return times["batch_size"] / times["total"]
