"""The bundle for machines that have nothing: put together here, and run where there is glibc and nothing else."""

import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from maskpose.inference.predictor import Predictor
from maskpose.io.images import read_color

IMAGE = ROOT / "examples/rendered_hands/Test/source/3.jpg"
BARE = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2",
        "libmvec.so.1")  # of glibc  # fmt: skip


@pytest.fixture(scope="module")
def bundle():
    folder = str(ROOT / "caffe_build")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("bundle")
    finally:
        sys.path.remove(folder)
        for name in ("bundle", "build", "cuda_toolkit"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(("size", "names"), [(None, ["a.xz"]), (2, ["a.xz.part00", "a.xz.part01", "a.xz.part02"])])
def test_parts_put_together_are_the_whole(bundle, tmp_path, size, names):
    data = os.urandom(5 * 10**6)
    found = bundle.write_parts(io.BytesIO(data), tmp_path, "a.xz", size)
    assert found == [*names, "a.xz.sha256"] and sorted(path.name for path in tmp_path.iterdir()) == sorted(found)
    assert b"".join((tmp_path / name).read_bytes() for name in names) == data
    assert max((tmp_path / name).stat().st_size for name in names) <= (size or 5) * 10**6
    sums = dict(line.split()[::-1] for line in (tmp_path / "a.xz.sha256").read_text().splitlines())
    assert sums == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}


def test_what_comes_from_the_target(bundle):
    for name in ("libc.so.6", "ld-linux-x86-64.so.2", "libcuda.so.1"):
        assert bundle.from_target(name, pack_cuda=True)
    for name in ("libcudart.so.13", "libcublas.so.13", "libcudnn.so.9", "libcurand.so.10"):
        assert bundle.from_target(name, pack_cuda=False) and not bundle.from_target(name, pack_cuda=True)
    for name in ("libstdc++.so.6", "libcaffe.so.1.0.0", "libopencv_core.so.406", "libnccl.so.2"):
        assert not bundle.from_target(name, pack_cuda=False)


@pytest.fixture
def outside(tmp_path):
    """A bundle for GPUs whose Python says what it was started with."""
    root = tmp_path / "bundle"
    (root / "python/bin").mkdir(parents=True)
    shutil.copy(ROOT / "caffe_build/bundle_run.sh", root / "run")
    (root / "cuda-from-outside").touch()
    python = root / "python/bin/python3"
    python.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$PYTHONPATH|$*"\n')
    python.chmod(0o755)
    return root


def test_cudas_libraries_are_found_where_they_are_said_to_be(outside, tmp_path):
    for name in (
        "site/nvidia/cu13/lib/libcudart.so.13",
        "site/nvidia/cudnn/lib/libcudnn.so.9",
        "tools/lib64/libcudart.so.13",
        "venv/lib/python3.12/site-packages/nvidia/nccl/lib/libnccl.so.2",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    env = {"PATH": "/nowhere", "PYTHONPATH": "/theirs", "LD_LIBRARY_PATH": "/before"}
    for place, folders in (
        ("site", ["site/nvidia/cu13/lib", "site/nvidia/cudnn/lib"]),
        ("tools", ["tools/lib64"]),
        ("venv", ["venv/lib/python3.12/site-packages/nvidia/nccl/lib"]),
    ):
        paths = ":".join([*(str(tmp_path / folder) for folder in folders), "/before"])
        for command in (
            [outside / "run", "--cuda-from", tmp_path / place, "maskpose", "predict", "a b"],
            [outside / "run", "maskpose", "predict", "a b"],
        ):
            where = {} if "--cuda-from" in command else {"CUDA_FROM": str(tmp_path / place)}
            result = subprocess.run(["/bin/sh", *command], env={**env, **where}, capture_output=True, text=True)
            assert result.stdout == f"{paths}||-m maskpose predict a b\n", result.stderr


def test_a_bundle_without_cudas_libraries_says_so(outside, tmp_path):
    for arguments, words in (
        (["--cuda-from", tmp_path], "were not found in"),
        (["--cuda-from", "/none"], "is no folder"),
    ):
        command = ["/bin/sh", outside / "run", *arguments, "maskpose"]
        result = subprocess.run(command, env={"PATH": "/nowhere"}, capture_output=True, text=True)
        assert result.returncode == 2 and words in result.stderr and result.stderr.count("\n") == 1


def needed_distributions():
    """{name: distribution} of what this project and Caffe need, and of what those need, as far as it is installed."""
    found, names = {}, ["maskpose", "caffe"]
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name not in found:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # another system's
                found[name] = importlib.metadata.distribution(name)
                wanted = found[name].requires or []
                names += [re.match(r"[\w.-]+", one)[0] for one in wanted if "extra ==" not in one]
    return found


@pytest.fixture(scope="module")
def assembled(bundle, tmp_path_factory):
    """A whole bundle of this environment's Caffe and packages."""
    if shutil.which("patchelf") is None or not Path("/usr/bin/python3").exists():
        pytest.skip("patchelf and the system's Python are needed")
    folder = tmp_path_factory.mktemp("bundle")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / f"venv/lib/python{version}/site-packages"
    for name, distribution in needed_distributions().items():
        for file in distribution.files or []:
            source, target = Path(distribution.locate_file(file)), site / file
            if name != "maskpose" and ".." not in file.parts and source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    shutil.copytree(ROOT / "python/maskpose", site / "maskpose")
    for name in ("prototxt", "weights"):
        shutil.copytree(ROOT / name, site / "maskpose/shipped" / name)
    (folder / "venv/bin").mkdir()
    shutil.copy(Path(sys.executable).parent / "caffe", folder / "venv/bin")
    log = bundle.build.Log(folder / "log")
    interpreter = bundle.build.inspect_interpreter("/usr/bin/python3")
    bundle.assemble(interpreter, folder / "venv", folder / "maskpose-cpu", False, False, log)
    shutil.rmtree(folder / "venv")
    return folder / "maskpose-cpu"


@pytest.mark.slow
def test_it_runs_where_there_is_glibc_and_nothing_else(assembled, tmp_path):
    """In a folder as the root of the file system, without a network: a shell, glibc, the bundle and a photograph."""
    root = tmp_path / "root"
    for name in ("proc", "dev", "tmp", "bin", "lib64", "lib/x86_64-linux-gnu"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/dash", root / "bin/sh")
    shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")
    for name in BARE:
        shutil.copy(f"/lib/x86_64-linux-gnu/{name}", root / "lib/x86_64-linux-gnu")
    shutil.copytree(assembled, root / "somewhere", symlinks=True)
    shutil.copy(IMAGE, root / "photo.jpg")
    enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'

    def run(*arguments):
        command = ["unshare", "--net", "--mount", "bash", "-c", enter, root, "/somewhere/run", *arguments]
        return subprocess.run([*map(str, command)], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})

    result = run("caffe", "--version")
    if "unshare:" in result.stderr or "mount:" in result.stderr:
        pytest.skip(f"another root wants more rights: {result.stderr.strip()}")
    assert result.returncode == 0 and "caffe version 1.0.0" in result.stdout + result.stderr, result.stderr
    result = run("maskpose", "predict", "photo.jpg", "--out", "out", "--engine", "caffe")
    assert result.returncode == 0 and "keypoints" in result.stdout, result.stderr
    found = np.array(json.loads((root / "out/photo.json").read_text())["keypoints"])
    hand = Predictor(engine="caffe").predict(read_color(IMAGE))
    assert np.abs(found[:, :2] - hand.keypoints).max() < 0.05
    assert run("python", "-c", "import maskpose.data_layer, ssl, sqlite3, lzma, ctypes").returncode == 0
    assert run("other").returncode == 2


@pytest.mark.slow
def test_a_library_that_is_missing_is_named(bundle, assembled):
    (library,) = assembled.glob("lib/libglog.so.*")
    library.rename(library.with_name("elsewhere"))
    try:
        with pytest.raises(bundle.BuildError, match=r"not in the bundle: .*caffe\S* needs libglog\.so"):
            bundle.check_closed(assembled, False)
    finally:
        library.with_name("elsewhere").rename(library)
    assert bundle.check_closed(assembled, False) > 300
    assert f"{library.name} libgoogle-glog" in (assembled / "LIBRARIES.txt").read_text()
