"""Runs the drill's steps one after the other, each with its time limit, and keeps every value as it comes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from maskpose.errors import InputError
from maskpose.gpu_drill import summary
from maskpose.gpu_drill.plan import Step, within
from maskpose.io.files import GrowingFile, make_folder, read_text, write_text
from maskpose.io.text import parse_json
from maskpose.training.launcher import die_with_parent

JOURNAL, SUMMARY, LOGS = "steps.jsonl", "summary.md", "logs"
GRACE = 20.0  # seconds that a step has to end in when its time is up: the training takes a snapshot
SHORTEST = 5.0  # seconds without which a step is not begun
DONE, FAILED, TIMED_OUT, LEFT_OUT = "done", "failed", "timed out", "left out: no time"
COMMAND = (sys.executable, "-m", "maskpose.gpu_drill.steps")
ON_THE_CPU = " on the CPU"  # ends the names of steps that another machine can have done


class Drill:
    """One drill, in a folder that holds what an earlier, interrupted one did."""

    def __init__(self, steps: Iterable[Step], folder: Path, seconds: float, db: str | None = None,
                 reference: Path | None = None, command: Sequence[str] = COMMAND):  # fmt: skip
        """Begin, or go on with, a drill.

        Args:
            steps: in their order.
            folder: of the results.
            seconds: for all of it, from now on.
            db: LMDB of samples; None: the one that the step "database" makes.
            reference: folder of another drill, whose steps on the CPU are taken as done.
            command: runs a step, with its function, the folder, the LMDB and its settings as arguments.
        """
        self._steps, self._folder, self._db, self._command = list(steps), Path(folder), db, command
        self._end = time.monotonic() + seconds
        make_folder(self._folder / LOGS)
        self.lines = read_journal(self._folder)
        self._journal = GrowingFile(self._folder / JOURNAL)
        if self.lines:
            self._journal.write("\n")  # the last line may have been cut off
        if reference:
            self._take_over(reference)

    def _take_over(self, reference):
        """Take what another drill computed on its CPU."""
        there = finished(self.lines)
        theirs = read_journal(reference)
        for name in sorted(finished(theirs) - there):
            if name.endswith(ON_THE_CPU):
                for line in theirs:
                    if line["step"] == name:
                        self._note(line)

    def _note(self, line):
        self._journal.write(json.dumps(line) + "\n")
        self.lines.append(line)

    def run(self) -> bool:
        """Run what is not done yet; give whether everything that was begun went well.

        Raises InputError if the GPU cannot be used: nothing else is of use then.
        """
        done, went_well = finished(self.lines), True
        try:
            for step in self._steps:
                if step.name in done and not step.is_endless:
                    print(f"{step.name}: done before", flush=True)
                    continue
                status, reason = self._run_step(step)
                went_well &= status in (DONE, LEFT_OUT)
                if step.function == "device" and status != DONE:
                    raise InputError(f"the drill ends here: {reason or status}")
        finally:
            self._journal.close()
        return went_well

    def _run_step(self, step):
        """Run a step; give its status and the reason for another than DONE."""
        self.lines = [line for line in self.lines if line["step"] != step.name]  # of an earlier try
        self._note({"step": step.name, "begun": time.strftime("%Y-%m-%d %H:%M:%S")})
        left = self._end - time.monotonic() - (GRACE if step.is_endless else 0)
        if left < SHORTEST:
            status, reason, seconds = LEFT_OUT, "", 0.0
        else:
            print(f"{step.name} …", flush=True)
            started = time.monotonic()
            status, reason = self._in_a_process(within(step, left))
            seconds = time.monotonic() - started
        self._note({"step": step.name, "status": status, "reason": reason, "seconds": round(seconds, 1)})
        print(f"{step.name}: {status} {reason}".rstrip() + f" ({seconds:.0f} s)", flush=True)
        write_text(self._folder / SUMMARY, summary.text(self.lines))
        return status, reason

    def _in_a_process(self, step):
        log = self._folder / LOGS / f"{step.name.replace('/', '_').replace(' ', '_')}.log"
        command = [*self._command, step.function, str(self._folder), self._samples(), json.dumps(step.settings)]
        with open(log, "ab") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                env={**os.environ, **step.environment}, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        reader = threading.Thread(target=self._keep, args=(step.name, process.stdout), daemon=True)
        reader.start()
        is_late = False
        try:
            try:
                process.wait(step.limit)
            except subprocess.TimeoutExpired:
                is_late = True
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and all that it started
            process.wait()
        reader.join(GRACE)
        if process.returncode == 0:
            return DONE, ""
        if is_late:
            return TIMED_OUT, f"after {step.limit:.0f} s"
        return FAILED, last_line(log) or f"with status {process.returncode}"

    def _samples(self):
        """The LMDB: the one given, or what the step "database" made."""
        made = [line["db"] for line in self.lines if line["step"] == "database" and "db" in line]
        return self._db or (made[-1] if made else "")

    def _keep(self, name, stream):
        """Note each line of values that a step writes; what is none is left to its log."""
        for raw in stream:
            with contextlib.suppress(InputError):
                values = parse_json(raw, name)
                if isinstance(values, dict):
                    self._note({"step": name, **values})


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a drill's journal, or none if there is no journal. A line that was cut off is left out."""
    path = Path(folder) / JOURNAL
    found = []
    for line in read_text(path).splitlines() if path.exists() else []:
        with contextlib.suppress(InputError):
            values = parse_json(line.encode(), str(path))
            if isinstance(values, dict) and isinstance(values.get("step"), str):
                found.append(values)
    return latest(found)


def latest(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each step, the lines of its last try alone."""
    kept = {}
    for line in lines:
        if "begun" in line:
            kept[line["step"]] = []
        kept.setdefault(line["step"], []).append(line)
    return [line for group in kept.values() for line in group]


def finished(lines: list[dict[str, Any]]) -> set[str]:
    """Names of the steps that were done."""
    return {line["step"] for line in lines if line.get("status") == DONE}


def last_line(path: Path) -> str:
    """The last line of a log, or its last that names an error."""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ") or "Check failed" in line]
    return (errors or lines or [""])[-1].removeprefix("error: ")
