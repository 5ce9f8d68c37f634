import threading
import time

import cv2
import numpy as np
import pytest

from conftest import ROOT, random_net
from maskpose import geometry
from maskpose.codecs import heatmaps, masks, preprocessing
from maskpose.errors import InputError
from maskpose.inference import predictor, pyramid
from maskpose.inference.predictor import Predictor
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe

caffe = import_caffe()


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """Files of random weights, one a compact variant."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    for name in ("compact/mask_pose", "compact/no_mask", "compact/no_pose"):
        paths[name] = folder / f"{name.replace('/', '_')}.caffemodel.h5"
        random_net(name).save_hdf5(str(paths[name]))
    return paths


def photograph(width, height):
    rng = np.random.default_rng(1)
    return cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("width,height", [(300, 200), (120, 400), (900, 700)])
def test_decode_finds_drawn_keypoints_in_the_photographs_pixels(width, height):
    rng = np.random.default_rng(2)
    points = rng.uniform(0.1, 0.9, (21, 2)) * (width, height)
    view = preprocessing.crop_affine((0, 0, width, height), 368)
    cells = geometry.apply(geometry.grid_affine(), geometry.apply(view, points))
    maps = heatmaps.encode(cells, np.ones(21, bool), 46, 1.5)
    found, confidences = heatmaps.decode_keypoints(maps, view, (0, 0, width, height))
    pixel = max(width, height) / 368  # one input pixel
    assert np.abs(found - points).max() <= 1.1 * pixel
    assert confidences.min() > 0.85


def test_decode_of_a_crop_lands_in_the_whole_photograph():
    crop = (130, 40, 160, 120)
    point = np.array([[200.0, 100.0]] * 21)
    view = preprocessing.crop_affine(crop, 368)
    cells = geometry.apply(geometry.grid_affine(), geometry.apply(view, point))
    found, _ = heatmaps.decode_keypoints(heatmaps.encode(cells, np.ones(21, bool), 46, 1.5), view, crop)
    assert np.abs(found - point).max() <= 0.5


def test_a_peak_in_the_padding_is_never_chosen():
    maps = np.zeros((22, 46, 46), np.float32)
    maps[:21, 40, 20] = 1  # below a 2:1 photograph, which fills rows 0 to 22
    maps[:21, 10, 30] = 0.5
    whole = (0, 0, 400, 200)
    found, confidences = heatmaps.decode_keypoints(maps, preprocessing.crop_affine(whole, 368), whole)
    assert np.abs(found - (30 * 8 + 3.5 + 0.5, 10 * 8 + 3.5 + 0.5) * np.array([400 / 368] * 2)).max() < 2
    assert np.allclose(confidences, 0.5, atol=0.02)


def test_a_peak_beyond_the_border_is_never_chosen():
    """A square that reaches 100 pixels beyond the left and upper border: what is seen there holds no keypoint."""
    maps = np.zeros((22, 46, 46), np.float32)
    maps[:21, 5, 5], maps[:21, 30, 20] = 1, 0.5
    crop = (-100, -100, 368, 368)
    view = preprocessing.crop_affine(crop, 368)
    found, confidences = heatmaps.decode_keypoints(maps, view, preprocessing.clip_crop(crop, 640, 480))
    assert np.abs(found - (20 * 8 + 3.5 - 100, 30 * 8 + 3.5 - 100)).max() < 1
    assert np.allclose(confidences, 0.5, atol=0.02)


@pytest.mark.parametrize("width,height", [(1085, 1920), (640, 480), (300, 301), (50, 999), (368, 368), (7, 3)])
def test_every_input_pixel_whose_centre_lies_on_the_photograph_can_be_chosen_and_no_other(width, height):
    """Against each pixel's centre, mapped into the photograph; the maximum, raised to the border, lies anywhere."""
    rng, view, size = np.random.default_rng(0), preprocessing.crop_affine((0, 0, width, height), 184), 184
    maps = rng.random((22, 23, 23), np.float32)
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    on_it = geometry.inside(geometry.apply(geometry.invert(view), pixels), width, height)
    rows, columns = on_it.any(axis=1).sum(), on_it.any(axis=0).sum()
    maps += np.linspace(0, 3, 23)[:, None] * (1 if rows < size else 0) + np.linspace(0, 3, 23) * (columns < size)
    values = np.where(on_it, heatmaps.upsample(maps[:21]), -np.inf).reshape(21, -1)
    expected = geometry.apply(geometry.invert(view), np.stack(np.divmod(values.argmax(axis=1), size)[::-1], axis=1))
    found, confidences = heatmaps.decode_keypoints(maps, view, (0, 0, width, height))
    np.testing.assert_allclose(found, np.clip(expected, 0, (width - 1, height - 1)), atol=1e-6)
    np.testing.assert_allclose(confidences, values.max(axis=1), atol=1e-5)


def test_mask_against_resizing_step_by_step():
    rng = np.random.default_rng(5)
    probability = cv2.GaussianBlur(rng.random((23, 23)).astype(np.float32), (0, 0), 3)
    probability = (probability - probability.min()) / np.ptp(probability)
    width, height = 300, 200
    to_image = geometry.invert(geometry.compose(geometry.grid_affine(), geometry.fit_affine(width, height, 184)))
    mask = masks.mask_from_probability(probability, to_image, width, height)
    full = cv2.resize(probability, (184, 184), interpolation=cv2.INTER_LINEAR)
    rows = 184 * height / width
    steps = cv2.resize(full[: round(rows)], (width, height), interpolation=cv2.INTER_LINEAR)
    assert (mask == (steps > 0.5)).mean() > 0.985


def test_merged_heatmaps_are_the_levels_maximum():
    crops = [(0, 0, 400, 400), (100, 200, 184, 184)]
    views = [preprocessing.crop_affine(crop, 368) for crop in crops]
    point = np.array([[192.0, 292.0]] * 21)
    grid = geometry.grid_affine()
    maps = [
        heatmaps.encode(geometry.apply(grid, geometry.apply(view, point)), np.ones(21, bool), 46, 1.5) for view in views
    ]
    weak = np.stack([0.5 * maps[0], maps[1]])
    merged = heatmaps.merge_heatmaps(weak, views)
    assert merged.shape == (22, 46, 46)
    assert (merged >= weak[0] - 1e-6)[:21].all() and (merged <= weak[0] + 1e-6)[21].all()
    cell = np.round(geometry.apply(grid, geometry.apply(views[0], point[0]))).astype(int)
    assert merged[0, cell[1], cell[0]] > 0.7 > 0.5 >= weak[0, 0].max()


@pytest.mark.parametrize("use_pyramid", [False, True])
def test_a_whole_prediction_against_the_network_run_by_hand(random_weights, use_pyramid):
    image = photograph(150, 100)
    model = Predictor("compact/mask_pose", random_weights["compact/mask_pose"], use_pyramid)
    hand = model.predict(image)
    assert hand.mask.shape == (100, 150) and hand.mask.dtype == bool
    assert hand.keypoints.shape == (21, 2) and hand.heatmaps.shape == (22, 23, 23)
    assert (hand.keypoints >= 0).all() and (hand.keypoints <= (149, 99)).all()
    net = caffe.Net(str(ROOT / "prototxt/compact/mask_pose/deploy.prototxt"), caffe.TEST)
    net.copy_from(str(random_weights["compact/mask_pose"]))
    canvas = np.full((184, 184, 3), 128, np.uint8)
    canvas[:123] = cv2.resize(image, (184, 123), interpolation=cv2.INTER_LINEAR)
    net.blobs["data"].data[0] = canvas.transpose(2, 0, 1) / 256 - 0.5
    maps = net.forward()["Mconv7_stage4"][0, :21]
    single = np.array([cv2.resize(m, (184, 184), interpolation=cv2.INTER_CUBIC)[:122].max() for m in maps])
    scale = np.abs(maps).max()
    if use_pyramid:
        assert (hand.confidences > single - 0.05 * scale).all()
        assert (hand.confidences > single + 0.05 * scale).any()
    else:
        assert np.abs(hand.confidences - single).max() < 0.05 * scale


def test_variants_without_a_stage_leave_its_part_out(random_weights):
    image = photograph(90, 120)
    no_mask = Predictor("compact/no_mask", random_weights["compact/no_mask"]).predict(image)
    assert no_mask.mask is None and np.isfinite(no_mask.keypoints).all()
    no_pose = Predictor("compact/no_pose", random_weights["compact/no_pose"]).predict(image)
    assert no_pose.heatmaps is None and np.isnan(no_pose.keypoints).all() and no_pose.mask.shape == (120, 90)


def test_the_same_answer_twice(random_weights):
    model = Predictor("compact/mask_pose", random_weights["compact/mask_pose"], use_pyramid=True)
    one, other = model.predict(photograph(150, 100)), model.predict(photograph(150, 100))
    assert np.array_equal(one.keypoints, other.keypoints) and np.array_equal(one.heatmaps, other.heatmaps)


@pytest.mark.parametrize("options", [{}, {"use_pyramid": True, "levels": 4}, {"mirror": True}])
def test_the_size_of_a_batch_changes_nothing(random_weights, options):
    pictures = [photograph(150, 100), photograph(60, 90), photograph(200, 200)]
    expected = None
    for batch in (1, 2, 5, 16):
        model = Predictor(
            "compact/mask_pose", random_weights["compact/mask_pose"], engine="caffe", batch=batch, **options
        )
        hands = list(model.predict_many(pictures))
        expected = expected or hands
        assert len(hands) == 3
        for one, other in zip(hands, expected):
            assert np.array_equal(one.keypoints, other.keypoints) and np.array_equal(one.mask, other.mask)
            assert np.abs(one.heatmaps - other.heatmaps).max() < 1e-6 * np.abs(other.heatmaps).max()


def test_photographs_are_read_no_further_ahead_than_a_batch(random_weights):
    model = Predictor("compact/no_pose", random_weights["compact/no_pose"], batch=2)
    read = []

    def pictures():
        for n in range(5):
            read.append(n)
            yield photograph(64, 64)

    for n, _ in enumerate(model.predict_many(pictures())):
        assert len(read) <= 2 * (n // 2 + 1)


class Recorder:
    """An engine of compact/mask_pose that answers by a function of its inputs, and keeps those."""

    def __init__(self, answer):
        self.answer, self.seen = answer, []

    def __call__(self, inputs):
        self.seen.append(inputs)
        answers = [self.answer(one) for one in inputs]
        return {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}


def brightness(picture):
    """Maps that show where an input is bright: every keypoint there, and the mask."""
    bright = cv2.resize(picture.mean(axis=0), (23, 23), interpolation=cv2.INTER_AREA) + 0.5
    maps = np.concatenate([np.repeat(bright[None], 21, axis=0), 1 - bright[None]])
    return {"Mconv7_stage4": maps, "mask_prob": np.stack([1 - bright, bright])}


def blob_at(*centres, size=(400, 300), radius=20):
    """A dark picture with bright discs."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for centre in centres:
        cv2.circle(image, centre, radius, (255, 255, 255), -1)
    return image


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_mirroring_averages_what_both_sides_say():
    def lopsided(picture):
        answer = brightness(picture)
        answer["Mconv7_stage4"] = answer["Mconv7_stage4"] + np.linspace(0, 1, 23, dtype=np.float32)
        return answer

    image = blob_at((100, 60))
    plain, mirrored = (
        Predictor(engine=Recorder(answer), refine=False).predict(image) for answer in (brightness, lopsided)
    )
    both = Predictor(engine=Recorder(lopsided), mirror=True, refine=False).predict(image)
    assert np.abs(mirrored.heatmaps - plain.heatmaps).max() > 0.9
    assert np.abs(both.heatmaps - plain.heatmaps - 0.5).max() < 1e-5


def test_the_refinement_pass_shows_the_hand_larger():
    image = blob_at((300, 200))
    truth = image[..., 0] > 0
    once, twice = Recorder(brightness), Recorder(brightness)
    first = Predictor(engine=once, refine=False).predict(image)
    second = Predictor(engine=twice, refine=True).predict(image)
    assert len(once.seen) == 1 and len(twice.seen) == 3  # the square, and its mirror image
    assert np.mean(twice.seen[1] > 0.3) > 4 * np.mean(twice.seen[0] > 0.3)  # how much of the input is bright
    assert np.abs(second.keypoints - (300, 200)).max() <= 21 and second.mask.shape == (300, 400)
    assert iou(second.mask, truth) > max(0.85, iou(first.mask, truth))


@pytest.mark.parametrize("centre,radius", [((200, 150), 80), ((30, 60), 60)])
def test_the_refinement_pass_sees_a_square_and_its_mirror_image_and_all_three_are_averaged(centre, radius):
    """Of a large hand: grey beyond the image, the mirror image, and the mean of the three runs of the network."""
    image = blob_at(centre, radius=radius)
    recorder, found = Recorder(brightness), Predictor(engine=Recorder(brightness), use_pyramid=False).predict(image)
    hand = Predictor(engine=recorder).predict(image)  # the variant's default: with a refinement pass
    first, second, third = (seen[0].transpose(1, 2, 0) for seen in recorder.seen)
    assert np.array_equal(third, second[:, ::-1])
    rows, columns = np.nonzero(found.mask)
    low = np.array([min(columns.min(), found.keypoints[:, 0].min()), min(rows.min(), found.keypoints[:, 1].min())])
    high = np.array([max(columns.max(), found.keypoints[:, 0].max()), max(rows.max(), found.keypoints[:, 1].max())])
    side = 1.8 * (high - low).max()
    left, top = (low + high) / 2 - side / 2
    grid = side * (np.arange(184) + 0.5) / 184 - 0.5  # the second input's pixels in the photograph's
    x, y = np.meshgrid(left + grid, top + grid)
    expected = np.where((x < -0.5) | (y < -0.5), 128, image[y.clip(0, 299).astype(int), x.clip(0, 399).astype(int), 0])
    assert np.mean(np.abs(second[..., 0] - (expected / 256 - 0.5)) < 0.02) > 0.93
    at = geometry.apply(geometry.invert(hand.grid_to_image), np.array([centre], float))[0].round().astype(int)
    passes = (first, second)
    passes = [cv2.resize(one[..., 0], (23, 23), interpolation=cv2.INTER_AREA) + 0.5 for one in passes]
    there = geometry.apply(geometry.invert(found.grid_to_image), np.array([centre], float))[0].round().astype(int)
    mean = (passes[0][there[1], there[0]] + 2 * passes[1][at[1], at[0]]) / 3
    assert abs(hand.heatmaps[0, at[1], at[0]] - mean) < 0.05
    assert (hand.keypoints >= (0, 0)).all() and (hand.keypoints <= (399, 299)).all()


def test_the_pyramid_of_a_refinement_pass_stays_in_the_image(monkeypatch):
    """Levels of the square about a hand at the border may lie beyond the image: these are not passed."""
    monkeypatch.setattr(pyramid, "crops", lambda w, h, *_: [(0, 0, w, h), (0, 0, 50, 50), (w - 60, h - 60, 60, 60)])
    image = blob_at((300, 300), size=(1200, 900), radius=300)
    recorder = Recorder(brightness)
    hand = Predictor(engine=recorder, use_pyramid=True, refine=True).predict(image)
    assert [len(seen) for seen in recorder.seen] == [3, 2, 2]  # the square begins 150 pixels outside
    assert (hand.keypoints >= 0).all() and np.linalg.norm(hand.keypoints - 300, axis=1).max() <= 310
    assert iou(hand.mask, image[..., 0] > 0) > 0.8


def test_beside_the_first_crop_the_refinement_pass_alone_counts():
    """A region that cuts a disc in half: the refinement pass sees all of it, the first pass's maps end at the cut."""
    image = blob_at((200, 150), radius=60)
    hand = Predictor(engine=Recorder(brightness)).predict_region(image, (200, 60, 180, 180))
    left = geometry.apply(geometry.invert(hand.grid_to_image), np.array([[160.0, 150.0]]))[0].round().astype(int)
    dark = geometry.apply(geometry.invert(hand.grid_to_image), np.array([[175.0, 80.0]]))[0].round().astype(int)
    assert hand.heatmaps[0, left[1], left[0]] > 0.95  # bright there
    assert hand.heatmaps[0, dark[1], dark[0]] < 0.1  # and not there, though the first pass's border goes on


def test_of_a_small_hand_both_passes_are_averaged_too():
    def modest(picture):
        """Half as sure as the brightness of what fills little of the input."""
        answer = brightness(picture)
        share = 1.0 if np.mean(picture > 0.3) > 0.05 else 0.5
        return answer | {"Mconv7_stage4": share * answer["Mconv7_stage4"]}

    hand = Predictor(engine=Recorder(modest)).predict(blob_at((300, 200)))
    assert 0.78 < hand.confidences.min() < 0.88  # the mean of 0.5, 1 and 1, but for the grid


def test_the_variant_says_whether_there_is_a_refinement_pass():
    for options, runs in (({}, 3), ({"refine": False}, 1), ({"use_pyramid": False}, 1),
                          ({"use_pyramid": False, "refine": True}, 3)):  # fmt: skip
        recorder = Recorder(brightness)
        Predictor(engine=recorder, **options).predict(blob_at((200, 150)))
        assert len(recorder.seen) == runs


def test_hands_are_told_apart_by_the_mask():
    image = blob_at((90, 90), (300, 200), radius=30)
    image = cv2.circle(image, (300, 200), 45, (255, 255, 255), -1)
    model = Predictor(engine=Recorder(brightness))
    hands = model.predict_hands(image, 3)
    assert len(hands) == 2
    for hand, (x, y), radius in zip(hands, ((300, 200), (90, 90)), (45, 30)):
        truth = cv2.circle(np.zeros((300, 400), np.uint8), (x, y), radius, 1, -1) > 0
        assert iou(hand.mask, truth) > 0.8
        assert np.abs(hand.keypoints - (x, y)).max() <= radius + 2
    assert len(model.predict_hands(image, 1)) == 1
    assert len(model.predict_hands(np.zeros((64, 64, 3), np.uint8), 2)) == 1
    with pytest.raises(InputError, match="no mask stage"):
        Predictor("compact/no_mask", engine=Recorder(brightness)).predict_hands(image)


def test_a_part_of_the_mask_without_keypoints_is_no_hand_where_there_is_one():
    def green_for_masks_blue_for_joints(picture):
        joints, mask = (brightness(np.repeat(picture[c : c + 1], 3, axis=0)) for c in (0, 1))
        return {"Mconv7_stage4": joints["Mconv7_stage4"], "mask_prob": mask["mask_prob"]}

    image = cv2.circle(blob_at((90, 90), radius=30), (300, 200), 45, (0, 255, 0), -1)  # the larger one has no joints
    model = Predictor(engine=Recorder(green_for_masks_blue_for_joints))
    (hand,) = model.predict_hands(image, 2)
    assert np.abs(hand.keypoints - (90, 90)).max() <= 32 and hand.mask[90, 90] and not hand.mask[200, 300]
    (none,) = model.predict_hands(cv2.circle(np.zeros_like(image), (300, 200), 45, (0, 255, 0), -1), 2)
    assert none.mask[200, 300] and not (none.confidences > 0.2).any()


def test_an_engine_that_gives_something_else():
    with pytest.raises(InputError, match="the engine gives no Mconv7_stage4, which compact/mask_pose has"):
        Predictor(engine=lambda inputs: {"mask_prob": np.zeros((len(inputs), 2, 23, 23))}).predict(blob_at((90, 90)))


def test_an_engine_of_more_sub_stages_gives_its_last_ones_heatmaps():
    def five(inputs):
        outputs = brightness(inputs)
        heatmaps = outputs.pop("Mconv7_stage4")
        return {"Mconv7_stage5": np.zeros_like(heatmaps), "Mconv7_stage6": heatmaps, **outputs}

    image = blob_at((90, 90))
    usual, more = (Predictor(engine=Recorder(one)).predict(image) for one in (brightness, five))
    assert np.abs(usual.keypoints - (90, 90)).max() < 32 and (more.keypoints == usual.keypoints).all()


def test_each_of_several_hands_is_predicted_in_the_predictors_mode():
    """The pyramid in each hand's region, a refinement pass for each: and the other hands stay."""
    image = blob_at((90, 90), (300, 200), radius=30)
    plain = Recorder(brightness)
    assert len(Predictor(engine=plain, refine=False, search=False).predict_hands(image, 2)) == 2
    for options, total in (
        ({"use_pyramid": True, "levels": 3, "centred": True}, 1 + 2 * 3),
        ({"refine": True}, 1 + 2 * 3),
    ):
        recorder = Recorder(brightness)
        hands = Predictor(engine=recorder, search=False, **options).predict_hands(image, 2)
        assert len(hands) == 2 and sum(map(len, recorder.seen)) == total > sum(map(len, plain.seen))
        middles = sorted(hand.keypoints[0].tolist() for hand in hands)
        assert np.abs(np.subtract(middles, [(90, 90), (300, 200)])).max() <= 32


def test_the_pyramid_of_a_region_lies_in_it():
    image = blob_at((300, 200), (60, 60))
    model = Predictor(engine=Recorder(brightness), use_pyramid=True)
    hand = model.predict_region(image, (220, 130, 160, 140))
    assert np.abs(hand.keypoints - (300, 200)).max() <= 22 and not hand.mask[:120].any()
    assert len(model.engine.seen) > 1 or len(model.engine.seen[0]) > 1


def test_on_a_black_picture_there_is_one_unsure_hand():
    """What docs/prediction.md says: a first hand is always there, and `detected` says that it is none."""
    for hand in (*Predictor().predict_hands(np.zeros((120, 160, 3), np.uint8), 2),):
        assert not hand.present and not (hand.confidences > 0.2).any()
        assert np.isfinite(hand.keypoints).all()


def test_a_region_may_reach_beyond_the_picture_but_not_lie_beside_it():
    image = blob_at((30, 40))
    for use_pyramid in (False, True):
        model = Predictor(engine=Recorder(brightness), use_pyramid=use_pyramid)
        hand = model.predict_region(image, (-60, -30, 160, 160))
        assert np.abs(hand.keypoints - (30, 40)).max() <= 22 and (hand.keypoints >= 0).all()
        for region in ((0.0, 0.0, 50.0, 50.0), None, (1, 2, 3)):
            with pytest.raises(InputError, match=r"expected a region \(x, y, w, h\) of whole pixels"):
                model.predict_region(image, region)
        for region in ((1000, 0, 50, 50), (-90, 10, 90, 90), (10, 10, 0, 5)):
            with pytest.raises(InputError, match=r"outside the image of 400 x 300"):
                model.predict_region(image, region)


def test_threads_take_turns():
    inside, overlaps = [], []

    def answer(picture):
        overlaps.append(len(inside))
        inside.append(1)
        time.sleep(0.002)
        inside.pop()
        return brightness(picture)

    model, found = Predictor(engine=Recorder(answer), mirror=True, refine=False), {}
    pictures = [blob_at((40 + 30 * n, 100)) for n in range(8)]
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: model.predict(pictures[n])})) for n in range(len(pictures))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(overlaps) and len(overlaps) == 16
    for n in range(8):
        assert np.abs(found[n].keypoints - (40 + 30 * n, 100)).max() <= 22


@pytest.mark.parametrize(
    "options,message",
    [
        ({"seed": -1}, "seed: expected a whole number of 0 or more, not -1"), ({"seed": None}, "seed: .* not None"),
        ({"levels": 0}, "levels: .* of 1 or more, not 0"), ({"levels": 2.5}, "levels: .* not 2.5"),
        ({"batch": 0}, "batch: .* not 0"), ({"batch": "8"}, "batch: .* not '8'"),
        ({"precision": "fp8"}, "unknown precision 'fp8': expected one of fp32, bf16, fp16"),
        ({"variant": "tiny"}, "tiny"), ({"engine": "tensorflow"}, "unknown engine"),
        ({"variant": None}, "unknown variant 'None'"), ({"engine": 5}, "engine: expected a name or a function, not 5"),
    ],
)  # fmt: skip
def test_arguments_that_are_none(options, message):
    with pytest.raises(InputError, match=message):
        Predictor(**options)


def test_numbers_of_numpy_are_numbers():
    model = Predictor(engine=Recorder(brightness), seed=np.int64(3), batch=np.uint8(2))
    assert len(model.predict_hands(blob_at((90, 90)), np.int32(1))) == 1


def test_one_photograph_in_the_place_of_many():
    model = Predictor(engine=Recorder(brightness))
    image = blob_at((90, 90))
    for wrong in ("photo.jpg", image):
        with pytest.raises(InputError, match="expected several images"):
            list(model.predict_many(wrong))
    assert len(list(model.predict_many(np.stack([image, image])))) == 2
    with pytest.raises(InputError, match="count: expected a whole number of 1 or more, not 0"):
        model.predict_hands(image, 0)


def test_a_hand_in_a_few_words_and_on_its_own_picture_alone():
    image = blob_at((90, 90))
    hand = Predictor(engine=Recorder(brightness)).predict(image)
    share = round(100 * hand.mask.mean())
    assert repr(hand) == f"<Hand: 21 of 21 keypoints, hand mask {share} % of the image>"
    with pytest.raises(InputError, match="image of 400 x 300 pixels that the hand is of, not 300 x 400"):
        hand.draw(image.transpose(1, 0, 2).copy())
    with pytest.raises(InputError, match=r"float64 \(300, 400, 3\)"):
        hand.draw(image / 255)


def test_what_a_notebook_would_give(random_weights, tmp_path):
    import maskpose

    model = maskpose.Predictor("compact/mask_pose", random_weights["compact/mask_pose"], score_threshold=0)
    image = photograph(150, 100)
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    hand, from_file = model.predict(image), model.predict(tmp_path / "photo.png")
    assert isinstance(hand, maskpose.Hand) and np.array_equal(hand.keypoints, from_file.keypoints)
    drawn = hand.draw(image, threshold=-10)
    assert drawn.shape == image.shape and (drawn != image).any()
    for wrong, message in (
        (image[..., 0], r"uint8 \(100, 150\)"), (image / 255, "float64"), (None, "NoneType"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            model.predict(wrong)
    with pytest.raises(InputError, match=r"none\.jpg"):
        model.predict("none.jpg")


@pytest.mark.parametrize("name", ["use_pyramid", "refine", "mirror", "centred"])
def test_switches_take_nothing_but_yes_and_no(name):
    for wrong in ("no", 0, "False"):
        with pytest.raises(InputError, match=f"{name}: expected True, False or None"):
            Predictor(engine=lambda inputs: {}, **{name: wrong})
    assert getattr(Predictor(engine=lambda inputs: {}, **{name: np.bool_(True)}), name) is True


def test_weights_of_another_variant_or_none(random_weights, tmp_path):
    with pytest.raises(InputError, match="of another variant"):
        Predictor("compact/mask_pose", random_weights["compact/no_mask"])
    with pytest.raises(InputError, match="of another variant"):
        Predictor("compact/mask_pose", random_weights["compact/no_pose"])
    with pytest.raises(InputError, match="no such file"):
        Predictor("compact/mask_pose", tmp_path / "none.caffemodel")
    (tmp_path / "text.caffemodel").write_text("not weights\n" * 50)
    with pytest.raises(InputError, match=r"text\.caffemodel"):
        Predictor("compact/mask_pose", tmp_path / "text.caffemodel")
    with pytest.raises(InputError, match="no weights for mask_pose"):
        predictor.default_weights(get_variant("mask_pose"))
