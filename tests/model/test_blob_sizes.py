"""Networks that Caffe could not hold are refused before it ends the process."""

import pytest
from google.protobuf import text_format

from conftest import ROOT
from maskpose.errors import InputError
from maskpose.model import blob_sizes
from maskpose.model.prototxt import prototxt_text
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe
from maskpose.training.run import Run, definitions_of


def parsed(variant, kind):
    net = import_caffe().proto.caffe_pb2.NetParameter()
    text_format.Merge(prototxt_text(get_variant(variant), kind), net)
    return net


def test_counts_are_those_of_caffes_blobs():
    caffe = import_caffe()
    net = caffe.Net(str(ROOT / "prototxt/compact/mask_pose/deploy.prototxt"), caffe.TEST)
    counts = blob_sizes.counts(parsed("compact/mask_pose", "deploy"), 1, 184)
    assert {name: blob.count for name, blob in net.blobs.items() if "_split_" not in name} == counts


@pytest.mark.parametrize(("variant", "data"), [
    # conv1_1: 64 maps of 368 x 368 an image: 247 images fit, and 248 do not
    ("mask_pose", {"batch_size": 248}), ("mask_pose", {"batch_size": 10**9}),
    # conv1_2 unrolls 3 x 3 x 64 maps: 1930 pixels a side fit, 1936 do not
    ("mask_pose", {"batch_size": 1, "input_size": 1936}), ("mask_pose", {"input_size": 8192}),
])  # fmt: skip
def test_a_training_that_caffe_could_not_hold_is_refused(tmp_path, variant, data):
    with pytest.raises(InputError, match=r"images of \d+x\d+ pixels need an array of .* numbers"):
        definitions_of(Run(get_variant(variant), "x.lmdb", tmp_path, data=data))


@pytest.mark.parametrize("data", [{"batch_size": 247}, {"batch_size": 1, "input_size": 1928}])
def test_the_largest_training_that_caffe_can_hold_is_accepted(tmp_path, data):
    definitions_of(Run(get_variant("mask_pose"), "x.lmdb", tmp_path, data=data))
