import pytest

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
    assert keys(photographs([f"{folder}/album/**/*.j*"])) == ["b", "c"]
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
    (folder / "album/b.png").touch()
    with pytest.raises(InputError, match=r"both write b\.json"):
        photographs([folder / "album"])
