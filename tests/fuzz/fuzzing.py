"""Runs the targets of ``targets`` on mutated inputs, in a process of their own, and keeps those that should not be.

``fuzz`` supervises: it starts a child process that mutates and parses, within limits of memory and of time, and takes
down what the child says. The child writes each input into a file in memory before it parses it. If the child dies, the
input that killed it is there; it is kept, and another child goes on.

As a program, this file is that child.
"""

import argparse
import contextlib
import dataclasses
import faulthandler
import hashlib
import importlib
import json
import logging
import mmap
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
from pathlib import Path

from maskpose.errors import HIDDEN, JOINERS, InputError
from maskpose.io.files import write_bytes

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / "python"
MOST_MEMORY = 1 << 30  # bytes that a child may have resident
MOST_SECONDS = 20  # of processor time for one input
LIMITS = (MOST_MEMORY, MOST_SECONDS)
MOST_PIXELS = 4 << 20  # of a picture: maskpose.io.pixel_limit has more by default than the memory above
MOST_DEATHS = 20  # of children, after which a target is given up
EVERY = 1.0  # seconds between reports
ROOM = 1 << 22  # bytes in the file that holds the newest input
SHARED = "MASKPOSE_FUZZ_INPUT"


@dataclasses.dataclass
class Finding:
    """An input that something else came of than a value or an InputError."""

    target: str
    kind: str  # the exception's type and place, or how the process ended: a kind is kept once
    message: str
    data: bytes

    def save(self, folder: Path) -> Path:
        """Write the input, and beside it what came of it and how to run it again; return the input's path."""
        stem = hashlib.sha256(f"{self.target} {self.kind}".encode()).hexdigest()[:12]
        path = folder / f"{self.target}-{stem}.bin"
        write_bytes(path, self.data)
        again = f"run again: .venv/bin/python tools/fuzz.py --target {self.target} --input {path}\n"
        text = f"{self.kind}\n{again}\n{self.message}\n"
        write_bytes(path.with_suffix(".txt"), text.encode(errors="backslashreplace"))
        return path


@dataclasses.dataclass
class Total:
    """What became of a target's inputs."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0  # InputError, or all of it left out
    peak: int = 0  # bytes resident
    covered: list = dataclasses.field(default_factory=list)  # "module:line" of the target's modules
    lines: int = 0  # that they have
    findings: dict = dataclasses.field(default_factory=dict)  # {kind: message}

    def add(self, report: dict):
        """Take in a child's report of what came since its last."""
        for name in ("inputs", "accepted", "refused"):
            setattr(self, name, getattr(self, name) + report[name])
        self.peak = max(self.peak, report["peak"])
        self.lines = report["lines"]
        self.covered = sorted({*self.covered, *report["covered"]})

    def join(self, other: "Total"):
        """Take in another run's total of the same target."""
        self.add(dataclasses.asdict(other))
        self.findings.update(other.findings)


# The supervisor


def fuzz(names, seed, inputs=None, seconds=None, files=None, corpus=None, on_finding=None, limits=LIMITS):
    """Run targets one after the other in a child process; return {name: Total}.

    Args:
        names: of targets. The child imports the module ``targets``, or the one of "module:name".
        seed: the same seed, names and number of inputs give the same inputs, as far as ``corpus`` is the same.
        inputs, seconds: of each target; None: no limit. One of them, or ``files``, must be given.
        files: {name: paths of inputs} that the targets are run on, unchanged, in place of mutated ones.
        corpus: folder that keeps inputs which reached new lines, for later runs; None: they are forgotten.
        on_finding: called with each Finding of a new kind.
        limits: bytes that the child may have resident, and seconds of processor time for one input.
    """
    totals, given_up = {name: Total() for name in names}, {}
    left = list(names)
    deadline = {name: None for name in names}
    while left:
        death = _child(left, seed, inputs, seconds, files, corpus, totals, on_finding, limits, deadline)
        if death is None:
            break
        name, finding = death
        _take(totals[name], finding, on_finding)
        totals[name].inputs += 1
        given_up[name] = given_up.get(name, 0) + 1
        seed += 1_000_003
        left = left[left.index(name) :]
        done = totals[name].inputs >= (inputs or float("inf")) or time.monotonic() > (deadline[name] or float("inf"))
        if files or done or given_up[name] >= MOST_DEATHS:
            left = left[1:]
    return totals


def _take(total, finding, on_finding):
    if finding.kind not in total.findings:
        total.findings[finding.kind] = finding.message
        if on_finding:
            on_finding(finding)


def _child(names, seed, inputs, seconds, files, corpus, totals, on_finding, limits, deadline):
    """Run one child until it has done all, or dies; return None, or (the target it died in, the Finding)."""
    memory_folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="maskpose-fuzz-", dir=memory_folder) as scratch:
        shared, errors = Path(scratch, "input"), Path(scratch, "stderr")
        write_bytes(shared, bytes(ROOM))
        options = [("--inputs", inputs), ("--seconds", seconds), ("--corpus", corpus)]
        options += zip(("--memory", "--processor"), limits)
        command = [sys.executable, "-W", "ignore", __file__, *names, "--seed", str(seed)]
        command += [word for option, value in options if value is not None for word in (option, str(value))]
        command += [word for name in names for file in (files or {}).get(name, ())
                    for word in ("--file", f"{name}={file}")]  # fmt: skip
        command += [word for name in names if totals[name].inputs and inputs
                    for word in ("--done", f"{name}={totals[name].inputs}")]  # fmt: skip
        command += [word for name in names if deadline[name] for word in ("--until", f"{name}={deadline[name]}")]
        environment = {
            **os.environ, SHARED: str(shared), "TMPDIR": scratch, "TQDM_DISABLE": "1", "OPENCV_LOG_LEVEL": "OFF",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MASKPOSE_MAX_PIXELS": str(MOST_PIXELS),
            "PYTHONPATH": os.pathsep.join([str(PYTHON), str(HERE), os.environ.get("PYTHONPATH", "")]),
            "PYTHONHASHSEED": "0",
        }  # fmt: skip
        name = names[0]
        with errors.open("ab") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=scratch
            )
        try:
            for line in process.stdout:
                report = json.loads(line)
                name = report["target"]
                if "until" in report:
                    deadline[name] = report["until"]
                elif "finding" in report:
                    data = shared.read_bytes()
                    found = Finding(name, report["finding"], report["message"], _newest(data))
                    _take(totals[name], found, on_finding)
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                else:
                    totals[name].add(report)
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdin.close()
            status = process.wait()
        if status == 0:
            return None
        said = errors.read_bytes()[-6000:].decode("utf-8", "backslashreplace")
        return name, Finding(name, _death(status, said), f"{_ended(status)}\n{said}", _newest(shared.read_bytes()))


def _newest(shared):
    """The input in the file in memory."""
    length = int.from_bytes(shared[:8], "little")
    return shared[8 : 8 + length]


def _ended(status):
    if status == -signal.SIGPROF:
        return "it took more processor time than it may"
    if status < 0:
        return f"the process was ended by {signal.Signals(-status).name}"
    return f"the process ended with status {status}"


def _death(status, said):
    """The kind of a death: how the process ended, and the first lines of our own in the trace that it left."""
    places = [line.strip() for line in said.splitlines() if "maskpose/" in line and "File" in line]
    places = [line.split("maskpose/")[-1] for line in places[:2]]
    return f"{_ended(status)}: {'; '.join(places) or said.strip()[-200:]}"


# The child


class Covered:
    """Which lines of some files have run. Code all of whose lines have is not traced any more."""

    def __init__(self, files):
        self._left, self.lines = {}, set()
        self.seen, self.is_new = set(), False
        self._modules = {file: "/".join(Path(file).parts[-2:]) for file in files}
        for file in files:
            code = compile(Path(file).read_text(), file, "exec")
            for one in _functions(code):
                self.lines |= {(file, line) for line in _lines(one)}

    def __enter__(self):
        self.is_new = False
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def __exit__(self, *exception):
        sys.settrace(None)
        threading.settrace(None)

    def named(self):
        """["module:line"] of the lines that have run."""
        return [f"{self._modules[file]}:{line}" for file, line in self.seen]

    def _enter(self, frame, event, argument):
        code = frame.f_code
        left = self._left.get(code)
        if left is None:
            left = self._left[code] = set(_lines(code)) if code.co_filename in self._modules else set()
        return self._line if left else None

    def _line(self, frame, event, argument):
        left = self._left[frame.f_code]
        if event == "line" and frame.f_lineno in left:
            left.discard(frame.f_lineno)
            place = (frame.f_code.co_filename, frame.f_lineno)
            if place in self.lines and place not in self.seen:
                self.seen.add(place)
                self.is_new = True
        return self._line


def _functions(code):
    """The code of all functions within a module's code."""
    for one in code.co_consts:
        if hasattr(one, "co_code"):
            if one.co_flags & 2:  # CO_NEWLOCALS: not a class' body
                yield one
            yield from _functions(one)


def _lines(code):
    lines = {line for *_, line in code.co_lines() if line}
    return lines - {code.co_firstlineno} if len(lines) > 1 else lines


class Worker:
    """One target in the child process."""

    def __init__(self, name, args, shared):
        self.name, self.args, self.shared = name, args, shared
        self.target = _target(name)
        self.seeds = self.target.seeds()
        self.covered = Covered(self.target.files())
        self.folder = Path(args.corpus, name) if args.corpus else None
        kept = sorted(self.folder.glob("*")) if self.folder and self.folder.is_dir() else []
        self.corpus = [*self.seeds, *(path.read_bytes() for path in kept)]
        self.counts = dict.fromkeys(("inputs", "accepted", "refused"), 0)

    def run(self):
        """Read the seeds, then mutated inputs or the files that are given."""
        self.report()  # so that it is known who has begun
        done = dict(one.rsplit("=", 1) for one in self.args.done).get(self.name, 0)
        until = float(dict(one.rsplit("=", 1) for one in self.args.until).get(self.name, 0))
        if self.args.seconds and not until:
            until = time.monotonic() + self.args.seconds
            say(target=self.name, until=until)
        if self.args.file:
            for name, path in (one.split("=", 1) for one in self.args.file):
                if name == self.name:
                    self.read(Path(path).read_bytes())
            return self.report()
        if not int(done):
            for data in self.corpus:
                self.read(data)
        left, reported, number = (self.args.inputs or 1 << 62) - int(done), time.monotonic(), 0
        while number < left and (not until or time.monotonic() < until):
            rng = random.Random(f"{self.name} {self.args.seed} {number}")
            data = self.target.mutate(rng, rng.choice(self.corpus), rng.choice(self.corpus))
            is_new = self.read(data)
            if is_new and self.target.grows and len(data) < 1 << 16:
                self.keep(data)
            number += 1
            if time.monotonic() > reported + EVERY:
                self.report()
                reported = time.monotonic()
        return self.report()

    def keep(self, data):
        """Mutate an input further."""
        self.corpus.append(data)
        if self.folder:
            with contextlib.suppress(InputError):  # a full disk: it is mutated in this process alone
                write_bytes(self.folder / hashlib.sha256(data).hexdigest()[:16], data)

    def read(self, data):
        """Parse one input; return whether lines ran that had not."""
        data = data[: ROOM - 8]
        self.shared[8 : 8 + len(data)] = data
        self.shared[:8] = len(data).to_bytes(8, "little")
        self.counts["inputs"] += 1
        signal.setitimer(signal.ITIMER_PROF, self.args.processor)  # it ends the process, in whatever library it is
        try:
            with self.covered:
                accepted = self.target.read(data)
            self.counts["accepted" if accepted else "refused"] += 1
        except InputError as error:
            self.counts["refused"] += 1
            if any(unicodedata.category(sign) in HIDDEN for sign in str(error) if sign not in JOINERS):
                self.found("a message that is not one line of visible text", str(error))
        except Exception as error:
            self.found(_kind(error), traceback.format_exc())
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return self.covered.is_new

    def found(self, kind, message):
        """Report a finding, and wait until the supervisor has taken the input."""
        self.report()
        say(target=self.name, finding=kind, message=message[-6000:])
        sys.stdin.buffer.read(1)

    def report(self):
        """Say what came of the inputs since the last report."""
        with open(2, "ab", closefd=False) as errors:
            errors.truncate(0)
        peak = memory()["VmHWM"]  # getrusage would count what the process that started this one had, too
        say(target=self.name, **self.counts, peak=peak, lines=len(self.covered.lines), covered=self.covered.named())
        self.counts = dict.fromkeys(self.counts, 0)


def _target(name):
    module, _, short = name.rpartition(":")
    return importlib.import_module(module or "targets").TARGETS[short]


def _kind(error):
    """An exception's type, and the last places of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(PYTHON) in frame.filename]
    frames = frames or traceback.extract_tb(error.__traceback__)[1:]
    places = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-2:]]
    return f"{type(error).__name__} in {', '.join(places)}"


def say(**report):
    """Write a report for the supervisor."""
    print(json.dumps(report), file=OUT, flush=True)


def memory() -> dict:
    """{name: bytes} of this process's memory, by the names of /proc/self/status, such as VmRSS."""
    with open("/proc/self/status") as status:
        words = [line.split() for line in status if line.startswith("Vm")]
    return {name.rstrip(":"): int(number) << 10 for name, number, _ in words}


def limit_memory(most):
    """Let this process have ``most`` bytes resident, about, and write no core files."""
    sizes = memory()
    room = max(most - sizes["VmRSS"], 100 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (sizes["VmSize"] + room, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    """The child process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--corpus")
    parser.add_argument("--memory", type=int, default=MOST_MEMORY)
    parser.add_argument("--processor", type=float, default=MOST_SECONDS)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--done", action="append", default=[])
    parser.add_argument("--until", action="append", default=[])
    args = parser.parse_args()
    faulthandler.enable()
    logging.getLogger("maskpose").setLevel(logging.ERROR)  # remarks on damage are no findings
    with open(os.environ[SHARED], "r+b") as file:
        shared = mmap.mmap(file.fileno(), ROOM)
    for number, name in enumerate(args.names):
        worker = Worker(name, args, shared)
        if not number:
            limit_memory(args.memory)
        worker.run()


if __name__ == "__main__":
    OUT = os.fdopen(os.dup(1), "w")  # what libraries print goes elsewhere
    os.dup2(2, 1)
    main()
