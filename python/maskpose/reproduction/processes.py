"""The commands of ``maskpose`` as processes of their own.

Caffe keeps its memory until its process ends, training on several GPUs starts its ranks from a command line, and a
Ctrl-C is then the trainer's to answer, with a snapshot.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

from maskpose.errors import InputError, Stopped
from maskpose.training.launcher import die_with_parent

MASKPOSE = (sys.executable, "-m", "maskpose")
STOPPED = 130
PROBLEM = "error: "
KEPT = 4096  # last bytes of a tool's stderr


def run_command(name, *arguments):
    """Run ``maskpose <name>``, its progress shown; it does not outlive this process.

    Raises InputError with the tool's own reason where it fails, and Stopped where Ctrl-C or SIGTERM, which are passed
    on to it, ended it.
    """
    command = [*MASKPOSE, name, *map(str, arguments)]
    environment = os.environ | {"COLUMNS": str(shutil.get_terminal_size().columns)}  # for progress bars: no terminal
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, start_new_session=True, preexec_fn=die_with_parent
    )
    with passed_on(process) as stopped, process:
        end = _shown(process.stderr)
    if process.returncode and (stopped or process.returncode == STOPPED):
        raise Stopped(f"maskpose {name}")
    if process.returncode:
        raise InputError(reason_of(end) or f"maskpose {name} ended with status {process.returncode}")


def _shown(stream):
    """Show a tool's stderr as it comes; give the end of it."""
    end = b""
    while piece := stream.read1():
        sys.stderr.buffer.write(piece)
        sys.stderr.buffer.flush()
        end = (end + piece)[-KEPT:]
    return end.decode(errors="replace")


def reason_of(text):
    """Why a tool failed, from the end of its stderr: its line of error, else its last line, else ""."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    said = [line.removeprefix(PROBLEM) for line in lines if line.startswith(PROBLEM)]
    return (said or lines or [""])[-1]


@contextlib.contextmanager
def passed_on(process):
    """Within it, Ctrl-C and SIGTERM go to the process and those that it started as Ctrl-C; gives a list of them."""
    received = []

    def pass_on(number, frame):
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
