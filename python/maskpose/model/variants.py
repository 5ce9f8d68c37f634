"""The variants of the cascade: what each is, and every number its prototxt files are written from.

The three of the paper's size are the proposed network and its two ablations (section 4.2); the
``compact`` three are the same cascade, narrower and on a smaller input, for processors without a GPU.
``mask_pose_x2`` is what section 4.3 proposes, mask, pose, mask again with the pose's help, pose, in two layers more.
``openpose_hand`` is the network that the paper modifies and compares with (its [9]), as OpenPose gives it out.
"""

import math
from dataclasses import dataclass, field, replace

from maskpose.errors import InputError

KEYPOINTS = 21  # K in the paper (section 3)
DEFAULT_VARIANT = "compact/mask_pose"  # what tools run unless told otherwise: it has weights, and runs on a CPU
IGNORE_LABEL = 255  # mask label of a sample that has no mask
STRIDE = 8  # three poolings: m' = m / 8 (section 3.2)


@dataclass(frozen=True)
class Solver:
    """Caffe's solver settings; field names are those of SolverParameter. Defaults: section 3.3."""

    type: str = "SGD"
    base_lr: float = 5e-5
    momentum: float = 0.9
    lr_policy: str = "step"
    gamma: float = 0.3
    stepsize: int = 50_000
    max_iter: int = 200_000
    weight_decay: float = 5e-4  # the paper is silent: the family's habit
    snapshot: int = 5_000
    # any further SolverParameter fields; without the clipping the untrained paper-size network diverges
    extra: dict = field(default_factory=lambda: {"clip_gradients": 200.0})


@dataclass(frozen=True)
class Variant:
    """One network and how it is trained. ``docs/fidelity.md`` says where each number comes from."""

    name: str
    mask: bool = True  # has the mask prediction stage's last two layers and their loss
    heatmaps_first: bool = False  # has a stage of heatmaps in that place, as [9]
    sub_stages: int = 5  # T, section 3.2; 0: no pose prediction stage
    mask_again_after: int = 0  # sub-stages, after which the mask is estimated anew, from F and the heatmaps; 0: never
    input_size: int = 368  # m, pixels
    width: float = 1.0  # multiplies every hidden layer's channels
    feature_width: float = 0.0  # multiplies the channels of the feature F instead; 0: as ``width``
    sigma: float = 1.5  # of the Gaussian, in cells of the stride-8 grid
    background: str = "sum"  # background map: 1 - sum (the paper) or 1 - max (OpenPose)
    batch_size: int = 13
    mask_loss_weight: float = 0.05
    heatmap_loss_weight: float = 1.0
    sub_stage_lr_mult: float = 4.0
    warmup: int = 0  # iterations over which tools/train.py lets the learning rate rise; Caffe has no such policy
    pyramid: bool = True  # the paper's test time; False: one pass over the whole photograph
    refine: bool = False  # a second look at the hand that the first found
    search: bool = False  # where the first look is not sure of a hand, a look at each of overlapping tiles
    sure: float = 0.2  # score from which on the first look is
    sure_of_tile: float = 0.8  # score from which on a tile's look is followed
    score_threshold: float = 0.0  # score below which there is no hand; 0: every image shows one, as in the paper
    solver: Solver = Solver()

    @property
    def pose(self):
        """Whether the variant has the pose prediction stage."""
        return self.sub_stages > 0

    @property
    def grid_size(self):
        """m', the side of mask scores and heatmaps in cells."""
        return self.input_size // STRIDE

    def channels(self, full):
        """Channels of a hidden layer which has ``full`` of them at the paper's size."""
        return round(full * self.width)

    @property
    def feature_channels(self):
        """Channels of the feature F, of which there are 128 at the paper's size."""
        return round(128 * (self.feature_width or self.width))

    @property
    def heatmap_blob(self):
        """Name of the last sub-stage's output, the network's heatmaps."""
        return f"Mconv7_stage{self.sub_stages + 1}"

    @property
    def blobs(self):
        """Names of what the deployed network gives: heatmaps, ``mask_prob``, or both."""
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
    score_threshold=0.26,  # docs/prediction.md says what lies beyond it
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


CHANGEABLE = {  # what a name may change: how it is read from text, what it must be
    "sub_stages": (int, lambda value: value >= 0, "0 or more"),
    "input_size": (int, lambda value: value in range(32, 2049, STRIDE), f"a multiple of {STRIDE}, 32 to 2048"),
    "width": (float, lambda value: 1 / 32 <= value <= 4, "from 1/32 to 4"),
    "feature_width": (float, lambda value: value == 0 or 1 / 32 <= value <= 4, "from 1/32 to 4, or 0 for the width's"),
    "sigma": (float, lambda value: 0 < value < math.inf, "a positive number of cells"),
    "background": (str, lambda value: value in ("sum", "max"), "sum or max"),
    "batch_size": (int, lambda value: value > 0, "1 or more"),
    "mask_loss_weight": (float, lambda value: 0 <= value < math.inf, "0 or more"),
}


TRAINING = ("sigma", "background", "batch_size", "mask_loss_weight")  # of CHANGEABLE: no part of the network itself


def get_variant(name):
    """The variant called ``name``, which may end in changes: ``compact/mask_pose+sub_stages=3+width=0.5``.

    However changes are written and ordered, the same ones give the same variant, of one name. Raises InputError, with
    those there are, for an unknown variant or change, and for what cannot be.
    """
    base, *changes = str(name).split("+")
    if base not in VARIANTS:
        raise InputError(f"unknown variant {base!r}: expected one of {', '.join(VARIANTS)}")
    pairs = [_change(name, change) for change in changes]
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InputError(f"variant {name} changes something twice")
    usual = VARIANTS[base]
    values = {key: values[key] for key in CHANGEABLE if key in values and values[key] != getattr(usual, key)}
    if not values:
        return usual
    own_name = "+".join([base, *(f"{key}={_text(value)}" for key, value in values.items())])
    variant = replace(usual, name=own_name, **values)
    if not variant.mask and not variant.pose:
        raise InputError(f"variant {name} has neither a mask stage nor a pose stage")
    if variant.mask_again_after and variant.sub_stages <= variant.mask_again_after:
        raise InputError(f"variant {name}: sub_stages must be above {variant.mask_again_after}, for its second mask")
    return variant


def same_network(name, other):
    """Whether the variants of these names differ in training at most, so that each one's weights fit the other."""
    try:
        first, second = get_variant(name), get_variant(other)
    except InputError:
        return name == other
    training = {"name": "", **{key: getattr(first, key) for key in TRAINING}}
    return replace(first, name="") == replace(second, **training)


def _change(name, text):
    """(field, value) of "field=value"."""
    key, _, value = text.partition("=")
    if key not in CHANGEABLE:
        raise InputError(f"variant {name}: {key!r} is none of {', '.join(CHANGEABLE)}")
    kind, passes, expected = CHANGEABLE[key]
    try:
        value = kind(value)
    except ValueError:
        value = None
    if value is None or not passes(value):
        raise InputError(f"variant {name}: {key} must be {expected}")
    return key, value


def _text(value):
    """That reads back as the value, without the + of 1e+20, where a change would begin."""
    return str(value).replace("e+", "e")
