"""The Caffe build script: its patches, its cache key and the errors it is meant to give. Nothing is built."""

import argparse
import fcntl
import hashlib
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

BUILD = Path(__file__).resolve().parents[1] / "caffe_build" / "build.py"


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("caffe_build_script", BUILD)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def log(build, tmp_path):
    return build.Log(tmp_path / "log.txt")


PATCHES = sorted((BUILD.parent / "patches").glob("*.patch"))


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_patch_opens_with_an_explanation(path):
    text = path.read_text()
    explanation = text.partition("\ndiff --git ")[0]
    assert explanation != text, "no diff in it"
    assert len(explanation.split()) >= 20
    assert not re.search(r"^(---|\+\+\+|@@) ", explanation, re.M)
    assert max(map(len, explanation.splitlines())) <= 110


def test_patches_are_numbered_without_gaps():
    assert [path.name[:3] for path in PATCHES] == [f"{i + 1:02}-" for i in range(len(PATCHES))]


def test_readme_lists_every_patch():
    readme = (BUILD.parent / "README.md").read_text()
    assert re.findall(r"^\| `(\d\d-[\w-]+)` \|", readme, re.M) == [path.stem for path in PATCHES]


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
        build.build_wheel(SimpleNamespace(path=sys.executable), tmp_path, tmp_path / "key", False, log)
    assert not (tmp_path / "key").exists()


def test_failed_command_shows_its_last_lines(build, log, capsys):
    script = "for i in range(100): print('line', i)\nraise SystemExit(7)"
    with pytest.raises(build.BuildError, match=r"^counting failed with status 7; .*log\.txt$"):
        log.run([sys.executable, "-c", script], "counting")
    assert capsys.readouterr().err.splitlines() == [f"line {i}" for i in range(70, 100)]


def test_commands_do_not_see_the_calling_make(build, log, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "PYTHON=/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    log.run([sys.executable, "-c", "import os; print(os.getenv('MAKEFLAGS'), os.getenv('KEPT'))"], "asking")
    assert log.path.read_text().splitlines()[-1] == "None yes"


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
