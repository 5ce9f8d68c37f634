#!/usr/bin/env python3
"""``maskpose data onehand10k``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.onehand10k import main

if __name__ == "__main__":
    main()
