import importlib
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("maskpose.database", "maskpose.data.database"),
        ("maskpose.datasets.rhd", "maskpose.data.datasets.rhd"),
        ("maskpose.predictor", "maskpose.inference.predictor"),
        ("maskpose.variants", "maskpose.model.variants"),
        ("maskpose.images", "maskpose.io.images"),
    ],
)
def test_the_names_of_the_first_version_give_the_same_modules(old, new):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=re.escape(f"{old} is now {new}")):
        moved = importlib.import_module(old)
    assert moved is importlib.import_module(new) and moved.__name__ == new and moved.__spec__.name == new


def test_old_names_are_imported_in_every_way():
    script = "from maskpose import images; from maskpose.records import Sample; import maskpose.files; "
    script += "print(images.__name__, Sample.__module__, maskpose.files.__name__)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["maskpose.io.images", "maskpose.data.sample", "maskpose.io.files"]


def test_other_names_are_missing():
    with pytest.raises(ModuleNotFoundError, match=r"maskpose\.nothing"):
        importlib.import_module("maskpose.nothing")
