#!/usr/bin/env python3
"""``maskpose data csv``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.csv_table import main

if __name__ == "__main__":
    main()
