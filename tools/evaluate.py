#!/usr/bin/env python3
"""``maskpose evaluate``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.evaluate import main

if __name__ == "__main__":
    main()
