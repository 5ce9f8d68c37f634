#!/usr/bin/env python3
"""``maskpose overfit``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.overfit import main

if __name__ == "__main__":
    main()
