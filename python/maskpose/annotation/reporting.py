"""A project's state and history as text."""

from collections import Counter
from collections.abc import Iterable, Sequence

from maskpose.annotation.store import Correction, Package
from maskpose.io.tables import csv_text


def format_status(packages: Sequence[Package]) -> str:
    """Return lines for people: one row per package, and how many packages are in each state."""
    rows = [("package", "photos", "annotator", "state", "corrected", "validated by", "being checked by")]
    rows += [
        (package.name, str(package.images), package.annotator or "-", package.state, str(package.corrections),
         ",".join(package.validators) or "-", ",".join(package.checking) or "-")
        for package in packages
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    counts = Counter(package.state for package in packages)
    noun = "package" if len(packages) == 1 else "packages"
    lines.append(f"{len(packages)} {noun}: {', '.join(f'{n} {state}' for state, n in sorted(counts.items()))}")
    return "\n".join(lines)


def corrections_csv(corrections: Iterable[Correction]) -> str:
    """Return corrections as CSV. The column ``pixels`` says how far a keypoint was moved; otherwise it is empty."""
    rows = [["time", "person", "package", "photograph", "part", "pixels", "change"]]
    for one in corrections:
        pixels = "" if one.pixels is None else f"{one.pixels:.2f}"
        change = "added" if one.before is None else "removed" if one.after is None else "changed"
        rows.append([one.time, one.person, one.package, one.image, one.part, pixels, change])
    return csv_text(rows)
