"""The network without Caffe, beside Caffe's own."""

import numpy as np
import pytest

from conftest import random_net
from maskpose.errors import InputError
from maskpose.model import plain_network, weights
from maskpose.model.messages import DESCRIPTOR, caffe_message
from maskpose.model.prototxt import deploy_definition
from maskpose.model.variants import VARIANTS, get_variant
from maskpose.runtime import import_caffe


@pytest.mark.parametrize("name", VARIANTS)
def test_shapes_and_outputs_are_caffes(name):
    net, definition = random_net(name), deploy_definition(get_variant(name))
    shapes = {layer: [blob.data.shape for blob in blobs] for layer, blobs in net.params.items()}
    assert plain_network.weight_shapes(definition) == shapes
    inputs = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 3, 56, 40)).astype(np.float32)
    net.blobs["data"].reshape(*inputs.shape)
    net.blobs["data"].data[...] = inputs
    expected = net.forward()
    found = plain_network.forward(definition, weights.arrays(net), inputs)
    assert found.keys() == expected.keys()
    for blob, maps in expected.items():
        assert np.abs(found[blob] - maps).max() <= 1e-4 * np.abs(maps).max(), blob


def test_what_overflows_shows_in_the_output():
    definition = deploy_definition(get_variant("compact/no_pose"))
    arrays = weights.arrays(random_net("compact/no_pose"))
    arrays["conv1_1"][0][...] = 1e38
    found = plain_network.forward(definition, arrays, np.ones((1, 3, 16, 16), np.float32))
    assert not np.isfinite(found["mask_prob"]).all()


def test_a_layer_of_another_kind_is_named():
    definition = caffe_message("NetParameter")
    definition.layer.add(name="data", type="Input", top=["data"])
    definition.layer.add(name="odd", type="LRN", bottom=["data"], top=["odd"])
    with pytest.raises(InputError, match="odd: LRN"):
        plain_network.forward(definition, {}, np.zeros((1, 3, 8, 8), np.float32))


def test_messages_are_those_of_caffes_own_file():
    caffe = import_caffe()
    assert DESCRIPTOR.read_bytes() == caffe.proto.caffe_pb2.DESCRIPTOR.serialized_pb, "run `make proto`"
    net = caffe_message("NetParameter")
    net.layer.add(name="a").convolution_param.num_output = 3
    theirs = caffe.proto.caffe_pb2.NetParameter.FromString(net.SerializeToString())
    assert theirs.layer[0].convolution_param.num_output == 3 and str(theirs) == str(net)
