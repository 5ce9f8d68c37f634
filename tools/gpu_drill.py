#!/usr/bin/env python3
"""``maskpose gpu-drill``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.gpu_drill import main

if __name__ == "__main__":
    main()
