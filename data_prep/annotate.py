#!/usr/bin/env python3
"""``maskpose annotate``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.annotate import main

if __name__ == "__main__":
    main()
