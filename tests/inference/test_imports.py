"""What prediction does not need: it works in a Python that lacks these packages."""

import subprocess
import sys

from conftest import ROOT

NOT_NEEDED = ("caffe", "jinja2", "lmdb", "matplotlib")
SCRIPT = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
from maskpose import Predictor
hand = Predictor(engine="opencv").predict(sys.argv[1])
print(hand.present, hand.keypoints.shape, hand.mask.shape, sorted(set(NAMES) & set(sys.modules)))
"""


def test_prediction_by_opencv_needs_neither_caffe_nor_lmdb_nor_plots_nor_pages():
    image = ROOT / "examples/rendered_scenes/Test/source/805.jpg"
    script = SCRIPT.replace("NAMES", repr(NOT_NEEDED))
    result = subprocess.run([sys.executable, "-c", script, str(image)], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "True (21, 2) (480, 640) []\n"
