#!/usr/bin/env python3
"""``maskpose data mmpose``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.mmpose import main

if __name__ == "__main__":
    main()
