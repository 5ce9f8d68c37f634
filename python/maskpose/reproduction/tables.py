"""The paper's Table 1 and the summary's tables, as Markdown and CSV."""

import numpy as np

from maskpose.io.tables import csv_text
from maskpose.reproduction import paper
from maskpose.reproduction.estimates import difference, estimate

TABLE1_FIGURES = ("AP50", "AP75", "AP80", "mask IoU")
SCORES = ("PCK@0.2", "AUC", "mask IoU", "AP50", "AP75", "AP80")
QUESTIONS = {  # (first, second network): what their difference says, and in which figures
    ("mask_pose", "no_mask"): ("Does the mask help the pose?", ("PCK@0.2", "AUC")),
    ("mask_pose", "no_pose"): ("Does the pose help the mask?", ("mask IoU", "AP50", "AP75", "AP80")),
    ("mask_pose_x2", "mask_pose"): ("Does a second cascade help?", ("PCK@0.2", "AUC", "mask IoU", "AP75")),
}


def markdown(heading, rows):
    """A Markdown table of strings."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def table1(drawn):
    """(Markdown, CSV) of Table 1, the paper's figures beside ours, in percent.

    drawn: {network: [estimates.Drawn, one a seed]}, of which those with masks are used.
    """
    rows, cells = [], [["network", "source", "seed", "figure", "value", "low", "high"]]
    for network in ("no_pose", "mask_pose", "mask_pose_x2"):
        if network in paper.TABLE1:
            said = paper.TABLE1[network]
            rows.append([f"{paper.TITLES[network]}, the paper", *(_plain(said.get(name)) for name in TABLE1_FIGURES)])
            cells += [[network, "paper", "", name, value, "", ""] for name, value in said.items()]
        if network not in drawn:
            continue
        found = {name: estimate(drawn[network], name) for name in TABLE1_FIGURES}
        rows.append([f"{paper.TITLES[network]}, ours", *map(with_interval, found.values())])
        if len(drawn[network]) > 1:
            rows.append([f"… lowest to highest of {len(drawn[network])} seeds", *map(spread, found.values())])
        for name, one in found.items():
            cells.append([network, "ours", "all", name, *map(_percent, (one.value, one.low, one.high))])
            for seed, of_seed in enumerate(drawn[network], start=1):
                alone = estimate([of_seed], name)
                cells.append([network, "ours", seed, name, *map(_percent, (alone.value, alone.low, alone.high))])
    if {"mask_pose", "no_pose"} <= drawn.keys():
        gaps = [difference(drawn["mask_pose"], drawn["no_pose"], name)[0] for name in TABLE1_FIGURES]
        rows.append(["gain by the pose stage, ours (paired)", *(with_interval(one, signed=True) for one in gaps)])
        with_pose, without = paper.TABLE1["mask_pose"], paper.TABLE1["no_pose"]
        said = [f"{with_pose[name] - without[name]:+.1f}" if name in without else "–" for name in TABLE1_FIGURES]
        rows.append(["gain by the pose stage, the paper", *said])
    return markdown(["Mask, on EB", *TABLE1_FIGURES], rows), csv_text(cells)


def differences(drawn):
    """The answers to QUESTIONS that can be given, JSON-able.

    drawn: {set of photographs: {network: [estimates.Drawn, one a seed]}}.
    """
    answers = []
    for (first, second), (question, figures) in QUESTIONS.items():
        for photographs, networks in drawn.items():
            for figure in figures:
                if not {first, second} <= networks.keys():
                    continue
                pooled, seeds = difference(networks[first], networks[second], figure)
                if np.isnan(pooled.value):
                    continue
                answers.append({
                    "question": question, "first": first, "second": second, "photographs": photographs,
                    "figure": figure, "all_seeds": pooled.document(), "verdict": verdict(pooled),
                    "per_seed": [one.document() for one in seeds],
                })  # fmt: skip
    return answers


def verdict(gap):
    """What an Estimate of first - second says."""
    if gap.low <= 0 <= gap.high:
        return "not shown"
    return ("yes" if gap.low > 0 else "no: it harms") + (", in this one training" if gap.seeds == 1 else "")


def differences_text(answers):
    """Those answers as Markdown."""
    rows = []
    for one in answers:
        gap = one["all_seeds"]
        seeds = ", ".join(f"{100 * each['value']:+.1f}" for each in one["per_seed"])
        rows.append([
            one["question"], f"{one['first']} − {one['second']}", f"{one['figure']}, {one['photographs']}",
            f"{100 * gap['value']:+.1f} ({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f})", seeds, one["verdict"],
        ])  # fmt: skip
    return markdown(["Question", "Difference", "Of", "Points (95 %)", "Each seed", "Answer"], rows)


def scores(drawn):
    """{set: {network: {"images", "seeds", figure of SCORES: estimates.Estimate.document()}}}; ``drawn`` as above."""
    return {
        photographs: {
            network: {
                "images": len(seeds[0].names),
                "seeds": len(seeds),
                **{name: estimate(seeds, name).document() for name in SCORES},
            }
            for network, seeds in networks.items()
        }
        for photographs, networks in drawn.items()
    }


def scores_text(document):
    """Those as Markdown."""
    rows = []
    for photographs, networks in document.items():
        for network, one in networks.items():
            rows.append([photographs, network, one["seeds"], *(_of_document(one[name]) for name in SCORES)])
    return markdown(["Photographs", "Network", "Seeds", *SCORES], rows)


def with_interval(one, signed=False):
    """An Estimate in percent, as "value (low–high)"."""
    if np.isnan(one.value):
        return "–"
    sign, to = ("+", " to ") if signed else ("", "–")
    value, low, high = (f"{100 * number:{sign}.1f}" for number in (one.value, one.low, one.high))
    return f"{value} ({low}{to}{high})"


def spread(one):
    """The seeds of an Estimate in percent, as "lowest–highest"."""
    return "–" if np.isnan(one.value) else f"{100 * one.lowest:.1f}–{100 * one.highest:.1f}"


def _of_document(one):
    """The same of what ``Estimate.document`` gave."""
    if one["value"] is None:
        return "–"
    return f"{100 * one['value']:.1f} ({100 * one['low']:.1f}–{100 * one['high']:.1f})"


def _plain(value):
    return "–" if value is None else f"{value:.1f}"


def _percent(value):
    return "" if np.isnan(value) else round(100 * float(value), 2)
