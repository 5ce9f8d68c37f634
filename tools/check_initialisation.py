#!/usr/bin/env python3
"""Measure what a random initialisation does: activations and gradients layer by layer, initial losses.

Example:
    .venv/bin/python tools/check_initialisation.py --db data/onehand10k/train.lmdb --variant mask_pose
"""

import _packages  # noqa: F401  # isort: skip

from collections.abc import Sequence

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_variant, argument_parser, natural, positive
from maskpose.model import initialisation
from maskpose.model.variants import get_variant


def parse_arguments(arguments):
    parser = argument_parser(__doc__)
    parser.add_argument("--db", required=True, help="LMDB of training samples")
    add_variant(parser)
    parser.add_argument("--schemes", nargs="+", choices=initialisation.SCHEMES, default=list(initialisation.SCHEMES))
    parser.add_argument("--batch-size", type=positive, default=2, help="images (%(default)s)")
    parser.add_argument("--seed", type=natural, default=1, help="of the random weights (%(default)s)")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    variant = get_variant(args.variant)
    for scheme in args.schemes:
        reports, losses = initialisation.measure(variant, args.db, scheme, args.batch_size, args.seed)
        print(f"{variant.name}, {scheme}: {initialisation.SCHEMES[scheme]}")
        print(f"{'layer':<16}{'activation':>12}{'alive':>8}{'gradient':>12}")
        for row in reports:
            print(f"{row.name:<16}{row.activation:>12.3g}{row.alive:>8.2f}{row.gradient:>12.3g}")
        print("losses:", ", ".join(f"{name} {value:.5g}" for name, value in losses.items()))
        print()


if __name__ == "__main__":
    main()
