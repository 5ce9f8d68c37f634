"""``python -m maskpose``: the ``maskpose`` command."""

from maskpose.cli.main import main

if __name__ == "__main__":
    main()
