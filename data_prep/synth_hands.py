#!/usr/bin/env python3
"""``maskpose data synth``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.synth import main

if __name__ == "__main__":
    main()
