import pytest

from maskpose.data.batches import BatchSource
from maskpose.model.variants import get_variant
from maskpose.training import profiling
from maskpose.training.run import Run


class FakeNet:
    """Three layers; its callbacks are kept under the names of the methods that take them."""

    layers = (0, 1, 2)

    def __init__(self):
        self.said = {}

    def __getattr__(self, name):
        return lambda callback: self.said.update({name: callback})


def test_seconds_of_a_step_count_for_their_part(monkeypatch):
    net = FakeNet()
    watch = profiling.Stopwatch(net)
    clock = 100.0
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: clock)
    forward = [(1, 2), (2, 3), (5, 4)]  # seconds before and within each layer
    backward = [(10, 20), (30, 40), (50, 60)]
    for _ in range(2):
        for layer, (before, within) in enumerate(forward):
            clock += before
            net.said["before_forward"](layer)
            clock += within
            net.said["after_forward"](layer)
        for layer, (before, within) in zip((2, 1, 0), backward):
            clock += before
            net.said["before_backward"](layer)
            clock += within
            net.said["after_backward"](layer)
    assert (watch.data, watch.forward, watch.backward) == (2 * 2, 2 * (2 + 3 + 5 + 4), 2 * (20 + 30 + 40 + 50 + 60))


def test_the_text_shows_each_parts_share():
    times = profiling.Times(iterations=5, batch_size=8, total=2.0, data=0.1, forward=0.5, backward=1.0)
    assert times.rest == pytest.approx(0.4) and times.images_per_second == 4
    said = " ".join(times.text().split())
    assert said == "an iteration 2 s 4 images/s data 0.1 s 5% forward 0.5 s 25% backward 1 s 50% rest 0.4 s 20%"


@pytest.mark.parametrize("one_batch,made", [(False, profiling.WARM_UP + 2), (True, 1)])
def test_one_batch_is_made_only_once(drawn_db, tmp_path, monkeypatch, one_batch, made):
    filled = []
    fill = BatchSource.fill

    def noted_fill(self, number, arrays):
        filled.append(number)
        fill(self, number, arrays)

    monkeypatch.setattr(BatchSource, "fill", noted_fill)
    data = {"workers": 0, "batch_size": 1, "input_size": 64}
    run = Run(get_variant("compact/no_pose"), str(drawn_db), tmp_path / "run", data=data)
    times = profiling.measure_iterations(run, 2, one_batch=one_batch, progress=False)
    assert filled == list(range(made)) and (times.iterations, times.batch_size) == (2, 1)
    assert 0 < times.data + times.forward + times.backward <= times.total
    assert not (tmp_path / "run").exists()
