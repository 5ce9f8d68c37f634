"""Who may import whom: docs/architecture.md has the same list in words."""

import ast
from pathlib import Path

import pytest

import maskpose

PACKAGE = Path(maskpose.__file__).parent
LAYERS = (
    {"boxes", "errors", "extras", "geometry", "keypoints", "moved", "runtime", "stopping", "threads"}
    | {"codecs", "io", "model"},
    {"data", "inference", "visualization"},
    {"evaluation"},
    {"testing", "training"},
    {"annotation", "data_layer", "demo", "gpu_drill", "report", "reproduction", "synth"},
    {"cli"},
    {"__init__", "__main__"},
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(source):
    """The rooms of the package that a module's text imports from, wherever in it, with the lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "maskpose":
            names = [alias.name for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maskpose."):
            names = [node.module.split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("maskpose.")]
        else:
            continue
        yield from ((name, node.lineno) for name in names)


def test_imports_are_seen():
    text = "from maskpose import geometry\ndef f():\n    from maskpose.io.files import remove\n"
    text += "    import maskpose.cli.main\n"
    assert list(imported(text)) == [("geometry", 1), ("io", 3), ("cli", 4)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_from_a_layer_below_its_own(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    wrong = [f"line {line}: {name}" for name, line in imported(path.read_text()) if LAYER[name] > LAYER[room]]
    assert not wrong
