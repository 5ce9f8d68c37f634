#!/usr/bin/env python3
"""``maskpose data crop-images``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.crop_images import main

if __name__ == "__main__":
    main()
