"""Write a page that finds hands in a browser, in images and a camera's; no image leaves it. Or serve it.

--out writes a folder for any web server: the page, the network, and onnxruntime-web, which npm fetches the first time.
--serve serves the page on this machine, until Ctrl-C. Without --out it is in this user's cache, and is written again
only if something in it is new.

Example:
    maskpose page --serve
    maskpose page --out site
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_variant, argument_parser, folder, natural
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.page import build, server

LARGEST_PORT = 65535


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "page")
    parser.add_argument("--out", type=folder, metavar="FOLDER", help="folder to write to")
    parser.add_argument("--serve", action="store_true", help="serve the page on this machine")
    parser.add_argument("--port", type=natural, default=8000, help="of --serve; 0: one that is free (%(default)s)")
    add_variant(parser)
    parser.add_argument("--weights", metavar="FILE", help="caffemodel or HDF5 file (the repository's own)")
    parser.add_argument("--fp32", action="store_true", help="compute in fp32 by WebAssembly too, not in int8: slower")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose page``."""
    args = parse_arguments(arguments)
    if not (args.out or args.serve):
        raise InputError("say where to write the page, by --out FOLDER, or serve it, by --serve")
    if args.port > LARGEST_PORT:
        raise InputError(f"--port {args.port}: expected a number from 0 to {LARGEST_PORT}")
    if not (args.fp32 or build.can_quantise()):
        print(f"in fp32 alone, for int8 needs onnxruntime: {install_command('onnxruntime')}", file=sys.stderr)
    if not args.serve:
        build.write(args.out, args.variant, args.weights, not args.fp32)
        size = sum(path.stat().st_size for path in Path(args.out).rglob("*") if path.is_file())
        print(f"written to {args.out}: {size / 1e6:.1f} MB")
        return
    site = build.built(args.out, args.variant, args.weights, not args.fp32)
    with server.open_server(site, args.port) as serving:
        print(f"http://{server.HOST}:{serving.server_port}/ shows the page; Ctrl-C ends it", flush=True)
        serving.serve_forever()
