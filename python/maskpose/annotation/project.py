"""A project's folders: packages to label, working copies to check, and what comes out."""

import re
import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from maskpose.annotation import labelme_files
from maskpose.annotation.store import Store
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.files import link_or_copy, make_folder, new_folder, read_bytes, write_text
from maskpose.io.paths import path_below
from maskpose.io.progress import progress_bar
from maskpose.io.values import text

CONFIG = "labelme.yaml"
PER_PACKAGE = 100  # section 3.3


def checked_person(text):
    """A person's name, which is a folder's, too. Raises InputError for one that could not be."""
    if not re.fullmatch(r"\w[\w.-]*", text):
        raise InputError(f"{text!r} is not a name: letters, digits, '.', '-' and '_' only")
    return text


def create_project(photographs, folder, per_package=PER_PACKAGE):
    """Copy [ImageFile] into the packages of a new project; give {package: [file names]}.

    Packages are of nearly equal size, in the photographs' order. Those that cannot be read are told on stderr and left
    out. Raises InputError where ``folder`` is there, and where two photographs would have the same label file.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another name for a new project")
    named = zip(photographs, _flat_names(photographs))
    usable = [(one.path, name) for one, name in named if _is_usable(one.path, name)]
    if not usable:
        raise InputError("no photograph that can be read")
    count = max(1, round(len(usable) / per_package))
    ends = [len(usable) * n // count for n in range(count + 1)]
    packages = {f"p{n + 1:03d}": usable[ends[n] : ends[n + 1]] for n in range(count)}
    named = {package: [name for _, name in members] for package, members in packages.items()}
    shown = {"total": len(usable), "desc": str(folder), "unit": "photograph"}
    with new_folder(folder) as partial, progress_bar(**shown) as bar:
        for package, members in packages.items():
            make_folder(partial / "packages" / package)
            for path, name in members:
                shutil.copyfile(path, partial / "packages" / package / name)
                bar.update()
        write_text(partial / CONFIG, labelme_files.configuration())
        Store.create(partial, named).close()
    return named


class Project:
    """A project, its folders and its Store."""

    def __init__(self, folder):
        """Raises InputError where ``folder`` is no project."""
        self.folder, self.store = Path(folder), Store(folder)
        self.config = self.folder / CONFIG

    def package(self, name):
        """The folder of a package's photographs, where its annotator labels them."""
        return path_below(self.folder / "packages", name, self.store.path)

    def working_copy(self, name, who):
        """The folder where ``who`` checks a package."""
        return path_below(path_below(self.folder / "reviews", who, self.store.path), name, self.store.path)

    def submit(self, name, who, as_is=False):
        """Hand in what is in a package's folder. Raises InputError as ``gather`` and Store.submit do.

        as_is: with labels of the network's that nobody touched, too; they are an InputError otherwise.
        """
        who = self.store.known(who)
        self.store.expect_annotator(name, who)
        found = read_labels(self.package(name), self.store.photographs(name))
        same = sum(labelme_files.is_untouched(self._label_file(name, photograph)) for photograph in found)
        if same and not as_is:
            raise InputError(f"{name}: {same} of {len(found)} labels are exactly what the network wrote; look at them, "
                             "and --as-is hands them in as they are")  # fmt: skip
        self.store.submit(name, who, found)

    def review(self, who, seed=None):
        """Take packages to check, as Store.take does; give the folders of their working copies.

        A file that is there is left as it is.
        """
        who, folders = self.store.known(who), []
        for name in self.store.take(who, seed):
            folders.append(self.working_copy(name, who))
            self._lay_out(folders[-1], name, self.store.taken(name, who))
        return folders

    def validate(self, name, who):
        """Hand in a working copy; give how many parts of labels were corrected. Raises as ``submit`` does."""
        who = self.store.known(who)
        return self.store.validate(name, who, read_labels(self.working_copy(name, who), self.store.taken(name, who)))

    def release(self, name, who):
        """Give a package back, as Store.release does, and remove the working copy of one taken to check."""
        who = self.store.known(who)
        self.store.release(name, who)
        shutil.rmtree(self.working_copy(name, who), ignore_errors=True)

    def export(self, out, incomplete=False):
        """Write photographs and labels as they stand into a folder for data_prep/labelme.py; give how many.

        Unusable photographs are left out. incomplete: of packages that are annotated and not complete, too. Raises
        InputError for packages that may not be exported, and where ``out`` is there.
        """
        status = self.store.status()
        chosen = [one.name for one in status if one.complete or (incomplete and one.annotated)]
        if len(chosen) < len(status) and not incomplete:
            left = [one.name for one in status if not one.complete]
            raise InputError(f"{len(left)} of {len(status)} packages are not complete, {left[0]} for one "
                             "(--incomplete exports all that is annotated)")  # fmt: skip
        if not chosen:
            raise InputError(f"{self.folder}: no package is annotated")
        found = {name: self._usable(name) for name in chosen}
        with new_folder(out) as partial:
            for name, labels in progress_bar(found.items(), desc=str(out), unit="package"):
                self._lay_out(partial, name, labels)
        return sum(map(len, found.values()))

    def versions(self):
        """Yield, for each photograph of the annotated packages, {person: label}."""
        for one in self.store.status():
            if one.annotated:
                versions = self.store.versions(one.name)
                for photograph in versions[one.annotator]:
                    yield {person: labels[photograph] for person, labels in versions.items()}

    def _label_file(self, name, photograph):
        return path_below(self.package(name), photograph, self.store.path).with_suffix(".json")

    def _usable(self, name):
        labels = self.store.labels(name)
        return {photograph: label for photograph, label in labels.items() if labelme_files.UNUSABLE not in label}

    def _lay_out(self, folder, name, labels):
        """Put a package's photographs and ``labels`` into a folder, those that are not there."""
        for photograph, label in labels.items():
            source, target = (path_below(one, photograph, self.store.path) for one in (self.package(name), folder))
            make_folder(folder)
            if not target.exists():
                link_or_copy(source, target)
            if not target.with_suffix(".json").exists():
                size = images.image_size(read_bytes(source), str(source))
                write_text(target.with_suffix(".json"), labelme_files.document_text(label, photograph, size))


def read_labels(folder, photographs):
    """{photograph: label} of a folder's LabelMe files, checked.

    Raises InputError that counts the labels that are not ready; each is told on stderr.
    """
    found, problems = {}, []
    for name in progress_bar(photographs, desc=str(folder), unit="label"):
        try:
            path = path_below(folder, name).with_suffix(".json")
            if not path.exists():
                raise InputError(f"{Path(folder) / name} is not labelled yet")
            found[name] = labelme_files.read_label(path, name)
        except InputError as error:
            problems.append(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise InputError(f"{folder}: {len(problems)} of {len(photographs)} labels are not ready, nothing handed in")
    return found


def _flat_names(photographs):
    """Their files' names in one folder: subfolders become part of them."""
    names, seen = [], {}
    for one in photographs:
        stem = one.key.replace("/", "_")
        if other := seen.get(stem):
            raise InputError(f"{other} and {one.path} would both be labelled in {stem}.json: rename one")
        seen[stem] = one.path
        names.append(f"{stem}{one.path.suffix}")
    return names


def _is_usable(path, name):
    try:
        text(name, f"{path}: its name")
        images.image_size(read_bytes(path), str(path))
    except InputError as error:
        tqdm.write(f"left out: {error}", file=sys.stderr)
        return False
    return True
