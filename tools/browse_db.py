#!/usr/bin/env python3
"""``maskpose browse``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.browse import main

if __name__ == "__main__":
    main()
