#!/usr/bin/env python3
"""``maskpose demo``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.demo import main

if __name__ == "__main__":
    main()
