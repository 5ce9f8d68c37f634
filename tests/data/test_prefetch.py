import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from maskpose.data.prefetch import DirectSource, Prefetcher, open_batches
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError, WorkerError


def settings_for(db, **changes):
    return DataSettings(**{"db": str(db), "batch_size": 3, "input_size": 64, **changes})


def take(settings, count, first=0):
    source = open_batches(settings, first)
    batches = [{name: array.copy() for name, array in source.next().items()} for _ in range(count)]
    source.close()
    return batches


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_batches_whatever_the_number_of_workers(drawn_db, workers):
    expected = take(settings_for(drawn_db, workers=0), 9)
    got = take(settings_for(drawn_db, workers=workers), 9)
    for one, other in zip(expected, got):
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_run_can_begin_in_the_middle(drawn_db):
    whole = take(settings_for(drawn_db, workers=0), 6)
    rest = take(settings_for(drawn_db, workers=2), 2, first=4)
    for one, other in zip(whole[4:], rest):
        assert np.array_equal(one["image"], other["image"])


def test_sources_are_chosen_by_the_number_of_workers(drawn_db):
    for workers, kind in ((0, DirectSource), (1, Prefetcher)):
        source = open_batches(settings_for(drawn_db, workers=workers))
        assert type(source) is kind
        source.close()


def test_a_killed_worker_is_an_error_and_not_a_hang(drawn_db):
    source = Prefetcher(settings_for(drawn_db, workers=2))
    source.next()
    os.kill(source.pids[1], signal.SIGKILL)
    with pytest.raises(WorkerError, match="worker 1 ended with status -9"):
        for _ in range(6):
            source.next()
    source.close()


def test_a_workers_bad_input_is_raised_here(tmp_path):
    source = Prefetcher(settings_for(tmp_path / "nothing.lmdb"))
    with pytest.raises(InputError, match=r"nothing\.lmdb is not an LMDB"):
        source.next()
    source.close()


def running(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_their_parent_even_if_it_is_killed(drawn_db):
    program = f"""
        import time
        from maskpose.data.prefetch import Prefetcher
        from maskpose.data.settings import DataSettings
        source = Prefetcher(DataSettings(db={str(drawn_db)!r}, batch_size=3, input_size=64, workers=2))
        source.next()
        print(*source.pids, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2 and all(running(pid) for pid in workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(running(pid) for pid in workers)


def test_close_ends_the_workers(drawn_db):
    source = Prefetcher(settings_for(drawn_db, workers=2))
    pids = source.pids
    source.close()
    assert not any(running(pid) for pid in pids)
