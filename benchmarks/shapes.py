"""What other shapes of the compact network would cost: a forward pass and a training step of each, beside its own."""

import statistics

from benchmarks import ROUNDS, Row
from benchmarks.engine import measure_apart

BASE = "compact/mask_pose"
SHAPES = (
    "sub_stages=3", "input_size=128", "sub_stages=3+input_size=128", "sub_stages=3+input_size=128+width=0.375",
    "sub_stages=3+width=0.1875", "input_size=256",
)  # fmt: skip


def run():
    """Yield Rows of ms: a forward pass of one image, and a training step of batch 8; peer: the shipped shape."""
    names = [BASE, *(f"{BASE}+{shape}" for shape in SHAPES)]
    for what, batch in (("forward", 1), ("train", 8)):
        seen = [[] for _ in names]
        for _ in range(ROUNDS):
            for name, times in zip(names, seen):
                times.append(measure_apart("caffe", what, name, batch))
        own, *others = map(statistics.median, seen)
        for shape, time in zip(SHAPES, others):
            yield Row(f"{what}_{shape}", "ms", time, own)
