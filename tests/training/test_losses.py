import csv
from types import SimpleNamespace

import pytest

from maskpose.errors import InputError
from maskpose.training import loss_log
from maskpose.training.loss_log import LossLog, read_losses


def write_rows(path, first, count, scores=None):
    """A log from iteration ``first`` on, a row each, whose mask loss is the iteration; scores: {iteration: scores}."""
    log = LossLog(path, {"mask_loss": 0.5}, first, batch_size=2)
    with log:
        for iteration in range(first + 1, first + count + 1):
            log.add({"mask_loss": float(iteration)}, waited=0.0)
            log.write(iteration, 1e-3 / iteration, (scores or {}).get(iteration, {}))
    return log


def test_a_log_is_cut_back_to_where_a_run_resumes(tmp_path):
    write_rows(tmp_path / "losses.csv", 0, 5)
    write_rows(tmp_path / "losses.csv", 3, 2)
    rows = read_losses(tmp_path / "losses.csv")
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["total"] for row in rows] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert [row["learning_rate"] for row in rows] == pytest.approx([1e-3, 5e-4, 1e-3 / 3, 2.5e-4, 2e-4], rel=1e-5)


def test_cutting_back_changes_no_character_of_what_stays(tmp_path):
    scores = {2: {"val_pck": 0.123456789, "val_mask_iou": 0.5}, 3: {"val_pck": 0.25}}
    write_rows(tmp_path / "losses.csv", 0, 5, scores)
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    write_rows(tmp_path / "losses.csv", 4, 0)
    assert (tmp_path / "losses.csv").read_text().splitlines() == lines[:5]


def test_scores_are_on_the_rows_where_they_were_measured(tmp_path):
    log = write_rows(tmp_path / "losses.csv", 0, 3, {2: {"val_pck": 0.25}})
    cells = [(row["val_pck"], row["val_mask_iou"]) for row in csv.DictReader((tmp_path / "losses.csv").open())]
    assert cells == [("", ""), ("0.25", ""), ("", "")]
    assert [row.get("val_pck") for row in read_losses(tmp_path / "losses.csv")] == [None, 0.25, None]
    assert log.newest_scores == {"val_pck": 0.25}


def test_a_resumed_log_knows_the_newest_scores_before_the_cut(tmp_path):
    write_rows(tmp_path / "losses.csv", 0, 5, {2: {"val_pck": 0.25}, 4: {"val_pck": 0.5}})
    log = write_rows(tmp_path / "losses.csv", 3, 1)
    row = {"total": 1.0, "mask_loss": 2.0, "images_per_second": 3.0, "waiting_share": 0.0}
    assert log.line(row).endswith("3.0 images/s, waiting 0 %, val PCK 0.250")


def test_iterations_beyond_a_million_stay_whole(tmp_path):
    (tmp_path / "losses.csv").write_text("iteration,total\n1234567,5\n1234568,4\n")
    write_rows(tmp_path / "losses.csv", 1234568, 1)
    assert [row["iteration"] for row in read_losses(tmp_path / "losses.csv")] == [1234567, 1234568, 1234569]


def test_a_pause_does_not_count(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(loss_log, "time", SimpleNamespace(monotonic=lambda: now[0]))
    log = LossLog(tmp_path / "losses.csv", {"mask_loss": 1.0}, 0, batch_size=6)
    with log:
        now[0] += 2
        with log.paused():
            now[0] += 1000
        now[0] += 1
        log.add({"mask_loss": 1.0}, waited=1.5)
        row = log.write(1, 1e-3)
    assert row["images_per_second"] == 6 / 3 and row["waiting_share"] == 0.5


def test_the_progress_line_shows_parts_that_add_up(tmp_path):
    log = LossLog(tmp_path / "losses.csv", {"mask_loss": 0.05, "heatmap_loss_stage2": 1.0}, 0, batch_size=2)
    with log:
        log.add({"mask_loss": 80.0, "heatmap_loss_stage2": 6.0}, waited=0.0)
        line = log.line(log.write(1, 1e-3, {"val_pck": 0.5, "val_mask_iou": 0.25}))
    assert line.startswith("loss 10 (mask ×0.05 4 stage2 6) ") and line.endswith(", val PCK 0.500, val IoU 0.250")
    assert read_losses(tmp_path / "losses.csv")[0]["mask_loss"] == 80


def test_a_torn_last_row_is_left_out(tmp_path):
    (tmp_path / "losses.csv").write_text("iteration,total\n1,5\n2,4\n3,3.")
    assert [row["iteration"] for row in read_losses(tmp_path / "losses.csv")] == [1, 2]


@pytest.mark.parametrize(
    "content",
    [b"iteration,total\n1,two\n", b"iteration,total\n1\n", b"iteration,total\n1,2,3\n", b"name\n5\n", b"\xff\n"],
)
def test_another_file_in_the_place_of_a_log_is_an_error(tmp_path, content):
    (tmp_path / "losses.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"losses\.csv is not a losses.csv"):
        read_losses(tmp_path / "losses.csv")
