import pytest

from maskpose import files
from maskpose.errors import InputError
from maskpose.inputs import photographs


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "album" / "deep").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.jpeg"):
        (tmp_path / "album" / name).touch()
    return tmp_path


def keys(found):
    return [one.key for one in found]


def test_a_folder_is_all_pictures_in_and_below_it(folder):
    found = photographs([folder / "album"])
    assert keys(found) == ["a", "b", "deep/c"]
    assert [one.name for one in found] == ["a.PNG", "b.jpg", "deep/c.jpeg"]
    assert found[2].path == folder / "album/deep/c.jpeg"


def test_a_pattern_and_a_file(folder):
    assert keys(photographs([f"{folder}/album/*.jpg"])) == ["b"]
    assert keys(photographs([f"{folder}/album/**/*.j*"])) == ["b", "deep/c"]
    assert [one.name for one in photographs([folder / "album/notes.txt"])] == ["notes.txt"]
    assert keys(photographs(["missing.jpg"])) == ["missing"]  # reading it is the error


def test_a_file_whose_name_looks_like_a_pattern(folder):
    (folder / "hand[1].jpg").touch()
    assert keys(photographs([folder / "hand[1].jpg"])) == ["hand[1]"]


def test_what_cannot_be(folder):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        photographs([folder / "empty"])
    with pytest.raises(InputError, match="no file is called like"):
        photographs([f"{folder}/*.gif"])


def test_results_of_a_pattern_keep_the_folders_below_its_fixed_part(folder):
    (folder / "album/other").mkdir()
    (folder / "album/other/c.jpeg").touch()
    found = photographs([f"{folder}/album/*/c.jpeg"])
    assert keys(found) == ["deep/c", "other/c"]
    assert [one.name for one in found] == ["deep/c.jpeg", "other/c.jpeg"]


def test_each_photograph_once(folder):
    assert keys(photographs([folder / "album", f"{folder}/album/*.jpg"])) == ["a", "b", "deep/c"]


def test_hidden_files_and_what_runs_wrote_are_no_photographs(folder):
    for name in ("._b.jpg", ".cache/d.jpg", "b_mask.png", "deep/c_overlay.png"):
        (folder / "album" / name).parent.mkdir(exist_ok=True)
        (folder / "album" / name).touch()
    files.note_names(folder / "album", ["b_mask.png", "deep/c_overlay.png"])
    for argument in (folder / "album", f"{folder}/album/**/*.*[gG]"):
        assert keys(photographs([argument])) == ["a", "b", "deep/c"]
    assert keys(photographs([folder / "album/deep"])) == ["c"]  # noted in a folder above
    assert keys(photographs([folder / "album/b_mask.png"])) == ["b_mask"]  # asked for by name
    files.note_names(folder / "album", ["deep/c.jpeg"])
    with pytest.raises(InputError, match=r"holds no pictures .*, but for results of earlier runs"):
        photographs([folder / "album/deep"])
