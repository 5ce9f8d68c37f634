#!/usr/bin/env python3
"""Measure speed beside a peer's, both in this run; a line a row, on a machine that does nothing else.

Example:
    .venv/bin/python tools/benchmark.py data_layer --json runs/data_layer.json
    .venv/bin/python tools/benchmark.py build --count 500
"""

import _packages  # noqa: F401  # isort: skip

import dataclasses
import json
from pathlib import Path

from maskpose.benchmarks import building, data_layer, engine, predict, scores, shapes, training
from maskpose.command_line import argument_parser, one_line_errors, positive
from maskpose.files import write_text

BENCHMARKS = {
    "build": building.run,
    "data_layer": data_layer.run,
    "engine": engine.run,
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
    args = parser.parse_args()
    if args.count and args.name != "build":
        parser.error("--count is of build alone")
    rows = []
    for row in BENCHMARKS[args.name](**({"count": args.count} if args.count else {})):
        print(row, flush=True)
        rows.append(row)
    if args.json:
        write_text(args.json, json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
