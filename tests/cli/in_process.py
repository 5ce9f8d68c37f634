"""Scripts and commands run within the tests' process, for the imports' time."""

import os
import runpy
import sys

from conftest import ROOT


def run_script(script, arguments, monkeypatch):
    """Run a script of the repository in the repository's folder; give its status."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "path", [os.path.dirname(script), *sys.path])
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    return status_of(lambda: runpy.run_path(str(script), run_name="__main__"))


def status_of(call):
    """The status with which a process would end after ``call``."""
    try:
        call()
    except SystemExit as end:
        return end.code or 0
    return 0
