"""Label images with several people, as the paper did: packages, each labelled by one person and checked by others.

`maskpose annotate COMMAND --help` says more; docs/data.md walks through it.

Example:
    maskpose annotate packages photos work
    maskpose annotate prefill work/packages
    maskpose annotate assign work --to anna,ben,carla,dana,emil
    maskpose annotate submit work --by anna p001
    maskpose annotate review work --by ben
    maskpose annotate validate work --by ben p001
    maskpose annotate release work --by ben p002
    maskpose annotate status work
    maskpose annotate corrections work
    maskpose annotate spread work --picture runs/spread.png
    maskpose annotate export work labelled
    maskpose data labelme labelled data/mine.lmdb
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from maskpose.annotation import project, reporting, spread
from maskpose.annotation.store import AT_ONCE, VALIDATIONS
from maskpose.cli import options
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import Parser, fraction, natural, positive
from maskpose.inference import image_paths
from maskpose.io.files import write_bytes


class Action(NamedTuple):
    """A command of ``maskpose annotate``."""

    run: Callable[[argparse.Namespace], None]
    add_options: Callable[[argparse.ArgumentParser], None]
    summary: str


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.argument_parser(__doc__, "annotate")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action in ACTIONS.items():
        one = commands.add_parser(
            name,
            help=action.summary,
            description=action.summary,
            epilog=f"Example:\n{example(parser, name)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_options(one)
        one.set_defaults(run=action.run)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose annotate``."""
    args = parse_arguments(arguments)
    args.run(args)


def example(parser: Parser, name: str) -> str:
    """The line of the parser's examples that is of the command ``name``."""
    return next(line for line in (parser.epilog or "").splitlines() if f" {name} " in line)


def add_packages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="images, or folders of them")
    parser.add_argument("work", type=Path, help="folder of the project, to be made")
    parser.add_argument("--size", type=positive, default=project.PER_PACKAGE, help="images a package (%(default)s)")


def packages(args: argparse.Namespace) -> None:
    made = project.create_project(image_paths.find_images(args.images), args.work, args.size)
    print(f"{args.work}: {sum(map(len, made.values()))} images in {len(made)} packages")


def add_prefill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="images, or folders such as work/packages")
    parser.add_argument("--threshold", type=fraction, default=0.2, help="confidence threshold (%(default)s)")
    parser.add_argument("--refine", action="store_true", default=None, help="make a refinement pass too")
    options.add_network(parser)
    options.add_engine(parser)
    options.add_mirror(parser)
    options.add_batch(parser)


def prefill(args: argparse.Namespace) -> None:
    from maskpose.annotation.prefill import prefill
    from maskpose.inference.predictor import Predictor

    predictor = Predictor(**options.predictor_options(args), refine=args.refine)
    written = prefill(predictor, image_paths.find_images(args.images), args.threshold)
    print(f"{written} label files written beside their images, for people to correct")


def add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("work", type=Path, help="folder of the project")


def add_assign(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--to", required=True, metavar="NAME,NAME…", help="upper and lower case are the same")
    parser.add_argument("--seed", type=natural, default=1, help="(%(default)s)")


def assign(args: argparse.Namespace) -> None:
    work = project.Project(args.work)
    people = work.store.introduce([project.checked_person(name) for name in args.to.split(",")])
    for person, names in work.store.assign(people, args.seed).items():
        print(f"{person}: {' '.join(names) or 'nothing'}")
    if len(people) <= VALIDATIONS + 1:
        print(f"a package needs one to label it and more than {VALIDATIONS} others to check it")
    print(f"to label one: labelme --config {work.config} {work.package('<package>')}")


def add_person_and_packages(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="who does it")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="such as p001")


def add_submit(parser: argparse.ArgumentParser) -> None:
    add_person_and_packages(parser)
    parser.add_argument("--as-is", action="store_true", help="with labels that are exactly what `prefill` wrote, too")


def submit(args: argparse.Namespace) -> None:
    work = project.Project(args.work)
    for name in args.packages:
        work.submit(name, args.by, args.as_is)
        print(f"{name}: handed in")


def add_review(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="who checks")
    parser.add_argument("--seed", type=natural, help="(a new one each time)")
    parser.add_argument("--new", action="store_true", help="NAME is a new person, whom `assign` did not name")


def review(args: argparse.Namespace) -> None:
    work = project.Project(args.work)
    if args.new:
        work.store.introduce([project.checked_person(args.by)])
    folders = work.review(args.by, args.seed)
    for folder in folders:
        print(f"labelme --config {work.config} {folder}")
    if folders:
        print(f"{len(folders)} packages to check and correct; hand them in with `validate`")
    else:
        print("nothing to check: no package that another person has labelled lacks your check (see `status`)")


def validate(args: argparse.Namespace) -> None:
    work = project.Project(args.work)
    for name in args.packages:
        print(f"{name}: validated, {work.validate(name, args.by)} parts of labels corrected")


def release(args: argparse.Namespace) -> None:
    work = project.Project(args.work)
    for name in args.packages:
        work.release(name, args.by)
        print(f"{name}: given back")


def status(args: argparse.Namespace) -> None:
    print(reporting.format_status(project.Project(args.work).store.status()))


def corrections(args: argparse.Namespace) -> None:
    print(reporting.corrections_csv(project.Project(args.work).store.corrections()), end="")


def add_spread(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="PNG of it")


def print_spread(args: argparse.Namespace) -> None:
    found = spread.measure_spread(project.Project(args.work).versions())
    print(spread.format_spread(found))
    if args.picture:
        write_bytes(args.picture, spread.plot_spread(found))
        print(f"written to {args.picture}")


def add_export(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--incomplete", action="store_true", help="packages that are annotated but not complete, too")


def export(args: argparse.Namespace) -> None:
    count = project.Project(args.work).export(args.out, args.incomplete)
    labelme = options.command_text("annotate", f"maskpose data labelme {args.out} DB")
    print(f"written to {args.out}: {count} images; {labelme} makes an LMDB")


ACTIONS = {
    "packages": Action(packages, add_packages, "Copy images into the packages of a new project."),
    "prefill": Action(prefill, add_prefill, "Let the network label images that have no label file yet, for people to "
                      "correct."),
    "assign": Action(assign, add_assign, "Deal the packages that nobody has among people, at random."),
    "submit": Action(submit, add_submit, "Hand in packages that are labelled."),
    "review": Action(review, add_review, f"Take {AT_ONCE} packages of others, at random, to check."),
    "validate": Action(validate, add_person_and_packages, "Hand in packages that are checked, with corrections."),
    "release": Action(release, add_person_and_packages, "Give back packages that were assigned or taken to check "
                      "(working copies are removed)."),
    "status": Action(status, add_project, "Print how far each package is."),
    "corrections": Action(corrections, add_project, "Print every correction, who made it and when, as CSV."),
    "spread": Action(print_spread, add_spread, "Print how far people's versions of the keypoints lie apart."),
    "export": Action(export, add_export, "Write images and labels into a folder for `maskpose data labelme`."),
}  # fmt: skip
