import csv

import numpy as np
import pytest
from scipy import stats

from conftest import shifted_results
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.scores import score_results
from maskpose.evaluation.sums import CURVE
from maskpose.reproduction import curves, estimates, panels, score_files, tables
from maskpose.reproduction.estimates import Estimate, Resampled, difference, estimate, resample

T = len(CURVE)


def flat(value):
    return Estimate(value, value - 0.1, value + 0.2, value - 0.05, value + 0.05, 2)


def test_figures_of_a_network_are_those_of_the_scores():
    results = shifted_results([5, 15, 25, 60], ious=[0.4, 0.6, 0.77, 0.9])
    drawn, scores = resample(results), score_results(results)
    assert drawn.once["PCK@0.2"] == 0.5 and drawn.once["mask IoU"] == pytest.approx(0.6675)
    assert [drawn.once[name] for name in ("AP50", "AP75", "AP80")] == [0.75, 0.5, 0.25]
    one = estimate([drawn], "PCK@0.2")
    assert one.document() == {**scores["pck"], "lowest": 0.5, "highest": 0.5, "seeds": 1}
    assert estimate([drawn], "curve").document()["value"] == scores["curve"]["value"]


def test_a_number_that_cannot_be_computed_is_none():
    assert estimate([resample(shifted_results([5, 15]))], "AP50").document()["value"] is None


def test_a_difference_is_paired():
    """The second is 0.1 of a photograph's keypoints better everywhere: so it is in every draw."""
    rng = np.random.default_rng(0)
    offsets = rng.uniform(0, 40, 200)
    first, second = shifted_results(offsets), shifted_results(offsets)
    second.predicted[:, :7] = second.truth[:, :7] + 1000  # seven joints of 21 are lost
    gap, seeds = difference([resample(first)], [resample(second)], "PCK@0.2")
    share = (offsets < 20).mean()
    assert gap.value == pytest.approx(share / 3) and len(seeds) == 1
    alone = estimate([resample(first)], "PCK@0.2")
    # every draw loses just a third of what the first has, so the interval is a third as wide
    assert gap.high - gap.low == pytest.approx((alone.high - alone.low) / 3, rel=1e-4)
    with pytest.raises(InputError, match="same images"):
        difference([resample(first)], [resample(second.subset(slice(1, None)))], "PCK@0.2")


def test_several_origins_are_scored_apart():
    results = shifted_results([5] * 70)
    assert list(score_files.parts_of_eb(results, ["3.jpg"])) == ["EA"]
    results.origins = np.array(["a"] * 32 + ["b"] * 8 + [""] * 30)
    parts = score_files.parts_of_eb(results, [results.names[3], results.names[50]])
    assert {name: np.flatnonzero(chosen).tolist() for name, chosen in parts.items()} == {
        "EA": [3, 50], "EB, a": list(range(32)), "EB, none named": list(range(40, 70)),
    }  # fmt: skip


def of_values(once, resampled):
    return Resampled(["a"], {"AUC": once}, {"AUC": np.array(resampled, float)})


@pytest.mark.parametrize("once", [[0.3, 0.34], [0.3, 0.34, 0.31], [0.5, 0.52, 0.49, 0.53, 0.5], [*np.arange(10) / 99]])
def test_the_chance_of_training_is_students_t(once):
    """Without any spread over photographs the interval is SciPy's, of the seeds alone; one seed has none."""
    seeds = [of_values(value, np.full(100, value)) for value in once]
    one = estimate(seeds, "AUC")
    expected = stats.t.interval(0.95, len(once) - 1, np.mean(once), stats.sem(once))
    assert (one.low, one.high) == pytest.approx(np.clip(expected, 0, 1), abs=1e-4)
    assert (one.value, one.lowest, one.highest, one.seeds) == (np.mean(once), min(once), max(once), len(once))
    assert estimate(seeds[:1], "AUC").high == once[0]


def test_photographs_and_training_add_up():
    """Two independent normal chances of the same size: the interval is root 2 as wide as one alone."""
    photographs = np.random.default_rng(3).normal(0, 0.01, 200_000)
    once = np.array([0.5, 0.5 + 0.02 / 12.706])  # whose t interval is 0.01 to either side
    drawn = [of_values(value, value + photographs) for value in once]
    one = estimate(drawn, "AUC")
    assert one.value - one.low == pytest.approx(np.hypot(0.01, 0.0196), rel=0.02)


def test_table_1_has_the_papers_figures_beside_ours():
    better = resample(shifted_results([1] * 4, ious=[0.55, 0.78, 0.85, 0.9]))
    worse = resample(shifted_results([1] * 4, ious=[0.3, 0.55, 0.78, 0.9]))
    text, table = tables.table1({"mask_pose": [better, worse], "no_pose": [worse, worse]})
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines()]
    rows = {line[0]: line[1:] for line in lines}
    assert rows["without the pose prediction stage, the paper"] == ["67.6", "33.3", "21.9", "–"]
    assert rows["proposed, the paper"][:3] == ["76.9", "41.3", "30.0"]
    ours = rows["proposed, ours"]  # AP50 (100 + 75) / 2, AP75 (75 + 50) / 2, AP80 (50 + 25) / 2
    assert [cell.split()[0] for cell in ours[:3]] == ["87.5", "62.5", "37.5"]
    spreads = [line[1] for line in lines if line[0] == "… lowest to highest of 2 seeds"]
    assert spreads == ["75.0–75.0", "75.0–100.0"]  # without the pose stage, with it
    assert rows["gain by the pose stage, ours (paired)"][0].startswith("+12.5 (")
    assert rows["gain by the pose stage, the paper"] == ["+9.3", "+8.0", "+8.1", "–"]
    cells = list(csv.DictReader(table.splitlines()))
    of_seed = [row for row in cells if (row["network"], row["seed"], row["figure"]) == ("mask_pose", "1", "AP50")]
    assert [row["value"] for row in of_seed] == ["100.0"]
    assert {row["value"] for row in cells if row["source"] == "paper" and row["figure"] == "AP80"} == {"21.9", "30.0"}


def test_answers_to_whether_it_helps():
    near, far = resample(shifted_results([5] * 9, ious=[0.9] * 9)), resample(shifted_results([50] * 9, ious=[0.9] * 9))
    sets = {"EB": {"mask_pose": [near], "no_mask": [far], "no_pose": [resample(shifted_results([1] * 9, [0.9] * 9))]}}
    answers = {(one["question"], one["figure"]): one for one in tables.differences(sets)}
    pck = answers["Does the mask help the pose?", "PCK@0.2"]
    assert (pck["all_seeds"]["value"], pck["all_seeds"]["low"], pck["verdict"]) == (1, 1, "yes, in this one training")
    assert answers["Does the pose help the mask?", "AP75"]["verdict"] == "not shown"
    assert not any(question == "Does a second cascade help?" for question, _ in answers)
    assert tables.verdict(Estimate(-0.3, -0.4, -0.2, -0.3, -0.3, 1)) == "no: it harms, in this one training"
    assert tables.verdict(flat(0.5)) == "yes" and tables.verdict(flat(0.0)) == "not shown"
    assert "+100.0 (+100.0 to +100.0)" in tables.differences_text(list(answers.values()))


def test_curves_of_figure_9_are_of_both_sets_and_single_joints():
    results = shifted_results([5, 15, 25, 45])
    results.predicted[:, 8] = results.truth[:, 8]  # the index finger's tip is right
    panels_ = curves.figure9({"mask_pose": [results], "Other": [results]}, ["0.jpg", "1.jpg"])
    whole = {line.label: line for line in panels_["all keypoints"]}
    assert list(whole) == ["proposed, EB", "proposed, EA", "Other, EB", "Other, EA"]
    at = list(CURVE).index(0.2)
    assert whole["proposed, EB"].values[at] == pytest.approx((20 * 0.5 + 1) / 21)
    assert whole["proposed, EA"].values[at] == 1 and whole["proposed, EA"].style == "--"
    assert panels_["index tip"][0].values[1] == 1 and panels_["thumb tip"][0].values[1] == 0
    assert len({line.colour for line in whole.values()}) == 2


def test_curves_are_written_as_pictures_and_numbers(tmp_path):
    results = shifted_results([5, 15, 25, 45])
    sets = {name: {"mask_pose": [results], "no_mask": [results]} for name in ("MPI+NZSL", "Syn2", "Syn3")}
    drawn = curves.figure10(sets)
    assert list(drawn) == ["all keypoints", "MPI+NZSL", "Syn2", "Syn3"] and len(drawn["Syn2"]) == 10
    curves.write_panels(drawn, tmp_path / "fig10")
    rows = list(csv.DictReader((tmp_path / "fig10.csv").open()))
    assert len(rows) == T and rows[20]["threshold"] == "0.20"
    assert float(rows[20]["Syn2: thumb, proposed"]) == 0.5
    assert (tmp_path / "fig10.png").read_bytes()[:4] == b"\x89PNG" and "<svg" in (tmp_path / "fig10.svg").read_text()


def test_curves_of_seeds_are_averaged():
    one, other = shifted_results([5, 5]), shifted_results([5, 95])
    mean = curves.keypoint_curves([one, other])
    assert mean.shape == (T, 21) and mean[10, 0] == 0.75
    assert metrics.mean_over_fingers(mean).shape == (T, 5)


def test_photographs_are_chosen_worst_middle_best_and_by_the_seed():
    gains = [0.5, np.nan, -0.3, 0.0, 0.1, 0.9, -0.8, 0.05]
    chosen = panels.choose(gains, each=1, seed=3)
    assert chosen[:3] == [("worst", 6), ("middle", 7), ("best", 5)]
    kind, drawn = chosen[3]
    assert kind == "drawn" and drawn not in (1, 5, 6, 7) and panels.choose(gains, 1, 3) == chosen
    assert sorted(index for _, index in panels.choose(gains, each=5)) == [0, 2, 3, 4, 5, 6, 7]
    assert panels.choose([np.nan]) == []


def test_gains_are_differences_of_iou_and_of_correct_keypoints():
    one, other = shifted_results([5, 30], ious=[0.5, 0.75]), shifted_results([30, 30], ious=[0.25, np.nan])
    assert panels.pose_gains(one, other).tolist() == [1, 0]
    assert panels.mask_gains(one, other)[0] == 0.25 and np.isnan(panels.mask_gains(one, other)[1])


def test_ious_are_read_as_they_were_written(tmp_path):
    from maskpose.evaluation.results import read_ious

    results = shifted_results([1, 2, 3], ious=[0.5, np.nan, 1.0])
    results.names[1] = 'a, "b".jpg'
    results.write_ious(tmp_path / "x.csv")
    names, ious = read_ious(tmp_path / "x.csv")
    assert names == results.names and np.array_equal(ious, results.ious, equal_nan=True)
    (tmp_path / "x.csv").write_text("photograph,mask_iou\na.jpg,high\n")
    with pytest.raises(InputError, match="high"):
        read_ious(tmp_path / "x.csv")


def test_intervals_are_rounded_and_whole():
    assert flat(0.5).document() == {"value": 0.5, "low": 0.4, "high": 0.7, "lowest": 0.45, "highest": 0.55, "seeds": 2}
    assert tables.with_interval(flat(0.5)) == "50.0 (40.0–70.0)" and tables.spread(flat(0.5)) == "45.0–55.0"
    assert tables.with_interval(flat(0.05), signed=True) == "+5.0 (-5.0 to +25.0)"
    assert tables.with_interval(flat(np.nan)) == "–" == tables.spread(flat(np.nan))
    assert set(estimates.NUMBERS) >= set(tables.SCORES)
