#!/usr/bin/env python3
"""``maskpose data shrink``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.shrink import main

if __name__ == "__main__":
    main()
