"""Files in memory, for libraries that read and write paths alone: no disk that is full, slow or gone stands between."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from maskpose.errors import InputError


@contextlib.contextmanager
def memory_file(data: bytes = b"") -> Iterator[Path]:
    """Give the path of a file that lies in memory, holds ``data`` and is gone afterwards.

    The path serves this process alone. Raises InputError if the system takes no such file.
    """
    try:
        descriptor = os.memfd_create("maskpose")
    except OSError as error:
        raise InputError(f"no file can be made in memory: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        path = Path(f"/proc/self/fd/{descriptor}")
        try:
            file.write(data)
            file.flush()
            path.stat()
        except OSError as error:
            raise InputError(f"no file can be made in memory: {error.strerror}") from None
        yield path
