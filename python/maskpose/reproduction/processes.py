"""The commands of ``maskpose`` as processes of their own.

Caffe keeps its memory until its process ends. Training on several GPUs starts its ranks from a command line. And the
trainer itself must answer a Ctrl-C, with a snapshot.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

from maskpose.errors import InputError, Stopped
from maskpose.training.launcher import die_with_parent

MASKPOSE = (sys.executable, "-m", "maskpose")
STOPPED = 130
PROBLEM = "error: "  # begins the line of error
KEPT = 4096  # last bytes of a command's stderr


def run_command(name: str, *arguments: object) -> None:
    """Run ``maskpose <name>`` and show its progress. It does not outlive this process.

    Args:
        name: of the command.
        arguments: of the command.

    Raises:
        InputError: the command failed; the message is its own.
        Stopped: Ctrl-C or SIGTERM, which are forwarded to it, ended it.
    """
    command = [*MASKPOSE, name, *map(str, arguments)]
    environment = os.environ | {"COLUMNS": str(shutil.get_terminal_size().columns)}  # its progress bars see no terminal
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, start_new_session=True, preexec_fn=die_with_parent
    )
    with forwarded_signals(process) as received, process:
        end = _shown(process.stderr)
    if process.returncode and (received or process.returncode == STOPPED):
        raise Stopped(f"maskpose {name}")
    if process.returncode:
        raise InputError(reason_of(end) or f"maskpose {name} ended with status {process.returncode}")


def _shown(stream):
    """Copy a command's stderr to ours as it comes; return the end of it."""
    end = b""
    while piece := stream.read1():
        sys.stderr.buffer.write(piece)
        sys.stderr.buffer.flush()
        end = (end + piece)[-KEPT:]
    return end.decode(errors="replace")


def reason_of(text: str) -> str:
    """Return why a command failed, by the end of its stderr: the line of error, else the last line, else ""."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    errors = [line.removeprefix(PROBLEM) for line in lines if line.startswith(PROBLEM)]
    return (errors or lines or [""])[-1]


@contextlib.contextmanager
def forwarded_signals(process: subprocess.Popen) -> Iterator[list[int]]:
    """Within it, Ctrl-C and SIGTERM are forwarded to the process and its children, as Ctrl-C. Yield their numbers."""
    received = []

    def forward(number, frame):
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
