#!/usr/bin/env python3
"""``maskpose data rhd``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.rhd import main

if __name__ == "__main__":
    main()
