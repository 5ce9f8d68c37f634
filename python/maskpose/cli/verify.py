"""Check databases: format version, checksum, every picture, mask and mask of unknown pixels decodable and of its size,
keypoints within it.

Prints the checksum of all records, which is the same for equal databases, whatever their files look like. Ends with
status 1 where something is damaged, 2 where a database cannot be opened; the others are checked all the same.

Example:
    maskpose verify data/onehand10k/train.lmdb data/onehand10k/test.lmdb
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import FAILED
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data import inspection
from maskpose.data.database import Reader, find_databases, read_manifest
from maskpose.errors import InputError


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, "verify")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs, or folders that hold some")
    args = parser.parse_args(arguments)
    status = 0
    for path in (db for given in args.dbs for db in find_databases(given)):
        try:
            status = max(status, verify(path))
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            status = FAILED
    sys.exit(status)


def verify(path):
    """Print what is wrong with a database, and what it holds; give 1 if anything is wrong, else 0.

    Raises InputError if it cannot be read as a database.
    """
    reader = Reader(path)
    findings = inspection.inspect(reader, hashes=False)
    wrong = [*findings.damaged, *(f"{name}: a visible keypoint lies outside" for name in findings.outside)]
    wrong += [f"{name}: its mask is empty" for name in findings.empty]
    noted = reader.about.get("sha256")
    try:
        digest = reader.digest()
    except InputError:  # of a record that is among those found damaged
        digest = "not known"
    if noted not in (None, digest):
        wrong.append(f"the records' checksum is {digest}, the database was written with {noted}")
    try:
        read_manifest(path)
    except InputError as error:
        there = (path / "manifest.json").is_file()
        wrong.append(str(error) if there else "manifest.json is missing")
    reader.close()
    for message in wrong:
        print(f"{path}: {message}", file=sys.stderr)
    state = "whole" if not wrong else f"{len(wrong)} {'thing is' if len(wrong) == 1 else 'things are'} wrong"
    figures = f"format version {reader.about['version']}, {len(reader)} samples, {findings.masks} masks"
    figures += f", {len(findings.unknown_shares)} with unknown pixels, {findings.without_hand} without a hand"
    print(f"{path}: {state}; {figures}, sha256 {digest}")
    if count := len(findings.overlapping):
        names = inspection.named(findings.overlapping)
        print(f"{path}: in {count} samples the mask calls unknown pixels hand, and they count as hand{names}")
    return int(bool(wrong))
