import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, blobs_of
from maskpose.batches import BatchSource, array_shapes
from maskpose.errors import InputError
from maskpose.losses import read_losses
from maskpose.parallel import shard
from maskpose.settings import DataSettings


@pytest.mark.parametrize("batch,size,expected", [(13, 2, [7, 6]), (13, 4, [4, 3, 3, 3]), (8, 8, [1] * 8), (5, 1, [5])])
def test_shards_cover_the_batch(batch, size, expected):
    parts = [shard(batch, rank, size) for rank in range(size)]
    assert [count for _, count in parts] == expected
    assert [i for first, count in parts for i in range(first, first + count)] == list(range(batch))


def test_more_ranks_than_samples():
    with pytest.raises(InputError, match="cannot be divided"):
        shard(2, 0, 3)


def test_the_ranks_shards_are_the_batch(drawn_db):
    def make(**ranks):
        settings = DataSettings(db=str(drawn_db), batch_size=5, input_size=64, **ranks)
        source = BatchSource(settings)
        arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
        source.fill(3, arrays)
        source.close()
        return arrays

    whole, parts = make(), [make(rank=rank, ranks=2) for rank in range(2)]
    for name, array in whole.items():
        assert np.array_equal(array, np.concatenate([part[name] for part in parts]))


def mpirun(ranks, db, folder, *arguments):
    """tools/train.py on ``ranks`` ranks of one thread; skips where there is no MPI."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    if not shutil.which("mpirun"):
        pytest.skip("mpirun is not installed")
    command = [
        "mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-np", str(ranks),
        sys.executable, str(ROOT / "tools/train.py"), "--db", str(db), "--out", str(folder),
        "--variant", "compact/mask_pose", "--data", "input_size=64", "--log-every", "1", *arguments,
    ]  # fmt: skip
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_two_ranks_with_an_uneven_batch_equal_one(drawn_db, tmp_path):
    """13 samples as 7 + 6, plain SGD so that a gradient's error is not normalised away."""
    options = ["--iterations", "20", "--data", "batch_size=13", "--solver", "type=SGD", "--solver", "base_lr=5e-5",
               "--solver", "clip_gradients=-1", "--warmup", "1"]  # fmt: skip
    for ranks in (1, 2):
        result = mpirun(ranks, drawn_db, tmp_path / str(ranks), *options)
        assert result.returncode == 0, result.stderr[-2000:]
    one, two = (blobs_of(tmp_path / ranks / "mask_pose_iter_20.caffemodel") for ranks in "12")
    for name in one:
        assert np.allclose(one[name], two[name], rtol=1e-3, atol=1e-5), name
    totals = [[row["total"] for row in read_losses(tmp_path / ranks / "losses.csv")] for ranks in "12"]
    assert len(totals[0]) == 20 and min(totals[0]) < 0.9 * totals[0][0]
    assert np.allclose(totals[0], totals[1], rtol=1e-4)


def test_a_failing_rank_ends_all(tmp_path):
    result = mpirun(2, tmp_path / "nothing.lmdb", tmp_path / "run", "--iterations", "2")
    assert result.returncode != 0 and "nothing.lmdb is not an LMDB" in result.stderr
