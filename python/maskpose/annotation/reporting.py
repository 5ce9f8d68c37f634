"""A project's state and history as text."""

from collections import Counter

from maskpose.io.tables import csv_text


def format_status(packages):
    """Lines for people about [maskpose.annotation.store.Package]: a row a package, and how many are in each state."""
    rows = [("package", "photos", "annotator", "state", "corrected", "validated by", "being checked by")]
    rows += [
        (one.name, str(one.photographs), one.annotator or "-", one.state, str(one.corrections),
         ",".join(one.validators) or "-", ",".join(one.checking) or "-")
        for one in packages
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    counts = Counter(one.state for one in packages)
    noun = "package" if len(packages) == 1 else "packages"
    lines.append(f"{len(packages)} {noun}: {', '.join(f'{n} {state}' for state, n in sorted(counts.items()))}")
    return "\n".join(lines)


def corrections_csv(found):
    """[maskpose.annotation.store.Correction] as CSV; pixels, where a keypoint was moved, are how far."""
    rows = [["time", "person", "package", "photograph", "part", "pixels", "change"]]
    for one in found:
        pixels = "" if one.pixels is None else f"{one.pixels:.2f}"
        change = "added" if one.before is None else "removed" if one.after is None else "changed"
        rows.append([one.time, one.person, one.package, one.photograph, one.part, pixels, change])
    return csv_text(rows)
