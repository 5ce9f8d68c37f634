#!/usr/bin/env python3
"""``maskpose report``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.report import main

if __name__ == "__main__":
    main()
