#!/usr/bin/env python3
"""``maskpose data labelme``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.labelme import main

if __name__ == "__main__":
    main()
