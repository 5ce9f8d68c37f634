#!/usr/bin/env python3
"""``maskpose data cmu``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.cmu import main

if __name__ == "__main__":
    main()
