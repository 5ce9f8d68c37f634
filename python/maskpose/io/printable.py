"""Text from outside for messages and pages: characters that a reader cannot see, or a terminal obeys, are escaped."""

import reprlib
import unicodedata

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control characters, marks of format and direction, half characters, line ends
JOINERS = "\u200c\u200d"  # spell words in several scripts, and some emoji; they act on their neighbours alone

MOST_SHOWN = 80  # characters of a value in a message


def printable(text: str) -> str:
    """Return ``text`` with its hidden characters as escapes: \\x1b, \\u202e (right-to-left override), \\udce4.

    Hidden are the categories HIDDEN without JOINERS, line ends included. Names that are not UTF-8 can be printed so.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in HIDDEN and character not in JOINERS
        else character
        for character in text
    )


def plot_label(text: str) -> str:
    """Return ``text`` for matplotlib, which reads text between two $ as a formula and hides labels such as _this."""
    text = printable(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def short_repr(value: object) -> str:
    """Return a value as messages show it, shortened if it is large or deep."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = MOST_SHOWN
    return short.repr(value)
