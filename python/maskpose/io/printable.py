"""Text from outside for messages and pages: what a reader would not see, or a terminal would obey, is escaped."""

import unicodedata

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control characters, marks of format and direction, half characters, line ends
JOINERS = "\u200c\u200d"  # spell words in several scripts, and some emoji; they act on their neighbours alone


def printable(text: str) -> str:
    """``text`` with its hidden characters as escapes, such as \\x1b, \\u202e (right-to-left override) and \\udce4.

    What is escaped: HIDDEN but for JOINERS, line ends included. Names that are not UTF-8 can be printed then.
    """
    if text.isprintable():
        return text
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in HIDDEN and one not in JOINERS else one
        for one in text
    )


def plot_label(text: str) -> str:
    """``text`` for matplotlib, which takes what is between two $ for a formula, and leaves out labels like _this."""
    text = printable(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
