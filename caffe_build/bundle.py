#!/usr/bin/env python3
"""Pack Python, Caffe, this project and every library that they need into one archive for machines that have nothing.

    python3 caffe_build/bundle.py                          # dist/maskpose-cpu-x86_64.tar.xz
    python3 caffe_build/bundle.py --split                  # in parts of 60 MB
    python3 caffe_build/bundle.py --cuda 1 --cuda-arch 90  # for GPUs; CUDA's libraries are taken from the target

The archive unpacks to a folder that works wherever it lies: all libraries find each other by paths relative to their
own. It wants an x86-64 Linux with a glibc that is not older than this machine's, and nothing else. The steps:

1. Caffe and the project are installed into a virtual environment that is made for that and removed.
2. This machine's Python, that environment's packages and the program caffe are copied.
3. Of the shared libraries that these need, all but glibc's are copied beside them, and every library's path is set.
4. Whatever a library still needs and does not find in the bundle is an error.
5. The folder is packed.
"""

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import build
import cuda_toolkit
from build import BuildError

PROJECT = Path(__file__).resolve().parents[1]
RUN = Path(__file__).with_name("bundle_run.sh")
OUTSIDE = "cuda-from-outside"  # the file in a bundle that tells that CUDA's libraries are not in it
PART_SIZE = 60  # MB, of a part of a split archive
ELF = b"\x7fELF"

# What the target has: glibc, and with a GPU the driver's library.
GLIBC = re.compile(r"(ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libutil|libresolv|libanl|libmvec)\.so\.\d+")
DRIVER = re.compile(r"libcuda\.so\.1|libnvidia-ml\.so\.1")
CUDA = re.compile(r"lib(cudart|cublas|cublasLt|curand|cudnn\w*|nvrtc\S*|nvblas|nvJitLink)\.so\.[\d.]+")

# Folders of the standard library and of packages that nothing here imports.
LEFT_OUT_OF_PYTHON = ("test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "config-*", "dist-packages",
                      "site-packages", "sitecustomize.py", "EXTERNALLY-MANAGED", "__pycache__")  # fmt: skip
LEFT_OUT_OF_PACKAGES = ("pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "_distutils_hack",
                        "distutils-precedence.pth", "wheel", "wheel-*", "__pycache__", "tests", "*.a")  # fmt: skip

# The project wants opencv-python, whose windows need an X server's libraries; the same without windows needs none.
OPENCV, OPENCV_WITHOUT_WINDOWS = "opencv-python", "opencv-python-headless<5"


# ---- 1. What is packed --------------------------------------------------------------------------------


def install(arguments, folder, cuda, log):
    """Install Caffe and the project into a new virtual environment in a folder; give the environment."""
    venv = folder / "venv"
    build.ensure_caffe(arguments.python, venv, arguments.cache, arguments.onednn, cuda)
    python = venv / "bin" / "python"
    log.step("installing the project")
    log.run([python, "-m", "pip", "install", "--no-input", PROJECT], "pip install")
    log.run([python, "-m", "pip", "uninstall", "--yes", OPENCV], "pip uninstall")
    log.run([python, "-m", "pip", "install", "--no-input", OPENCV_WITHOUT_WINDOWS], "pip install")
    return venv


def copy_python(interpreter, target):
    """Copy an interpreter and its standard library to the folder ``target``, which then is its prefix."""
    name = f"python{interpreter.version}"
    (target / "bin").mkdir(parents=True)
    shutil.copy(Path(interpreter.path).resolve(), target / "bin" / name)
    (target / "bin" / "python3").symlink_to(name)
    ignore = shutil.ignore_patterns(*LEFT_OUT_OF_PYTHON)
    shutil.copytree(stdlib_of(interpreter), target / "lib" / name, ignore=ignore)


def packages_folder(python):
    """The folder that a copied interpreter imports packages from: Debian's has a name of its own for it."""
    query = "import site; print(*site.getsitepackages(), sep='\\n')"
    status, output = build.captured([python, "-c", query], env={"PATH": os.environ["PATH"]})
    prefix = python.parent.parent.resolve()
    folders = [Path(line) for line in output.splitlines() if prefix in Path(line).parents]
    if status != 0 or not folders:
        raise BuildError(f"{python}, copied, does not work: {output.strip()}")
    return folders[-1]


def copy_packages(venv, version, target, pack_cuda):
    """Copy an environment's packages, CUDA's only if they are to be packed, and the program caffe."""
    site = venv / "lib" / f"python{version}" / "site-packages"
    shutil.copytree(site, target, ignore=shutil.ignore_patterns(*LEFT_OUT_OF_PACKAGES), dirs_exist_ok=True)
    if not pack_cuda:
        for name in (cuda_toolkit.PYPI_ROOT, cuda_toolkit.CUDNN_ROOT):
            shutil.rmtree(target / name, ignore_errors=True)


# ---- 2. Shared libraries ------------------------------------------------------------------------------


def elf_files(folder: Path) -> list[Path]:
    """The programs and shared libraries in a folder; of a file with several names, the one that is no link."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == ELF:
                    found.append(path)
    return found


def patchelf(*arguments) -> str:
    """What the program patchelf says."""
    answer = subprocess.run(["patchelf", *map(str, arguments)], capture_output=True, text=True)
    if answer.returncode != 0:
        raise BuildError(f"patchelf {arguments[-1]}: {answer.stderr.strip()}")
    return answer.stdout


def needed(path: Path) -> list[str]:
    """The names of the libraries that a file needs; none of a static program."""
    answer = subprocess.run(["patchelf", "--print-needed", str(path)], capture_output=True, text=True)
    return answer.stdout.split() if answer.returncode == 0 else []


def from_target(name: str, pack_cuda: bool) -> bool:
    """Whether a library of this name is the target's own."""
    return bool(GLIBC.fullmatch(name) or DRIVER.fullmatch(name) or (not pack_cuda and CUDA.fullmatch(name)))


def resolved(path: Path) -> dict[str, Path]:
    """{name: file} of all libraries that this machine's loader loads for a file."""
    answer = subprocess.run(["ldd", str(path)], capture_output=True, text=True)
    return {name: Path(file) for name, file in re.findall(r"^\s*(\S+) => (/\S+)", answer.stdout, re.M)}


def collect_libraries(origins: Iterable[Path], folder: Path, target: Path, pack_cuda: bool) -> dict[str, Path]:
    """Copy the libraries of this system that files need to ``target``; give {name: where it was}.

    origins: the files as they are installed, whose loader paths still hold; what lies in ``folder`` is packed already.
    """
    found: dict[str, Path] = {}
    for path in origins:
        for name, file in resolved(path).items():
            inside = folder.resolve() in file.resolve().parents or folder in file.parents
            if name not in found and not inside and not from_target(name, pack_cuda):
                found[name] = file
    target.mkdir(parents=True, exist_ok=True)
    for name, file in found.items():
        shutil.copy(file.resolve(), target / name)
        (target / name).chmod(0o755)
    return found


def set_paths(root: Path, libraries: Path) -> None:
    """Let every file below ``root`` that needs one of ``libraries`` find it, by a path relative to the file."""
    names = {path.name for path in libraries.iterdir()}
    for path in elf_files(root):
        wants = set(needed(path))
        kept = [one for one in patchelf("--print-rpath", path).strip().split(":") if one] if wants else []
        relative = [one for one in kept if one.startswith("$ORIGIN")]
        if wants & names or relative != kept:
            own = f"$ORIGIN/{os.path.relpath(libraries, path.parent)}" if path.parent != libraries else "$ORIGIN"
            # An RPATH, which a cluster's LD_LIBRARY_PATH does not overrule, as it would a RUNPATH.
            patchelf("--force-rpath", "--set-rpath", ":".join(dict.fromkeys([*relative, own])), path)


def check_closed(root: Path, pack_cuda: bool) -> int:
    """Fail unless every file finds in the bundle what it needs; give the number of files.

    A file finds a library by its own path. Packages also load some of theirs beforehand: those have to be in the
    package's folder, or the one of its libraries.
    """
    files = elf_files(root)
    places = {path: package_of(path, root) for path in files}
    missing = []
    for path in files:
        names = [name for name in needed(path) if not from_target(name, pack_cuda)]
        paths = patchelf("--print-rpath", path).strip().replace("$ORIGIN", str(path.parent)).split(":") if names else []
        for name in names:
            if any(os.path.isabs(folder) and os.path.exists(os.path.join(folder, name)) for folder in paths):
                continue
            if not any(other.name == name and places[other] == places[path] for other in files):
                missing.append(f"{path.relative_to(root)} needs {name}")
    if missing:
        raise BuildError(f"{len(missing)} libraries are not in the bundle: {'; '.join(missing[:5])}")
    return len(files)


def package_of(path: Path, root: Path) -> str:
    """The Python package that a file is of, such as numpy for numpy.libs/x.so; "" outside packages."""
    parts = path.relative_to(root).parts
    folder = next((n for n, part in enumerate(parts) if part in ("site-packages", "dist-packages")), None)
    return "" if folder is None else parts[folder + 1].partition(".")[0]


def list_libraries(files: dict[str, Path]) -> str:
    """Lines of a library's name and the Debian package and version that it is of, as far as dpkg knows."""
    spelt = {name: sorted({str(file), f"/usr{file}", str(file.resolve())}) for name, file in files.items()}
    _, output = build.captured(["dpkg-query", "-S", *sorted({path for paths in spelt.values() for path in paths})])
    packages = {path: package for package, path in re.findall(r"^([^\s,]+): (/.*)$", output, re.M)}
    owners = {name: next(filter(None, map(packages.get, paths)), "") for name, paths in spelt.items()}
    query = ["dpkg-query", "-W", "-f", "${binary:Package} ${Version}\n", *sorted({*owners.values()} - {""})]
    versions = dict(re.findall(r"^(\S+) (\S+)$", build.captured(query)[1], re.M))
    lines = [f"{name} {package} {versions.get(package, '')}".rstrip() for name, package in sorted(owners.items())]
    return "".join(f"{line}\n" for line in lines)


# ---- 3. The bundle ------------------------------------------------------------------------------------


def assemble(interpreter, venv, root, pack_cuda, has_cuda, log):
    """Fill the folder ``root`` with the bundle."""
    log.step("copying Python and the packages")
    python = root / "python"
    copy_python(interpreter, python)
    origins = [Path(interpreter.path).resolve(), *elf_files(Path(stdlib_of(interpreter)))]
    packages = packages_folder(python / "bin" / "python3")
    copy_packages(venv, interpreter.version, packages, pack_cuda)
    shutil.copy(venv / "bin" / "caffe", python / "bin")
    site = f"$ORIGIN/../lib/python{interpreter.version}/site-packages"  # as the program knows it
    paths = patchelf("--print-rpath", python / "bin" / "caffe").strip()
    here = f"$ORIGIN/{os.path.relpath(packages, (python / 'bin').resolve())}"
    patchelf("--force-rpath", "--set-rpath", paths.replace(site, here), python / "bin" / "caffe")
    for note in python.rglob("direct_url.json"):  # of pip: where the project lay
        note.unlink()
    log.step("copying libraries")
    origins += [venv / "bin" / "caffe", *elf_files(venv / "lib")]
    libraries = collect_libraries(origins, venv, root / "lib", pack_cuda)
    set_paths(root, root / "lib")
    files = check_closed(root, pack_cuda)
    (root / "LIBRARIES.txt").write_text(list_libraries(libraries))
    shutil.copy(PROJECT / "LICENSE", root)
    shutil.copy(RUN, root / "run")
    (root / "run").chmod(0o755)
    if has_cuda and not pack_cuda:
        (root / OUTSIDE).touch()
    log.step(f"{files} programs and libraries find each other, {len(libraries)} of them this system's")


def stdlib_of(interpreter):
    """The folder of an interpreter's standard library."""
    status, output = build.captured([interpreter.path, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"])
    if status != 0:
        raise BuildError(f"{interpreter.path} does not say where its library is")
    return output.strip()


def pack(root: Path, archive: Path, part_size: int | None, log) -> list[Path]:
    """Pack a folder into an archive, or into parts of so many MB beside it; give the files, a list of SHA-256 last.

    All get their names at the end, so that what is there is whole.
    """
    if shutil.which("xz") is None:
        raise BuildError("there is no xz to pack with: apt-get install xz-utils")
    archive.parent.mkdir(parents=True, exist_ok=True)
    log.step("packing (minutes)")
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=archive.parent) as partial:
        tar = ["tar", "--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]
        command = shlex.join([*tar, "--directory", str(root.parent), root.name]) + " | xz --threads=0 -6"
        with subprocess.Popen(["bash", "-o", "pipefail", "-c", command], stdout=subprocess.PIPE) as process:
            names = write_parts(process.stdout, Path(partial), archive.name, part_size)
        if process.returncode != 0:
            raise BuildError("packing failed: is the disk full?")
        for old in archive.parent.glob(f"{archive.name}*"):
            old.unlink()
        for name in names:
            os.replace(Path(partial, name), archive.with_name(name))
    return [archive.with_name(name) for name in names]


def write_parts(stream, folder: Path, name: str, part_size: int | None) -> list[str]:
    """Write a stream to the file ``name``, or to name.part00 and so on, of so many MB, and the SHA-256 of all."""
    names, sums = [], []
    while data := stream.read(part_size * 10**6) if part_size else stream.read(1 << 24):
        if part_size or not names:
            names.append(f"{name}.part{len(names):02d}" if part_size else name)
            sums.append(hashlib.sha256())
        with open(folder / names[-1], "ab") as file:
            file.write(data)
        sums[-1].update(data)
    lines = [f"{digest.hexdigest()}  {name}\n" for digest, name in zip(sums, names)]
    (folder / f"{name}.sha256").write_text("".join(lines))
    return [*names, f"{name}.sha256"]


def make_bundle(arguments):
    """All of it."""
    interpreter = build.inspect_interpreter(arguments.python)
    cuda = build.choose_cuda(arguments.cuda or None, arguments.cudnn, arguments.cuda_arch, arguments.cuda_toolkit, "")
    if arguments.pack_cuda and not cuda:
        raise BuildError("--pack-cuda is for bundles for GPUs: give --cuda 1 too")
    name = f"maskpose-{'cuda' + cuda.major if cuda else 'cpu'}-x86_64"
    arguments.out.mkdir(parents=True, exist_ok=True)
    log = build.Log(arguments.out / f"{name}.log")
    with tempfile.TemporaryDirectory(prefix="maskpose-bundle-") as folder:
        venv = install(arguments, Path(folder), cuda, log)
        root = arguments.out / name if arguments.folder else Path(folder, name)
        if root.exists():
            raise BuildError(f"{root} is there already: remove it")
        try:
            assemble(interpreter, venv, root, arguments.pack_cuda, cuda is not None, log)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
        if arguments.folder:
            log.step(f"done: {root}/run maskpose --help")
            return 0
        files = pack(root, arguments.out / f"{name}.tar.xz", arguments.split, log)
    for path in files[:-1]:
        log.step(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    whole = f"cat {name}.tar.xz.part* | tar xJ" if arguments.split else f"tar xf {name}.tar.xz"
    log.step(f"there: sha256sum -c {files[-1].name} && {whole} && {name}/run maskpose --help")
    return 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Pack Python, Caffe, this project and all their libraries for machines that have nothing.",
        epilog="example: python3 caffe_build/bundle.py --cuda 1 --cuda-arch 90 --split",
    )
    build.add_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of the archive (default: %(default)s)")
    parser.add_argument("--split", type=int, nargs="?", const=PART_SIZE, metavar="MB",
                        help=f"in parts of at most so many MB ({PART_SIZE})")  # fmt: skip
    parser.add_argument("--folder", action="store_true", help="leave the folder in OUT as it is, and pack nothing")
    parser.add_argument("--pack-cuda", action="store_true", help="with CUDA's own libraries (default: the target's)")
    return build.run_main(make_bundle, parser)


if __name__ == "__main__":
    sys.exit(main())
