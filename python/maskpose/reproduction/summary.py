"""The reproduction in one page, summary.md, and every file that was made, reproduction.json."""

import json
from pathlib import Path

from maskpose.io.files import write_text
from maskpose.reproduction import paper, tables

WEIGHTS = (".caffemodel", ".solverstate")


def write(plan):
    """Write both for a maskpose.reproduction.plan.Plan whose other steps are done."""
    files = {step.name: {"title": step.title, "files": files_of(step, plan.out)} for step in plan.steps}
    summary = json.loads((plan.out / "summary.json").read_text())
    write_text(plan.out / "summary.md", page(plan, summary, files))
    files["index"]["files"] = ["reproduction.json", "summary.md"]
    document = {
        "scale": plan.options.scale, "data": str(plan.options.data), "iterations": plan.iterations,
        "seeds": plan.options.seeds, "ways": list(plan.ways), "mix": list(plan.options.mix),
        "training": list(plan.options.training), "steps": files,
    }  # fmt: skip
    write_text(plan.out / "reproduction.json", json.dumps(document, indent=1) + "\n")


def files_of(step, out):
    """The files of a step, relative to the reproduction's folder ``out``; databases as a whole; no older snapshots."""
    paths = set(step.outputs)
    if step.folder and step.folder.is_dir():
        paths |= {path for path in step.folder.rglob("*") if path.is_file() and path.suffix not in WEIGHTS}
    return sorted(str(path.relative_to(out)) if path.is_relative_to(out) else str(path) for path in map(Path, paths))


def page(plan, summary, files):
    """summary.md's text."""
    options = plan.options
    counts = {name: rows["mask_pose"]["images"] for name, rows in summary["scores"].items()}
    said = {"EB": paper.VALIDATION_IMAGES} | {name: count for name, (_, count) in paper.CMU.items()}
    numbers = [[name, count, said.get(name, "–")] for name, count in counts.items()]
    pictures = {"fig9": "Fig. 9", "fig10": "Fig. 10", "fig7": "Fig. 7", "fig8": "Fig. 8", "fig11": "Fig. 11"}
    shown = "\n".join(f"![{title}]({name}.png)\n" for name, title in pictures.items() if name != "fig10" or options.cmu)
    listing = "".join(f"- **{one['title']}** (`{name}`): {', '.join(one['files'])}\n" for name, one in files.items())
    seeds = f"{options.seeds} seeds" if options.seeds > 1 else "one seed (intervals know nothing of training's chance)"
    start = "given weights" if plan.initial_weights else "random weights"
    more = f" ({' '.join(options.training)})" if options.training else ""
    mixed = f", mixed with {', '.join(options.mix)}" if options.mix else ""
    return f"""# Reproduction, {options.scale} scale

Trained on {plan.train_db}{mixed}: {plan.iterations} iterations of each network from {start}{more}, {seeds};
scored by: {plan.ways[0]}. Figures in percent; in brackets 95 % intervals: photographs drawn anew and, of several seeds,
Student's t over those. AP is the share of photographs whose mask IoU reaches the
threshold. What differs from the paper: docs/reproduction.md.

## Does it help?

{tables.differences_text(summary["differences"])}
## Table 1

{(plan.out / "table1.md").read_text()}
## Scores

{tables.scores_text(summary["scores"])}
{tables.markdown(["Photographs", "Ours", "The paper's"], numbers)}
## Figures

{shown}
## Time

{(plan.out / "timing.md").read_text()}
## Files

{listing}"""
