"""Measure speed beside another library's, both in this run; a line a row, on a machine that does nothing else.

Example:
    maskpose benchmark data_layer --json runs/data_layer.json
    maskpose benchmark build --count 500
    maskpose benchmark load --rows caffe train_compact
"""

import argparse
import dataclasses
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, positive
from maskpose.errors import InputError
from maskpose.io.files import REPOSITORY, check_output, write_text

FOLDER = REPOSITORY / "benchmarks"
MODULES = {
    "build": "building",
    "data_layer": "data_layer",
    "engine": "engine",
    "load": "load",
    "page": "page",
    "predict": "predict",
    "scores": "scores",
    "shapes": "shapes",
    "training": "training",
}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    building, load = module("building"), module("load")
    parser = argument_parser(__doc__, "benchmark")
    parser.add_argument("name", choices=MODULES, help="which benchmark")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    parser.add_argument("--count", type=positive, metavar="N", help=f"of build: images ({building.COUNT})")
    parser.add_argument("--rows", nargs="+", choices=load.ROWS, metavar="ROW", help="of load: which (all there are)")
    args = parser.parse_args(arguments)
    if args.count and args.name != "build":
        parser.error("--count is of build alone")
    if args.rows and args.name != "load":
        parser.error("--rows is of load alone")
    return args


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose benchmark``."""
    args = parse_arguments(arguments)
    options = {"count": args.count} if args.count else {"names": args.rows} if args.rows else {}
    check_output(args.json)
    rows = []
    for row in module(MODULES[args.name]).run(**options):
        print(row, flush=True)
        rows.append(row)
    if args.json:
        write_text(args.json, json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
        print(f"written to {args.json}")


def module(name: str) -> ModuleType:
    """The module of benchmarks/ of that name. Raises InputError if this installation has no benchmarks/."""
    if not FOLDER.is_dir():
        raise InputError("benchmarks/ is missing: run this in a clone of the repository, the package has none")
    if str(REPOSITORY) not in sys.path:
        sys.path.append(str(REPOSITORY))
    return importlib.import_module(f"benchmarks.{name}")
