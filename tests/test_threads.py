"""How many threads compute beside other work, and that GNU OpenMP's short waiting is set before it is loaded."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT
from maskpose.inference import engines
from maskpose.inference.predictor import default_weights
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe
from maskpose.threads import SPINS, OpenMp, ThreadCount, competing_seconds

PHOTOGRAPH = "examples/rendered_hands/Test/source/0.jpg"
LIBRARY = "import os, maskpose; maskpose.Predictor(engine='caffe'); print(sorted(os.environ))"
ENTRIES = {
    "library": ["-c", LIBRARY],
    "maskpose": ["-m", "maskpose", "--check"],
    "tool": ["tools/predict.py", PHOTOGRAPH, "--engine", "caffe", "--out", "OUT"],
}


def start(arguments, **environment):
    """Run Python, with what it says about GNU OpenMP's settings on stderr."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    plain |= {"PYTHONPATH": str(ROOT / "python"), "OMP_DISPLAY_ENV": "verbose", **environment}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=plain, cwd=ROOT)


def spins(result):
    """What GNU OpenMP says its number of turns is."""
    return int(re.search(r"GOMP_SPINCOUNT = '(\d+)'", result.stderr)[1])


@pytest.mark.parametrize("entry", ENTRIES)
def test_waits_are_short_whatever_loads_caffe(entry, tmp_path):
    result = start([str(tmp_path) if argument == "OUT" else argument for argument in ENTRIES[entry]])
    assert result.returncode == 0 and spins(result) == SPINS
    assert "GOMP_SPINCOUNT'" not in result.stdout  # so that programs which this one starts choose anew


@pytest.mark.parametrize(
    ("name", "value", "expected"), [("GOMP_SPINCOUNT", "17", 17), ("OMP_WAIT_POLICY", "passive", 0)]
)
def test_the_users_own_waiting_wins(name, value, expected):
    assert spins(start(ENTRIES["library"], **{name: value})) == expected


def test_other_processes_time_is_all_but_idle_waiting_and_ones_own():
    stat = "cpu  1000 50000 300 4000000 600000 20 3 0 0 0\ncpu0 1 2 3 4 5 6 7 0 0 0\nintr 5\n"
    ticks = 1000 + 50000 + 300 + 20 + 3
    assert competing_seconds(stat, own=2.5) == pytest.approx(ticks / os.sysconf("SC_CLK_TCK") - 2.5)


class Machine:
    """A machine on which others keep ``busy`` processors busy while ``wait`` passes."""

    def __init__(self):
        self.now = self.used = 100.0

    def wait(self, seconds, busy):
        self.now += seconds
        self.used += seconds * busy

    def count(self, most, processors):
        return ThreadCount(most, processors, competing=lambda: self.used, clock=lambda: self.now)


def after(most, processors, *passed):
    """The thread counts after each (seconds, processors that others keep busy)."""
    machine = Machine()
    count = machine.count(most, processors)
    found = [count()]
    for seconds, busy in passed:
        machine.wait(seconds, busy)
        found.append(count())
    return found


def test_a_thread_fewer_for_each_processor_that_others_have_but_half_at_least():
    assert after(8, 8, (0.3, 0), (0.3, 1), (0.3, 2.9), (0.3, 6), (0.3, 0)) == [8, 8, 7, 5, 4, 8]
    assert after(2, 2, (0.3, 0.3), (0.3, 0.67), (0.3, 1.3), (0.3, 0.4), (0.3, 0.2)) == [2, 2, 1, 1, 1, 2]


def test_processors_that_one_may_not_use_leave_room_for_others():
    """Two threads, as for a process that is kept to two of sixteen processors."""
    assert after(2, 16, (0.3, 9), (0.3, 14), (0.3, 15)) == [2, 2, 2, 1]


def test_neither_a_moment_nor_a_mean_of_long_ago_counts():
    assert after(2, 2, (0.1, 2), (5, 1)) == [2, 2, 2]
    assert after(2, 2, (0.3, 1), (5, 1)) == [2, 1, 2]


def test_without_knowledge_of_others_all_threads_compute():
    def unreadable():
        raise OSError

    count = ThreadCount(4, 4, competing=unreadable)
    assert [count(), count()] == [4, 4]


def test_caffe_computes_on_as_many_threads_as_suit_with_the_same_bits(monkeypatch):
    class Count:
        most, now = 2, 2

        def __init__(self, most):
            assert most == 2

        def __call__(self):
            return self.now

    made_for = []

    def open_net(definition):
        made_for.append(OpenMp().threads)
        return original(definition)

    original = engines.open_net
    monkeypatch.setattr(engines, "ThreadCount", Count)
    monkeypatch.setattr(engines, "open_net", open_net)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    variant = get_variant("compact/mask_pose")
    import_caffe()
    rng = np.random.default_rng(1)
    with OpenMp().limited(2):
        engine = engines.open_engine("caffe", variant, default_weights(variant))
        for batch in (2, 1):
            inputs = rng.uniform(-0.5, 0.5, (batch, 3, variant.input_size, variant.input_size)).astype(np.float32)
            found = []
            for Count.now in (2, 1, 2, 1):
                found.append(engine(inputs))
                assert OpenMp().threads == 2  # as the caller has it
            assert all(np.array_equal(one[name], found[0][name]) for one in found for name in variant.blobs)
    assert made_for == [2, 1]


def test_the_users_own_number_of_threads_stays(monkeypatch):
    def count(most):
        raise AssertionError("no other number was asked for")

    monkeypatch.setattr(engines, "ThreadCount", count)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    variant = get_variant("compact/mask_pose")
    import_caffe()
    with OpenMp().limited(2):
        engines.open_engine("caffe", variant, default_weights(variant))


def test_onnxruntime_lets_waiting_threads_sleep_beside_other_work_with_the_same_bits(monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")

    class Count:
        most, now = 2, 2

        def __init__(self, most):
            pass

        def __call__(self):
            return self.now

    spinning = []

    def session(model, options, **others):
        spinning.append(options.get_session_config_entry("session.intra_op.allow_spinning"))
        return original(model, options, **others)

    original = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(engines, "ThreadCount", Count)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    variant = get_variant("compact/mask_pose")
    engine = engines.open_engine("onnxruntime", variant, default_weights(variant))
    inputs = np.random.default_rng(1).uniform(-0.5, 0.5, (1, 3, 184, 184)).astype(np.float32)
    found = []
    for Count.now in (2, 1, 2, 1):
        found.append(engine(inputs))
    assert all(np.array_equal(one[name], found[0][name]) for one in found for name in variant.blobs)
    assert spinning == ["1", "0"]
