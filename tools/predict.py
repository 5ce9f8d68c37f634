#!/usr/bin/env python3
"""``maskpose predict``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.predict import main

if __name__ == "__main__":
    main()
