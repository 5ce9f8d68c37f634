"""Files that are never on a disk, for libraries that read and write by path alone and abort at an error."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from maskpose.errors import InputError

COLLECT = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"  # what a collecting process runs


@contextlib.contextmanager
def memory_file(data: bytes = b"") -> Iterator[Path]:
    """Give the path of a file in memory that holds ``data``; the file is gone afterwards.

    The path serves this process alone.

    Raises:
        InputError: the system makes no such file.
    """
    try:
        descriptor = os.memfd_create("maskpose")
    except OSError as error:
        raise InputError(f"no file can be made in memory: {error.strerror}") from None
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        path, rest = Path(f"/proc/self/fd/{descriptor}"), memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            path.stat()
        except OSError as error:
            raise InputError(f"no file can be made in memory: {error.strerror}") from None
        yield path


def collect_writes(write: Callable[[], object], paths: Sequence[Path]) -> list[bytes]:
    """Return what ``write()`` writes to each of ``paths``; no full disk, quota or limit of a file's size disturbs it.

    Meanwhile each path is a link to a pipe. Another process empties the pipe, since ``write`` may hold Python's lock.

    Args:
        write: opens each path once, and writes to it from its beginning to its end.
        paths: where no files are, or files that may be removed. The folder must exist.

    Raises:
        OSError: a link cannot be made, memory is short, or nothing was written to a path.
    """
    collectors, pipes = [], []
    try:
        for path in paths:
            reading, writing = os.pipe()
            pipes.append(writing)
            try:
                collectors.append(_start_collector(reading))
            finally:
                os.close(reading)
            path.unlink(missing_ok=True)
            path.symlink_to(f"/proc/self/fd/{writing}")
        write()
    except BaseException:
        for collector in collectors:
            collector.kill()
        raise
    finally:
        for pipe in pipes:
            os.close(pipe)  # the collector's input ends
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()
        contents = [collector.communicate()[0] for collector in collectors]
    if any(collector.returncode for collector in collectors):
        raise OSError(f"{paths[0].name}: not enough memory")
    if not all(contents):
        raise OSError(f"{paths[contents.index(b'')].name} was not written")
    return contents


def _start_collector(pipe: int) -> "subprocess.Popen[bytes]":
    """Start a process that reads a pipe to its end and gives what it read; Ctrl-C does not reach it."""
    command = [sys.executable, "-I", "-S", "-c", COLLECT]
    return subprocess.Popen(
        command, stdin=pipe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
