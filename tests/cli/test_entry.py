"""How scripts begin and end, whatever their standard streams and the operating system do."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from maskpose.cli.entry import one_line_errors
from maskpose.errors import InputError

SCRIPT = """
import os, sys
from maskpose.cli.entry import one_line_errors

@one_line_errors
def main():
    {}

main()
"""


def shell(line, body, **environment):
    """Run a line of sh in which $SCRIPT is a script of ours whose ``main`` has this ``body``."""
    command = {"PYTHON": sys.executable, "CODE": SCRIPT.format(body), "SCRIPT": '"$PYTHON" -c "$CODE"'}
    line = line.replace("$SCRIPT", command["SCRIPT"])
    environment = {**os.environ, **command, "PYTHONPATH": str(ROOT / "python"), **environment}
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (InputError("line 3 is bad"), "error: line 3 is bad", 2),
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "error: /a/b: No such file or directory", 2),
        (OSError("Unable to create file (errno = 28)\nmore"), "error: Unable to create file (errno = 28)", 2),
        (OSError(28, "No space left on device"), "error: No space left on device", 2),
        (MemoryError(), "error: there is not enough memory", 2),
        (InputError("two\nlines"), "error: two\\nlines", 2),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_what_the_user_can_mend_ends_in_one_line(error, line, status, capsys):
    @one_line_errors
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == status and capsys.readouterr().err == f"{line}\n"


def test_a_bug_keeps_its_traceback():
    @one_line_errors
    def main():
        raise KeyError("x")

    with pytest.raises(KeyError):
        main()


def test_a_removed_working_directory_is_said(tmp_path, monkeypatch, capsys):
    @one_line_errors
    def main():
        os.path.abspath("out")

    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: the working directory has been removed: change to another one\n"


def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path):
    """A library that writes to its standard error would write into that file."""
    body = f"file = open({str(tmp_path / 'data')!r}, 'w'); os.write(2, b'warning'); os.write(1, b'hello'); print('hi')"
    result = shell("$SCRIPT <&- >&- 2>&-", body)
    assert result.returncode == 0 and (tmp_path / "data").read_bytes() == b""


def test_a_full_disk_below_the_output_is_said_and_one_below_the_log_is_not_the_end(tmp_path):
    full = shell("$SCRIPT >/dev/full", "print('result')")
    assert (full.returncode, full.stderr) == (2, "error: standard output: No space left on device\n")
    assert shell("$SCRIPT >/dev/full", "print('result', flush=True)").stderr == full.stderr
    assert shell("$SCRIPT >/dev/full", "print('result'); sys.exit(1)").returncode == 1
    log = shell("$SCRIPT 2>/dev/full", "print('progress', file=sys.stderr, flush=True); print('result')")
    assert (log.returncode, log.stdout) == (0, "result\n")


def test_an_output_that_nobody_reads_ends_in_one_line():
    result = shell("$SCRIPT | head -c 1; exit ${PIPESTATUS[0]}", "print('x' * 1000000)")
    assert (result.returncode, result.stdout) == (2, "x")
    assert result.stderr == "error: the output was closed before everything was written\n"


def test_names_that_are_not_utf8_can_be_printed():
    assert shell("$SCRIPT", "print(os.fsdecode(b'\\xff.jpg'))").stdout == "\\udcff.jpg\n"


def test_sigterm_removes_unfinished_files(tmp_path):
    body = (
        "from maskpose.io.files import atomic_path; import signal\n"
        f"    with atomic_path({str(tmp_path / 'a')!r}) as partial:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)"
    )
    result = shell("$SCRIPT", body)
    assert (result.returncode, result.stderr) == (130, "interrupted\n") and not list(tmp_path.iterdir())


def test_within_a_command_another_one_ends_nothing(capsys):
    @one_line_errors
    def inner():
        raise InputError("of the inner one")

    @one_line_errors
    def outer():
        with pytest.raises(InputError):
            inner()
        return "done"

    assert outer() == "done" and capsys.readouterr().err == ""
    with pytest.raises(SystemExit):
        inner()
    assert capsys.readouterr().err == "error: of the inner one\n"
