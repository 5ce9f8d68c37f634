#!/usr/bin/env python3
"""``maskpose export``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.export import main

if __name__ == "__main__":
    main()
