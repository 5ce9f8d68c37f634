"""Text and JSON from outside: whatever the bytes hold, a value comes out or an InputError that names the file.

``maskpose.files`` reads whole files by these (read_text, read_lines, read_json).
"""

import io
import json

from maskpose.errors import InputError

MAX_DEPTH = 64  # lists and objects inside one another; none of our formats has more than ten
DIGITS = "integer string conversion"  # in Python's message about integers of too many digits


def decode_text(data: bytes, name: str) -> str:
    """The text in a file's bytes: UTF-8, or UTF-16 or UTF-32 by its byte order mark or its zeros; no mark remains.

    Other encodings are not guessed: a wrong guess changes names silently. Raises InputError that names ``name``.
    """
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = f" (line {line}): save it as UTF-8" if encoding == "utf-8" else ""
        raise InputError(f"{name} is not a text file in UTF-8{hint}") from None
    if "\0" in text:
        raise InputError(f"{name} is not a text file in UTF-8: it holds zeros")
    return text.removeprefix("\ufeff")


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends, as editors count them: at LF, CR and CRLF alone."""
    return list(io.StringIO(text, newline=""))


def parse_json(text: str | bytes, name: str):
    """What a JSON text holds. Raises InputError that names ``name``: no JSON, too deep, integers of too many digits."""
    if isinstance(text, bytes):
        text = decode_text(text, name)
    too_deep = f"{name} is not JSON that can be read: its lists and objects are more than {MAX_DEPTH} deep"
    try:
        document = json.loads(text)
    except RecursionError:
        raise InputError(too_deep) from None
    except ValueError as error:
        reason = "it holds an integer of too many digits" if DIGITS in str(error) else error
        raise InputError(f"{name} is not JSON: {reason}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(document, MAX_DEPTH):
        raise InputError(too_deep)
    return document


def _deeper_than(document, depth):
    """Whether lists and dicts lie more than ``depth`` deep in one another: repr and json.dumps would recurse."""
    level = [document] if isinstance(document, (list, dict)) else []
    for _ in range(depth):
        inside = (one.values() if type(one) is dict else one for one in level)
        level = [value for values in inside for value in values if type(value) in (list, dict)]
        if not level:
            return False
    return True
