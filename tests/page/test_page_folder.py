"""The page's folder, what settings.json says, the server and the command."""

import hashlib
import http.client
import json
import socket
import tarfile
import threading

import cv2
import numpy as np
import pytest

from conftest import ROOT
from maskpose.cli import page as command
from maskpose.cli import predict
from maskpose.errors import InputError
from maskpose.inference import engines
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.predictor import Predictor
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import get_variant
from maskpose.page import build, onnxruntime_web, server

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package of npm with files of few bytes in the place of onnxruntime-web's."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "file").write_text("a file")
    with tarfile.open(folder / "package.tgz", "w:gz") as archive:
        for name in onnxruntime_web.FILES:
            archive.add(folder / "file", onnxruntime_web.INSIDE + name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime_web, "npm_fetched", lambda *requirement: folder / "package.tgz")
        yield


@pytest.fixture(scope="module")
def site(package, tmp_path_factory):
    """The page's folder, which no test changes."""
    folder = tmp_path_factory.mktemp("page") / "site"
    build.write(folder)
    return folder


def test_the_folder_has_everything_and_a_small_network(site):
    settings = json.loads((site / "settings.json").read_text())
    networks = settings["networks"]
    assert {name: networks[name]["precision"] for name in networks} == {"wasm": "int8", "webgpu": "fp32"}
    for network, largest in ((networks["wasm"], 3e6), (networks["webgpu"], 10e6)):
        data = (site / network["file"]).read_bytes()
        assert network["bytes"] == len(data) <= largest
        assert network["sha256"] == hashlib.sha256(data).hexdigest()
    assert settings["names"] == list(KEYPOINT_NAMES) and settings["threshold"] == THRESHOLD
    assert settings["palettes"]["paper"]["thumb"] == "#003cff"  # the blue of the paper's Fig. 11
    assert len(settings["heatColours"]) == 256 and settings["examples"]
    for path in (*settings["examples"], "index.html", "app.js", "worker.js", "style.css", "icon.svg"):
        assert (site / path).is_file()
    for path in settings["examples"]:
        assert cv2.imread(str(site / path)) is not None
    assert {path.name for path in (site / "ort").iterdir()} == set(onnxruntime_web.FILES)


def test_settings_are_those_of_predict(site, tmp_path):
    """The fingerprint is of the image and of what ``maskpose predict`` computes it from."""
    image = build.SITE / build.EXAMPLES / "hand_1.jpg"
    for network in json.loads((site / "settings.json").read_text())["networks"].values():
        predict.main([str(image), "--weights", str(site / network["file"]), "--out", str(tmp_path / "out")])
        written = json.loads((tmp_path / "out/hand_1.json").read_text())["fingerprint"]
        assert hashlib.sha256(network["madeWith"].encode() + image.read_bytes()).hexdigest()[:16] == written


def test_without_int8_the_network_is_in_fp32_everywhere(package, tmp_path, monkeypatch, capsys):
    command.main(["--out", str(tmp_path / "asked"), "--fp32"])
    assert not capsys.readouterr().err
    monkeypatch.setattr(build, "can_quantise", lambda: False)  # as where onnxruntime is not installed
    command.main(["--out", str(tmp_path / "missing")])
    assert "int8 needs onnxruntime" in capsys.readouterr().err
    for name in ("asked", "missing"):
        networks = json.loads((tmp_path / name / "settings.json").read_text())["networks"]
        assert {network["file"] for network in networks.values()} == {"network.onnx"}
        assert not (tmp_path / name / build.SMALL_NETWORK).exists()


def test_the_network_for_gpus_computes_what_the_weights_do(site):
    """Its convolutions have a multiple of 4 channels, as WebGPU wants them, and more than the weights have."""
    inputs = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3, 184, 184)).astype(np.float32)
    variant = get_variant("compact/mask_pose")
    right, found = (
        engines.open_engine("onnxruntime", variant, path)(inputs)
        for path in (ROOT / "weights/compact_mask_pose.caffemodel", site / build.NETWORK)
    )
    assert found.keys() == right.keys()
    assert all(np.allclose(found[name], right[name], atol=1e-5) for name in right)
    graph = onnx.load(site / build.NETWORK).graph
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    channels = {shapes[node.input[1]][1] for node in graph.node if node.op_type == "Conv"}
    assert all(count % 4 == 0 for count in channels - {3}) and len(channels) > 4


def test_int8_finds_the_hands_of_fp32(site):
    """One pass over twelve rendered hands."""
    files = sorted((ROOT / "examples/rendered_hands/Test/source").iterdir())[:12]
    usual, small = (
        list(Predictor(weights_path=site / name, engine="onnxruntime", use_pyramid=False).predict_many(files))
        for name in (build.NETWORK, build.SMALL_NETWORK)
    )
    apart = [np.median(np.linalg.norm(a.keypoints - b.keypoints, axis=1)) for a, b in zip(usual, small)]
    overlap = [
        (a.mask & b.mask).sum() / (a.mask | b.mask).sum() for a, b in zip(usual, small) if (a.mask | b.mask).any()
    ]
    assert len(overlap) > 8  # elsewhere neither has a mask
    assert np.median(apart) < 2 and np.median(overlap) > 0.95  # pixels of 256


def test_a_folder_is_written_once_and_again_if_something_is_new(package, tmp_path, monkeypatch):
    def time_of(int8=False):
        assert build.built(tmp_path / "site", int8=int8) == tmp_path / "site"
        return (tmp_path / "site/network.onnx").stat().st_mtime_ns

    first = time_of()
    assert time_of() == first
    with_int8 = time_of(int8=True)
    assert with_int8 > first
    monkeypatch.setattr(build, "__version__", "0.0.1")
    assert time_of(int8=True) > with_int8


def test_without_a_folder_the_page_is_in_the_cache(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = build.built(None, int8=False)
    assert folder.is_relative_to(tmp_path / "cache") and (folder / "index.html").is_file()


def test_what_cannot_be_written_is_said(package, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that are not this program's"):
        build.write(tmp_path / "other")
    with pytest.raises(InputError, match="compact/no_mask does not have both"):
        build.write(tmp_path / "site", "compact/no_mask")
    with pytest.raises(InputError, match=r"nothing\.caffemodel"):
        build.write(tmp_path / "site", weights=tmp_path / "nothing.caffemodel")
    assert not (tmp_path / "site").exists()


def test_a_package_without_the_files_is_said(tmp_path, monkeypatch):
    (tmp_path / "package.tgz").write_bytes(b"no archive")
    monkeypatch.setattr(onnxruntime_web, "npm_fetched", lambda *requirement: tmp_path / "package.tgz")
    with pytest.raises(InputError, match=r"package\.tgz"):
        onnxruntime_web.write(tmp_path / "ort")


@pytest.fixture
def asked(tmp_path):
    """A function that asks a server of a small folder for a path: (status, headers, bytes)."""
    (tmp_path / "site/ort").mkdir(parents=True)
    for name in ("index.html", "app.js", "ort/ort.mjs", "ort/ort.wasm", ".made-by-maskpose"):
        (tmp_path / "site" / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    with server.open_server(tmp_path / "site", 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection(server.HOST, serving.server_port, timeout=30)

        def ask(path, method="GET"):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

        yield ask
        connection.close()
        serving.shutdown()


def test_files_are_served_with_their_kinds_and_headers(asked):
    kinds = {"/": "text/html", "/app.js": "text/javascript", "/ort/ort.mjs": "text/javascript",
             "/ort/ort.wasm": "application/wasm"}  # fmt: skip
    for path, kind in kinds.items():
        status, headers, data = asked(path)
        assert status == 200 and headers["Content-Type"] == kind
        assert data.decode() == (path.strip("/") or "index.html")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "http" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/.made-by-maskpose", "/ort/"])
def test_nothing_else_is_served(asked, path):
    status, headers, data = asked(path)
    assert status == 404 and b"secret" not in data.replace(path.encode(), b"")
    assert "Content-Security-Policy" in headers


def test_nothing_can_be_sent(asked):
    assert asked("/", "POST")[0] == 501


def test_only_this_machine_is_served(tmp_path):
    with server.open_server(tmp_path, 0) as serving:
        assert serving.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_said_in_one_line(package, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(SystemExit) as end:
            command.main(["--out", str(tmp_path / "site"), "--fp32", "--serve", "--port", port])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: port {port} is in use: choose another with --port\n"


def test_the_command_wants_to_know_where_to(package, tmp_path, capsys):
    for arguments, words in (([], "--out FOLDER"), (["--serve", "--port", "70000"], "from 0 to 65535")):
        with pytest.raises(SystemExit) as end:
            command.main(arguments)
        assert end.value.code == 2 and words in capsys.readouterr().err
    command.main(["--out", str(tmp_path / "site"), "--fp32"])
    assert capsys.readouterr().out.startswith(f"written to {tmp_path / 'site'}: ")
