"""What a training run shows of itself: progress line, losses.csv and its curves, validation, event files."""

import contextlib
import time

from maskpose.io.progress import progress_bar
from maskpose.training import loss_curves, tensorboard, validation
from maskpose.training.loss_log import LossLog, read_losses

SECONDS_BETWEEN_PICTURES = 60  # at least: drawing takes a second


class TrainingMonitor:
    """Watches a solver through a run, from within a ``with`` block."""

    def __init__(self, run, solver, weights, progress):
        """run: a training.Run; weights: {loss: its weight in the total}; progress: whether to show bars.

        Raises InputError for a validation database or a losses.csv that is none, or where tensorboardX is missing.
        """
        self._run, self._solver, self._progress = run, solver, progress
        self._layer = solver.net.layers[0]
        validation.check_options(run.val_db, run.val_every, run.val_limit)
        if run.tensorboard:
            tensorboard.require()
        self._log = LossLog(run.folder / "losses.csv", weights, solver.iter, self._layer.settings.batch_size)
        self._events = tensorboard.EventLog(run.folder, solver.iter) if run.tensorboard else None
        self._drawn = time.monotonic()
        self._validation = None
        if run.val_db:
            every = run.val_every or run.snapshot_interval
            self._validation = validation.Validation(run.variant, solver.net, run.val_db, every, run.val_limit)

    def __enter__(self):
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

    def __exit__(self, *exception):
        self._stack.__exit__(*exception)

    def step(self, losses, learning_rate, due, stop):
        """Take what an iteration gave; write a row where one is due.

        losses: {name: value}; due: whether a row is, whatever the intervals say; stop: a request to end, by which
        validation is given up.
        """
        self._bar.update()
        self._log.add(losses, self._layer.waited)
        iteration, scores = self._solver.iter, {}
        if self._validation and (iteration % self._validation.every == 0 or iteration == self._solver.param.max_iter):
            with self._log.paused():
                scores = self._validation.measure(stop, self._progress)
        if due or scores or iteration % self._run.log_every == 0:
            row = self._log.write(iteration, learning_rate, scores)
            self._bar.set_postfix_str(self._log.line(row))
            if self._events:
                self._events.add(row)

    def draw(self, last):
        """Draw the curves of the run so far into its folder, losses.png. last: False skips it where one is new."""
        if not last and time.monotonic() < self._drawn + SECONDS_BETWEEN_PICTURES:
            return
        self._drawn = time.monotonic()
        run = loss_curves.Curves(self._run.variant.name, read_losses(self._log.path), self._log.weights)
        loss_curves.draw([run], self._run.folder / "losses.png", title=run.label)
