import h5py
import numpy as np
import pytest

from conftest import random_net
from maskpose import weights
from maskpose.engines import deploy_definition, open_net
from maskpose.errors import InputError
from maskpose.runtime import import_caffe
from maskpose.variants import get_variant

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


def test_the_mean_of_several_files(net, tmp_path):
    paths, shapes = [], {name: [blob.data.shape for blob in blobs] for name, blobs in net.params.items()}
    rng, given = np.random.default_rng(2), []
    for n in range(3):
        other = fresh()
        given.append({name: [rng.normal(size=s).astype(np.float32) for s in sizes] for name, sizes in shapes.items()})
        for name, arrays in given[-1].items():
            for blob, array in zip(other.params[name], arrays):
                blob.data[...] = array
        paths.append(tmp_path / f"{n}.{'h5' if n == 1 else 'caffemodel'}")
        (other.save_hdf5 if n == 1 else other.save)(str(paths[-1]))
    weights.average(fresh(), paths, tmp_path / "mean.caffemodel")
    mean = fresh()
    weights.load(mean, tmp_path / "mean.caffemodel", whole=True)
    for name, blobs in mean.params.items():
        for blob, *three in zip(blobs, *(one[name] for one in given)):
            assert np.allclose(blob.data, np.mean(three, axis=0), atol=1e-6)
    random_net("compact/no_mask").save(str(tmp_path / "other.caffemodel"))
    with pytest.raises(InputError, match="of another variant"):
        weights.average(fresh(), [paths[0], tmp_path / "other.caffemodel"], tmp_path / "no.caffemodel")
    assert not (tmp_path / "no.caffemodel").exists()


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


def vgg_like(folder, trunk):
    """A file with VGG's name for its network and the weights of ``trunk``, {layer: (weights, bias)}; its path."""
    model = caffe.proto.caffe_pb2.NetParameter(name="VGG_ILSVRC_19_layers")
    for name, arrays in {**trunk, "fc8": (np.zeros((5, 7)),)}.items():
        layer = model.layer.add(name=name, type="Convolution")
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(array.ravel().tolist())
    (folder / "vgg.caffemodel").write_bytes(model.SerializeToString())
    return folder / "vgg.caffemodel"


def test_vgg_weights_give_their_features_for_this_networks_inputs(tmp_path):
    """Against a network with those very weights, fed as VGG is: 0 to 255, less the mean."""
    names = ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    teacher = random_net("compact/no_pose")
    rng = np.random.default_rng(0)
    for name in names:  # biases as large as VGG's are beside its weights
        teacher.params[name][1].data[...] = rng.normal(0, 20, teacher.params[name][1].data.shape)
    trunk = {name: tuple(blob.data.copy() for blob in teacher.params[name]) for name in names}
    photograph = rng.integers(0, 256, teacher.blobs["data"].data.shape).astype(np.float32)
    teacher.blobs["data"].data[...] = photograph - np.array([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    teacher.forward()
    student = random_net("compact/no_pose")
    report = weights.start_from(student, vgg_like(tmp_path, trunk))
    student.blobs["data"].data[...] = photograph / 256 - 0.5
    student.forward()
    for blob in ("conv1_2", "conv3_1"):
        inner = np.s_[:, :, 8:-8, 8:-8]  # at the border VGG pads with its mean colour
        expected = teacher.blobs[blob].data[inner] / 256
        assert expected.std() > 0.01
        assert np.allclose(student.blobs[blob].data[inner], expected, atol=1e-4 * expected.max())
    said = " ".join(report.split())
    assert "5 of 17 layers filled: conv1_1, conv1_2" in said
    assert "so random: conv3_2" in said and "not in this network: fc8" in said and "0 to 255" in said
    again = random_net("compact/no_pose")
    weights.start_from(again, tmp_path / "vgg.caffemodel", "maskpose")
    assert np.array_equal(again.params["conv1_1"][1].data, trunk["conv1_1"][1])


def test_weights_of_our_own_are_taken_as_they_are(net, tmp_path):
    net.save(str(tmp_path / "ours.caffemodel"))
    other = fresh()
    report = weights.start_from(other, tmp_path / "ours.caffemodel")
    assert "17 of 17 layers filled" in report and "random" not in report and "255" not in report
    assert all(np.array_equal(net.params[n][1].data, other.params[n][1].data) for n in net.params)


def test_layers_too_many_are_of_another_variant_where_the_whole_file_is_meant(tmp_path):
    """To predict: five sub-stages' weights are not three's; to train from them is something else."""
    random_net("compact/mask_pose").save(str(tmp_path / "w.caffemodel"))
    fewer = open_net(deploy_definition(get_variant("compact/mask_pose+sub_stages=3")))
    with pytest.raises(InputError, match="another variant: this network has no layer Mconv1_stage5"):
        weights.load(fewer, tmp_path / "w.caffemodel", whole=True)
    assert len(weights.load(fewer, tmp_path / "w.caffemodel")) == len(fewer.params)
    with pytest.raises(InputError, match=r"weights .*: a folder"):
        weights.load(fewer, tmp_path)
