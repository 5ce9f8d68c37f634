import h5py
import numpy as np
import pytest

from conftest import random_net
from maskpose import weights
from maskpose.errors import InputError
from maskpose.runtime import import_caffe

caffe = import_caffe()


@pytest.fixture(scope="module")
def net():
    return random_net("compact/no_pose")


def fresh():
    other = random_net("compact/no_pose")
    for blobs in other.params.values():
        blobs[0].data[...] = 0
    return other


@pytest.mark.parametrize("name", ["w.caffemodel", "w.h5", "w.caffemodel.h5"])
def test_both_formats_come_back(net, tmp_path, name):
    path = str(tmp_path / name)
    (net.save if name == "w.caffemodel" else net.save_hdf5)(path)
    other = fresh()
    assert weights.load(other, path, whole=True) == list(net.params)
    assert all(np.array_equal(net.params[n][0].data, other.params[n][0].data) for n in net.params)


@pytest.mark.parametrize("name", ["w.caffemodel", "w.h5"])
def test_truncated_files_are_said(net, tmp_path, name):
    path = tmp_path / name
    (net.save if name == "w.caffemodel" else net.save_hdf5)(str(path))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="truncated"):
        weights.load(fresh(), path)


def test_hdf5_that_is_not_caffes(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["data/conv1_1/weights"] = np.zeros(3)
    with pytest.raises(InputError, match=r"w\.h5"):
        weights.load(fresh(), tmp_path / "w.h5")


def test_files_from_before_2014_fill_the_layers_they_share(net, tmp_path):
    """The format of VGG_ILSVRC_19_layers.caffemodel: V1 layers, four-dimensional blobs, biases 1x1x1xC."""
    old = caffe.proto.caffe_pb2.NetParameter()
    for name, shape in (("conv1_1", (16, 3, 3, 3)), ("fc6", (1, 1, 5, 7))):
        layer = old.layers.add(name=name, type=4 if name == "conv1_1" else 14)
        layer.bottom.append("x")
        layer.top.append("y")
        if name == "conv1_1":
            layer.convolution_param.num_output, layer.convolution_param.kernel_size[:] = 16, [3]
        for dims in (shape, (1, 1, 1, shape[0])):
            blob = layer.blobs.add(num=dims[0], channels=dims[1], height=dims[2], width=dims[3])
            blob.data.extend([0.5] * int(np.prod(dims)))
    (tmp_path / "vgg.caffemodel").write_bytes(old.SerializeToString())
    other = fresh()
    assert weights.load(other, tmp_path / "vgg.caffemodel") == ["conv1_1"]
    assert (other.params["conv1_1"][0].data == 0.5).all() and (other.params["conv1_2"][0].data == 0).all()
    with pytest.raises(InputError, match="no layer conv1_2"):
        weights.load(fresh(), tmp_path / "vgg.caffemodel", whole=True)


def test_a_shape_that_caffe_would_abort_on(net, tmp_path):
    model = caffe.proto.caffe_pb2.NetParameter()
    blob = model.layer.add(name="conv6_2_mask", type="Convolution").blobs.add()
    blob.shape.dim.extend([2, 128])
    blob.data.extend([0.0] * 256)
    (tmp_path / "w.caffemodel").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="another variant"):
        weights.load(fresh(), tmp_path / "w.caffemodel")
