"""The sub-commands of ``maskpose data``, a module each."""
