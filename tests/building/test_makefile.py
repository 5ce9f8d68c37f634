"""What make hands to the scripts, whatever is in the names."""

import os
import shlex
import subprocess

import pytest

from conftest import ROOT


def words(target, **variables):
    """The words of the last command that a target would run, as the shell splits them."""
    command = ["make", "-n", target, "PYTHON=my python/python", *(f"{key}={value}" for key, value in variables.items())]
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    lines = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=True).stdout
    return shlex.split(lines.replace("\\\n", " ").splitlines()[-1])


@pytest.mark.parametrize(
    ("target", "variables", "expected"),
    [
        ("verify", {"DB": "my data"}, ["tools/verify_db.py", "my data"]),
        ("browse", {"DB": "my data", "OUT": "my out"}, ["tools/browse_db.py", "my data", "--out", "my out"]),
        ("lmdb", {"SRC": "my set", "DB": "my data"}, ["data_prep/onehand10k.py", "my set", "my data"]),
        ("train", {"DB": "my data", "VAL": "my val"}, ["--db", "my data/train.lmdb", "--val-db", "my val"]),
        ("train", {"DB": "my data/a.lmdb", "RESUME": "my run/a"}, ["--db", "my data/a.lmdb", "--resume", "my run/a"]),
        ("time", {"DB": "my data"}, ["--db", "my data/train.lmdb"]),
        ("evaluate", {"DB": "my data", "WEIGHTS": "my w"}, ["--db", "my data/test.lmdb"]),
        ("predict", {"OUT": "my out", "WEIGHTS": "my weights"}, ["--out", "my out"]),
        ("synth", {"OUT": "my out"}, ["my out"]),
        ("overfit", {"SRC": "my set"}, ["tools/overfit.py", "my set"]),
        ("reproduce", {"DATA": "my set", "OUT": "my out"}, ["--data", "my set", "--out", "my out"]),
        ("report", {"RUNS": "'a=my run' b", "OUT": "my page"}, ["a=my run", "b", "--out", "my page"]),
    ],
)
def test_names_with_spaces_stay_whole(target, variables, expected):
    given = words(target, **variables)
    assert "my python/python" in given
    assert " ".join(map(repr, expected)) in " ".join(map(repr, given))


def test_a_database_in_a_folder_with_a_space_is_known_as_one(tmp_path):
    db = tmp_path / "my data"
    db.mkdir()
    assert str(db / "train.lmdb") in words("train", DB=db)
    (db / "data.mdb").touch()
    assert str(db) in words("train", DB=db) and str(db) in words("evaluate", DB=db)
