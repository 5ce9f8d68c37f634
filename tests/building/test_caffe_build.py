"""The Caffe build script: its patches, its cache key and the errors it is meant to give. Nothing is built."""

import argparse
import base64
import fcntl
import hashlib
import importlib.util
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import files_of_at_most

BUILD = Path(__file__).resolve().parents[2] / "caffe_build" / "build.py"


@pytest.fixture(scope="module")
def build():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BUILD.parent)  # for what it imports
        spec = importlib.util.spec_from_file_location("caffe_build_script", BUILD)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def log(build, tmp_path):
    return build.Log(tmp_path / "log.txt")


PATCHES = sorted((BUILD.parent / "patches").glob("*.patch"))
CUDA_PATCHES = sorted((BUILD.parent / "patches" / "cuda").glob("*.patch"))


@pytest.mark.parametrize("path", PATCHES + CUDA_PATCHES, ids=lambda path: path.stem)
def test_patch_opens_with_an_explanation(path):
    text = path.read_text()
    explanation = text.partition("\ndiff --git ")[0]
    assert explanation != text, "no diff in it"
    assert len(explanation.split()) >= 20
    assert not re.search(r"^(---|\+\+\+|@@) ", explanation, re.M)
    assert max(map(len, explanation.splitlines())) <= 110


def test_patches_are_numbered_without_gaps():
    for patches in (PATCHES, CUDA_PATCHES):
        assert [path.name[:3] for path in patches] == [f"{i + 1:02}-" for i in range(len(patches))]


def test_documents_list_every_patch():
    for document, patches in (
        (BUILD.parent / "README.md", PATCHES),
        (BUILD.parents[1] / "docs" / "gpu.md", CUDA_PATCHES),
    ):
        listed = re.findall(r"^\| `(\d\d-[\w-]+)` \|", document.read_text(), re.M)
        assert listed == [path.stem for path in patches]


@pytest.fixture
def pristine(build, tmp_path):
    archive = build.default_cache() / build.SOURCE_FILE
    if not archive.exists():
        pytest.skip(f"the source archive is not in the cache ({archive})")
    build.unpack(archive, tmp_path / "source")
    return tmp_path / "source"


@pytest.mark.skipif(shutil.which("patch") is None, reason="the patch program is not installed")
def test_patches_apply_to_the_pristine_source(build, pristine, log):
    assert not (pristine / ".git").exists()
    assert "CV_LOAD_IMAGE_COLOR" in (pristine / "src/caffe/util/io.cpp").read_text()
    build.apply_patches(pristine, build.list_patches(), log)
    sources = [p for p in (pristine / "src").rglob("*.cpp") if "CV_LOAD_IMAGE" in p.read_text()]
    assert sources == []
    assert "H5Fis_hdf5" in (pristine / "src/caffe/net.cpp").read_text()
    assert "tostring" not in (pristine / "python/caffe/io.py").read_text()
    assert (pristine / "examples/CMakeLists.txt").exists()
    assert not [*pristine.rglob("*.orig"), *pristine.rglob("*.rej")]


@pytest.mark.skipif(shutil.which("patch") is None, reason="the patch program is not installed")
def test_cuda_patches_apply_after_the_others(build, pristine, log):
    patches = build.list_patches(cuda=build.cuda_toolkit.Cuda("pypi", "13.0", ("90",), True))
    assert patches == PATCHES + CUDA_PATCHES
    build.apply_patches(pristine, patches, log)
    texts = {
        path: path.read_text(errors="replace")
        for path in pristine.rglob("*")
        if path.suffix in (".cpp", ".cu", ".hpp") and "test" not in path.parts
    }
    # Fields and calls that CUDA 13 and cuDNN 9 no longer have; the latter only as older versions are asked.
    for gone in (r"prop\.(clockRate|deviceOverlap|kernelExecTimeoutEnabled)", r"cudnnGetConvolution\w+Algorithm\("):
        users = {path.name for path, text in texts.items() if re.search(gone, text)}
        assert users <= {"cudnn.hpp"}
    # Threads ask CUDA for a device in GPU mode only.
    threads = texts[pristine / "src" / "caffe" / "internal_thread.cpp"]
    assert len(re.findall(r"cuda[GS]etDevice\(", threads)) == 2
    assert len(re.findall(r"if \(mode == Caffe::GPU\) {\n\s+CUDA_CHECK\(cuda[GS]etDevice\(", threads)) == 2
    assert not [*pristine.rglob("*.orig"), *pristine.rglob("*.rej")]


@pytest.mark.skipif(shutil.which("patch") is None, reason="the patch program is not installed")
def test_patch_that_does_not_fit_is_named(build, tmp_path, log, capsys):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("something else\n")
    patch = tmp_path / "01-wrong.patch"
    patch.write_text("Why.\n\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-old\n+new\n")
    with pytest.raises(build.BuildError, match=r"applying 01-wrong\.patch failed with status 1.*log\.txt"):
        build.apply_patches(source, [patch], log)
    assert "FAILED" in capsys.readouterr().err


def test_unpack_leaves_out_history_and_the_top_folder(build, tmp_path):
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("top/CMakeLists.txt", "top/.git/config", "top/src/a.cpp", "top/../../outside"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"x\n"))
    build.unpack(archive, tmp_path / "in" / "source")
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["in/source/CMakeLists.txt", "in/source/src/a.cpp", "x.tar.gz"]


def test_key_follows_patches_interpreter_and_machine(build, tmp_path):
    for path in PATCHES:
        shutil.copy(path, tmp_path)
    release = ("debian", "12")

    def key(abi="cpython-311-x86_64-linux-gnu", machine="x86_64", release=release, onednn=True):
        return build.cache_key(abi, machine, release, build.list_patches(tmp_path), onednn)

    first = key()
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert key() == first
    variants = {key(abi="cpython-312"), key(machine="aarch64"), key(release=("debian", "13")), key(onednn=False)}
    last = tmp_path / PATCHES[-1].name
    last.write_text(last.read_text().replace("/", "//", 1))
    variants.add(key())
    last.unlink()
    variants.add(key())
    assert len(variants | {first}) == 7


def test_key_follows_the_cmake_options(build, monkeypatch):
    before = build.cache_key("abi", "x86_64", ("debian", "12"), [], False)
    monkeypatch.setitem(build.CMAKE_OPTIONS, "USE_LMDB", "OFF")
    assert build.cache_key("abi", "x86_64", ("debian", "12"), [], False) != before


def test_boost_versions_are_read_from_library_names(build, tmp_path):
    for name in ("libboost_python311.so", "libboost_python27.so", "libboost_python39.so.1.74.0"):
        path = tmp_path / "lib" / "x86_64-linux-gnu" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert build.boost_python_versions(tmp_path) == ["3.11"]


def test_interpreter_that_boost_does_not_serve(build):
    other = SimpleNamespace(path="/opt/python3.12", version="3.12")
    with pytest.raises(build.BuildError) as error:
        build.check_interpreter(other, ["3.99"])
    message = str(error.value)
    assert "/opt/python3.12 is Python 3.12" in message
    assert "serves Python 3.99" in message
    assert "--python" in message
    assert "\n" not in message


def test_missing_packages_without_root(build, log, monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(build, "missing_packages", lambda packages: ["cmake", "libhdf5-dev"])
    monkeypatch.setattr(build.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(log, "run", lambda *_: pytest.fail("ran a command"))
    with pytest.raises(build.BuildError) as error:
        build.install_packages(log)
    assert str(error.value).endswith("sudo apt-get install -y --no-install-recommends cmake libhdf5-dev")


def test_missing_packages_as_root(build, log, monkeypatch):
    commands = []
    monkeypatch.setattr(build.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(build.os, "geteuid", lambda: 0)
    monkeypatch.setattr(log, "run", lambda command, *_, **__: commands.append(command))
    monkeypatch.setattr(build, "missing_packages", lambda packages: [])
    build.install_packages(log)
    assert commands == []
    monkeypatch.setattr(build, "missing_packages", lambda packages: ["cmake"])
    build.install_packages(log)
    assert commands == [
        ["apt-get", "update"],
        [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "--no-install-recommends",
            "cmake",
        ],
    ]


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="not a Debian system")
def test_dpkg_query_knows_what_is_there(build):
    assert build.missing_packages(["no-such-package-of-anyone", "dpkg"]) == ["no-such-package-of-anyone"]


def test_package_list_ignores_comments(build, tmp_path):
    path = tmp_path / "packages.txt"
    path.write_text("# tools\ncmake\n\ng++  # compiler\n")
    assert build.read_package_list(path) == ["cmake", "g++"]


def test_wrong_source_names_both_hashes(build, tmp_path):
    path = tmp_path / "source.tar.gz"
    path.write_bytes(b"not it")
    with pytest.raises(build.BuildError) as error:
        build.check_sha256(path)
    assert hashlib.sha256(b"not it").hexdigest() in str(error.value)
    assert build.SOURCE_SHA256 in str(error.value)


def test_failed_build_leaves_nothing(build, tmp_path, log, monkeypatch):
    def run(command, *_, **__):
        if command[1:3] == ["-m", "venv"]:
            Path(command[-1]).mkdir()

    def fail(*_):
        assert (tmp_path / "key" / "venv").exists()
        raise build.BuildError("no source")

    monkeypatch.setattr(log, "run", run)
    monkeypatch.setattr(build, "fetch_source", fail)
    with pytest.raises(build.BuildError, match="no source"):
        build.build_wheel(SimpleNamespace(path=sys.executable), tmp_path, tmp_path / "key", False, None, log)
    assert not (tmp_path / "key").exists()


@pytest.fixture
def wheel(tmp_path):
    """A small wheel in a folder of a cache, packed by the wheel package."""
    info = tmp_path / "caffe-1.0.0/caffe-1.0.0.dist-info"
    (tmp_path / "key").mkdir()
    info.mkdir(parents=True)
    (tmp_path / "caffe-1.0.0/caffe.py").write_text("a = 1\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: caffe\nVersion: 1.0.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    with zipfile.ZipFile(tmp_path / "key/caffe-1.0.0-py3-none-any.whl", "w") as archive:
        lines = []
        for path in sorted(file for file in info.parent.rglob("*") if file.is_file()):
            name = str(path.relative_to(info.parent))
            archive.write(path, name)
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            lines.append(f"{name},sha256={digest},{path.stat().st_size}\n")
        archive.writestr(f"{info.name}/RECORD", "".join([*lines, f"{info.name}/RECORD,,\n"]))
    return Path(archive.filename)


def changed(wheel, name, data):
    """Change one file in a wheel, or add one."""
    with zipfile.ZipFile(wheel) as old:
        files = {one: old.read(one) for one in old.namelist()} | {name: data}
    with zipfile.ZipFile(wheel, "w") as new:
        for one, content in files.items():
            new.writestr(one, content)


def test_a_wheel_that_was_changed_since_it_was_built_is_refused(build, wheel):
    build.note_wheel(wheel, wheel.parent)
    build.check_wheel(wheel)
    wheel.write_bytes(wheel.read_bytes() + b"0")
    with pytest.raises(build.BuildError, match=rf"{wheel} is damaged or was changed .*; remove {wheel.parent} to"):
        build.check_wheel(wheel)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda wheel: changed(wheel, "caffe.py", b"a = 2"), "caffe.py in it is not the file"),
        (lambda wheel: changed(wheel, "more.py", b""), "more.py is not both"),
        (lambda wheel: wheel.write_bytes(wheel.read_bytes()[:-40]), "no whole wheel"),
    ],
)
def test_a_wheel_without_a_note_must_fit_its_own_list(build, wheel, change, fault):
    build.check_wheel(wheel)
    (wheel.parent / build.WHEEL_NOTE).unlink()
    change(wheel)
    with pytest.raises(build.BuildError, match=fault):
        build.check_wheel(wheel)
    assert not (wheel.parent / build.WHEEL_NOTE).exists()


def test_failed_command_shows_its_last_lines(build, log, capsys):
    script = "for i in range(100): print('line', i)\nraise SystemExit(7)"
    with pytest.raises(build.BuildError, match=r"^counting failed with status 7; .*log\.txt$"):
        log.run([sys.executable, "-c", script], "counting")
    assert capsys.readouterr().err.splitlines() == [f"line {i}" for i in range(70, 100)]
    with pytest.raises(build.BuildError, match="failed with status 3"):
        log.run(["sh", "-c", "echo one; exit 3"], "another")
    assert capsys.readouterr().err.splitlines() == ["+ sh -c echo one; exit 3", "one"]  # and nothing of the first


def test_commands_do_not_see_the_calling_make(build, log, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "PYTHON=/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    log.run([sys.executable, "-c", "import os; print(os.getenv('MAKEFLAGS'), os.getenv('KEPT'))"], "asking")
    assert log.path.read_text().splitlines()[-1] == "None yes"


def test_a_command_that_is_not_there_is_said(build, log):
    with pytest.raises(build.BuildError, match="configuring failed, no-cmake: No such file or directory"):
        log.run(["no-cmake"], "configuring")


def test_what_a_command_started_ends_with_a_killed_build(tmp_path):
    """The command, a shell, starts another process, as make starts compilers."""
    command = ["sh", "-c", f"sleep 600 & echo $! > {shlex.quote(str(tmp_path / 'made'))}; wait"]
    script = f"import build; from pathlib import Path; build.Log(Path({str(tmp_path / 'log')!r})).run({command}, 'x')"
    with subprocess.Popen([sys.executable, "-c", script], cwd=BUILD.parent) as process:
        try:
            pid = wait_for(lambda: (tmp_path / "made").is_file() and (tmp_path / "made").read_text().strip())
        finally:
            process.kill()
    try:
        wait_for(lambda: state_of(pid) in (None, "Z"))
    except AssertionError:
        os.kill(int(pid), signal.SIGKILL)
        raise


def wait_for(condition):
    """What ``condition`` gives as soon as that is true."""
    for _ in range(200):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def state_of(pid):
    """The letter of a process' state, None if there is none such."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return None


def test_release_is_read_without_quotes(build, tmp_path):
    path = tmp_path / "os-release"
    path.write_text('NAME="X Y"\nID=debian\nVERSION_ID="12"\nID_LIKE=z\n')
    assert build.system_release(path) == ("debian", "12")
    assert build.system_release(tmp_path / "none") == ("", "")


def test_second_build_waits_for_the_first(build, tmp_path, log, capsys):
    seen = []

    def flock(file, flags):
        seen.append(flags)
        if flags & fcntl.LOCK_NB:
            raise BlockingIOError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build.fcntl, "flock", flock)
        with build.locked(tmp_path / "lock", log):
            pass
    assert seen == [fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_EX]
    assert "waiting" in capsys.readouterr().out


def test_environment_that_is_none_is_refused(build, tmp_path):
    build.check_venv(SimpleNamespace(version="3.11"), tmp_path / "missing")
    with pytest.raises(build.BuildError, match="not a virtual environment"):
        build.check_venv(SimpleNamespace(version="3.11"), tmp_path)


def test_environment_of_another_python_is_refused(build, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    mine = "{}.{}".format(*sys.version_info)
    build.check_venv(SimpleNamespace(version=mine), tmp_path)
    with pytest.raises(build.BuildError, match=rf"is of Python {mine}, but Caffe is built for 3\.99"):
        build.check_venv(SimpleNamespace(version="3.99"), tmp_path)


def test_errors_are_one_line_and_a_status(build, tmp_path):
    answer = subprocess.run(
        [sys.executable, str(BUILD), "--python", str(tmp_path / "none"), "--cache", str(tmp_path / "cache")],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: there is no interpreter")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("$BUILD --help >/dev/full", "standard output: No space left on device"),
        ("$BUILD --help | true; exit ${PIPESTATUS[0]}", "the output was closed before everything was written"),
        ("mkdir gone; cd gone; rmdir ../gone; $BUILD", "the working directory has been removed: change to another one"),
        ("touch file; $BUILD --cache file/below", "file/below: Not a directory"),
    ],
)
def test_what_the_system_refuses_is_one_line(line, said, tmp_path):
    line = line.replace("$BUILD", f"{sys.executable} {BUILD} --venv new")
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 1 and answer.stderr.startswith("error: ") and answer.stderr.endswith(f"{said}\n")
    assert answer.stderr.count("\n") == 1


def test_a_log_that_cannot_be_written_is_named(build, log):
    with files_of_at_most(0), pytest.raises(build.BuildError, match=r"configuring failed, .*log\.txt: File too large"):
        log.run(["true"], "configuring")


def test_shared_options_have_defaults(build, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    parser = argparse.ArgumentParser()
    build.add_arguments(parser)
    arguments = parser.parse_args([])
    assert arguments.cache == tmp_path / "maskpose" / "caffe"
    assert arguments.venv == Path(".venv")


def test_quiet_says_nothing_where_there_is_nothing_to_do(build, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(build, "is_installed", lambda *arguments: True)
    build.ensure_caffe(sys.executable, tmp_path, tmp_path)
    assert "already" in capsys.readouterr().out
    build.ensure_caffe(sys.executable, tmp_path, tmp_path, quiet=True)
    assert capsys.readouterr().out == ""
