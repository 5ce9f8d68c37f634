import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from maskpose.errors import InputError, Stopped
from maskpose.reproduction import processes, steps
from maskpose.reproduction.steps import Step


class Kitchen:
    """Two steps: ``copy`` writes what ``source`` holds, ``double`` writes that twice; ``made`` counts."""

    def __init__(self, folder):
        self.folder, self.made, self.said = folder, [], []
        self.source, self.copied, self.doubled = (folder / name for name in ("source", "copy", "double"))
        self.source.write_text("a")

    def steps(self, settings=None, precious=False):
        settings, folder = settings or {}, self.folder / "sub"
        return [
            Step("copy", "the copy", self._copy, (self.copied,), (self.source,), settings, folder, precious),
            Step("sub/double", "the double", self._double, (self.doubled,), (self.copied,)),
        ]

    def run(self, **how):
        self.made.clear()
        self.said.clear()
        steps.run_steps(self.steps(**how), self.folder / "out", self.said.append)
        return list(self.made)

    def _copy(self):
        self.made.append("copy")
        self.copied.write_text(self.source.read_text().strip())

    def _double(self):
        self.made.append("double")
        self.doubled.write_text(2 * self.copied.read_text())


def test_each_step_is_made_once_and_again_if_it_must_be(tmp_path):
    kitchen = Kitchen(tmp_path)
    assert kitchen.run() == ["copy", "double"] and kitchen.doubled.read_text() == "aa"
    assert kitchen.run() == []
    kitchen.doubled.unlink()
    assert kitchen.run() == ["double"]
    kitchen.copied.unlink()
    assert kitchen.run() == ["copy"]  # comes out the same: what depends on it stays
    kitchen.source.write_text("a\n")
    assert kitchen.run() == ["copy"]
    kitchen.source.write_text("b")
    assert kitchen.run() == ["copy", "double"] and kitchen.doubled.read_text() == "bb"
    assert any("making it anew: " in line and "copy has changed" in line for line in kitchen.said)
    assert kitchen.run(settings={"n": 2}) == ["copy"]


def test_a_folder_that_was_moved_as_a_whole_is_still_done(tmp_path):
    (tmp_path / "old").mkdir()
    Kitchen(tmp_path / "old").run()
    (tmp_path / "old").rename(tmp_path / "new")
    assert Kitchen(tmp_path / "new").run() == []


def test_outputs_of_other_inputs_are_removed_before_they_are_made_anew(tmp_path):
    kitchen = Kitchen(tmp_path)
    kitchen.run()
    seen = []
    kitchen._copy = lambda: (seen.append(kitchen.copied.exists()), kitchen.copied.write_text("c"))
    kitchen.source.write_text("c")
    kitchen.run()
    assert seen == [False]


def test_a_precious_step_is_not_thrown_away_for_other_settings(tmp_path):
    kitchen = Kitchen(tmp_path)
    kitchen.run(settings={"iterations": 10}, precious=True)
    with pytest.raises(InputError, match=r"step 1 of 2, the copy: begun with other settings \(iterations 20, was 10\)"):
        kitchen.run(settings={"iterations": 20}, precious=True)
    assert kitchen.copied.exists()
    for number, text in enumerate("de", start=1):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/weights").touch()
        kitchen.source.write_text(text)
        assert kitchen.run(settings={"iterations": 10}, precious=True) == ["copy", "double"]
        assert (tmp_path / f"sub.before{number}/weights").exists() and not (tmp_path / "sub").exists()


def test_an_interrupted_step_resumes(tmp_path):
    kitchen = Kitchen(tmp_path)
    kept, half = kitchen._copy, tmp_path / "half"

    def broken():
        half.write_text("half")
        raise KeyboardInterrupt

    kitchen._copy = broken
    with pytest.raises(Stopped, match="step 1 of 2, the copy"):
        kitchen.run()
    kitchen._copy = kept
    assert kitchen.run() == ["copy", "double"] and half.exists()
    assert kitchen.said[0] == "step 1 of 2, the copy: resuming"


def test_a_failing_step_is_named(tmp_path):
    kitchen = Kitchen(tmp_path)
    kitchen._double = lambda: None
    with pytest.raises(InputError, match=r"step 2 of 2, the double: it ended without .*/double"):
        kitchen.run()
    kitchen.source.unlink()
    with pytest.raises(InputError, match=r"step 1 of 2, the copy: .*/source is missing"):
        kitchen.run()


def test_two_at_once_are_refused(tmp_path):
    def while_it_runs():
        with pytest.raises(InputError, match="is being written by another process"):
            steps.run_steps([], tmp_path)
        (tmp_path / "made").touch()

    steps.run_steps([Step("one", "the only one", while_it_runs, (tmp_path / "made",))], tmp_path)
    assert (tmp_path / "made").exists()


def test_a_database_is_known_by_what_it_says_and_a_folder_by_its_files(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"sha256": "5e"}))
    assert steps.digest(tmp_path) == "5e"
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "a").write_text("1")
    before = steps.digest(tmp_path)
    (tmp_path / "b").write_text("1")
    assert steps.digest(tmp_path) != before


def test_the_reason_of_a_tool_is_its_line_of_error():
    assert processes.reason_of("bar 10%\rbar 100%\nerror: a.txt, line 3: no\n") == "a.txt, line 3: no"
    assert processes.reason_of("Traceback\n  x\nKeyError: 'y'\n") == "KeyError: 'y'"
    assert processes.reason_of("") == ""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Writes a script, and gives what ``run_command`` runs it by."""
    monkeypatch.setattr(processes, "MASKPOSE", (sys.executable,))

    def write(text):
        (tmp_path / "tool.py").write_text(text)
        return str(tmp_path / "tool.py")

    return write


def test_a_tool_gets_its_arguments_and_fails_with_its_reason(tool, tmp_path):
    processes.run_command(tool("import sys; open(sys.argv[1], 'w').write(sys.argv[2])"), tmp_path / "out", 7)
    assert (tmp_path / "out").read_text() == "7"
    with pytest.raises(InputError, match=r"^no such lamp$"):
        processes.run_command(tool("import sys; sys.exit(print('error: no such lamp', file=sys.stderr) or 2)"))
    with pytest.raises(InputError, match="status 3"):
        processes.run_command(tool("import sys; sys.exit(3)"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_is_the_tools_to_answer(tool, tmp_path, number):
    script = tool(
        "import signal, sys, time, pathlib\n"
        "def end(*_): pathlib.Path(sys.argv[2]).touch(); sys.exit(130)\n"
        "signal.signal(signal.SIGINT, end)\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "time.sleep(60)\n"
    )
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    def ask():
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(Stopped):
        processes.run_command(script, begun, ended)
    thread.join()
    assert ended.exists() and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def running(pid):
    """Whether there is a process that is not a zombie."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


def test_a_tool_does_not_outlive_its_caller(tool, tmp_path):
    script = tool("import os, sys, time\nprint(os.getpid(), file=open(sys.argv[1], 'w'), flush=True)\ntime.sleep(60)")
    pid = os.fork()
    if not pid:
        try:
            processes.run_command(script, tmp_path / "pid")
        finally:
            os._exit(1)
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        time.sleep(0.01)
    child = int((tmp_path / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for _ in range(500):
        if not running(child):
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("it runs on")
