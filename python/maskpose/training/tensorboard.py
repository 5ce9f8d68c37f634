"""The record of a training run as TensorBoard reads it: event files of tensorboardX's messages.

tensorboardX's own writer is a thread. It ends if the disk is full, and the training would wait for it for ever.
"""

import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.io.files import GrowingFile
from maskpose.io.paths import PathLike
from maskpose.training.loss_log import VALIDATION, part_name


def require() -> None:
    """Raise InputError if tensorboardX is not installed."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise InputError("TensorBoard's event files need tensorboardX: " + install_command("tensorboardX")) from None


class EventLog:
    """Scalars in an event file of a run's folder, within a ``with`` block; the step is the iteration.

    Tags: loss/total; loss/mask, loss/stage2 … (unweighted); training/learning_rate, training/images_per_second,
    training/waiting_share; validation/pck, validation/mask_iou.
    """

    def __init__(self, folder: PathLike, first: int):
        """Begin a file.

        Args:
            folder: of the run.
            first: iteration that the run resumes from. TensorBoard drops later ones of the earlier files.
        """
        # with the iteration in them, the names of files of the same second differ, and sort in the runs' order
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.from-{first:09d}"
        self._file, self._first = GrowingFile(Path(folder) / name), first

    def __enter__(self) -> "EventLog":
        from tensorboardX.proto.event_pb2 import SessionLog  # pyright: ignore[reportAttributeAccessIssue]

        self._write(0, file_version="brain.Event:2")
        self._write(self._first + 1, session_log=SessionLog(status=SessionLog.START))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def add(self, row: Mapping[str, float]) -> None:
        """Write a row that LossLog.write returned. Raises InputError if it cannot be written; nothing is then added."""
        from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

        scalars = {tag_of(column): value for column, value in row.items() if column != "iteration"}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(int(row["iteration"]), summary=Summary(value=values))

    def _write(self, step, **content):
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboardX.record_writer import masked_crc32c

        data = Event(wall_time=time.time(), step=step, **content).SerializeToString()
        length = struct.pack("<Q", len(data))
        checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, data)]
        self._file.write(length + checksums[0] + data + checksums[1])


def tag_of(column: str) -> str:
    """Return the tag of a column of losses.csv."""
    if column in VALIDATION:
        return f"validation/{column.removeprefix('val_')}"
    if column == "total" or "_loss" in column:
        return f"loss/{part_name(column)}"
    return f"training/{column}"
