"""The one exception that means "what the user gave us is wrong"."""


class InputError(ValueError):
    """Bad input: the message names the file, line or key, and says what was expected."""
