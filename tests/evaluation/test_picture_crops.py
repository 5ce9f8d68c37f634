import cv2
import numpy as np
import pytest

from maskpose import geometry
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import paper_crops
from maskpose.evaluation.predictions import read_maps
from maskpose.io.images import read_color
from maskpose.io.left_out import LeftOut


def sample(width, height, low, high, name="1.jpg", image=b""):
    """Keypoints along the diagonal of the box from ``low`` to ``high``."""
    points = np.linspace(low, high, 21).astype(np.float32)
    return Sample(name, image, width, height, points, np.ones(21, bool))


def corners(one):
    """Edges of the crop in the photograph: left, top, right, bottom, where pixel 0 begins at -0.5."""
    to_photograph = geometry.invert(paper_crops.crop_map(one))
    return geometry.apply(to_photograph, [[-0.5, -0.5], [319.5, 239.5]]).ravel()


def test_the_largest_part_of_the_shape_about_the_hand():
    assert corners(sample(640, 300, (200, 100), (300, 200))) == pytest.approx([50, -0.5, 450, 299.5])  # at 250
    assert corners(sample(640, 300, (20, 100), (60, 200))) == pytest.approx([-0.5, -0.5, 399.5, 299.5])  # at the edge
    assert corners(sample(640, 300, (600, 100), (630, 200))) == pytest.approx([239.5, -0.5, 639.5, 299.5])
    assert corners(sample(300, 900, (100, 300), (200, 400))) == pytest.approx([-0.5, 237.5, 299.5, 462.5])


def test_a_hand_that_is_too_large_for_it_is_whole():
    left, top, right, bottom = corners(sample(300, 900, (20, 100), (280, 500)))
    assert bottom - top == pytest.approx(1.1 * 400) and (right - left) / (bottom - top) == pytest.approx(4 / 3)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((150, 300))


def test_a_hand_of_no_keypoints_is_in_the_middle():
    one = sample(640, 300, (20, 100), (60, 200))
    one.visible[:] = False
    assert corners(one) == pytest.approx([119.5, -0.5, 519.5, 299.5])


def test_files_and_maps(tmp_path):
    """Spots at three keypoints are found again in the crop, at the places that the map says."""
    points = np.array([[150.0, 80.0], [300.0, 160.0], [430.0, 220.0]])
    image = np.zeros((300, 640, 3), np.uint8)
    for x, y in points.astype(int):
        cv2.circle(image, (x, y), 8, (255, 255, 255), -1)
    data = cv2.imencode(".png", image)[1].tobytes()
    samples = [sample(640, 300, points[0], points[2], f"{name}.jpg", data) for name in ("a/1", "a/2")]
    paper_crops.write_crops(samples, tmp_path / "crops")
    maps = read_maps(tmp_path / "crops/maps.json")
    assert {name: photograph for name, (photograph, _) in maps.items()} == {"a/1.png": "a/1.jpg", "a/2.png": "a/2.jpg"}
    crop = read_color(tmp_path / "crops/a/1.png")
    assert crop.shape == (240, 320, 3)
    _, _, _, centres = cv2.connectedComponentsWithStats((crop[..., 0] > 127).astype(np.uint8))
    found = geometry.apply(geometry.invert(maps["a/1.png"][1]), centres[1:])
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], points, atol=0.3)


def test_two_crops_of_one_name(tmp_path):
    data = cv2.imencode(".png", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    samples = [sample(40, 30, (5, 5), (20, 20), name, data) for name in ("1.jpg", "1.png")]
    with pytest.raises(InputError, match=r"1\.jpg and 1\.png would both be .*1\.png"):
        paper_crops.write_crops(samples, tmp_path / "crops")


def test_samples_that_cannot_be_cropped_are_left_out_alone(tmp_path):
    """Names that lead elsewhere or are none, a broken image, one of another size than its record says."""
    data = cv2.imencode(".png", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    odd = ["", ".", "..", "../1.jpg", "../../1.jpg", str(tmp_path / "1.jpg"), "a/../../1.jpg", "x" * 300 + ".jpg"]
    samples = [sample(40, 30, (5, 5), (20, 20), name, data) for name in odd]
    samples += [sample(40, 30, (5, 5), (20, 20), "2.jpg", data[:60]), sample(80, 60, (5, 5), (20, 20), "3.jpg", data)]
    samples += [sample(40, 30, (5, 5), (20, 20), name, data) for name in ("4.jpg", "a/5.jpg", "4.png")]
    before, left_out = sorted(tmp_path.iterdir()), LeftOut()
    maps = paper_crops.write_crops(samples, tmp_path / "one/two/crops", left_out=left_out)
    assert list(maps) == ["4.png", "a/5.png"] and len(left_out.problems) == len(samples) - 2
    assert "3.jpg is 40x30, its sample says 80x60" in left_out.problems[-2]
    assert "4.jpg and 4.png would both be" in left_out.problems[-1]
    files = {path.relative_to(tmp_path / "one/two/crops").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files - {".made-by-maskpose"} == {"4.png", "a/5.png", "maps.json"}
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "one"]
    with pytest.raises(InputError, match="sample 0: '' is not the path of a file"):
        paper_crops.write_crops(samples[:2], tmp_path / "none", left_out=LeftOut())
