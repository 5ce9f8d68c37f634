#!/usr/bin/env python3
"""Build official BVLC Caffe for this machine and install it in a virtual environment.

    python3 caffe_build/build.py                     # into .venv
    python3 caffe_build/build.py --venv /opt/pose    # into another environment
    python3 caffe_build/build.py --cuda 1            # for GPUs; cuda_toolkit.py has what concerns CUDA

The steps, each a function below, in this order:

1. Debian packages   those of apt-packages.txt that are missing; installed if the caller is root
2. source            the archive from the package index, checked against its SHA-256
3. patches           patches/*.patch, in the order of their names, and the files of onednn/; for GPUs, instead
                     of the latter, patches/cuda/*.patch
4. compilation       cmake, with CMAKE_OPTIONS; on x86-64 with oneDNN, from the package index too
5. wheel             the Python package with libcaffe inside, and the `caffe` program
6. installation      into the virtual environment, which is made if it is missing

The wheel is kept in a cache under a key that is a hash over everything that makes it what it is, so that
another checkout on the same machine installs it at once. When the environment has the wheel of that key
already, nothing is done at all. Only the standard library is used, so any python3 can run this file; what
Caffe is built for is the interpreter given by --python.
"""

import argparse
import base64
import contextlib
import csv
import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import cuda_toolkit
from cuda_toolkit import CudaError

HERE = Path(__file__).resolve().parent
PATCHES = HERE / "patches"
CUDA_PATCHES = PATCHES / "cuda"
ONEDNN = HERE / "onednn"
APT_PACKAGES = HERE / "apt-packages.txt"

VERSION = "1.0.0"

# The file in an environment that tells which Caffe it has.
STAMP = ".caffe-key"

# The file beside a wheel of the cache that has its SHA-256.
WHEEL_NOTE = "wheel.sha256"

# BVLC/caffe at its last commit, 9b891540183ddc834a02b2bd81b31afae71b2153, as somebody published it. The
# archive's own setup.py wants conda and an old Python; it is never used to build.
SOURCE_NAME = "brocolli-caffe"
SOURCE_VERSION = "3.0.0"
SOURCE_SHA256 = "ad7ba487552f4343df25044a9fa14812a96add48ea2ff993b53bf2dafe8248e2"
SOURCE_FILE = f"{SOURCE_NAME}-{SOURCE_VERSION}.tar.gz"

# What compiling and packing need in Python. An extension compiled against NumPy 2 runs with NumPy 1 too,
# but not the other way round.
BUILD_REQUIRES = ("numpy>=2", "setuptools", "wheel")

# oneDNN 3.2, which computes the convolutions, with its headers. This is the last release that is published
# on GNU OpenMP, the runtime of OpenBLAS's OpenMP build: the two share one pool of threads.
ONEDNN_VERSION = "2023.2.0"
ONEDNN_SHA256 = {
    "onednn-cpu-gomp": "2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb",
    "onednn-devel-cpu-gomp": "9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284",
}
ONEDNN_MACHINES = ("x86_64",)
ONEDNN_LIBRARY = "libdnnl.so.3"
OPENBLAS_OPENMP = "lib/*/openblas-openmp"  # Debian's name for the folder, under /usr

CMAKE_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CPU_ONLY": "ON",
    "BLAS": "open",
    "BUILD_python": "ON",
    "BUILD_python_layer": "ON",
    "python_version": "3",
    "BUILD_docs": "OFF",
    # What tells old cmake files to be read as they were meant, for cmake 4 and later.
    "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
}
CMAKE_ONEDNN_OPTIONS = {"USE_ONEDNN": "ON", "USE_OPENMP": "ON"}
CMAKE_TARGETS = ("caffe", "pycaffe", "caffe.bin")

# What `import caffe` imports, and h5py for weights in HDF5 files. The protobuf runtime must not be older
# than the compiler that wrote caffe_pb2.py: protoc 3.21, as Debian 12 has it, goes with 4.21.
WHEEL_REQUIRES = ("numpy>=1.23", "scipy", "scikit-image>=0.19", "protobuf>=4.21", "h5py", "six")


def wheel_metadata(cuda=None):
    """The wheel's METADATA; a build for GPUs requires the packages whose libraries it loads."""
    requires = [*WHEEL_REQUIRES, *(cuda.requires if cuda else [])]
    return "\n".join(
        [
            "Metadata-Version: 2.1",
            "Name: caffe",
            f"Version: {VERSION}",
            "Summary: BVLC Caffe, built from source for this machine",
            "License: BSD-2-Clause",
            *(f"Requires-Dist: {requirement}" for requirement in requires),
            "Provides-Extra: draw",
            'Requires-Dist: pydot; extra == "draw"',
            "",
        ]
    )


# Variables that would lead the commands astray: the options and variables of a calling make, which reach
# every make below it, and other places to import from.
DROPPED_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONPATH", "PYTHONHOME")


class BuildError(Exception):
    """A failure the user should read about in one line, without a traceback."""


class NoOneDNN(Exception):
    """oneDNN cannot be had on this machine."""


# Runs a command and ends with its status. All of the command's processes are ended when the standard input ends: that
# is when the process that started this one does, however it ends. SIGTERM is the command's to answer.
SUPERVISOR = """if True:
    import os, signal, subprocess, sys, threading

    def end_with_parent():
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGTERM, lambda number, frame: None)
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=end_with_parent, daemon=True).start()
    status = process.wait()
    os._exit(status if status >= 0 else 128 - status)
"""


def start(command, **options):
    """Start a program in a process group of its own, which does not outlive this process; returns a Popen.

    Closing its standard input ends the group at once. Raises OSError if there is no such program.
    """
    command = [str(part) for part in command]
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    command = [sys.executable, "-I", "-S", "-c", SUPERVISOR, *command]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)


class Log:
    """Step lines for the user, with the time passed, and a file for what the commands print."""

    def __init__(self, path):
        self.path = path
        self.start = time.monotonic()

    def step(self, text):
        """Tell the user what is being done now."""
        print(f"[{time.monotonic() - self.start:4.0f} s] {text}", flush=True)

    def run(self, command, what, cwd=None, show=True):
        """Run a command with its output in the log file; when it fails, show the last lines of that.

        Without `show` they are not shown: for a failure that something can be done about.
        """
        command = [str(part) for part in command]
        environment = {name: value for name, value in os.environ.items() if name not in DROPPED_VARIABLES}
        with open(self.path, "ab", buffering=0) as file:
            begun = file.tell()
            try:
                file.write(f"+ {' '.join(command)}\n".encode(errors="surrogateescape"))
                process = start(command, cwd=cwd, env=environment, stdout=file, stderr=subprocess.STDOUT)
            except OSError as error:
                raise BuildError(f"{what} failed, {error.filename or self.path}: {error.strerror}") from None
            with process:
                try:
                    status = process.wait()
                except BaseException:
                    os.killpg(process.pid, signal.SIGTERM)  # with all the compilers it started
                    process.wait()
                    raise
        if status != 0:
            if show:
                show_end(self.path.read_bytes()[begun:].decode(errors="replace"))
            raise BuildError(f"{what} failed with status {status}; the whole log is {self.path}")


def captured(command, **options):
    """Run a program to its end; returns its exit status and all that it printed."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace", **options}
    with start(command, **options) as process:
        output = process.stdout.read()
        return process.wait(), output


def show_end(output):
    """Show the last lines of what a program that failed has printed."""
    print(*output.splitlines()[-30:], sep="\n", file=sys.stderr)


# ---- The interpreter, the key and the cache -----------------------------------------------------------


@dataclass(frozen=True)
class Interpreter:
    """What has to be known of the Python that Caffe is built for."""

    path: str
    version: str  # such as 3.11
    abi: str  # such as cpython-311-x86_64-linux-gnu
    platform: str  # such as linux_x86_64
    include: str
    library: str

    @property
    def tag(self):
        """The wheel tag, such as cp311-cp311-linux_x86_64."""
        python = "cp" + self.version.replace(".", "")
        return f"{python}-{python}-{self.platform}"


def inspect_interpreter(path):
    """Ask the interpreter at a path, or of a name on the PATH, about itself."""
    found = shutil.which(path)
    if found is None:
        raise BuildError(f"there is no interpreter {path}; name another by --python")
    query = """if True:
        import json, sys, sysconfig
        get = sysconfig.get_config_var
        print(json.dumps({
            "version": "%d.%d" % sys.version_info[:2],
            "abi": get("SOABI"),
            "platform": sysconfig.get_platform().replace("-", "_").replace(".", "_"),
            "include": sysconfig.get_paths()["include"],
            "library": "%s/%s" % (get("LIBDIR"), get("LDLIBRARY")),
        }))"""
    answer = subprocess.run([found, "-c", query], capture_output=True, text=True)
    if answer.returncode != 0:
        raise BuildError(f"{path} does not work as a Python interpreter")
    return Interpreter(path=os.path.abspath(found), **json.loads(answer.stdout))


def default_cache():
    """The cache folder of this project, by the XDG rules."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskpose" / "caffe"


def list_patches(folder=PATCHES, cuda=None):
    """The patches in the order in which they are applied; those for GPUs come after all others."""
    return sorted(folder.glob("*.patch")) + (sorted(CUDA_PATCHES.glob("*.patch")) if cuda else [])


def system_release(path="/etc/os-release"):
    """The distribution and its version: the wheel is linked against libraries of exactly that."""
    try:
        text = Path(path).read_text()
    except OSError:
        return "", ""
    values = dict(re.findall(r'^(ID|VERSION_ID)="?(.*?)"?$', text, re.M))
    return values.get("ID", ""), values.get("VERSION_ID", "")


def list_onednn_files(folder=ONEDNN):
    """The files that are copied over the source, each with its path there."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".hpp", ".cpp"))
    return [(path, path.relative_to(folder)) for path in paths]


def cache_key(abi, machine, release, patches, onednn, cuda=None):
    """A short hash over all that decides what the wheel contains.

    `onednn` tells whether oneDNN is in it; `cuda` is what it is made with if it is for GPUs.
    """
    files = [[path.name, path] for path in patches]
    files += [[str(name), path] for path, name in list_onednn_files()] if onednn else []
    parts = {
        "source": SOURCE_SHA256,
        "patches": [[name, hashlib.sha256(path.read_bytes()).hexdigest()] for name, path in files],
        "cmake": [CMAKE_OPTIONS, CMAKE_TARGETS],
        "oneDNN": [CMAKE_ONEDNN_OPTIONS, ONEDNN_VERSION, ONEDNN_SHA256] if onednn else [],
        "metadata": wheel_metadata(cuda),
        "built with": [BUILD_REQUIRES, "layout 2"],  # count up when make_wheel() changes the layout
        "machine": [abi, machine, *release],
    }
    if cuda:
        options = cuda.cmake_options({name: Path(name) for name in cuda.groups})
        parts["CUDA"] = [asdict(cuda), cuda.groups, cuda.runtime, {name: str(value) for name, value in options.items()}]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def wheel_name(interpreter):
    """The file name of the wheel."""
    return f"caffe-{VERSION}-{interpreter.tag}.whl"


@contextlib.contextmanager
def locked(path, log):
    """Hold the lock file of a build, so that two of the same work one after the other; others do not wait."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.step("another build is at work here; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- 1. Debian packages and what else the machine must have -------------------------------------------


def read_package_list(path=APT_PACKAGES):
    """The names in a file with one package a line and # comments."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def missing_packages(packages):
    """Those of the packages that dpkg does not list as installed."""
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *packages],
        capture_output=True,
        text=True,
    )
    installed = {line.split()[1] for line in answer.stdout.splitlines() if line.startswith("installed ")}
    return [package for package in packages if package not in installed]


def install_packages(log):
    """Install the missing Debian packages as root; otherwise say which command does."""
    packages = read_package_list()
    if shutil.which("dpkg-query") is None:
        log.step("not a Debian system, so nothing is installed; needed are: " + " ".join(packages))
        return
    missing = missing_packages(packages)
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise BuildError("Debian packages are missing; install them by: sudo " + " ".join(install))
    log.step(f"installing {len(missing)} Debian packages")
    log.run(["apt-get", "update"], "apt-get update")
    log.run(["env", "DEBIAN_FRONTEND=noninteractive", *install], "apt-get install")


def boost_python_versions(root="/usr"):
    """The Python versions, such as 3.11, that the installed boost_python libraries serve."""
    found = []
    for folder in ("lib", "lib64", "lib/*-linux-gnu*"):
        for path in Path(root).glob(f"{folder}/libboost_python3*.so"):
            match = re.fullmatch(r"libboost_python3(\d+)\.so", path.name)
            if match and f"3.{match[1]}" not in found:
                found.append(f"3.{match[1]}")
    return found


def check_interpreter(interpreter, served):
    """Fail unless boost_python serves this Python and its own library and headers are there."""
    if not served:
        raise BuildError("no libboost_python3*.so was found under /usr/lib: install boost_python")
    if interpreter.version not in served:
        fitting = [shutil.which(f"/usr/bin/python{v}") or f"a Python {v}" for v in served]
        raise BuildError(
            f"{interpreter.path} is Python {interpreter.version}, but this machine's boost_python serves "
            f"Python {' and '.join(served)}: use --python with {' or '.join(fitting)}"
        )
    for path in (Path(interpreter.include, "Python.h"), Path(interpreter.library)):
        if not path.exists() or path.suffix == ".a":
            raise BuildError(f"{interpreter.path} lacks headers or a shared library: there is no {path}")


# ---- 2. Source and 3. patches -------------------------------------------------------------------------


def check_sha256(path, expected=SOURCE_SHA256):
    """Fail, naming both hashes, unless a file is the expected one."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise BuildError(f"{path} has SHA-256 {found}, but {expected} was expected; remove it")


def fetch_source(python, cache, log):
    """The path of the source archive, downloaded if the cache does not have it.

    pip runs the archive's setup.py to learn its metadata, so it is told the hash too and refuses another
    file before that.
    """
    archive = cache / SOURCE_FILE
    if not archive.exists():
        log.step(f"downloading {SOURCE_FILE}")
        with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as partial:
            wanted = Path(partial, "requirements.txt")
            wanted.write_text(f"{SOURCE_NAME}=={SOURCE_VERSION} --hash=sha256:{SOURCE_SHA256}\n")
            log.run(
                [python, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--no-binary",
                 SOURCE_NAME, "--require-hashes", "-r", wanted, "-d", partial],
                "downloading the source",
            )  # fmt: skip
            Path(partial, SOURCE_FILE).replace(archive)
    check_sha256(archive)
    return archive


def unpack(archive, folder):
    """Unpack the archive's one top folder as `folder`, without the history it carries along."""
    options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as tar:
        members = []
        for member in tar.getmembers():
            parts = Path(member.name).parts[1:]
            if parts and ".git" not in parts and ".." not in parts:
                member.name = str(Path(*parts))
                members.append(member)
        folder.mkdir(parents=True)
        tar.extractall(folder, members, **options)


def apply_patches(source, patches, log):
    """Apply the patches in order; one that does not fit exactly is an error."""
    for path in patches:
        log.run(
            ["patch", "-p1", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-i", path],
            f"applying {path.name}",
            cwd=source,
        )


def copy_onednn_files(source):
    """Put the layers that compute with oneDNN where they belong in the source."""
    for path, name in list_onednn_files():
        target = source / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)


# ---- 4. Compilation -----------------------------------------------------------------------------------


def install_pinned(python, packages, log, folder=None, show=True):
    """Install packages, each with its version and SHA-256, in the interpreter's environment or in a folder."""
    lines = [f"{name}=={version} --hash=sha256:{sha256}\n" for name, (version, sha256) in packages.items()]
    with tempfile.NamedTemporaryFile("w", prefix="requirements-", suffix=".txt") as wanted:
        wanted.write("".join(lines))
        wanted.flush()
        target = ["--target", folder] if folder else []
        log.run(
            [python, "-m", "pip", "install", "--no-input", "--no-deps", "--require-hashes", *target, "-r", wanted.name],
            "pip install",
            show=show,
        )


def install_onednn(tools, log):
    """Install oneDNN, with its headers, in the virtual environment of the build tools."""
    packages = {name: (ONEDNN_VERSION, sha256) for name, sha256 in ONEDNN_SHA256.items()}
    try:
        install_pinned(tools / "bin" / "python", packages, log, show=False)
    except BuildError as error:
        raise NoOneDNN from error


def fetch_cuda_packages(python, cache, cuda, log):
    """The folders of the Python packages that a build for GPUs is compiled with, downloaded if need be.

    They stay in the cache, so that builds for other architectures find them.
    """
    folders = {}
    for name, packages in cuda.groups.items():
        pins = hashlib.sha256(json.dumps(packages).encode()).hexdigest()[:8]
        folders[name] = folder = cache / "cuda-packages" / f"{name}-{pins}"
        if not folder.exists():
            log.step(f"downloading {', '.join(packages)}")
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            install_pinned(python, packages, log, partial)
            cuda_toolkit.name_libraries(partial)
            partial.replace(folder)
    return folders


def openblas_openmp(root="/usr"):
    """The folder of the OpenBLAS that is on OpenMP, or None."""
    return next((path for path in Path(root).glob(OPENBLAS_OPENMP) if (path / "libopenblas.so").exists()), None)


def compile_caffe(interpreter, tools, source, build, onednn, more_options, log):
    """Configure and build the library, the Python module and the caffe program."""
    python = tools / "bin" / "python"
    options = {
        **CMAKE_OPTIONS,
        "PYTHON_EXECUTABLE": python,
        "PYTHON_INCLUDE_DIR": interpreter.include,
        "PYTHON_LIBRARY": interpreter.library,
    }
    if onednn:
        options.update(CMAKE_ONEDNN_OPTIONS, OneDNN_ROOT=tools)
        if openblas_openmp():
            options["OpenBLAS_LIB"] = openblas_openmp() / "libopenblas.so"
    options.update(more_options)
    log.step("configuring")
    log.run(
        ["cmake", "-S", source, "-B", build, *(f"-D{name}={value}" for name, value in options.items())],
        "cmake",
    )
    log.step("compiling (some minutes)")
    compile_targets(build, CMAKE_TARGETS, log)


def compile_targets(build, targets, log):
    """Build targets of a configured tree on all the processors this process may use."""
    jobs = len(os.sched_getaffinity(0))
    log.run(["cmake", "--build", build, "-j", jobs, "--target", *targets], "compiling")


# ---- 5. Wheel -----------------------------------------------------------------------------------------


def make_wheel(interpreter, tools, source, build, folder, onednn, cuda, log):
    """Lay the wheel out in `folder`, pack it there and return its path.

    libcaffe lies in the package beside the module that loads it, and oneDNN beside libcaffe. The caffe
    program is installed in the environment's bin/ and finds libcaffe from there. CUDA's libraries are
    found in NVIDIA's packages in the environment, or in the system's toolkit.
    """
    python = tools / "bin" / "python"
    root = folder / f"caffe-{VERSION}"
    package = root / "caffe"
    shutil.copytree(
        source / "python" / "caffe",
        package,
        ignore=shutil.ignore_patterns("test", "*.cpp", "*.so", "__pycache__", "proto"),
    )
    (package / "proto").mkdir()
    (package / "proto" / "__init__.py").touch()
    shutil.copy(build / "include" / "caffe" / "proto" / "caffe_pb2.py", package / "proto")

    scripts = root / f"caffe-{VERSION}.data" / "scripts"
    scripts.mkdir(parents=True)
    library = f"libcaffe.so.{VERSION}"
    site = f"$ORIGIN/../lib/python{interpreter.version}/site-packages"
    # Which OpenBLAS is loaded shall not depend on the system's choice among those it has.
    openblas = [str(openblas_openmp())] if onednn and openblas_openmp() else []
    for built, packed, own, packages in (
        (build / "lib" / library, package / library, "$ORIGIN", "$ORIGIN/.."),
        (build / "lib" / "_caffe.so", package / "_caffe.so", "$ORIGIN", "$ORIGIN/.."),
        (build / "tools" / "caffe", scripts / "caffe", f"{site}/caffe", site),
    ):
        shutil.copy(built, packed)
        paths = [own, *openblas, *(cuda.library_paths(packages) if cuda else [])]
        log.run(
            ["patchelf", "--set-rpath", ":".join(paths), packed],
            f"setting the library path of {packed.name}",
        )
    if onednn:
        shutil.copy(tools / "lib" / ONEDNN_LIBRARY, package)

    info = root / f"caffe-{VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(wheel_metadata(cuda))
    (info / "WHEEL").write_text(
        f"Wheel-Version: 1.0\nGenerator: caffe_build\nRoot-Is-Purelib: false\nTag: {interpreter.tag}\n"
    )
    shutil.copy(source / "LICENSE", info)
    if onednn:
        shutil.copy(tools / "share" / "doc" / "onednn" / "LICENSE", info / "LICENSE.oneDNN")
    log.run([python, "-m", "wheel", "pack", root, "--dest-dir", folder], "packing the wheel")
    return folder / wheel_name(interpreter)


def build_wheel(interpreter, cache, place, onednn, cuda, log):
    """Build the wheel in the cache folder `place`; the patched source and the build tree stay beside it.

    The wheel appears last, by a rename: a folder that has it is whole, and any other is begun anew.
    """
    tools, source, build, packing = (place / name for name in ("venv", "source", "build", "packing"))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        log.step("preparing the build tools")
        if cuda:
            log.step(f"this build is {cuda}, with {cuda.source}")
        elif not onednn:
            log.step("this build is without oneDNN: convolutions are slower")
        log.run([interpreter.path, "-m", "venv", tools], "making a virtual environment")
        python = tools / "bin" / "python"
        log.run([python, "-m", "pip", "install", "--no-input", *BUILD_REQUIRES], "pip install")
        if onednn:
            install_onednn(tools, log)
        cuda_options = cuda.cmake_options(fetch_cuda_packages(python, cache, cuda, log)) if cuda else {}
        archive = fetch_source(python, cache, log)
        patches = list_patches(cuda=cuda)
        log.step(f"unpacking the source and applying {len(patches)} patches")
        unpack(archive, source)
        apply_patches(source, patches, log)
        if onednn:
            copy_onednn_files(source)
        compile_caffe(interpreter, tools, source, build, onednn, cuda_options, log)
        log.step("packing the wheel")
        packing.mkdir()
        wheel = make_wheel(interpreter, tools, source, build, packing, onednn, cuda, log)
        note_wheel(wheel, place)
        wheel.replace(place / wheel.name)
        shutil.rmtree(packing)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def note_wheel(wheel, place):
    """Note a wheel's SHA-256 in the cache folder `place`."""
    (place / WHEEL_NOTE).write_text(hashlib.sha256(wheel.read_bytes()).hexdigest() + "\n")


def check_wheel(wheel):
    """Fail unless a wheel of the cache is the one that was built, by the SHA-256 that is noted beside it.

    Earlier versions noted none: then every file in the wheel must be what the wheel itself says, and it is noted.
    """
    note = wheel.parent / WHEEL_NOTE
    if note.exists():
        found, noted = hashlib.sha256(wheel.read_bytes()).hexdigest(), note.read_text().strip()
        fault = None if found == noted else f"its SHA-256 is {found}, when it was built it was {noted}"
    else:
        fault = damage_of_wheel(wheel)
    if fault:
        raise BuildError(f"{wheel} is damaged or was changed ({fault}); remove {wheel.parent} to build it anew")
    if not note.exists():
        note_wheel(wheel, wheel.parent)


def damage_of_wheel(wheel):
    """What is wrong with a wheel by its own list of files, or None."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = {name for name in archive.namelist() if not name.endswith("/")}
            (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
            listed = {name: sha for name, sha, _ in csv.reader(archive.read(record).decode().splitlines())}
            if odd := files ^ set(listed):
                return f"{min(odd)} is not both in it and in its list of files"
            for name in sorted(files - {record}):
                digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).decode().rstrip("=")
                if listed[name] != f"sha256={digest}":
                    return f"{name} in it is not the file that it should be"
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        return f"it is no whole wheel: {error}"
    return None


# ---- 6. Installation ----------------------------------------------------------------------------------


def read_stamp(venv):
    """What the environment notes of its Caffe: the key, and what a build for GPUs was asked for, or None."""
    stamp = venv / STAMP
    key, _, cuda = stamp.read_text().partition("\n") if stamp.is_file() else ("", "", "")
    return key.strip(), json.loads(cuda) if cuda.strip() else None


def write_stamp(venv, key, cuda):
    """Note the key, and in the case of GPUs what was asked for, so that it stays so."""
    lines = [key]
    if cuda:
        lines.append(json.dumps({"archs": " ".join(cuda.archs), "cudnn": cuda.cudnn, "toolkit": cuda.toolkit}))
    (venv / STAMP).write_text("\n".join(lines) + "\n")


def is_installed(interpreter, venv, key):
    """Whether the environment has the wheel of this key."""
    module = venv / "lib" / f"python{interpreter.version}" / "site-packages" / "caffe" / "_caffe.so"
    return read_stamp(venv)[0] == key and module.exists()


def check_venv(interpreter, venv):
    """Fail if there is something at the environment's path that Caffe cannot be installed in."""
    if not venv.exists():
        return
    python = venv / "bin" / "python"
    if not python.exists():
        raise BuildError(f"{venv} exists, but is not a virtual environment; remove it or name another")
    version = inspect_interpreter(str(python)).version
    if version != interpreter.version:
        raise BuildError(
            f"{venv} is of Python {version}, but Caffe is built for {interpreter.version}; remove it or name another"
        )


def make_venv(interpreter, venv, log):
    """Make the virtual environment; nothing is left of it when that fails."""
    log.step(f"making the virtual environment {venv}")
    try:
        log.run([interpreter.path, "-m", "venv", venv], "making a virtual environment")
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def install_wheel(interpreter, wheel, venv, key, cuda, log):
    """Install the wheel and its requirements, then note the key."""
    if not venv.exists():
        make_venv(interpreter, venv, log)
    log.step(f"installing {wheel.name} in {venv}")
    (venv / STAMP).unlink(missing_ok=True)
    if cuda:
        install_pinned(venv / "bin" / "python", cuda.runtime, log)
    install = [venv / "bin" / "python", "-m", "pip", "install", "--no-input"]
    log.run([*install, "--force-reinstall", "--no-deps", wheel], "pip install")
    log.run([*install, wheel], "pip install")  # the requirements only
    write_stamp(venv, key, cuda)


# ---- All of it ----------------------------------------------------------------------------------------


def choose_cuda(cuda, cudnn, archs, toolkit, venv):
    """The build for GPUs that the options --cuda, --cudnn, --cuda-arch and --cuda-toolkit ask for, or None.

    Without --cuda it is the one that the environment has, if that was built for GPUs: nobody who trains with it
    shall find it replaced.
    """
    if cuda == 1:
        return cuda_toolkit.choose(archs, cudnn == 1, toolkit)
    if cudnn or archs or toolkit:
        raise BuildError("CUDNN, CUDA_ARCH and CUDA_TOOLKIT are for builds for GPUs: give CUDA=1 too")
    asked = read_stamp(Path(venv))[1] if cuda is None else None
    return cuda_toolkit.choose(**asked) if asked else None


def ensure_caffe(python, venv, cache, onednn=True, cuda=None, with_tree=False, quiet=False):
    """See to it that the environment has this Caffe; returns the cache folder of its build.

    `onednn` allows for oneDNN; where it cannot be had, Caffe is built without. `cuda` is what to build with for
    GPUs, always without oneDNN. `with_tree` asks for the source and the build tree in that folder too, which an
    environment may outlive. `quiet` says nothing where there is nothing to do.
    """
    interpreter = inspect_interpreter(python)
    venv, cache = Path(venv).absolute(), Path(cache).absolute()
    if cuda and cuda.toolkit != cuda_toolkit.PYPI:
        # Debian's nvcc looks on the PATH for its own programs, where those of another toolkit may come first.
        os.environ["PATH"] = f"{cuda.toolkit}/bin:{os.environ['PATH']}"
    choices = [True, False] if onednn and not cuda and platform.machine() in ONEDNN_MACHINES else [False]
    keys = {
        choice: cache_key(interpreter.abi, platform.machine(), system_release(), list_patches(cuda=cuda), choice, cuda)
        for choice in choices
    }
    for choice, key in keys.items():
        wheel = cache / key / wheel_name(interpreter)
        if is_installed(interpreter, venv, key) and (wheel.exists() or not with_tree):
            if not quiet:
                print(f"Caffe is in {venv} already{f', {cuda}' if cuda else '' if choice else ', without oneDNN'}")
            return wheel.parent
    check_venv(interpreter, venv)
    cache.mkdir(parents=True, exist_ok=True)
    for choice, key in keys.items():
        wheel = cache / key / wheel_name(interpreter)
        log = Log(cache / f"{key}.log")
        with locked(cache / f"{key}.lock", log):
            install_packages(log)
            check_interpreter(interpreter, boost_python_versions())
            try:
                if wheel.exists():
                    check_wheel(wheel)
                else:
                    build_wheel(interpreter, cache, wheel.parent, choice, cuda, log)
            except NoOneDNN:
                continue
            if not is_installed(interpreter, venv, key):
                install_wheel(interpreter, wheel, venv, key, cuda, log)
        break
    log.step(f"done: {venv / 'bin' / 'caffe'}, and `import caffe` in {venv / 'bin' / 'python'}")
    return wheel.parent


def add_arguments(parser):
    """The options that build.py and test.py share."""
    parser.add_argument(
        "--python",
        default="/usr/bin/python3",
        help="interpreter to build for, the one the system's boost_python serves (default: %(default)s)",
    )
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="virtual environment (default: %(default)s)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="where builds are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--without-onednn",
        dest="onednn",
        action="store_false",
        help="convolutions by Caffe's own code only, which is slower",
    )
    gpus = parser.add_argument_group("for GPUs")
    gpus.add_argument(
        "--cuda",
        type=int,
        choices=(0, 1),
        help="1: build for GPUs; 0: for the CPU (default: as the environment has it, or for the CPU)",
    )
    gpus.add_argument("--cudnn", type=int, choices=(0, 1), help="1: convolutions and more by cuDNN (default: 0)")
    gpus.add_argument(
        "--cuda-arch",
        metavar="LIST",
        help="architectures, such as '80 90' (default: those of this machine's GPUs, or else of all common cards)",
    )
    gpus.add_argument(
        "--cuda-toolkit",
        metavar="DIR",
        help="toolkit to build with, or 'pypi' (default: the system's if it is whole, or else pypi)",
    )


def ensure_from_arguments(arguments, with_tree=False, quiet=False):
    """ensure_caffe() with the options of add_arguments()."""
    cuda = choose_cuda(arguments.cuda, arguments.cudnn, arguments.cuda_arch, arguments.cuda_toolkit, arguments.venv)
    return ensure_caffe(arguments.python, arguments.venv, arguments.cache, arguments.onednn, cuda, with_tree, quiet)


def run_main(function, parser):
    """Parse the arguments and do a script's work; a failure becomes one line on standard error and an exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with flushed_output():
            return function(parser.parse_args())
    except (BuildError, CudaError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {explained(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130


@contextlib.contextmanager
def flushed_output():
    """Write out at the end what was printed; an OSError then, or before, is not met again as Python ends."""
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, AttributeError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise


def explained(error):
    """What an OSError means, in a line."""
    if isinstance(error, BrokenPipeError):
        return "the output was closed before everything was written"
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return "the working directory has been removed: change to another one"
    return f"standard output: {error.strerror or error}"


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Build official BVLC Caffe and install it in a virtual environment.",
        epilog="example: python3 caffe_build/build.py --python /usr/bin/python3.11 --venv .venv",
    )
    add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing where there is nothing to do")

    def work(arguments):
        ensure_from_arguments(arguments, quiet=arguments.quiet)
        return 0

    return run_main(work, parser)


if __name__ == "__main__":
    sys.exit(main())
