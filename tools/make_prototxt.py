#!/usr/bin/env python3
"""Write prototxt/<variant>/{train,deploy,solver}.prototxt from maskpose.model.network.

Example:
    .venv/bin/python tools/make_prototxt.py
"""

import _packages  # noqa: F401  # isort: skip

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.io.files import write_text
from maskpose.model.prototxt import prototxt_files
from maskpose.model.variants import VARIANTS


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("prototxt"), help="folder (%(default)s)")
    args = parser.parse_args(arguments)
    for variant in VARIANTS.values():
        for path, text in prototxt_files(variant).items():
            write_text(args.out / path, text)
            print(args.out / path)


if __name__ == "__main__":
    main()
