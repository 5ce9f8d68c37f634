"""The reproduction on one page, summary.md, and the list of all files that were made, reproduction.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskpose.io.files import read_json, read_text, write_text
from maskpose.reproduction import paper, tables
from maskpose.reproduction.setup import Setup
from maskpose.reproduction.steps import Step

SNAPSHOTS = (".caffemodel", ".solverstate")
FIGURES = {"fig9": "Fig. 9", "fig10": "Fig. 10", "fig7": "Fig. 7", "fig8": "Fig. 8", "fig11": "Fig. 11"}


def write_index(setup: Setup, steps: Sequence[Step]) -> None:
    """Write summary.md and reproduction.json, after all other steps."""
    options, out = setup.options, setup.out
    files = {step.name: {"title": step.title, "files": files_of(step, out)} for step in steps}
    write_text(out / "summary.md", page(setup, read_json(out / "summary.json"), files))
    files["index"]["files"] = ["reproduction.json", "summary.md"]
    document = {
        "scale": options.scale, "data": str(options.data), "iterations": setup.iterations, "seeds": options.seeds,
        "ways": list(setup.modes), "mix": list(options.mix), "training": list(options.training), "steps": files,
    }  # fmt: skip
    write_text(out / "reproduction.json", json.dumps(document, indent=1) + "\n")


def files_of(step: Step, out: Path) -> list[str]:
    """Return the files of a step, relative to the reproduction's folder ``out``.

    A database counts as one file. Snapshots before the last are left out.
    """
    paths = set(step.outputs)
    if step.folder and step.folder.is_dir():
        paths |= {path for path in step.folder.rglob("*") if path.is_file() and path.suffix not in SNAPSHOTS}
    return sorted(str(path.relative_to(out)) if path.is_relative_to(out) else str(path) for path in map(Path, paths))


def page(setup: Setup, document: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of summary.md.

    Args:
        setup: what was reproduced.
        document: of summary.json.
        files: {step: {"title", "files"}}.
    """
    counts = {name: rows["mask_pose"]["images"] for name, rows in document["scores"].items()}
    papers = {"EB": paper.VALIDATION_IMAGES} | {name: count for name, (_, count) in paper.CMU.items()}
    numbers = [[name, count, papers.get(name, "–")] for name, count in counts.items()]
    shown = [name for name in FIGURES if name != "fig10" or setup.options.cmu]
    figures = "\n".join(f"![{FIGURES[name]}]({name}.png)\n" for name in shown)
    listing = "".join(f"- **{step['title']}** (`{name}`): {', '.join(step['files'])}\n" for name, step in files.items())
    return f"""# Reproduction, {setup.options.scale} scale

{_introduction(setup)}

## Does it help?

{tables.differences_text(document["differences"])}
## Table 1

{read_text(setup.out / "table1.md")}
## Scores

{tables.scores_text(document["scores"])}
{tables.markdown(["Images", "Ours", "The paper's"], numbers)}
## Figures

{figures}
## Time

{read_text(setup.out / "timing.md")}
## Files

{listing}"""


def _introduction(setup):
    options = setup.options
    seeds = f"{options.seeds} seeds" if options.seeds > 1 else "one seed (intervals do not cover training's chance)"
    weights = "given weights" if options.initial_weights else "random weights"
    training = f" ({' '.join(options.training)})" if options.training else ""
    mixed = f", mixed with {', '.join(options.mix)}" if options.mix else ""
    begin = f"{setup.iterations} iterations of each network from {weights}{training}, {seeds}"
    return f"""Trained on {setup.train_db}{mixed}: {begin}.
Predicted in the mode {setup.modes[0]}. Numbers are in percent, with 95 % intervals in brackets: over resampled images
and, if there are several seeds, by Student's t over those. AP is the share of images whose mask IoU reaches the
threshold. What differs from the paper: docs/reproduction.md."""
