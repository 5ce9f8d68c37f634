import numpy as np
import pytest

from maskpose.model import initialisation
from maskpose.model.variants import get_variant


@pytest.fixture(scope="module")
def schemes(drawn_db):
    variant = get_variant("compact/mask_pose")
    return {scheme: initialisation.measure(variant, drawn_db, scheme, 1) for scheme in ("ours", "gaussian")}


def test_ours_keeps_the_signal_through_every_layer(schemes):
    reports, _ = schemes["ours"]
    assert len(reports) == 17 + 3 * 7
    hidden = [row.activation for row in reports if not row.name.startswith(("Mconv7", "conv6_2"))]
    assert max(hidden) < 10 * hidden[0] and min(hidden) > hidden[0] / 10
    assert all(row.alive > 0.5 for row in reports)


def test_an_all_gaussian_trunk_loses_the_signal(schemes):
    assert {row.name: row.activation for row in schemes["gaussian"][0]}["conv5_3_CPM"] < 1e-6


def test_initial_losses_of_an_undecided_network(schemes):
    _, losses = schemes["ours"]
    # 23 x 23 cells: mask ln 2 a cell; heatmaps at least half of the background's cells that no joint is near
    assert losses["mask_loss"] == pytest.approx(529 * np.log(2), rel=0.2)
    heat = [losses[f"heatmap_loss_stage{stage}"] for stage in range(2, 5)]
    assert all(150 < loss < 600 for loss in heat)
    assert losses["total"] == pytest.approx(sum(heat) + 0.5 * losses["mask_loss"], rel=1e-5)


def test_rms_by_hand():
    assert initialisation.rms(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(2.5)
