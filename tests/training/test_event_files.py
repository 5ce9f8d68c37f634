"""Event files as TensorBoard reads them."""

import struct
import sys

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from conftest import files_of_at_most
from maskpose.errors import InputError
from maskpose.model.variants import get_variant
from maskpose.training.loss_log import read_losses
from maskpose.training.run import Run
from maskpose.training.tensorboard import EventLog
from maskpose.training.trainer import train


def scalars(folder):
    """{tag: [(step, value), …]} of a folder's event files, read as TensorBoard reads them.

    They follow one another by name; a start of a session at a step takes back what was said of that step and later.
    """
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):  # length, its checksum, event, its checksum
            length, checksum = struct.unpack_from("<QI", data, at)
            content, ending = data[at + 12 : at + 12 + length], data[at + 12 + length : at + 16 + length]
            assert checksum == masked(crc32c(data[at : at + 8]))
            assert struct.unpack("<I", ending) == (masked(crc32c(content)),)
            event, at = Event.FromString(content), at + 16 + length
            if event.session_log.status == SessionLog.START:
                found = {tag: [point for point in points if point[0] < event.step] for tag, points in found.items()}
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def crc32c(data):
    """By its definition: bit by bit, the polynomial 0x1EDC6F41 reversed."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0x82F63B78 * (register & 1)
    return register ^ 0xFFFFFFFF


def masked(checksum):
    """As event files hold it."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_full_disk_is_an_error_and_leaves_whole_events(tmp_path):
    row = {"iteration": 1, "total": 2.0}
    with EventLog(tmp_path, 0) as log:
        log.add(row)
        (path,) = tmp_path.iterdir()
        before = path.read_bytes()
        with files_of_at_most(len(before) + 10), pytest.raises(InputError, match=r"tfevents.*cannot be written: File"):
            log.add(row | {"iteration": 2})
        assert path.read_bytes() == before
        log.add(row | {"iteration": 3})
    assert scalars(tmp_path) == {"loss/total": [(1, 2), (3, 2)]}


def make_run(db, folder, iterations=4, **changes):
    data = {"batch_size": 2, "input_size": 64}
    return Run(get_variant("compact/mask_pose"), str(db), folder, iterations, data=data, log_every=1, **changes)


def test_event_files_hold_what_the_csv_holds_also_after_a_resume(drawn_db, tmp_path):
    """The second run goes on from iteration 2 although the first had got to 3, as after a kill."""
    options = {"snapshot_every": 2, "val_db": str(drawn_db), "val_limit": 2, "tensorboard": True}
    train(make_run(drawn_db, tmp_path, 3, **options), progress=False)
    for path in tmp_path.glob("*_iter_3.*"):
        path.unlink()
    train(make_run(drawn_db, tmp_path, 4, **options), resume="auto", progress=False)
    rows, found = read_losses(tmp_path / "losses.csv"), scalars(tmp_path)
    tags = {
        "loss/total": "total", "loss/mask": "mask_loss",
        **{f"loss/stage{stage}": f"heatmap_loss_stage{stage}" for stage in (2, 3, 4)},
        "training/learning_rate": "learning_rate", "training/images_per_second": "images_per_second",
        "training/waiting_share": "waiting_share",
        "validation/pck": "val_pck", "validation/mask_iou": "val_mask_iou",
    }  # fmt: skip
    assert set(found) == set(tags)
    for tag, column in tags.items():
        expected = [(row["iteration"], row[column]) for row in rows if column in row]
        assert [step for step, _ in found[tag]] == [step for step, _ in expected], tag
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in expected], rel=1e-5), tag
    assert len(found["loss/total"]) == 4 and [step for step, _ in found["validation/pck"]] == [2, 4]


def test_event_files_are_not_written_unless_asked_for(drawn_db, tmp_path):
    train(make_run(drawn_db, tmp_path, 1), progress=False)
    assert not list(tmp_path.glob("events*"))


def test_a_missing_library_is_an_error_before_anything_is_trained(drawn_db, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match=r"need tensorboardX: pip install 'maskpose\[train\]'"):
        train(make_run(drawn_db, tmp_path, tensorboard=True), progress=False)
    assert not (tmp_path / "losses.csv").exists()
