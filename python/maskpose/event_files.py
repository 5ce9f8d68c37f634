"""The record of a training run as TensorBoard reads it: event files, written by tensorboardX."""

from maskpose.errors import InputError
from maskpose.losses import VALIDATION, part_name


def require():
    """Raise InputError where tensorboardX is not installed."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise InputError("TensorBoard's event files need tensorboardX: pip install tensorboardX") from None


class EventLog:
    """Scalars in an event file of a run's folder; the step is the iteration.

    Tags: loss/total, loss/mask and loss/stage2 … (unweighted, but for the total), training/learning_rate,
    training/images_per_second, training/waiting_share, validation/pck, validation/mask_iou.
    """

    def __init__(self, folder, first):
        """first: the iteration that the run goes on from; what an earlier file says of later ones is purged."""
        self._folder = folder
        self._first = first

    def __enter__(self):
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(
            str(self._folder),
            purge_step=self._first + 1,
            flush_secs=1,  # what a killed run may lose
            filename_suffix=f".from-{self._first:09d}",  # files of one second differ, and sort in the runs' order
        )
        return self

    def __exit__(self, *exception):
        self._writer.close()

    def add(self, row):
        """Write a row, as LossLog.write gives it."""
        for column, value in row.items():
            if column != "iteration":
                self._writer.add_scalar(tag_of(column), value, int(row["iteration"]))


def tag_of(column):
    """The tag of a column of losses.csv."""
    if column in VALIDATION:
        return f"validation/{column.removeprefix('val_')}"
    if column == "total" or "_loss" in column:
        return f"loss/{part_name(column)}"
    return f"training/{column}"
