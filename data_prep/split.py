#!/usr/bin/env python3
"""``maskpose data split``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.split import main

if __name__ == "__main__":
    main()
