import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.model.prototxt import prototxt_files
from maskpose.model.variants import get_variant
from maskpose.training import loss_curves
from maskpose.training.loss_curves import Curves, figure, moving_mean, plot, read_run, read_runs

HEADER = "iteration,total,mask_loss,heatmap_loss_stage2,heatmap_loss_stage6,learning_rate,images_per_second,"
HEADER += "waiting_share,val_pck,val_mask_iou\n"
ROWS = "10,9,20,5,3,1e-3,12,0.1,,\n20,7,20,4,2,9e-4,11,0.2,0.5,0.25\n30,5,20,3,1,8e-4,13,0.3,,\n"


@pytest.fixture
def folder(tmp_path):
    """A run's folder with three rows, the second with scores, and its definitions."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "losses.csv").write_text(HEADER + ROWS)
    (path / "train.prototxt").write_text(prototxt_files(get_variant("mask_pose"))["mask_pose/train.prototxt"])
    return path


def lines_of(axes):
    """{label: (x, y)} of the labelled lines."""
    return {line.get_label(): line.get_data() for line in axes.lines if not line.get_label().startswith("_")}


def axes_by_label(chart):
    return {axes.get_ylabel(): axes for axes in chart.axes}


def test_what_one_run_shows(folder):
    axes = axes_by_label(figure([read_run(folder)]))
    assert set(axes) == {"loss", "validation", "learning rate", "images/s", "waiting for data"}
    assert axes["loss"].get_yscale() == "log"
    drawn = {label: y.round(6).tolist() for label, (_, y) in lines_of(axes["loss"]).items()}
    assert drawn == {"total": [9, 7, 5], "mask ×0.05": [1, 1, 1], "stage2": [5, 4, 3], "stage6": [3, 2, 1]}
    scores = {label: (x.tolist(), y.tolist()) for label, (x, y) in lines_of(axes["validation"]).items()}
    assert scores == {"PCK@0.2": ([20], [0.5]), "mask IoU": ([20], [0.25])}
    assert axes["learning rate"].lines[0].get_ydata().tolist() == [1e-3, 9e-4, 8e-4]
    assert axes["images/s"].lines[0].get_ydata().tolist() == [12, 11, 13]
    assert axes["waiting for data"].lines[0].get_ydata().tolist() == [0.1, 0.2, 0.3]


def test_smoothing_leaves_rate_and_scores_as_they_are(folder):
    axes = axes_by_label(figure([read_run(folder)], smooth=2))
    assert lines_of(axes["loss, mean of 2 rows"])["total"][1].tolist() == [9, 8, 6]
    assert axes["images/s"].lines[0].get_ydata().tolist() == [12, 11.5, 12]
    assert axes["learning rate"].lines[0].get_ydata().tolist() == [1e-3, 9e-4, 8e-4]
    assert lines_of(axes["validation"])["PCK@0.2"][1].tolist() == [0.5]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_moving_means_are_those_of_a_loop(count):
    values = np.array([5.0, np.nan, 1.0, 2.0, np.nan, np.nan, 9.0, 4.0])
    means = moving_mean(values, count)
    for i, value in enumerate(values):
        expected = np.nan if np.isnan(value) else np.nanmean(values[max(0, i - count + 1) : i + 1])
        assert means[i] == pytest.approx(expected, nan_ok=True)


def test_several_runs_have_a_colour_each_and_losses_a_style(folder, tmp_path):
    (tmp_path / "other.csv").write_text("iteration,total,mask_loss\n5,8,30\n15,6,30\n")
    chart = figure(read_runs([folder, tmp_path / "other.csv"], ["first", "second"]), parts=["all"])
    axes = axes_by_label(chart)
    lines = axes["loss"].lines
    one = [line for line in lines if list(line.get_xdata()) == [10, 20, 30]]
    two = [line for line in lines if list(line.get_xdata()) == [5, 15]]
    assert len(one) == 4 and len(two) == 2
    colours = [{line.get_color() for line in of_run} for of_run in (one, two)]
    assert all(len(colour) == 1 for colour in colours) and colours[0] != colours[1]
    for panel, count in (("images/s", 1), ("learning rate", 1)):
        assert {line.get_color() for line in axes[panel].lines if len(line.get_xdata())} == colours[0], (panel, count)
    styles = [line.get_linestyle() if line._dash_pattern[1] is None else line._dash_pattern for line in one]
    assert len(set(map(str, styles))) == 4
    assert [text.get_text() for text in chart.legends[0].get_texts()] == ["first", "second"]
    assert [line.get_color() for line in chart.legends[0].get_lines()] == [*colours[0], *colours[1]]


@pytest.mark.parametrize("count", [2, 10, 13])
def test_however_many_runs_have_different_colours(folder, count):
    chart = figure([read_run(folder)] * count)
    assert len({str(line.get_color()) for line in chart.legends[0].get_lines()}) == count


def test_which_losses_are_drawn(folder, tmp_path):
    one, two = [read_run(folder)], [read_run(folder)] * 2
    everything = ["total", "mask ×0.05", "stage2", "stage6"]
    for runs, parts, labels in (
        (one, None, everything),
        (two, None, ["total", "mask ×0.05", "stage6"]),
        (two, ["all"], everything),
        (two, ["total"], ["total"]),
        (one, ["stage6", "mask"], ["mask ×0.05", "stage6"]),
    ):
        assert list(lines_of(axes_by_label(figure(runs, parts))["loss"])) == labels
    with pytest.raises(InputError, match=r"no run has a loss 'stage7': there are total, mask, stage2, stage6"):
        plot(one, tmp_path / "x.png", ["total", "stage7"])
    assert not (tmp_path / "x.png").exists()


def test_a_log_of_losses_alone_is_drawn_without_other_panels(tmp_path):
    (tmp_path / "losses.csv").write_text("iteration,total\n1,5\n2,4\n")
    assert [axes.get_ylabel() for axes in figure([read_run(tmp_path)]).axes] == ["loss"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", ["1,5,0\n2,4,0\n", "1,5,0\n2,4,3\n", "1,0,0\n", "1,1e-9,3\n2,1e9,3\n"])
@pytest.mark.parametrize("smooth", [1, 3])
def test_losses_of_zero_can_be_drawn(tmp_path, rows, smooth):
    (tmp_path / "losses.csv").write_text("iteration,total,mask_loss\n" + rows)
    plot([read_run(tmp_path)], tmp_path / "losses.png", smooth=smooth)
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix,start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_suffix_says_the_format(folder, tmp_path, suffix, start):
    plot([read_run(folder)], tmp_path / f"curves.{suffix}", title="a title")
    assert (tmp_path / f"curves.{suffix}").read_bytes().startswith(start)


def test_names_of_runs_are_their_paths_from_where_they_differ(tmp_path):
    paths = [tmp_path / "a/run", tmp_path / "b/run", tmp_path / "c/losses.csv"]
    assert loss_curves.short_names(paths) == ["a/run", "b/run", "c"]
    assert loss_curves.short_names([tmp_path / "a/run/losses.csv"]) == ["run"]


def test_runs_that_cannot_be_drawn(folder, tmp_path):
    (tmp_path / "losses.csv").write_text("iteration,total\n")
    for paths, labels, said in (
        ([tmp_path / "nothing"], None, "nothing is neither a run's folder nor a losses.csv"),
        ([tmp_path], None, "has no losses to plot"),
        ([folder], ["one", "two"], "2 labels for 1 runs"),
    ):
        with pytest.raises(InputError, match=said):
            read_runs(paths, labels)
    with pytest.raises(InputError, match=r"curves\.gif: .*\.png, \.svg, \.pdf"):
        plot([Curves("run", [{"iteration": 1.0, "total": 1.0}], {})], tmp_path / "curves.gif")
