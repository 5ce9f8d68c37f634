"""Caffe for GPUs: architectures, toolkits, keys, and that what an environment has stays. Nothing is built."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "caffe_build"


@pytest.fixture(scope="module")
def build():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        spec = importlib.util.spec_from_file_location("caffe_build_for_gpus", FOLDER / "build.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def toolkit(build):
    return build.cuda_toolkit


@pytest.fixture
def cuda(toolkit):
    """The build that CUDA=1 CUDA_ARCH='80 90' CUDA_TOOLKIT=pypi asks for."""
    return toolkit.Cuda(toolkit.PYPI, "13.0", ("80", "90"), False)


@pytest.fixture
def interpreter():
    return SimpleNamespace(version="3.11")


@pytest.fixture
def no_gpu(build, toolkit, monkeypatch):
    """A machine of the kind that builds are made for, without a GPU and without a toolkit."""
    monkeypatch.setattr(toolkit.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(toolkit, "installed_gpus", lambda: [])
    monkeypatch.setattr(toolkit, "system_toolkits", lambda: [])


def make_toolkit(folder, version=13000, without=()):
    """An empty shell of a toolkit."""
    files = ["bin/nvcc", "lib64/libcudart.so", "lib64/libcublas.so", "lib64/libcurand.so"]
    files += [f"include/{name}.h" for name in ("cuda", "cuda_runtime", "cublas_v2", "curand")]
    for name in set(files) - set(without):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#define CUDA_VERSION {version}\n")
    return folder


# ---- Architectures


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("11.0", "60 61 70 75 80"),
        ("11.4", "60 61 70 75 80 86"),
        ("11.8", "60 61 70 75 80 86 89 90"),
        ("12.6", "60 61 70 75 80 86 89 90"),
        ("12.8", "60 61 70 75 80 86 89 90 100 120"),
        ("13.0", "75 80 86 89 90 100 120"),
        ("13.4", "75 80 86 89 90 100 120"),
    ],
)
def test_archs_of_common_cards(toolkit, version, expected):
    assert " ".join(toolkit.default_archs(version, [])) == expected


def test_archs_of_the_installed_gpus_come_first(toolkit):
    assert toolkit.default_archs("13.0", ["8.6", "12.0"]) == ("86", "120")
    with pytest.raises(toolkit.CudaError, match=r"6\.1 is no architecture that CUDA 13\.0 compiles for"):
        toolkit.default_archs("13.0", ["6.1"])
    assert toolkit.default_archs("12.9", ["6.1"]) == ("61",)


@pytest.mark.parametrize("text", ["80 90", "90,80", "8.0;9.0", " sm_90  sm_80 80 ", "compute_80 9.0"])
def test_archs_in_any_spelling(toolkit, text):
    assert toolkit.parse_archs(text, "13.0") == ("80", "90")


def test_archs_are_sorted_by_number(toolkit):
    assert toolkit.parse_archs("120 90 100", "13.0") == ("90", "100", "120")


@pytest.mark.parametrize(
    ("text", "version", "named"),
    [
        ("70", "13.0", "70"),  # CUDA 13 dropped what is older than 75
        ("120", "12.6", "120"),
        ("90 hopper", "13.0", "hopper"),
        ("90a", "13.0", "90a"),
        (" ", "13.0", "nothing"),
        ("9", "13.0", "9"),
    ],
)
def test_bad_archs_are_named_with_the_good_ones(toolkit, text, version, named):
    with pytest.raises(toolkit.CudaError) as error:
        toolkit.parse_archs(text, version)
    message = str(error.value)
    assert message.startswith(f"CUDA_ARCH: {named} is no architecture that CUDA {version} compiles for; it knows ")
    assert "75 80 86" in message
    assert "\n" not in message


def test_nvidia_smi_tells_the_archs(toolkit, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toolkit.installed_gpus() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 8.9\necho 12.0\necho 8.9\n")
    program.chmod(0o755)
    assert toolkit.installed_gpus() == ["8.9", "12.0", "8.9"]
    assert toolkit.default_archs("13.0", toolkit.installed_gpus()) == ("89", "120")
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert toolkit.installed_gpus() == []


# ---- Toolkit


def test_whole_toolkit_of_the_system_is_taken(toolkit, tmp_path):
    broken = make_toolkit(tmp_path / "broken", without=["include/curand.h", "lib64/libcublas.so"])
    whole = make_toolkit(tmp_path / "cuda-12.8", 12080)
    (tmp_path / "cuda").symlink_to(whole)
    assert toolkit.find_toolkit(None, [broken, tmp_path / "none", tmp_path / "cuda"]) == (str(whole), "12.8")
    assert toolkit.find_toolkit(None, [broken]) == ("pypi", "13.0")
    assert toolkit.find_toolkit("pypi", [whole]) == ("pypi", "13.0")


def test_named_toolkit_must_be_whole(toolkit, tmp_path):
    broken = make_toolkit(tmp_path, without=["include/curand.h", "lib64/libcublas.so"])
    with pytest.raises(toolkit.CudaError, match=r"it lacks include/curand\.h, lib64/libcublas\.so$"):
        toolkit.find_toolkit(str(broken))


def test_toolkit_as_debian_has_it(toolkit, tmp_path):
    """Debian's nvidia-cuda-toolkit is /usr itself, where lib64 has nothing of it."""
    make_toolkit(tmp_path, 11080)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib64").rename(tmp_path / "lib" / "x86_64-linux-gnu")
    (tmp_path / "lib64").mkdir()
    assert toolkit.find_toolkit(None, [tmp_path]) == (str(tmp_path), "11.8")
    system = toolkit.Cuda(str(tmp_path), "11.8", ("80",), False)
    assert system.library_paths("S")[-1] == f"{tmp_path}/lib/x86_64-linux-gnu"


def test_toolkit_of_another_generation(toolkit, tmp_path):
    with pytest.raises(toolkit.CudaError, match=r"is CUDA 10\.2, but only CUDA 11, 12, 13 are supported"):
        toolkit.find_toolkit(str(make_toolkit(tmp_path, 10020)))


def test_other_machines_are_refused(toolkit, monkeypatch):
    monkeypatch.setattr(toolkit.platform, "machine", lambda: "riscv64")
    with pytest.raises(toolkit.CudaError, match="x86_64 only; this is riscv64"):
        toolkit.choose()


@pytest.mark.parametrize("cudnn", [False, True])
@pytest.mark.parametrize("version", ["11.8", "12.8", "13.0"])
def test_nccl_and_cudnn_are_of_the_toolkits_generation(toolkit, tmp_path, version, cudnn):
    chosen = toolkit.Cuda(str(make_toolkit(tmp_path)), version, ("80",), cudnn)
    generation = version[:2]
    names = sorted(name.partition("==")[0] for name in chosen.requires)
    assert names == [f"nvidia-cudnn-cu{generation}"] * cudnn + [f"nvidia-nccl-cu{generation}"]
    assert sorted(chosen.groups) == [f"cudnn-cu{generation}"] * cudnn + [f"nccl-cu{generation}"]


def test_libraries_are_found_in_the_environment_or_the_toolkit(toolkit, cuda, tmp_path):
    assert cuda.library_paths("$ORIGIN/..") == ["$ORIGIN/../nvidia/nccl/lib", "$ORIGIN/../nvidia/cu13/lib"]
    system = toolkit.Cuda(str(make_toolkit(tmp_path)), "13.0", ("80",), True)
    assert system.library_paths("S") == ["S/nvidia/nccl/lib", "S/nvidia/cudnn/lib", f"{tmp_path}/lib64"]


def test_every_package_is_pinned(toolkit):
    packages = {**toolkit.PYPI_RUNTIME, **toolkit.PYPI_COMPILER, **toolkit.NVRTC}
    for group in (*toolkit.NCCL.values(), *toolkit.CUDNN.values()):
        packages.update(group)
    for version, sha256 in packages.values():
        assert version.count(".") >= 2
        assert len(bytes.fromhex(sha256)) == 32


def test_packages_get_the_names_that_cmake_looks_for(toolkit, tmp_path):
    library = tmp_path / "nvidia" / "cu13" / "lib"
    library.mkdir(parents=True)
    for name in ("libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10"):
        (library / name).touch()
    toolkit.name_libraries(tmp_path)
    links = {path.name: os.readlink(path) for path in library.iterdir() if path.is_symlink()}
    assert links == {
        "libcudart.so": "libcudart.so.13",
        "libcublas.so": "libcublas.so.13",
        "libcurand.so": "libcurand.so.10",
    }
    assert (tmp_path / "nvidia" / "cu13" / "lib64" / "libcublas.so").exists()


def test_cmake_is_told_everything(cuda):
    folders = {"nccl-cu13": Path("/nccl"), "toolkit": Path("/toolkit"), "cudnn-cu13": Path("/cudnn")}
    options = {name: str(value) for name, value in cuda.cmake_options(folders).items()}
    assert options == {
        "CPU_ONLY": "OFF",
        "USE_NCCL": "ON",
        "USE_CUDNN": "OFF",
        "NCCL_INCLUDE_DIR": "/nccl/nvidia/nccl/include",
        "NCCL_LIBRARIES": "/nccl/nvidia/nccl/lib/libnccl.so.2",
        "CUDA_TOOLKIT_ROOT_DIR": "/toolkit/nvidia/cu13",
        "CUDA_ARCH_NAME": "Manual",
        "CUDA_ARCH_BIN": "80 90",
        "CUDA_ARCH_PTX": "90",
    }
    options = replace(cuda, cudnn=True).cmake_options(folders)
    assert options["USE_CUDNN"] == "ON"
    assert str(options["CUDNN_LIBRARY"]) == "/cudnn/nvidia/cudnn/lib/libcudnn.so.9"


def test_host_compiler_is_the_newest_that_nvcc_works_with(toolkit, tmp_path, monkeypatch):
    config = make_toolkit(tmp_path / "cuda") / "include" / "crt" / "host_config.h"
    config.parent.mkdir()
    config.write_text("#if defined(__GNUC__)\n\n#if __GNUC__ > 11\n\n#error -- unsupported GNU version!\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    system = toolkit.Cuda(str(tmp_path / "cuda"), "11.8", ("80",), False)
    assert "CUDA_HOST_COMPILER" not in system.cmake_options({"nccl-cu11": Path("/nccl")})
    for name in ("g++", "g++-10", "g++-11", "g++-12"):
        (programs / name).touch(0o755)
    assert system.cmake_options({"nccl-cu11": Path("/nccl")})["CUDA_HOST_COMPILER"] == str(programs / "g++-11")


# ---- Keys and environments


def test_key_follows_everything_that_was_asked_for(build, cuda):
    builds = [
        None,
        cuda,
        replace(cuda, cudnn=True),
        replace(cuda, archs=("80",)),
        replace(cuda, version="12.8", toolkit="/usr/local/cuda-12.8"),
        replace(cuda, toolkit="/usr/local/cuda-13.0"),
    ]

    def key(choice):
        return build.cache_key("abi", "x86_64", ("debian", "12"), build.list_patches(cuda=choice), False, choice)

    assert len({key(choice) for choice in builds}) == len(builds)
    assert key(cuda) == key(replace(cuda))


def test_build_for_the_cpu_knows_nothing_of_cuda(build, cuda):
    assert not {path.parent.name for path in build.list_patches()} & {"cuda"}
    assert "nvidia" not in build.wheel_metadata()
    assert "Requires-Dist: nvidia-nccl-cu13==2.32.3\n" in build.wheel_metadata(cuda)


def test_environment_keeps_what_it_was_built_for(build, toolkit, cuda, no_gpu, interpreter, tmp_path):
    build.write_stamp(tmp_path, "abc", cuda)
    assert build.choose_cuda(None, None, None, None, tmp_path) == cuda
    assert build.choose_cuda(0, None, None, None, tmp_path) is None
    assert build.choose_cuda(1, 1, "75", None, tmp_path) == replace(cuda, archs=("75",), cudnn=True)
    module = tmp_path / "lib" / "python3.11" / "site-packages" / "caffe" / "_caffe.so"
    module.parent.mkdir(parents=True)
    module.touch()
    assert build.is_installed(interpreter, tmp_path, "abc")
    assert not build.is_installed(interpreter, tmp_path, "abd")


def test_environment_of_the_cpu_stays_so(build, no_gpu, tmp_path):
    assert build.choose_cuda(None, None, None, None, tmp_path / "none") is None
    build.write_stamp(tmp_path, "abc", None)
    assert (tmp_path / ".caffe-key").read_text() == "abc\n"
    assert build.choose_cuda(None, None, None, None, tmp_path) is None


def test_second_make_does_not_replace_the_build(build, cuda, no_gpu, tmp_path, monkeypatch, capsys):
    """`make train` calls build.py without a word of CUDA: it must find what `make caffe CUDA=1` left."""
    venv, interpreter = tmp_path / "venv", build.inspect_interpreter(sys.executable)
    module = venv / "lib" / f"python{interpreter.version}" / "site-packages" / "caffe" / "_caffe.so"
    module.parent.mkdir(parents=True)
    module.touch()
    release = build.system_release()
    key = build.cache_key(interpreter.abi, "x86_64", release, build.list_patches(cuda=cuda), False, cuda)
    build.write_stamp(venv, key, cuda)
    monkeypatch.setattr(build, "install_packages", lambda log: pytest.fail("began to build"))
    monkeypatch.setattr(sys, "argv", ["build.py", "--python", sys.executable, "--venv", str(venv)])
    assert build.main() == 0
    assert capsys.readouterr().out == f"Caffe is in {venv} already, for GPUs: CUDA 13.0, sm_80 sm_90\n"


def test_programs_of_the_toolkit_come_first(build, toolkit, tmp_path, monkeypatch):
    """Debian's nvcc runs whichever cudafe++ and ptxas the PATH has first."""
    cuda = toolkit.Cuda(str(make_toolkit(tmp_path)), "11.8", ("80",), False)
    monkeypatch.setattr(build, "is_installed", lambda *_: True)
    monkeypatch.setenv("PATH", "/other/bin:/usr/bin")
    build.ensure_caffe(sys.executable, tmp_path, tmp_path, cuda=cuda)
    assert os.environ["PATH"] == f"{tmp_path}/bin:/other/bin:/usr/bin"


@pytest.mark.parametrize("option", [["--cudnn", "1"], ["--cuda-arch", "90"], ["--cuda-toolkit", "pypi", "--cuda", "0"]])
def test_options_without_cuda_are_refused(option, tmp_path):
    command = [sys.executable, str(FOLDER / "build.py"), "--cache", str(tmp_path / "cache"), *option]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr == "error: CUDNN, CUDA_ARCH and CUDA_TOOLKIT are for builds for GPUs: give CUDA=1 too\n"
    assert not (tmp_path / "cache").exists()


def test_packages_are_installed_by_hash(build, cuda, tmp_path, monkeypatch):
    log, asked = build.Log(tmp_path / "log.txt"), []

    def run(command, *_, **__):
        asked.extend([command[:-1], Path(command[-1]).read_text()])

    monkeypatch.setattr(log, "run", run)
    build.install_pinned("python", {"a": ("1.0", "abc"), "b": ("2.0", "def")}, log, tmp_path / "target")
    assert asked[0][-4:] == ["--require-hashes", "--target", tmp_path / "target", "-r"]
    assert "--no-deps" in asked[0]
    assert asked[1] == "a==1.0 --hash=sha256:abc\nb==2.0 --hash=sha256:def\n"


def test_makefile_hands_the_options_on():
    def commands(*arguments, **environment):
        answer = subprocess.run(
            ["make", "-n", "-C", str(FOLDER.parent), *arguments],
            env={**os.environ, "MAKEFLAGS": "", **environment},
            capture_output=True,
            text=True,
        )
        return " ".join(answer.stdout.split())

    asked = commands("caffe", "CUDA=1", "CUDNN=1", "CUDA_ARCH=80 90")
    assert '--cuda "1" --cudnn "1" --cuda-arch "80 90"' in asked
    assert "--cuda" not in commands("caffe", CUDA="/usr/local/cuda", CUDNN="/opt/cudnn")
    assert '--cuda-arch "90"' in commands("caffe-cuda-check", "CUDA_ARCH=90")


# ---- make caffe-cuda-check


@pytest.fixture
def cuda_check(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "build", build)
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("cuda_check_script", FOLDER / "cuda_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("for i in range(20): print('loss = 0.7')", r"the training did not learn: loss 0\.7 to 0\.7"),
        ("for i in range(20): print('loss = nan')", "did not learn: loss nan to nan"),
        ("print('loss = 0.7')", "printed 1 losses, not 20"),
        ("raise SystemExit(3)", "ended with status 3"),
    ],
)
def test_check_refuses_a_training_that_does_not_learn(build, cuda_check, tmp_path, script, complaint):
    with pytest.raises(build.BuildError, match=complaint):
        cuda_check.check_training([sys.executable, "-c", script], tmp_path, "the training")


def test_check_takes_a_training_that_learns(cuda_check, tmp_path):
    script = "for i in range(20): print('loss =', 0.7 / (i + 1))"
    first, last = cuda_check.check_training([sys.executable, "-c", script], tmp_path, "the training")
    assert (first, last) == (0.7, 0.7 / 20)
