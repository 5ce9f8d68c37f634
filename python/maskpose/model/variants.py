"""The variants of the cascade: what each is, and every number that its prototxt files are written from.

The three of the paper's size are the proposed network and its two ablations (section 4.2). The ``compact`` three are
the same cascade, narrower and with a smaller input, for processors without a GPU. ``mask_pose_x2`` is the proposal of
section 4.3: after some sub-stages it estimates the mask again with the pose's help, which takes two more layers.
``openpose_hand`` is the network that the paper modifies and compares with (its [9]), as OpenPose publishes it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from maskpose.errors import InputError

NUM_KEYPOINTS = 21  # K in the paper (section 3)
DEFAULT_VARIANT = "compact/mask_pose"  # of every tool: it has weights, and a CPU can run it
IGNORE_LABEL = 255  # mask label of a sample that has no mask
STRIDE = 8  # three poolings: m' = m / 8 (section 3.2)


@dataclass(frozen=True)
class Solver:
    """Caffe's solver settings. Field names are those of SolverParameter; defaults are those of section 3.3."""

    type: str = "SGD"
    base_lr: float = 5e-5
    momentum: float = 0.9
    lr_policy: str = "step"
    gamma: float = 0.3
    stepsize: int = 50_000
    max_iter: int = 200_000
    weight_decay: float = 5e-4  # the paper does not say: the habit of its family
    snapshot: int = 5_000
    # further fields of SolverParameter; without the clipping, the untrained network of the paper's size diverges
    extra: dict[str, float] = field(default_factory=lambda: {"clip_gradients": 200.0})


@dataclass(frozen=True)
class Variant:
    """One network and how it is trained. ``docs/fidelity.md`` says where each number comes from.

    >>> variant = get_variant("compact/mask_pose+sub_stages=4")
    >>> variant.input_size, variant.grid_size, variant.channels(512)
    (184, 23, 128)
    >>> variant.blobs
    ['Mconv7_stage5', 'mask_prob']
    """

    name: str
    mask: bool = True  # whether it has the last two layers of the mask prediction stage, and their loss
    heatmaps_first: bool = False  # whether it has a stage of heatmaps in their place, as [9]
    sub_stages: int = 5  # T, section 3.2; 0: no pose prediction stage
    mask_again_after: int = 0  # sub-stage after which F and the heatmaps give the mask again; 0: never
    input_size: int = 368  # m, pixels
    width: float = 1.0  # multiplies every hidden layer's channels
    feature_width: float = 0.0  # multiplies the channels of the feature F; 0: ``width`` does
    sigma: float = 1.5  # of the heatmaps' Gaussian, grid cells
    background: str = "sum"  # background map: 1 - sum (the paper) or 1 - max (OpenPose)
    batch_size: int = 13  # images
    mask_loss_weight: float = 0.05
    heatmap_loss_weight: float = 1.0
    sub_stage_lr_mult: float = 4.0
    warmup: int = 0  # iterations over which the trainer raises the learning rate; Caffe has no such policy
    pyramid: bool = True  # the paper's mode of prediction; False: one pass over the whole image
    refine: bool = False  # whether a refinement pass sees the hand that the first pass detects
    search: bool = False  # whether passes over overlapping tiles follow a first pass of a low score
    sure: float = 0.2  # score of the first pass from which on the tiles are left out
    sure_of_tile: float = 0.8  # score of a tile's pass from which on its hand is taken
    score_threshold: float = 0.0  # score below which there is no hand; 0: every image shows one, as in the paper
    solver: Solver = Solver()

    @property
    def pose(self) -> bool:
        """Whether the variant has the pose prediction stage."""
        return self.sub_stages > 0

    @property
    def grid_size(self) -> int:
        """m', the side of mask scores and heatmaps, grid cells."""
        return self.input_size // STRIDE

    def channels(self, full: int) -> int:
        """Return the channels of a hidden layer that has ``full`` of them at the paper's size."""
        return round(full * self.width)

    @property
    def feature_channels(self) -> int:
        """Channels of the feature F; at the paper's size it has 128."""
        return round(128 * (self.feature_width or self.width))

    @property
    def heatmap_blob(self) -> str:
        """Name of the last sub-stage's output, the network's heatmaps."""
        return f"Mconv7_stage{self.sub_stages + 1}"

    @property
    def blobs(self) -> list[str]:
        """Names of the deployed network's outputs: heatmaps, ``mask_prob``, or both."""
        return [self.heatmap_blob] * self.pose + ["mask_prob"] * self.mask


_PAPER = Variant("mask_pose")
_COMPACT = Variant(
    "compact/mask_pose",
    sub_stages=3,
    input_size=184,
    width=0.25,
    feature_width=0.5,
    sigma=1.0,
    background="max",
    batch_size=8,
    mask_loss_weight=0.5,
    sub_stage_lr_mult=1.0,
    warmup=100,
    pyramid=False,
    refine=True,
    search=True,
    score_threshold=0.24,  # docs/prediction.md says what other thresholds do
    solver=Solver(
        type="Adam",
        base_lr=1e-3,
        lr_policy="poly",
        max_iter=6_000,
        snapshot=500,
        extra={"power": 1.0, "momentum2": 0.999, "clip_gradients": 50.0},
    ),
)

_OPENPOSE = replace(
    _PAPER,
    name="openpose_hand",
    mask=False,
    heatmaps_first=True,
    sigma=7 / STRIDE,  # OpenPose's 7 input pixels
    background="max",
    pyramid=False,
)

VARIANTS = {
    variant.name: variant
    for base in (_PAPER, _COMPACT)
    for variant in (
        base,
        replace(base, name=base.name.replace("mask_pose", "no_mask"), mask=False),
        replace(base, name=base.name.replace("mask_pose", "no_pose"), sub_stages=0),
        replace(base, name=f"{base.name}_x2", mask_again_after=base.sub_stages // 2 + 1),
    )
} | {_OPENPOSE.name: _OPENPOSE}


# what a variant's name may change: {field: (its type, whether a value is allowed, what is expected)}
CHANGEABLE: dict[str, tuple[Callable[[str], Any], Callable[[Any], bool], str]] = {
    "sub_stages": (int, lambda value: value >= 0, "0 or more"),
    "input_size": (int, lambda value: value in range(32, 2049, STRIDE), f"a multiple of {STRIDE}, 32 to 2048"),
    "width": (float, lambda value: 1 / 32 <= value <= 4, "from 1/32 to 4"),
    "feature_width": (float, lambda value: value == 0 or 1 / 32 <= value <= 4, "from 1/32 to 4, or 0 for the width's"),
    "sigma": (float, lambda value: 0 < value < math.inf, "a positive number of cells"),
    "background": (str, lambda value: value in ("sum", "max"), "sum or max"),
    "batch_size": (int, lambda value: value > 0, "1 or more"),
    "mask_loss_weight": (float, lambda value: 0 <= value < math.inf, "0 or more"),
}


TRAINING = ("sigma", "background", "batch_size", "mask_loss_weight")  # of CHANGEABLE: these leave the network as it is


def get_variant(name: str) -> Variant:
    """Return the variant of a name, which may end in changes: ``compact/mask_pose+sub_stages=3+width=0.5``.

    The same changes give the same variant under the same name, in whatever order and notation they are written.

    Raises:
        InputError: the variant or a change is unknown, or the changed network cannot be. The message names the ones
            that are known.
    """
    base, *changes = str(name).split("+")
    if base not in VARIANTS:
        raise InputError(f"unknown variant {base!r}: expected one of {', '.join(VARIANTS)}")
    pairs = [_parse_change(name, change) for change in changes]
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InputError(f"variant {name} changes something twice")
    usual = VARIANTS[base]
    values = {key: values[key] for key in CHANGEABLE if key in values and values[key] != getattr(usual, key)}
    if not values:
        return usual
    own_name = "+".join([base, *(f"{key}={_value_text(value)}" for key, value in values.items())])
    variant = replace(usual, name=own_name, **values)
    if not variant.mask and not variant.pose:
        raise InputError(f"variant {name} has neither a mask stage nor a pose stage")
    if variant.mask_again_after and variant.sub_stages <= variant.mask_again_after:
        raise InputError(f"variant {name}: sub_stages must be above {variant.mask_again_after}, for its second mask")
    return variant


def same_network(name: str, other: str) -> bool:
    """Return whether two variants differ in training at most, so that the weights of each fit the other."""
    try:
        first, second = get_variant(name), get_variant(other)
    except InputError:
        return name == other
    training = {key: getattr(first, key) for key in TRAINING}
    return replace(first, name="") == replace(second, name="", **training)


def _parse_change(name, text):
    """(field, value) of "field=value"; ``name`` is the variant's, for messages."""
    key, _, value = text.partition("=")
    if key not in CHANGEABLE:
        raise InputError(f"variant {name}: {key!r} is none of {', '.join(CHANGEABLE)}")
    kind, is_allowed, expected = CHANGEABLE[key]
    try:
        value = kind(value)
    except ValueError:
        value = None
    if value is None or not is_allowed(value):
        raise InputError(f"variant {name}: {key} must be {expected}")
    return key, value


def _value_text(value):
    """Text that reads back as the value. It writes 1e+20 as 1e20: a change would begin at the +."""
    return str(value).replace("e+", "e")
