#!/usr/bin/env python3
"""``maskpose page``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.page import main

if __name__ == "__main__":
    main()
