"""Caffe's oneDNN layers beside Caffe's own, on the networks of this project."""

import os
import subprocess
import sys

import numpy as np
import pytest

from maskpose.model.network import train_net
from maskpose.model.variants import NUM_KEYPOINTS, STRIDE, VARIANTS, get_variant
from maskpose.runtime import import_caffe

# An activation may lie so near 0 that rounding decides whether its ReLU lets the gradient pass: the input is small, in
# pixels, so that few do, and gradients need to agree at one of several seeds, outputs at each that is tried.
SIDE = 72
SEEDS = 5


def build(variant, folder, batch, side, engine=None):
    """The training network on blobs that a test fills; ``engine`` for every convolution, ReLU and pooling."""
    caffe = import_caffe()
    net = train_net(variant, "none")
    tops = list(net.layer[0].top)
    cells = side // STRIDE
    channels = {"data": 3, "mask_label": 1, "heatmap_label": NUM_KEYPOINTS + 1}
    inputs = []
    for top in tops:
        size = side if top == "data" else cells
        layer = caffe.proto.caffe_pb2.LayerParameter(name=top, type="Input", top=[top])
        layer.input_param.shape.add().dim.extend((batch, channels[top], size, size))
        inputs.append(layer)
    layers = [*inputs, *list(net.layer)[1:]]
    for layer in layers:
        if engine is not None and layer.type in ("Convolution", "ReLU", "Pooling"):
            getattr(layer, f"{layer.type.lower()}_param").engine = engine
    del net.layer[:]
    net.layer.extend(layers)
    net.force_backward = True  # the first convolution's gradient to its data too
    path = folder / f"{engine}.prototxt"
    path.write_text(str(net))
    return caffe.Net(str(path), caffe.TRAIN)


def fill(net, seed=0):
    """Weights and inputs of the same values in any network of the same shapes."""
    rng = np.random.default_rng(seed)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        blobs[1].data[...] = rng.normal(0, 0.1, blobs[1].data.shape)
    for name in net.inputs:
        values = rng.uniform(-0.5, 0.5, net.blobs[name].data.shape)
        net.blobs[name].data[...] = values > 0 if name == "mask_label" else values


def results(net):
    """{name: array}: losses, outputs, and every gradient, after one forward and backward pass."""
    losses = net.forward()
    net.clear_param_diffs()
    net.backward()
    found = {name: value.copy() for name, value in losses.items()}
    found["data gradient"] = net.blobs["data"].diff.copy()
    for name, blobs in net.params.items():
        found[f"{name} output"] = net.blobs[name].data.copy()
        found[f"{name} weights"] = blobs[0].diff.copy()
        found[f"{name} bias"] = blobs[1].diff.copy()
    return found


def relative(found, expected):
    """Largest difference over the largest expected value."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def has_onednn(folder):
    """Whether this Caffe computes convolutions with oneDNN: its log says so."""
    path = folder / "one.prototxt"
    path.write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }'
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
        " convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: 'xavier' } } }"
    )
    script = f"import caffe; net = caffe.Net({str(path)!r}, caffe.TEST); net.forward()"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GLOG_", "CAFFE_CONV"))}
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    return "oneDNN" in process.stderr


@pytest.fixture(scope="module", autouse=True)
def onednn(tmp_path_factory):
    if not has_onednn(tmp_path_factory.mktemp("probe")):
        pytest.skip("this Caffe was built without oneDNN")


@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_and_gradients_are_caffes_own(name, tmp_path):
    caffe = import_caffe()
    variant = get_variant(name)
    batch = 1 if variant.width == 1 else 3
    nets = [build(variant, tmp_path, batch, SIDE, engine) for engine in (None, caffe.params.Convolution.CAFFE)]
    for seed in range(SEEDS):
        for net in nets:
            fill(net, seed)
        found, expected = map(results, nets)
        assert found.keys() == expected.keys() and len(found) > 3 * len(get_convolutions(variant))
        errors = {key: relative(found[key], expected[key]) for key in expected}
        assert any(error > 0 for error in errors.values()), "both ran on the same engine"
        backward = ("gradient", "weights", "bias")
        assert max(error for key, error in errors.items() if not key.endswith(backward)) < 1e-4
        if max(errors.values()) < 1e-4:
            return
    pytest.fail(f"gradients differ at every seed: {sorted(errors.items(), key=lambda item: -item[1])[:5]}")


def get_convolutions(variant):
    """Names of a variant's convolutions."""
    return [layer.name for layer in train_net(variant, "none").layer if layer.type == "Convolution"]


@pytest.mark.parametrize("batch", [1, 2, 5, 13])
def test_any_batch_in_one_network(batch, tmp_path):
    """A network that is reshaped from batch to batch finds what one made for that batch on Caffe's own layers does."""
    caffe = import_caffe()
    variant = get_variant("compact/no_mask")
    net = build(variant, tmp_path, 3, 48)
    fill(net)
    net.forward()
    for name in net.inputs:
        net.blobs[name].reshape(batch, *net.blobs[name].data.shape[1:])
    fill(net, seed=1)
    own = build(variant, tmp_path, batch, 48, caffe.params.Convolution.CAFFE)
    fill(own, seed=1)
    found, expected = results(net), results(own)
    assert max(relative(found[key], expected[key]) for key in expected) < 1e-4


def test_results_repeat_bit_for_bit(tmp_path):
    variant = get_variant("compact/mask_pose")
    runs = []
    for _ in range(2):
        net = build(variant, tmp_path, 3, 96)
        fill(net)
        runs.append((results(net), results(net)))
    first = runs[0][0]
    for again in (runs[0][1], *runs[1]):
        assert all(np.array_equal(first[key], again[key]) for key in first)
