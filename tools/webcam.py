#!/usr/bin/env python3
"""``maskpose webcam``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.webcam import main

if __name__ == "__main__":
    main()
