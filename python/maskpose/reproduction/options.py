"""What is to be reproduced, and from what."""

from dataclasses import dataclass
from pathlib import Path

from maskpose.errors import InputError
from maskpose.io.paths import split_label

SCALES = {"paper": "", "compact": "compact/"}  # {scale: what precedes a network's name}
MODES = ("pyramid", "single", "refined")  # of prediction


@dataclass(frozen=True)
class Options:
    """What is to be reproduced, and from what."""

    data: Path  # in OneHand10K's layout, or a folder of train.lmdb and test.lmdb
    out: Path  # folder for all that is made
    scale: str = "compact"  # one of SCALES
    iterations: int | None = None  # of each training; None: the solver's max_iter
    seeds: int = 1  # trainings of each network
    gpus: tuple[int, ...] = ()  # all of them train, the first one predicts
    mix: tuple[str, ...] = ()  # "LMDB=SHARE", as `maskpose train --mix` takes them
    training: tuple[str, ...] = ()  # further arguments of `maskpose train`
    ea: Path | None = None  # list of EA's images, one name per line
    cmu: Path | None = None  # folder that holds hand_labels and hand_labels_synth
    predictions: tuple[str, ...] = ()  # "[NAME=]FILE", as `maskpose evaluate --predictions` takes them
    openpose: Path | None = None  # OpenPose's hand weights: the paper's [9]
    x2: bool = False  # whether to train section 4.3's proposal, too
    modes: tuple[str, ...] | None = None  # of prediction, of MODES; tables show the first; None: the scale's own

    @property
    def mixed(self) -> tuple[Path, ...]:
        """The databases of ``mix``."""
        return tuple(Path(mix.rpartition("=")[0]) for mix in self.mix)

    @property
    def initial_weights(self) -> tuple[Path, ...]:
        """The file of weights that ``training`` names, by --weights FILE or --weights=FILE; () if it names none."""
        words = [word for argument in self.training for word in argument.split("=", 1)]
        return (Path(words[words.index("--weights") + 1]),) if "--weights" in words[:-1] else ()

    @property
    def prediction_paths(self) -> tuple[Path, ...]:
        """The files and folders of ``predictions``."""
        return tuple(split_label(argument)[1] for argument in self.predictions)


def refuse_missing(options: Options) -> None:
    """Raise InputError if a path of the options does not exist: now, not after days of training."""
    if wrong := [mix for mix in options.mix if not all(mix.rpartition("=")[::2])]:
        raise InputError(f"mix: expected LMDB=SHARE, not {wrong[0]!r}")
    others = (*options.mixed, *options.prediction_paths, *options.initial_weights)
    paths = (options.ea, options.cmu, options.openpose, *others)
    if missing := [path for path in paths if path and not Path(path).exists()]:
        raise InputError(f"{missing[0]} is missing")
