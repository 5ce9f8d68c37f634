"""The paper's Table 1 and the summary's tables, as Markdown and CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskpose.io.tables import csv_text
from maskpose.reproduction import paper
from maskpose.reproduction.estimates import Estimate, Resampled, difference, estimate

TABLE1_NUMBERS = ("AP50", "AP75", "AP80", "mask IoU")
SCORES = ("PCK@0.2", "AUC", "mask IoU", "AP50", "AP75", "AP80")
QUESTIONS = {  # {(first, second network): (the question that their difference answers, in which numbers)}
    ("mask_pose", "no_mask"): ("Does the mask help the pose?", ("PCK@0.2", "AUC")),
    ("mask_pose", "no_pose"): ("Does the pose help the mask?", ("mask IoU", "AP50", "AP75", "AP80")),
    ("mask_pose_x2", "mask_pose"): ("Does a second cascade help?", ("PCK@0.2", "AUC", "mask IoU", "AP75")),
}


def markdown(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def table1(networks: Mapping[str, Sequence[Resampled]]) -> tuple[str, str]:
    """Return (Markdown, CSV) of Table 1, the paper's numbers beside ours, in percent.

    networks: {network: [its resampled scores, one for each seed]}; those without masks are left out.
    """
    rows: list[list[object]] = []
    cells: list[list[object]] = [["network", "source", "seed", "figure", "value", "low", "high"]]
    for network in ("no_pose", "mask_pose", "mask_pose_x2"):
        title = paper.TITLES[network]
        if network in paper.TABLE1:
            papers = paper.TABLE1[network]
            rows.append([f"{title}, the paper", *(_plain(papers.get(name)) for name in TABLE1_NUMBERS)])
            cells += [[network, "paper", "", name, value, "", ""] for name, value in papers.items()]
        if network in networks:
            seeds = networks[network]
            ours = {name: estimate(seeds, name) for name in TABLE1_NUMBERS}
            rows.append([f"{title}, ours", *map(with_interval, ours.values())])
            if len(seeds) > 1:
                rows.append([f"… lowest to highest of {len(seeds)} seeds", *map(spread, ours.values())])
            cells += _csv_rows(network, seeds, ours)
    if {"mask_pose", "no_pose"} <= networks.keys():
        gaps = [difference(networks["mask_pose"], networks["no_pose"], name)[0] for name in TABLE1_NUMBERS]
        rows.append(["gain by the pose stage, ours (paired)", *(with_interval(gap, signed=True) for gap in gaps)])
        with_pose, without = paper.TABLE1["mask_pose"], paper.TABLE1["no_pose"]
        papers = [f"{with_pose[name] - without[name]:+.1f}" if name in without else "–" for name in TABLE1_NUMBERS]
        rows.append(["gain by the pose stage, the paper", *papers])
    return markdown(["Mask, on EB", *TABLE1_NUMBERS], rows), csv_text(cells)


def _csv_rows(network, seeds, estimates):
    """The rows of table1.csv of a network: each number over all seeds, then of each seed."""
    for name, over_all in estimates.items():
        alone = {seed: estimate([resampled], name) for seed, resampled in enumerate(seeds, start=1)}
        for seed, one in {"all": over_all, **alone}.items():
            yield [network, "ours", seed, name, *map(_percent, (one.value, one.low, one.high))]


def differences(sets: Mapping[str, Mapping[str, Sequence[Resampled]]]) -> list[dict[str, Any]]:
    """Return the answers to those QUESTIONS that can be answered, JSON-able.

    sets: {set of images: {network: [its resampled scores, one for each seed]}}.
    """
    answers = []
    for (first, second), (question, numbers) in QUESTIONS.items():
        for set_name, networks in sets.items():
            for number in numbers:
                if not {first, second} <= networks.keys():
                    continue
                pooled, seeds = difference(networks[first], networks[second], number)
                if np.isnan(pooled.value):
                    continue
                answers.append({
                    "question": question, "first": first, "second": second, "photographs": set_name,
                    "figure": number, "all_seeds": pooled.document(), "verdict": verdict(pooled),
                    "per_seed": [seed.document() for seed in seeds],
                })  # fmt: skip
    return answers


def verdict(gap: Estimate) -> str:
    """Return what a difference, first - second, says about a question."""
    if gap.low <= 0 <= gap.high:
        return "not shown"
    return ("yes" if gap.low > 0 else "no: it harms") + (", in this one training" if gap.seeds == 1 else "")


def differences_text(answers: Sequence[Mapping[str, Any]]) -> str:
    """Return what ``differences`` returned as Markdown."""
    rows = []
    for answer in answers:
        gap = answer["all_seeds"]
        seeds = ", ".join(f"{100 * seed['value']:+.1f}" for seed in answer["per_seed"])
        rows.append([
            answer["question"], f"{answer['first']} − {answer['second']}",
            f"{answer['figure']}, {answer['photographs']}",
            f"{100 * gap['value']:+.1f} ({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f})", seeds,
            answer["verdict"],
        ])  # fmt: skip
    return markdown(["Question", "Difference", "Of", "Points (95 %)", "Each seed", "Answer"], rows)


def scores(sets: Mapping[str, Mapping[str, Sequence[Resampled]]]) -> dict[str, Any]:
    """Return {set: {network: {"images", "seeds", number of SCORES: Estimate.document()}}}; ``sets`` as above."""
    return {
        set_name: {
            network: {
                "images": len(seeds[0].names),
                "seeds": len(seeds),
                **{name: estimate(seeds, name).document() for name in SCORES},
            }
            for network, seeds in networks.items()
        }
        for set_name, networks in sets.items()
    }


def scores_text(document: Mapping[str, Any]) -> str:
    """Return what ``scores`` returned as Markdown."""
    rows = []
    for set_name, networks in document.items():
        for network, row in networks.items():
            rows.append([set_name, network, row["seeds"], *(_of_document(row[name]) for name in SCORES)])
    return markdown(["Images", "Network", "Seeds", *SCORES], rows)


def with_interval(estimate: Estimate, signed: bool = False) -> str:
    """Return an estimate in percent as "value (low–high)", or if it is ``signed`` as "+value (+low to +high)"."""
    if np.isnan(estimate.value):
        return "–"
    sign, to = ("+", " to ") if signed else ("", "–")
    value, low, high = (f"{100 * number:{sign}.1f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low}{to}{high})"


def spread(estimate: Estimate) -> str:
    """Return the seeds of an estimate in percent as "lowest–highest"."""
    return "–" if np.isnan(estimate.value) else f"{100 * estimate.lowest:.1f}–{100 * estimate.highest:.1f}"


def _of_document(document):
    """``with_interval`` of what ``Estimate.document`` returned."""
    if document["value"] is None:
        return "–"
    return f"{100 * document['value']:.1f} ({100 * document['low']:.1f}–{100 * document['high']:.1f})"


def _plain(value):
    return "–" if value is None else f"{value:.1f}"


def _percent(value):
    return "" if np.isnan(value) else round(100 * float(value), 2)
