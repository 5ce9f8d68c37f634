import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from conftest import ROOT
from maskpose.annotation import labels
from maskpose.annotation.store import Store
from maskpose.errors import InputError
from maskpose.keypoints import KEYPOINT_NAMES

PEOPLE = ("anna", "ben", "carla", "dana", "emil", "fred")


def label(x=10.0):
    return {name: [x, float(k)] for k, name in enumerate(KEYPOINT_NAMES)} | {"hand": [[[0, 0], [9, 0], [9, 9]]]}


def project(folder, packages=3, photographs=2, annotated=True):
    """A store whose packages p0, p1 … were annotated by anna, ben, … in turn; photographs p0_0.jpg …"""
    folder.mkdir(exist_ok=True)
    named = {f"p{n}": [f"p{n}_{m}.jpg" for m in range(photographs)] for n in range(packages)}
    store = Store.create(folder, named)
    if annotated:
        store.assign(PEOPLE, seed=2)
        for one in store.status():
            store.submit(one.name, one.annotator, {name: label() for name in named[one.name]})
    return store


def person_of(store, package):
    return next(one.annotator for one in store.status() if one.name == package)


def others(store, package):
    return [name for name in PEOPLE if name != person_of(store, package)]


def take(store, package, person):
    """Take packages until ``package`` is among them."""
    assert package in store.take(person, count=100)
    return store.taken(package, person)


def test_packages_are_dealt_evenly_at_random_and_once(tmp_path):
    dealt = []
    for seed in (1, 1, 2):
        store = project(tmp_path / str(len(dealt)), packages=20, annotated=False)
        dealt.append(store.assign(PEOPLE[:3], seed))
        assert sorted(map(len, dealt[-1].values())) == [6, 7, 7]
        assert sorted(sum(dealt[-1].values(), [])) == sorted(one.name for one in store.status())  # noqa: RUF017
        assert store.assign(PEOPLE, seed) == {person: [] for person in PEOPLE}
    assert dealt[0] == dealt[1] != dealt[2]


def test_a_label_is_handed_in_by_its_annotator_and_again_until_somebody_checks_it(tmp_path):
    store = project(tmp_path, packages=1)
    own = person_of(store, "p0")
    other = others(store, "p0")[0]
    found = {name: label(20.0) for name in store.images("p0")}
    store.submit("p0", own, found)
    assert store.labels("p0") == found
    with pytest.raises(InputError, match=rf"p0 was given to {own}, not to {other}"):
        store.submit("p0", other, found)
    with pytest.raises(InputError, match=r"p0_1\.jpg is only in the package"):
        store.submit("p0", own, {"p0_0.jpg": label()})
    with pytest.raises(InputError, match="no package called p9"):
        store.submit("p9", own, found)
    take(store, "p0", other)
    with pytest.raises(InputError, match=f"being checked by {other}"):
        store.submit("p0", own, found)


def test_five_packages_of_others_that_are_annotated_and_not_complete(tmp_path):
    store = project(tmp_path, packages=12, annotated=False)
    store.assign(["anna", "ben"], seed=1)
    bens = [one.name for one in store.status() if one.annotator == "ben"]
    for name in bens[:3]:
        store.submit(name, "ben", {photograph: label() for photograph in store.images(name)})
    assert store.take("ben") == []
    assert sorted(store.take("anna")) == bens[:3]
    for name in bens[3:]:
        store.submit(name, "ben", {photograph: label() for photograph in store.images(name)})
    more = store.take("anna")
    assert len(more) == 5 and sorted(more[:3]) == bens[:3] and more == store.take("anna")
    store.validate(more[0], "anna", store.taken(more[0], "anna"))
    again = store.take("anna")
    assert len(again) == 5 and again[:4] == more[1:] and more[0] not in again


def test_random_choice_of_packages(tmp_path):
    firsts = set()
    for seed in range(20):
        store = project(tmp_path / str(seed), packages=12)
        firsts.add(store.take("nobody", seed)[0])
    assert len(firsts) > 4


def test_complete_when_more_than_three_others_have_checked_it(tmp_path):
    store = project(tmp_path, packages=1)
    for count, person in enumerate(others(store, "p0")[:4], start=1):
        found = take(store, "p0", person)
        assert store.status()[0].state == "annotated"
        store.validate("p0", person, found)
        assert store.status()[0].complete == (count > 3)
    assert store.status()[0].state == "complete" and store.status()[0].validators == tuple(others(store, "p0")[:4])
    assert store.take(others(store, "p0")[4]) == []


def test_corrections_are_kept_with_who_and_how_far(tmp_path):
    store = project(tmp_path, packages=1)
    person = others(store, "p0")[0]
    found = take(store, "p0", person)
    found["p0_0.jpg"]["wrist"] = [13.0, 4.0]  # from [10, 0]
    del found["p0_1.jpg"]["thumb_1"]
    found["p0_1.jpg"]["side"] = "left"
    assert store.validate("p0", person, found) == 3
    assert store.labels("p0") == found
    got = [(one.person, one.image, one.part, one.pixels, one.before, one.after) for one in store.corrections()]
    assert got == [
        (person, "p0_0.jpg", "wrist", 5.0, [10.0, 0.0], [13.0, 4.0]),
        (person, "p0_1.jpg", "side", None, None, "left"),
        (person, "p0_1.jpg", "thumb_1", None, [10.0, 1.0], None),
    ]
    with pytest.raises(InputError, match="validated p0 already"):
        store.validate("p0", person, found)
    with pytest.raises(InputError, match="has not taken p0"):
        store.validate("p0", "stranger", found)


def test_two_who_check_at_once_both_have_their_way(tmp_path):
    store = project(tmp_path, packages=1)
    one, other, third = others(store, "p0")[:3]
    first, second = take(store, "p0", one), take(store, "p0", other)
    first["p0_0.jpg"] |= {"wrist": [1.0, 1.0], "thumb_1": [2.0, 2.0]}
    second["p0_0.jpg"] |= {"wrist": [5.0, 5.0], "little_4": [6.0, 6.0]}
    store.validate("p0", one, first)
    store.validate("p0", other, second)
    stands = label() | {"wrist": [5.0, 5.0], "thumb_1": [2.0, 2.0], "little_4": [6.0, 6.0]}
    assert store.labels("p0")["p0_0.jpg"] == stands
    versions = store.versions("p0")
    assert versions[one] == first and versions[other] == second
    assert versions[person_of(store, "p0")] == {name: label() for name in first}
    assert take(store, "p0", third)["p0_0.jpg"] == stands
    store.validate("p0", third, store.taken("p0", third))
    assert store.versions("p0")[third]["p0_0.jpg"] == stands


WORKER = """
import sys, time
from pathlib import Path
from maskpose.annotation.store import Store
from maskpose.keypoints import KEYPOINT_NAMES
folder, person, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Store(folder)
while not Path(folder, "go").exists():
    time.sleep(0.001)
while packages := store.take(person):
    for package in packages:
        found = store.taken(package, person)
        for label in found.values():
            label[KEYPOINT_NAMES[number]][0] += number + 1
        store.validate(package, person, found)
        print(package)
"""


def in_processes(folder, script, arguments):
    """Run a script in several processes that begin together; give what each printed, as lines."""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(folder), *map(str, one)], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for one in arguments
    ]  # fmt: skip
    (folder / "go").touch()
    said = [process.communicate(timeout=120) for process in processes]
    assert all(process.returncode == 0 for process in processes), said
    return [out.splitlines() for out, _ in said]


def test_nothing_is_lost_between_processes_that_check_at_once(tmp_path):
    store = project(tmp_path, packages=30, photographs=3)
    did = in_processes(tmp_path, WORKER, [(person, n) for n, person in enumerate(PEOPLE)])
    for one in store.status():
        validators = [n for n, packages in enumerate(did) if one.name in packages]
        assert one.complete and sorted(one.validators) == sorted(PEOPLE[n] for n in validators)
        expected = label()
        for n in validators:
            expected[KEYPOINT_NAMES[n]] = [10.0 + n + 1, float(n)]
        assert list(store.labels(one.name).values()) == [expected] * 3
    assert len(store.corrections()) == 3 * sum(map(len, did))
    assert max(Counter(name for names in did for name in names).values()) <= len(PEOPLE) - 1


ASSIGNER = """
import json, sys, time
from pathlib import Path
from maskpose.annotation.store import Store
folder, person = sys.argv[1:]
store = Store(folder)
while not Path(folder, "go").exists():
    time.sleep(0.001)
print(json.dumps(store.assign([person], 1)[person]))
"""


def test_a_package_is_never_dealt_twice(tmp_path):
    project(tmp_path, packages=40, annotated=False)
    said = in_processes(tmp_path, ASSIGNER, [(person,) for person in PEOPLE])
    dealt = [name for lines in said for name in json.loads(lines[0])]
    assert len(dealt) == len(set(dealt)) == 40


def test_what_is_no_project(tmp_path):
    with pytest.raises(InputError, match="is no annotation project"):
        Store(tmp_path)
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"state\.sqlite: file is not a database"):
        Store(tmp_path).status()


def test_an_error_midway_changes_nothing(tmp_path, monkeypatch):
    store = project(tmp_path, packages=1)
    person = others(store, "p0")[0]
    found = take(store, "p0", person)
    found["p0_0.jpg"]["wrist"] = [1.0, 1.0]
    monkeypatch.setattr("maskpose.annotation.store._now", lambda: {}["no time"])
    with pytest.raises(KeyError):
        store.validate("p0", person, found)
    monkeypatch.undo()
    assert store.corrections() == [] and store.status()[0].validators == ()
    assert store.validate("p0", person, found) == 1


def test_changes_of_labels_brought_over_give_the_other_label():
    rng = np.random.default_rng(0)
    for _ in range(50):
        one, other = ({name: [int(rng.integers(3)), 0] for name in "abcdef" if rng.random() < 0.6} for _ in range(2))
        made = dict(one)
        for part, (before, after) in labels.changes(one, other).items():
            assert one.get(part) == before != after
            labels.correct(made, part, after)
        assert made == other
