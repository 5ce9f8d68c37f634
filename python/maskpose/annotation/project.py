"""A project's folders: packages to label, working copies to check, and what is exported."""

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from maskpose.annotation import labelme_files
from maskpose.annotation.labels import Label
from maskpose.annotation.store import Store
from maskpose.errors import InputError
from maskpose.inference.image_paths import ImageFile
from maskpose.io.files import link_or_copy, make_folder, new_folder, read_bytes, write_text
from maskpose.io.images import image_size
from maskpose.io.left_out import report_left_out
from maskpose.io.paths import PathLike, path_below
from maskpose.io.progress import progress_bar
from maskpose.io.values import text

CONFIG = "labelme.yaml"
PER_PACKAGE = 100  # section 3.3


def checked_person(name: str) -> str:
    """Return a person's name, which a folder has, too. Raises InputError if it cannot be one."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(f"{name!r} is not a name: letters, digits, '.', '-' and '_' only")
    return name


def create_project(
    images: Sequence[ImageFile], folder: PathLike, per_package: int = PER_PACKAGE
) -> dict[str, list[str]]:
    """Copy images into the packages of a new project. Images that cannot be read are named on stderr and left out.

    Args:
        images: in the packages' order.
        folder: of the project.
        per_package: images in a package; packages are of nearly equal size.

    Returns:
        {package: file names}.

    Raises:
        InputError: ``folder`` exists, no image can be read, or two images would have the same label file.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another name for a new project")
    flat = zip(images, _flat_names(images))
    usable = [(image.path, name) for image, name in flat if _is_usable(image.path, name)]
    if not usable:
        raise InputError("no image that can be read")
    count = max(1, round(len(usable) / per_package))
    ends = [len(usable) * n // count for n in range(count + 1)]
    packages = {f"p{n + 1:03d}": usable[ends[n] : ends[n + 1]] for n in range(count)}
    names = {package: [name for _, name in members] for package, members in packages.items()}
    with (
        new_folder(folder) as partial,
        progress_bar(total=len(usable), desc=str(folder), unit="image") as bar,
    ):
        for package, members in packages.items():
            make_folder(partial / "packages" / package)
            for path, name in members:
                shutil.copyfile(path, partial / "packages" / package / name)
                bar.update()
        write_text(partial / CONFIG, labelme_files.configuration())
        Store.create(partial, names).close()
    return names


class Project:
    """A project, its folders and its Store. The argument ``who`` is a person, ``name`` a package."""

    def __init__(self, folder: PathLike):
        """Open a project. Raises InputError if ``folder`` is none."""
        self.folder, self.store = Path(folder), Store(folder)
        self.config = self.folder / CONFIG

    def package(self, name: str) -> Path:
        """Return the folder of a package's images, where its annotator labels them."""
        return path_below(self.folder / "packages", name, self.store.path)

    def working_copy(self, name: str, who: str) -> Path:
        """Return the folder in which ``who`` checks a package."""
        return path_below(path_below(self.folder / "reviews", who, self.store.path), name, self.store.path)

    def submit(self, name: str, who: str, as_is: bool = False) -> None:
        """Hand in the labels in a package's folder.

        Args:
            name: of the package.
            who: hands it in.
            as_is: whether labels that are exactly what the network wrote are handed in, too.

        Raises:
            InputError: ``read_labels`` or Store.submit refuses the labels, or some are the network's.
        """
        who = self.store.known(who)
        self.store.expect_annotator(name, who)
        labels = read_labels(self.package(name), self.store.images(name))
        untouched = sum(labelme_files.is_untouched(self._label_file(name, image)) for image in labels)
        if untouched and not as_is:
            raise InputError(f"{name}: {untouched} of {len(labels)} labels are exactly what the network wrote; look at "
                             "them, and --as-is hands them in as they are")  # fmt: skip
        self.store.submit(name, who, labels)

    def review(self, who: str, seed: int | None = None) -> list[Path]:
        """Take packages to check, as Store.take does; return the folders of their working copies.

        Existing files stay as they are.
        """
        who, folders = self.store.known(who), []
        for name in self.store.take(who, seed):
            folders.append(self.working_copy(name, who))
            self._lay_out(folders[-1], name, self.store.taken(name, who))
        return folders

    def validate(self, name: str, who: str) -> int:
        """Hand in a working copy; return how many parts of labels were corrected. Raises as ``submit`` does."""
        who = self.store.known(who)
        return self.store.validate(name, who, read_labels(self.working_copy(name, who), self.store.taken(name, who)))

    def release(self, name: str, who: str) -> None:
        """Return a package, as Store.release does, and remove the working copy of one that was taken to check."""
        who = self.store.known(who)
        self.store.release(name, who)
        shutil.rmtree(self.working_copy(name, who), ignore_errors=True)

    def export(self, out: PathLike, incomplete: bool = False) -> int:
        """Write images and labels into a folder for `maskpose data labelme`, without unusable images.

        Args:
            out: the new folder.
            incomplete: whether packages that are annotated and not complete are exported, too.

        Returns:
            The number of images.

        Raises:
            InputError: a package is not complete, none is annotated, or ``out`` exists.
        """
        status = self.store.status()
        chosen = [package.name for package in status if package.complete or (incomplete and package.annotated)]
        if len(chosen) < len(status) and not incomplete:
            left = [package.name for package in status if not package.complete]
            raise InputError(f"{len(left)} of {len(status)} packages are not complete, {left[0]} for one "
                             "(--incomplete exports all that is annotated)")  # fmt: skip
        if not chosen:
            raise InputError(f"{self.folder}: no package is annotated")
        labels_of = {name: self._usable(name) for name in chosen}
        with new_folder(out) as partial:
            for name, labels in progress_bar(labels_of.items(), desc=str(out), unit="package"):
                self._lay_out(partial, name, labels)
        return sum(map(len, labels_of.values()))

    def versions(self) -> Iterator[dict[str, Label]]:
        """Yield {person: label} of each image of the annotated packages."""
        for package in self.store.status():
            if package.annotator is not None and package.annotated:
                versions = self.store.versions(package.name)
                for image in versions[package.annotator]:
                    yield {person: labels[image] for person, labels in versions.items()}

    def _label_file(self, name: str, image: str) -> Path:
        return path_below(self.package(name), image, self.store.path).with_suffix(".json")

    def _usable(self, name: str) -> dict[str, Label]:
        labels = self.store.labels(name)
        return {image: label for image, label in labels.items() if labelme_files.UNUSABLE not in label}

    def _lay_out(self, folder: Path, name: str, labels: Mapping[str, Label]) -> None:
        """Put a package's images and labels into a folder, without those that it has."""
        for image, label in labels.items():
            source, target = (path_below(place, image, self.store.path) for place in (self.package(name), folder))
            make_folder(folder)
            if not target.exists():
                link_or_copy(source, target)
            if not target.with_suffix(".json").exists():
                size = image_size(read_bytes(source), str(source))
                write_text(target.with_suffix(".json"), labelme_files.document_text(label, image, size))


def read_labels(folder: PathLike, images: Iterable[str]) -> dict[str, Label]:
    """Read and check the LabelMe files of a folder.

    Args:
        folder: of the images and their LabelMe files.
        images: names of the images' files.

    Returns:
        {image: label}.

    Raises:
        InputError: some labels are not ready; each of them is named on stderr.
    """
    names = list(images)
    labels: dict[str, Label] = {}
    problems: list[str] = []
    for name in progress_bar(names, desc=str(folder), unit="label"):
        try:
            path = path_below(folder, name).with_suffix(".json")
            if not path.exists():
                raise InputError(f"{Path(folder) / name} is not labelled yet")
            labels[name] = labelme_files.read_label(path, name)
        except InputError as error:
            problems.append(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise InputError(f"{folder}: {len(problems)} of {len(names)} labels are not ready, nothing is handed in")
    return labels


def _flat_names(images: Sequence[ImageFile]) -> list[str]:
    """Return the images' file names in one folder: subfolders become part of them."""
    names: list[str] = []
    paths: dict[str, Path] = {}  # {name without suffix: path}
    for image in images:
        stem = image.key.replace("/", "_")
        if other := paths.get(stem):
            raise InputError(f"{other} and {image.path} would both be labelled in {stem}.json: rename one")
        paths[stem] = image.path
        names.append(f"{stem}{image.path.suffix}")
    return names


def _is_usable(path: Path, name: str) -> bool:
    try:
        text(name, f"{path}: its name")
        image_size(read_bytes(path), str(path))
    except InputError as error:
        report_left_out(error)
        return False
    return True
