"""Speed, each figure beside a peer's that was measured in the same run."""

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 3  # of which the median counts; ours and the peer's alternate


# Most rows are measured in processes of their own, ``python -m benchmarks.…``, which find this package by this.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))


@dataclass
class Row:
    """A figure of ours beside a peer's."""

    name: str
    unit: str
    ours: float
    peer: float
    note: str = ""

    def __str__(self):
        ratio = self.ours / self.peer
        text = f"{self.name} ours={self.ours:.4g} {self.unit} peer={self.peer:.4g} {self.unit} ratio={ratio:.3f}"
        return f"{text} ({self.note})" if self.note else text


def median_rates(count, *runs):
    """For each callable of ``runs``, the median over ROUNDS of ``count`` things a second; the rounds alternate."""
    rates = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, seen in zip(runs, rates):
            started = time.perf_counter()
            run()
            seen.append(count / (time.perf_counter() - started))
    return [statistics.median(seen) for seen in rates]
