"""The page's arithmetic, run by Node, beside Python's and OpenCV's."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskpose import boxes, geometry
from maskpose.codecs import heatmaps, preprocessing
from maskpose.codecs.masks import mask_from_probability
from maskpose.inference import search
from maskpose.inference.hand import Hand
from maskpose.inference.refinement import average_passes, refinement_square
from maskpose.inference.tracking import OneEuro

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(not NODE, reason="Node (Debian's nodejs) is not installed")
CALL = Path(__file__).with_name("call.mjs")
SITE = Path(geometry.__file__).parent / "page" / "site"
SIZE, STRIDE, SIDE = 184, 8, 23


def call(module, *calls):
    """What the functions of a module give: calls are (name, *arguments)."""
    job = {"module": (SITE / module).as_uri(), "calls": [{"name": name, "args": args} for name, *args in calls]}
    result = subprocess.run([NODE, CALL], input=json.dumps(job, default=_sent), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout, object_hook=_received)


def _sent(value):
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "base64": base64.b64encode(value.tobytes()).decode()}
    return value.item()


def _received(value):
    if "base64" in value:
        return np.frombuffer(base64.b64decode(value["base64"]), value["dtype"])
    return value


def image_of(pixels):
    """An image as the page has it, of (h, w, 3) uint8 BGR."""
    data = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGBA)
    return {"width": pixels.shape[1], "height": pixels.shape[0], "data": data.reshape(-1)}


def box(x, y, width, height):
    return {"x": x, "y": y, "width": width, "height": height}


def as_map(affine):
    return {"sx": affine[0, 0], "sy": affine[1, 1], "tx": affine[0, 2], "ty": affine[1, 2]}


@pytest.mark.parametrize("crop", [
    (0, 0, 1, 1), (0, 0, 640, 480), (0, 0, 1001, 333), (13, 40, 301, 301), (-80, -35, 700, 700), (500, 300, 250, 250),
    (0, 0, 100, 170), (70, 20, 93, 93), (-300, 100, 2201, 2201),
], ids=str)  # fmt: skip
def test_the_networks_input_is_that_of_opencv(crop):
    rng = np.random.default_rng(sum(crop) + 5000)
    width, height = crop[2:] if crop[:2] == (0, 0) else (640, 480)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    (found,) = call("preprocess.js", ("cropToInput", image_of(pixels), box(*crop), SIZE))
    right = preprocessing.crop_to_input(pixels, crop, SIZE)
    levels = np.abs(found.reshape(right.shape) - right) * 256
    # a coordinate on the edge of a 1024th may fall to either side: a column's or row's pixels differ by a 32nd
    assert np.count_nonzero(levels.any(axis=0)) <= 0.05 * SIZE**2 and levels.max() <= 9
    assert levels.mean() < 0.05


def test_keypoints_are_those_of_the_bicubic_maximum():
    rng = np.random.default_rng(3)
    for crop, size in (((0, 0, 640, 480), (640, 480)), ((-40, 25, 300, 300), (200, 700)), ((5, 5, 20, 9), (30, 20))):
        maps = rng.random((22, SIDE, SIDE), np.float32) ** 8
        view = preprocessing.crop_affine(crop, SIZE)
        part = preprocessing.clip_crop(crop, *size)
        large = heatmaps.upsample(maps[:21])
        right, confidences = heatmaps.decode_keypoints(maps, view, part)
        (found,) = call("peaks.js", ("decodeKeypoints", maps, 21, SIDE, STRIDE, as_map(view), box(*part)))
        assert np.allclose(found["keypoints"].reshape(21, 2), right, atol=1e-6)
        assert np.allclose(found["confidences"], confidences, atol=1e-6)
        assert (found["confidences"] <= large.max(axis=(1, 2)) + 1e-6).all()


def test_of_equal_pixels_the_first_is_the_peak():
    maps = np.zeros((1, SIDE, SIDE), np.float32)
    maps[0, 9:11, 5:7] = 1  # symmetrical: four pixels are the largest
    view, part = preprocessing.crop_affine((0, 0, SIZE, SIZE), SIZE), box(0, 0, SIZE, SIZE)
    found, nothing = call(
        "peaks.js",
        ("decodeKeypoints", maps, 1, SIDE, STRIDE, as_map(view), part),
        ("decodeKeypoints", np.zeros_like(maps), 1, SIDE, STRIDE, as_map(view), part),
    )
    large = heatmaps.upsample(maps)[0]
    y, x = np.argwhere(large >= large.max() - 1e-6)[0]
    assert found["keypoints"].tolist() == [x, y]
    assert nothing["keypoints"].tolist() == [0, 0] and nothing["confidences"].tolist() == [0]


def test_masks_are_those_of_opencv():
    probability = cv2.GaussianBlur(np.random.default_rng(0).random((SIDE, SIDE), np.float32), (0, 0), 2)
    probability += 0.5 - probability.mean()
    for crop, size in (((0, 0, 640, 480), (640, 480)), ((-40, 25, 300, 300), (200, 700))):
        x, y, w, h = preprocessing.clip_crop(crop, *size)
        view = geometry.compose(geometry.grid_affine(STRIDE), preprocessing.crop_affine(crop, SIZE))
        to_image = geometry.invert(view)
        right = mask_from_probability(probability, geometry.compose(geometry.translation(-x, -y), to_image), w, h)
        (found,) = call("mask.js", ("maskFromProbability", probability, SIDE, as_map(to_image), box(x, y, w, h)))
        assert {name: found[name] for name in ("x", "y", "width", "height")} == box(x, y, w, h)
        assert 0.2 < right.mean() < 0.8
        assert np.count_nonzero(found["data"].reshape(h, w) != right) <= 2e-4 * right.size


def test_regions_of_a_mask_are_its_connected_ones():
    rng = np.random.default_rng(7)
    mask = cv2.GaussianBlur(rng.random((90, 120), np.float32), (0, 0), 3) > 0.5
    whole = np.zeros((200, 150), bool)
    whole[40:130, 20:140] = mask
    right = boxes.connected_regions(whole, 5)
    (found,) = call(
        "mask.js", ("connectedRegions", {**box(20, 40, 120, 90), "data": mask.astype(np.uint8).reshape(-1)}, 5, 30000)
    )
    assert len(right) > 2
    assert [part["area"] for part in found] == [int(part.sum()) for part in right]
    for part, one in zip(found, right):
        (left, top), (last_x, last_y) = boxes.corners(one)
        assert [part[name] for name in ("left", "top", "right", "bottom")] == [left, top, last_x, last_y]


@pytest.mark.parametrize("detected", [21, 3, 2])
@pytest.mark.parametrize("with_mask", [True, False])
def test_the_square_of_a_refinement_pass(detected, with_mask):
    rng = np.random.default_rng(detected)
    mask = np.zeros((300, 400), bool)
    if with_mask:
        mask[40:140, 60:120], mask[200:290, 200:390] = True, True
    points = rng.uniform((50, 40), (130, 150), (21, 2))
    confidences = np.where(np.arange(21) < detected, 0.7, 0.1).astype(np.float32)
    right = refinement_square(Hand(points, confidences, mask, None, np.eye(2, 3)), 0.2, 92)
    hand = {"keypoints": points.reshape(-1), "confidences": confidences,
            "mask": {**box(0, 0, 400, 300), "data": mask.astype(np.uint8).reshape(-1)}}  # fmt: skip
    (found,) = call("refinement.js", ("refinementSquare", hand, 0.2, 92, 120_000))
    assert found == (None if right is None else box(*right))


def test_squares_are_cut_off_at_the_border():
    rng = np.random.default_rng(1)
    sets = [rng.uniform(-20, 300, (n, 2)) for n in (7, 21, 9)]
    found = call("boxes.js", *(("around", points.tolist(), 320, 240, 2.43) for points in sets))
    assert found == [box(*boxes.around(points, 320, 240, 2.43)) for points in sets]


def test_tiles_cover_the_image_as_pythons():
    sizes = [(640, 480), (480, 640), (1000, 1000), (1, 1), (3000, 200), (7, 5), (333, 1001)]
    found = call("search.js", *(("tiles", *size) for size in sizes))
    assert found == [[box(*tile) for tile in search.tiles(*size)] for size in sizes]


def test_the_score_is_pythons():
    values = [np.array([0.5, -0.25, 1.5, 0.125], np.float32), np.zeros(0, np.float32)]
    assert call("search.js", *(("score", one) for one in values)) == [search.score(one) for one in values]
    assert call("search.js", ("score", values[0], 0.75)) == [search.score(values[0], 0.75)]


def test_the_mean_of_two_passes():
    rng = np.random.default_rng(5)
    size, square, crop = (640, 480), (-50, 60, 301, 301), (100, 0, 288, 216)
    counts = {"heatmaps": 22, "mask": 2}
    refined, first = (
        {name: rng.random((count, SIDE, SIDE), np.float32) for name, count in counts.items()} for _ in range(2)
    )
    right = average_passes(refined, square, first, crop, size, SIZE, 1 / 3)
    given = [{"crop": box(*where), "output": {name: maps.reshape(-1) for name, maps in output.items()}}
             for where, output in ((square, refined), (crop, first))]  # fmt: skip
    image, network = {"width": size[0], "height": size[1]}, {"inputSize": SIZE, "stride": STRIDE}
    (found,) = call("refinement.js", ("averagePasses", *given, image, network, 1 / 3))
    assert (right["mask"] == refined["mask"]).any() and not (right["mask"] == refined["mask"]).all()
    for name, maps in right.items():
        assert np.allclose(found[name].reshape(maps.shape), maps, atol=2e-6)


def test_the_filter_is_pythons():
    rng = np.random.default_rng(2)
    frames = [(rng.normal(0, 1, 42).cumsum() * 3, seconds) for seconds in np.linspace(0, 1, 9)]
    python = OneEuro()
    right = [python(points.reshape(21, 2), seconds).reshape(-1) for points, seconds in frames]
    script = """const {OneEuro} = await import(process.argv[1]);
    const filter = new OneEuro();
    const frames = JSON.parse(process.argv[2]);
    console.log(JSON.stringify(frames.map(([values, seconds]) => filter.next(values, seconds))));"""
    frames = json.dumps([(points.tolist(), seconds) for points, seconds in frames])
    command = [NODE, "--input-type=module", "-e", script, (SITE / "tracking.js").as_uri(), frames]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert np.allclose(found, right, atol=1e-9) and not np.allclose(
        found[1:], [points for points, _ in json.loads(frames)][1:]
    )


def test_decimals_are_rounded_as_pythons():
    rng = np.random.default_rng(0)
    values = [0.125, 0.375, -0.125, 2.675, 1e-9, -1e-9, 0.0, 3.0, 1023.5, 0.005, *(rng.integers(0, 9000, 50) / 8)]
    values += rng.normal(0, 300, 50).tolist()
    for digits in (2, 4):
        found = call("document.js", *(("decimal", value, digits) for value in values))
        assert found == [json.dumps(round(float(value), digits)) for value in values]


def test_an_outline_goes_around_hand_and_holes():
    mask = np.zeros((12, 14), np.uint8)
    mask[2:10, 3:11] = 1
    mask[4:7, 5:8] = 0
    mask[10, 11] = 1  # touches at a corner
    (rings,) = call("outline.js", ("outline", {**box(20, 30, 14, 12), "data": mask.reshape(-1)}))
    assert len(rings) == 2
    found = np.zeros((60, 60), np.uint8)
    large = [np.rint((ring.reshape(-1, 2) + 0.5) * 16).astype(np.int32) for ring in rings]
    big = cv2.fillPoly(np.zeros((960, 960), np.uint8), large, 1)  # 16 pixels a pixel, by the even-odd rule
    found = big.reshape(60, 16, 60, 16).mean(axis=(1, 3)) > 0.5
    right = np.zeros((60, 60), bool)
    right[30:42, 20:34] = mask > 0
    different = np.argwhere(found != right)
    assert len(different) <= 1  # the pixel at the corner is but a rhomb


def test_names_are_written_as_python_writes_them():
    name = 'a "b" \\ ü \u202e 手 😀.png'
    hand = {"present": False, "score": 0.1, "keypoints": np.zeros(42), "confidences": np.zeros(21, np.float32)}
    found = {"name": name, "width": 3, "height": 2, "hand": hand, "fingerprint": None}
    (text,) = call("document.js", ("jsonText", found, {"threshold": 0.2}))
    assert text.splitlines()[1] == f' "image": {json.dumps(name)},'
    assert list(json.loads(text)) == ["image", "width", "height", "threshold", "hand", "score", "keypoints", "detected"]
