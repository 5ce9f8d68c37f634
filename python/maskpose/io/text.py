"""Text and JSON from outside: whatever the bytes hold, a value comes out, or an InputError that names the file.

``maskpose.io.files`` reads whole files by these functions (read_text, read_lines, read_json).
"""

import io
import json
from collections import Counter
from typing import Any

from maskpose.errors import InputError

MAX_DEPTH = 64  # lists and objects inside one another; none of our formats has more than ten
DIGITS = "integer string conversion"  # in Python's message about integers of too many digits


class RepeatedKey(dict):
    """A JSON object that has the keys ``repeated`` twice: nobody can tell which of their values are meant."""

    repeated: tuple[str, ...] = ()


def decode_text(data: bytes, name: str, odd_lines: bool = False) -> str:
    """Return the text in a file's bytes, without a byte order mark.

    The encoding is UTF-8, or UTF-16 or UTF-32 by its byte order mark or its zeros. Other encodings are not guessed: a
    wrong guess changes names silently.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.
        odd_lines: whether lines after the first may hold bytes that are not UTF-8. Zeros then stay as they are, and
            other such bytes become halves of characters; ``is_text`` finds both.

    Raises:
        InputError: the bytes are not text.
    """
    encoding = json.detect_encoding(data)
    odd_lines = odd_lines and encoding == "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if not odd_lines or line == 1:
            hint = f" (line {line}): save it as UTF-8" if encoding == "utf-8" else ""
            raise InputError(f"{name} is not a text file in UTF-8{hint}") from None
        text = data.decode(encoding, "surrogateescape")
    if "\0" in (text.partition("\n")[0] if odd_lines else text):
        raise InputError(f"{name} is not a text file in UTF-8: it holds zeros")
    return text.removeprefix("\ufeff")


def is_text(text: str) -> bool:
    """Return whether ``text`` can be written as UTF-8 and holds no zero."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return "\0" not in text


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends, as editors count them: at LF, CR and CRLF alone."""
    return list(io.StringIO(text, newline=""))


def parse_json(text: str | bytes, name: str) -> Any:
    """Return what a JSON text holds. An object that has a key twice becomes a RepeatedKey.

    Args:
        text: of the document.
        name: of the document, for messages.

    Raises:
        InputError: the text is not JSON, is more than MAX_DEPTH deep, or holds an integer of too many digits.
    """
    if isinstance(text, bytes):
        text = decode_text(text, name)
    too_deep = f"{name} is not JSON that can be read: its lists and objects are more than {MAX_DEPTH} deep"
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise InputError(too_deep) from None
    except ValueError as error:
        reason = "it holds an integer of too many digits" if DIGITS in str(error) else error
        raise InputError(f"{name} is not JSON: {reason}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(document, MAX_DEPTH):
        raise InputError(too_deep)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    odd, keys = RepeatedKey(members), Counter(key for key, _ in pairs)
    odd.repeated = tuple(key for key, count in keys.items() if count > 1)
    return odd


def _deeper_than(document: Any, depth: int) -> bool:
    """Return whether lists and dicts lie more than ``depth`` deep in one another: repr and json.dumps would recurse."""
    level = [document] if isinstance(document, (list, dict)) else []
    for _ in range(depth):
        inside = (container.values() if isinstance(container, dict) else container for container in level)
        level = [value for values in inside for value in values if isinstance(value, (list, dict))]
        if not level:
            return False
    return True
