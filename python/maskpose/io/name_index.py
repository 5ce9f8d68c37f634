"""Images found by their names, as other programs write them: with or without folders and suffix."""

from collections.abc import Sequence
from pathlib import PurePath

from maskpose.errors import InputError
from maskpose.io.paths import PathLike


class NameIndex:
    """Finds an image by its name, by the name without folders, or by the name without folders and suffix."""

    def __init__(self, names: Sequence[str]):
        self._names = names
        self._whole: dict[str, list[int]] = {}
        self._bare: dict[str, list[int]] = {}
        self._stems: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            path = PurePath(name.replace("\\", "/"))  # Windows divides folders so
            for indices, key in ((self._whole, name), (self._bare, path.name), (self._stems, path.stem)):
                indices.setdefault(key, []).append(index)

    def find(self, name: str, where: PathLike = "") -> int | None:
        """Return the index of the image called ``name``, or None.

        Args:
            name: as another program wrote it.
            where: the file that has the name, for messages.

        Raises:
            InputError: several images may be meant.
        """
        path = PurePath(name.replace("\\", "/"))
        tries = (self._whole, name), (self._bare, path.name), (self._stems, path.name), (self._stems, path.stem)
        fitting = next((indices[key] for indices, key in tries if key in indices), None)
        if fitting is None:
            return None
        if len(fitting) > 1:
            raise InputError(f"{where}: {name} may be {self._names[fitting[0]]} or {self._names[fitting[1]]}")
        return fitting[0]
