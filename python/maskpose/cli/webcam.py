"""Find the hand in a camera's images, a film, or a folder of images, and show or write it.

Without --out and --json it opens a window; q, Escape, Ctrl-C or SIGTERM ends it, and the files written are whole. The
network runs on every n-th frame, and optical flow carries the keypoints between. Frames that cannot be read are left
out and reported, and the status is 2.

Example:
    maskpose webcam --source 0
    maskpose webcam --source film.mp4 --out found.mp4 --json found.jsonl --every 3 --follow --smooth
    maskpose webcam --source images/%05d.jpg --json found.jsonl
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterable, Sequence

from maskpose.cli import options
from maskpose.cli.entry import FAILED, one_line_errors
from maskpose.cli.options import fraction, positive
from maskpose.inference import engines, live
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.one_euro import OneEuro
from maskpose.inference.predictor import Predictor
from maskpose.inference.tracking import Tracker
from maskpose.inference.video import FrameSource, VideoWriter
from maskpose.io.files import GrowingFile, refuse_clashes
from maskpose.io.progress import progress_bar
from maskpose.runtime import set_device


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.argument_parser(__doc__, "webcam")
    parser.add_argument("--source", default="0", help="camera's number, film, animated image, folder of "
                        "images, or images/%%05d.jpg (%(default)s)")  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="film to write, .mp4, .avi or .mkv")
    parser.add_argument("--json", metavar="FILE", help="file of lines of JSON to write, one a frame")
    parser.add_argument("--window", action="store_true", help="show a window beside --out and --json, too")
    parser.add_argument("--every", type=positive, default=1, metavar="N",
                        help="detect in one of N frames (%(default)s; the paper: 2 to 4)")  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="crop to the last hand, while one is detected")
    parser.add_argument("--smooth", action="store_true", help="smooth keypoints over time (1 euro filter)")
    parser.add_argument("--paced", action="store_true", help="a film runs at its own pace; slow detection drops frames")
    parser.add_argument("--threshold", type=fraction, default=THRESHOLD, help="confidence threshold (%(default)s)")
    options.add_network(parser)
    options.add_engine(parser)
    options.add_search(parser)
    options.add_mirror(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose webcam``."""
    args = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    frames = FrameSource(args.source, args.paced)
    weights = engines.files_of(args.weights) if args.weights else []
    refuse_clashes([(args.out, "--out"), (args.json, "--json")], [*frames.files, *weights])
    set_device(args.gpu)
    predictor = Predictor(use_pyramid=False, **options.predictor_options(args))
    tracker = Tracker(predictor, args.every, args.follow, OneEuro() if args.smooth else None)
    numbers = show_and_write(args, frames, tracker)
    written = [name for name in (args.out, args.json) if name]
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items() if value is not None)
          + (f"; written to {' and '.join(written)}" if written else ""))  # fmt: skip
    if frames.lost:
        sys.exit(FAILED)


def show_and_write(args: argparse.Namespace, frames: FrameSource, tracker: Tracker) -> dict[str, float | None]:
    """Run the tracker on every frame; show and write what the command line asks for.

    Returns:
        Frames, rate and latency, as maskpose.inference.live gives them.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(frames.close)
        film = stack.enter_context(VideoWriter(args.out, frames.rate)) if args.out else None
        lines = stack.enter_context(GrowingFile(args.json, anew=True)) if args.json else None
        window = None
        if args.window or not (args.out or args.json):
            window = stack.enter_context(contextlib.closing(live.Window()))

        def progress(some: Iterable, total: int | None) -> Iterable:
            return progress_bar(some, total=total, unit="frame", disable=bool(window))

        return live.process_frames(frames, tracker, args.threshold, film, lines, window, progress)
