"""Images found by their names, as other programs write them: with or without folders and suffix."""

from collections.abc import Sequence
from pathlib import PurePath

from maskpose.errors import InputError


class NameIndex:
    """Images by their names."""

    def __init__(self, names: Sequence[str]):
        self._names = names
        self._whole, self._bare, self._stems = {}, {}, {}
        for index, name in enumerate(names):
            path = PurePath(name.replace("\\", "/"))  # as Windows has it
            for indices, key in ((self._whole, name), (self._bare, path.name), (self._stems, path.stem)):
                indices.setdefault(key, []).append(index)

    def find(self, name: str, where: str = "") -> int | None:
        """The index of the photograph called ``name``, or None. Raises InputError, of ``where``, if several are."""
        path = PurePath(name.replace("\\", "/"))  # as Windows has it
        tries = (self._whole, name), (self._bare, path.name), (self._stems, path.name), (self._stems, path.stem)
        found = next((indices[key] for indices, key in tries if key in indices), [None])
        if len(found) > 1:
            raise InputError(f"{where}: {name} may be {self._names[found[0]]} or {self._names[found[1]]}")
        return found[0]
