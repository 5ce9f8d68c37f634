"""Check databases: format version, checksum, whether every image and mask can be decoded and has its size, keypoints.

Prints the checksum of all samples, which is the same for equal databases, whatever their files look like. The status is
1 if something is damaged, 2 if a database cannot be opened; the other databases are checked all the same.

Example:
    maskpose verify data/onehand10k/train.lmdb data/onehand10k/test.lmdb
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import FAILED, one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data import inspection
from maskpose.data.database import Reader, find_databases, read_manifest
from maskpose.errors import InputError
from maskpose.io.left_out import in_brackets

DAMAGED = 1  # status


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "verify")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs, or folders that hold some")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose verify``."""
    args = parse_arguments(arguments)
    status = 0
    for path in (db for given in args.dbs for db in find_databases(given)):
        try:
            status = max(status, verify(path))
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            status = FAILED
    sys.exit(status)


def verify(path: Path) -> int:
    """Print what is wrong with a database, and what it holds; return DAMAGED if anything is wrong, else 0.

    Raises InputError if it cannot be read as a database.
    """
    reader = Reader(path)
    findings = inspection.inspect(reader, hashes=False)
    digest = digest_of(reader)
    wrong = [*wrong_samples(findings), *wrong_records(reader, digest), *wrong_manifest(path)]
    reader.close()
    for message in wrong:
        print(f"{path}: {message}", file=sys.stderr)
    state = "whole" if not wrong else f"{len(wrong)} {'thing is' if len(wrong) == 1 else 'things are'} wrong"
    numbers = f"format version {reader.about['version']}, {len(reader)} samples, {findings.masks} masks"
    numbers += f", {len(findings.unknown_shares)} with unknown pixels, {findings.without_hand} without a hand"
    print(f"{path}: {state}; {numbers}, sha256 {digest}")
    if count := len(findings.overlapping):
        names = in_brackets(findings.overlapping)
        print(f"{path}: in {count} samples the mask calls unknown pixels hand, and they count as hand{names}")
    return DAMAGED if wrong else 0


def digest_of(reader: Reader) -> str:
    """The checksum of all samples, or "not known" if one of them cannot be read."""
    try:
        return reader.digest()
    except InputError:  # of a sample that is among those found damaged
        return "not known"


def wrong_samples(findings: inspection.Findings) -> list[str]:
    """A message for each sample with damage, a visible keypoint outside its image, or an empty mask."""
    messages = [*findings.damaged, *(f"{name}: a visible keypoint lies outside" for name in findings.outside)]
    return messages + [f"{name}: its mask is empty" for name in findings.empty]


def wrong_records(reader: Reader, digest: str) -> list[str]:
    """A message if the checksum differs from that noted when the database was written."""
    noted = reader.about.get("sha256")
    if noted in (None, digest):
        return []
    return [f"the samples' checksum is {digest}, the database was written with {noted}"]


def wrong_manifest(path: Path) -> list[str]:
    """A message if the database's manifest.json is missing or damaged."""
    try:
        read_manifest(path)
    except InputError as error:
        return [str(error) if (path / "manifest.json").is_file() else "manifest.json is missing"]
    return []
