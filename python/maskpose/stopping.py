"""Ctrl-C and SIGTERM as a request: what is being done is finished first."""

import signal
import sys

from tqdm import tqdm


class StopRequest:
    """Within it, Ctrl-C and SIGTERM set ``asked``; a second one ends at once, by KeyboardInterrupt."""

    def __init__(self, message=None):
        """message: what to tell the user at the first, if anything."""
        self.asked = False
        self._message = message

    def __enter__(self):
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._message:
            tqdm.write(self._message, file=sys.stderr)
