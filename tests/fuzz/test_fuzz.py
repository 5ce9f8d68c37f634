"""Mutated inputs for every parser of bytes from outside: a value comes out, or an InputError of one visible line.

`make fuzz` runs the same for longer (tools/fuzz.py).
"""

import json
import random
import struct
import zlib
from pathlib import Path

import fuzzing
import mutation
import numpy as np
import pytest
from targets import TARGETS

CASES = Path(__file__).parent / "cases"
INPUTS = 120  # of each target


def test_mutated_inputs_give_values_or_input_errors():
    findings = []
    totals = fuzzing.fuzz(list(TARGETS), seed=1, inputs=INPUTS, on_finding=findings.append)
    assert not [f"{one.target}: {one.kind}\n{one.message}" for one in findings]
    for name, total in totals.items():
        assert total.inputs >= INPUTS and total.accepted and total.covered, name


def test_what_was_once_wrong_is_right():
    files = {name: sorted((CASES / name).glob("*")) for name in TARGETS if (CASES / name).is_dir()}
    assert files.keys() == {path.name for path in CASES.iterdir()}, "a folder of cases is of no target"
    findings = []
    totals = fuzzing.fuzz(list(files), seed=1, files=files, on_finding=findings.append)
    assert not [f"{one.target}: {one.kind}\n{one.message}" for one in findings]
    assert {name: total.inputs for name, total in totals.items()} == {name: len(of) for name, of in files.items()}


@pytest.mark.parametrize(("name", "expected"), [
    ("raises", "ZeroDivisionError in planted.py:raises"),
    ("says hidden", "not one line of visible text"),
    ("grows", "MemoryError"),
    ("loops", "more processor time"),
    ("aborts", "SIGABRT"),
    ("reads nowhere", "SIGSEGV"),
])  # fmt: skip
def test_a_fault_is_found_and_its_input_kept(name, expected, tmp_path):
    findings = []
    limits = (fuzzing.MOST_MEMORY // 2, 0.5)
    totals = fuzzing.fuzz([f"planted:{name}"], 1, inputs=2, on_finding=findings.append, limits=limits)
    assert [expected in one.kind for one in findings] == [True], findings
    path = findings[0].save(tmp_path)
    assert path.read_bytes() in (b"ab", b"x" * 1000) and f"--input {path}" in path.with_suffix(".txt").read_text()
    assert totals[f"planted:{name}"].findings.keys() == {findings[0].kind}


def test_inputs_that_are_right_are_counted():
    held = np.ones(150_000_000)  # of this process: the child's peak is its own
    total = fuzzing.fuzz(["planted:right"], 1, inputs=50)["planted:right"]
    assert (total.inputs, total.findings) == (51, {}) and total.accepted and total.refused
    assert total.accepted + total.refused == total.inputs
    assert 0 < total.peak < fuzzing.MOST_MEMORY < held.nbytes


@pytest.mark.parametrize("name", ["json", "png", "csv", "record", "pickle", "lmdb", "param-str"])  # HDF5: the time
def test_the_same_seed_gives_the_same_mutations(name):
    target = TARGETS[name]
    seeds = target.seeds()

    def made(seed):
        rngs = [random.Random(f"{seed} {n}") for n in range(20)]
        return [target.mutate(rng, rng.choice(seeds), seeds[0]) for rng in rngs]

    first = made(1)
    assert first == made(1) != made(2)
    assert len(set(first)) > 10


def test_mutated_json_is_json_mostly():
    whole = 0
    for n in range(200):
        try:
            json.loads(mutation.change_json(random.Random(n), b'{"a": [1, {"b": "c"}]}', b"[2]"))
            whole += 1
        except (ValueError, RecursionError):
            pass
    assert 100 < whole < 200


def test_mutated_png_has_right_checksums_mostly():
    right = 0
    data = TARGETS["png"].seeds()[0]
    for n in range(200):
        made = mutation.change_png(random.Random(n), data, data)
        at, is_right = 8, True
        while is_right and at + 12 <= len(made):
            end = at + 12 + struct.unpack_from(">I", made, at)[0]
            is_right = struct.pack(">I", zlib.crc32(made[at + 4 : end - 4])) == made[end - 4 : end]
            at = end
        right += is_right and made != data
    assert right > 100
