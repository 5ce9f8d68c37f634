import cv2
import numpy as np
import pytest

import conftest
from maskpose.codecs.masks import pack_mask
from maskpose.data.cropping import MIN_VISIBLE, SMALLEST, crop
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError


def sample(name, side, visible=21):
    """A hand whose box is ``side`` pixels wide and high from (200, 150) on, on 600x400 pixels of grey noise."""
    rng = np.random.default_rng(len(name))
    points = rng.uniform(0, side, (21, 2))
    points[0], points[1] = 0, side
    noise = np.repeat(rng.integers(0, 256, (400, 600, 1), np.uint8), 3, axis=2)
    image = cv2.imencode(".png", noise)[1].tobytes()
    mask = np.zeros((400, 600), bool)
    mask[150 : 150 + side, 200 : 200 + side] = True
    seen = np.arange(21) < visible
    points = (points + np.array([200, 150])).astype(np.float32)
    return Sample(name, image, 600, 400, points, seen, pack_mask(mask), "a", "left", "g")


def build(path, *samples):
    conftest.build(path, list(samples))
    return Reader(path)


def test_squares_about_the_hands(tmp_path):
    reader = build(tmp_path / "all.lmdb", *(sample(f"{n}.png", 60 + n) for n in range(20)))
    manifest = crop(reader, tmp_path / "close.lmdb", (1.5, 2.5), seed=4)
    assert manifest["count"] == manifest["masks"] == 20 and manifest["factors"] == [1.5, 2.5]
    factors = []
    for n, one in enumerate(Reader(tmp_path / "close.lmdb")):
        whole = reader[n]
        assert abs(one.width - one.height) <= 2 and (one.name, one.side, one.group) == (whole.name, "left", "g")
        factors.append(one.width / (60 + n))
        shift = (whole.keypoints - one.keypoints)[0]
        assert np.allclose(whole.keypoints - shift, one.keypoints)
        assert one.decode_mask().astype(bool).sum() == (60 + n) ** 2
        x, y = shift.astype(int)
        here = whole.decode_image()[y : y + one.height, x : x + one.width].astype(int)
        assert np.abs(one.decode_image() - here).mean() < 10  # through a JPEG
        centre = one.keypoints[:2].mean(axis=0)
        assert np.allclose(centre, (one.width / 2, one.height / 2), atol=2)
    assert 1.45 < min(factors) < 1.7 and 2.3 < max(factors) < 2.6
    crop(reader, tmp_path / "again.lmdb", (1.5, 2.5), seed=4)
    assert Reader(tmp_path / "again.lmdb").digest() == Reader(tmp_path / "close.lmdb").digest()


@pytest.mark.parametrize("factors", [(3, 1.4), (0, 0), (0.5, 2), (2, float("nan")), (2, float("inf"))])
def test_factors_that_cannot_be(tmp_path, factors):
    reader = build(tmp_path / "all.lmdb", sample("a", 90))
    with pytest.raises(InputError, match="1 or more, the lower one first"):
        crop(reader, tmp_path / "close.lmdb", factors, seed=0)


def test_hands_too_small_or_too_hidden_are_left_out(tmp_path):
    cases = [sample("small", SMALLEST - 2), sample("hidden", 90, MIN_VISIBLE - 1)]
    cases += [sample("whole", 90), sample("seen", 90, MIN_VISIBLE)]
    reader = build(tmp_path / "all.lmdb", *cases)
    crop(reader, tmp_path / "close.lmdb", (2, 2), seed=0)
    assert [one.name for one in Reader(tmp_path / "close.lmdb")] == ["whole", "seen"]
    with pytest.raises(InputError, match="exists"):
        crop(reader, tmp_path / "close.lmdb", (2, 2), seed=0)
    with pytest.raises(InputError, match="no usable sample"):
        crop(build(tmp_path / "few.lmdb", *cases[:2]), tmp_path / "none.lmdb", (2, 2), seed=0)
    assert not (tmp_path / "none.lmdb").exists()
