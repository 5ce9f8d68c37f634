"""Find the hand in a camera's picture, a film, or a folder of pictures, and show or write it.

Without --out and --json it opens a window; q, Escape, Ctrl-C or SIGTERM ends it, and what was written is whole. The
network looks at every n-th frame, and optical flow carries the keypoints between. Frames that cannot be read are left
out and reported, and the status is 2.

Example:
    maskpose webcam --source 0
    maskpose webcam --source film.mp4 --out found.mp4 --json found.jsonl --every 3 --follow --smooth
    maskpose webcam --source images/%05d.jpg --json found.jsonl
"""

import contextlib
import signal
import sys
from collections.abc import Sequence

from maskpose.cli import options
from maskpose.cli.options import fraction, positive
from maskpose.inference import engines, live
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.predictor import Predictor
from maskpose.inference.tracking import OneEuro, Tracker
from maskpose.inference.video import FrameSource, VideoWriter
from maskpose.io.files import GrowingFile, refuse_clashes
from maskpose.io.progress import progress_bar
from maskpose.runtime import set_device


def parse_arguments(arguments):
    parser = options.argument_parser(__doc__, "webcam")
    parser.add_argument("--source", default="0", help="camera's number, film, animated image, folder of "
                        "pictures, or images/%%05d.jpg (%(default)s)")  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="film to write, .mp4, .avi or .mkv")
    parser.add_argument("--json", metavar="FILE", help="file of lines of JSON to write, one a frame")
    parser.add_argument("--window", action="store_true", help="show a window beside --out and --json, too")
    parser.add_argument("--every", type=positive, default=1, metavar="N",
                        help="detect in one of N frames (%(default)s; the paper: 2 to 4)")  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="look where the last hand was, while one is there")
    parser.add_argument("--smooth", action="store_true", help="smooth keypoints over time (1 euro filter)")
    parser.add_argument("--paced", action="store_true", help="a film runs at its own pace; slow detection drops frames")
    parser.add_argument("--threshold", type=fraction, default=THRESHOLD, help="of confidence (%(default)s)")
    options.add_network(parser)
    options.add_engine(parser)
    options.add_search(parser)
    options.add_mirror(parser)
    return parser.parse_args(arguments)


@options.one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    frames = FrameSource(args.source, args.paced)
    weights = engines.files_of(args.weights) if args.weights else []
    refuse_clashes([(args.out, "--out"), (args.json, "--json")], [*frames.files, *weights])
    set_device(args.gpu)
    predictor = Predictor(use_pyramid=False, **options.predictor_options(args))
    tracker = Tracker(predictor, args.every, args.follow, OneEuro() if args.smooth else None)
    with contextlib.ExitStack() as stack:
        stack.callback(frames.close)
        film = stack.enter_context(VideoWriter(args.out, frames.rate)) if args.out else None
        lines = stack.enter_context(GrowingFile(args.json, anew=True)) if args.json else None
        window = None
        if args.window or not (args.out or args.json):
            window = stack.enter_context(contextlib.closing(live.Window()))
        figures = live.run(
            frames, tracker, args.threshold, film, lines, window,
            lambda those, total: progress_bar(those, total=total, unit="frame", disable=bool(window)),
        )  # fmt: skip
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items() if value is not None))
    if frames.lost:
        sys.exit(2)
