#!/usr/bin/env python3
"""``maskpose benchmark``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.benchmark import main

if __name__ == "__main__":
    main()
