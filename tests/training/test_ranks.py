import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A script whose ranks do what its argument says; the rank's end is a line "rank n done".
SCRIPT = """
import os, sys, time, signal
import numpy as np
from maskpose.training import launcher
size, what = int(sys.argv[1]), sys.argv[2]
if not launcher.is_launched():
    sys.exit(launcher.launch(size))
hub = launcher.Hub()
if what == "sum":
    values = [10.0 ** hub.rank, hub.rank]
    first = hub.from_first(f"from {hub.rank}")
    line = f"{hub.rank} {hub.size} {first} {hub.sum(np.array(values)).tolist()}\\n"
    os.write(1, line.encode())  # whole, beside the other ranks' lines
elif what == "wait":
    os.write(1, f"pid {os.getpid()}\\n".encode())
    time.sleep(100)
elif hub.rank == 1:
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(7)
else:
    hub.sum(np.zeros(1)) if what == "sum without the other" else time.sleep(100)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def run(script, size, what):
    command = [sys.executable, str(script), str(size), what]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("size", [2, 4])
def test_messages_between_ranks_arrive(script, size):
    result = run(script, size, "sum")
    assert result.returncode == 0, result.stderr
    powers, numbers = float("1" * size), float(sum(range(size)))
    expected = [f"{rank} {size} from 0 [{powers}, {numbers}]" for rank in range(size)]
    assert sorted(result.stdout.splitlines()) == expected


@pytest.mark.parametrize("what,status", [("fails", 7), ("killed", 128 + signal.SIGKILL)])
def test_a_rank_that_ends_badly_ends_all(script, what, status):
    assert run(script, 3, what).returncode == status


def test_waiting_for_a_rank_that_has_ended_is_an_error(script):
    result = run(script, 2, "sum without the other")
    assert result.returncode != 0


def running(pids):
    def is_running(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        except FileNotFoundError:
            return False

    return [pid for pid in pids if is_running(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ranks_do_not_outlive_their_parent(script, number):
    parent = subprocess.Popen([sys.executable, str(script), "2", "wait"], stdout=subprocess.PIPE, text=True)
    pids = [int(parent.stdout.readline().split()[1]) for _ in range(2)]
    assert running(pids) == pids
    os.kill(parent.pid, number)
    parent.wait(timeout=30)
    end = time.monotonic() + 10
    while running(pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert running(pids) == []
