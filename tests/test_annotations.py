"""Every public function of the package states the types of its parameters and of what it returns."""

import ast
from pathlib import Path

import pytest

import maskpose

PACKAGE = Path(maskpose.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if not path.name.endswith("_pb2.py"))


def public_functions(tree, method=False):
    """Yield the public functions of a module or class, and whether their first parameter is the instance or class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, method=True)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_static = any(ast.unparse(decorator) == "staticmethod" for decorator in node.decorator_list)
            if not node.name.startswith("_") or node.name in ("__init__", "__call__"):
                yield node, method and not is_static


def missing_annotations(source):
    """Yield "line n: function(parameter)" of each parameter without a type, "line n: function()" of each result."""
    for function, has_self in public_functions(ast.parse(source)):
        arguments = function.args
        parameters = [*arguments.posonlyargs, *arguments.args][1 if has_self else 0 :]
        parameters += [*arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
        for parameter in parameters:
            if parameter.annotation is None:
                yield f"line {function.lineno}: {function.name}({parameter.arg})"
        if function.returns is None and function.name != "__init__":
            yield f"line {function.lineno}: {function.name}()"


def test_missing_annotations_are_found():
    source = """
def public(a, b: int, *c, d=1, **e): ...
def _private(a): ...
class Public:
    def __init__(self, a): ...
    def method(self, a: int): ...
    @staticmethod
    def static(a) -> int: ...
class _Private:
    def method(self, a): ...
"""
    names = [line.split(": ")[1] for line in missing_annotations(source)]
    assert names == [
        "public(a)",
        "public(d)",
        "public(c)",
        "public(e)",
        "public()",
        "__init__(a)",
        "method()",
        "static(a)",
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_are_annotated(path):
    assert not [*missing_annotations(path.read_text())]
