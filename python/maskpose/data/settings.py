"""The data layer's settings: every key of its ``param_str``, checked.

``param_str`` is a JSON object, for example::

    {"db": "data/onehand10k/train.lmdb", "batch_size": 13, "input_size": 368, "sigma": 1.5}

Only ``db`` must be there.
"""

from dataclasses import dataclass, field, fields

from maskpose.errors import InputError
from maskpose.io.printable import short_repr
from maskpose.io.text import RepeatedKey, parse_json
from maskpose.io.values import json_object
from maskpose.model.variants import STRIDE

LARGEST = 1e30  # of a number: what is beyond cannot be meant, and infinity would come of it
MOST_WORKERS = 256  # each is a process: thousands would bring the machine to a halt
MOST_PIXELS = 8192  # of the input's side: 800 MB an image
OUTPUTS = ("image", "mask", "heatmaps")


@dataclass(frozen=True)
class DataSettings:
    """What a batch is made of. Each field is a key of ``param_str``."""

    db: str  # the LMDB, as data_prep/ writes it
    mix: dict = field(default_factory=dict)  # further LMDBs and the share of all samples that each gives: {path: share}
    outputs: tuple = OUTPUTS  # which arrays the layer's tops are, in this order
    batch_size: int = 13  # images; the whole batch, whatever the number of ranks
    rank: int = 0  # which shard of each batch this process makes …
    ranks: int = 1  # … of how many; the trainer sets both
    input_size: int = 368  # m, pixels; a multiple of 8
    sigma: float = 1.5  # of the heatmaps' Gaussian, cells of the m/8 grid
    background: str = "sum"  # background map: 1 - "sum" of the joints' maps (paper) or 1 - "max"
    augment: bool = True  # False: resize and pad only
    scale: tuple = (0.7, 1.2)  # range of the random scale
    rotation: float = 40.0  # random rotation in +- this, degrees
    crop: str = "scaled"  # range of the random crop: the "scaled" square, or the one holding it "rotated"
    zoom: float = 0.0  # probability of a scale chosen by the hand's size, by ``span``, not by ``scale``; 0 in the paper
    span: tuple = (0.06, 1.0)  # of such hands, the larger side of the keypoints' box in units of the input's side
    flip: float = 0.5  # probability of mirroring
    stretch: float = 0.0  # random stretching, up to 1 + this along one direction; 0: none, as in the paper
    photometric: float = 0.0  # strength of random changes of colour, 0 to 1; 0: none, as in the paper
    degrade: float = 0.0  # strength of random blur, noise and compression, 0 to 1; 0: none, as in the paper
    shuffle: bool = True  # a new order each epoch; False: the database's own
    seed: int = 1  # of order and augmentation, with epoch and index
    workers: int = 1  # processes that make batches; 0: made in the training process, which
    # then can open each database once only

    @property
    def shares(self):
        """{path: share of all samples} of ``db`` and the databases mixed with it."""
        return {self.db: 1 - sum(self.mix.values()), **self.mix}

    @property
    def grid_size(self):
        """Side of mask labels and heatmaps, cells."""
        return self.input_size // STRIDE

    @classmethod
    def from_json(cls, text, name="param_str"):
        """Settings from a ``param_str``; InputError says ``name``, the key at fault and what it takes."""
        given = parse_json(text, name)
        if not isinstance(given, dict):
            raise InputError(f"{name} must be a JSON object, not {short_repr(text)}")
        json_object(given, name)
        known = [one.name for one in fields(cls)]
        for key in given:
            if key not in known:
                raise InputError(f"{name}: unknown key {short_repr(key)}; the keys are {', '.join(known)}")
        if "db" not in given:
            raise InputError(f"{name}: the key 'db' (path of the LMDB) is missing")
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        try:
            return cls(**given)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    def __post_init__(self):
        for name, passes, expected in (
            ("db", _is_text(self.db), "a path"),
            (
                "mix",
                _are_shares(self.mix) and self.db not in list(self.mix),
                "{path: share} of other LMDBs, below 1 in all",
            ),
            ("outputs", _are_outputs(self.outputs), f"a list of some of {', '.join(OUTPUTS)}, image first"),
            ("batch_size", _is_int(self.batch_size, 1), "a positive integer"),
            ("ranks", _is_int(self.ranks, 1), "a positive integer"),
            ("rank", _is_int(self.rank, 0) and self.rank < self.ranks, "an integer from 0, below ranks"),
            (
                "input_size",
                _is_int(self.input_size, STRIDE) and self.input_size % STRIDE == 0 and self.input_size <= MOST_PIXELS,
                f"a multiple of {STRIDE}, {STRIDE} to {MOST_PIXELS}",
            ),
            ("sigma", _is_number(self.sigma) and self.sigma > 0, "a positive number of cells"),
            ("background", self.background in ("sum", "max"), "'sum' or 'max'"),
            ("augment", isinstance(self.augment, bool), "true or false"),
            ("scale", _is_range(self.scale), "two positive numbers [low, high]"),
            ("rotation", _is_number(self.rotation) and self.rotation >= 0, "degrees, 0 or more"),
            ("crop", self.crop in ("scaled", "rotated"), "'scaled' or 'rotated'"),
            ("zoom", _is_number(self.zoom) and 0 <= self.zoom <= 1, "a probability"),
            ("span", _is_range(self.span), "two positive numbers [low, high]"),
            ("flip", _is_number(self.flip) and 0 <= self.flip <= 1, "a probability"),
            ("stretch", _is_number(self.stretch) and 0 <= self.stretch <= 1, "a number from 0 to 1"),
            ("photometric", _is_number(self.photometric) and 0 <= self.photometric <= 1, "a number from 0 to 1"),
            ("degrade", _is_number(self.degrade) and 0 <= self.degrade <= 1, "a number from 0 to 1"),
            ("shuffle", isinstance(self.shuffle, bool), "true or false"),
            ("seed", _is_int(self.seed, 0), "an integer, 0 or more"),
            (
                "workers",
                _is_int(self.workers, 0) and self.workers <= MOST_WORKERS,
                f"an integer from 0 to {MOST_WORKERS}",
            ),
        ):
            if not passes:
                raise InputError(f"{name!r} must be {expected}, not {short_repr(getattr(self, name))}")


def _is_text(value):
    return isinstance(value, str) and bool(value)


def _is_int(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _are_shares(value):
    return (
        isinstance(value, dict)
        and not isinstance(value, RepeatedKey)
        and all(_is_text(path) and _is_number(share) and share > 0 for path, share in value.items())
        and sum(value.values()) < 1
    )


def _is_range(value):
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(_is_number(end) for end in value)
        and 0 < value[0] <= value[1]
    )


def _are_outputs(value):
    return (
        isinstance(value, tuple)
        and value[:1] == ("image",)
        and all(name in OUTPUTS for name in value)
        and len(set(value)) == len(value)
    )
