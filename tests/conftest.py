"""Fixtures: a small drawn data set in OneHand10K's layout, its LMDB, and the real photographs where present."""

import contextlib
import resource
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskpose.codecs.masks import pack_mask
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.data.sample import Sample
from maskpose.evaluation.results import Results
from maskpose.runtime import import_caffe
from maskpose.testing import drawn_hands
from maskpose.testing.databases import build_onehand10k

# A shell starts what it puts into the background with SIGINT ignored, and a process' children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
REAL_HANDS = ROOT.parent / "shared" / "hands_real"

# What `make test-fast` leaves out, of this folder: tests that train, build, render, mutate, or open a browser.
SLOW = (
    "benchmarks",
    "building",
    "cli/test_command_lines.py",
    "cli/test_scripts_on_full_disks.py",
    "demo",
    "fuzz",
    "gpu_drill",
    "page",
    "report/test_report_page.py",
    "reproduction",
    "synth",
    "training",
)


def pytest_collection_modifyitems(items):
    """Mark the tests of SLOW as slow."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        if any(path.is_relative_to(slow) for slow in SLOW):
            item.add_marker("slow")


@contextlib.contextmanager
def files_of_at_most(size):
    """Within it, no file may grow beyond ``size`` bytes: a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def exif_rotated(jpeg):
    """The bytes of a JPEG with an EXIF header that says: turn by a quarter to see it upright."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def random_net(variant):
    """A variant's deploy network with random weights under which activations neither vanish nor explode."""
    caffe = import_caffe()
    net = caffe.Net(str(ROOT / "prototxt" / variant / "deploy.prototxt"), caffe.TEST)
    rng = np.random.default_rng(0)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    return net


def shifted_results(offsets, ious=None, origins=None):
    """Results of samples whose truth spans a box of 100 pixels, each predicted ``offsets[i]`` pixels off."""
    n = len(offsets)
    truth = np.tile(np.linspace(0, 100, 21)[None, :, None], (n, 1, 2))
    predicted = truth.copy()
    predicted[..., 0] += np.array(offsets)[:, None]
    return Results(
        names=[f"{i}.jpg" for i in range(n)],
        origins=np.array(list(origins or [""] * n)),
        predicted=predicted,
        confidences=np.full((n, 21), 0.9),
        truth=truth,
        visible=np.ones((n, 21), bool),
        image_sizes=np.tile([200, 400], (n, 1)),
        ious=np.array(ious if ious is not None else [np.nan] * n, float),
    )


def sample_with_hand(name, span, origin=""):
    """A sample of 200 x 400, without an image file, whose keypoints span ``span`` pixels."""
    points = np.tile(np.linspace(10, 10 + span, 21)[:, None], (1, 2)).astype(np.float32)
    return Sample(name, b"", 200, 400, points, np.ones(21, bool), origin=origin)


def sample_without_hand(name):
    """A sample of 200 x 400, without an image file, that shows no hand."""
    nowhere, nothing = np.full((21, 2), -1, np.float32), np.zeros((400, 200), bool)
    return Sample(name, b"", 200, 400, nowhere, np.zeros(21, bool), pack_mask(nothing))


def blobs_of(caffemodel):
    """{layer and blob number: array} of the weights of compact/mask_pose in a file, as Caffe reads them."""
    caffe = import_caffe()
    net = caffe.Net(str(ROOT / "prototxt/compact/mask_pose/deploy.prototxt"), caffe.TEST)
    net.copy_from(str(caffemodel))
    return {f"{name}{i}": blob.data.copy() for name, blobs in net.params.items() for i, blob in enumerate(blobs)}


def solver_state(path):
    """Caffe's SolverState message of a .solverstate."""
    return import_caffe().proto.caffe_pb2.SolverState.FromString(Path(path).read_bytes())


def build(path, samples, about=None):
    """Write a list of samples into the database ``path``; give its manifest."""
    manifest, _ = build_items(path, list(range(len(samples))), lambda n: [samples[n]], strict=True, about=about)
    return manifest


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory):
    """OneHand10K's layout with 10 drawn hands in Train, 4 in Test."""
    folder = tmp_path_factory.mktemp("drawn")
    drawn_hands.write_onehand10k(folder, 10, seed=3, split="Train")
    drawn_hands.write_onehand10k(folder, 4, seed=4, split="Test")
    return folder


@pytest.fixture(scope="session")
def drawn_db(drawn_folder, tmp_path_factory):
    """LMDB of the 10 drawn training hands."""
    path = tmp_path_factory.mktemp("db") / "train.lmdb"
    lines = onehand10k.plan(drawn_folder)["train"]
    build_onehand10k(drawn_folder, lines, path)
    return path


@pytest.fixture(scope="session")
def report_db(tmp_path_factory):
    """LMDB of 18 drawn hands of the origins a and b, 12 and 6; in every third of them the index's tip is not seen."""
    folder = tmp_path_factory.mktemp("report")
    drawn_hands.write_onehand10k(folder, 18, seed=5, split="Test")
    build_onehand10k(folder, onehand10k.plan(folder)["test"], folder / "one.lmdb")
    reader, samples = Reader(folder / "one.lmdb"), []
    for n, sample in enumerate(reader):
        visible = sample.visible & ((np.arange(21) != 8) | (n % 3 > 0))
        samples.append(replace(sample, origin="aab"[n % 3], visible=visible))
    reader.close()
    build(folder / "two.lmdb", samples)
    return folder / "two.lmdb"


@pytest.fixture(scope="session")
def report_runs(report_db, tmp_path_factory):
    """{name: folder} of what tools/evaluate.py says of the repository's weights: as they are, and mirrored."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in {"plain": [], "mirrored": ["--mirror"]}.items():
        result = run_tool("tools/evaluate.py", "--db", report_db, "--ways", "single", "--out", folder / name, *options)
        assert result.returncode == 0, result.stderr
    return {name: folder / name for name in ("plain", "mirrored")}


def run_tool(script, *arguments):
    """Run a script of the repository; give the finished process with its output."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="session")
def real_hands():
    """Folder of real photographs in OneHand10K's layout; skips where it is absent."""
    if not REAL_HANDS.is_dir():
        pytest.skip(f"no real photographs at {REAL_HANDS}")
    return REAL_HANDS
