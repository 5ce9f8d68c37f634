#!/usr/bin/env python3
"""Check databases: format version, checksum, every picture, mask and mask of unknown pixels decodable and of its size,
keypoints within it.

Prints the checksum of all records, which is the same for equal databases, whatever their files look like. Ends with
status 1 where something is damaged.

Example:
    .venv/bin/python tools/verify_db.py data/onehand10k/train.lmdb data/onehand10k/test.lmdb
"""

import _packages  # noqa: F401  # isort: skip

import sys
from pathlib import Path

from maskpose import inspection
from maskpose.command_line import argument_parser, one_line_errors
from maskpose.database import Reader


@one_line_errors
def main():
    parser = argument_parser(__doc__)
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs")
    args = parser.parse_args()
    damaged = 0
    for path in args.dbs:
        reader = Reader(path)
        findings = inspection.inspect(reader, hashes=False)
        wrong = [*findings.damaged, *(f"{name}: a visible keypoint lies outside" for name in findings.outside)]
        wrong += [f"{name}: its mask is empty" for name in findings.empty]
        digest, noted = reader.digest(), reader.about.get("sha256")
        if noted not in (None, digest):
            wrong.append(f"the records' checksum is {digest}, the database was written with {noted}")
        if not (path / "manifest.json").is_file():
            wrong.append("manifest.json is missing")
        damaged += len(wrong)
        for message in wrong:
            print(f"{path}: {message}", file=sys.stderr)
        state = "whole" if not wrong else f"{len(wrong)} {'thing is' if len(wrong) == 1 else 'things are'} wrong"
        figures = f"format version {reader.about['version']}, {len(reader)} samples, {findings.masks} masks"
        figures += f", {len(findings.unknown_shares)} with unknown pixels, {findings.without_hand} without a hand"
        print(f"{path}: {state}; {figures}, sha256 {digest}")
        if count := len(findings.overlapping):
            names = inspection.named(findings.overlapping)
            print(f"{path}: in {count} samples the mask calls unknown pixels hand, and they count as hand{names}")
    if damaged:
        sys.exit(1)


if __name__ == "__main__":
    main()
