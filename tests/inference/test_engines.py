import numpy as np
import pytest

from conftest import random_net
from maskpose.errors import InputError
from maskpose.inference import engines, onnx_export
from maskpose.inference.engines import Caffe, open_engine
from maskpose.inference.predictor import Predictor
from maskpose.model import weights
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import VARIANTS, get_variant

OTHERS = [name for name in engines.ENGINES if name != "caffe"]
TOLERANCE = 2e-5  # of the largest value; float32 sums in another order


def skip_where_missing(name):
    if missing := engines.missing_packages(name):
        pytest.skip(f"{' and '.join(missing)} not installed")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{variant: a file of random weights}."""
    folder = tmp_path_factory.mktemp("weights")
    found = {}
    for name in VARIANTS:
        found[name] = folder / f"{name.replace('/', '_')}.caffemodel"
        random_net(name).save(str(found[name]))
    return found


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.startswith("compact/")] + ["no_pose"])
def test_engines_agree_with_caffe(files, engine, variant):
    skip_where_missing(engine)
    variant = get_variant(variant)
    ours, theirs = (open_engine(name, variant, files[variant.name]) for name in ("caffe", engine))
    rng = np.random.default_rng(1)
    for batch in (2, 1):
        inputs = rng.uniform(-0.5, 0.5, (batch, 3, variant.input_size, variant.input_size)).astype(np.float32)
        expected, found = ours(inputs), theirs(inputs)
        assert set(found) == set(expected)
        for name, values in expected.items():
            assert np.abs(found[name] - values).max() <= TOLERANCE * np.abs(values).max(), name


def test_real_photographs_on_every_engine(real_hands):
    """The shipped weights: keypoints, confidences and masks as from Caffe."""
    from maskpose.inference.predictor import Predictor
    from maskpose.io.images import read_color

    photographs = [read_color(path) for path in sorted((real_hands / "Test" / "source").iterdir())[::40]]
    expected = [Predictor(engine="caffe").predict(image) for image in photographs]
    for engine in OTHERS:
        if engines.missing_packages(engine):
            continue
        predictor = Predictor(engine=engine)
        for image, hand in zip(photographs, expected):
            found = predictor.predict(image)  # its peaks may lie elsewhere where two are as high but for rounding
            assert np.abs(found.heatmaps - hand.heatmaps).max() < 1e-4
            assert np.abs(found.confidences - hand.confidences).max() < 1e-4
            assert (found.mask != hand.mask).mean() < 1e-3


def test_an_export_says_what_it_is(files):
    skip_where_missing("onnxruntime")
    variant = get_variant("compact/mask_pose")
    definition = deploy_definition(variant)
    engine = open_engine("caffe", variant, files[variant.name])
    model = onnx_export.onnx_model(definition, weights.arrays(engine.net), variant.name)
    (given,) = model.graph.input
    assert given.name == "data" and given.type.tensor_type.shape.dim[0].dim_param == "N"
    assert {output.name for output in model.graph.output} == {"mask_prob", variant.heatmap_blob}
    assert sum(node.op_type == "Conv" for node in model.graph.node) == len(engine.net.params)


def test_a_layer_that_cannot_be_exported_is_named():
    definition = deploy_definition(get_variant("compact/no_pose"))
    definition.layer.add(name="odd", type="LRN", bottom=["mask_prob"], top=["odd"])
    with pytest.raises(InputError, match="odd: LRN"):
        onnx_export.onnx_model(definition, {}, "odd")


def test_the_choice_of_an_engine(monkeypatch):
    monkeypatch.setattr(engines, "missing_packages", lambda name: ["openvino"] if name == "openvino" else [])
    assert engines.resolve("auto") == next(name for name in engines.ENGINES if name != "openvino")
    assert engines.resolve("auto", "model.onnx") == "onnxruntime" and engines.resolve("opencv", "w.h5") == "opencv"
    assert engines.choose("auto", gpu=0) == "caffe" and engines.choose("opencv") == "opencv"
    assert engines.choose("auto") == "auto"
    with pytest.raises(InputError, match="only Caffe"):
        engines.choose("opencv", gpu=0)
    variant = get_variant("compact/mask_pose")
    for name, weights_path, message in (
        ("openvino", "w.caffemodel", r"needs openvino: pip install 'maskpose\[engines\]'"),
        ("tensorflow", "w.caffemodel", "unknown engine"),
        ("caffe", "model.onnx", r"\.onnx files are run by openvino or onnxruntime, not by caffe"),
        ("auto", "model.xml", "needs openvino"),
        ("onnxruntime", "none.onnx", r"none\.onnx: no such file"),
    ):
        with pytest.raises(InputError, match=message):
            open_engine(name, variant, weights_path)
    with pytest.raises(InputError, match="--precision bf16 is OpenVINO's"):
        open_engine("caffe", variant, "w.caffemodel", "bf16")


def test_caffes_input_follows_the_batch():
    engine = Caffe(random_net("compact/no_pose"))
    size = get_variant("compact/no_pose").input_size
    for batch in (3, 1):
        assert engine(np.zeros((batch, 3, size, size), np.float32))["mask_prob"].shape[0] == batch


def spoilt(path, files, value):
    """A caffemodel of compact/mask_pose whose first layer's weights are all ``value``."""
    net = open_net(deploy_definition(get_variant("compact/mask_pose")))
    weights.load(net, files["compact/mask_pose"])
    net.params["conv1_1"][0].data[...] = value
    net.save(str(path))
    return path


@pytest.mark.parametrize("engine", engines.ENGINES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_every_engine(files, tmp_path, engine, value):
    skip_where_missing(engine)
    path = spoilt(tmp_path / "w.caffemodel", files, value)
    with pytest.raises(InputError, match=r"w\.caffemodel: layer conv1_1 is damaged: .* not finite"):
        open_engine(engine, get_variant("compact/mask_pose"), path)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_weights_at_which_the_network_overflows_are_refused_by_every_engine(files, tmp_path, engine):
    """Each weight is finite; their products are beyond single precision."""
    skip_where_missing(engine)
    path = spoilt(tmp_path / "w.caffemodel", files, 1e38)
    with pytest.raises(InputError, match=r"w\.caffemodel: the network's output .* is not finite"):
        open_engine(engine, get_variant("compact/mask_pose"), path)


@pytest.mark.parametrize("mirror", [False, True])
def test_outputs_that_are_not_finite_are_an_error(mirror):
    def engine(inputs):
        maps = np.zeros((len(inputs), 22, 23, 23), np.float32)
        maps[0, 3, 0, 0] = np.nan
        return {"Mconv7_stage4": maps, "mask_prob": maps[:, :2]}

    with pytest.raises(InputError, match="the network's output Mconv7_stage4 is not finite"):
        Predictor(engine=engine, mirror=mirror).predict(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("value,said", [(np.nan, "conv1_1.weight is damaged"), (None, "lies in another file")])
def test_an_onnx_file_with_damaged_weights_is_refused(files, tmp_path, engine, value, said):
    skip_where_missing(engine)
    import onnx

    variant = get_variant("compact/mask_pose")
    definition = deploy_definition(variant)
    arrays = weights.arrays(open_engine("caffe", variant, files[variant.name]).net)
    if value is not None:
        arrays["conv1_1"][0][0] = value
    model = onnx_export.onnx_model(definition, arrays, variant.name)
    if value is None:
        onnx.external_data_helper.set_external_data(model.graph.initializer[0], "other.bin")
    (tmp_path / "hand.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=rf"hand\.onnx.*{said}"):
        open_engine(engine, variant, tmp_path / "hand.onnx")
