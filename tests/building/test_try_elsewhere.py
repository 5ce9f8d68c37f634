"""tools/try_elsewhere.sh: what it refuses, before it makes anything. That it works takes a mirror, root and an hour."""

import os
import subprocess

import pytest

from conftest import ROOT

SCRIPT = ROOT / "tools/try_elsewhere.sh"


def run(*arguments):
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def test_it_explains_itself():
    assert os.access(SCRIPT, os.X_OK)
    asked, silent = run("--help"), run()
    assert asked.returncode == 0 and silent.returncode == 2
    assert "debootstrap" in asked.stdout and asked.stdout == silent.stdout
    assert "set -euo" not in asked.stdout


@pytest.mark.parametrize("suite", ["trixie/../x", "two words", "", "TRIXIE"])
def test_a_name_that_is_no_release_is_one_line(tmp_path, suite):
    result = run(suite, tmp_path / "root")
    assert result.returncode == 2 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert "is no name of a release" in result.stderr and not (tmp_path / "root").exists()


def test_nothing_of_others_is_built_into(tmp_path):
    """Whatever is missing here, root, debootstrap or a mirror: the folder stays as it was."""
    (tmp_path / "precious").touch()
    result = run("trixie", tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
