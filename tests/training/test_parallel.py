import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, blobs_of
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.sampler import shard
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.training.loss_log import read_losses


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


# tools/train.py --gpu … without GPUs: everything is as with them, but the gradients go over the hub and not NCCL.
ON_CPU = """
import os, runpy, signal, sys
from maskpose import runtime
from maskpose.training import distributed

class OnCpu(distributed.NcclGroup):
    def connect(self, solver):
        blobs = [blob for blobs in solver.net.params.values() for blob in blobs]
        for blob in blobs:
            blob.data[...] = self._hub.from_first(blob.data.copy())

        def average():
            if self.rank == 1 and solver.iter == int(os.environ.get("DIES_AT", -1)):
                os.kill(os.getpid(), signal.SIGKILL)
            for blob in blobs:
                blob.diff[...] = self.mean(blob.diff)

        solver.add_callback(lambda: None, average)

distributed.NcclGroup = OnCpu
runtime.set_device = lambda gpu=None: None
script = os.environ["SCRIPT"]
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""


def as_on_gpus(ranks, db, folder, *arguments, **environment):
    """tools/train.py --gpu 0,1 … on the CPU, one thread a rank."""
    script = folder / "on_cpu.py"
    folder.mkdir(parents=True, exist_ok=True)
    script.write_text(ON_CPU)
    command = [
        sys.executable, str(script), "--db", str(db), "--out", str(folder / "run"), "--variant", "compact/mask_pose",
        "--gpu", ",".join(map(str, range(ranks))), "--data", "input_size=64", "--log-every", "1", *arguments,
    ]  # fmt: skip
    environment = dict(
        os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", SCRIPT=str(ROOT / "tools/train.py"), **environment
    )
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def assert_same_run(one, several, iterations, falls_to):
    """The folders of two runs hold the same weights and losses, and the loss fell to less than that share."""
    weights = [blobs_of(folder / f"mask_pose_iter_{iterations}.caffemodel") for folder in (one, several)]
    for name in weights[0]:
        assert np.allclose(weights[0][name], weights[1][name], rtol=1e-3, atol=1e-5), name
    totals = [[row["total"] for row in read_losses(folder / "losses.csv")] for folder in (one, several)]
    assert len(totals[0]) == iterations and min(totals[0]) < falls_to * totals[0][0]
    assert np.allclose(totals[0], totals[1], rtol=1e-4)


def test_gpu_ranks_with_an_uneven_batch_equal_one(drawn_db, tmp_path):
    """Although the first of three is alone in validating, meanwhile."""
    options = ["--iterations", "6", "--data", "batch_size=5", "--solver", "type=SGD", "--solver", "base_lr=5e-5",
               "--solver", "clip_gradients=-1", "--warmup", "1"]  # fmt: skip
    for ranks in (1, 3):
        scored = ["--val-db", str(drawn_db), "--val-every", "3", "--val-limit", "2"] if ranks == 3 else []
        result = as_on_gpus(ranks, drawn_db, tmp_path / str(ranks), *options, *scored)
        assert result.returncode == 0, result.stderr[-2000:]
        assert len(list((tmp_path / str(ranks) / "run").glob("*.caffemodel"))) == 1
    assert_same_run(*(tmp_path / ranks / "run" for ranks in "13"), iterations=6, falls_to=0.95)
    scored = [row["iteration"] for row in read_losses(tmp_path / "3/run/losses.csv") if "val_pck" in row]
    assert scored == [3, 6]


def test_a_gpu_rank_that_is_killed_ends_all(drawn_db, tmp_path):
    result = as_on_gpus(2, drawn_db, tmp_path, "--iterations", "1000", "--data", "batch_size=2", DIES_AT="2")
    assert result.returncode != 0
    assert "another rank has ended" in result.stderr or result.returncode == 128 + signal.SIGKILL


def test_a_caffe_without_nccl_is_an_error(drawn_db, tmp_path):
    script = "from maskpose.training import distributed; distributed.NcclGroup.connect(None, None)"
    environment = dict(os.environ, MASKPOSE_RANK="0")
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert "built with NCCL" in result.stderr


def test_two_ranks_with_an_uneven_batch_equal_one(drawn_db, tmp_path):
    """13 samples as 7 + 6, plain SGD so that a gradient's error is not normalised away."""
    options = ["--iterations", "10", "--data", "batch_size=13", "--solver", "type=SGD", "--solver", "base_lr=5e-5",
               "--solver", "clip_gradients=-1", "--warmup", "1"]  # fmt: skip
    for ranks in (1, 2):
        result = mpirun(ranks, drawn_db, tmp_path / str(ranks), *options)
        assert result.returncode == 0, result.stderr[-2000:]
    assert_same_run(*(tmp_path / ranks for ranks in "12"), iterations=10, falls_to=0.9)


def test_a_failing_rank_ends_all(tmp_path):
    result = mpirun(2, tmp_path / "nothing.lmdb", tmp_path / "run", "--iterations", "2")
    assert result.returncode != 0 and "nothing.lmdb is not an LMDB" in result.stderr
