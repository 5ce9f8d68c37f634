import json

import cv2
import numpy as np

from benchmarks import building
from maskpose.data.datasets import onehand10k


def test_the_generated_set_is_one_that_the_reader_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "DRAWN", 8)  # the time
    count = building.DRAWN + 3
    building.write_set(tmp_path / "set", count, masks=True)
    samples = list(onehand10k.read_samples(tmp_path / "set", onehand10k.plan(tmp_path / "set")["train"]))
    assert len(samples) == count == len({sample.image for sample in samples})
    assert all(sample.mask and sample.visible.any() for sample in samples)
    again = samples[building.DRAWN].decode_image()
    assert np.array_equal(again, samples[0].decode_image())  # another comment, the same picture
    plain = cv2.imdecode(np.frombuffer(samples[0].image, np.uint8), cv2.IMREAD_COLOR)
    assert plain.shape == again.shape == (358, 238, 3)


def test_a_build_and_a_copy_are_timed_and_leave_the_set_as_it_was(tmp_path):
    building.write_set(tmp_path / "set", 4, masks=False)
    before = sorted(tmp_path.rglob("*"))
    figures = building.build(tmp_path / "set")
    assert figures["seconds"] > 0 and 20 < figures["peak"] < 2000, json.dumps(figures)
    assert building.copy(tmp_path / "set") > 0 and sorted(tmp_path.rglob("*")) == before
