"""A lock file: one process at a time holds it, and it is free as soon as that process ends."""

import contextlib
import errno
import fcntl
import os
import socket
import sys
from pathlib import Path
from typing import IO

from maskpose.errors import InputError

MOST_SHOWN = 200  # bytes of the lock file in a message
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what a file system without locks answers


class FileLock:
    """Holds a lock file from its construction to ``release``, or to the end of the process, however that comes.

    >>> with FileLock(".lock", "this folder"):
    ...     FileLock(".lock", "this folder")
    Traceback (most recent call last):
        ...
    maskpose.errors.InputError: this folder is being written by another process...
    """

    def __init__(self, path: str | os.PathLike[str], guarded: str | os.PathLike[str]):
        """Take the lock without waiting.

        Args:
            path: of the lock file. The file is made if it is missing; its folder must exist.
            guarded: what the lock protects, as messages name it.

        Raises:
            InputError: another process holds the lock, or the file cannot be made.
        """
        self.path, self.guarded = Path(path), guarded
        while True:
            self._file = self._open()
            if self.is_held():
                self._sign()
                return
            self._file.close()  # its former holder removed it after we opened it and before we locked it

    def _open(self) -> IO[str]:
        file = None
        try:
            file = self.path.open("a")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError) and file is not None:
                file.close()
                raise InputError(f"{self.guarded} is being written by another process{self._holder()}") from None
            if file is None or error.errno not in UNSUPPORTED:
                raise InputError(f"{self.guarded} cannot be written: {error.strerror}") from None
            print(f"warning: {self.guarded} cannot be locked here: let no other process write it", file=sys.stderr)
        return file

    def _sign(self) -> None:
        """Write the holder into the lock file, for messages; on a full disk the file stays empty."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def _holder(self) -> str:
        """Return the end of a message: who holds the lock, if the lock file says so."""
        with contextlib.suppress(OSError):
            line = self.path.read_bytes()[:MOST_SHOWN].partition(b"\n")[0].decode("utf-8", "replace")
            return f": {line}" if line.startswith("process ") else ""
        return ""

    def is_held(self) -> bool:
        """Return whether the lock file still exists and is the same; if not, others may hold a lock of that name."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def check(self) -> None:
        """Raise InputError unless the lock ``is_held``."""
        if not self.is_held():
            raise InputError(f"{self.guarded} was removed or replaced while it was written")

    def release(self) -> None:
        """Remove the lock file and let others have the lock."""
        if self.is_held():
            with contextlib.suppress(OSError):
                os.unlink(self.path)  # before it is unlocked: nobody else's file can be in its place
        self._file.close()

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()
