"""The data layer's settings: every key of its ``param_str``, checked.

``param_str`` is a JSON object, for example::

    {"db": "data/onehand10k/train.lmdb", "batch_size": 13, "input_size": 368, "sigma": 1.5}

Only ``db`` is required.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from maskpose.errors import InputError, short_repr
from maskpose.io.text import RepeatedKey, parse_json
from maskpose.io.values import json_object
from maskpose.model.variants import STRIDE

LARGEST = 1e30  # of a number: a larger one cannot be meant, and arithmetic would reach infinity
MOST_WORKERS = 256  # each is a process: thousands would halt the machine
MOST_PIXELS = 8192  # of the input's side: 800 MB an image
OUTPUTS = ("image", "mask", "heatmaps")


@dataclass(frozen=True)
class DataSettings:
    """What a batch is made of. Each field is a key of ``param_str``.

    >>> settings = DataSettings.from_json('{"db": "data/train.lmdb", "mix": {"data/rendered.lmdb": 0.25}}')
    >>> settings.input_size, settings.grid_size, settings.rotation
    (368, 46, 40.0)
    >>> settings.shares
    {'data/train.lmdb': 0.75, 'data/rendered.lmdb': 0.25}
    >>> DataSettings(db="data/train.lmdb", input_size=100)
    Traceback (most recent call last):
        ...
    maskpose.errors.InputError: 'input_size' must be a multiple of 8, 8 to 8192, not 100
    """

    db: str  # path of the LMDB
    mix: dict[str, float] = field(default_factory=dict)  # further LMDBs: {path: share of all samples}
    outputs: tuple[str, ...] = OUTPUTS  # which arrays the layer's tops are, in this order
    batch_size: int = 13  # images; the whole batch, whatever the number of ranks
    rank: int = 0  # which shard of each batch this process makes …
    ranks: int = 1  # … of how many; the trainer sets both
    input_size: int = 368  # m, pixels; a multiple of 8
    sigma: float = 1.5  # of the heatmaps' Gaussian, cells of the m/8 grid
    background: str = "sum"  # background map: 1 - "sum" of the keypoints' maps (paper) or 1 - "max"
    augment: bool = True  # False: resize and pad only
    scale: tuple[float, float] = (0.7, 1.2)  # range of the random scale
    rotation: float = 40.0  # random rotation in +- this, degrees
    crop: str = "scaled"  # range of the random crop: the "scaled" square, or the square about the "rotated" one
    zoom: float = 0.0  # probability of a scale by the hand's size, from ``span`` instead of ``scale``; 0 in the paper
    span: tuple[float, float] = (0.06, 1.0)  # range of such a hand's size: the box's larger side, of the input's side
    flip: float = 0.5  # probability of mirroring
    stretch: float = 0.0  # random stretching, up to 1 + this along one direction; 0: none, as in the paper
    photometric: float = 0.0  # strength of random changes of colour, 0 to 1; 0: none, as in the paper
    degrade: float = 0.0  # strength of random blur, noise and compression, 0 to 1; 0: none, as in the paper
    shuffle: bool = True  # a new order each epoch; False: the database's own
    seed: int = 1  # of order and augmentation, with epoch and index
    workers: int = 1  # processes that make batches; 0: the training process does, and opens each LMDB once only

    @property
    def shares(self) -> dict[str, float]:
        """{path: share of all samples} of ``db`` and the databases that are mixed with it."""
        return {self.db: 1 - sum(self.mix.values()), **self.mix}

    @property
    def grid_size(self) -> int:
        """Side of mask labels and heatmaps, cells."""
        return self.input_size // STRIDE

    @classmethod
    def from_json(cls, text: str, name: str = "param_str") -> "DataSettings":
        """Return the settings in a ``param_str``.

        Args:
            text: a JSON object.
            name: of the text, for messages.

        Raises:
            InputError: the text is not such an object. The message names the key at fault and what it takes.
        """
        given = parse_json(text, name)
        if not isinstance(given, dict):
            raise InputError(f"{name} must be a JSON object, not {short_repr(text)}")
        json_object(given, name)
        known = [setting.name for setting in fields(cls)]
        for key in given:
            if key not in known:
                raise InputError(f"{name}: unknown key {short_repr(key)}; the keys are {', '.join(known)}")
        if "db" not in given:
            raise InputError(f"{name}: the key 'db' (path of the LMDB) is missing")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        try:
            return cls(**values)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    def __post_init__(self) -> None:
        for name, passes, expected in self._rules():
            if not passes:
                raise InputError(f"{name!r} must be {expected}, not {short_repr(getattr(self, name))}")

    def _rules(self) -> Iterator[tuple[str, bool, str]]:
        """Yield (key, whether its value is right, what it must be)."""
        yield "db", _is_text(self.db), "a path"
        is_other = _are_shares(self.mix) and self.db not in list(self.mix)
        yield "mix", is_other, "{path: share} of other LMDBs, below 1 in all"
        yield "outputs", _are_outputs(self.outputs), f"a list of some of {', '.join(OUTPUTS)}, image first"
        yield "batch_size", _is_int(self.batch_size, 1), "a positive integer"
        yield "ranks", _is_int(self.ranks, 1), "a positive integer"
        yield "rank", _is_int(self.rank, 0) and self.rank < self.ranks, "an integer from 0, below ranks"
        fits_grid = _is_int(self.input_size, STRIDE, MOST_PIXELS) and self.input_size % STRIDE == 0
        yield "input_size", fits_grid, f"a multiple of {STRIDE}, {STRIDE} to {MOST_PIXELS}"
        yield "sigma", _is_number(self.sigma) and self.sigma > 0, "a positive number of cells"
        yield "background", self.background in ("sum", "max"), "'sum' or 'max'"
        yield "augment", isinstance(self.augment, bool), "true or false"
        yield "scale", _is_range(self.scale), "two positive numbers [low, high]"
        yield "rotation", _is_number(self.rotation) and self.rotation >= 0, "degrees, 0 or more"
        yield "crop", self.crop in ("scaled", "rotated"), "'scaled' or 'rotated'"
        yield "zoom", _is_share(self.zoom), "a probability"
        yield "span", _is_range(self.span), "two positive numbers [low, high]"
        yield "flip", _is_share(self.flip), "a probability"
        yield "stretch", _is_share(self.stretch), "a number from 0 to 1"
        yield "photometric", _is_share(self.photometric), "a number from 0 to 1"
        yield "degrade", _is_share(self.degrade), "a number from 0 to 1"
        yield "shuffle", isinstance(self.shuffle, bool), "true or false"
        yield "seed", _is_int(self.seed, 0), "an integer, 0 or more"
        yield "workers", _is_int(self.workers, 0, MOST_WORKERS), f"an integer from 0 to {MOST_WORKERS}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_int(value: object, least: int, most: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value and (most is None or value <= most)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_shares(value: object) -> bool:
    return (
        isinstance(value, dict)
        and not isinstance(value, RepeatedKey)
        and all(_is_text(path) and _is_number(share) and share > 0 for path, share in value.items())
        and sum(value.values()) < 1
    )


def _is_range(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(_is_number(end) for end in value)
        and 0 < value[0] <= value[1]
    )


def _are_outputs(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and value[:1] == ("image",)
        and all(name in OUTPUTS for name in value)
        and len(set(value)) == len(value)
    )
