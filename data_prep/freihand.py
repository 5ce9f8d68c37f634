#!/usr/bin/env python3
"""``maskpose data freihand``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.freihand import main

if __name__ == "__main__":
    main()
