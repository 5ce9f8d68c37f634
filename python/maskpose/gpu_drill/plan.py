"""The steps of the drill, in their order."""

from dataclasses import dataclass, field, replace
from typing import Any

from maskpose.model.variants import DEFAULT_VARIANT

FULL = "mask_pose"
ITERATIONS = 20  # of which losses are compared
PAPER_BATCH = 13
BATCHES = (13, 32, 64, 128)
ENGINES = {"caffe": "without cuDNN", "default": "with cuDNN"}  # Caffe's own layers; what the build prefers
NO_TF32 = {"NVIDIA_TF32_OVERRIDE": "0"}  # NVIDIA's libraries then compute in full single precision
SMALL = {"batch_size": 2, "input_size": 64}  # settings of the data layer in a rehearsal


@dataclass(frozen=True)
class Step:
    """One thing that a process of its own tries."""

    name: str  # unique, as "layers caffe"
    function: str  # of maskpose.gpu_drill.steps
    limit: float  # seconds
    settings: dict[str, Any] = field(default_factory=dict)  # arguments of the function, as JSON holds them
    environment: dict[str, str] = field(default_factory=dict)  # variables that the process has besides
    is_endless: bool = False  # it goes on until its time is up, and again when the drill is resumed


def steps(
    gpu: int | None, db: str | None = None, training: dict[str, Any] | None = None, is_small: bool = False
) -> list[Step]:
    """All steps.

    Args:
        gpu: number of the GPU; None: everything runs on the CPU, which rehearses the drill.
        db: LMDB of samples; None: drawn hands, made by a step of its own.
        training: settings of the data layer for the training at the end; None: the variant's own.
        is_small: small inputs and few iterations, so that all of it takes seconds.
    """
    small = SMALL if is_small else {}
    iterations = 3 if is_small else ITERATIONS
    planned = [] if db else [Step("database", "database", 60, {"count": 8 if is_small else 104})]
    planned.append(Step("device", "device", 40, {"gpu": gpu}))
    planned += [
        Step(f"layers {engine}", "layers", 90, {"gpu": gpu, "variant": DEFAULT_VARIANT if is_small else FULL,
             "engine": engine, "side": 72 if is_small else 368}, NO_TF32)
        for engine in ENGINES
    ]  # fmt: skip
    for variant, limit, cpu_limit in ((DEFAULT_VARIANT, 30, 60), (FULL, 60, 90)):
        settings = {"variant": DEFAULT_VARIANT if is_small else variant, "iterations": iterations, "engine": "caffe",
                    "data": {"batch_size": PAPER_BATCH, **small}}  # fmt: skip
        planned.append(Step(f"losses {variant}", "losses", limit, {"gpu": gpu, **settings}, NO_TF32))
        planned.append(Step(f"losses {variant} on the CPU", "losses", cpu_limit, {"gpu": None, **settings}))
    for variant in (FULL, DEFAULT_VARIANT):
        for engine in ENGINES:
            for tf32, environment in (("on", {}), ("off", NO_TF32)):
                settings = {"gpu": gpu, "variant": DEFAULT_VARIANT if is_small else variant, "engine": engine,
                            "iterations": iterations, "data": {"batch_size": PAPER_BATCH, **small}}  # fmt: skip
                name = f"speed {variant} {engine} TF32 {tf32}"
                planned.append(Step(name, "speed", 30, settings, environment))
    for one_batch in (True, False):
        for batch in (2, 3) if is_small else BATCHES:
            data = {**small, "batch_size": batch}
            settings = {"gpu": gpu, "variant": DEFAULT_VARIANT, "engine": "default", "iterations": iterations,
                        "data": data, "one_batch": one_batch}  # fmt: skip
            name = f"batch {batch} {'in memory' if one_batch else 'from the database'}"
            planned.append(Step(name, "speed", 30, settings))
    settings = {"gpu": gpu, "variant": DEFAULT_VARIANT, "data": {**small, **(training or {})}}
    planned.append(Step("training", "training", 86400, settings, is_endless=True))
    return planned


def within(step: Step, seconds: float) -> Step:
    """The step with no more time than that."""
    return replace(step, limit=min(step.limit, seconds))
