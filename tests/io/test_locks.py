import errno
import subprocess
import sys

import pytest

from maskpose.errors import InputError
from maskpose.io import locks
from maskpose.io.locks import FileLock

HOLDER = """
import os, sys
from maskpose.io.locks import FileLock
lock = FileLock(sys.argv[1], "it")
print("held", flush=True)
sys.stdin.read()
os._exit(1)
"""


def test_a_lock_has_one_holder_at_a_time(tmp_path):
    busy = pytest.raises(InputError, match="the thing is being written by another process")
    with FileLock(tmp_path / "lock", "the thing"), busy:
        FileLock(tmp_path / "lock", "the thing")
    with FileLock(tmp_path / "lock", "the thing") as again:
        assert again.is_held()
    assert not list(tmp_path.iterdir())


def test_a_dead_process_holds_nothing(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "lock"], **pipes)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(InputError):
        FileLock(tmp_path / "lock", "it")
    process.communicate()
    assert (tmp_path / "lock").exists()
    FileLock(tmp_path / "lock", "it").release()


def test_a_lock_whose_file_was_removed_is_no_longer_held(tmp_path):
    first = FileLock(tmp_path / "lock", "it")
    (tmp_path / "lock").unlink()
    second = FileLock(tmp_path / "lock", "it")
    assert second.is_held() and not first.is_held()
    first.release()
    assert second.is_held()
    second.release()


def test_a_file_removed_between_opening_and_locking_is_opened_again(tmp_path, monkeypatch):
    calls = []

    def flock(file, flags):
        calls.append(file)
        if len(calls) == 1:
            (tmp_path / "lock").unlink()

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    assert FileLock(tmp_path / "lock", "it").is_held() and len(calls) == 2


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="the thing cannot be written: No such file"):
        FileLock(tmp_path / "missing/lock", "the thing")


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, capsys):
    def flock(file, flags):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    FileLock(tmp_path / "lock", "the thing").release()
    assert capsys.readouterr().err == ("warning: the thing cannot be locked here: let no other process write it\n")
