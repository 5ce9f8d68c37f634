#!/usr/bin/env python3
"""``maskpose average-weights``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.average_weights import main

if __name__ == "__main__":
    main()
