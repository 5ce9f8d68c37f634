"""Steps that are made once: each has inputs, outputs, and a note of what the outputs were made from.

A step is done if its note says so, its outputs are there, and its settings and inputs are those of the note. Inputs are
compared by content. So if a step is made again with the same result, the steps that read it are not made again.
"""

import functools
import hashlib
import itertools
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskpose.errors import InputError, Stopped
from maskpose.io import values
from maskpose.io.files import make_folder, read_json, write_text
from maskpose.io.locks import FileLock
from maskpose.io.paths import PathLike

NOTES = "steps"  # folder of the notes, in the reproduction's
CHUNK = 1 << 20


@dataclass(frozen=True)
class Step:
    """Something to be made."""

    name: str  # of its note: train/seed1/mask_pose
    title: str  # for people
    make: Callable[[], object]  # makes the outputs, from what an interrupted call with the same inputs left
    outputs: tuple[Path, ...]  # paths that exist when it is done
    inputs: tuple[Path, ...] = ()  # paths that it reads: other steps' outputs, the user's files and folders
    settings: Mapping[str, Any] = field(default_factory=dict)  # what else the outputs depend on, JSON-able
    folder: Path | None = None  # that only this step writes to, if there is one
    precious: bool = False  # whether it takes days: changed settings are refused, and its folder is kept


def run_steps(steps: Sequence[Step], folder: PathLike, report: Callable[[str], object] = print) -> None:
    """Make the steps that are not done, in order.

    Args:
        steps: in an order in which each comes after those that it reads.
        folder: for the notes.
        report: takes a line about each step.

    Raises:
        InputError: a step failed; the message names it.
        Stopped: Ctrl-C or SIGTERM ended a step.
    """
    make_folder(folder)
    with FileLock(Path(folder) / ".lock", folder):
        for number, step in enumerate(steps, start=1):
            name = f"step {number} of {len(steps)}, {step.title}"
            try:
                _make(step, Path(folder), lambda state, name=name: report(f"{name}: {state}"))
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
            except (KeyboardInterrupt, Stopped):
                raise Stopped(name) from None


def _make(step, folder, report):
    """Make a step if it is not done, and report its state."""
    path = folder / NOTES / f"{step.name}.json"
    now = {"settings": step.settings, "inputs": [[str(path), digest(path)] for path in step.inputs]}
    note = _read_note(path)
    if note and (changed := changes(note, now)):
        if step.precious and note["settings"] != now["settings"]:
            raise InputError(f"begun with other settings ({changed[0]}): give another OUT, or remove {step.folder}")
        report(f"making it anew: {changed[0]}")
        _discard(step)
        note = None
    if note and note["done"]:
        missing = _missing_outputs(step)
        if not missing:
            return report("done before")
        report(f"making it again: {missing[0]} is missing")
    else:
        report("resuming" if note else "begun")
    write_text(path, json.dumps({**now, "done": False}, indent=1) + "\n")
    started = time.monotonic()
    step.make()
    if missing := _missing_outputs(step):
        raise InputError(f"it ended without {missing[0]}")
    seconds = round(time.monotonic() - started, 1)
    write_text(path, json.dumps({**now, "done": True, "seconds": seconds}, indent=1) + "\n")
    report(f"done in {seconds:g} s")


def is_finished(step: Step, folder: PathLike) -> bool:
    """Return whether a step's note says that it is done, and its outputs are there. Inputs are not compared."""
    note = _read_note(Path(folder) / NOTES / f"{step.name}.json")
    return bool(note and note["done"]) and not _missing_outputs(step)


def changes(note: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences between a note and the present settings and inputs, a few words each."""
    found = []
    for key in sorted(note["settings"].keys() | now["settings"].keys()):
        before, after = note["settings"].get(key), now["settings"].get(key)
        if before != after:
            found.append(f"{key} {json.dumps(after)}, was {json.dumps(before)}")
    before = [content for _, content in note["inputs"]]  # the same content may lie elsewhere by now
    found += [f"{path} has changed" for path, content in now["inputs"] if content not in before]
    if not found and before != [content for _, content in now["inputs"]]:
        found.append("its inputs are different ones")
    return found


def digest(path: PathLike) -> str:
    """Return a hash of what a path holds.

    That is the hash that a database has of itself, the SHA-256 of a file, or one of the names and sizes of another
    folder's files. Raises InputError if there is nothing.
    """
    path = Path(path)
    if (path / "manifest.json").is_file():
        return values.field(read_json(path / "manifest.json"), "sha256", path / "manifest.json")
    if path.is_dir():
        files = sorted((str(file.relative_to(path)), file.stat().st_size) for file in path.rglob("*") if file.is_file())
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()
    try:
        status = path.stat()
    except OSError:
        raise InputError(f"{path} is missing") from None
    return _file_digest(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(None)
def _file_digest(path, size, changed):
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _missing_outputs(step):
    return [path for path in step.outputs if not Path(path).exists()]


def _read_note(path):
    """The note at ``path``; None if there is none, or if it cannot be read."""
    try:
        return read_json(path)
    except InputError:
        return None


def _discard(step):
    """Remove what a step wrote. The folder of a precious step is renamed instead, to <folder>.before1 and so on."""
    if step.precious and step.folder.is_dir():
        numbers = itertools.count(1)
        aside = (step.folder.with_name(f"{step.folder.name}.before{number}") for number in numbers)
        step.folder.rename(next(path for path in aside if not path.exists()))
    for path in [*step.outputs, *([step.folder] if step.folder else [])]:
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
