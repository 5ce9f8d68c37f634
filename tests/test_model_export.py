import numpy as np
import pytest

from conftest import random_net
from maskpose import engines, model_export
from maskpose.engines import open_engine
from maskpose.errors import InputError
from maskpose.variants import get_variant

pytest.importorskip("onnx")
pytest.importorskip("openvino")
VARIANT = get_variant("compact/mask_pose")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.caffemodel"
    random_net(VARIANT.name).save(str(path))
    return path


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).uniform(-0.5, 0.5, (3, 3, 184, 184)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(weights, inputs):
    return open_engine("caffe", VARIANT, weights)(inputs)


def largest_difference(found, expected):
    """Of every output, in units of its largest value."""
    return {name: np.abs(found[name] - values).max() / np.abs(values).max() for name, values in expected.items()}


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_onnx_file_is_the_network_for_any_batch(weights, inputs, expected, tmp_path, engine):
    if engines.missing_packages(engine):
        pytest.skip(f"{engine} is not installed")
    (path,) = model_export.export(VARIANT, weights, tmp_path / "deep/hand.onnx")
    run = open_engine(engine, VARIANT, path)
    for batch in (inputs, inputs[:1]):
        found = run(batch)
        reference = {name: values[: len(batch)] for name, values in expected.items()}
        assert max(largest_difference(found, reference).values()) < 2e-5
    assert [one.name for one in path.parent.iterdir()] == ["hand.onnx"]


@pytest.mark.parametrize("precision,tolerance,bytes_a_weight", [("fp32", 2e-5, 4), ("fp16", 0.01, 2), ("bf16", 0.1, 2)])
def test_an_ir_in_every_precision(weights, inputs, expected, tmp_path, precision, tolerance, bytes_a_weight):
    xml, binary = model_export.export(VARIANT, weights, tmp_path / "hand.xml", precision)
    assert binary.stat().st_size == pytest.approx(bytes_a_weight * weights.stat().st_size / 4, rel=0.02)
    differences = largest_difference(open_engine("auto", VARIANT, xml)(inputs), expected)
    assert max(differences.values()) < tolerance, differences
    assert {one.name for one in tmp_path.iterdir()} == {"hand.xml", "hand.bin"}


def test_int8_is_calibrated_and_near(weights, inputs, expected, tmp_path):
    pytest.importorskip("nncf")
    xml, binary = model_export.export(VARIANT, weights, tmp_path / "hand.xml", "int8", [one[None] for one in inputs])
    assert binary.stat().st_size < 0.3 * weights.stat().st_size
    found = open_engine("auto", VARIANT, xml)(inputs)
    for name, values in expected.items():
        assert np.corrcoef(found[name].ravel(), values.ravel())[0, 1] > 0.98
    with pytest.raises(InputError, match="photographs to calibrate"):
        model_export.export(VARIANT, weights, tmp_path / "none.xml", "int8")


def test_what_cannot_be_exported_or_run(weights, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.xml or \.onnx"):
        model_export.export(VARIANT, weights, tmp_path / "hand.pb")
    with pytest.raises(InputError, match="ONNX is written in fp32"):
        model_export.export(VARIANT, weights, tmp_path / "hand.onnx", "fp16")
    (tmp_path / "broken.xml").write_text("<no model>")
    with pytest.raises(InputError, match=r"broken\.bin: no such file, which broken\.xml needs"):
        open_engine("auto", VARIANT, tmp_path / "broken.xml")
    (tmp_path / "broken.bin").touch()
    with pytest.raises(InputError, match=r"broken\.xml cannot be read by openvino"):
        open_engine("auto", VARIANT, tmp_path / "broken.xml")
    (path,) = model_export.export(VARIANT, weights, tmp_path / "hand.onnx")
    with pytest.raises(InputError, match="another variant than compact/no_pose: its outputs are Mconv7"):
        open_engine("auto", get_variant("compact/no_pose"), path)
