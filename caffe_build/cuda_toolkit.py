"""What a build for GPUs is made with: the CUDA toolkit, the architectures, NCCL and cuDNN.

build.py asks choose() for a Cuda, which is all that decides how such a build comes out; everything here only
looks and decides, and installs nothing. The toolkit is the system's, where it is whole, or else that of NVIDIA's
Python packages, which bring nvcc along. NCCL and cuDNN always come from Python packages.
"""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# All packages below are given with the version and the SHA-256 of the wheel for this machine.
MACHINES = ("x86_64",)

# The toolkit that is taken from the package index where the system has none: CUDA 13.0.2. The first packages
# are also needed at run time.
PYPI = "pypi"
PYPI_VERSION = "13.0"
PYPI_RUNTIME = {
    "nvidia-cublas": ("13.1.0.3", "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"),
    "nvidia-cuda-runtime": ("13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    "nvidia-curand": ("10.4.0.35", "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
}
PYPI_COMPILER = {
    "nvidia-cuda-cccl": ("13.0.85", "e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649"),
    "nvidia-cuda-crt": ("13.0.88", "2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4"),
    "nvidia-cuda-nvcc": ("13.0.88", "56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03"),
    "nvidia-nvvm": ("13.0.88", "c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0"),
}

# NCCL and cuDNN for each CUDA. cuDNN compiles some of its kernels at run time, by NVRTC, which a system's toolkit
# has.
NCCL = {
    "11": {"nvidia-nccl-cu11": ("2.21.5", "49d8350629c7888701d1fd200934942671cb5c728f49acc5a0b3a768820bed29")},
    "12": {"nvidia-nccl-cu12": ("2.32.3", "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c")},
    "13": {"nvidia-nccl-cu13": ("2.32.3", "1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3")},
}
CUDNN = {
    "11": {"nvidia-cudnn-cu11": ("9.10.2.21", "e69235a0035588490c971432b5413f85791728089ec97db55aed72f90d7890f2")},
    "12": {"nvidia-cudnn-cu12": ("9.28.0.42", "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375")},
    "13": {"nvidia-cudnn-cu13": ("9.28.1.4", "a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec")},
}
NVRTC = {"nvidia-cuda-nvrtc": ("13.0.88", "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575")}

# Where these packages put their files, under site-packages.
PYPI_ROOT = "nvidia/cu13"
NCCL_ROOT = "nvidia/nccl"
CUDNN_ROOT = "nvidia/cudnn"
NCCL_LIBRARY = "libnccl.so.2"
CUDNN_LIBRARY = "libcudnn.so.9"

# The architectures that nvcc compiles for, each with the first CUDA that knows it and the last one that does.
ARCHS = {
    "50": ("11.0", "12.9"),
    "52": ("11.0", "12.9"),
    "53": ("11.0", "12.9"),
    "60": ("11.0", "12.9"),
    "61": ("11.0", "12.9"),
    "62": ("11.0", "12.9"),
    "70": ("11.0", "12.9"),
    "72": ("11.0", "12.9"),
    "75": ("11.0", None),
    "80": ("11.0", None),
    "86": ("11.1", None),
    "87": ("11.4", None),
    "88": ("13.0", None),
    "89": ("11.8", None),
    "90": ("11.8", None),
    "100": ("12.8", None),
    "101": ("12.8", "12.9"),
    "103": ("12.9", None),
    "110": ("13.0", None),
    "120": ("12.8", None),
    "121": ("12.9", None),
}
# Those of common cards, from Pascal on, which are compiled for where nothing tells which GPU it is for.
COMMON_ARCHS = ("60", "61", "70", "75", "80", "86", "89", "90", "100", "120")

# What a toolkit must have to compile Caffe; libraries in one of the folders.
TOOLKIT_FILES = ("bin/nvcc", "include/cuda.h", "include/cuda_runtime.h", "include/cublas_v2.h", "include/curand.h")
TOOLKIT_LIBRARIES = ("libcudart.so", "libcublas.so", "libcurand.so")
LIBRARY_FOLDERS = ("lib64", "lib", "lib/x86_64-linux-gnu")
SYSTEM_TOOLKIT = "/usr/local/cuda"


class CudaError(Exception):
    """A build for GPUs that cannot be: one line for the user."""


@dataclass(frozen=True)
class Cuda:
    """A build for GPUs: what decides how it comes out."""

    toolkit: str  # the folder of the system's toolkit, or PYPI
    version: str  # of the toolkit, such as 13.0
    archs: tuple  # such as ("80", "90"); code for newer GPUs is compiled from the last one's when it is loaded
    cudnn: bool

    def __str__(self):
        names = " ".join(f"sm_{arch}" for arch in self.archs)
        return f"for GPUs: CUDA {self.version}, {names}{', cuDNN' if self.cudnn else ''}"

    @property
    def major(self):
        """The toolkit's major version, such as 13, by which NVIDIA names its packages."""
        return self.version.partition(".")[0]

    @property
    def source(self):
        """Where the toolkit comes from, for people."""
        return "NVIDIA's Python packages" if self.toolkit == PYPI else self.toolkit

    @property
    def groups(self):
        """The Python packages to compile with, in groups that are kept in a folder each."""
        groups = {f"nccl-cu{self.major}": NCCL[self.major]}
        if self.toolkit == PYPI:
            groups["toolkit"] = {**PYPI_RUNTIME, **PYPI_COMPILER}
        if self.cudnn:
            groups[f"cudnn-cu{self.major}"] = CUDNN[self.major]
        return groups

    @property
    def runtime(self):
        """The Python packages with the libraries that Caffe loads."""
        packages = dict(NCCL[self.major])
        if self.toolkit == PYPI:
            packages.update(PYPI_RUNTIME)
        if self.cudnn:
            packages.update(CUDNN[self.major])
        if self.cudnn and self.toolkit == PYPI:
            packages.update(NVRTC)
        return packages

    @property
    def requires(self):
        """The same as requirements for a wheel's metadata."""
        return [f"{name}=={version}" for name, (version, _) in sorted(self.runtime.items())]

    def library_paths(self, site):
        """Where a library finds CUDA's, NCCL's and cuDNN's, seen from its own folder; `site` leads from there to
        the environment's site-packages, such as $ORIGIN/.."""
        paths = [f"{site}/{NCCL_ROOT}/lib"]
        if self.cudnn:
            paths.append(f"{site}/{CUDNN_ROOT}/lib")
        if self.toolkit == PYPI:
            paths.append(f"{site}/{PYPI_ROOT}/lib")
        else:  # last, since it may have another NCCL or cuDNN
            paths.append(str(library_folder(Path(self.toolkit))))
        return paths

    def cmake_options(self, folders):
        """The options for cmake; `folders` has the folder of each group of packages."""
        nccl = folders[f"nccl-cu{self.major}"] / NCCL_ROOT
        options = {
            "CPU_ONLY": "OFF",
            "USE_NCCL": "ON",
            "NCCL_INCLUDE_DIR": nccl / "include",
            "NCCL_LIBRARIES": nccl / "lib" / NCCL_LIBRARY,
            "USE_CUDNN": "ON" if self.cudnn else "OFF",
            "CUDA_TOOLKIT_ROOT_DIR": folders["toolkit"] / PYPI_ROOT if self.toolkit == PYPI else self.toolkit,
            "CUDA_ARCH_NAME": "Manual",
            "CUDA_ARCH_BIN": " ".join(self.archs),
            "CUDA_ARCH_PTX": self.archs[-1],
        }
        if self.cudnn:
            cudnn = folders[f"cudnn-cu{self.major}"] / CUDNN_ROOT
            options.update(CUDNN_INCLUDE=cudnn / "include", CUDNN_LIBRARY=cudnn / "lib" / CUDNN_LIBRARY)
        compiler = host_compiler(Path(self.toolkit)) if self.toolkit != PYPI else None
        if compiler:
            options["CUDA_HOST_COMPILER"] = compiler
        return options


def as_numbers(version):
    """A version such as 12.8 as numbers, for comparisons."""
    return tuple(int(part) for part in version.split("."))


# ---- Architectures ------------------------------------------------------------------------------------


def known_archs(version):
    """The architectures that nvcc of this CUDA version compiles for."""
    return [
        arch
        for arch, (first, last) in ARCHS.items()
        if as_numbers(first) <= as_numbers(version) and (last is None or as_numbers(version) <= as_numbers(last))
    ]


def parse_archs(text, version):
    """The architectures that a text such as "80 90", "8.0,9.0" or "sm_80" names, in ascending order."""
    known = known_archs(version)
    archs = set()
    for word in re.split(r"[\s,;]+", text.strip()):
        match = re.fullmatch(r"(?:sm_|compute_)?(\d+)\.?(\d)", word)
        arch = match[1] + match[2] if match else None
        if arch not in known:
            raise CudaError(
                f"CUDA_ARCH: {word or 'nothing'} is no architecture that CUDA {version} compiles for; "
                f"it knows {' '.join(known)}"
            )
        archs.add(arch)
    return tuple(sorted(archs, key=int))


def installed_gpus():
    """The architecture, such as 8.9, of each GPU that nvidia-smi lists; none where it does not work."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], capture_output=True, text=True
        )
    except OSError:
        return []
    return re.findall(r"^\d+\.\d$", answer.stdout, re.M) if answer.returncode == 0 else []


def default_archs(version, installed):
    """The architectures of the GPUs that are installed here, or else those of all common cards."""
    if installed:
        return parse_archs(" ".join(installed), version)
    return tuple(arch for arch in COMMON_ARCHS if arch in known_archs(version))


# ---- Toolkit ------------------------------------------------------------------------------------------


def library_folder(toolkit):
    """The folder of a toolkit's libraries: that of Debian's toolkit, which is /usr, has many others too."""
    folders = [toolkit / name for name in LIBRARY_FOLDERS]
    return next((folder for folder in folders if (folder / TOOLKIT_LIBRARIES[0]).exists()), folders[0])


def missing_parts(toolkit):
    """What a toolkit lacks of the files that Caffe is compiled with."""
    paths = [toolkit / name for name in TOOLKIT_FILES]
    paths += [library_folder(toolkit) / name for name in TOOLKIT_LIBRARIES]
    return [str(path.relative_to(toolkit)) for path in paths if not path.exists()]


def toolkit_version(toolkit):
    """The version of a toolkit, such as 13.0, by its cuda.h."""
    text = (toolkit / "include" / "cuda.h").read_text(errors="replace")
    match = re.search(r"^#define CUDA_VERSION (\d+)$", text, re.M)
    version = f"{int(match[1]) // 1000}.{int(match[1]) % 1000 // 10}" if match else "unknown"
    if version.partition(".")[0] not in NCCL:
        raise CudaError(f"{toolkit} is CUDA {version}, but only CUDA {', '.join(NCCL)} are supported")
    return version


def host_compiler(toolkit):
    """The newest g++ that the toolkit's nvcc works with, if it is installed under its number, such as g++-11."""
    config = toolkit / "include" / "crt" / "host_config.h"
    newest = re.search(r"^#if __GNUC__ > (\d+)$", config.read_text(errors="replace"), re.M) if config.exists() else None
    return shutil.which(f"g++-{newest[1]}") if newest else None


def system_toolkits():
    """The folders where a toolkit may be, the likeliest first: CUDA_HOME, the nvcc on the PATH, the usual place."""
    nvcc = shutil.which("nvcc")
    candidates = [os.environ.get("CUDA_HOME"), nvcc and Path(nvcc).resolve().parents[1], SYSTEM_TOOLKIT]
    return [Path(path) for path in candidates if path]


def find_toolkit(wanted=None, candidates=()):
    """The folder and version of the toolkit to use, or PYPI and its version.

    `wanted` is a folder, or PYPI, or None: then the first whole one of the candidates, or else PYPI.
    """
    if wanted not in (None, PYPI):
        toolkit = Path(wanted).resolve()
        missing = missing_parts(toolkit)
        if missing:
            raise CudaError(f"the CUDA toolkit {wanted} cannot be used: it lacks {', '.join(missing)}")
        return str(toolkit), toolkit_version(toolkit)
    if wanted is None:
        for candidate in candidates:
            if not missing_parts(candidate):
                return str(candidate.resolve()), toolkit_version(candidate)
    return PYPI, PYPI_VERSION


def name_libraries(folder):
    """Give what was installed from packages in a folder the names that cmake looks for.

    The packages have lib/libcublas.so.13 only, as it is loaded, where a toolkit has lib64/libcublas.so too.
    """
    toolkit = folder / PYPI_ROOT
    if toolkit.is_dir():
        (toolkit / "lib64").symlink_to("lib")
        for name in TOOLKIT_LIBRARIES:
            (toolkit / "lib" / name).symlink_to(next((toolkit / "lib").glob(f"{name}.*")).name)


def choose(archs=None, cudnn=False, toolkit=None):
    """The build for GPUs that was asked for; what was left open is chosen by what this machine has."""
    if platform.machine() not in MACHINES:
        raise CudaError(f"builds for GPUs are made on {' and '.join(MACHINES)} only; this is {platform.machine()}")
    folder, version = find_toolkit(toolkit, system_toolkits())
    chosen = parse_archs(archs, version) if archs else default_archs(version, installed_gpus())
    return Cuda(folder, version, chosen, cudnn)
