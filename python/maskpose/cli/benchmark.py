"""Measure speed beside a peer's, both in this run; a line a row, on a machine that does nothing else.

Example:
    maskpose benchmark data_layer --json runs/data_layer.json
    maskpose benchmark build --count 500
    maskpose benchmark load --rows caffe train_compact
"""

import dataclasses
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from maskpose.cli.options import argument_parser, one_line_errors, positive
from maskpose.errors import InputError
from maskpose.io.files import REPOSITORY, check_output, write_text

FOLDER = REPOSITORY / "benchmarks"
MODULES = {
    "build": "building",
    "data_layer": "data_layer",
    "engine": "engine",
    "load": "load",
    "predict": "predict",
    "scores": "scores",
    "shapes": "shapes",
    "training": "training",
}


def module(name: str) -> ModuleType:
    """The module of benchmarks/ of that name. Raises InputError if this installation has no benchmarks/."""
    if not FOLDER.is_dir():
        raise InputError(f"{FOLDER} is missing: the benchmarks are in the repository, not in the installed package")
    if str(REPOSITORY) not in sys.path:
        sys.path.append(str(REPOSITORY))
    return importlib.import_module(f"benchmarks.{name}")


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    building, load = module("building"), module("load")
    parser = argument_parser(__doc__, "benchmark")
    parser.add_argument("name", choices=MODULES, help="which benchmark")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    parser.add_argument("--count", type=positive, metavar="N", help=f"of build: photographs ({building.COUNT})")
    parser.add_argument("--rows", nargs="+", choices=load.ROWS, metavar="ROW", help="of load: which (all there are)")
    args = parser.parse_args(arguments)
    if args.count and args.name != "build":
        parser.error("--count is of build alone")
    if args.rows and args.name != "load":
        parser.error("--rows is of load alone")
    options = {"count": args.count} if args.count else {"names": args.rows} if args.rows else {}
    check_output(args.json)
    rows = []
    for row in module(MODULES[args.name]).run(**options):
        print(row, flush=True)
        rows.append(row)
    if args.json:
        write_text(args.json, json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
