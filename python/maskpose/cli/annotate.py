"""Label photographs with several people, as the paper did: packages, each labelled by one and checked by others.

`maskpose annotate COMMAND --help` says more; docs/data.md walks through it.

Example:
    maskpose annotate packages photos work
    maskpose annotate prefill work/packages
    maskpose annotate assign work --to anna,ben,carla,dana,emil
    maskpose annotate submit work --by anna p001
    maskpose annotate review work --by ben
    maskpose annotate validate work --by ben p001
    maskpose annotate status work
    maskpose annotate export work labelled
    maskpose data labelme labelled data/mine.lmdb
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.annotation import project, reporting, spread
from maskpose.annotation.store import AT_ONCE, VALIDATIONS
from maskpose.cli.options import (
    add_batch,
    add_engine,
    add_mirror,
    add_network,
    argument_parser,
    fraction,
    natural,
    one_line_errors,
    positive,
    predictor_options,
)
from maskpose.inference import image_paths
from maskpose.io.files import write_bytes


def packages(args):
    made = project.create_project(image_paths.find_images(args.photographs), args.work, args.size)
    print(f"{args.work}: {sum(map(len, made.values()))} photographs in {len(made)} packages")


def prefill(args):
    from maskpose.annotation.prefill import prefill
    from maskpose.inference.predictor import Predictor

    predictor = Predictor(**predictor_options(args), refine=args.refine)
    written = prefill(predictor, image_paths.find_images(args.photographs), args.threshold)
    print(f"{written} label files written, for people to correct")


def assign(args):
    work = project.Project(args.work)
    people = work.store.introduce([project.checked_person(name) for name in args.to.split(",")])
    for person, names in work.store.assign(people, args.seed).items():
        print(f"{person}: {' '.join(names) or 'nothing'}")
    if len(people) <= VALIDATIONS + 1:
        print(f"a package needs one to label it and more than {VALIDATIONS} others to check it")
    print(f"to label one: labelme --config {work.config} {work.package('<package>')}")


def submit(args):
    work = project.Project(args.work)
    for name in args.packages:
        work.submit(name, args.by, args.as_is)
        print(f"{name}: handed in")


def review(args):
    work = project.Project(args.work)
    if args.new:
        work.store.introduce([project.checked_person(args.by)])
    folders = work.review(args.by, args.seed)
    for folder in folders:
        print(f"labelme --config {work.config} {folder}")
    if folders:
        print(f"{len(folders)} to look through, to correct, and to hand in by `validate`")
    else:
        print("nothing to check: no package that another person has labelled lacks your check (see `status`)")


def validate(args):
    work = project.Project(args.work)
    for name in args.packages:
        print(f"{name}: validated, {work.validate(name, args.by)} parts of labels corrected")


def release(args):
    work = project.Project(args.work)
    for name in args.packages:
        work.release(name, args.by)
        print(f"{name}: given back")


def status(args):
    print(reporting.format_status(project.Project(args.work).store.status()))


def corrections(args):
    print(reporting.corrections_csv(project.Project(args.work).store.corrections()), end="")


def export(args):
    count = project.Project(args.work).export(args.out, args.incomplete)
    print(f"{args.out}: {count} photographs; data_prep/labelme.py {args.out} DB makes an LMDB")


def spread_(args):
    found = spread.measure_spread(project.Project(args.work).versions())
    print(spread.format_spread(found))
    if args.picture:
        write_bytes(args.picture, spread.plot_spread(found))


def parse_arguments(arguments):
    parser = argument_parser(__doc__, "annotate")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run, text, name=None):
        one = commands.add_parser(name or run.__name__, help=text, description=text)
        one.set_defaults(run=run)
        return one

    def in_project(run, text, name=None):
        one = command(run, text, name)
        one.add_argument("work", type=Path, help="folder of the project")
        return one

    one = command(packages, "copy photographs into the packages of a new project")
    one.add_argument("photographs", nargs="+", help="photographs, or folders of them")
    one.add_argument("work", type=Path, help="folder of the project, to be made")
    one.add_argument("--size", type=positive, default=project.PER_PACKAGE, help="photographs a package (%(default)s)")

    one = command(prefill, "let the network label photographs that have no label file yet, for people to correct")
    one.add_argument("photographs", nargs="+", help="folders of photographs, such as work/packages")
    one.add_argument("--threshold", type=fraction, default=0.2, help="confidence of a keypoint (%(default)s)")
    one.add_argument("--refine", action="store_true", default=None, help="look again at the hand that was found")
    add_network(one)
    add_engine(one)
    add_mirror(one)
    add_batch(one)

    one = in_project(assign, "deal the packages that nobody has among people, at random")
    one.add_argument("--to", required=True, metavar="NAME,NAME…", help="upper and lower case are the same")
    one.add_argument("--seed", type=natural, default=1, help="(%(default)s)")

    one = in_project(submit, "hand in packages that are labelled")
    one.add_argument("--by", required=True, metavar="NAME")
    one.add_argument("packages", nargs="+")
    one.add_argument("--as-is", action="store_true", help="with labels that are exactly what `prefill` wrote, too")

    one = in_project(review, f"take {AT_ONCE} packages of others, at random, to check")
    one.add_argument("--by", required=True, metavar="NAME")
    one.add_argument("--seed", type=natural, help="(a new one each time)")
    one.add_argument("--new", action="store_true", help="the name is a new person's, whom `assign` did not name")

    one = in_project(validate, "hand in packages that are checked, with corrections")
    one.add_argument("--by", required=True, metavar="NAME")
    one.add_argument("packages", nargs="+")

    one = in_project(release, "give back packages assigned, or taken to check (working copies are removed)")
    one.add_argument("--by", required=True, metavar="NAME")
    one.add_argument("packages", nargs="+")

    in_project(status, "say how far each package is")
    in_project(corrections, "print every correction, who made it and when, as CSV")

    one = in_project(export, "write photographs and labels into a folder for data_prep/labelme.py")
    one.add_argument("out", type=Path, help="folder to write")
    one.add_argument("--incomplete", action="store_true", help="packages that are annotated but not complete, too")

    one = in_project(spread_, "say how far people's versions of the keypoints lie apart", "spread")
    one.add_argument("--picture", type=Path, metavar="FILE", help="PNG of it")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    args.run(args)
