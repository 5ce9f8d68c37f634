"""What a reproduction consists of: its networks, databases and modes of prediction, and the paths of what is made."""

from dataclasses import dataclass
from pathlib import Path

from maskpose.evaluation import evaluate, prediction_readers
from maskpose.inference.engines import choose as choose_engine
from maskpose.inference.predictor import Predictor
from maskpose.io.files import read_lines
from maskpose.model.variants import Variant, get_variant
from maskpose.reproduction import estimates, paper, score_files
from maskpose.reproduction.options import SCALES, Options, refuse_missing
from maskpose.runtime import set_device

NETWORKS = ("mask_pose", "no_mask", "no_pose")
X2 = "mask_pose_x2"
OPENPOSE = "openpose_hand"


@dataclass(frozen=True)
class Model:
    """A network with its weights."""

    network: str
    seed: int | None  # of its training; None: not trained here
    variant: Variant
    weights: Path

    @property
    def name(self) -> str:
        """Its folders' name, such as "seed1/mask_pose"."""
        return f"seed{self.seed}/{self.network}" if self.seed else self.network

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.network}, seed {self.seed}" if self.seed else self.network


class Setup:
    """What Options amount to, and what has been scored of it."""

    def __init__(self, options: Options):
        """Raises InputError if a path of the options does not exist."""
        refuse_missing(options)
        self.options, self.out = options, Path(options.out)
        proposed = get_variant(SCALES[options.scale] + "mask_pose")
        self.modes = options.modes or (("pyramid", "single") if proposed.pyramid else ("single",))
        self.iterations = options.iterations or proposed.solver.max_iter
        networks = (*NETWORKS, X2) if options.x2 else NETWORKS
        self.trained = [self._model(network, seed) for seed in self.seeds for network in networks]
        given = [Model(OPENPOSE, None, get_variant(OPENPOSE), Path(options.openpose))] if options.openpose else []
        self.models = self.trained + given
        self.has_databases = all((Path(options.data) / f"{part}.lmdb").is_dir() for part in ("train", "test"))
        self.databases = Path(options.data) if self.has_databases else self.out / "data"
        self.train_db, self.ea = self.databases / "train.lmdb", self.out / "data/ea.txt"
        self.cmu_sets = {name: self.out / f"data/{slug(name)}.lmdb" for name in paper.CMU} if options.cmu else {}
        self.sets = {"EB": self.databases / "test.lmdb", **self.cmu_sets}  # {name: database} that models are scored on

    @property
    def seeds(self) -> range:
        """The seeds of the trainings: 1, 2, …"""
        return range(1, self.options.seeds + 1)

    def _model(self, network, seed):
        weights = self.out / f"train/seed{seed}/{network}/{network}_iter_{self.iterations}.caffemodel"
        return Model(network, seed, get_variant(SCALES[self.options.scale] + network), weights)

    def models_on(self, set_name: str) -> list[Model]:
        """Return the models that are scored on a set. CMU's sets have no masks, so those need a pose stage."""
        return [model for model in self.models if set_name == "EB" or model.variant.pose]

    def first_model(self, network: str) -> Model:
        """Return the model of a network with the first seed."""
        return next(model for model in self.models if model.network == network)

    def modes_of(self, model: Model) -> tuple[str, ...]:
        """Return the modes in which a model predicts.

        The pyramid is of keypoints alone. Without a pose stage, a single pass takes its place.
        """
        if model.variant.pose:
            return self.modes
        return tuple(dict.fromkeys("single" if mode == "pyramid" else mode for mode in self.modes))

    def score_folder(self, set_name: str, model: Model) -> Path:
        """Return the folder of a model's scores on a set."""
        return self.out / "scores" / slug(set_name) / model.name

    def score_files(self, *set_names: str) -> tuple[Path, ...]:
        """Return the files of all models' predictions and IoUs on sets."""
        return tuple(
            path
            for name in set_names
            for model in self.models_on(name)
            for path in score_files.paths_of(self.score_folder(name, model), self.modes_of(model), model.variant)
        )

    def read_results(self, set_name: str, with_others: bool = False) -> dict[str, list[evaluate.Results]]:
        """Return {network: [its results on a set, one for each seed]}.

        Args:
            set_name: of ``sets``.
            with_others: whether to add other programs' predictions, {their name: [results]}.
        """
        truth, models = score_files.read_truth(self.sets[set_name]), {}
        for model in self.models_on(set_name):
            folder, mode = self.score_folder(set_name, model), self.modes_of(model)[0]
            models.setdefault(model.network, []).append(score_files.read_results(truth, folder, mode, model.variant))
        if with_others:
            for label, predictions in prediction_readers.read_all_predictions(self.options.predictions).items():
                models[label] = [evaluate.match_predictions(predictions, truth)]
        return models

    def resampled(self, *set_names: str, with_others: bool = False) -> dict[str, dict[str, list[estimates.Resampled]]]:
        """Return {set: {network: [its resampled scores, one for each seed]}}; EB's parts count as sets, too.

        Args:
            set_names: of ``sets``.
            with_others: whether to add other programs' predictions on EB.
        """
        sets = {}
        for name in set_names:
            models = self.read_results(name, with_others and name == "EB")
            sets[name] = {network: list(map(estimates.resample, seeds)) for network, seeds in models.items()}
            if name == "EB":
                parts = score_files.parts_of_eb(models["mask_pose"][0], read_lines(self.ea))
                for part, chosen in parts.items():
                    sets[part] = {
                        network: [estimates.resample(results.subset(chosen)) for results in seeds]
                        for network, seeds in models.items()
                    }
        return sets

    def predictor(self, model: Model) -> Predictor:
        """Return a predictor by a model, in the first mode, on the first GPU or the CPU."""
        gpu = self.options.gpus[0] if self.options.gpus else None
        set_device(gpu)
        mode, engine = self.modes[0], choose_engine("auto", gpu)
        return Predictor(model.variant.name, model.weights, mode == "pyramid", engine=engine, refine=mode == "refined")


def slug(name: str) -> str:
    """Return a set's name as a file's: mpi_nzsl."""
    return name.lower().replace("+", "_")
