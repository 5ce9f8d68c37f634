#!/usr/bin/env python3
"""``maskpose data backgrounds``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.backgrounds import main

if __name__ == "__main__":
    main()
