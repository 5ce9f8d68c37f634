"""What is left, and said, where the disk takes no more: a limit on files' sizes stands for a full disk or a quota."""

import contextlib
import resource

import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.files import Lines, new_folder, write_text
from maskpose.images import write_image
from maskpose.losses import LossLog, read_losses


@contextlib.contextmanager
def largest_file(size):
    """Within it, no file of this process grows beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
WRITERS = {
    "a.txt": lambda path: write_text(path, "x" * 2000),
    "a.png": lambda path: write_image(path, NOISE),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_does_not_fit_leaves_the_former_one(name, tmp_path):
    (tmp_path / name).write_text("former")
    with largest_file(1000), pytest.raises(InputError, match=rf"{name} cannot be written: File too large"):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_text() == "former" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_does_not_fit_is_not_there(tmp_path):
    def fill():
        with new_folder(tmp_path / "new") as partial:
            (partial / "a").write_bytes(bytes(2000))

    with largest_file(1000), pytest.raises(InputError, match="new cannot be made: File too large"):
        fill()
    assert not list(tmp_path.iterdir())


def test_a_line_that_does_not_fit_leaves_the_lines_before_it(tmp_path):
    with Lines(tmp_path / "log") as lines, largest_file(10):
        lines.write("whole\n")
        with pytest.raises(InputError, match="log cannot be written: File too large"):
            lines.write("too long\n")
        lines.write("fit\n")
    with Lines(tmp_path / "log") as lines:
        lines.write("more\n")
    assert (tmp_path / "log").read_text() == "whole\nfit\nmore\n"
    Lines(tmp_path / "log", anew=True).close()
    assert (tmp_path / "log").read_text() == ""


def test_losses_that_do_not_fit_leave_whole_rows(tmp_path):
    path = tmp_path / "losses.csv"
    with LossLog(path, {"mask_loss": 1.0}, 0, 1) as log:
        log.add({"mask_loss": 0.5}, 0.0)
        log.write(1, 0.1)
        log.add({"mask_loss": 0.5}, 0.0)
        with largest_file(path.stat().st_size + 10), pytest.raises(InputError, match=r"losses\.csv cannot be written"):
            log.write(2, 0.1)
    assert path.read_text().endswith("\n") and [row["iteration"] for row in read_losses(path)] == [1]
