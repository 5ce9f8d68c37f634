"""The Python layer inside real Caffe, by pycaffe and by the stock binary."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.settings import DataSettings
from maskpose.runtime import import_caffe

caffe = import_caffe()


def net_file(folder, param_str, tops=("data", "mask_label", "heatmap_label")):
    path = folder / "net.prototxt"
    top_lines = " ".join(f'top: "{top}"' for top in tops)
    path.write_text(
        f"""layer {{ name: "data" type: "Python" {top_lines}
        python_param {{ module: "maskpose.data_layer" layer: "HandDataLayer" param_str: '{param_str}' }} }}"""
    )
    return str(path)


def test_tops_are_the_batches(drawn_db, tmp_path):
    param_str = f'{{"db": "{drawn_db}", "batch_size": 3, "input_size": 64, "workers": 2}}'
    net = caffe.Net(net_file(tmp_path, param_str), caffe.TRAIN)
    settings = DataSettings.from_json(param_str)
    source = BatchSource(settings)
    arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
    for batch in range(3):
        net.forward()
        source.fill(batch, arrays)
        for blob, array in zip(net.blobs.values(), arrays.values()):
            assert np.array_equal(blob.data, array)
    net.layers[0].seek(1)
    net.forward()
    source.fill(1, arrays)
    assert np.array_equal(net.blobs["data"].data, arrays["image"])
    net.layers[0].close()
    source.close()


def run_net(path):
    """Construct and run the net in another process: a C++ failure would end this one."""
    program = f"import caffe; net = caffe.Net({path!r}, caffe.TRAIN); net.forward()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize(
    "param_str,said",
    [
        ('{"db": "DB", "batchsize": 3}', "unknown key 'batchsize'"),
        ('{"db": "nowhere.lmdb"}', "nowhere.lmdb is not an LMDB"),
        ('{"db": "DB", "outputs": ["image"]}', "3 tops"),
        ("db", "not JSON"),
    ],
)
def test_bad_settings_are_errors(drawn_db, tmp_path, param_str, said):
    result = run_net(net_file(tmp_path, param_str.replace("DB", str(drawn_db))))
    assert result.returncode == 1 and said in result.stderr


def stock_binary():
    path = Path(sys.executable).with_name("caffe")
    found = str(path) if path.is_file() else shutil.which("caffe")
    if not found:
        pytest.skip("this Caffe came without its `caffe` program")
    return found


def caffe_train(tmp_path, db):
    """A solver for the generated compact network on ``db``, two iterations, run by the stock binary."""
    train = (ROOT / "prototxt/compact/mask_pose/train.prototxt").read_text()
    train = train.replace("data/onehand10k/train.lmdb", str(db))
    train = train.replace(r"\"batch_size\": 8", r"\"batch_size\": 2").replace(": 184", ": 64")
    (tmp_path / "train.prototxt").write_text(train)
    solver = (ROOT / "prototxt/compact/mask_pose/solver.prototxt").read_text()
    solver = solver.replace("prototxt/compact/mask_pose/train.prototxt", str(tmp_path / "train.prototxt"))
    solver = solver.replace("runs/stock/compact/mask_pose/mask_pose", str(tmp_path / "mask_pose"))
    (tmp_path / "solver.prototxt").write_text(solver.replace("max_iter: 6000", "max_iter: 2"))
    site = Path(caffe.__file__).parents[1]
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'python'}:{site}", GLOG_logtostderr="1", GLOG_minloglevel="0")
    command = [stock_binary(), "train", "-solver", str(tmp_path / "solver.prototxt")]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_the_stock_binary_trains(drawn_db, tmp_path):
    result = caffe_train(tmp_path, drawn_db)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "Iteration 0 (" in result.stderr and "Optimization Done" in result.stderr
    assert (tmp_path / "mask_pose_iter_2.caffemodel").is_file()


def test_the_stock_binary_reports_what_is_wrong(tmp_path):
    result = caffe_train(tmp_path, tmp_path / "nothing.lmdb")
    assert result.returncode != 0 and "error: " in result.stderr and "nothing.lmdb is not an LMDB" in result.stderr
