"""Steps that are made once: each with its inputs, its outputs, and a note of what they were made from.

A step is done where its note says so, its outputs are there, and settings and inputs are those of the note. Inputs are
compared by their content, so that making something again which comes out the same makes nothing else again.
"""

import functools
import hashlib
import itertools
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from maskpose.errors import InputError, Stopped
from maskpose.io import values
from maskpose.io.files import make_folder, read_json, write_text
from maskpose.io.locks import FileLock

NOTES = "steps"  # folder of the notes, in the reproduction's
CHUNK = 1 << 20


@dataclass(frozen=True)
class Step:
    """Something to be made."""

    name: str  # of its note: train/seed1/mask_pose
    title: str  # for people
    make: Callable  # makes the outputs; goes on with what an earlier call of the same settings and inputs left
    outputs: tuple  # paths that are there when it is done
    inputs: tuple = ()  # paths of what it reads: other steps' outputs, the user's files and folders
    settings: dict = field(default_factory=dict)  # what the outputs depend on besides, JSON-able
    folder: Path | None = None  # what it writes to and no other step does, if there is such a folder
    precious: bool = False  # it takes days, and has a folder: other settings are refused, and nothing is removed


def run(steps, folder, say=print):
    """Make what is missing, in order; ``folder`` takes the notes, ``say`` is told of each step.

    Raises InputError that names the step at fault, and Stopped where somebody ended one.
    """
    make_folder(folder)
    with FileLock(Path(folder) / ".lock", folder):
        for number, step in enumerate(steps, start=1):
            where = f"step {number} of {len(steps)}, {step.title}"
            try:
                _make(step, Path(folder), lambda what, where=where: say(f"{where}: {what}"))
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
            except (KeyboardInterrupt, Stopped):
                raise Stopped(where) from None


def _make(step, folder, say):
    path = folder / NOTES / f"{step.name}.json"
    now = {"settings": step.settings, "inputs": [[str(one), digest(one)] for one in step.inputs]}
    note = _read(path)
    if note and (changed := changes(note, now)):
        if step.precious and note["settings"] != now["settings"]:
            raise InputError(f"begun with other settings ({changed[0]}): give another OUT, or remove {step.folder}")
        say(f"anew, for {changed[0]}")
        _discard(step)
        note = None
    if note and note["done"]:
        missing = [one for one in step.outputs if not Path(one).exists()]
        if not missing:
            return say("done before")
        say(f"again, for {missing[0]} is missing")
    elif note:
        say("going on")
    else:
        say("begun")
    write_text(path, json.dumps({**now, "done": False}, indent=1) + "\n")
    started = time.monotonic()
    step.make()
    if missing := [one for one in step.outputs if not Path(one).exists()]:
        raise InputError(f"it ended without {missing[0]}")
    seconds = round(time.monotonic() - started, 1)
    write_text(path, json.dumps({**now, "done": True, "seconds": seconds}, indent=1) + "\n")
    say(f"done in {seconds:g} s")


def finished(step, folder):
    """Whether a step's note says that it is done and its outputs are there; inputs are not looked at."""
    note = _read(Path(folder) / NOTES / f"{step.name}.json")
    return bool(note and note["done"]) and all(Path(one).exists() for one in step.outputs)


def changes(note, now):
    """What differs between a note and how things stand now, a few words each."""
    found = []
    for key in sorted(note["settings"].keys() | now["settings"].keys()):
        before, after = note["settings"].get(key), now["settings"].get(key)
        if before != after:
            found.append(f"{key} {json.dumps(after)}, was {json.dumps(before)}")
    before = [content for _, content in note["inputs"]]  # the same content may lie elsewhere by now
    found += [f"{path} has changed" for path, content in now["inputs"] if content not in before]
    if not found and before != [content for _, content in now["inputs"]]:
        found.append("its inputs are others")
    return found


def digest(path):
    """What tells the content of a path from another: of a database what it says of itself, of a file its SHA-256, of
    another folder its files' names and sizes. Raises InputError where there is nothing.
    """
    path = Path(path)
    if (path / "manifest.json").is_file():
        return values.field(read_json(path / "manifest.json"), "sha256", path / "manifest.json")
    if path.is_dir():
        files = sorted((str(one.relative_to(path)), one.stat().st_size) for one in path.rglob("*") if one.is_file())
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


def _read(path):
    """The note at ``path``; None where there is none, or none that can be read."""
    try:
        return read_json(path)
    except InputError:
        return None


def _discard(step):
    """Remove what a step wrote; what is precious is put aside instead, as <folder>.before1, …"""
    if step.precious and step.folder.is_dir():
        numbers = itertools.count(1)
        aside = (step.folder.with_name(f"{step.folder.name}.before{number}") for number in numbers)
        step.folder.rename(next(path for path in aside if not path.exists()))
    for path in [*step.outputs, *([step.folder] if step.folder else [])]:
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
