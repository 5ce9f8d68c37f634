"""Scores of a network in training on a validation database: Caffe's test phase, with our measures."""

import numpy as np

from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, scoring
from maskpose.inference.engines import Caffe
from maskpose.inference.predictor import Predictor
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.training.loss_log import VALIDATION


class Validation:
    """Scores a training network every ``every`` iterations, single-scale, on samples of a database.

    The deploy network that it runs shares its parameters with the training network and draws no random numbers:
    whether it runs or not, the training is the same.
    """

    def __init__(self, variant, net, db, every, limit=None):
        """variant: a Variant; net: the training network of it; db: path of the LMDB.

        limit: how many samples, evenly spread over the database; None: all. Raises InputError where ``db`` is no
        database of ours.
        """
        self.every = every
        self._net = net
        self._engine = Caffe(open_net(deploy_definition(variant)))
        self._predictor = Predictor(variant.name, use_pyramid=False, engine=self._engine)
        self._reader = Reader(db)
        count = len(self._reader)
        chosen = min(limit or count, count)
        self.indices = [i * count // chosen for i in range(chosen)]

    def measure(self, stop=None, progress=False):
        """{"val_pck": PCK@0.2 over the box's larger side, "val_mask_iou": mean over the samples with a mask}, 0 to 1.

        What the variant or the database does not have is left out. stop: gives all up, with {}, as soon as its
        ``asked`` is true. progress: whether to show a bar.
        """
        self._engine.net.share_with(self._net)
        try:
            samples = self._samples(stop)
            bar = {"total": len(self.indices), "leave": False, "disable": not progress}
            results = evaluate.run(self._predictor, samples, "validation", **bar)
        except _GivenUp:
            return {}
        scores = zip(VALIDATION, scoring.mean_scores(results))
        return {column: value for column, value in scores if not np.isnan(value)}

    def close(self):
        """Release the database."""
        self._reader.close()

    def _samples(self, stop):
        for index in self.indices:
            if stop and stop.asked:
                raise _GivenUp
            yield self._reader[index]


class _GivenUp(Exception):
    pass


def check_options(db, every, limit):
    """Raise InputError for options of validation that do not go together, as in training.Run."""
    if db is None and (every or limit):
        raise InputError("--val-every and --val-limit say how to use --val-db, which is missing")
