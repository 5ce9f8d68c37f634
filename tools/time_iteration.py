#!/usr/bin/env python3
"""``maskpose time``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.time_iteration import main

if __name__ == "__main__":
    main()
