"""The examples in docstrings are true: each is run, and what it prints is compared with what it says.

They run in an empty folder with ``examples/`` and ``weights/`` of the repository, a ``photo.jpg`` that shows a hand and
``data/train.lmdb`` of ten drawn hands.
"""

import doctest
import importlib
from pathlib import Path

import pytest

import maskpose
from conftest import ROOT

PACKAGE = Path(maskpose.__file__).parent
PHOTO = ROOT / "examples/rendered_scenes/Test/source/805.jpg"


def modules_with_examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text():
            yield ".".join(("maskpose", *path.relative_to(PACKAGE).with_suffix("").parts))


@pytest.fixture
def users_folder(tmp_path, monkeypatch, drawn_db):
    (tmp_path / "data").mkdir()
    links = {name: ROOT / name for name in ("examples", "weights")}
    for name, target in {**links, "photo.jpg": PHOTO, "data/train.lmdb": drawn_db}.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_examples_in_docstrings_print_what_they_say(name, users_folder):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed
