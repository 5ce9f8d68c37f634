#!/usr/bin/env python3
"""Measure speed beside a peer's, both in this run; a line a row, on a machine that does nothing else.

Example:
    .venv/bin/python tools/benchmark.py data_layer --json runs/data_layer.json
    .venv/bin/python tools/benchmark.py build --count 500
    .venv/bin/python tools/benchmark.py load --rows caffe train_compact
"""

import _packages  # noqa: F401  # isort: skip

import dataclasses
import json
from pathlib import Path

from benchmarks import building, data_layer, engine, load, predict, scores, shapes, training
from maskpose.cli.options import argument_parser, one_line_errors, positive
from maskpose.io.files import check_output, write_text

BENCHMARKS = {
    "build": building.run,
    "data_layer": data_layer.run,
    "engine": engine.run,
    "load": load.run,
    "predict": predict.run,
    "scores": scores.run,
    "shapes": shapes.run,
    "training": training.run,
}


@one_line_errors
def main():
    parser = argument_parser(__doc__)
    parser.add_argument("name", choices=BENCHMARKS, help="which benchmark")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    parser.add_argument("--count", type=positive, metavar="N", help=f"of build: photographs ({building.COUNT})")
    parser.add_argument("--rows", nargs="+", choices=load.ROWS, metavar="ROW", help="of load: which (all there are)")
    args = parser.parse_args()
    if args.count and args.name != "build":
        parser.error("--count is of build alone")
    if args.rows and args.name != "load":
        parser.error("--rows is of load alone")
    options = {"count": args.count} if args.count else {"names": args.rows} if args.rows else {}
    check_output(args.json)
    rows = []
    for row in BENCHMARKS[args.name](**options):
        print(row, flush=True)
        rows.append(row)
    if args.json:
        write_text(args.json, json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
