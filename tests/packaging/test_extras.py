"""The extras of pyproject.toml, as messages name them."""

import re

import pytest

from conftest import ROOT
from maskpose.extras import EXTRAS, install_command

tomllib = pytest.importorskip("tomllib")
REQUIREMENTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("package", EXTRAS)
def test_a_package_is_in_the_extra_that_is_named(package):
    names = {re.match(r"[\w-]+", requirement)[0].lower() for requirement in REQUIREMENTS[EXTRAS[package]]}
    assert package.lower() in names


def test_commands():
    assert install_command("onnx") == "pip install 'maskpose[engines]'"
    assert install_command("something_else") == "pip install something_else"


def test_the_extras_that_are_promised_are_there():
    assert {"engines", "train", "annotate", "test", "dev"} <= set(REQUIREMENTS)
