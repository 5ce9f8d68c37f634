"""What a training run reports: progress bar, losses.csv and its curves, validation, event files."""

import contextlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from maskpose.io.progress import progress_bar
from maskpose.model.caffe_types import Solver
from maskpose.stopping import StopRequest
from maskpose.training import loss_curves, tensorboard
from maskpose.training.loss_log import LossLog, read_losses

if TYPE_CHECKING:
    from maskpose.training.run import Run
    from maskpose.training.validation import Validation

SECONDS_BETWEEN_PLOTS = 60  # at least: a plot takes a second


class TrainingMonitor:
    """Logs, plots and validates a run, within a ``with`` block."""

    def __init__(
        self,
        run: "Run",
        solver: Solver,
        weights: Mapping[str, float],
        progress: bool,
        validation: "Validation | None" = None,
    ):
        """Check and open what the run logs to.

        Args:
            run: what is trained.
            solver: of the run, at the iteration where it begins or resumes.
            weights: {loss: its weight in the total}.
            progress: whether to show bars.
            validation: scores the network; the monitor closes it. None: nothing is scored.

        Raises:
            InputError: losses.csv cannot be used, or tensorboardX is missing.
        """
        self._run, self._solver, self._progress = run, solver, progress
        self._layer = solver.net.layers[0]
        if run.tensorboard:
            tensorboard.require()
        self._log = LossLog(run.folder / "losses.csv", weights, solver.iter, self._layer.settings.batch_size)
        self._events = tensorboard.EventLog(run.folder, solver.iter) if run.tensorboard else None
        self._last_plot = time.monotonic()
        self._validation = validation

    def __enter__(self) -> "TrainingMonitor":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._log)
            if self._events:
                stack.enter_context(self._events)
            if self._validation:
                stack.callback(self._validation.close)
            last, first = self._solver.param.max_iter, self._solver.iter
            bar = progress_bar(total=last, initial=first, unit="it", disable=not self._progress)
            self._bar = stack.enter_context(bar)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def step(self, losses: Mapping[str, float], learning_rate: float, row_due: bool, stop: StopRequest) -> None:
        """Log an iteration; score the network and write a row if they are due.

        Args:
            losses: {name: value} of the iteration.
            learning_rate: of the iteration.
            row_due: whether to write a row, even if ``log_every`` asks for none.
            stop: ends validation without a result if it is asked to stop.
        """
        self._bar.update()
        self._log.add(losses, self._layer.waited)
        iteration, scores = self._solver.iter, {}
        if self._validation and (iteration % self._validation.every == 0 or iteration == self._solver.param.max_iter):
            with self._log.paused():
                scores = self._validation.measure(stop, self._progress)
        if row_due or scores or iteration % self._run.log_every == 0:
            row = self._log.write(iteration, learning_rate, scores)
            self._bar.set_postfix_str(self._log.line(row))
            if self._events:
                self._events.add(row)

    def plot(self, is_end: bool) -> None:
        """Plot the curves of the run so far, losses.png; before its end, at most every SECONDS_BETWEEN_PLOTS."""
        if not is_end and time.monotonic() < self._last_plot + SECONDS_BETWEEN_PLOTS:
            return
        self._last_plot = time.monotonic()
        run = loss_curves.Curves(self._run.variant.name, read_losses(self._log.path), self._log.weights)
        loss_curves.plot([run], self._run.folder / "losses.png", title=run.label)
