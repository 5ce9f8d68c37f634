"""Who may import whom: docs/architecture.md has the same list in words."""

import ast
import functools
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
    {"annotation", "data_layer", "demo", "gpu_drill", "page", "report", "reproduction", "synth"},
    {"cli"},
    {"__init__", "__main__"},
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MOST_IMPORTS = 11  # in a chain of modules that import each other
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


def module_name(path):
    """The name of a module of the package, without "maskpose."; "" of the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_when_loaded(source):
    """The names that loading a module imports from the package: not in functions, nor for type checkers alone."""
    nodes = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "maskpose":
            room = node.module.removeprefix("maskpose").removeprefix(".")
            yield from (f"{room}.{alias.name}".removeprefix(".") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("maskpose.") for a in node.names if a.name.startswith("maskpose."))
        else:
            nodes += ast.iter_child_nodes(node)


def import_graph():
    """{module: modules of the package that loading it imports}; of a name in a module, that module."""
    paths = {module_name(path): path for path in MODULES}
    graph = {}
    for module, path in paths.items():
        names = imported_when_loaded(path.read_text())
        found = {name if name in paths else name.rpartition(".")[0] for name in names}
        graph[module] = sorted(found & (paths.keys() - {"", module}))
    return graph


def longest_chains(graph):
    """{module: the longest chain of imports that begins with it, a tuple of modules}."""

    @functools.cache
    def chain(module):
        return (module, *max(map(chain, graph[module]), key=len, default=()))

    return {module: chain(module) for module in graph}


def test_imports_for_type_checkers_and_within_functions_load_nothing():
    text = "if TYPE_CHECKING:\n    from maskpose.io import a\ndef f():\n    import maskpose.b\n"
    text += "try:\n    from maskpose.io import c\nexcept ImportError:\n    from maskpose import d\n"
    assert sorted(imported_when_loaded(text)) == ["d", "io.c"]


def test_the_longest_chain_is_found():
    graph = {"a": ["b", "c"], "b": ["d"], "c": [], "d": ["c"]}
    assert longest_chains(graph) == {"a": ("a", "b", "d", "c"), "b": ("b", "d", "c"), "c": ("c",), "d": ("d", "c")}


def test_no_chain_of_imports_is_long():
    """A chain's length is the number of its imports; a change of its last module can break its first."""
    longest = max(longest_chains(import_graph()).values(), key=len)
    assert len(longest) - 1 <= MOST_IMPORTS, " > ".join(longest)
