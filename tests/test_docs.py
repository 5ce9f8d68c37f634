"""What the documentation names is there: files that it links to, and functions that it points at."""

import ast
import re
from pathlib import Path

import pytest

import maskpose
from conftest import ROOT

PACKAGE = Path(maskpose.__file__).parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("examples/*.md")])
FOLDERS = "python|tests|tools|data_prep|benchmarks|weights|examples|prototxt|caffe_build|docs"


def linked_files(page):
    return re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())


def named_files(page):
    """The paths of the repository in `code spans` of a page."""
    return re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", page.read_text())


def names_of(module):
    """What a module defines at its top level."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            yield from (name.id for name in ast.walk(target or ast.Pass()) if isinstance(name, ast.Name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    missing = [name for name in linked_files(page) if not (page.parent / name).exists()]
    missing += [name for name in named_files(page) if not (ROOT / name).exists()]
    assert not missing


def test_functions_that_fidelity_points_at_are_there():
    named = re.findall(r"`([a-z_]+)\.([A-Za-z_]+)`", (ROOT / "docs/fidelity.md").read_text())
    named = {(module, name) for module, name in named if name != "py"}
    modules = {path.stem: path for path in PACKAGE.rglob("*.py")}
    assert len(named) > 15
    missing = {f"{module}.{name}" for module, name in named if name not in names_of(modules[module])}
    assert not missing


@pytest.mark.parametrize("name", ["anything.md", "docs/none.md"])
def test_a_missing_link_is_seen(tmp_path, name):
    page = tmp_path / "page.md"
    page.write_text(f"[a link]({name}) and [another](page.md#part)\n")
    assert linked_files(page) == [name, "page.md"]
