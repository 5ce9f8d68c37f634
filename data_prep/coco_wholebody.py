#!/usr/bin/env python3
"""``maskpose data coco-wholebody``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.coco_wholebody import main

if __name__ == "__main__":
    main()
