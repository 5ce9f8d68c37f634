#!/usr/bin/env python3
"""``maskpose reproduce``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.reproduce import main

if __name__ == "__main__":
    main()
