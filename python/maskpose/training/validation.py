"""Scores of a network in training on a validation database: Caffe's test phase, with our metrics."""

from collections.abc import Iterator

import numpy as np

from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.scores import mean_scores
from maskpose.inference.engines import Caffe
from maskpose.inference.predictor import Predictor
from maskpose.io.paths import PathLike
from maskpose.model.caffe_types import Net
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import Variant
from maskpose.stopping import StopRequest
from maskpose.training.loss_log import VALIDATION


class Validation:
    """Scores a training network on samples of a database, by a single pass over each image.

    The deploy network that it runs shares the parameters of the training network, and samples no random numbers. So
    the training is the same with and without it.
    """

    def __init__(self, variant: Variant, net: Net, db: PathLike, every: int, limit: int | None = None):
        """Open the database and the deploy network.

        Args:
            variant: of the network.
            net: the training network.
            db: path of the LMDB.
            every: iterations between two scores, for the caller.
            limit: how many samples to score, evenly spread over the database; None: all.

        Raises:
            InputError: ``db`` is not one of our databases.
        """
        self.every = every
        self._net = net
        self._engine = Caffe(open_net(deploy_definition(variant)))
        self._predictor = Predictor(variant.name, use_pyramid=False, engine=self._engine)
        self._reader = Reader(db)
        count = len(self._reader)
        chosen = min(limit or count, count)
        self.indices = [i * count // chosen for i in range(chosen)]

    def measure(self, stop: StopRequest | None = None, progress: bool = False) -> dict[str, float]:
        """Score the network as it is now.

        Args:
            stop: if its ``asked`` becomes true, scoring ends without a result.
            progress: whether to show a bar.

        Returns:
            {"val_pck": PCK@0.2 normalised by the box's larger side, "val_mask_iou": mean over the samples with a
            mask}, 0 to 1, without what the variant or the database does not have; {} if it was stopped.
        """
        self._engine.net.share_with(self._net)
        try:
            samples = self._samples(stop)
            bar = {"total": len(self.indices), "leave": False, "disable": not progress}
            results = evaluate.predict_samples(self._predictor, samples, "validation", **bar)
        except _Stopped:
            return {}
        scores = zip(VALIDATION, mean_scores(results))
        return {column: value for column, value in scores if not np.isnan(value)}

    def close(self) -> None:
        """Close the database."""
        self._reader.close()

    def _samples(self, stop) -> Iterator[Sample]:
        for index in self.indices:
            if stop and stop.asked:
                raise _Stopped
            yield self._reader[index]


class _Stopped(Exception):
    """Scoring was asked to end."""


def check_options(db: str | None, every: int | None, limit: int | None) -> None:
    """Raise InputError if an interval or a limit of validation is given without a database."""
    if db is None and (every or limit):
        raise InputError("--val-every and --val-limit say how to use --val-db, which is missing")
