"""``python -m maskpose --version`` and ``--check``: what this installation is and whether it is whole."""

import importlib

from maskpose import __version__
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.errors import InputError
from maskpose.runtime import import_caffe

PACKAGES = ("numpy", "cv2", "google.protobuf", "h5py", "lmdb", "tqdm", "matplotlib", "PIL", "jinja2")


@one_line_errors
def main():
    parser = argument_parser(__doc__)
    parser.prog = "maskpose"
    parser.add_argument("--version", action="version", version=f"maskpose {__version__}")
    parser.add_argument("--check", action="store_true", help="import Caffe and every package needed")
    if not parser.parse_args().check:
        parser.print_help()
        return
    missing = []
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    if missing:
        raise InputError(f"this Python lacks {', '.join(missing)}: see the dependencies in pyproject.toml")
    import_caffe()
    if int(importlib.import_module("cv2").__version__.split(".")[0]) >= 5:
        raise InputError("OpenCV 5 cannot read Caffe models: install opencv-python below 5")
    print("ok: Caffe and every package needed are there")


if __name__ == "__main__":
    main()
