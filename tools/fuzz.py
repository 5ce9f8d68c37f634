#!/usr/bin/env python3
"""Try mutated files on every parser of bytes from outside: only a value or this project's own error may come out.

Each parser, a target of tests/fuzz/targets.py, runs in a process of its own, with less than 1 GB of memory and 20 s of
processor time for an input. What else comes out, a crash of the process included, is a finding: the input is kept in
OUT/findings with the command that runs it again, and the script ends with status 1. Inputs that reach new lines of a
parser are kept in OUT/corpus and mutated further. The same command goes on where the last one ended: with other seeds,
and its sums.

Example:
    .venv/bin/python tools/fuzz.py --minutes 60
    .venv/bin/python tools/fuzz.py --target jpeg --input runs/fuzz/findings/jpeg-0123456789ab.bin
"""

import _packages  # noqa: F401  # isort: skip

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, natural, positive_number
from maskpose.errors import InputError
from maskpose.io.files import REPOSITORY, make_folder, read_json, write_text
from maskpose.io.locks import FileLock

SHORTEST, LONGEST = 10, 120  # seconds of a target's turn: a child process takes some to start


def parse_arguments(arguments):
    parser = argument_parser(__doc__)
    parser.add_argument("--minutes", type=positive_number, default=60, help="in all (%(default)s)")
    parser.add_argument("--target", nargs="+", metavar="NAME", help="of parsers (all)")
    parser.add_argument("--seed", type=natural, help="of the mutations (goes on from the last run's in OUT)")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="folder (%(default)s)")
    parser.add_argument("--input", nargs="+", type=Path, metavar="FILE", help="only run these inputs on the target")
    parser.add_argument("--list", action="store_true", help="only print the targets' names")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    sys.path.insert(0, str(REPOSITORY / "tests/fuzz"))
    import fuzzing
    from targets import TARGETS

    if args.list:
        return print(*TARGETS, sep="\n")
    names = args.target or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        raise InputError(f"no target is called {unknown[0]}: there are {', '.join(TARGETS)}")

    def keep(finding):
        path = finding.save(args.out / "findings")
        print(f"{finding.target}: {finding.kind}\n  {path}", flush=True)

    if args.input:
        inputs = [path.absolute() for path in args.input]
        totals = fuzzing.fuzz(names, 0, files=dict.fromkeys(names, inputs), on_finding=keep)
        for name, total in totals.items():
            print(f"{name}: {total.accepted} accepted, {total.refused} refused, {len(total.findings)} findings")
        return ends(totals)
    make_folder(args.out)
    with FileLock(args.out / ".lock", args.out) as lock:
        return ends(run(args, names, keep, fuzzing, lock))


def run(args, names, keep, fuzzing, lock):
    """Fuzz for so long, write what came of it, and give the totals."""
    state, corpus = args.out / "state.json", (args.out / "corpus").absolute()
    earlier = read_json(state) if state.is_file() else {"seed": 1, "totals": {}}
    totals = {name: fuzzing.Total(**total) for name, total in earlier["totals"].items()}
    seed = earlier["seed"] if args.seed is None else args.seed
    end = time.monotonic() + 60 * args.minutes
    turn = min(LONGEST, max(SHORTEST, 60 * args.minutes / len(names)))
    while time.monotonic() < end:
        for name in names:
            seconds = min(turn, end - time.monotonic())
            if seconds <= 0:
                break
            found = fuzzing.fuzz([name], seed, seconds=seconds, corpus=corpus, on_finding=keep)
            total = totals.setdefault(name, fuzzing.Total())
            total.join(found[name])
            minutes = max(0, end - time.monotonic()) / 60
            print(f"{name}: {total.inputs:,} inputs, {minutes:.0f} minutes left", flush=True)
            kept = {name: dataclasses.asdict(total) for name, total in totals.items()}
            lock.check()
            write_text(state, json.dumps({"seed": seed + 1, "totals": kept}) + "\n")
        seed += 1
    text = table(totals)
    write_text(args.out / "table.md", text)
    print(text, end="")
    return totals


def table(totals):
    """The totals as a Markdown table."""
    lines = ["| Parser | Inputs | Accepted | Refused | Findings | Peak memory, MB | Lines covered |", "|---" * 7 + "|"]
    for name, one in sorted(totals.items()):
        share = f"{len(one.covered)} of {one.lines}"
        counts = f"{one.inputs:,} | {one.accepted:,} | {one.refused:,} | {len(one.findings)}"
        lines.append(f"| {name} | {counts} | {one.peak >> 20} | {share} |")
    return "\n".join(lines) + "\n"


def ends(totals):
    """End with status 1 where there are findings."""
    if any(total.findings for total in totals.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
