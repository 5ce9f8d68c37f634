"""The steps of the reproduction: which there are, what each reads and writes."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.data import subsets
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import cmu, onehand10k
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, prediction_readers
from maskpose.inference.engines import choose as choose_engine
from maskpose.inference.predictor import Predictor
from maskpose.io.files import read_lines, write_text
from maskpose.io.images import write_image
from maskpose.model.variants import get_variant
from maskpose.reproduction import curves, estimates, found, panels, paper, speed, summary, tables
from maskpose.reproduction.processes import run_command
from maskpose.reproduction.steps import Step
from maskpose.runtime import machine, set_device
from maskpose.training import definitions

SCALES = {"paper": "", "compact": "compact/"}  # what stands before a network's name
NETWORKS = ("mask_pose", "no_mask", "no_pose")
X2 = "mask_pose_x2"
OPENPOSE = "openpose_hand"
EA_SHARE = 0.1  # of EB: the paper says "a small range" and gives no list
EA_SEED = 1
KEPT_SNAPSHOTS = 2
WAYS = ("pyramid", "single", "refined")


@dataclass(frozen=True)
class Options:
    """What is to be reproduced, and from what."""

    data: Path  # OneHand10K's layout, or a folder of train.lmdb and test.lmdb
    out: Path
    scale: str = "compact"  # one of SCALES
    iterations: int | None = None  # of every training; None: the solver's max_iter
    seeds: int = 1  # how many trainings of each network
    gpus: tuple = ()
    mix: tuple = ()  # "LMDB=SHARE" of tools/train.py --mix
    training: tuple = ()  # further arguments of tools/train.py
    ea: Path | None = None  # list of EA's photographs, a name a line
    cmu: Path | None = None  # folder that holds hand_labels and hand_labels_synth
    predictions: tuple = ()  # "[NAME=]FILE" of tools/evaluate.py --predictions
    openpose: Path | None = None  # OpenPose's hand weights: the paper's [9]
    x2: bool = False  # also section 4.3's proposal
    ways: tuple | None = None  # of predicting, the first counts; None: pyramid and single, or single at compact scale


@dataclass(frozen=True)
class Model:
    """A network with its weights."""

    network: str
    seed: int | None  # None: not trained here
    variant: object  # maskpose.model.variants.Variant
    weights: Path

    @property
    def name(self):
        """Of its folders."""
        return f"seed{self.seed}/{self.network}" if self.seed else self.network

    @property
    def title(self):
        """For people."""
        return f"{self.network}, seed {self.seed}" if self.seed else self.network


class Plan:
    """The steps that Options ask for, in order: ``steps``."""

    def __init__(self, options):
        """Raises InputError where options name what is not there."""
        refuse_missing(options)
        self.options, self.out = options, Path(options.out)
        self.proposed = get_variant(SCALES[options.scale] + "mask_pose")
        self.initial_weights = initial_weights(options)
        self.ways = options.ways or (("pyramid", "single") if self.proposed.pyramid else ("single",))
        self.iterations = options.iterations or self.proposed.solver.max_iter
        networks = (*NETWORKS, X2) if options.x2 else NETWORKS
        self.trained = [self._model(network, seed) for seed in self.seeds for network in networks]
        given = [Model(OPENPOSE, None, get_variant(OPENPOSE), Path(options.openpose))] if options.openpose else []
        self.models = self.trained + given
        self._own_data = not all((Path(options.data) / f"{part}.lmdb").is_dir() for part in ("train", "test"))
        self.databases = (self.out / "data") if self._own_data else Path(options.data)
        self.train_db, self.ea = self.databases / "train.lmdb", self.out / "data/ea.txt"
        self.sets = {"EB": self.databases / "test.lmdb"}
        if options.cmu:
            self.sets |= {name: self.out / f"data/{_slug(name)}.lmdb" for name in paper.CMU}
        self.steps = [
            *self._data(), *map(self._training, self.trained), *self._evaluations(), *self._tables(), *self._figures(),
            self._timing(),
        ]  # fmt: skip
        self.steps.append(self._index())

    @property
    def seeds(self):
        """1, 2, …"""
        return range(1, self.options.seeds + 1)

    def _model(self, network, seed):
        weights = self.out / f"train/seed{seed}/{network}/{network}_iter_{self.iterations}.caffemodel"
        return Model(network, seed, get_variant(SCALES[self.options.scale] + network), weights)

    # 1: data

    def _data(self):
        if self._own_data:
            for part, split in (("train", "Train"), ("test", "Test")):
                labels = Path(self.options.data) / split / "label_joint.txt"
                if not labels.is_file():
                    raise InputError(
                        f"{self.options.data} is neither in OneHand10K's layout ({labels} is missing) nor a folder of "
                        "train.lmdb and test.lmdb"
                    )
                path = self.databases / f"{part}.lmdb"
                make = functools.partial(self._build_onehand10k, part, path)
                yield Step(f"data/{part}", f"{part} photographs", make, (path,), (labels,))
        given = (Path(self.options.ea),) if self.options.ea else ()
        settings = {} if given else {"share": EA_SHARE, "seed": EA_SEED}
        inputs = (self.sets["EB"], *given)
        yield Step("data/ea", "list of EA", self._list_ea, (self.ea,), inputs, settings)
        for name in list(self.sets)[1:]:
            labels = Path(self.options.cmu) / paper.CMU[name][0]
            make = functools.partial(self._build_cmu, labels, self.sets[name])
            yield Step(f"data/{_slug(name)}", name, make, (self.sets[name],), (labels,), {"crop": cmu.CROP})

    def _build_onehand10k(self, part, path):
        if not path.exists():  # an LMDB is whole or not there
            lines = onehand10k.plan(self.options.data)[part]
            onehand10k.build_db(self.options.data, lines, path, strict=False)

    def _build_cmu(self, labels, path):
        if not path.exists():
            build_items(path, cmu.items(labels), cmu.read, about={"dataset": cmu.NAME})

    def _list_ea(self):
        reader = Reader(self.sets["EB"])
        entries = subsets.list_entries(reader)
        reader.close()
        if self.options.ea:
            chosen = subsets.select_named(entries, read_lines(self.options.ea))
        else:
            order = np.random.default_rng(EA_SEED).permutation(len(entries))
            chosen = [entries[n] for n in sorted(order[: max(1, round(EA_SHARE * len(entries)))])]
        subsets.write_list(chosen, self.ea)

    # 2 and 3: training

    def _training(self, model):
        folder = model.weights.parent
        settings = {
            "variant": model.variant.name, "iterations": self.iterations, "seed": model.seed,
            "mix": [one.rpartition("=")[2] for one in self.options.mix], "training": list(self.options.training),
        }  # fmt: skip
        arguments = [
            "--variant", model.variant.name, "--db", self.train_db, "--out", folder, "--resume", "auto",
            "--iterations", self.iterations, "--data", f"seed={model.seed}", "--solver", f"random_seed={model.seed}",
            "--keep", KEPT_SNAPSHOTS,
        ]  # fmt: skip
        arguments += [part for one in self.options.mix for part in ("--mix", one)]
        if self.options.gpus:
            arguments += ["--gpu", ",".join(map(str, self.options.gpus))]

        def make():
            if not model.weights.exists():  # of the last iteration: what a run that was stopped after it left
                run_command("train", *arguments, *self.options.training)

        return Step(
            f"train/{model.name}", f"training of {model.title}", make, (model.weights, folder / "losses.csv"),
            (self.train_db, *mixed(self.options), *self.initial_weights), settings, folder, precious=True,
        )  # fmt: skip

    # 4: evaluation

    def _evaluations(self):
        for name, db in self.sets.items():
            for model in self.models_on(name):
                yield self._evaluation(name, db, model)

    def models_on(self, name):
        """The models that are scored on a set: on CMU's, which have no masks, those with a pose stage."""
        return [model for model in self.models if name == "EB" or model.variant.pose]

    def _evaluation(self, name, db, model):
        folder, ways = self._scores(name, model), self._ways_of(model)
        kinds = [*(["predictions_{}.h5"] if model.variant.pose else []),
                 *(["mask_iou_{}.csv"] if model.variant.mask else [])]  # fmt: skip
        outputs = (folder / "scores.json", *(folder / kind.format(way) for way in ways for kind in kinds))
        arguments = ["--db", db, "--variant", model.variant.name, "--weights", model.weights, "--out", folder,
                     *(["--gpu", self.options.gpus[0]] if self.options.gpus else []), "--ways", *ways]  # fmt: skip
        make = functools.partial(run_command, "evaluate", *arguments)
        settings = {"variant": model.variant.name, "ways": list(ways)}
        title = f"scores of {model.title}, on {name}"
        return Step(f"scores/{folder.relative_to(self.out / 'scores')}", title, make, outputs, (db, model.weights),
                    settings, folder)  # fmt: skip

    def _ways_of(self, model):
        """The ways in which a model predicts: the pyramid is of joints alone, and its mask that of a single look."""
        if model.variant.pose:
            return self.ways
        return tuple(dict.fromkeys("single" if way == "pyramid" else way for way in self.ways))

    def _scores(self, name, model):
        return self.out / "scores" / _slug(name) / model.name

    def _scored(self, *names):
        """The files of scores on sets, as inputs."""
        chosen = [step for name in names for model in self.models_on(name)
                  for step in [self._evaluation(name, self.sets[name], model)]]  # fmt: skip
        return tuple(path for step in chosen for path in step.outputs if path.name != "scores.json")

    def results(self, name, others=False):
        """{network: [Results on a set, one a seed]}; others: also those of --predictions."""
        truth, models = found.truth_of(self.sets[name]), {}
        for model in self.models_on(name):
            one = found.read(truth, self._scores(name, model), self._ways_of(model)[0], model.variant)
            models.setdefault(model.network, []).append(one)
        if others:
            for label, predictions in prediction_readers.read_all(self.options.predictions).items():
                models[label] = [evaluate.of_predictions(predictions, truth)]
        return models

    def drawn(self, *names, others=False):
        """{set: {network: [estimates.Drawn, one a seed]}}, beside EB also EA and each of EB's origins."""
        sets = {}
        for name in names:
            models = self.results(name, others and name == "EB")
            sets[name] = {network: list(map(estimates.draw, seeds)) for network, seeds in models.items()}
            if name == "EB":
                parts = found.parts_of_eb(models["mask_pose"][0], read_lines(self.ea))
                for part, chosen in parts.items():
                    sets[part] = {network: [estimates.draw(one.subset(chosen)) for one in seeds]
                                  for network, seeds in models.items()}  # fmt: skip
        return sets

    # 5 and 9: tables

    def _tables(self):
        scored, way = self._scored("EB"), {"way": self.ways[0]}
        outputs = self.out / "table1.md", self.out / "table1.csv"
        yield Step("table1", "Table 1: masks without and with the pose stage", self._table1, outputs, scored)
        others = predicted(self.options)
        everything = (*self._scored(*self.sets), self.ea, *others)
        yield Step("summary", "whether the mask helps", self._differences, (self.out / "summary.json",), everything,
                   way | {"predictions": list(self.options.predictions)})  # fmt: skip

    def _table1(self):
        drawn = {network: list(map(estimates.draw, seeds)) for network, seeds in self.results("EB").items()}
        text, csv = tables.table1(drawn)
        write_text(self.out / "table1.md", text)
        write_text(self.out / "table1.csv", csv)

    def _differences(self):
        drawn = self.drawn(*self.sets, others=True)
        document = {"differences": tables.differences(drawn), "scores": tables.scores(drawn)}
        write_text(self.out / "summary.json", json.dumps(document, indent=1) + "\n")

    # 6 and 7: figures

    def _figures(self):
        way = {"way": self.ways[0]}
        inputs = (*self._scored("EB"), self.ea, *predicted(self.options))
        yield Step("fig9", "Fig. 9: PCK without and with the mask", self._figure9, _drawings(self.out / "fig9"), inputs,
                   way | {"predictions": list(self.options.predictions)})  # fmt: skip
        if self.options.cmu:
            yield Step("fig10", "Fig. 10: PCK on CMU's hands", self._figure10, _drawings(self.out / "fig10"),
                       self._scored(*list(self.sets)[1:]), way)  # fmt: skip
        weights = tuple(self._first(network).weights for network in NETWORKS)
        pictures = tuple(self.out / f"{name}.png" for name in ("fig7", "fig8", "fig11"))
        yield Step("panels", "Fig. 7, 8 and 11: photographs", self._panels, pictures, (*self._scored("EB"), *weights),
                   way)  # fmt: skip

    def _figure9(self):
        small = read_lines(self.ea)
        models = {name: seeds for name, seeds in self.results("EB", others=True).items() if seeds[0].pose}
        curves.write(curves.figure9(models, small), self.out / "fig9")

    def _figure10(self):
        sets = {name: self.results(name) for name in list(self.sets)[1:]}
        shown = ("mask_pose", OPENPOSE if self.options.openpose else "no_mask")
        sets = {name: {network: models[network] for network in shown} for name, models in sets.items()}
        curves.write(curves.figure10(sets), self.out / "fig10")

    def _panels(self):
        results = {network: seeds[0] for network, seeds in self.results("EB").items()}
        proposed, other, bare = (self._predictor(self._first(network)) for network in NETWORKS)
        samples = Reader(self.sets["EB"])
        chosen = panels.choose(panels.mask_gains(results["mask_pose"], results["no_pose"]))
        if not chosen:
            raise InputError(f"{samples.path} has no masks to compare")
        write_image(self.out / "fig7.png", panels.figure7(samples, chosen, proposed, bare))
        chosen = panels.choose(panels.pose_gains(results["mask_pose"], results["no_mask"]))
        for name, figure in (("fig8", panels.figure8), ("fig11", panels.figure11)):
            write_image(self.out / f"{name}.png", figure(samples, chosen, proposed, other, "no_mask"))
        samples.close()

    def _first(self, network):
        return next(model for model in self.models if model.network == network)

    def _predictor(self, model):
        gpu = self.options.gpus[0] if self.options.gpus else None
        set_device(gpu)
        way, engine = self.ways[0], choose_engine("auto", gpu)
        return Predictor(model.variant.name, model.weights, way == "pyramid", engine=engine, refine=way == "refined")

    # 8: timing

    def _timing(self):
        firsts = [self._first(network) for network in dict.fromkeys(model.network for model in self.models)]
        inputs = (self.sets["EB"], *(model.weights for model in firsts))
        make = functools.partial(self._time, firsts)
        return Step("timing", "time of a photograph", make, (self.out / "timing.md", self.out / "timing.json"), inputs,
                    {"machine": machine(self.options.gpus)})  # fmt: skip

    def _time(self, models):
        reader = Reader(self.sets["EB"])
        places = np.linspace(0, len(reader) - 1, min(speed.PHOTOGRAPHS, len(reader))).astype(int)
        images = [reader[int(n)].decode_image() for n in places]
        reader.close()
        rows = []
        for model in models:
            row = {"network": model.network, "variant": model.variant.name}
            predictor = self._predictor(model)
            predictor.use_pyramid = predictor.refine = False
            row["single_ms"] = speed.of_predictor(predictor, images)
            predictor.use_pyramid = True
            # the pyramid is of joints alone
            row["pyramid_ms"] = speed.of_predictor(predictor, images) if model.variant.pose else None
            folder = model.weights.parent
            row["batch_size"] = definitions.read_settings(folder).get("batch_size") if model.seed else None
            row["iteration_s"] = speed.of_training(folder, row["batch_size"]) if model.seed else None
            rows.append(row)
        where = machine(self.options.gpus)
        write_text(self.out / "timing.json", json.dumps({"machine": where, "rows": rows}, indent=1) + "\n")
        write_text(self.out / "timing.md", f"{where}\n\n{speed.text(rows)}")

    # 10: the index

    def _index(self):
        inputs = tuple(path for step in self.steps for path in step.outputs if path.parent == self.out)
        outputs = self.out / "summary.md", self.out / "reproduction.json"
        return Step("index", "summary and index", lambda: summary.write(self), outputs, inputs,
                    {"steps": [step.name for step in self.steps]})  # fmt: skip


def mixed(options):
    """The databases of ``mix``."""
    return tuple(Path(one.rpartition("=")[0]) for one in options.mix)


def initial_weights(options):
    """The file that ``training`` begins from, as --weights FILE or --weights=FILE; () where there is none."""
    parts = [part for one in options.training for part in one.split("=", 1)]
    return (Path(parts[parts.index("--weights") + 1]),) if "--weights" in parts[:-1] else ()


def predicted(options):
    """The files and folders of ``predictions``."""
    return tuple(prediction_readers.labelled(one)[1] for one in options.predictions)


def refuse_missing(options):
    """Raise InputError where something that options name is not there: now, not after days."""
    if wrong := [one for one in options.mix if not all(one.rpartition("=")[::2])]:
        raise InputError(f"mix: expected LMDB=SHARE, not {wrong[0]!r}")
    named = (options.ea, options.cmu, options.openpose, *mixed(options), *predicted(options), *initial_weights(options))
    if missing := [path for path in named if path and not Path(path).exists()]:
        raise InputError(f"{missing[0]} is missing")


def _drawings(path):
    return tuple(path.with_suffix(suffix) for suffix in (".png", ".svg", ".csv"))


def _slug(name):
    """A set's name as a file's: mpi_nzsl."""
    return name.lower().replace("+", "_")
