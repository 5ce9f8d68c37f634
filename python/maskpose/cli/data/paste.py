"""Paste the hands of LMDBs onto other backgrounds: new samples, whose masks and keypoints are exact.

The hands are those with a mask. The backgrounds are images without a hand, of LMDBs or folders, and what surrounds the
hand in an LMDB's other images, if their masks say where that is.

Example:
    maskpose data paste data/pasted.lmdb --hands data/cutout/train.lmdb data/synth/train.lmdb \\
      --backgrounds data/wild/train.lmdb ~/rooms --count 5000 --seed 1 --sheet runs/pasted.png
"""

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, fraction, natural, positive
from maskpose.data.compositing import PasteSettings
from maskpose.data.database import Reader
from maskpose.data.paste import ORIGIN, Backgrounds, Hands, build_pasted, paste_sheet
from maskpose.io.files import check_output, refuse_existing
from maskpose.io.images import write_image


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    defaults = PasteSettings()
    parser = argument_parser(__doc__, "data paste")
    parser.add_argument("db", type=Path, help="LMDB to write")
    parser.add_argument("--hands", nargs="+", type=Path, required=True, metavar="LMDB", help="whose hands are pasted")
    parser.add_argument(
        "--backgrounds", nargs="+", type=Path, required=True, metavar="SOURCE",
        help="LMDBs, or folders of images without hands",
    )  # fmt: skip
    parser.add_argument("--count", type=positive, default=1000, metavar="N", help="samples (%(default)s)")
    parser.add_argument("--seed", type=natural, default=1, help="of the samples (%(default)s)")
    parser.add_argument(
        "--span", nargs=2, type=float, default=defaults.span, metavar=("LOW", "HIGH"),
        help="larger side of the keypoints' box, in shares of the image's larger side (0.05 0.9)",
    )  # fmt: skip
    parser.add_argument(
        "--size", nargs=2, type=positive, default=defaults.size, metavar=("LOW", "HIGH"),
        help="pixels of the image's larger side (240 640)",
    )  # fmt: skip
    parser.add_argument(
        "--rotation", type=float, default=defaults.rotation, metavar="DEGREES", help="at most, either way (%(default)g)"
    )
    parser.add_argument(
        "--occlude", type=fraction, default=defaults.occlude, metavar="P",
        help="probability that something covers part of the hand; its keypoints stay labelled (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--arm", type=fraction, default=defaults.arm, metavar="P",
        help="probability that a forearm, a sleeve or both continue the wrist (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--origin", default=ORIGIN, metavar="NAME", help="noted in each sample (%(default)s)")
    parser.add_argument("--strict", action="store_true", help="stop at the first image that cannot be read")
    parser.add_argument("--workers", type=positive, metavar="N", help="threads (one a processor)")
    parser.add_argument("--sheet", metavar="FILE", help="also write a contact sheet of the first samples")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data paste``."""
    args = parse_arguments(arguments)
    settings = PasteSettings(tuple(args.span), args.rotation, tuple(args.size), args.occlude, args.arm)
    refuse_existing(args.db)
    check_output(args.sheet)
    cv2.setNumThreads(1)  # each thread has its own sample
    hands, backgrounds = open_sources(args.hands, args.backgrounds)
    print_source(f"{len(hands.places)} hands", hands.left_out)
    without, beside = len(backgrounds.whole), len(backgrounds.scenes)
    print_source(f"backgrounds: {without} images without a hand, {beside} beside one", backgrounds.left_out)
    about = conversion.describe(args)
    manifest, problems = build_pasted(
        args.db, hands, backgrounds, args.count, args.seed, settings, args.origin, about, args.workers, args.strict
    )
    if problems:
        print(f"{len(problems)} of {args.count} left out", file=sys.stderr)
    if args.sheet:
        write_image(args.sheet, paste_sheet(Reader(args.db)))
        print(f"contact sheet: {args.sheet}")
    conversion.print_contents(args.db, manifest)


def open_sources(hands: Sequence[Path], backgrounds: Sequence[Path]) -> tuple[Hands, Backgrounds]:
    """The hands of LMDBs, and the backgrounds of LMDBs and folders; an LMDB that is both is opened once."""
    open_once = functools.cache(Reader)

    def source(path: Path) -> Path | Reader:
        is_folder = path.is_dir() and not (path / "data.mdb").is_file() and path.suffix != ".lmdb"
        return path if is_folder else open_once(path.resolve())

    found = Hands([open_once(path.resolve()) for path in hands])
    return found, Backgrounds([source(path) for path in backgrounds])


def print_source(contents: str, left_out: Mapping[str, int]) -> None:
    """Print what the sources contain, and how many of their samples are left out, {reason: number}."""
    print(", ".join([contents, *(f"left out {count} {why}" for why, count in left_out.items())]))
