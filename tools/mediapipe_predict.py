#!/usr/bin/env python3
"""``maskpose mediapipe-predict``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.mediapipe_predict import main

if __name__ == "__main__":
    main()
