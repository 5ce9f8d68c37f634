#!/usr/bin/env python3
"""``maskpose verify``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.verify import main

if __name__ == "__main__":
    main()
