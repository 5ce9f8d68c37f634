"""How every command begins and ends: standard streams that can be written to, and one line of error."""

import contextlib
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, ParamSpec, TypeVar

from maskpose.errors import InputError, Stopped, WorkerError, reason

FAILED, INTERRUPTED = 2, 130  # statuses
Given = ParamSpec("Given")
Result = TypeVar("Result")
OUTPUT = "standard output"
_state = {"running": False}  # whether a decorated function is running
STREAMS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}  # in the order of their numbers


def one_line_errors(main: Callable[Given, Result]) -> Callable[Given, Result]:
    """Decorate a command's ``main``: an expected error ends it with one line on stderr.

    Expected are bad input, a worker that ended, a lack of memory, and what the operating system refuses: a full disk, a
    folder that cannot be written, a removed working directory, an output that nobody reads any longer. The status is 2,
    or 130 if the user stopped it. SIGTERM and SIGHUP stop it as Ctrl-C does, so that unfinished files are removed.
    Any other exception is a bug, and keeps its traceback. A decorated function that another one calls is not decorated:
    the outer one ends the program.
    """

    @functools.wraps(main)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        if _state["running"]:
            return main(*args, **kwargs)
        _state["running"] = True
        try:
            open_standard_streams()
            with _signals_as_interrupts():
                result = main(*args, **kwargs)
            _flush()  # as Python ends, it would be too late to say what is wrong
            return result
        except SystemExit as end:
            try:
                _flush()
            except OSError as error:
                _end(f"error: {what_went_wrong(error)}", end.code or FAILED)
            raise
        except Stopped as stop:
            _end(f"stopped before it had learnt what it should: {stop}", INTERRUPTED)
        except KeyboardInterrupt:
            _end("interrupted", INTERRUPTED)
        except (InputError, WorkerError, OSError, MemoryError) as error:
            _end(f"error: {what_went_wrong(error)}", FAILED)
        finally:
            _state["running"] = False

    return wrapped


def what_went_wrong(error: Exception) -> str:
    """A line about an exception that ``one_line_errors`` takes care of."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}".removesuffix(": ")
    if not isinstance(error, OSError):
        return str(error)
    if isinstance(error, BrokenPipeError):
        return "the output was closed before everything was written"
    if isinstance(error.filename, str | bytes | os.PathLike):
        return f"{os.fsdecode(error.filename)}: {reason(error)}"
    return reason(error)


def open_standard_streams() -> None:
    """Open closed standard streams to nowhere, and let nothing that is printed fail for its letters.

    If a stream stayed closed, the next file to be opened, such as a database, would get its number, and what libraries
    write to their standard output or error would go into that file. A letter that the encoding lacks, as of a file's
    name that is not UTF-8, is printed as an escape. Progress and warnings that cannot be written, as to a log on a full
    disk, are lost: the work goes on. Of results that cannot be written, the OSError has the name "standard output".
    """
    for name, mode in STREAMS.items():
        if getattr(sys, name) is None:
            null = os.open(os.devnull, mode)  # gets the lowest number that is free
            os.set_inheritable(null, True)
            direction = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(null, direction, errors="backslashreplace", closefd=False))
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout.flush()
        sys.stdout = _text(_Named, sys.stdout, sys.stdout.line_buffering, sys.stdout.write_through)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _text(_Lossy, sys.stderr, line_buffering=True)


def _text(
    kind: type[io.FileIO], stream: io.TextIOWrapper, line_buffering: bool, write_through: bool = False
) -> io.TextIOWrapper:
    """A text stream to where ``stream`` goes, by a raw file of class ``kind``."""
    raw = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        raw, stream.encoding, "backslashreplace", line_buffering=line_buffering, write_through=write_through
    )


class _Named(io.FileIO):
    """The standard output, as an OSError of it says."""

    def write(self, data):
        """As io.FileIO.write."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


class _Lossy(io.FileIO):
    """A file that loses what cannot be written."""

    def write(self, data):
        """As io.FileIO.write, without its OSError."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


@contextlib.contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Within it, SIGTERM and SIGHUP raise KeyboardInterrupt, unless they are ignored or handled already."""
    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _flush() -> None:
    """Write out what was printed. Raises OSError of the name "standard output"; what could not be written is lost."""
    try:
        sys.stdout.flush()
    except OSError as error:
        error.filename = OUTPUT
        with contextlib.suppress(OSError):  # Python tries once more as it ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        raise


def _end(line: str, status: int | str) -> NoReturn:
    with contextlib.suppress(OSError):
        _flush()
    print(" ".join(line.splitlines()), file=sys.stderr, flush=True)
    sys.exit(status)
