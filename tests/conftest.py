"""Fixtures: a small drawn data set in OneHand10K's layout, its LMDB, and the real photographs where present."""

from pathlib import Path

import pytest

from maskpose import drawn_hands
from maskpose.database import build
from maskpose.datasets import onehand10k

ROOT = Path(__file__).parents[1]
REAL_HANDS = ROOT.parent / "shared" / "hands_real"


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
    build(path, onehand10k.read_samples(drawn_folder, lines, pytest.fail), len(lines))
    return path


@pytest.fixture(scope="session")
def real_hands():
    """Folder of real photographs in OneHand10K's layout; skips where it is absent."""
    if not REAL_HANDS.is_dir():
        pytest.skip(f"no real photographs at {REAL_HANDS}")
    return REAL_HANDS
