import h5py
import numpy as np
import pytest

from conftest import files_of_at_most, random_net
from maskpose.errors import InputError
from maskpose.model import weights
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import get_variant
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
def test_weights_saved_in_either_format_load_unchanged(net, tmp_path, name):
    path = str(tmp_path / name)
    (net.save if name == "w.caffemodel" else net.save_hdf5)(path)
    other = fresh()
    assert weights.load(other, path, whole=True) == list(net.params)
    assert all(np.array_equal(net.params[n][0].data, other.params[n][0].data) for n in net.params)


def test_weights_too_small_to_compute_with_become_zero(tmp_path):
    """Numbers whose exponent bits are all 0: a processor takes some hundred cycles for each."""
    source, net = fresh(), fresh()
    values = np.array([0x00000001, 0x807FFFFF, 0x00800000, 0x80800000, 0x80000000], np.uint32).view(np.float32)
    blob = source.params["conv1_1"][0]
    blob.data.flat[: len(values)] = values
    source.save(str(tmp_path / "tiny.caffemodel"))
    weights.load(net, tmp_path / "tiny.caffemodel", whole=True)
    found = net.params["conv1_1"][0].data.ravel()[: len(values)]
    assert np.abs(found).view(np.uint32).tolist() == [0, 0, 0x00800000, 0x00800000, 0]
    assert np.signbit(found).tolist()[2:4] == [False, True]


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
def test_truncated_files_are_errors(net, tmp_path, name):
    path = tmp_path / name
    (net.save if name == "w.caffemodel" else net.save_hdf5)(str(path))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="truncated"):
        weights.load(fresh(), path)


def shape_to(blob, *dims):
    blob.shape.dim[:] = dims


def old_dims(blob, *dims):
    blob.num, blob.channels, blob.height, blob.width = dims


def second_layer(model):
    model.layer.add(name="conv1_2").CopyFrom(model.layer[0])


DAMAGE = {  # of conv1_1's bias, 16 values, or of the file: what the message says
    "too few values": (lambda b, m: b.data.pop(), "conv1_1 is damaged: 15 values for a shape of 16"),
    "no values": (lambda b, m: b.ClearField("data"), "damaged: 0 values"),
    "too many values": (lambda b, m: b.data.append(1), "damaged: 17 values"),
    "gradients of another length": (lambda b, m: b.diff.extend([1.0] * 3), "damaged: 3 gradients for a shape of 16"),
    "double values of another length": (lambda b, m: b.double_data.extend([1.0] * 3), "damaged: 3 values"),
    "double gradients of another length": (lambda b, m: b.double_diff.append(1), "damaged: 1 gradients"),
    "a leading one": (lambda b, m: shape_to(b, 1, 16), "conv1_1 is .* and 1 x 16 there, .* and 16 in this network"),
    "no shape": (lambda b, m: b.ClearField("shape"), "another variant"),
    "a negative dimension": (lambda b, m: shape_to(b, -16), "another variant"),
    "a huge dimension": (lambda b, m: shape_to(b, 1 << 62, 1 << 62), "another variant"),
    "old dimensions beside the shape": (lambda b, m: old_dims(b, 5, 1, 1, 1), "5 x 1 x 1 x 1 there"),
    "one old dimension": (lambda b, m: setattr(b, "num", 16), "16 x 0 x 0 x 0 there"),
    "old dimensions the wrong way round": (lambda b, m: old_dims(b, 16, 1, 1, 1), "16 x 1 x 1 x 1 there"),
    "a blob too many": (lambda b, m: m.layer[0].blobs.add().CopyFrom(b), "conv1_1 is .* and 16 and 16 there"),
    "a blob too few": (lambda b, m: m.layer[0].blobs.pop(), "another variant"),
    "no blobs": (lambda b, m: m.layer[0].ClearField("blobs"), "no layer conv1_1"),
    "a layer twice": (lambda b, m: m.layer.add().CopyFrom(m.layer[0]), "two layers are called conv1_1"),
    "a layer of the old format too": (
        lambda b, m: m.layers.add(name="conv1_1", type=4).blobs.add().CopyFrom(b), "two layers are called conv1_1"
    ),
    "NaN": (lambda b, m: b.data.__setitem__(3, np.nan), "conv1_1 is damaged: 1 of its 16 values are not finite"),
    "infinity": (lambda b, m: b.data.__setitem__(3, -np.inf), "not finite"),
    "double values beyond single precision": (lambda b, m: b.double_data.extend([1e300] * 16), "16 of its 16 values"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_caffemodel_is_an_error_that_names_the_layer(net, tmp_path, damage):
    net.save(str(tmp_path / "w.caffemodel"))
    model = caffe.proto.caffe_pb2.NetParameter()
    model.ParseFromString((tmp_path / "w.caffemodel").read_bytes())
    while not model.layer[0].blobs:
        del model.layer[0]
    change, said = DAMAGE[damage]
    change(model.layer[0].blobs[1], model)
    (tmp_path / "w.caffemodel").write_bytes(model.SerializeToString())
    other = fresh()
    before = weights.arrays(other)
    with pytest.raises(InputError, match=rf"weights .*w\.caffemodel.*{said}"):
        weights.load(other, tmp_path / "w.caffemodel", whole=True)
    assert all(np.array_equal(a, b) for name in before for a, b in zip(before[name], weights.arrays(other)[name]))


def test_a_layers_name_may_be_any_bytes(net, tmp_path):
    net.save(str(tmp_path / "w.caffemodel"))
    data = (tmp_path / "w.caffemodel").read_bytes()
    (tmp_path / "w.caffemodel").write_bytes(data.replace(b"conv1_1", b"co\xff\xfe\0_1"))
    with pytest.raises(InputError, match="no layer conv1_1"):
        weights.load(fresh(), tmp_path / "w.caffemodel", whole=True)


@pytest.mark.parametrize("old", [False, True])
def test_values_in_double_precision_come_as_caffe_reads_them(tmp_path, old):
    rng = np.random.default_rng(3)
    model = caffe.proto.caffe_pb2.NetParameter()
    layer = model.layer.add(name="conv1_1", type="Convolution")
    for shape in ((16, 3, 3, 3), (16,)):
        blob = layer.blobs.add()
        if old:
            old_dims(blob, *((1,) * (4 - len(shape)) + shape))
        else:
            blob.shape.dim.extend(shape)
        blob.double_data.extend(rng.normal(size=np.prod(shape)))
        blob.diff.extend([1.0] * int(np.prod(shape)))
    (tmp_path / "w.caffemodel").write_bytes(model.SerializeToString())
    ours, caffes = fresh(), fresh()
    assert weights.load(ours, tmp_path / "w.caffemodel") == ["conv1_1"]
    caffes.copy_from(str(tmp_path / "w.caffemodel"))
    for one, other in zip(ours.params["conv1_1"], caffes.params["conv1_1"]):
        assert np.array_equal(one.data, other.data) and one.data.std() > 0.5


def replaced(layer, name, value, **options):
    del layer[name]
    layer.create_dataset(name, data=value, **options)


def linked(file, link):
    del file["data/conv1_1/1"]
    file["data/conv1_1/1"] = link


HDF5_DAMAGE = {
    "words": lambda file, layer: replaced(layer, "1", np.array([b"x"] * 16)),
    "pairs": lambda file, layer: replaced(layer, "1", np.zeros(16, [("a", "f4"), ("b", "f4")])),
    "names for numbers": lambda file, layer: replaced(
        layer, "1", np.zeros(16, "i4"), dtype=h5py.enum_dtype({"A": 0}, "i4")
    ),
    "yes and no": lambda file, layer: replaced(layer, "1", np.zeros(16, bool)),
    "complex numbers": lambda file, layer: replaced(layer, "1", np.zeros(16, complex)),
    "lists": lambda file, layer: layer.create_dataset("2", (16,), h5py.vlen_dtype("f4")),
    "nothing": lambda file, layer: replaced(layer, "1", h5py.Empty("f4")),
    "a scalar": lambda file, layer: replaced(layer, "1", 1.0),
    "a leading one": lambda file, layer: replaced(layer, "1", np.zeros((1, 16))),
    "a huge shape without values": lambda file, layer: layer.create_dataset("2", (1 << 60,), "f4", chunks=(1,)),
    "too large chunks": lambda file, layer: replaced(
        layer, "1", None, shape=(16,), dtype="f4", chunks=(1 << 28,), maxshape=(None,)
    ),
    "a blob too many": lambda file, layer: layer.create_dataset("2", (16,), "f4"),
    "a blob too few": lambda file, layer: layer.__delitem__("1"),
    "another name": lambda file, layer: layer.move("1", "bias"),
    "a number written otherwise": lambda file, layer: layer.move("1", "01"),
    "a group for a blob": lambda file, layer: (layer.__delitem__("1"), layer.create_group("1")),
    "a data set for a layer": lambda file, layer: file.create_dataset("data/more", (3,), "f4"),
    "a link to nowhere": lambda file, layer: linked(file, h5py.SoftLink("/nowhere")),
    "a link within": lambda file, layer: linked(file, h5py.SoftLink("/data/conv1_2/1")),
    "a link to another file": lambda file, layer: linked(file, h5py.ExternalLink("other.h5", "/x")),
    "values in another file": lambda file, layer: replaced(layer, "1", np.zeros(16, "f4"), external=[("raw", 0, 64)]),
    "no data": lambda file, layer: file.__delitem__("data"),
    "NaN": lambda file, layer: layer["1"].__setitem__(3, np.nan),
}


@pytest.mark.parametrize("damage", HDF5_DAMAGE)
def test_damaged_hdf5_is_an_error(net, tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    net.save_hdf5("w.h5")
    with h5py.File("w.h5", "r+") as file:
        HDF5_DAMAGE[damage](file, file["data/conv1_1"])
    with pytest.raises(InputError, match=r"weights w\.h5"):
        weights.load(fresh(), "w.h5", whole=True)


@pytest.mark.parametrize("kind", ["f2", "f8", ">f4", "i4", "u1"])
def test_hdf5_of_any_type_of_number_comes_as_caffe_reads_it(net, tmp_path, kind):
    net.save_hdf5(str(tmp_path / "w.h5"))
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        replaced(file["data/conv1_1"], "1", np.linspace(0, 200, 16).astype(kind), compression="gzip")
    ours, caffes = fresh(), fresh()
    weights.load(ours, tmp_path / "w.h5", whole=True)
    caffes.copy_from(str(tmp_path / "w.h5"))
    for one, other in zip(ours.params["conv1_1"], caffes.params["conv1_1"]):
        assert np.array_equal(one.data, other.data)


def test_other_files_are_refused_as_weights(tmp_path):
    (tmp_path / "empty.caffemodel").touch()
    (tmp_path / "run.solverstate").write_bytes(b"x")
    with open(tmp_path / "large.caffemodel", "wb") as file:
        file.truncate(3 << 30)
    for name, said in {
        "empty.caffemodel": "no layer with weights", "run.solverstate": r"its weights are in run\.caffemodel",
        "large.caffemodel": "larger than any", "missing": "no such file", "": "a folder",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=said):
            weights.load(fresh(), tmp_path / name)


def test_a_mean_beyond_single_precision_is_an_error(net, tmp_path):
    other = fresh()
    for blobs in other.params.values():
        blobs[0].data[...] = 3e38
    other.save(str(tmp_path / "w.caffemodel"))
    with pytest.raises(InputError, match=r"the mean of 2 files: layer conv1_1 .* not finite"):
        weights.average(fresh(), [tmp_path / "w.caffemodel"] * 2, tmp_path / "mean.caffemodel")
    assert not (tmp_path / "mean.caffemodel").exists()


def test_a_mean_onto_a_full_disk_leaves_nothing(net, tmp_path):
    net.save(str(tmp_path / "w.caffemodel"))
    size = (tmp_path / "w.caffemodel").stat().st_size
    said = pytest.raises(InputError, match=r"mean\.caffemodel cannot be written: File too large")
    with files_of_at_most(size // 2), said:
        weights.average(fresh(), [tmp_path / "w.caffemodel"] * 2, tmp_path / "mean.caffemodel")
    assert [path.name for path in tmp_path.iterdir()] == ["w.caffemodel"]


def test_hdf5_of_another_program_is_refused(tmp_path):
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


def test_a_shape_at_which_caffe_would_abort_is_an_error(net, tmp_path):
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
    report = weights.start_from(student, vgg_like(tmp_path, trunk), verbose=True)
    student.blobs["data"].data[...] = photograph / 256 - 0.5
    student.forward()
    for blob in ("conv1_2", "conv3_1"):
        inner = np.s_[:, :, 8:-8, 8:-8]  # at the border VGG pads with its mean colour
        expected = teacher.blobs[blob].data[inner] / 256
        assert expected.std() > 0.01
        assert np.allclose(student.blobs[blob].data[inner], expected, atol=1e-4 * expected.max())
    said = " ".join(report.split())
    assert "5 of 17 layers filled: conv1_1, conv1_2" in said
    assert "so random: 12: conv3_2" in said and "this network lacks: 1: fc8" in said and "0 to 255" in said
    again = random_net("compact/no_pose")
    short = weights.start_from(again, tmp_path / "vgg.caffemodel", "maskpose")
    assert [line.rpartition(": ")[2] for line in short.splitlines()] == ["5 of 17 layers filled", "12", "1"]
    assert np.array_equal(again.params["conv1_1"][1].data, trunk["conv1_1"][1])


def test_our_own_weights_are_copied_unchanged(net, tmp_path):
    net.save(str(tmp_path / "ours.caffemodel"))
    other = fresh()
    report = weights.start_from(other, tmp_path / "ours.caffemodel")
    assert "17 of 17 layers filled" in report and "random" not in report and "255" not in report
    assert all(np.array_equal(net.params[n][1].data, other.params[n][1].data) for n in net.params)


def test_a_file_with_more_layers_than_the_network_is_refused_if_whole(tmp_path):
    """To predict: three sub-stages' weights are not two's; to train from them is something else."""
    random_net("compact/mask_pose").save(str(tmp_path / "w.caffemodel"))
    fewer = open_net(deploy_definition(get_variant("compact/mask_pose+sub_stages=2")))
    with pytest.raises(InputError, match="another variant: this network has no layer Mconv1_stage4"):
        weights.load(fewer, tmp_path / "w.caffemodel", whole=True)
    assert len(weights.load(fewer, tmp_path / "w.caffemodel")) == len(fewer.params)
    with pytest.raises(InputError, match=r"weights .*: a folder"):
        weights.load(fewer, tmp_path)
