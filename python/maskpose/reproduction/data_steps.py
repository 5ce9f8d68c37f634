"""The steps that make databases: of OneHand10K, of CMU's sets, and the list of EA."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from maskpose.data import subsets
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import cmu, onehand10k
from maskpose.errors import InputError
from maskpose.io.files import read_lines
from maskpose.reproduction import paper
from maskpose.reproduction.setup import Setup, slug
from maskpose.reproduction.steps import Step

EA_SHARE = 0.1  # of EB: the paper says "a small range" and gives no list
EA_SEED = 1


def data_steps(setup: Setup) -> Iterator[Step]:
    """Yield the steps. Raises InputError if the data are neither in OneHand10K's layout nor databases."""
    options = setup.options
    if not setup.has_databases:
        yield from _onehand10k_steps(Path(options.data), setup.databases)
    given = (Path(options.ea),) if options.ea else ()
    settings = {} if given else {"share": EA_SHARE, "seed": EA_SEED}
    make = functools.partial(list_ea, setup)
    yield Step("data/ea", "list of EA", make, (setup.ea,), (setup.sets["EB"], *given), settings)
    for name, path in setup.cmu_sets.items():
        labels = Path(options.cmu or "") / paper.CMU[name][0]
        make = functools.partial(_build_cmu, labels, path)
        yield Step(f"data/{slug(name)}", name, make, (path,), (labels,), {"crop": cmu.CROP})


def _onehand10k_steps(data, databases):
    for part, split in (("train", "Train"), ("test", "Test")):
        labels = data / split / "label_joint.txt"
        if not labels.is_file():
            raise InputError(
                f"{data} is neither in OneHand10K's layout ({labels} is missing) nor a folder of train.lmdb and "
                "test.lmdb"
            )
        path = databases / f"{part}.lmdb"
        make = functools.partial(_build_onehand10k, data, part, path)
        yield Step(f"data/{part}", f"{part} images", make, (path,), (labels,))


def _build_onehand10k(data, part, path):
    if not path.exists():  # an LMDB is whole, or it is not there
        lines = onehand10k.plan(data)[part]
        read = onehand10k.LineReader(data, lines)
        build_items(path, read.items(lines), read, about={"dataset": onehand10k.NAME})


def _build_cmu(labels, path):
    if not path.exists():
        build_items(path, cmu.items(labels), cmu.read, about={"dataset": cmu.NAME})


def list_ea(setup: Setup) -> None:
    """Write the list of EA: the images that the options name, or EA_SHARE of EB, sampled at random."""
    reader = Reader(setup.sets["EB"])
    entries = subsets.list_entries(reader)
    reader.close()
    if setup.options.ea:
        chosen = subsets.select_named(entries, read_lines(setup.options.ea))
    else:
        order = np.random.default_rng(EA_SEED).permutation(len(entries))
        chosen = [entries[n] for n in sorted(order[: max(1, round(EA_SHARE * len(entries)))])]
    subsets.write_list(chosen, setup.ea)
