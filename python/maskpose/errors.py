"""The one exception that means "what the user gave us is wrong", and how scripts end on it."""

import functools
import sys


class InputError(ValueError):
    """Bad input: the message names the file, line or key, and says what was expected."""


def one_line_errors(main):
    """Decorate a script's ``main``: an InputError ends it with one line on stderr and status 2."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except InputError as error:
            sys.exit(f"error: {error}")

    return wrapped
