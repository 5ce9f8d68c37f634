"""What long work shows of itself in a log file."""

import sys

import pytest
from tqdm import tqdm

from maskpose.io import progress


@pytest.fixture
def clock(monkeypatch):
    """[seconds] of a clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_file_gets_a_line_every_ten_seconds_at_most(clock, capsys):
    with progress.progress_bar(total=105, desc="training", unit="it") as bar:
        for _ in range(105):
            clock[0] += 1
            bar.update()
            bar.set_postfix_str("loss 3.2")
    text = capsys.readouterr().err
    assert "\r" not in text and text.isascii() and all(line.startswith("training: ") for line in text.splitlines())
    counts = [int(line.partition("/105")[0].rpartition(" ")[2]) for line in text.splitlines()]
    assert counts == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 105]
    assert text.splitlines()[-1].endswith("loss 3.2]")


def test_short_work_leaves_its_last_line_alone(clock, capsys):
    assert list(progress.progress_bar(range(7), desc="scenes")) == list(range(7))
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and "7/7" in text
    list(progress.progress_bar(range(7), leave=False))
    list(progress.progress_bar(range(7), disable=True))
    assert capsys.readouterr().err == ""


def test_messages_stand_between_the_lines(clock, capsys):
    bar = progress.progress_bar(total=2)
    tqdm.write("left out: a.jpg", file=sys.stderr)
    clock[0] += 60
    tqdm.write("left out: b.jpg", file=sys.stderr)
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["left out: a.jpg", "left out: b.jpg"] and "0/2" in lines[2] and len(lines) == 3
