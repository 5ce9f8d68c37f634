"""HDF5 from outside: what it declares is checked before it is read; what is written is whole or not there."""

import tracemalloc

import h5py
import numpy as np
import pytest

from conftest import files_of_at_most
from maskpose.errors import InputError
from maskpose.evaluation import prediction_readers
from maskpose.evaluation.predictions import Predictions
from maskpose.io.hdf5 import open_hdf5, read_numbers, read_text_attribute, read_texts, write_hdf5

HAND = (np.arange(42.0).reshape(21, 2) + 0.25, np.full(21, 0.5))


@pytest.fixture
def path(tmp_path):
    """A file of predictions on two photographs."""
    Predictions.from_hands("peer", {"1.jpg": HAND, "2.jpg": HAND}).write(tmp_path / "x.h5")
    return tmp_path / "x.h5"


def huge(file, **options):
    file.create_dataset("keypoints", (1 << 40, 21, 2), "f4", chunks=(1, 21, 2), **options)


def to_other_file(file):
    file["keypoints"] = h5py.ExternalLink("/etc/passwd", "/keypoints")


def virtual(file):
    layout = h5py.VirtualLayout((2, 21, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "keypoints", (2, 21, 2))
    file.create_virtual_dataset("keypoints", layout)


ODD = {
    "another shape": lambda file: file.create_dataset("keypoints", data=np.zeros((2, 20, 2))),
    "another length": lambda file: file.create_dataset("keypoints", data=np.zeros((3, 21, 2))),
    "huge": huge,
    "one huge chunk": lambda file: file.create_dataset(
        "keypoints", (2, 21, 2), "f4", maxshape=(None, 21, 2), chunks=(1 << 22, 21, 2), compression="gzip"
    ),
    "texts": lambda file: file.create_dataset("keypoints", (2, 21, 2), h5py.string_dtype()),
    "references": lambda file: file.create_dataset("keypoints", (2, 21, 2), h5py.ref_dtype),
    "lists": lambda file: file.create_dataset("keypoints", (2, 21, 2), h5py.vlen_dtype("f8")),
    "compound": lambda file: file.create_dataset("keypoints", (2, 21, 2), [("x", "f8"), ("y", "f8")]),
    "complex": lambda file: file.create_dataset("keypoints", (2, 21, 2), "c16"),
    "nothing": lambda file: file.create_dataset("keypoints", data=h5py.Empty("f4")),
    "a group": lambda file: file.create_group("keypoints"),
    "a type": lambda file: file.__setitem__("keypoints", np.dtype("f8")),
    "missing": lambda file: None,
    "a link to another file": to_other_file,
    "a link to nothing": lambda file: file.__setitem__("keypoints", h5py.SoftLink("/nowhere")),
    "virtual": virtual,
    "in another file": lambda file: file.create_dataset(
        "keypoints", (2, 21, 2), "u1", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_dataset_that_is_not_what_is_expected_is_refused_before_it_is_read(path, odd):
    with h5py.File(path, "a") as file:
        del file["keypoints"]
        ODD[odd](file)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"x\.h5: .*keypoints"):
            prediction_readers.read_predictions(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "names",
    [
        np.arange(2.0), np.array([["1.jpg", "2.jpg"]], "S"), np.array([b"1.jpg", b"\xff"], "S"),
        h5py.Empty(h5py.string_dtype()), np.array("1.jpg", "S"),
    ],
)  # fmt: skip
def test_names_that_are_no_texts_are_refused(path, names):
    with h5py.File(path, "a") as file:
        del file["names"]
        file["names"] = names
    with pytest.raises(InputError, match=r"x\.h5"):
        prediction_readers.read_predictions(path)


def test_names_of_fixed_length_are_read(path):
    with h5py.File(path, "a") as file:
        del file["names"]
        file["names"] = np.array([b"1.jpg", b"22.jpg"])
    assert prediction_readers.read_predictions(path).names == ["1.jpg", "22.jpg"]


def test_texts_that_all_are_one_long_text_do_not_fill_the_memory(tmp_path):
    """A file stores a text once, and as many places as it likes may point to it."""
    with h5py.File(tmp_path / "x.h5", "w", libver="earliest") as file:
        file.create_dataset("names", (20_000,), h5py.string_dtype())
        file["names"][0] = "x" * 60_000
    data = bytearray((tmp_path / "x.h5").read_bytes())
    with h5py.File(tmp_path / "x.h5") as file:
        start = file["names"].id.get_offset()
    data[start : start + 16 * 20_000] = data[start : start + 16] * 20_000
    (tmp_path / "x.h5").write_bytes(data)
    with pytest.raises(InputError, match="the texts of names are too long"), open_hdf5(tmp_path / "x.h5") as file:
        read_texts(file, "names")


@pytest.mark.parametrize("value", [3.5, np.arange(3), ["a", "b"], h5py.Empty("S5"), h5py.Reference()])
def test_an_attribute_that_is_no_text_is_refused(path, value):
    with h5py.File(path, "a") as file:
        del file.attrs["predictor"]
        file.attrs.create("predictor", value, dtype=h5py.ref_dtype if isinstance(value, h5py.Reference) else None)
    with pytest.raises(InputError, match=r"x\.h5: expected a text as the attribute predictor"):
        prediction_readers.read_predictions(path)


def test_every_cut_and_many_flips_of_a_file_are_refused_or_read(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for end in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"x\.h5"):
            prediction_readers.read_predictions(path)
    for place in rng.integers(0, len(whole), 200):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            prediction_readers.read_predictions(path)
        except InputError as error:
            assert "x.h5" in str(error)


def test_what_is_written_comes_back_and_a_full_disk_leaves_nothing(tmp_path):
    with write_hdf5(tmp_path / "x.h5") as file:
        file["a"] = np.arange(3)
        file.attrs["name"] = "ü"
    before = (tmp_path / "x.h5").read_bytes()
    written = write_hdf5(tmp_path / "x.h5")
    with files_of_at_most(100), pytest.raises(InputError, match=r"x\.h5 cannot be written: "), written as file:
        file["a"] = np.arange(300)
    assert [one.name for one in tmp_path.iterdir()] == ["x.h5"] and (tmp_path / "x.h5").read_bytes() == before
    with open_hdf5(tmp_path / "x.h5") as file:
        assert read_numbers(file, "a", (None,)).tolist() == [0, 1, 2] and read_text_attribute(file, "name") == "ü"


def test_many_texts_of_all_lengths_come_back(tmp_path):
    names = ["x" * (n % 70) + str(n) for n in range(3000)]
    with write_hdf5(tmp_path / "x.h5") as file:
        file["names"] = np.array(names, h5py.string_dtype())
        file["more"] = np.array(["é" * 5000, "", "a"], h5py.string_dtype())
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["more"]
        file["later"] = np.array(["b" * 9000], h5py.string_dtype())
    with open_hdf5(tmp_path / "x.h5") as file:
        assert read_texts(file, "names") == names and read_texts(file, "later") == ["b" * 9000]


def test_texts_through_which_hdf5_would_walk_without_end_are_an_error(tmp_path):
    with write_hdf5(tmp_path / "x.h5") as file:
        file["names"] = np.array(["a"], h5py.string_dtype())
    data = bytearray((tmp_path / "x.h5").read_bytes())
    first = data.index(b"GCOL") + 16
    data[first + 8 : first + 16] = b"\xff" * 8  # the first text's length, rounded up with its head: 0
    (tmp_path / "x.h5").write_bytes(data)
    with pytest.raises(InputError, match="its texts are damaged"), open_hdf5(tmp_path / "x.h5"):
        pass
