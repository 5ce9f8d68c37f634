#!/usr/bin/env python3
"""``maskpose data merge``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.merge import main

if __name__ == "__main__":
    main()
