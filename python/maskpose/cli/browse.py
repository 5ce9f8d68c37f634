"""Look into databases: contact sheets of samples as they are and as training sees them, statistics, what looks wrong.

For each DB it prints a table and writes <name>_raw.png, <name>_trained.png (augmented, mask label in blue, heatmaps
in yellow) and <name>_figures.png into --out. Unknown pixels, and the grid cells that the mask's loss ignores for them,
are hatched in red. Images that are in two of the databases, or twice in one, are named.

Example:
    maskpose browse data/onehand10k/train.lmdb data/onehand10k/test.lmdb --out runs/browse
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_variant, argument_parser, folder, key_value, positive
from maskpose.data import inspection
from maskpose.data.database import Reader, find_databases
from maskpose.data.sampler import evenly_spaced
from maskpose.data.settings import DataSettings
from maskpose.io.files import OutputFolder, write_bytes
from maskpose.io.images import write_image
from maskpose.io.left_out import MOST_NAMED
from maskpose.model.variants import get_variant


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "browse")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs, or folders that hold some")
    parser.add_argument("--out", type=folder, default=Path("runs/browse"), help="folder to write to (%(default)s)")
    parser.add_argument("--count", type=positive, default=48, metavar="N", help="samples in a sheet (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="only the sheets: no statistics, no search for duplicates")
    parser.add_argument("--data", type=key_value, action="append", default=[], metavar="KEY=VALUE",
                        help="setting of the data layer, as `maskpose train` takes it")  # fmt: skip
    add_variant(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose browse``."""
    args = parse_arguments(arguments)
    DataSettings.from_json(json.dumps({"db": "any", **dict(args.data)}), "--data")
    dbs = [db for given in args.dbs for db in find_databases(given)]
    output_folder = OutputFolder(args.out)
    hashes = {}
    for path in dbs:
        name = path.stem if len(dbs) == 1 else f"{path.parent.name}_{path.stem}"
        found = browse(path, name, args, output_folder)
        if found is not None:
            hashes[str(path)] = found
    print_duplicates(hashes)
    print(f"\nwritten to {args.out}")


def browse(
    path: Path, name: str, args: argparse.Namespace, output_folder: OutputFolder
) -> list[tuple[str, int]] | None:
    """Write the sheets of a database, and print its statistics.

    Returns:
        [(name of a sample, hash of its image)]; None with --quick.
    """
    reader = Reader(path)
    indices = evenly_spaced(len(reader), args.count)
    write_image(args.out / f"{name}_raw.png", inspection.raw_sheet(reader, indices))
    output_folder.check()
    hashes = None
    if not args.quick:
        findings = inspection.inspect(reader)
        hashes = findings.hashes
        print(f"\n{path}\n{inspection.format_findings(findings)}")
        write_bytes(args.out / f"{name}_figures.png", inspection.histogram_sheet(findings, str(path)))
    reader.close()
    sheet = inspection.trained_sheet(path, indices, get_variant(args.variant), **dict(args.data))
    write_image(args.out / f"{name}_trained.png", sheet)
    output_folder.check()
    return hashes


def print_duplicates(hashes: dict[str, list[tuple[str, int]]]) -> None:
    """Print which images are twice within a database, and in two databases.

    Args:
        hashes: {database: what ``browse`` returned}.
    """
    pairs = [(path, path) for path in hashes] + list(itertools.combinations(hashes, 2))
    for one, other in pairs:
        same = inspection.find_duplicates(hashes[one], None if one == other else hashes[other])
        where = f"within {one}" if one == other else f"between {one} and {other}"
        print(f"\nthe same image twice, {where}: {len(same)}")
        for name, another, bits in same[:MOST_NAMED]:
            print(f"  {name} and {another} ({bits} of 64 bits apart)")
