import hashlib
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from conftest import ROOT, files_of_at_most, random_net
from maskpose.errors import InputError
from maskpose.inference import engines, export
from maskpose.inference.engines import open_engine
from maskpose.inference.image_paths import find_images
from maskpose.inference.predictor import Predictor
from maskpose.model.variants import get_variant

onnx = pytest.importorskip("onnx")
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
    (path,) = export.export_network(VARIANT, weights, tmp_path / "deep/hand.onnx")
    run = open_engine(engine, VARIANT, path)
    for batch in (inputs, inputs[:1]):
        found = run(batch)
        reference = {name: values[: len(batch)] for name, values in expected.items()}
        assert max(largest_difference(found, reference).values()) < 2e-5
    assert [one.name for one in path.parent.iterdir()] == ["hand.onnx"]


@pytest.mark.parametrize("precision,tolerance,bytes_a_weight", [("fp32", 2e-5, 4), ("fp16", 0.01, 2), ("bf16", 0.1, 2)])
def test_an_ir_in_every_precision(weights, inputs, expected, tmp_path, precision, tolerance, bytes_a_weight):
    xml, binary = export.export_network(VARIANT, weights, tmp_path / "hand.xml", precision)
    assert binary.stat().st_size == pytest.approx(bytes_a_weight * weights.stat().st_size / 4, rel=0.02)
    differences = largest_difference(open_engine("auto", VARIANT, xml)(inputs), expected)
    assert max(differences.values()) < tolerance, differences
    assert {one.name for one in tmp_path.iterdir()} == {"hand.xml", "hand.bin"}


def test_int8_is_calibrated_and_near(weights, inputs, expected, tmp_path):
    pytest.importorskip("nncf")
    xml, binary = export.export_network(VARIANT, weights, tmp_path / "hand.xml", "int8", [one[None] for one in inputs])
    assert binary.stat().st_size < 0.3 * weights.stat().st_size
    found = open_engine("auto", VARIANT, xml)(inputs)
    for name, values in expected.items():
        assert np.corrcoef(found[name].ravel(), values.ravel())[0, 1] > 0.98
    with pytest.raises(InputError, match="images to calibrate"):
        export.export_network(VARIANT, weights, tmp_path / "none.xml", "int8")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_int8_as_onnx_is_calibrated_and_near(weights, inputs, expected, tmp_path, engine):
    pytest.importorskip("onnxruntime")
    (path,) = export.export_network(VARIANT, weights, tmp_path / "hand.onnx", "int8", [one[None] for one in inputs])
    assert path.stat().st_size < 0.3 * weights.stat().st_size
    run = open_engine(engine, VARIANT, path)
    for batch in (inputs, inputs[:1]):
        found = run(batch)
        for name, values in expected.items():
            assert np.corrcoef(found[name].ravel(), values[: len(batch)].ravel())[0, 1] > 0.98
    with pytest.raises(InputError, match="images to calibrate"):
        export.export_network(VARIANT, weights, tmp_path / "none.onnx", "int8", [])
    assert [one.name for one in tmp_path.iterdir()] == ["hand.onnx"]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_onnx_file_notes_its_variant_and_weights(weights, inputs, tmp_path, precision):
    calibration = [inputs[:1]] if precision == "int8" else None
    (path,) = export.export_network(VARIANT, weights, tmp_path / "hand.onnx", precision, calibration)
    noted = {one.key: one.value for one in onnx.load(path).metadata_props}
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert noted == {"maskpose_variant": "compact/mask_pose", "maskpose_weights_sha256": digest}


def test_int8_as_onnx_has_integer_weights_but_where_the_heatmaps_come_from(weights, inputs, tmp_path):
    pytest.importorskip("onnxruntime")
    (path,) = export.export_network(VARIANT, weights, tmp_path / "hand.onnx", "int8", [inputs[:1]])
    kernels = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    kernels = [kernel for kernel in kernels if kernel.ndim == 4]
    assert [kernel.shape[0] for kernel in kernels if kernel.dtype == np.float32] == [22]
    assert {str(kernel.dtype) for kernel in kernels} == {"float32", "int8"} and len(kernels) > 30


def test_the_shipped_int8_file_is_near_the_shipped_weights():
    """One pass over ten rendered hands; another processor, without AMX, may round otherwise."""
    files = [ROOT / f"examples/rendered_hands/Test/source/{n}.jpg" for n in range(10)]
    options = {"refine": False, "search": False, "use_pyramid": False}
    usual, small = (
        list(Predictor(weights_path=path, **options).predict_many(files))
        for path in (ROOT / "weights/compact_mask_pose.caffemodel", ROOT / "weights/compact_mask_pose_int8.xml")
    )
    apart = [np.median(np.linalg.norm(a.keypoints - b.keypoints, axis=1)) for a, b in zip(usual, small)]
    overlap = [
        (a.mask & b.mask).sum() / (a.mask | b.mask).sum() for a, b in zip(usual, small) if (a.mask | b.mask).any()
    ]
    assert len(overlap) > 7  # elsewhere neither has a mask
    assert np.median(apart) < 3 and np.median(overlap) > 0.9  # pixels of 256


def test_what_cannot_be_exported_or_run(weights, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.xml or \.onnx"):
        export.export_network(VARIANT, weights, tmp_path / "hand.pb")
    with pytest.raises(InputError, match="ONNX is written in fp32 or int8"):
        export.export_network(VARIANT, weights, tmp_path / "hand.onnx", "fp16")
    (tmp_path / "broken.xml").write_text("<no model>")
    with pytest.raises(InputError, match=r"broken\.bin: no such file, which broken\.xml needs"):
        open_engine("auto", VARIANT, tmp_path / "broken.xml")
    (tmp_path / "broken.bin").touch()
    with pytest.raises(InputError, match=r"broken\.xml cannot be read by openvino"):
        open_engine("auto", VARIANT, tmp_path / "broken.xml")
    (tmp_path / "broken.onnx").write_text("<no model>")
    with pytest.raises(InputError, match=r"broken\.onnx is no ONNX model"):
        open_engine("auto", VARIANT, tmp_path / "broken.onnx")
    with pytest.raises(InputError, match="unknown precision 'int4'"):
        export.export_network(VARIANT, weights, tmp_path / "hand.xml", "int4")
    with pytest.raises(InputError, match="only int8 is calibrated"):
        export.export_network(VARIANT, weights, tmp_path / "hand.xml", "fp16", [])


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_a_file_of_another_variant_is_refused(weights, tmp_path, suffix):
    """Also of one with the same outputs, and where the file does not note its variant: by outputs and input."""
    path, *_ = export.export_network(VARIANT, weights, tmp_path / f"hand{suffix}")
    message = "another variant than {}: it was made for compact/mask_pose"
    for name in ("mask_pose", "compact/no_pose"):
        with pytest.raises(InputError, match=message.format(name)):
            open_engine("auto", get_variant(name), path)
    unmarked = tmp_path / f"unmarked{suffix}"
    if suffix == ".onnx":
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, unmarked)
    else:
        unmarked.write_text(re.sub(r'<\w*variant value="[^"]*" ?/>', "", path.read_text()))
        shutil.copy(path.with_suffix(".bin"), unmarked.with_suffix(".bin"))
    open_engine("auto", VARIANT, unmarked)
    for name, message in (
        ("mask_pose+sub_stages=3", r"takes inputs of any x 3 x 184 x 184: mask_pose\+sub_stages=3's are any x 3 x 368"),
        ("compact/no_pose", "another variant than compact/no_pose: its outputs are Mconv7"),
    ):
        with pytest.raises(InputError, match=message):
            open_engine("auto", get_variant(name), unmarked)


def test_a_file_fits_variants_that_are_trained_otherwise(weights, tmp_path):
    path, *_ = export.export_network(VARIANT, weights, tmp_path / "hand.onnx")
    open_engine("auto", get_variant("compact/mask_pose+sigma=1.5+background=sum+batch_size=4+mask_loss_weight=1"), path)
    for other in ("sub_stages=5", "width=0.5", "input_size=128"):
        with pytest.raises(InputError, match="it was made for compact/mask_pose"):
            open_engine("auto", get_variant(f"compact/mask_pose+sigma=1.5+{other}"), path)


@pytest.mark.parametrize("name", ["hand.onnx", "hand.xml"])
def test_where_nothing_can_be_written(weights, tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / name).mkdir()
    for path in (tmp_path / "file" / name, tmp_path / name):
        with pytest.raises(InputError, match=f"{name} cannot be written"):
            export.export_network(VARIANT, weights, path)
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


@pytest.mark.parametrize("name", ["hand.onnx", "hand.xml"])
@pytest.mark.parametrize("short", [100, 2_000_000])
def test_a_full_disk_leaves_the_former_export(weights, tmp_path, name, short):
    former = {one.name: one.read_bytes() for one in export.export_network(VARIANT, weights, tmp_path / name)}
    size = max(map(len, former.values())) - short
    with files_of_at_most(size), pytest.raises(InputError, match=f"{name} cannot be written.*(too large|iostream)"):
        export.export_network(VARIANT, weights, tmp_path / name)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == former


def test_a_bf16_file_holds_the_weights_of_an_fp16_file(weights, tmp_path):
    one, other = (export.export_network(VARIANT, weights, tmp_path / f"{p}.xml", p)[1] for p in ("fp16", "bf16"))
    assert one.read_bytes() == other.read_bytes()


def test_calibration_leaves_out_what_cannot_be_read(tmp_path, capsys):
    for n in range(4):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((20, 10, 3), 60 * n, np.uint8))
    (tmp_path / "1.png").write_text("no picture")
    found = list(export.calibration_inputs(find_images([tmp_path]), 184))
    assert [one.shape for one in found] == [(1, 3, 184, 184)] * 3 and "left out: " in capsys.readouterr().err
    assert [one[0, 0, 90, 45] for one in found] == pytest.approx([60 * n / 256 - 0.5 for n in (0, 2, 3)])
    assert len(list(export.calibration_inputs(find_images([tmp_path]), 184, 2))) == 2  # 0 and 2


def test_openvino_and_nncf_send_no_statistics(tmp_path):
    """Left to themselves they would make ~/intel, and write there whom they speak for."""
    code = (
        "from maskpose.inference.predictor import Predictor; Predictor(engine='openvino')\n"
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert result.stdout == "openvino.tools.ovc.telemetry_stub\n", result.stderr
    assert not (tmp_path / "intel").exists()


def test_weights_too_large_for_fp16_are_an_error(weights, tmp_path):
    net = random_net(VARIANT.name)
    net.params["conv2_1"][1].data[0] = 7e4
    net.save(str(tmp_path / "w.caffemodel"))
    with pytest.raises(InputError, match="layer conv2_1 has weights too large for fp16"):
        export.export_network(VARIANT, tmp_path / "w.caffemodel", tmp_path / "hand.xml", "fp16")
    assert [path.name for path in tmp_path.iterdir()] == ["w.caffemodel"]


def test_an_ir_with_weights_that_are_not_finite_is_refused(weights, tmp_path):
    xml, binary = export.export_network(VARIANT, weights, tmp_path / "hand.xml")
    values = np.fromfile(binary, np.float32)
    values[np.abs(values) > 0.01] = np.nan
    values.tofile(binary)
    with pytest.raises(InputError, match=r"hand\.xml: .* is damaged: .* not finite"):
        open_engine("auto", VARIANT, xml)
