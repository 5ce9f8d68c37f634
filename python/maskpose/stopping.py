"""Ctrl-C and SIGTERM as a request to stop: the work at hand is finished first."""

import signal
import sys
from types import FrameType

from tqdm import tqdm


class StopRequest:
    """A context manager in which Ctrl-C and SIGTERM set ``asked``. A second one raises KeyboardInterrupt at once."""

    def __init__(self, message: str | None = None):
        """Prepare; ``message`` is printed at the first request, if there is one."""
        self.asked = False
        self._message = message

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._message:
            tqdm.write(self._message, file=sys.stderr)
