import csv
import random
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import ROOT, blobs_of, random_net, solver_state
from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.scores import score_results
from maskpose.inference.predictor import Predictor, default_weights
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe
from maskpose.training.loss_log import read_losses
from maskpose.training.run import Run
from maskpose.training.trainer import train
from maskpose.training.validation import Validation

caffe = import_caffe()
VARIANT = get_variant("compact/mask_pose")
TIMES = ("images_per_second", "waiting_share")
SCORES = ("val_pck", "val_mask_iou")


def make_run(db, folder, **changes):
    settings = {"log_every": 1, "snapshot_every": 2, "data": {"batch_size": 2, "input_size": 64}, **changes}
    return Run(VARIANT, str(db), folder, 4, **settings)


def rows_of(folder):
    return list(csv.DictReader((folder / "losses.csv").open()))


@pytest.fixture(scope="module")
def plain(drawn_db, tmp_path_factory):
    """A run of four iterations from the shipped weights, without validation."""
    folder = tmp_path_factory.mktemp("plain")
    train(make_run(drawn_db, folder), default_weights(VARIANT), progress=False)
    return folder


@pytest.fixture(scope="module")
def watched(drawn_db, tmp_path_factory):
    """The same run with validation on the same database."""
    folder = tmp_path_factory.mktemp("watched")
    train(make_run(drawn_db, folder, val_db=str(drawn_db)), default_weights(VARIANT), progress=False)
    return folder


def test_validation_leaves_the_training_as_it_is(plain, watched):
    for name in ("mask_pose_iter_2", "mask_pose_iter_4"):
        one, two = (blobs_of(folder / f"{name}.caffemodel") for folder in (plain, watched))
        assert all(np.array_equal(one[blob], two[blob]) for blob in one)
        states = [solver_state(folder / f"{name}.solverstate") for folder in (plain, watched)]
        assert list(states[0].history) == list(states[1].history) and states[0].iter == states[1].iter
    without = [{column: row[column] for column in row if column not in TIMES + SCORES} for row in rows_of(plain)]
    assert without == [{column: row[column] for column in without[0]} for row in rows_of(watched)]
    assert all(row[column] == "" for row in rows_of(plain) for column in SCORES)


def test_scores_are_those_of_the_snapshots(watched, drawn_db):
    rows = read_losses(watched / "losses.csv")
    assert [row["iteration"] for row in rows if "val_pck" in row] == [2, 4]
    for row in rows[1::2]:
        weights = watched / f"mask_pose_iter_{row['iteration']:.0f}.caffemodel"
        reader = Reader(drawn_db)
        results = evaluate.predict_samples(Predictor(VARIANT.name, weights, use_pyramid=False), reader)
        reader.close()
        scores = score_results(results)
        assert row["val_pck"] == pytest.approx(scores["pck"]["value"], abs=1e-4) and row["val_pck"] > 0.02
        assert row["val_mask_iou"] == pytest.approx(scores["mask_iou"]["value"], abs=1e-4)
    assert rows[1]["val_mask_iou"] != rows[3]["val_mask_iou"]


def test_rows_and_the_last_iteration_have_the_scores_at_whatever_interval(drawn_db, tmp_path):
    run = make_run(drawn_db, tmp_path, val_db=str(drawn_db), val_every=3, val_limit=1, log_every=2, snapshot_every=4)
    train(run, progress=False)
    assert [(row["iteration"], row["val_pck"] != "") for row in rows_of(tmp_path)] == [
        ("2", False), ("3", True), ("4", True),
    ]  # fmt: skip


def test_time_of_scoring_does_not_count_as_training(drawn_db, tmp_path, monkeypatch):
    """By a clock that goes on by 1000 s while it scores, and by a millisecond each time it is read."""
    clock = [0.0]

    def measure(self, stop=None, progress=False):
        clock[0] += 1000
        return {"val_pck": 0.5}

    def monotonic():
        clock[0] += 0.001
        return clock[0]

    monkeypatch.setattr("maskpose.training.loss_log.time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr(Validation, "measure", measure)
    train(make_run(drawn_db, tmp_path, val_db=str(drawn_db)), progress=False)
    assert clock[0] > 2000 and all(row["images_per_second"] > 10 for row in read_losses(tmp_path / "losses.csv"))


def test_parameters_are_shared_not_copied():
    net, shared = random_net(VARIANT.name), open_net(deploy_definition(VARIANT))
    assert not any(blob.data.any() for blobs in shared.params.values() for blob in blobs)
    shared.share_with(net)
    for name, blobs in net.params.items():
        for one, other in zip(blobs, shared.params[name]):
            assert np.shares_memory(one.data, other.data), name


def test_every_measure_is_of_the_weights_of_its_time(drawn_db):
    net = caffe.Net(str(ROOT / "prototxt/compact/mask_pose/deploy.prototxt"), caffe.TEST)
    net.copy_from(str(default_weights(VARIANT)))
    validation = Validation(VARIANT, net, drawn_db, every=1, limit=4)
    first = validation.measure()
    assert first["val_mask_iou"] > 0.02
    for blob in net.params["conv6_2_mask"]:
        blob.data[...] = 0  # hand and background alike: no mask
    assert validation.measure()["val_mask_iou"] == 0
    validation.close()


def test_no_random_number_is_drawn(drawn_db):
    def numbers_after(work):
        caffe.set_random_seed(5)
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        work()
        return random.random(), np.random.rand(), random_start().tolist()  # noqa: NPY002

    def random_start():
        net = caffe.Net(str(ROOT / "prototxt/compact/no_pose/deploy.prototxt"), caffe.TEST)
        return net.params["conv1_1"][0].data.copy()

    def validate():
        validation = Validation(VARIANT, net, drawn_db, every=1, limit=2)
        validation.measure()
        validation.close()

    net = random_net(VARIANT.name)
    assert numbers_after(validate) == numbers_after(lambda: None)


@pytest.mark.parametrize("limit,expected", [(3, [0, 3, 6]), (1, [0]), (99, list(range(10))), (None, list(range(10)))])
def test_a_limit_spreads_over_the_database(drawn_db, limit, expected):
    validation = Validation(VARIANT, random_net(VARIANT.name), drawn_db, every=1, limit=limit)
    validation.close()
    assert validation.indices == expected


@pytest.mark.parametrize("name,columns", [("compact/no_mask", {"val_pck"}), ("compact/no_pose", {"val_mask_iou"})])
def test_a_variant_without_a_stage_has_no_score_of_it(drawn_db, name, columns):
    validation = Validation(get_variant(name), random_net(name), drawn_db, every=1, limit=2)
    scores = validation.measure()
    validation.close()
    assert set(scores) == columns


class StopAfter:
    """A request to end that comes when it has been looked at ``count`` times."""

    def __init__(self, count):
        self._left = count

    @property
    def asked(self):
        self._left -= 1
        return self._left < 0


@pytest.mark.parametrize("count,complete", [(0, False), (2, False), (3, True)])
def test_a_request_to_stop_ends_scoring(drawn_db, count, complete):
    validation = Validation(VARIANT, random_net(VARIANT.name), drawn_db, every=1, limit=3)
    assert bool(validation.measure(StopAfter(count))) == complete
    validation.close()


def test_validation_options_without_a_database_are_errors(drawn_db, tmp_path):
    for options in ({"val_every": 5}, {"val_limit": 5}):
        with pytest.raises(InputError, match=r"--val-db, which is missing"):
            train(make_run(drawn_db, tmp_path, **options), progress=False)
    with pytest.raises(InputError, match=r"nothing.lmdb is not an LMDB"):
        train(make_run(drawn_db, tmp_path, val_db=str(tmp_path / "nothing.lmdb")), progress=False)
