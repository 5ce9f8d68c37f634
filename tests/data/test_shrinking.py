import numpy as np
import pytest
from test_cropping import sample

import conftest
from maskpose.data.database import Reader
from maskpose.data.shrinking import shrink, shrunk
from maskpose.errors import InputError


def test_everything_shrinks_with_the_image():
    whole = sample("a", 120)  # the hand's box is (200, 150) to (320, 270) of 600x400
    small = shrunk(whole, 0.25, (1, 0))  # 150x100, in the upper right corner: from x = 450, y = 0 on
    image = small.decode_image()
    assert image.shape == (400, 600, 3) and (small.width, small.height) == (600, 400)
    assert np.abs(image[120:, :].astype(int) - 128).max() <= 3 and np.abs(image[:, :430].astype(int) - 128).max() <= 3
    blocks = whole.decode_image().reshape(100, 4, 150, 4, 3).mean(axis=(1, 3))
    assert np.abs(image[:100, 450:] - blocks).mean() < 4
    # 200 is 0.5 right of a pixel's left edge, so a quarter of 200.5, less 0.5
    assert np.allclose(small.keypoints[0], (450 + 200.5 / 4 - 0.5, 150.5 / 4 - 0.5))
    rows, columns = np.nonzero(small.decode_mask())
    assert (columns.min(), rows.min(), len(rows)) == (500, 38, 30 * 30)
    assert (small.name, small.side, small.group) == ("a", "left", "g")


def test_a_database_of_shrunk_images(tmp_path):
    conftest.build(tmp_path / "all.lmdb", [sample(f"{n}.png", 60 + n) for n in range(6)])
    reader = Reader(tmp_path / "all.lmdb")
    manifest = shrink(reader, tmp_path / "far.lmdb", 1 / 3, seed=2)
    assert manifest["count"] == manifest["masks"] == 6
    far = list(Reader(tmp_path / "far.lmdb"))
    spans = [np.ptp(one.keypoints, axis=0).max() for one in far]
    assert np.allclose(spans, [(60 + n) / 3 for n in range(6)], rtol=0.01)
    assert len({tuple(one.keypoints[0]) for one in far}) == 6  # each at a place of its own
    shrink(reader, tmp_path / "again.lmdb", 1 / 3, seed=2)
    assert Reader(tmp_path / "again.lmdb").digest() == Reader(tmp_path / "far.lmdb").digest()


@pytest.mark.parametrize("factor", [0, -1, 1.5, float("nan")])
def test_factors_that_cannot_be(tmp_path, factor):
    conftest.build(tmp_path / "all.lmdb", [sample("a", 90)])
    with pytest.raises(InputError, match="above 0 and at most 1"):
        shrink(Reader(tmp_path / "all.lmdb"), tmp_path / "far.lmdb", factor, seed=0)
