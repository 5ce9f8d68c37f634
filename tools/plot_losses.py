#!/usr/bin/env python3
"""``maskpose plot-losses``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.plot_losses import main

if __name__ == "__main__":
    main()
