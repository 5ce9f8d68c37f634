"""Who has which package, what they handed in, and what others corrected: one SQLite file, safe for many at once.

An annotator's labels are kept as they were handed in. A person who checks a package adds corrections of single parts of
them (maskpose.annotation.labels). The current labels are those with all corrections, in the order in which they came.
Two people who correct different parts at the same time both have their way; of one part, the later correction counts.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskpose.annotation import labels
from maskpose.annotation.labels import Label
from maskpose.errors import InputError
from maskpose.io.paths import PathLike

STATE = "state.sqlite"
PATIENCE = 60  # seconds to wait while another process writes
VALIDATIONS = 3  # a package is complete when more people than these have checked it (section 3.3)
AT_ONCE = 5  # packages that a person takes to check (section 3.3)

SCHEMA = (
    "CREATE TABLE packages (name TEXT PRIMARY KEY, annotator TEXT, annotated TEXT)",
    "CREATE TABLE photographs (name TEXT PRIMARY KEY, package TEXT NOT NULL REFERENCES packages, label TEXT)",
    # seen: the last correction that was in the labels when they were taken
    """CREATE TABLE validations (
        number INTEGER PRIMARY KEY, package TEXT NOT NULL REFERENCES packages, person TEXT NOT NULL,
        seen INTEGER NOT NULL, taken TEXT NOT NULL, validated TEXT, UNIQUE (package, person)
    )""",
    """CREATE TABLE corrections (
        number INTEGER PRIMARY KEY, validation INTEGER NOT NULL REFERENCES validations,
        photograph TEXT NOT NULL REFERENCES photographs, part TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
    )""",
)


@dataclass(frozen=True)
class Package:
    """How far a package is."""

    name: str
    images: int
    annotator: str | None
    annotated: str | None  # when, or None
    validators: tuple[str, ...]  # who has checked it, in their order
    checking: tuple[str, ...]  # who has taken it to check
    corrections: int

    @property
    def complete(self) -> bool:
        """Whether more than three people have checked it."""
        return len(self.validators) > VALIDATIONS

    @property
    def state(self) -> str:
        """A word for people: free, assigned, annotated or complete."""
        if self.complete:
            return "complete"
        return "annotated" if self.annotated else "assigned" if self.annotator else "free"


@dataclass(frozen=True)
class Correction:
    """One part of one label that somebody changed; ``before`` or ``after`` is None if the part was missing."""

    time: str
    person: str
    package: str
    image: str
    part: str
    before: Any
    after: Any

    @property
    def pixels(self) -> float | None:
        """How far a keypoint was moved, or None."""
        return labels.moved_by(self.part, self.before, self.after)


class Store:
    """A project's state. Each method is one transaction, done whole or not at all."""

    def __init__(self, folder: PathLike):
        """Open the state of a project. Raises InputError if ``folder`` is none."""
        self.path = Path(folder) / STATE
        if not self.path.is_file():
            raise InputError(f"{folder} is no annotation project: annotate.py packages makes one")
        try:
            self._db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        except sqlite3.Error as error:
            raise InputError(f"{self.path}: {error}") from None

    @classmethod
    def create(cls, folder: PathLike, packages: Mapping[str, Sequence[str]]) -> "Store":
        """Return the Store of a new project with ``packages``, {name: images' file names}, in an existing folder."""
        (Path(folder) / STATE).touch()
        store = cls(folder)
        with store._transaction() as db:
            for statement in SCHEMA:
                db.execute(statement)
            db.executemany("INSERT INTO packages (name) VALUES (?)", [(name,) for name in packages])
            rows = [(image, name) for name, images in packages.items() for image in images]
            db.executemany("INSERT INTO photographs (name, package) VALUES (?, ?)", rows)
        return store

    def introduce(self, people: Iterable[str]) -> list[str]:
        """Make ``people`` known, if they are not; return their names as the project knows them, each once."""
        with self._transaction() as db:
            known = self._known(db)
            for person in people:
                if known.setdefault(person.casefold(), person) == person:
                    db.execute("INSERT OR IGNORE INTO people VALUES (?)", (person,))
            return list(dict.fromkeys(known[person.casefold()] for person in people))

    def known(self, person: str) -> str:
        """Return a person's name as the project knows it, whatever its case. Raises InputError if it is unknown."""
        with self._transaction() as db:
            known = self._known(db)
        if person.casefold() not in known:
            raise InputError(
                f"the project knows nobody called {person}, only {', '.join(sorted(known.values())) or 'nobody yet'} "
                "(annotate.py assign --to, or review --new, brings people in)"
            )
        return known[person.casefold()]

    def assign(self, people: Sequence[str], seed: int) -> dict[str, list[str]]:
        """Deal the packages that nobody has at random, as evenly as possible; return {person: new packages}."""
        rng = np.random.default_rng(seed)
        order = [people[int(n)] for n in rng.permutation(len(people))]
        dealt: dict[str, list[str]] = {person: [] for person in order}
        with self._transaction() as db:
            free = _column(db, "SELECT name FROM packages WHERE annotator IS NULL ORDER BY name")
            held = dict(db.execute("SELECT annotator, count(*) FROM packages GROUP BY annotator"))
            for n in rng.permutation(len(free)):
                person = min(order, key=lambda one: held.get(one, 0) + len(dealt[one]))
                dealt[person].append(free[n])
                db.execute("UPDATE packages SET annotator = ? WHERE name = ?", (person, free[n]))
        return {person: sorted(names) for person, names in sorted(dealt.items())}

    def images(self, package: str) -> list[str]:
        """Return the file names of a package's images. Raises InputError if there is no such package."""
        with self._transaction() as db:
            return self._images(db, package)

    def release(self, package: str, person: str) -> None:
        """Return a package that was taken to check, or was assigned and is not annotated.

        Raises:
            InputError: ``person`` has it for neither.
        """
        with self._transaction() as db:
            self._images(db, package)
            given = db.execute(
                "DELETE FROM validations WHERE package = ? AND person = ? AND validated IS NULL", (package, person)
            ).rowcount or db.execute(
                "UPDATE packages SET annotator = NULL WHERE name = ? AND annotator = ? AND annotated IS NULL",
                (package, person),
            ).rowcount  # fmt: skip
            if not given:
                raise InputError(f"{person} has {package} neither to label nor to check")

    def expect_annotator(self, package: str, person: str) -> None:
        """Raise InputError if ``person`` may not hand in the package: it is another's, or is being checked."""
        with self._transaction() as db:
            self._expect_annotator(db, package, person)

    def submit(self, package: str, person: str, found: Mapping[str, Label]) -> None:
        """Hand in a package's labels, for the first time or again until somebody checks them.

        Args:
            package: that is annotated.
            person: its annotator.
            found: {image: label}.

        Raises:
            InputError: the package is another's, is being checked, or has other images.
        """
        with self._transaction() as db:
            self._expect_annotator(db, package, person)
            self._expect_images(db, package, found)
            rows = [(json.dumps(label), name) for name, label in found.items()]
            db.executemany("UPDATE photographs SET label = ? WHERE name = ?", rows)
            db.execute("UPDATE packages SET annotated = ? WHERE name = ?", (_now(), package))

    def take(self, person: str, seed: int | None = None, count: int = AT_ONCE) -> list[str]:
        """Take packages to check: those already taken and not validated, and new ones at random.

        A new package is annotated by somebody else, not complete, and not yet validated by ``person``.

        Args:
            person: who checks.
            seed: of the choice; None: a new one each time.
            count: of packages, with those already taken.
        """
        with self._transaction() as db, self._as_written():
            held = _column(
                db, "SELECT package FROM validations WHERE person = ? AND validated IS NULL ORDER BY number", person
            )
            known = set(_column(db, "SELECT package FROM validations WHERE person = ?", person))
            open_ones = [
                one.name
                for one in self._status(db)
                if one.annotated and not one.complete and one.annotator != person and one.name not in known
            ]
            chosen = np.random.default_rng(seed).permutation(len(open_ones))[: max(0, count - len(held))]
            (seen,) = db.execute("SELECT coalesce(max(number), 0) FROM corrections").fetchone()
            for n in chosen:
                db.execute(
                    "INSERT INTO validations (package, person, seen, taken) VALUES (?, ?, ?, ?)",
                    (open_ones[n], person, seen, _now()),
                )
            return held + [open_ones[n] for n in chosen]

    def taken(self, package: str, person: str) -> dict[str, Label]:
        """Return {image: label} of a package as ``person`` took it to check. Raises InputError if it is not taken."""
        with self._transaction() as db, self._as_written():
            return self._labels(db, package, self._open(db, package, person)[1])

    def validate(self, package: str, person: str, found: Mapping[str, Label]) -> int:
        """Hand in the labels of a checked package; return how many parts were corrected.

        Args:
            package: that was checked.
            person: who has checked it.
            found: {image: label}.

        Raises:
            InputError: ``person`` has not taken the package or has handed it in, or it has other images.
        """
        with self._transaction() as db:
            number, seen = self._open(db, package, person)
            self._expect_images(db, package, found)
            taken = self._labels(db, package, seen)
            rows = [
                (number, name, part, json.dumps(before), json.dumps(after))
                for name in sorted(found)
                for part, (before, after) in labels.changes(taken[name], found[name]).items()
            ]
            db.executemany(
                "INSERT INTO corrections (validation, photograph, part, before, after) VALUES (?, ?, ?, ?, ?)", rows
            )
            db.execute("UPDATE validations SET validated = ? WHERE number = ?", (_now(), number))
            return len(rows)

    def labels(self, package: str) -> dict[str, Label]:
        """Return {image: label} of an annotated package as it stands, with all corrections."""
        with self._transaction() as db, self._as_written():
            (last,) = db.execute("SELECT coalesce(max(number), 0) FROM corrections").fetchone()
            return self._labels(db, package, last)

    def versions(self, package: str) -> dict[str, dict[str, Label]]:
        """Return {person: {image: label}}: the versions of the annotator and of all who have checked the package."""
        with self._transaction() as db, self._as_written():
            (annotator,) = db.execute("SELECT annotator FROM packages WHERE name = ?", (package,)).fetchone()
            found = {annotator: self._labels(db, package, 0)}
            checks = db.execute(
                "SELECT number, person, seen FROM validations WHERE package = ? AND validated IS NOT NULL", (package,)
            )
            for number, person, seen in checks.fetchall():
                found[person] = self._labels(db, package, seen)
                own = db.execute("SELECT photograph, part, after FROM corrections WHERE validation = ?", (number,))
                for image, part, after in own:
                    labels.correct(found[person][image], part, json.loads(after))
        return found

    def status(self) -> list[Package]:
        """Return the packages in the order of their names."""
        with self._transaction() as db, self._as_written():
            return self._status(db)

    def corrections(self) -> list[Correction]:
        """Return the corrections in the order in which they came."""
        with self._transaction() as db, self._as_written():
            rows = db.execute(
                "SELECT validated, person, package, photograph, part, before, after FROM corrections "
                "JOIN validations ON validation = validations.number ORDER BY corrections.number"
            )
            return [
                Correction(time, person, package, image, part, json.loads(before), json.loads(after))
                for time, person, package, image, part, before, after in rows
            ]

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection while nobody else can write. Raises InputError for SQLite's errors."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise InputError(f"{self.path}: {error}") from None
        finally:
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # the next one to open the file does it
                    self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _as_written(self) -> Iterator[None]:
        """Read within it: if the file's contents cannot be what was written, that is an InputError."""
        try:
            yield
        except InputError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InputError(f"{self.path} is damaged: {type(error).__name__} {error}") from None

    def _images(self, db: sqlite3.Connection, package: str) -> list[str]:
        names = _column(db, "SELECT name FROM photographs WHERE package = ? ORDER BY name", package)
        if not names:
            raise InputError(f"{self.path.parent} has no package called {package}")
        return names

    def _known(self, db: sqlite3.Connection) -> dict[str, str]:
        """Return {name without case: name} of the people whom the project knows."""
        db.execute("CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY)")  # older projects have none
        people = _column(db, "SELECT name FROM people UNION SELECT person FROM validations "
                             "UNION SELECT annotator FROM packages WHERE annotator NOT NULL")  # fmt: skip
        with self._as_written():
            return {person.casefold(): person for person in people}

    def _expect_annotator(self, db: sqlite3.Connection, package: str, person: str) -> None:
        self._images(db, package)
        (annotator,) = db.execute("SELECT annotator FROM packages WHERE name = ?", (package,)).fetchone()
        if annotator != person:
            raise InputError(f"{package} was given to {annotator or 'nobody'}, not to {person}")
        if people := _column(db, "SELECT person FROM validations WHERE package = ?", package):
            raise InputError(f"{package} is being checked by {people[0]}: it cannot be handed in again")

    def _expect_images(self, db: sqlite3.Connection, package: str, found: Mapping[str, Label]) -> None:
        if different := set(self._images(db, package)) ^ found.keys():
            raise InputError(f"{package}: {min(different)} is only in the package, or only in what is handed in")

    def _open(self, db: sqlite3.Connection, package: str, person: str) -> tuple[int, int]:
        """Return the number of a validation that is not handed in yet, and the last correction that it knew."""
        row = db.execute(
            "SELECT number, seen, validated FROM validations WHERE package = ? AND person = ?", (package, person)
        ).fetchone()
        if row is None:
            raise InputError(f"{person} has not taken {package} to check (annotate.py review)")
        if row[2] is not None:
            raise InputError(f"{person} has validated {package} already")
        return row[:2]

    def _labels(self, db: sqlite3.Connection, package: str, until: int) -> dict[str, Label]:
        """Return {image: label} of a package after the corrections up to number ``until``."""
        rows = db.execute("SELECT name, label FROM photographs WHERE package = ? ORDER BY name", (package,))
        found = {name: json.loads(label) for name, label in rows if label is not None}
        if not found:
            raise InputError(f"{package} is not annotated yet")
        changes = db.execute(
            "SELECT photograph, part, after FROM corrections JOIN validations ON validation = validations.number "
            "WHERE package = ? AND corrections.number <= ? ORDER BY corrections.number", (package, until),
        )  # fmt: skip
        for image, part, after in changes:
            labels.correct(found[image], part, json.loads(after))
        return found

    def _status(self, db: sqlite3.Connection) -> list[Package]:
        sizes = dict(db.execute("SELECT package, count(*) FROM photographs GROUP BY package"))
        corrected = dict(db.execute(
            "SELECT package, count(*) FROM corrections JOIN validations ON validation = validations.number "
            "GROUP BY package"
        ))  # fmt: skip
        validators: dict[str, list[str]] = {}
        checking: dict[str, list[str]] = {}
        for package, person, validated in db.execute(
            "SELECT package, person, validated FROM validations ORDER BY validated, number"
        ):
            (validators if validated else checking).setdefault(package, []).append(person)
        return [
            Package(
                name, sizes[name], annotator, annotated, tuple(validators.get(name, ())),
                tuple(checking.get(name, ())), corrected.get(name, 0),
            )
            for name, annotator, annotated in db.execute("SELECT * FROM packages ORDER BY name")
        ]  # fmt: skip


def _column(db: sqlite3.Connection, query: str, *values: str) -> list[Any]:
    """Return the first column of a query's rows."""
    return [row[0] for row in db.execute(query, values)]


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
