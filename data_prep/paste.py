#!/usr/bin/env python3
"""``maskpose data paste``."""

import _packages  # noqa: F401  # isort: skip

from maskpose.cli.data.paste import main

if __name__ == "__main__":
    main()
