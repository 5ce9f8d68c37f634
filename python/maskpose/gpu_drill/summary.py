"""What the drill found, to read."""

from itertools import groupby
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]  # of the journal: a step's name, and values by their names
Steps: TypeAlias = dict[str, list[Line]]  # the lines of each step

PAPER = "The paper: 0.49 s for a batch of 13 at 368x368, mask_pose, on two GTX 1080 Ti."


def text(lines: list[Line]) -> str:
    """The summary, in Markdown, of a drill's lines so far."""
    steps = {name: list(group) for name, group in groupby(lines, key=lambda line: line["step"])}
    sections = [
        machine(steps),
        layers(steps),
        losses(steps),
        speed(steps),
        batches(steps),
        training(steps),
        ends(steps),
    ]
    return "\n\n".join(["# GPU drill", *filter(None, sections)]) + "\n"


def table(head: list[str], rows: list[list[object]]) -> str:
    """A table in Markdown, or "" without rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(shown, line)) + " |" for line in lines)


def shown(value: object) -> str:
    """A cell of a table."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def titled(title: str, body: str) -> str:
    """A section, or "" without a body."""
    return f"## {title}\n\n{body}" if body else ""


def values(steps: Steps, name: str, key: str) -> list[Line]:
    """The lines of a step that have a value of that name."""
    return [line for line in steps.get(name, []) if key in line]


def machine(steps: Steps) -> str:
    """Processor, GPU and libraries."""
    said = {}
    for line in steps.get("device", []):
        said |= {key: line[key] for key in ("processor", "gpu", "python", "processors", "caffe") if key in line}
    rows = [[key, ", ".join(value) if isinstance(value, list) else value] for key, value in said.items()]
    return titled("Machine", table(["", ""], rows))


def layers(steps: Steps) -> str:
    """How many layers agree with the CPU's, and those that do not."""
    rows, apart = [], []
    for name in (name for name in steps if name.startswith("layers ")):
        compared = values(steps, name, "direction")
        finite = [line["difference"] for line in compared if line["difference"] is not None]
        differing = [line for line in compared if not line["agrees"]]
        rows.append([name.removeprefix("layers "), len(compared), len(differing), max(finite, default=None)])
        apart += [[name, line["layer"], line["type"], line["direction"], line["difference"]] for line in differing]
    body = table(["Engine", "Compared", "Beyond the tolerance", "Largest relative difference"], rows)
    if apart:
        body += "\n\n" + table(["Step", "Layer", "Type", "Direction", "Relative difference"], apart)
    return titled("Each layer beside the CPU's", body)


def losses(steps: Steps) -> str:
    """Total losses of both processors, iteration by iteration."""
    parts = []
    for name in (name for name in steps if name.startswith("losses ") and not name.endswith(" on the CPU")):
        here = {line["iteration"]: line["total"] for line in values(steps, name, "iteration")}
        there = {line["iteration"]: line["total"] for line in values(steps, f"{name} on the CPU", "iteration")}
        rows = [[n, here.get(n), there.get(n), apart(here.get(n), there.get(n))] for n in sorted({*here, *there})]
        head = ["Iteration", "Loss", "Loss on the CPU", "Relative difference"]
        parts.append(titled(f"Losses of {name.removeprefix('losses ')}", table(head, rows)))
    return "\n\n".join(filter(None, parts))


def apart(loss: float | None, expected: float | None) -> float | None:
    """Return the relative difference of two losses, or None if either is missing."""
    return None if loss is None or expected is None else abs(loss - expected) / max(abs(expected), 1e-30)


def speed(steps: Steps) -> str:
    """Seconds an iteration."""
    rows = []
    for name in (name for name in steps if name.startswith("speed ")):
        _, variant, engine, _, tf32 = name.split()
        rows += [
            [variant, "own" if engine == "caffe" else engine, tf32, line["batch"], line["seconds"], line["first"]]
            for line in values(steps, name, "seconds") if "batch" in line
        ]  # fmt: skip
    head = ["Variant", "Layers", "TF32", "Batch", "Seconds an iteration", "The first"]
    body = table(head, rows)
    return titled("Seconds an iteration", f"{body}\n\n{PAPER}") if body else ""


def batches(steps: Steps) -> str:
    """Images a second of the compact variant."""
    rows = []
    for name in (name for name in steps if name.startswith("batch ")):
        place = name.split(maxsplit=2)[2]
        rows += [[line["batch"], place, line["images_per_second"]] for line in values(steps, name, "images_per_second")]
    return titled("Images a second, compact", table(["Batch", "Data", "Images a second"], rows))


def training(steps: Steps) -> str:
    """How far the training came."""
    said = [line.get("stopped") or line.get("weights") for line in values(steps, "training", "done")]
    return titled("Training", f"{said[-1]}; `training/losses.csv` has its losses.") if said else ""


def ends(steps: Steps) -> str:
    """How each step ended."""
    rows = [
        [name, " ".join(filter(None, (line["status"], line.get("reason")))), line.get("seconds")]
        for name in steps for line in values(steps, name, "status")
    ]  # fmt: skip
    return titled("Steps", table(["Step", "End", "Seconds"], rows))
