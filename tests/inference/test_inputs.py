import os

import pytest

from maskpose.errors import InputError
from maskpose.inference.image_paths import find_images
from maskpose.io import files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "album" / "deep").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.jpeg"):
        (tmp_path / "album" / name).touch()
    return tmp_path


def keys(found):
    return [one.key for one in found]


def test_a_folder_is_all_pictures_in_and_below_it(folder):
    found = find_images([folder / "album"])
    assert keys(found) == ["a", "b", "deep/c"]
    assert [one.name for one in found] == ["a.PNG", "b.jpg", "deep/c.jpeg"]
    assert found[2].path == folder / "album/deep/c.jpeg"


def test_a_pattern_and_a_file(folder):
    assert keys(find_images([f"{folder}/album/*.jpg"])) == ["b"]
    assert keys(find_images([f"{folder}/album/**/*.j*"])) == ["b", "deep/c"]
    assert [one.name for one in find_images([folder / "album/notes.txt"])] == ["notes.txt"]
    assert keys(find_images(["missing.jpg"])) == ["missing"]  # reading it is the error


def test_a_file_whose_name_looks_like_a_pattern(folder):
    (folder / "hand[1].jpg").touch()
    assert keys(find_images([folder / "hand[1].jpg"])) == ["hand[1]"]


def test_what_cannot_be(folder):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        find_images([folder / "empty"])
    with pytest.raises(InputError, match="no file fits the pattern"):
        find_images([f"{folder}/*.gif"])


def test_results_of_a_pattern_keep_the_folders_below_its_fixed_part(folder):
    (folder / "album/other").mkdir()
    (folder / "album/other/c.jpeg").touch()
    found = find_images([f"{folder}/album/*/c.jpeg"])
    assert keys(found) == ["deep/c", "other/c"]
    assert [one.name for one in found] == ["deep/c.jpeg", "other/c.jpeg"]


def test_each_photograph_once(folder):
    assert keys(find_images([folder / "album", f"{folder}/album/*.jpg"])) == ["a", "b", "deep/c"]


def test_hidden_files_and_what_runs_wrote_are_no_photographs(folder):
    for name in ("._b.jpg", ".cache/d.jpg", "b_mask.png", "deep/c_overlay.png"):
        (folder / "album" / name).parent.mkdir(exist_ok=True)
        (folder / "album" / name).touch()
    files.note_names(folder / "album", ["b_mask.png", "deep/c_overlay.png"])
    for argument in (folder / "album", f"{folder}/album/**/*.*[gG]"):
        assert keys(find_images([argument])) == ["a", "b", "deep/c"]
    assert keys(find_images([folder / "album/deep"])) == ["c"]  # noted in a folder above
    assert keys(find_images([folder / "album/b_mask.png"])) == ["b_mask"]  # asked for by name
    files.note_names(folder / "album", ["deep/c.jpeg"])
    with pytest.raises(InputError, match=r"holds no images .*, except results of earlier runs"):
        find_images([folder / "album/deep"])


JPEG, TIFF = b"\xff\xd8\xff\xe0 and so on, as a JPEG begins", b"II*\0 and so on, as a TIFF begins, or a raw image"


def test_a_folder_has_images_of_every_kind_that_is_read(tmp_path, capsys):
    for name in ("a.JPG", "b.jfif", "c.gif", "d.HEIC", "e.jpe", "f.avif", "g.TIFF", "h.pbm"):
        (tmp_path / name).touch()
    (tmp_path / "IMG_1").write_bytes(JPEG)
    (tmp_path / "frame.0001").write_bytes(JPEG)
    (tmp_path / "frame.0002").write_bytes(JPEG)
    (tmp_path / "scan").write_bytes(TIFF)
    for name in ("notes.txt", "film.mp4", "IMG_2", "labels.json"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypisom no image" if name == "film.mp4" else b"no image")
    assert keys(find_images([tmp_path])) == ["IMG_1", *"abcdef", "frame.0001", "frame.0002", "g", "h", "scan"]
    assert capsys.readouterr().err == ""


def test_a_folders_images_that_are_not_read_are_named(tmp_path, capsys):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/b.CR2").write_bytes(TIFF)
    (tmp_path / "c.xyz").write_bytes(TIFF)
    (tmp_path / "d.jxl").touch()
    (tmp_path / "other").symlink_to(tmp_path / "deep")
    assert keys(find_images([tmp_path])) == ["a"]
    kinds = "c.xyz (of a kind that is not read), d.jxl (of a kind that is not read), deep/b.CR2 (of a kind that is not"
    assert capsys.readouterr().err == f"skipped in {tmp_path}: {kinds} read), other (a link to a folder)\n"
    find_images([tmp_path], quiet=True)
    assert capsys.readouterr().err == ""


def test_a_link_to_a_missing_image_is_listed(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    assert keys(find_images([tmp_path])) == ["a"]


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="holds no images"):
        find_images([tmp_path])


def test_names_that_differ_in_the_suffix_alone_are_told_apart(tmp_path):
    for name in ("IMG_1.HEIC", "IMG_1.JPG", "IMG_2.HEIC"):
        (tmp_path / name).touch()
    assert keys(find_images([tmp_path])) == ["IMG_1.HEIC", "IMG_1.JPG", "IMG_2"]
    assert keys(find_images([f"{tmp_path}/IMG_?.*"])) == ["IMG_1.HEIC", "IMG_1.JPG", "IMG_2"]


def test_a_name_that_is_not_utf8(tmp_path):
    name = os.fsdecode(b"gr\xfc\xdfe.jpg")
    (tmp_path / name).touch()
    assert keys(find_images([tmp_path])) == [name.removesuffix(".jpg")]
