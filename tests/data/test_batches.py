import shutil

import cv2
import numpy as np
import pytest

from conftest import build
from maskpose import geometry
from maskpose.codecs import heatmaps, masks, preprocessing
from maskpose.codecs.masks import pack_mask
from maskpose.data import augmentation, batches
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.testing.databases import build_onehand10k


def unfilled(settings):
    return {name: np.full(shape, np.nan, np.float32) for name, shape in array_shapes(settings).items()}


def make(settings, batch=0):
    source = BatchSource(settings)
    arrays = unfilled(settings)
    source.fill(batch, arrays)
    source.close()
    return arrays


def pattern_sample(width=300, height=200, mask=True):
    """A photograph whose keypoints are dots and whose mask is a disc that the photograph shows too."""
    points = np.stack([60 + 30 * (np.arange(21) % 7), 40 + 45 * (np.arange(21) // 7)], axis=1)
    image = np.zeros((height, width, 3), np.uint8)
    disc = cv2.circle(np.zeros((height, width), np.uint8), (150, 90), 60, 255, -1)
    image[disc > 0, 0] = 255
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 3, (0, 255, 0), -1)
    return Sample(
        name="pattern.png",
        image=cv2.imencode(".png", image)[1].tobytes(),
        width=width,
        height=height,
        keypoints=points.astype(np.float32),
        visible=np.ones(21, bool),
        mask=pack_mask(disc > 127) if mask else b"",
    )


@pytest.fixture(scope="module")
def pattern_db(tmp_path_factory):
    path = tmp_path_factory.mktemp("pattern") / "x.lmdb"
    build(path, [pattern_sample()])
    return str(path)


def pixels(planes):
    """Network input (3, m, m) back to (m, m, 3) in 0..255."""
    return (planes.transpose(1, 2, 0) + 0.5) * 256


@pytest.mark.parametrize("batch", range(4))
def test_image_mask_and_keypoints_move_together(pattern_db, batch):
    settings = DataSettings(db=pattern_db, batch_size=4, input_size=184, sigma=1.0)
    arrays = make(settings, batch)
    assert len({arrays["image"][i].tobytes() for i in range(4)}) == 4  # augmented, each its own way
    for planes, labels, maps in zip(arrays["image"], arrays["mask"], arrays["heatmaps"]):
        image = pixels(planes)
        peaks, values = heatmaps.argmax2d(heatmaps.upsample(maps[:21]))
        assert (values > 0.3).sum() >= 5
        for (x, y), value in zip(peaks.astype(int), values):
            if value > 0.9 and 2 <= x < 182 and 2 <= y < 182:
                patch = image[y - 2 : y + 3, x - 2 : x + 3]
                assert patch[..., 1].max() > 150 and patch[..., 2].max() < 60  # a green dot is there
        blue = (image[..., 0] > 128) & ((image[..., 1] < 60) | (image[..., 1] > 150)) & (image[..., 2] < 60)
        coverage = blue.reshape(23, 8, 23, 8).mean(axis=(1, 3))
        sure = (coverage < 0.3) | (coverage > 0.7)  # dots on the disc blur its edge
        assert np.array_equal(labels[0][sure], (coverage > 0.5)[sure])


def test_unaugmented_batch_against_the_steps_of_section_3_1(pattern_db):
    settings = DataSettings(db=pattern_db, batch_size=1, input_size=96, augment=False)
    arrays = make(settings)
    sample = pattern_sample()
    tau = min(96 / 300, 96 / 200)
    expected = np.full((96, 96, 3), 128, np.uint8)
    expected[:64] = cv2.resize(sample.decode_image(), (96, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(pixels(arrays["image"][0])[:63, :95] - expected[:63, :95]).mean() < 4
    assert (pixels(arrays["image"][0])[65:] == 128).all()
    mask = np.zeros((96, 96), np.uint8)
    mask[:64] = cv2.resize(sample.decode_mask(), (96, 64), interpolation=cv2.INTER_AREA)
    coverage = mask.reshape(12, 8, 12, 8).mean(axis=(1, 3)) / 255
    assert np.abs(arrays["mask"][0, 0] - coverage).max() <= 0.55
    for k, (x, y) in enumerate(sample.keypoints):
        cx, cy = ((x + 0.5) * tau / 8 - 0.5, (y + 0.5) * tau / 8 - 0.5)
        ys, xs = np.mgrid[:12, :12]
        one = np.exp(-((xs - cx) ** 2 + (ys - cy) ** 2) / (2 * 1.5**2))
        assert np.allclose(arrays["heatmaps"][0, k], one, atol=1e-5)


def test_a_large_photograph_augmented_in_one_warp_against_step_by_step(tmp_path, monkeypatch):
    """Fit and pad, then scale, turn, crop and flip, each a resampling of its own; image, mask and joints."""
    from test_augmentation import SIZE, step_by_step

    sample = pattern_sample(width=900, height=640)
    rng = np.random.default_rng(8)
    smooth = cv2.resize(rng.integers(0, 256, (16, 22, 3), np.uint8), (900, 640), interpolation=cv2.INTER_CUBIC)
    disc = cv2.circle(np.zeros((640, 900), np.uint8), (400, 300), 200, 255, -1)
    sample.image, sample.mask = cv2.imencode(".png", smooth)[1].tobytes(), pack_mask(disc > 127)
    build(tmp_path / "x.lmdb", [sample])
    scale, degrees, dx, dy = 137 / SIZE, 33, 9.5, -4.5
    affine = augmentation.augmentation_affine(SIZE, scale, degrees, dx, dy, True)
    monkeypatch.setattr(batches, "sample_affine", lambda *_: affine)
    arrays = make(DataSettings(db=str(tmp_path / "x.lmdb"), batch_size=1, input_size=SIZE))

    def steps(picture, fill):
        canvas = np.full((SIZE, SIZE, 3), fill, np.uint8)
        canvas[:131] = cv2.resize(picture, (SIZE, 131), interpolation=cv2.INTER_AREA)
        points = (sample.keypoints + 0.5) * (SIZE / 900) - 0.5
        return step_by_step(canvas, points, scale, degrees, dx, dy, True, fill)

    image, points = steps(smooth, 128)
    assert np.abs(pixels(arrays["image"][0]) - image).mean() < 2.5
    mask, _ = steps(cv2.cvtColor(sample.decode_mask(), cv2.COLOR_GRAY2BGR), 0)
    label = mask[..., 0].reshape(23, 8, 23, 8).mean(axis=(1, 3)) > 127.5
    assert label.sum() > 5 and (label != (arrays["mask"][0, 0] == 1)).mean() < 0.01
    peaks, values = heatmaps.argmax2d(heatmaps.upsample(arrays["heatmaps"][0, :21]))
    inside = ((points > 8) & (points < SIZE - 9)).all(axis=1)
    assert inside.sum() > 10 and (values[inside] > 0.9).all() and np.abs(peaks - points)[inside].max() < 1.5


def test_a_joint_that_the_crop_loses_has_no_map(pattern_db):
    settings = DataSettings(db=pattern_db, batch_size=64, input_size=64, scale=(2, 2))
    maps = make(settings)["heatmaps"][:, :21]
    empty = maps.max(axis=(2, 3)) == 0
    assert 0.1 < empty.mean() < 0.95
    # a map that is not empty has its peak inside: at least exp(-(0.5^2 + 0.5^2) / (2 * 1.5^2)) somewhere
    assert maps.max(axis=(2, 3))[~empty].min() > 0.89


def test_the_mask_label_is_where_the_hand_covers_half_the_cell():
    """Against counting, for each cell, how many of 16 x 16 points on it lie on the hand of the source picture."""
    rng = np.random.default_rng(3)
    size, fine = 96, 16
    wrong = near = 0
    for _ in range(20):
        corners = rng.uniform(0.1, 0.9, (7, 2)) * (640, 480)
        mask = cv2.fillPoly(np.zeros((480, 640), np.uint8), [corners.astype(np.int32)], 255)
        turn = geometry.rotation(rng.uniform(-40, 40), (48, 48))
        affine = geometry.compose(turn, geometry.fit_affine(640, 480, size))
        steps = (np.arange(12 * fine) + 0.5) * 8 / fine - 0.5
        points = geometry.apply(geometry.invert(affine), np.stack(np.meshgrid(steps, steps), axis=-1))
        x, y = np.round(points).astype(int).transpose(2, 0, 1)
        there = (x >= 0) & (x < 640) & (y >= 0) & (y < 480)
        hand = there & (mask[y.clip(0, 479), x.clip(0, 639)] > 0)
        coverage = hand.reshape(12, fine, 12, fine).mean(axis=(1, 3))
        label = masks.mask_label(mask, affine, size)
        wrong += ((label == 1) != (coverage > 0.5)).sum()
        sure = np.abs(coverage - 0.5) > 0.1
        assert np.array_equal(label[sure] == 1, coverage[sure] > 0.5)
        near += (~sure).sum()
    assert 0 < wrong < 0.3 * near


def test_the_network_input_by_hand():
    image = np.array([[[0, 64, 255]]], np.uint8)
    assert preprocessing.network_input(image).ravel().tolist() == [-0.5, -0.25, 255 / 256 - 0.5]


def test_a_sample_without_mask_is_ignored_everywhere(tmp_path):
    build(tmp_path / "x.lmdb", [pattern_sample(mask=False)])
    arrays = make(DataSettings(db=str(tmp_path / "x.lmdb"), batch_size=2, input_size=64))
    assert (arrays["mask"] == 255).all()


def test_beside_the_photograph_there_is_no_hand(pattern_db):
    settings = DataSettings(db=pattern_db, batch_size=8, input_size=64, scale=(0.3, 0.3), rotation=0)
    arrays = make(settings)
    assert (arrays["mask"][:, 0].mean(axis=(1, 2)) < 0.1).all()
    grey = np.abs(arrays["image"] - (128 / 256 - 0.5)).max(axis=1) < 1e-6
    assert (grey.mean(axis=(1, 2)) > 0.8).all()


def test_databases_are_mixed_in_their_shares(drawn_db, pattern_db):
    """The pattern is known by its blue disc."""
    settings = DataSettings(db=str(drawn_db), mix={pattern_db: 0.2}, batch_size=100, input_size=64, augment=False)
    images = np.concatenate([make(settings, batch)["image"] for batch in range(10)])
    middle = images[:, :, 17, 30]  # the disc's, of the fitted pattern
    assert (np.abs(middle - (255 / 256 - 0.5, -0.5, -0.5)).max(axis=1) < 0.02).sum() == 200


def test_mixed_in_samples_have_a_randomness_of_their_own(drawn_db, tmp_path):
    """The same database under another name: as many samples, none as the other has it."""
    shutil.copytree(drawn_db, tmp_path / "copy.lmdb")
    source = BatchSource(DataSettings(db=str(drawn_db), mix={str(tmp_path / "copy.lmdb"): 0.5}, input_size=64))
    arrays = [{name: array[0] for name, array in unfilled(source.settings).items()} for _ in range(2)]
    for database in (0, 1):
        source.fill_sample(database, 2, 3, arrays[database])
    source.close()
    assert not np.array_equal(arrays[0]["heatmaps"], arrays[1]["heatmaps"])


def test_colours_change_the_photograph_and_nothing_else(pattern_db):
    plain = make(DataSettings(db=pattern_db, batch_size=16, input_size=64))
    coloured = make(DataSettings(db=pattern_db, batch_size=16, input_size=64, photometric=1.0))
    assert all(np.array_equal(plain[name], coloured[name]) for name in ("mask", "heatmaps"))
    assert np.abs(plain["image"] - coloured["image"]).mean() > 0.02
    beside = np.abs(plain["image"]).max(axis=1) == 0  # the fill is no part of the photograph
    assert beside.mean() > 0.2 and (np.abs(coloured["image"]).max(axis=1)[beside] == 0).mean() > 0.99


def test_degrading_changes_the_image_and_nothing_else(pattern_db):
    plain = make(DataSettings(db=pattern_db, batch_size=16, input_size=64))
    degraded = make(DataSettings(db=pattern_db, batch_size=16, input_size=64, degrade=1.0))
    assert all(np.array_equal(plain[name], degraded[name]) for name in ("mask", "heatmaps"))
    assert (np.abs(plain["image"] - degraded["image"]).max(axis=(1, 2, 3)) > 0.02).sum() > 8


def test_batches_depend_on_seed_epoch_and_index_alone(drawn_db):
    settings = DataSettings(db=str(drawn_db), batch_size=3, input_size=64)
    once, again = make(settings, 7), make(settings, 7)
    assert all(np.array_equal(once[name], again[name]) for name in once)
    other = make(DataSettings(db=str(drawn_db), batch_size=3, input_size=64, seed=2), 7)
    assert not np.array_equal(once["image"], other["image"])
    # position 21 is the first of batch 7 of three, and the second of batch 10 of two
    pair = make(DataSettings(db=str(drawn_db), batch_size=2, input_size=64), 10)
    assert np.array_equal(once["image"][0], pair["image"][1])


def test_outputs_choose_the_arrays(drawn_db):
    settings = DataSettings(db=str(drawn_db), batch_size=1, input_size=64, outputs=("image", "heatmaps"))
    assert list(make(settings)) == ["image", "heatmaps"]


def test_a_broken_image_is_named(tmp_path):
    sample = pattern_sample()
    sample.image = sample.image[:-100]
    build(tmp_path / "x.lmdb", [sample])
    with pytest.raises(InputError, match=r"pattern\.png is truncated"):
        make(DataSettings(db=str(tmp_path / "x.lmdb"), batch_size=1, input_size=64))


def test_real_photographs_and_their_masks_agree(real_hands, tmp_path):
    from maskpose.data.datasets import onehand10k

    lines = onehand10k.plan(real_hands)["test"][-100:]
    build_onehand10k(real_hands, lines, tmp_path / "x.lmdb")
    inside = total = 0
    for sample in Reader(tmp_path / "x.lmdb"):
        mask = sample.decode_mask()
        if mask is not None:
            affine = geometry.fit_affine(sample.width, sample.height, 184)
            label = masks.mask_label(mask, affine, 184)
            points = geometry.apply(geometry.grid_affine(), geometry.apply(affine, sample.keypoints))
            cells = np.clip(np.round(points), 0, 22).astype(int)
            inside += label[cells[:, 1], cells[:, 0]].sum()
            total += 21
    assert inside / total > 0.8  # fingertips may round into a neighbouring cell
