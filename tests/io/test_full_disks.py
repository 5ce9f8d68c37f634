"""What is left, and said, if the disk takes no more or a folder vanishes.

A limit on files' sizes stands for a full disk or a quota.
"""

import os
import shutil

import numpy as np
import pytest

from conftest import files_of_at_most
from maskpose.data.database import Writer
from maskpose.errors import InputError
from maskpose.io.files import (
    FILLING,
    MARK,
    GrowingFile,
    OutputFolder,
    check_output,
    fresh_folder,
    new_folder,
    write_text,
)
from maskpose.io.images import write_image
from maskpose.training.loss_log import LossLog, read_losses

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
WRITERS = {
    "a.txt": lambda path: write_text(path, "x" * 2000),
    "a.png": lambda path: write_image(path, NOISE),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_does_not_fit_leaves_the_former_one(name, tmp_path):
    (tmp_path / name).write_text("former")
    with files_of_at_most(1000), pytest.raises(InputError, match=rf"{name} cannot be written: File too large"):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_text() == "former" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_does_not_fit_is_not_there(tmp_path):
    def fill():
        with new_folder(tmp_path / "new") as partial:
            (partial / "a").write_bytes(bytes(2000))

    with files_of_at_most(1000), pytest.raises(InputError, match="new cannot be made: File too large"):
        fill()
    assert not list(tmp_path.iterdir())


def test_two_processes_do_not_fill_one_folder(tmp_path):
    """Two locks of one process stand for them."""
    for fill in (new_folder, fresh_folder):
        with fill(tmp_path / "out") as folder:
            (folder / "a").touch()
            with pytest.raises(InputError, match="out is being written by another process"), fill(tmp_path / "out"):
                pass
            assert (folder / "a").exists()
        shutil.rmtree(tmp_path / "out")
        assert not list(tmp_path.iterdir())


def test_a_folder_that_this_program_filled_is_emptied_and_no_other(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/photo.jpg").touch()
    with pytest.raises(InputError, match="not this program's"), fresh_folder(tmp_path / "out"):
        pass
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.jpg"]
    with fresh_folder(tmp_path / "ours") as folder:
        (folder / "deep/er").mkdir(parents=True)
        (folder / "link").symlink_to(tmp_path / "out")
    with fresh_folder(tmp_path / "ours") as folder:
        assert {path.name for path in folder.iterdir()} == {MARK, FILLING}
    assert (tmp_path / "out/photo.jpg").exists() and [path.name for path in folder.iterdir()] == [MARK]


def test_a_folder_to_be_filled_anew_that_vanishes_is_said(tmp_path):
    with pytest.raises(InputError, match="out was removed or replaced"), fresh_folder(tmp_path / "out") as folder:
        shutil.rmtree(folder)
    assert not list(tmp_path.iterdir())


def test_a_line_that_does_not_fit_leaves_the_lines_before_it(tmp_path):
    with GrowingFile(tmp_path / "log") as lines, files_of_at_most(10):
        lines.write("whole\n")
        with pytest.raises(InputError, match="log cannot be written: File too large"):
            lines.write("too long\n")
        lines.write("fit\n")
    with GrowingFile(tmp_path / "log") as lines:
        lines.write("more\n")
    assert (tmp_path / "log").read_text() == "whole\nfit\nmore\n"


def test_lines_are_read_while_they_grow_and_a_pipe_takes_them(tmp_path):
    with GrowingFile(tmp_path / "deep/a.jsonl") as lines:
        assert not lines.path.exists()  # what is there stays until there is something to write
        lines.write("one\n")
        assert lines.path.read_text() == "one\n"
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with GrowingFile(tmp_path / "pipe") as lines:
        lines.write("two\n")
        assert os.read(reading, 10) == b"two\n"
        os.close(reading)
        with pytest.raises(InputError, match="pipe cannot be written: Broken pipe"):
            lines.write("three\n")


def test_lines_begin_anew_where_that_is_asked_and_not_before_the_first(tmp_path):
    (tmp_path / "log").write_text("former\n")
    with GrowingFile(tmp_path / "log", anew=True) as lines:
        assert (tmp_path / "log").read_text() == "former\n"
        lines.write("new\n")
    assert (tmp_path / "log").read_text() == "new\n"


def test_lines_of_a_file_that_was_removed_or_replaced_are_not_lost_without_a_word(tmp_path):
    for anew in (lambda path: None, lambda path: path.write_text("another")):
        lines = GrowingFile(tmp_path / "log", anew=True)
        lines.write("one\n")
        (tmp_path / "log").rename(tmp_path / "moved")  # so that its number is not taken again
        anew(tmp_path / "log")
        with pytest.raises(InputError, match="log was removed or replaced while it was written"):
            lines.close()


def test_an_output_folder_that_vanishes_is_said_after_the_next_file(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    for name in ("a", "b"):
        write_text(tmp_path / "out" / name, "")
        folder.check()
    (tmp_path / "out").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="out was removed or replaced"):
        folder.check()
    write_text(tmp_path / "out/c", "")  # makes the folder anew
    with pytest.raises(InputError, match="out was removed or replaced"):
        folder.check()


def test_a_relative_name_in_a_removed_working_directory_is_said(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(InputError, match=r"^a/b cannot be written: the working directory has been removed"):
        write_text("a/b", "")
    write_text(tmp_path / "a/b", "an absolute name is none of its business")


def test_where_no_file_can_be_is_said_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for path, said in ((tmp_path, "it is a folder"), (tmp_path / "file/below/a", "Not a directory")):
        with pytest.raises(InputError, match=f"cannot be written: {said}"):
            check_output(path)
    check_output(tmp_path / "new/below/a")
    check_output(None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_database_that_cannot_even_begin_leaves_nothing(tmp_path):
    with files_of_at_most(100), pytest.raises(InputError, match=r"a\.lmdb cannot be written"):
        Writer(tmp_path / "deep/a.lmdb", {}, "plan")
    assert not list(tmp_path.iterdir())


def test_losses_that_do_not_fit_leave_whole_rows(tmp_path):
    path = tmp_path / "losses.csv"
    with LossLog(path, {"mask_loss": 1.0}, 0, 1) as log:
        log.add({"mask_loss": 0.5}, 0.0)
        log.write(1, 0.1)
        log.add({"mask_loss": 0.5}, 0.0)
        said = pytest.raises(InputError, match=r"losses\.csv cannot be written")
        with files_of_at_most(path.stat().st_size + 10), said:
            log.write(2, 0.1)
    assert path.read_text().endswith("\n") and [row["iteration"] for row in read_losses(path)] == [1]
