"""The generated networks, against the paper's counts and against Caffe's own reading of them."""

import itertools
import json

import numpy as np
import pytest
from google.protobuf import text_format

from conftest import ROOT
from maskpose.errors import InputError
from maskpose.io import files
from maskpose.model.network import train_net
from maskpose.model.prototxt import deploy_definition, open_net, prototxt_files, prototxt_text
from maskpose.model.variants import VARIANTS, get_variant
from maskpose.runtime import import_caffe

caffe = import_caffe()

# hand-computed: convolutions and parameters at the paper's size
COUNTS = {"mask_pose": (52, 36_746_800), "no_mask": (50, 36_617_006), "no_pose": (17, 15_961_794)}
COUNTS["mask_pose_x2"] = (52 + 2, 36_746_800 + (22 + 128) * 512 + 512 + 512 * 2 + 2)
OPENPOSE = (52, 36_832_324)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=list(VARIANTS))
def test_committed_prototxt_is_what_the_generator_writes(variant):
    for path, text in prototxt_files(variant).items():
        assert (ROOT / "prototxt" / path).read_text() == text, f"run `make prototxt`: prototxt/{path} is out of date"


def test_no_prototxt_is_left_over():
    written = {path for variant in VARIANTS.values() for path in prototxt_files(variant)}
    found = {str(path.relative_to(ROOT / "prototxt")) for path in (ROOT / "prototxt").rglob("*.prototxt")}
    assert found == written


def deploy(name):
    return caffe.Net(str(ROOT / "prototxt" / name / "deploy.prototxt"), caffe.TEST)


@pytest.mark.parametrize("name,counts", [*COUNTS.items(), ("openpose_hand", OPENPOSE)])
def test_channels_and_input_are_of_the_papers_size(name, counts):
    net = deploy(name)
    convolutions = [layer for layer in net.layers if layer.type == "Convolution"]
    parameters = sum(blob.count for blobs in net.params.values() for blob in blobs)
    assert (len(convolutions), parameters) == counts
    for blob in net.outputs:
        assert net.blobs[blob].data.shape[2:] == (46, 46)


def test_openposes_hand_network_layer_by_layer():
    """As models/hand/pose_deploy.prototxt of OpenPose has it: convolutions' names, what each sees, makes, and ReLUs."""
    trunk = {"conv1": (64, 2), "conv2": (128, 2), "conv3": (256, 4), "conv4": (512, 4), "conv5": (512, 2)}
    expected = {f"{block}_{i}": (width, 3) for block, (width, count) in trunk.items() for i in range(1, count + 1)}
    expected |= {"conv5_3_CPM": (128, 3), "conv6_1_CPM": (512, 1), "conv6_2_CPM": (22, 1)}
    for stage in range(2, 7):
        expected |= {f"Mconv{i}_stage{stage}": (128, 7 if i < 6 else 1) for i in range(1, 7)}
        expected[f"Mconv7_stage{stage}"] = (22, 1)
    layers = read_deploy("openpose_hand").layer
    found = {}
    for layer in layers:
        if layer.type == "Convolution":
            param = layer.convolution_param
            assert list(param.pad or [0]) == [param.kernel_size[0] // 2]
            found[layer.name] = (param.num_output, param.kernel_size[0])
    assert found == expected and list(found) == list(expected)
    with_relu = {layer.bottom[0] for layer in layers if layer.type == "ReLU"}
    assert set(expected) - with_relu == {"conv6_2_CPM", *(f"Mconv7_stage{stage}" for stage in range(2, 7))}
    concats = {layer.name: list(layer.bottom) for layer in layers if layer.type == "Concat"}
    previous = ["conv6_2_CPM", *(f"Mconv7_stage{stage}" for stage in range(2, 6))]
    assert concats == {f"concat_stage{n}": [top, "conv5_3_CPM"] for n, top in enumerate(previous, start=2)}
    assert [layer.name for layer in layers if layer.type == "Pooling"] == ["pool1", "pool2", "pool3"]


def test_mask_pose_x2_sees_its_pose_before_it_estimates_the_mask_again():
    layers = train_net(VARIANTS["mask_pose_x2"], "none").layer
    concats = {layer.name: list(layer.bottom) for layer in layers if layer.type == "Concat"}
    masks = dict(zip(range(2, 7), ["conv6_2_mask"] * 3 + ["conv6_2_mask_2"] * 2))
    assert concats.pop("concat_mask_2") == ["Mconv7_stage4", "conv5_3_CPM"]
    assert concats.pop("concat_stage2") == ["conv5_3_CPM", masks[2]]
    assert concats == {f"concat_stage{n}": [f"Mconv7_stage{n - 1}", "conv5_3_CPM", masks[n]] for n in range(3, 7)}
    losses = {layer.name: layer for layer in layers if layer.type == "SoftmaxWithLoss"}
    assert {name: layer.bottom[0] for name, layer in losses.items()} == {
        "mask_loss": "conv6_2_mask", "mask_loss_2": "conv6_2_mask_2",
    }  # fmt: skip
    assert all(list(layer.loss_weight) == pytest.approx([0.05]) for layer in losses.values())
    (softmax,) = [layer for layer in read_deploy("mask_pose_x2").layer if layer.type == "Softmax"]
    assert (softmax.bottom[0], softmax.top[0]) == ("conv6_2_mask_2", "mask_prob")


def test_openposes_hand_network_learns_from_all_six_stages():
    variant = VARIANTS["openpose_hand"]
    losses = [layer for layer in train_net(variant, "none").layer if "Loss" in layer.type]
    assert [layer.name for layer in losses] == [f"heatmap_loss_stage{stage}" for stage in range(1, 7)]
    assert [layer.bottom[0] for layer in losses] == ["conv6_2_CPM", *(f"Mconv7_stage{stage}" for stage in range(2, 7))]


@pytest.mark.parametrize("name", COUNTS)
def test_compact_has_three_sub_stages_a_quarter_of_the_width_and_half_of_the_feature(name):
    full, compact = read_deploy(name), read_deploy(f"compact/{name}")
    assert compact.layer[0].input_param.shape[0].dim == [1, 3, 184, 184]
    wide = {layer.name: layer.convolution_param.num_output for layer in full.layer}
    stages = {int(layer.name[-1]) for layer in compact.layer if layer.name.startswith("Mconv7")}
    assert stages == (set() if name == "no_pose" else {2, 3, 4})
    for layer in compact.layer:
        output = layer.name.startswith(("Mconv7", "conv6_2"))
        expected = wide[layer.name] // (1 if output else 2 if layer.name == "conv5_3_CPM" else 4)
        assert layer.convolution_param.num_output == expected


def read_deploy(name):
    from google.protobuf import text_format

    net = caffe.proto.caffe_pb2.NetParameter()
    text_format.Merge((ROOT / "prototxt" / name / "deploy.prototxt").read_text(), net)
    return net


def test_trunk_is_vgg19s_up_to_conv4_4():
    vgg = [f"conv{b}_{i}" for b, n in ((1, 2), (2, 2), (3, 4), (4, 4)) for i in range(1, n + 1)]
    shapes = {name: blobs[0].data.shape for name, blobs in deploy("mask_pose").params.items()}
    widths = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 4
    assert list(shapes)[:12] == vgg
    for name, (before, after) in zip(vgg, itertools.pairwise([3, *widths])):
        assert shapes[name] == (after, before, 3, 3)


def test_sub_stages_take_what_the_paper_says():
    for name, feature in (("mask_pose", 130), ("no_mask", 128)):
        shapes = {layer: blobs[0].data.shape for layer, blobs in deploy(name).params.items()}
        assert shapes["Mconv1_stage2"] == (128, feature, 7, 7)
        for stage in range(3, 7):
            assert shapes[f"Mconv1_stage{stage}"] == (128, feature + 22, 7, 7)


def test_mask_probability_sums_to_one():
    net = deploy("compact/mask_pose")
    net.blobs["data"].data[...] = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 3, 184, 184))
    assert np.allclose(net.forward()["mask_prob"].sum(axis=1), 1)


def test_a_variants_name_may_change_its_shape():
    """Layers, channels and labels of the changed network, in what trains and what predicts."""
    variant = get_variant("compact/mask_pose+sub_stages=2+width=0.5+input_size=96+sigma=1.5")
    net = text_format.Parse(prototxt_text(variant, "train"), caffe.proto.caffe_pb2.NetParameter())
    names = [layer.name for layer in net.layer]
    assert "Mconv7_stage3" in names and "Mconv1_stage4" not in names
    assert next(layer for layer in net.layer if layer.name == "conv1_1").convolution_param.num_output == 32
    settings = json.loads(net.layer[0].python_param.param_str)
    assert (settings["input_size"], settings["sigma"]) == (96, 1.5)
    assert open_net(deploy_definition(variant)).blobs[variant.heatmap_blob].data.shape == (1, 22, 12, 12)
    assert get_variant("compact/mask_pose").sub_stages == 3


def test_the_same_changes_are_the_same_variant():
    names = ("compact/mask_pose+width=0.5+sub_stages=4", "compact/mask_pose+sub_stages=4+width=.50+sigma=1")
    assert {get_variant(name).name for name in names} == {"compact/mask_pose+sub_stages=4+width=0.5"}
    for changes in ("mask_loss_weight=1000000", "sigma=1e20", "width=0.12345678"):
        variant = get_variant(f"mask_pose+{changes}")
        assert get_variant(variant.name) == variant  # 1e20 is written 1e+20 usually
    assert get_variant("compact/mask_pose+sigma=1.0") is VARIANTS["compact/mask_pose"]


def test_a_variant_without_changes_is_the_committed_file(monkeypatch, tmp_path):
    for kind in ("train", "deploy", "solver"):
        assert prototxt_text(get_variant("no_mask"), kind) == (ROOT / f"prototxt/no_mask/{kind}.prototxt").read_text()
    monkeypatch.setattr(files, "REPOSITORY", tmp_path)
    with pytest.raises(InputError, match=r"no_mask/deploy\.prototxt is missing: run `make prototxt`"):
        prototxt_text(get_variant("no_mask"), "deploy")


@pytest.mark.parametrize(
    "name,message",
    [
        ("tiny", "unknown variant 'tiny': expected one of mask_pose, "), ("tiny+width=1", "unknown variant 'tiny'"),
        ("mask_pose+name=x", "'name' is none of sub_stages, input_size"), ("mask_pose+", "'' is none of"),
        ("mask_pose+input_size=100", "input_size must be a multiple of 8, 32 to 2048"),
        ("mask_pose+input_size=1000000", "input_size must be a multiple"),
        ("mask_pose+width=wide", "width must be from 1/32 to 4"),
        ("mask_pose+sub_stages", "sub_stages must be 0 or more"), ("mask_pose+sigma=inf", "sigma must be a positive"),
        ("mask_pose+width=1+width=2", "changes something twice"), ("no_mask+sub_stages=0", "neither a mask stage nor"),
        ("mask_pose_x2+sub_stages=3", "must be above 3"), ("openpose_hand+sub_stages=0", "neither a mask"),
    ],
)  # fmt: skip
def test_unknown_and_impossible_variants_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        get_variant(name)
