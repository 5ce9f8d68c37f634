#!/usr/bin/env python3
"""``maskpose train``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.train import main

if __name__ == "__main__":
    main()
