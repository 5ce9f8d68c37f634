"""The exceptions that mean more than a bug in this program."""


class InputError(ValueError):
    """Bad input: the message names the file, line or key, and says what was expected."""


class WorkerError(RuntimeError):
    """A process that helps this one ended although it should not have."""
